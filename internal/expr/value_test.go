package expr

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestAnExpressionGivesAValue(t *testing.T) {
	for name, c := range map[string]struct {
		expression v1alpha1.Expression
		kind       v1alpha1.MetricType
		want       string
		wantErr    string
	}{
		"a metric":                             {"metrics.support.open_p1", "", "2", ""},
		"a quotient":                           {"metrics['product-usage'].dau_mau / 3", "", "0.06", ""},
		"a third, rounded":                     {"1 / metrics.support.open_p1 / 1.5", "Number", "0.333333", ""},
		"two thirds, rounded away from zero":   {"-4.0 / 6", "Number", "-0.666667", ""},
		"a whole number":                       {"size(account.spec.team)", "Number", "1", ""},
		"a choice between whole and other":     {"account.name == 'acme' ? 1 : 0.5", "Number", "1", ""},
		"a word":                               {"account.name == 'acme' ? 'Good' : 'Bad'", "Category", "Good", ""},
		"true is a word":                       {"metrics.support.open_p1 > 1", "Category", "true", ""},
		"false is a word":                      {"metrics.support.open_p1 > 2", "Category", "false", ""},
		"a day":                                {"today", "Time", "2026-11-01", ""},
		"a metric with a default":              {"metrics.support.?open_p2.orValue(7)", "", "7", ""},
		"an optional metric that has a value":  {"metrics.support.?open_p1", "", "2", ""},
		"an optional metric that has none":     {"metrics.support.?open_p2", "", "", "there is no result"},
		"null is no value":                     {"has(metrics.support.open_p2) ? metrics.support.open_p2 : null", "", "", "there is no result"},
		"an empty text is no value":            {"''", "Category", "", "there is no result"},
		"a metric without a value":             {"metrics.support.open_p2 * 2", "", "", "metrics.support.open_p2 has no value"},
		"a division by zero":                   {"metrics.support.open_p1 / 0", "", "", "division by zero"},
		"a number that is too large":           {"1000000.0 * 1000000.0", "Number", "", "more than twelve digits"},
		"a large number that is not too large": {"1000000.0 * 999999.0", "Number", "999999000000", ""},
		"a text that is too long":              {"'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' + 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", "Category", "", "more than 128"},
		"a list is no value":                   {"dyn([1])", "", "", "not a number, text or time"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileValue(ContextMeasure, c.expression)
			if err != nil {
				t.Fatal(err)
			}
			if p.Type() != c.kind {
				t.Errorf("the type is %q, want %q", p.Type(), c.kind)
			}
			got, err := p.Eval(sample(t))
			if !matches(err, c.wantErr) {
				t.Fatalf("error is %v, want %q", err, c.wantErr)
			}
			if got.String() != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAScaleGivesANumber(t *testing.T) {
	for name, c := range map[string]struct {
		expression v1alpha1.Expression
		value      value.Value
		want       float64
		wantErr    string
	}{
		"of a number":                {"value * 2 + 1", value.Number(1_500_000), 4, ""},
		"of a word":                  {"value == 'Good' ? 90 : 10", value.Category("Good"), 90, ""},
		"of the account":             {"100 * value / account.spec.contract.seats", value.Number(50_000_000), 25, ""},
		"of a time":                  {"100 - daysSince(value)", mustParse(t, v1alpha1.MetricTime, "2026-10-22"), 90, ""},
		"not of a word as a number":  {"value * 2", value.Category("Good"), 0, "does not take a value of this type"},
		"not where it is a word":     {"dyn('x')", value.Number(0), 0, "the result is not a number"},
		"not where it is divided by": {"1 / value", value.Number(0), 0, "division by zero"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileNumber(ContextScale, c.expression)
			if err != nil {
				t.Fatal(err)
			}
			v := sample(t)
			v.Value = c.value
			got, err := p.Eval(v)
			if !matches(err, c.wantErr) {
				t.Fatalf("error is %v, want %q", err, c.wantErr)
			}
			if got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAnExpressionWithoutAValueIsRefused(t *testing.T) {
	for expression, want := range map[v1alpha1.Expression]string{
		"[1, 2]":              "must be a number, a text or a time, not list(int)",
		"days(3)":             "must be a number, a text or a time, not google.protobuf.Duration",
		"score > 3":           "undeclared reference to 'score'; known here: metrics, account, today",
		"health.score":        "undeclared reference to 'health'",
		"measures['x'].value": "undeclared reference to 'measures'",
		"metrics.usage":       "write metrics.<source>.<metric>",
		"account.spec.sats":   "undefined field 'sats' of account.spec; it has",
	} {
		if _, err := CompileValue(ContextMeasure, expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", expression, err, want)
		}
	}
	for expression, want := range map[v1alpha1.Expression]string{
		"value > 3":         "must be a number, not bool",
		"'Good'":            "must be a number, not a text",
		"metrics.usage.wau": "undeclared reference to 'metrics'; known here: value, account, today",
	} {
		if _, err := CompileNumber(ContextScale, expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %q", expression, err, want)
		}
	}
}

func mustParse(t *testing.T, kind v1alpha1.MetricType, text string) value.Value {
	t.Helper()
	v, err := value.Parse(kind, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
