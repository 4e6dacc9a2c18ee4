package expr

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestOnlyWhatIsCheapByItsTextIsNotWatched(t *testing.T) {
	for name, test := range map[string]struct {
		expression string
		watched    bool
	}{
		"a comparison":                   {"metrics.support.open_p1 > 0", false},
		"a typical rule":                 {"metrics.support.open_p1 > 0 && account.spec.contract.arr * 2 / 100 > 50 && score < 90", false},
		"a category":                     {"metrics.crm.stage == 'Won'", false},
		"days":                           {"daysUntil(account.spec.contract.renewalDate) < 90", false},
		"a loop over a short list":       {"[1, 2, 3].exists(n, n > 2)", false},
		"a loop over the team":           {"account.spec.team.exists(t, t.role == 'AccountExecutive')", true},
		"a loop over a long list":        {"[" + strings.Repeat("1,", 200) + "1].all(n, n > 0)", true},
		"texts put together":             {"metrics.crm.stage + metrics.crm.stage == 'WonWon'", true},
		"a search in a text":             {"metrics.crm.stage.contains('Won')", true},
		"a regular expression on a text": {"metrics.crm.stage.matches('^W.*n$')", true},
		"a text that is cut":             {"metrics.crm.stage.split('o').size() > 1", true},
		"a text in a list from a text":   {"'Won' in metrics.crm.stage.split(',')", true},
	} {
		t.Run(name, func(t *testing.T) {
			env, err := environmentOf(ContextRule)
			if err != nil {
				t.Fatal(err)
			}
			checked, _, err := check(env, test.expression, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(env.programOptions(checked)) > 1; got != test.watched {
				t.Errorf("watched: %v, want %v", got, test.watched)
			}
		})
	}
}

func TestLongValuesDoNotMakeAnEvaluationLong(t *testing.T) {
	long := value.Category(strings.Repeat("a", 60_000))
	vars := &Vars{Metrics: map[v1alpha1.MetricReference]value.Value{{Source: "crm", Metric: "stage"}: long}}
	compare := "metrics.crm.stage == metrics.crm.stage"
	for name, e := range map[string]string{
		"many in a loop": "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, " + compare + "))",
		"a search":       "[1,2,3,4,5,6,7,8,9,10].all(a, !metrics.crm.stage.contains('b'))",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(ContextRule, v1alpha1.Expression(e))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.EvalBool(vars); !matches(err, "takes too long") {
				t.Errorf("error is %v, want that it takes too long", err)
			}
		})
	}
}
