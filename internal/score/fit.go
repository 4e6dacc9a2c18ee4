package score

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/internal/expr"
)

// Misfits says which expressions of the model cannot use the types of metrics, as their sources declare them: they have no
// result for any account. The model or the source can change that.
func (m *Model) Misfits(declared expr.Declared) []expr.Misfit {
	var misfits []expr.Misfit
	note := func(path *field.Path, err error) {
		if err != nil {
			misfits = append(misfits, expr.Misfit{Path: path.String(), Err: err})
		}
	}
	spec := field.NewPath("spec")
	for i := range m.measures {
		measure := &m.measures[i]
		at := spec.Child("measures").Key(measure.name)
		if measure.expression != nil {
			note(at.Child("from", "expression"), measure.expression.Misfit(declared))
		}
		scale, isExpression := measure.scale.(expressionScale)
		if of, ok := declared[measure.ref]; ok && isExpression {
			note(at.Child("scale", "expression"), scale.program.Misfit(of))
		}
	}
	for i := range m.rules {
		note(spec.Child("rules").Key(m.rules[i].name).Child("when"), m.rules[i].when.Misfit(declared))
	}
	return misfits
}
