package score

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

func (c *compiler) measure(path *field.Path, m *v1alpha1.Measure) measure {
	compiled := measure{
		name: m.Name, weight: int64(m.Weight), kind: v1alpha1.MetricCategory,
		measurement: m.From.Measurement, children: m.From.Children,
		ref:         v1alpha1.MetricReference{Source: m.From.Source, Metric: m.From.Metric},
		maxAge:      c.duration(path.Child("maxAge"), m.MaxAge),
		whenMissing: cmp.Or(m.WhenMissing, v1alpha1.MissingSkip),
	}
	checkRange(path.Child("weight"), m.Weight, 0, maxWeight, &c.errs)
	c.whenMissing(path.Child("whenMissing"), m.WhenMissing)
	c.scale(path.Child("scale"), m, &compiled)
	c.from(path.Child("from"), m.From, &compiled)
	compiled.from = describeFrom(m.From)
	compiled.dimension = slices.IndexFunc(c.model.dimensions, func(d dimension) bool { return d.name == m.Dimension })
	if compiled.dimension < 0 {
		c.errs = append(c.errs, field.NotFound(path.Child("dimension"), m.Dimension))
		return compiled
	}
	c.model.dimensions[compiled.dimension].measured += compiled.weight
	return compiled
}

func (c *compiler) whenMissing(path *field.Path, w v1alpha1.WhenMissing) {
	known := []v1alpha1.WhenMissing{
		v1alpha1.MissingSkip, v1alpha1.MissingWorst, v1alpha1.MissingNeutral, v1alpha1.MissingBest, v1alpha1.MissingLastKnown,
	}
	if w != "" && !slices.Contains(known, w) {
		c.errs = append(c.errs, field.NotSupported(path, w, known))
	}
}

// scale compiles a measure's scale. The scores of children are scores already, and need none.
func (c *compiler) scale(path *field.Path, m *v1alpha1.Measure, compiled *measure) {
	switch {
	case m.Scale != nil:
		compiled.scale, compiled.kind = compileScale(path, m.Scale, &c.errs)
		if s, ok := compiled.scale.(expressionScale); ok && s.program != nil {
			compiled.timed = s.program.Reads().Time
		}
	case m.From.Children != "":
		compiled.scale, compiled.kind = linearScale{worst: 0, best: value.DecimalFromInt(100)}, v1alpha1.MetricNumber
	case m.Weight > 0:
		c.errs = append(c.errs, field.Required(path, "a measure with a weight needs one"))
	case m.From.Measurement != "":
		compiled.kind = "" // What a person enters is a number where it reads as one.
	}
}

// describeFrom names where a measure's value comes from, as a status shows it.
func describeFrom(from v1alpha1.MeasureFrom) string {
	switch {
	case from.Measurement != "":
		return "measurement " + from.Measurement
	case from.Children != "":
		return "children " + string(from.Children)
	case from.Expression != "":
		sum := sha256.Sum256([]byte(from.Expression))
		return "expression " + hex.EncodeToString(sum[:4])
	default:
		return from.Source + "." + from.Metric
	}
}

// from compiles where a measure's value comes from.
func (c *compiler) from(path *field.Path, from v1alpha1.MeasureFrom, compiled *measure) {
	members := 0
	for _, set := range []bool{from.Source != "" || from.Metric != "", from.Measurement != "", from.Expression != "", from.Children != ""} {
		if set {
			members++
		}
	}
	switch {
	case members != 1:
		c.errs = append(c.errs, field.Invalid(path, "", "needs exactly one of source and metric, measurement, expression, children"))
	case (from.Source == "") != (from.Metric == ""):
		c.errs = append(c.errs, field.Invalid(path, "", "source and metric go together"))
	case from.Children != "":
		known := []v1alpha1.ChildrenMode{v1alpha1.ChildrenAverage, v1alpha1.ChildrenWorst, v1alpha1.ChildrenARRWeighted}
		if !slices.Contains(known, from.Children) {
			c.errs = append(c.errs, field.NotSupported(path.Child("children"), from.Children, known))
		}
		if compiled.kind == v1alpha1.MetricCategory && compiled.scale != nil {
			c.errs = append(c.errs, field.Invalid(path.Child("children"), from.Children, "gives a number, and the scale is for words"))
		}
	case from.Expression != "":
		c.expression(path.Child("expression"), from.Expression, compiled)
	}
}

func (c *compiler) expression(path *field.Path, e v1alpha1.Expression, compiled *measure) {
	program, err := expr.CompileValue(expr.ContextMeasure, e)
	if err != nil {
		c.errs = append(c.errs, field.Invalid(path, string(e), err.Error()))
		return
	}
	compiled.expression = program
	compiled.timed = compiled.timed || program.Reads().Time
	switch given := program.Type(); {
	case given == "":
	case compiled.scale == nil || compiled.kind == "":
		compiled.kind = given
	case given != compiled.kind:
		c.errs = append(c.errs, field.Invalid(path, string(e), "the scale is for type "+string(compiled.kind)+", and the result is of type "+string(given)))
	}
	if program.Type() == "" && compiled.scale == nil {
		compiled.kind = ""
	}
}
