package expr_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/internal/expr"
)

func TestTheFormOfAnExpressionSaysWhatItComparesAndAsks(t *testing.T) {
	yes, no := true, false
	for source, want := range map[string]expr.Form{
		"health.band == 'AtRisk'": {Comparisons: []expr.Comparison{{Path: []string{"health", "band"}, Words: []string{"AtRisk"}}}},
		"has(outcomes.call) && outcomes['call'] in ['A', 'B']": {
			Comparisons: []expr.Comparison{{Path: []string{"outcomes", "call"}, Words: []string{"A", "B"}}},
			Asked:       [][]string{{"outcomes", "call"}},
		},
		"'call' in outcomes":                  {Asked: [][]string{{"outcomes", "call"}}},
		"outcomes.?call.orValue('') != 'A'":   {Asked: [][]string{{"outcomes", "call"}}},
		"'No' != outcomes.call":               {Comparisons: []expr.Comparison{{Path: []string{"outcomes", "call"}, Words: []string{"No"}}}},
		"metrics.a.b > 1/2 && 4/2 == 2":       {Divisions: []string{"1/2"}},
		"1.0/2 > metrics.a.b":                 {},
		"false":                               {Constant: &no},
		"!(false && metrics.a.b > 1)":         {Constant: &yes},
		"metrics.a.b > 1 || !false":           {Constant: &yes},
		"metrics.a.b > 1 || false":            {},
		"true && !false":                      {Constant: &yes},
		"metrics.a.b >":                       {},
		"outcomes.call":                       {},
		"[1].exists(x, x == 1) && a() == 'b'": {},
	} {
		t.Run(source, func(t *testing.T) {
			if diff := cmp.Diff(want, expr.FormOf(source)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestEachExpressionOfATextHasItsForm(t *testing.T) {
	got := expr.FormsIn("${1/3} of $${x} ${health.band == 'A' ? 'a' : 'b'}")
	want := []expr.Form{{Divisions: []string{"1/3"}}, {Comparisons: []expr.Comparison{{Path: []string{"health", "band"}, Words: []string{"A"}}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := expr.FormsIn("${"); got != nil {
		t.Errorf("forms %v of a text that is no text", got)
	}
}
