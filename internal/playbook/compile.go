package playbook

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// compiler checks a spec and collects what is wrong with it.
type compiler struct {
	spec *v1alpha1.PlaybookSpec
	errs field.ErrorList
	// observed are the triggers with per: Observation, by their metric.
	observed []observed
	// periods are the triggers with every.
	periods []periodic
	// places are the fields that cannot use every type of a metric.
	places []place
}

// specPath is the root of every path in an error.
func specPath(names ...string) *field.Path {
	path := field.NewPath("spec")
	for _, name := range names {
		path = path.Child(name)
	}
	return path
}

// invalid notes an invalid field.
func (c *compiler) invalid(path *field.Path, val any, detail string) {
	c.errs = append(c.errs, field.Invalid(path, val, detail))
}

// selector compiles the account selector.
func (c *compiler) selector() *account.Selector {
	selector, err := account.CompileSelector(c.spec.AccountSelector)
	if err != nil {
		// The error names the field itself.
		detail := strings.TrimPrefix(err.Error(), "accountSelector: ")
		c.invalid(specPath("accountSelector"), field.OmitValueType{}, detail)
	}
	return selector
}

// cooldown reads the cooldown and checks that a repetition has one.
func (c *compiler) cooldown() time.Duration {
	switch {
	case c.spec.Repeat != v1alpha1.RepeatAfterCooldown:
	case c.spec.Cooldown == "":
		c.errs = append(c.errs, field.Required(specPath("cooldown"), "needed with repeat: AfterCooldown"))
	default:
		return c.positive(specPath("cooldown"), c.spec.Cooldown)
	}
	return c.duration(specPath("cooldown"), c.spec.Cooldown)
}

// duration reads a duration; 0 where it is unset or wrong.
func (c *compiler) duration(path *field.Path, d v1alpha1.Duration) time.Duration {
	parsed, err := value.ParseDuration(d)
	if err != nil {
		c.invalid(path, field.OmitValueType{}, err.Error())
	}
	return parsed
}

// triggers compiles the triggers, and returns those that watch a state.
func (c *compiler) triggers() []trigger {
	if len(c.spec.Triggers) == 0 {
		c.errs = append(c.errs, field.Required(specPath("triggers"), "at least one"))
	}
	var compiled []trigger
	for i, t := range c.spec.Triggers {
		path := specPath("triggers").Key(t.Name)
		if slices.ContainsFunc(c.spec.Triggers[:i], func(o v1alpha1.Trigger) bool { return o.Name == t.Name }) {
			c.errs = append(c.errs, field.Duplicate(path, t.Name))
		}
		if t.From != "" && t.Every == "" {
			c.invalid(path.Child("from"), t.From, "goes with every")
		}
		switch {
		case t.Per == v1alpha1.PerObservation:
			c.observation(path, t)
		case kindsOf(&t) != 1:
			c.invalid(path, field.OmitValueType{}, "exactly one of band, score, scoreDrop, value, renewal, lifecycle, every, noData and expression")
		case t.Every != "":
			c.period(path, t)
		default:
			compiled = append(compiled, c.trigger(path, t))
		}
	}
	slices.SortFunc(c.observed, func(a, b observed) int { return value.CompareMetrics(a.ref, b.ref) })
	return compiled
}

// kindsOf returns how many kinds of condition a trigger has.
func kindsOf(t *v1alpha1.Trigger) int {
	kinds := 0
	for _, set := range []bool{
		t.Band != nil, t.Score != nil, t.ScoreDrop != nil, t.Value != nil, t.Renewal != nil, t.Lifecycle != nil,
		t.Every != "", t.NoData != nil, t.Expression != "",
	} {
		if set {
			kinds++
		}
	}
	return kinds
}

// observation compiles a trigger that watches each observation of a metric.
func (c *compiler) observation(path *field.Path, t v1alpha1.Trigger) {
	if t.For != "" {
		c.invalid(path.Child("for"), string(t.For), "an observation holds at once: leave it out with per: Observation")
	}
	if t.Value == nil || t.Value.From.Source == "" || kindsOf(&t) != 1 {
		c.invalid(path.Child("per"), t.Per, "for a value trigger whose value comes from a source, and no other")
		return
	}
	test, ref := c.valueTest(path.Child("value"), *t.Value)
	if ref == nil {
		return
	}
	compiled := observationTrigger{name: t.Name, test: test}
	for i := range c.observed {
		if c.observed[i].ref == *ref {
			c.observed[i].triggers = append(c.observed[i].triggers, compiled)
			return
		}
	}
	c.observed = append(c.observed, observed{ref: *ref, triggers: []observationTrigger{compiled}})
}

// trigger compiles one trigger that watches a state, or an event that is told from the account's status.
func (c *compiler) trigger(path *field.Path, t v1alpha1.Trigger) trigger {
	compiled := trigger{name: t.Name, hold: c.duration(path.Child("for"), t.For)}
	switch {
	case t.Band != nil:
		compiled.condition = c.band(path.Child("band"), *t.Band)
	case t.Score != nil:
		compiled.condition = c.score(path.Child("score"), *t.Score)
	case t.ScoreDrop != nil:
		compiled.condition, compiled.event = c.scoreDrop(path.Child("scoreDrop"), *t.ScoreDrop), true
	case t.Value != nil:
		compiled.condition, compiled.reads = c.value(path.Child("value"), *t.Value)
	case t.Renewal != nil:
		within := c.duration(path.Child("renewal", "within"), t.Renewal.Within)
		compiled.condition = renewalCondition(within, t.Renewal.Within)
	case t.Lifecycle != nil:
		c.lifecycle(path, t, &compiled)
	case t.NoData != nil:
		c.noData(path, t, &compiled)
	default:
		compiled.condition, compiled.reads = c.expression(path.Child("expression"), t.Expression)
	}
	return compiled
}

// band compiles a band trigger.
func (c *compiler) band(path *field.Path, t v1alpha1.BandTrigger) condition {
	if slices.Contains(t.In, v1alpha1.BandUnknown) {
		c.invalid(path.Child("in"), v1alpha1.BandUnknown, "Unknown is the absence of knowledge: it starts nothing")
	}
	if slices.Contains(t.From, v1alpha1.BandUnknown) {
		c.invalid(path.Child("from"), v1alpha1.BandUnknown, "Unknown is the absence of knowledge: name the bands before it")
	}
	return bandCondition(t)
}

// score compiles a score trigger.
func (c *compiler) score(path *field.Path, t v1alpha1.ScoreTrigger) condition {
	switch {
	case t.AtMost == nil && t.AtLeast == nil:
		c.errs = append(c.errs, field.Required(path, "atMost, atLeast or both"))
	case t.AtMost != nil && t.AtLeast != nil && *t.AtLeast > *t.AtMost:
		c.invalid(path.Child("atLeast"), *t.AtLeast, "above atMost: no score is within these bounds")
	}
	return scoreCondition(t)
}

// value compiles a value trigger and returns the metrics that it reads.
func (c *compiler) value(path *field.Path, t v1alpha1.ValueTrigger) (condition, []v1alpha1.MetricReference) {
	test, ref := c.valueTest(path, t)
	if ref == nil {
		return measurementCondition(t.From.Measurement, test), nil
	}
	return metricCondition(*ref, test), []v1alpha1.MetricReference{*ref}
}

// valueTest compiles what a value trigger asks, and returns the metric that it asks it of; nil for a measurement, and
// where the spec is wrong.
func (c *compiler) valueTest(path *field.Path, t v1alpha1.ValueTrigger) (valueTest, *v1alpha1.MetricReference) {
	test := valueTest{words: slices.Clone(t.In)}
	test.bounds.atMost = c.decimal(path.Child("atMost"), t.AtMost)
	test.bounds.atLeast = c.decimal(path.Child("atLeast"), t.AtLeast)
	most, least := test.bounds.atMost, test.bounds.atLeast
	switch bounded := t.AtMost != nil || t.AtLeast != nil; {
	case bounded == (len(t.In) > 0):
		c.invalid(path, field.OmitValueType{}, "atMost, atLeast or both for a number; in for a category")
	case most != nil && least != nil && *least > *most:
		c.invalid(path.Child("atLeast"), string(*t.AtLeast), "above atMost: no value is within these bounds")
	}
	name, ref := c.valueFrom(path.Child("from"), t.From)
	test.name = name
	if ref != nil {
		c.fits(path, test.misfit(*ref))
	}
	return test, ref
}

// valueFrom checks where a value comes from, and returns its name, and the metric; nil for a measurement, and where the
// spec is wrong.
func (c *compiler) valueFrom(path *field.Path, from v1alpha1.ValueFrom) (string, *v1alpha1.MetricReference) {
	switch {
	case (from.Measurement != "") == (from.Source != "" || from.Metric != ""), (from.Source == "") != (from.Metric == ""):
		c.invalid(path, field.OmitValueType{}, "either source and metric, or measurement")
		return "", nil
	case from.Measurement != "":
		return "account.spec.measurements." + from.Measurement, nil
	}
	ref := v1alpha1.MetricReference{Source: from.Source, Metric: from.Metric}
	return metricName(ref), &ref
}

// decimal reads a decimal; nil where it is unset or wrong.
func (c *compiler) decimal(path *field.Path, d *v1alpha1.Decimal) *value.Decimal {
	if d == nil {
		return nil
	}
	parsed, err := value.ParseDecimal(string(*d))
	if err != nil {
		c.invalid(path, string(*d), err.Error())
		return nil
	}
	return &parsed
}
