package expr

import (
	"strings"
	"sync"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestEvalBool(t *testing.T) {
	for name, c := range map[string]struct {
		context    Context
		expression v1alpha1.Expression
		want       bool
		wantErr    string
	}{
		"a metric compares with a whole number":                        {ContextRule, "metrics.support.open_p1 > 1", true, ""},
		"a metric equals a whole number":                               {ContextRule, "metrics.support.open_p1 == 2", true, ""},
		"a metric multiplies with a whole number":                      {ContextRule, "metrics['product-usage'].dau_mau * 100 == 18", true, ""},
		"a whole number divides by a metric":                           {ContextRule, "5 / metrics.support.open_p1 == 2.5", true, ""},
		"a metric is one of several whole numbers":                     {ContextRule, "metrics.support.open_p1 in [1, 2]", true, ""},
		"a metric has a remainder":                                     {ContextRule, "metrics.support.open_p1 % 2 == 0", true, ""},
		"a category compares with text":                                {ContextRule, "metrics.crm.stage == 'Won'", true, ""},
		"a category is no number":                                      {ContextRule, "metrics.crm.stage > 3", false, "does not take a value of this type"},
		"a metric without a value is an error":                         {ContextRule, "metrics.support.open_p2 > 1", false, "metrics.support.open_p2 has no value"},
		"an error names a source with a dash as written":               {ContextRule, "metrics['product-usage'].wau > 1", false, "metrics['product-usage'].wau has no value"},
		"a source with a dot and a bracket is a source like any other": {ContextRule, "metrics['eu.usage>'].wau == 7", true, ""},
		"has is false for a metric without a value":                    {ContextRule, "has(metrics.support.open_p2)", false, ""},
		"has is true for a metric with a value":                        {ContextRule, "has(metrics['support'].open_p1)", true, ""},
		"in is has":                                                    {ContextRule, "'open_p1' in metrics.support && !('x' in metrics.support)", true, ""},
		"what is not needed may be without a value":                    {ContextRule, "metrics.support.open_p2 > 1 || score < 50", true, ""},
		"a question mark gives the default":                            {ContextRule, "metrics.support.?open_p2.orValue(7) == 7", true, ""},
		"a question mark gives the value":                              {ContextRule, "metrics.support.?open_p1.orValue(7) == 2", true, ""},
		"a question mark at the source is one at its metric":           {ContextRule, "metrics[?'support'].open_p1.orValue(7) == 2", true, ""},
		"a leading dot changes nothing":                                {ContextRule, ".metrics.support.open_p1 == 2", true, ""},
		"mixed arithmetic works on the contract":                       {ContextRule, "account.spec.contract.arr * 2 / 100 > 50", true, ""},
		"a contract's number equals a whole number":                    {ContextRule, "200 == account.spec.contract.seats", true, ""},
		"a contract's number is one of several":                        {ContextRule, "account.spec.contract.seats in [100, 200]", true, ""},
		"a choice between a number and a whole number":                 {ContextRule, "(score > 50 ? 1 : score) == 34", true, ""},
		"a number divides by a size":                                   {ContextRule, "score / size(account.spec.team) == 34", true, ""},
		"whole numbers among themselves stay whole":                    {ContextRule, "size(account.spec.team) == 1 && 7 / 2 == 3 && score == 34", true, ""},
		"division by zero is an error":                                 {ContextRule, "score / 0 > 1", false, "division by zero"},
		"division by a metric of zero is an error":                     {ContextRule, "score / (metrics.support.open_p1 - 2) > 1", false, "division by zero"},
		"a measure has a score":                                        {ContextRule, "measures['csm-nps'].score == 34", true, ""},
		"a measure has a value":                                        {ContextRule, "measures['csm-nps'].value <= 6", true, ""},
		"a measure without a score has none":                           {ContextRule, "has(measures.unscored.score)", false, ""},
		"a measure that is not there has none":                         {ContextRule, "measures.nix.value > 3", false, "measures['nix'].value has no value"},
		"an account has a name":                                        {ContextRule, "account.name == 'acme'", true, ""},
		"a label is read":                                              {ContextRule, "account.labels.tier == 'gold'", true, ""},
		"a label that is not there is an error":                        {ContextRule, "account.labels.region == 'eu'", false, "key region has no value"},
		"a label that is not there can be asked for":                   {ContextRule, "'region' in account.labels", false, ""},
		"annotations that are not there are empty":                     {ContextRule, "size(account.annotations) == 0 && !has(account.annotations)", true, ""},
		"external ids are lists of text":                               {ContextRule, "'org_77' in account.spec.externalIDs.product", true, ""},
		"a text that is not set is an error":                           {ContextRule, "account.spec.touchModel == ''", false, "account.spec.touchModel has no value"},
		"a field that is not set can be asked for":                     {ContextRule, "has(account.spec.contract.plan)", false, ""},
		"a list that is not set is empty":                              {ContextRule, "account.spec.measurements.all(m, m.value == 'x')", true, ""},
		"a list that is not set can be asked for":                      {ContextRule, "has(account.spec.measurements)", false, ""},
		"a loop reads objects":                                         {ContextRule, "account.spec.team.exists(m, m.role == 'AccountExecutive')", true, ""},
		"an object of a list is read":                                  {ContextRule, "account.spec.team[0].user.endsWith('example.com')", true, ""},
		"an object without its type is read":                           {ContextRule, "dyn(account).spec.owner.startsWith('jo')", true, ""},
		"team finds a person by role":                                  {ContextRule, "team('AccountExecutive') == 'al@example.com'", true, ""},
		"team is empty where nobody has the role":                      {ContextRule, "team('Sponsor') == ''", true, ""},
		"health is read":                                               {ContextStep, "health.score < 60 && health.band == 'Critical'", true, ""},
		"health that is not set can be asked for":                      {ContextStep, "has(health.previousScore) || has(health.trend)", false, ""},
		"a trigger reads all but outcomes":                             {ContextTrigger, "health.score < 60 && metrics.support.open_p1 > 1 && measures['csm-nps'].score == 34 && account.spec.contract.arr > 50000 && daysUntil(account.spec.contract.renewalDate) < 100", true, ""},
		"an outcome is read":                                           {ContextStep, "outcomes.triage == 'RealDrop' && 'triage' in outcomes", true, ""},
		"an outcome that is not there is an error":                     {ContextStep, "outcomes['call-again'] == 'x'", false, "outcomes['call-again'] has no value"},
		"a row's column is read":                                       {ContextRow, "row.arr > 1000 && row['name'] != ''", true, ""},
		"a row's column without a value is an error":                   {ContextRow, "row.seats > 1", false, "row['seats'] has no value"},
		"a conversion that fails does not repeat the value":            {ContextRule, "double(metrics.crm.stage) > 3", false, "not what the expression needs"},
		"a key that is a value is not repeated":                        {ContextRule, "{'a': 1}[metrics.crm.stage] > 3", false, "a key that is read has no value"},
		"strings have CEL's functions":                                 {ContextRule, "account.name.upperAscii().replace('AC', 'B') == 'BME'", true, ""},
		"lists have Kubernetes' functions":                             {ContextRule, "[1, 2].sum() == 3", true, ""},
		"texts have Kubernetes' functions":                             {ContextRule, "account.spec.owner.find('[a-z]+') == 'jo'", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(c.context, c.expression)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.EvalBool(sample(t))
			if !matches(err, c.wantErr) {
				t.Fatalf("error is %v, want %q", err, c.wantErr)
			}
			if got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "Won") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}

// matches reports whether an error contains a text; without a text, whether there is none.
func matches(err error, text string) bool {
	if text == "" || err == nil {
		return text == "" && err == nil
	}
	return strings.Contains(err.Error(), text)
}

func TestEvalBoolWithNothing(t *testing.T) {
	for name, e := range map[string]v1alpha1.Expression{
		"no account": "has(account.spec) || team('X') != ''",
		"no health":  "has(health.coverage)",
		"no metrics": "has(metrics.a.b) || has(measures.a.value) || has(outcomes.a)",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(ContextStep, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []*Vars{nil, {}} {
				if got, err := p.EvalBool(v); got || err != nil {
					t.Errorf("got %v, %v; want false", got, err)
				}
			}
		})
	}
}

func TestProgramsAreSafeForConcurrentUse(t *testing.T) {
	p, err := CompileBool(ContextRule, "metrics.support.open_p1 > 0 && account.spec.team.exists(m, m.role == team('x') || daysSince(today) == 0)")
	if err != nil {
		t.Fatal(err)
	}
	v := sample(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got, err := p.EvalBool(v); !got || err != nil {
					t.Errorf("got %v, %v; want true", got, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestEvaluationIsBounded(t *testing.T) {
	letters := strings.Repeat("a", 100)
	twenty := "[" + strings.Repeat("1,", 19) + "1]"
	for name, c := range map[string]struct {
		expression string
		wantErr    string
	}{
		"loops in loops":       {twenty + ".all(a, " + twenty + ".all(b, " + twenty + ".all(c, a + b + c > 0)))", "takes too long"},
		"a replace that grows": {"'" + letters + "'.replace('a', '" + letters + "').replace('a', '" + letters + "') == ''", "more than 64 KiB"},
		"a text that grows":    {"['" + letters + "'.replace('a', '" + letters + "')].map(a, a+a+a+a+a+a+a).size() == 1", "more than 64 KiB"},
		"a text cut to pieces": {"'" + letters + "'.replace('a', '" + letters + "').split('').map(a, a + a).size() == 1", "more than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(ContextRule, v1alpha1.Expression(c.expression))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.EvalBool(sample(t)); !matches(err, c.wantErr) {
				t.Errorf("error is %v, want %q", err, c.wantErr)
			}
		})
	}
}
