package httpjson

import (
	"strings"
	"testing"
)

func TestExpressionsThatPick(t *testing.T) {
	for _, source := range []string{
		".", ".items[]", ".[] | select(.type == \"nps\" and .score != null)", ".created | todate", ".a // .b // \"none\"",
		"[.tickets[] | select(.priority == \"p1\")] | length", "if .meta.has_more then .links.next else null end",
		".org as $org | .users[] | {org: $org.id, name: (.first + \" \" + .last), at: .seen}", "\"\\(.first) \\(.last)\"",
		".rate * 100", "(.price | tonumber) * (.quantity | tonumber)", ".total / .seats | floor", "to_entries | map({id: .key} + .value) | .[]",
		"[.answers[] | .score] | add / length", ".name | ascii_downcase | gsub(\" \"; \"-\")", ".a?.b? // empty", "try .x catch null",
		"group_by(.org)[] | {org: .[0].org, count: length}", "[limit(3; .[])]", ".. | objects | select(.id)",
	} {
		if _, err := compile("spec.http.records", source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestExpressionsThatAreNotRead(t *testing.T) {
	for source, want := range map[string]string{
		"reduce range(23) as $i ([0]; . + .) as $p | null | setpath($p; 1)": "reduce is not read",
		"def f: f; f":                               "def is not read",
		"foreach .[] as $x (0; . + $x)":             "foreach is not read",
		"label $out | .":                            "label is not read",
		"[range(1e15)]":                             "range is not read",
		".[30000000] = 1":                           "= is not read",
		".a |= .b":                                  "|= is not read",
		"setpath([\"a\"]; 1)":                       "setpath is not read",
		"[.[] | {a: (.b | until(false; .))}]":       "until is not read",
		"\"\\(repeat(1))\"":                         "repeat is not read",
		"\"x\" * 500000000":                         "* of what may be a text",
		".price * .quantity":                        "* of what may be a text",
		".x * (.y | tonumber)":                      "* of what may be a text",
		strings.Repeat(".+.|", 13) + ".":            "it may repeat its input more than 4096 times",
		strings.Repeat("[.,.]|", 13) + ".":          "it may repeat its input more than 4096 times",
		strings.Repeat("{a:.,b:.}|", 13) + "tojson": "it may repeat its input more than 4096 times",
		strings.Repeat("\"\\(.)\\(.)\"|", 13) + ".": "it may repeat its input more than 4096 times",
	} {
		_, err := compile("spec.http.fields[x]", source)
		if err == nil || !strings.HasPrefix(err.Error(), "spec.http.fields[x]: "+want) {
			t.Errorf("%s: got %v, want %s", source, err, want)
		}
	}
}
