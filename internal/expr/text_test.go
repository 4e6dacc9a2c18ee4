package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		want     string
		wantErrs []string
	}{
		"text without expressions":             {"Call them", "Call them", nil},
		"nothing":                              {"", "", nil},
		"a title":                              {"Call ${account.spec.displayName}: ${health.band} at ${health.score}", "Call Acme Corp: Critical at 34", nil},
		"an expression alone":                  {"${team('AccountExecutive')}", "al@example.com", nil},
		"a fraction":                           {"${metrics['product-usage'].dau_mau}", "0.18", nil},
		"a sum of fractions has no dust":       {"${0.1 + 0.2}", "0.3", nil},
		"at most six digits after the point":   {"${account.spec.contract.arr / 7}", "17142.857143", nil},
		"a large number":                       {"${account.spec.contract.arr * 1000000}", "120000000000", nil},
		"no negative zero":                     {"${-0.0000001}", "0", nil},
		"a number for people":                  {"${format(account.spec.contract.arr)}", "120,000", nil},
		"a negative number for people":         {"${format(-1234567.891)}", "-1,234,567.89", nil},
		"a small number for people":            {"${format(999)} ${format(metrics['product-usage'].dau_mau)}", "999 0.18", nil},
		"a time for people":                    {"${format(metrics.usage.last_error)}", "2026-10-31", nil},
		"a text for people":                    {"${format(health.band)}", "Critical", nil},
		"CEL's own format":                     {"${'%.1f of %s'.format([health.score, account.name])}", "34.0 of acme", nil},
		"a day":                                {"${metrics.usage.last_login} ${today} ${today + days(200)}", "2026-10-20 2026-11-01 2027-05-20", nil},
		"a moment":                             {"${metrics.usage.last_error}", "2026-10-31T23:30:00Z", nil},
		"a duration":                           {"${period('36h')} ${days(-1)}", "1d12h -1d", nil},
		"a truth":                              {"${health.score > 30}", "true", nil},
		"a list":                               {"${account.spec.externalIDs.product}", "org_42, org_77", nil},
		"a present option":                     {"${metrics.support.?open_p1}", "2", nil},
		"a missing value":                      {"${account.spec.contract.plan} has ${metrics.support.open_p1}", "<no value> has 2", []string{"${account.spec.contract.plan}: account.spec.contract.plan has no value"}},
		"two failures are two errors":          {"${outcomes.call}, ${1 / 0}", "<no value>, <no value>", []string{"${outcomes.call}: outcomes['call'] has no value", "${1 / 0}: division by zero"}},
		"a missing option":                     {"${metrics.support.?nix}", "<no value>", []string{"${metrics.support.?nix}: a key that is read has no value"}},
		"a number without end":                 {"${double('Infinity')}", "<no value>", []string{"${double('Infinity')}: not a finite number"}},
		"a literal brace":                      {"$${x} costs $5", "${x} costs $5", nil},
		"braces and quotes in an expression":   {"a${ {'}': \"}\\\"\"}['}'] }b", "a}\"b", nil},
		"long expressions are cut in messages": {"${outcomes.call == '" + strings.Repeat("x", 60) + "'}", "<no value>", []string{"${outcomes.call == '" + strings.Repeat("x", 39) + "...}: outcomes['call'] has no value"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := CompileText(ContextStep, c.text)
			if err != nil {
				t.Fatal(err)
			}
			got, errs := text.Render(sample(t))
			var messages []string
			for _, err := range errs {
				messages = append(messages, err.Error())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.wantErrs, messages); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValue(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		want    any
		wantErr string
	}{
		"a text":                              {"${row.name}", "Müller & Söhne", ""},
		"a name":                              {"${slug(row.name)}", "muller-sohne", ""},
		"a whole number":                      {"${row.arr}", int64(120000), ""},
		"a whole number of CEL":               {"${size(row.name)}", int64(14), ""},
		"a number that is whole but for dust": {"${0.1 * 30}", int64(3), ""},
		"a fraction":                          {"${row.share}", 0.25, ""},
		"a number beyond exact integers":      {"${1e20}", 1e20, ""},
		"a truth":                             {"${row.arr > 5}", true, ""},
		"a list":                              {"${[row.name, row.arr]}", []any{"Müller & Söhne", int64(120000)}, ""},
		"an empty list":                       {"${[]}", []any{}, ""},
		"a map":                               {"${{'crm': [row.name]}}", map[string]any{"crm": []any{"Müller & Söhne"}}, ""},
		"nothing":                             {"${null}", nil, ""},
		"a missing option is nothing":         {"${row.?seats}", nil, ""},
		"a present option":                    {"${row.?arr}", int64(120000), ""},
		"a choice of nothing":                 {"${has(row.seats) ? row.seats : null}", nil, ""},
		"a day":                               {"${row.since}", "2024-02-29", ""},
		"an anniversary":                      {"${nextAnniversary(row.since)}", "2027-02-28", ""},
		"mixed text is a text":                {"${row.arr} EUR", "120000 EUR", ""},
		"a number with space around is text":  {" ${row.arr}", " 120000", ""},
		"text without expressions":            {"HighTouch", "HighTouch", ""},
		"an escape":                           {"$${row.arr}", "${row.arr}", ""},
		"nothing written":                     {"", "", ""},
		"a missing value":                     {"${row.seats}", nil, "${row.seats}: row['seats'] has no value"},
		"a missing value in mixed text":       {"${row.seats} seats", nil, "${row.seats}: row['seats'] has no value"},
		"a number without end":                {"${[double('NaN')]}", nil, "${[double('NaN')]}: not a finite number"},
		"a map with numbers for keys":         {"${{1: 2}}", nil, "${{1: 2}}: a value that cannot be written as text"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := CompileText(ContextRow, c.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := text.Value(sample(t))
			if !matches(err, c.wantErr) {
				t.Fatalf("error is %v, want %q", err, c.wantErr)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompileTextErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"the expression is named":        {"at ${health.scor}", "${health.scor}: column 7: undefined field 'scor' of health; it has band, coverage, lastBand, model, previousBand, previousScore, score, trend"},
		"an object":                      {"${account.spec}", "${account.spec}: a value that cannot be written as text: name one of its fields"},
		"a list of objects":              {"${account.spec.team}", "${account.spec.team}: a value that cannot be written as text: name one of its fields"},
		"a map among text":               {"labels ${account.labels}", "${account.labels}: a value that cannot be written as text: name one of its fields"},
		"an expression without end":      {"a ${health.score", "${health.score: } is missing"},
		"an expression without a word":   {"a ${ }", "${}: an expression is missing"},
		"an expression of several lines": {"a ${\n  health.score +\n  scor\n}", "${health.score + scor}: line 3, column 3: undeclared reference to 'scor'; known here: metrics, measures, health, account, outcomes, today"},
		"a quote without end":            {"a ${'b}", "${'b}: a quote is not closed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CompileText(ContextStep, c.text)
			if err == nil || err.Error() != c.want {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestTextReadsWhatItsExpressionsRead(t *testing.T) {
	text, err := CompileText(ContextStep, "${outcomes.b} ${outcomes.a} ${health.band} ${outcomes.b}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Reads{Outcomes: []string{"a", "b"}, Health: true}, text.Reads()); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
}
