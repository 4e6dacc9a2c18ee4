package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// The longest texts in the reason of an expression, in characters.
const (
	maxShownExpression = 160
	maxShownValue      = 40
)

// expression compiles an expression trigger, and returns the metrics that it reads.
func (c *compiler) expression(path *field.Path, e v1alpha1.Expression) (condition, []v1alpha1.MetricReference) {
	program, err := expr.CompileBool(expr.ContextTrigger, e)
	if err != nil {
		c.invalid(path, field.OmitValueType{}, err.Error())
		return nil, nil
	}
	c.fits(path, program.Misfit)
	return expressionCondition(program, value.ShortenLine(string(e), maxShownExpression)), program.Reads().Metrics
}

// expressionCondition holds while an expression is true. It is judged only where all that it reads is known now.
func expressionCondition(program *expr.Program, shown string) condition {
	reads := program.Reads()
	return func(v View) judgement {
		next, why := v.known(reads)
		if why != "" {
			return unknown("%s", why)
		}
		if reads.Time {
			next = value.Earliest(next, value.NextDay(v.Now, v.location()))
		}
		vars := varsOf(v, v.Now, reads)
		holds, err := program.EvalBool(vars)
		if err != nil {
			return judgement{reason: fmt.Sprintf("expression cannot be judged: %s: %v", shown, err), next: next}
		}
		j := judgement{truth: truthOf(holds), next: next, reads: expressionReads(reads, v, vars)}
		j.reason = "expression holds: " + shown
		if !holds {
			j.reason = "expression does not hold: " + shown
		}
		if values := shownValues(j.reads); values != "" {
			j.reason += " (" + values + ")"
		}
		return j
	}
}

// known says why something that an expression reads is not known now; empty where all of it is, until the moment at which
// a metric grows old.
func (v View) known(reads expr.Reads) (next time.Time, why string) {
	if reads.Health {
		if why := v.unscored(); why != "" {
			return time.Time{}, why
		}
	}
	if reads.Score {
		if why := v.scoreUnknown(); why != "" {
			return time.Time{}, why
		}
	}
	for _, ref := range reads.Metrics {
		_, changes, why := v.fresh(ref)
		if why != "" {
			return time.Time{}, why
		}
		next = value.Earliest(next, changes)
	}
	for _, name := range reads.Measures {
		if why := v.measureUnknown(name); why != "" {
			return time.Time{}, why
		}
	}
	return next, ""
}

// measureUnknown says why nothing can be said of a measure of the account's model; empty where something can.
func (v View) measureUnknown(name string) string {
	if !v.Scored || v.Health == nil {
		return "no model scores the account now"
	}
	i := slices.IndexFunc(v.Health.Measures, func(m v1alpha1.MeasureScore) bool { return m.Name == name })
	switch {
	case i < 0:
		return fmt.Sprintf("the account's model has no measure %s", name)
	case v.Health.Measures[i].State != v1alpha1.ValueFresh:
		return fmt.Sprintf("measures['%s'] is %s", name, v.Health.Measures[i].State)
	}
	return ""
}

// expressionReads are the values that an expression was judged by.
func expressionReads(reads expr.Reads, v View, vars *expr.Vars) []v1alpha1.NamedValue {
	var all []v1alpha1.NamedValue
	for _, ref := range reads.Metrics {
		if val, ok := vars.Metrics[ref]; ok {
			all = append(all, named(metricName(ref), val.String()))
		}
	}
	for _, name := range reads.Measures {
		m := vars.Measures[name]
		if m.Value != nil {
			all = append(all, named("measures['"+name+"'].value", m.Value.String()))
		}
		if m.Score != nil {
			all = append(all, named("measures['"+name+"'].score", fmt.Sprint(*m.Score)))
		}
	}
	if reads.Health {
		all = append(all, named("health.band", string(v.Health.Band)))
	}
	if reads.Score {
		all = append(all, named("health.score", fmt.Sprint(*v.Health.Score)))
	}
	return all
}

// shownValues writes values as a reason shows them.
func shownValues(values []v1alpha1.NamedValue) string {
	parts := make([]string, len(values))
	for i, val := range values {
		parts[i] = val.Name + " " + value.Shorten(val.Value, maxShownValue)
	}
	return strings.Join(parts, ", ")
}
