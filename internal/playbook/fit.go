package playbook

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

// place is a field of the spec that can use some types and not others.
type place struct {
	path   string
	misfit func(expr.Declared) error
}

// fits notes a field that cannot use every type.
func (c *compiler) fits(path *field.Path, misfit func(expr.Declared) error) {
	c.places = append(c.places, place{path.String(), misfit})
}

// Misfits says which fields of the spec cannot use the type that a source declares of a metric: what they ask is Unknown on
// every account. The playbook or the source can change that.
func (p *Playbook) Misfits(declared expr.Declared) []expr.Misfit {
	var misfits []expr.Misfit
	for _, place := range p.places {
		if err := place.misfit(declared); err != nil {
			misfits = append(misfits, expr.Misfit{Path: place.path, Err: err})
		}
	}
	return misfits
}

// misfit says that a test cannot use the type of a metric.
func (t valueTest) misfit(ref v1alpha1.MetricReference) func(expr.Declared) error {
	return func(declared expr.Declared) error {
		of, ok := declared[ref]
		switch {
		case !ok, t.wantsNumber() && of == v1alpha1.MetricNumber, !t.wantsNumber() && of == v1alpha1.MetricCategory:
			return nil
		case t.wantsNumber():
			return fmt.Errorf("atMost and atLeast need a Number: %s is a %s", metricName(ref), of)
		}
		return fmt.Errorf("in needs a Category: %s is a %s", metricName(ref), of)
	}
}
