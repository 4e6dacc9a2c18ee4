package score

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Misfits says which expressions of the model cannot use the types of metrics, as their sources declare them: they have no
// result for any account. The model or the source can change that.
func (m *Model) Misfits(declared map[v1alpha1.MetricReference]v1alpha1.MetricType) []string {
	var misfits []string
	note := func(path *field.Path, err error) {
		if err != nil {
			misfits = append(misfits, fmt.Sprintf("%s: %v", path, err))
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
