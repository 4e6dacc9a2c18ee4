package expr

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// compileIn compiles an expression as the place takes it.
func compileIn(c Context, e v1alpha1.Expression) error {
	var err error
	switch c {
	case ContextMeasure:
		_, err = CompileValue(c, e)
	case ContextScale:
		_, err = CompileNumber(c, e)
	case ContextRow:
		_, err = CompileText(c, "${"+string(e)+"}")
	default:
		_, err = CompileBool(c, e)
	}
	return err
}

func TestWhatNoTypeMakesRight(t *testing.T) {
	for name, c := range map[string]struct {
		context    Context
		expression v1alpha1.Expression
		want       string
	}{
		"a metric compared with true":                  {ContextRule, "metrics.a.b == true", "column 13: found no matching overload for '==' applied to '(double, bool)': metrics.a.b is a number, a text or a time, and none of them goes with all of the expression"},
		"not true":                                     {ContextTrigger, "metrics.a.b != true", "'!='"},
		"below true":                                   {ContextTrigger, "metrics.a.b < true", "'<'"},
		"at most a list":                               {ContextTrigger, "metrics.a.b <= [1]", "'<='"},
		"above a duration":                             {ContextTrigger, "metrics.a.b > days(3)", "'>'"},
		"at least a duration":                          {ContextStep, "metrics.a.b >= days(3)", "'>='"},
		"a metric among truths":                        {ContextRule, "metrics.a.b in [true]", "'@in'"},
		"a metric that is to hold something":           {ContextRule, "'x' in metrics.a.b", "'@in'"},
		"a number here and a text there":               {ContextRule, "metrics.a.b > 3 && metrics.a.b > 'many'", "column 32: found no matching overload for '>' applied to '(double, string)'"},
		"a number here and a text in a loop":           {ContextRule, "metrics.a.b > 3 && [metrics.a.b].exists(x, x < 'many')", "'<'"},
		"a sum with true":                              {ContextRule, "metrics.a.b + true > 1", "'+'"},
		"a sum with a number and with a text":          {ContextRule, "metrics.a.b + 1 > 1 && metrics.a.b + 'x' == 'x'", "'+'"},
		"a difference with a text":                     {ContextRule, "metrics.a.b - 'x' > 1", "'-'"},
		"a product with a text":                        {ContextRule, "metrics.a.b * 'x' > 1", "'*'"},
		"a quotient by a text":                         {ContextRule, "metrics.a.b / 'x' > 1", "'/'"},
		"a rest by a text":                             {ContextRule, "metrics.a.b % 'x' > 1", "'%'"},
		"a negative text":                              {ContextRule, "-metrics.a.b == 'x'", "'=='"},
		"a metric that is to be true":                  {ContextRule, "metrics.a.b && score > 3", "expected type 'bool' but found 'double'"},
		"a metric that is to be true or not":           {ContextRule, "score > 3 || metrics.a.b", "expected type 'bool' but found 'double'"},
		"a metric that is to be false":                 {ContextRule, "!metrics.a.b", "'!'"},
		"a metric that decides":                        {ContextRule, "metrics.a.b ? true : false", "'?_:"},
		"a metric with a field":                        {ContextRule, "metrics.a.b.c > 3", "does not support field selection"},
		"a metric that is a list":                      {ContextRule, "metrics.a.b.exists(x, x > 3)", "cannot be range of a comprehension"},
		"the second of two metrics":                    {ContextRule, "metrics.a.b == 'x' && metrics.a.c == true", "metrics.a.c is a number"},
		"the value of a measure":                       {ContextRule, "measures['m-1'].value == true", "measures.m-1.value is a number"},
		"the value of a scale":                         {ContextScale, "value > true ? 1.0 : 2.0", "value is a number"},
		"a metric of a measure":                        {ContextMeasure, "metrics.a.b * 'x'", "'*'"},
		"a column of a row":                            {ContextRow, "row.a == true", "row.a is a number"},
		"a metric in a step":                           {ContextStep, "metrics.a.b == true", "'=='"},
		"a metric beside what is wrong only for a few": {ContextRule, "(has(metrics.a.b) ? metrics.a.b : 'x') == 1 && metrics.a.b == true", "'=='"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compileIn(c.context, c.expression)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, not %s", err, c.want)
			}
		})
	}
}

func TestWhatSomeTypeMakesRight(t *testing.T) {
	for name, c := range map[string]struct {
		context    Context
		expression v1alpha1.Expression
	}{
		"a category above a word":                {ContextRule, "metrics.a.b > 'many'"},
		"a time before today":                    {ContextRule, "metrics.a.b < today"},
		"a time and a duration":                  {ContextRule, "today - metrics.a.b > days(30) && metrics.a.b + days(3) < today"},
		"two metrics of different types":         {ContextRule, "metrics.a.b > 3 && metrics.a.c == 'x' && metrics.a.d < today"},
		"a number and a sum of whole numbers":    {ContextRule, "metrics.a.b == 1 + 1 && metrics.a.b == 0.5 + 1.5"},
		"a number and a size":                    {ContextRule, "metrics.a.b != size(account.name)"},
		"a number among whole ones":              {ContextRule, "metrics.a.b in [1, 2] || metrics.a.b in [size(account.name)] || metrics.a.b in {size(account.name): 'x'}"},
		"a number of which there is an element":  {ContextRule, "['a', 'b'][metrics.a.b] == 'a'"},
		"a choice between a number and a text":   {ContextTrigger, "string(has(metrics.a.b) ? metrics.a.b : 'none') == 'none' && metrics.a.b < 3"},
		"what is there instead of a number":      {ContextTrigger, "metrics.a.?b.orValue('none') == 'none' && metrics.a.b < 3"},
		"that a metric is there":                 {ContextTrigger, "has(metrics.a.b) && 'c' in metrics.a"},
		"what may be of two types by one's word": {ContextTrigger, "dyn(metrics.a.b) == 'x' || metrics.a.b > 3"},
		"a list and a list of a number":          {ContextTrigger, "(['x'] + [metrics.a.b]).size() == 2 && ([1] + [metrics.a.b]).size() == 2 && metrics.a.b > 3"},
		"a list of a number and a text":          {ContextTrigger, "[metrics.a.b, 'x'].size() == 2 && metrics.a.b > 3"},
		"a loop that hides the value":            {ContextScale, "value > 3 && ['a'].exists(value, value == 'a') ? 1 : 2"},
		"the value of a measure and its score":   {ContextRule, "measures.m.value == 'x' && measures.m.score > 3"},
		"a number with functions of numbers":     {ContextRule, "math.greatest(metrics.a.b, 1) > 3 && math.abs(metrics.a.b) > 2 && int(metrics.a.b) > 2"},
		"a text with functions of texts":         {ContextRule, "metrics.a.b.startsWith('x') && size(metrics.a.b) > 3 && metrics.a.b + 'x' != ''"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := compileIn(c.context, c.expression); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatATypeMakesWrong(t *testing.T) {
	declared := map[v1alpha1.MetricReference]v1alpha1.MetricType{
		{Source: "a", Metric: "n"}: v1alpha1.MetricNumber, {Source: "a", Metric: "c"}: v1alpha1.MetricCategory,
		{Source: "a", Metric: "t"}: v1alpha1.MetricTime, {Source: "a", Metric: "x"}: v1alpha1.MetricText,
	}
	for expression, want := range map[v1alpha1.Expression]string{
		"metrics.a.n > 3":                    "",
		"metrics.a.n > 'many'":               "column 13: found no matching overload for '>' applied to '(double, string)': metrics.a.n is a Number",
		"metrics.a.n + ' people' == ''":      "column 13: found no matching overload for '+' applied to '(double, string)': metrics.a.n is a Number",
		"metrics['a'].n == 'many'":           "column 16: found no matching overload for '==' applied to '(double, string)': metrics.a.n is a Number",
		"metrics.a.n.startsWith('m')":        "column 23: found no matching overload for 'startsWith' applied to 'double.(string)': metrics.a.n is a Number",
		"metrics.a.c == 'many'":              "",
		"metrics.a.c > 3":                    "column 13: found no matching overload for '>' applied to '(string, double)': metrics.a.c is a Category",
		"metrics.a.x.contains('many')":       "",
		"metrics.a.x * 2 == 3":               "column 13: found no matching overload for '*' applied to '(string, double)': metrics.a.x is a Text",
		"metrics.a.t < today":                "",
		"metrics.a.t < '2026-01-01'":         "column 13: found no matching overload for '<' applied to '(timestamp, string)': metrics.a.t is a Time",
		"daysSince(metrics.a.t) > 3":         "",
		"metrics.a.unheard > 'x'":            "",
		"has(metrics.a.n) || metrics.a.n==1": "",
	} {
		t.Run(string(expression), func(t *testing.T) {
			p, err := CompileBool(ContextTrigger, expression)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := p.Misfit(declared); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("it says %q, not %q", got, want)
			}
		})
	}
}
