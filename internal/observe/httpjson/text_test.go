package httpjson

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestText(t *testing.T) {
	const refused = "spec.http.body: only ${since} is filled in; for a plain ${ write $${"
	tests := map[string]struct{ source, want string }{
		"no time in it":             {"a", "a"},
		"nothing":                   {"", ""},
		"a time":                    {"${since}", "NOW"},
		"a time in the middle":      {"a=${since}&b", "a=NOW&b"},
		"the time twice":            {"${since}..${since}", "NOW..NOW"},
		"an escape":                 {"a$${since}b", "a${since}b"},
		"an escape and a time":      {"$${x}${since}$${", "${x}NOW${"},
		"a dollar before a time":    {"a$ ${since}", "a$ NOW"},
		"dollars and braces alone":  {"$x {y} $", "$x {y} $"},
		"another name":              {"${now}", refused},
		"no name":                   {"${}", refused},
		"a brace that is not close": {"${since", refused},
		"white space in the braces": {"${ since }", refused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseText("spec.http.body", test.source)
			got := parsed.fill("NOW")
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFormatsOfATime(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 30, 0, 0, time.FixedZone("", 3600)) // the day before in UTC
	for format, want := range map[v1alpha1.SinceFormat]string{
		"":                      "2026-10-31T23:30:00Z",
		v1alpha1.SinceRFC3339:   "2026-10-31T23:30:00Z",
		v1alpha1.SinceDate:      "2026-10-31",
		v1alpha1.SinceUnix:      "1793489400",
		v1alpha1.SinceUnixMilli: "1793489400000",
	} {
		if got := formatSince(at, format); got != want {
			t.Errorf("%q: got %s, want %s", format, got, want)
		}
	}
}
