// Package score computes an account's health from facts by a HealthScoreModel: the score, the band, and an explanation
// from which a person can compute both again. It is pure: the same input gives the same bytes on every machine.
//
// A measure's score is a whole number of milli-points, thousandths of a point, rounded half away from zero. Everything
// after that is exact: the points of measures and dimensions are shown cut to milli-points that add up, and the score is
// rounded once, half away from zero.
package score

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/expr"
)

// Model is a compiled HealthScoreModel of one generation. It is immutable and safe for concurrent use.
type Model struct {
	name       string
	generation int64
	// versionText is both, as a history line names them.
	versionText     string
	uid             types.UID
	selector        *account.Selector
	minimumCoverage int32
	trend           trend
	// bands, best first.
	bands      []v1alpha1.Band
	margin     int32
	hold       time.Duration
	dimensions []dimension
	measures   []measure
	rules      []rule
	// expressionReads is what rules and the expressions of measures read, sorted and without duplicates; reads is that and
	// what measures read themselves. readsAt is where.
	expressionReads []v1alpha1.MetricReference
	reads           []v1alpha1.MetricReference
	readsAt         []ReadAt
}

// ReadAt is a metric and the field of the model that reads it.
type ReadAt struct {
	// Path of the field, from spec.
	Path string
	// Ref is the metric.
	Ref v1alpha1.MetricReference
}

// trend says when a score counts as improving or declining.
type trend struct {
	window    time.Duration
	threshold int32
}

// dimension is a compiled Dimension.
type dimension struct {
	name   string
	weight int64
	// measured is the sum of the weights of its measures.
	measured int64
}

// measure is a compiled Measure.
type measure struct {
	name      string
	dimension int
	weight    int64
	// from is where the value comes from, as a status shows it.
	from string
	// Where the value comes from: one of these.
	ref         v1alpha1.MetricReference
	measurement string
	expression  *expr.ValueProgram
	children    v1alpha1.ChildrenMode
	// inputs are what the expression reads, by number in the model's expressionReads.
	inputs []int
	// kind is the type that the scale asks for: the type of a measurement, and of a metric whose own is not known now. It is
	// empty where the scale takes any.
	kind v1alpha1.MetricType
	// timed is true where the value or its score depends on the day.
	timed       bool
	maxAge      time.Duration
	scale       scale
	whenMissing v1alpha1.WhenMissing
}

// rule is a compiled Rule.
type rule struct {
	name  string
	when  *expr.Program
	reads expr.Reads
	// metrics that it reads, by number in the model's expressionReads, and measures, by number.
	metrics, measures []int
	// verb and limit are its effect: cap 39.
	verb      string
	limit     int32
	immediate bool
}

// Name returns the name of the HealthScoreModel.
func (m *Model) Name() string { return m.name }

// Generation returns the generation of the HealthScoreModel that was compiled.
func (m *Model) Generation() int64 { return m.generation }

// Reads returns the metrics that measures and rules read, sorted and without duplicates.
func (m *Model) Reads() []v1alpha1.MetricReference { return slices.Clone(m.reads) }

// ReadsAt returns the metrics that measures and rules read, each with its field, in the order of the spec.
func (m *Model) ReadsAt() []ReadAt { return slices.Clone(m.readsAt) }

// MaxAge returns the shortest age that the model accepts of a metric; 0 where only the source's own counts.
func (m *Model) MaxAge(ref v1alpha1.MetricReference) time.Duration {
	shortest := time.Duration(0)
	for i := range m.measures {
		measure := &m.measures[i]
		if measure.maxAge > 0 && measure.readsMetric(ref) && (shortest == 0 || measure.maxAge < shortest) {
			shortest = measure.maxAge
		}
	}
	return shortest
}

// readsMetric reports whether a measure's value is made of a metric.
func (m *measure) readsMetric(ref v1alpha1.MetricReference) bool {
	if m.expression != nil {
		return slices.Contains(m.expression.Reads().Metrics, ref)
	}
	return m.ref == ref
}

// Selector returns the selector of the accounts that the model scores.
func (m *Model) Selector() *account.Selector { return m.selector }

// Partial reports whether weight is out of a health's score because its source cannot be read. The health must be of this
// model and generation; of any other nothing is known, and it reports false.
func (m *Model) Partial(h *v1alpha1.Health) bool { return len(m.PartialMeasures(h)) > 0 }

// PartialMeasures names the measures whose weight is out of a health's score because their source cannot be read, in the
// model's order. The health must be of this model and generation; of any other nothing is known.
func (m *Model) PartialMeasures(h *v1alpha1.Health) []string {
	if h == nil || h.Model != m.name || h.ModelGeneration != m.generation || h.ModelUID != m.uid || len(h.Measures) != len(m.measures) {
		return nil
	}
	var names []string
	for i, shown := range h.Measures {
		if m.measures[i].weight > 0 && shown.State == v1alpha1.ValueErrored && shown.Score == nil {
			names = append(names, shown.Name)
		}
	}
	return names
}

// version names the model and its generation as a history line does.
func (m *Model) version() string { return m.versionText }

// version names a model and a generation: enterprise/4.
func version(name string, generation int64) string {
	return account.ModelVersion(name, generation)
}
