// Package score computes an account's health from facts by a HealthScoreModel: the score, the band, and an explanation
// from which a person can compute both again. It is pure: the same input gives the same bytes on every machine.
//
// A measure's score is a whole number of milli-points, thousandths of a point, rounded half away from zero. Everything
// after that is exact: the points of measures and dimensions are shown cut to milli-points that add up, and the score is
// rounded once, half away from zero.
package score

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/expr"
)

// Model is a compiled HealthScoreModel of one generation. It is immutable and safe for concurrent use.
type Model struct {
	name            string
	generation      int64
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
	// ruleReads is what rules read, sorted and without duplicates; reads is that and what measures read.
	ruleReads []v1alpha1.MetricReference
	reads     []v1alpha1.MetricReference
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
	name        string
	dimension   int
	weight      int64
	ref         v1alpha1.MetricReference
	measurement string
	// kind is the type that the scale asks for: the type of a measurement, and of a metric whose own is not known now.
	kind        v1alpha1.MetricType
	maxAge      time.Duration
	scale       scale
	whenMissing v1alpha1.WhenMissing
}

// rule is a compiled Rule.
type rule struct {
	name  string
	when  *expr.Program
	reads expr.Reads
	// measures that it reads, by number.
	measures []int
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

// Selector returns the selector of the accounts that the model scores.
func (m *Model) Selector() *account.Selector { return m.selector }

// Partial reports whether weight is out of a health's score because its source cannot be read. The health must be of this
// model and generation; of any other nothing is known, and it reports false.
func (m *Model) Partial(h *v1alpha1.Health) bool {
	if h == nil || h.Model != m.name || h.ModelGeneration != m.generation || h.ModelUID != m.uid || len(h.Measures) != len(m.measures) {
		return false
	}
	for i, shown := range h.Measures {
		if m.measures[i].weight > 0 && shown.State == v1alpha1.ValueErrored && shown.Score == nil {
			return true
		}
	}
	return false
}

// version names the model and its generation as a history line does.
func (m *Model) version() string { return version(m.name, m.generation) }

// version names a model and a generation: enterprise/4.
func version(name string, generation int64) string {
	return name + "/" + strconv.FormatInt(generation, 10)
}

// Candidate is a model that may choose an account. It needs no compiled model, so that a model which does not compile
// still holds on to its accounts instead of leaving them to the next one.
type Candidate struct {
	// Name of the HealthScoreModel.
	Name string
	// Priority of the model; the highest wins.
	Priority int32
	// Created is when the model was made; among equal priorities the older wins.
	Created time.Time
	// Selector of the accounts that it scores.
	Selector *account.Selector
}

// CandidateOf returns a model as a candidate. The error names the field inside the selector.
func CandidateOf(m *v1alpha1.HealthScoreModel) (Candidate, error) {
	selector, err := account.CompileSelector(m.Spec.AccountSelector)
	if err != nil {
		return Candidate{}, err
	}
	return Candidate{Name: m.Name, Priority: m.Spec.Priority, Created: m.CreationTimestamp.Time, Selector: selector}, nil
}

// Choose returns the candidate that scores an account: of those whose selector matches, the one with the highest
// priority, then the older, then the first by name. It reports false where none matches.
func Choose(candidates []Candidate, a *v1alpha1.Account) (Candidate, bool) {
	var best Candidate
	found := false
	for _, c := range candidates {
		if !c.Selector.Matches(a) || found && compareCandidates(c, best) >= 0 {
			continue
		}
		best, found = c, true
	}
	return best, found
}

// compareCandidates orders candidates, the one that wins first.
func compareCandidates(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
}

// compareRefs orders metrics by source, then by name.
func compareRefs(a, b v1alpha1.MetricReference) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Metric, b.Metric))
}
