package playbook_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

func TestMisfits(t *testing.T) {
	wau := v1alpha1.MetricReference{Source: "usage", Metric: "wau"}
	from := v1alpha1.ValueFrom{Source: "usage", Metric: "wau"}
	number, word := ptr(v1alpha1.Decimal("5")), []string{"Left"}
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlaybookSpec)
		of     v1alpha1.MetricType
		want   []string
	}{
		"bounds of a number":          {triggers(v1alpha1.Trigger{Name: "t", Value: &v1alpha1.ValueTrigger{From: from, AtMost: number}}), v1alpha1.MetricNumber, nil},
		"bounds of a word":            {triggers(v1alpha1.Trigger{Name: "t", Value: &v1alpha1.ValueTrigger{From: from, AtMost: number}}), v1alpha1.MetricCategory, []string{"spec.triggers[t].value: atMost and atLeast need a Number: metrics.usage.wau is a Category"}},
		"words of a text":             {triggers(v1alpha1.Trigger{Name: "t", Value: &v1alpha1.ValueTrigger{From: from, In: word}}), v1alpha1.MetricText, []string{"spec.triggers[t].value: in needs a Category: metrics.usage.wau is a Text"}},
		"words of each observation":   {triggers(v1alpha1.Trigger{Name: "t", Per: v1alpha1.PerObservation, Value: &v1alpha1.ValueTrigger{From: from, In: word}}), v1alpha1.MetricNumber, []string{"spec.triggers[t].value: in needs a Category: metrics.usage.wau is a Number"}},
		"what a source lacks":         {triggers(v1alpha1.Trigger{Name: "t", Value: &v1alpha1.ValueTrigger{From: from, In: word}}), "", nil},
		"when":                        {func(s *v1alpha1.PlaybookSpec) { s.Steps[0].When = "metrics.usage.wau < 'x'" }, v1alpha1.MetricNumber, []string{"spec.steps[call].when: column 19: found no matching overload for '<' applied to '(double, string)': metrics.usage.wau is a Number"}},
		"doneWhen":                    {func(s *v1alpha1.PlaybookSpec) { s.Steps[0].DoneWhen = "metrics.usage.wau < 3" }, v1alpha1.MetricTime, []string{"spec.steps[call].doneWhen: column 19: found no matching overload for '<' applied to '(timestamp, double)': metrics.usage.wau is a Time"}},
		"a text that shows any value": {func(s *v1alpha1.PlaybookSpec) { s.Steps[0].Title = "${metrics.usage.wau}" }, v1alpha1.MetricTime, nil},
	} {
		t.Run(name, func(t *testing.T) {
			declared := expr.Declared{}
			if c.of != "" {
				declared[wau] = c.of
			}
			var got []string
			for _, misfit := range compiled(t, spec(c.change)).Misfits(declared) {
				got = append(got, misfit.String())
			}
			same(t, "misfits", c.want, got)
		})
	}
}
