package score

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Input is everything that one account's health is computed from.
type Input struct {
	// Account that is scored. Needed.
	Account *v1alpha1.Account
	// Facts about it. A metric that is not among them counts as Errored: it was not read yet.
	Facts value.Facts
	// Extra are metrics that something else in force reads, a trigger say. They are kept in Health.Facts.
	Extra []v1alpha1.MetricReference
	// Previous is the account's health until now: the operator's memory. Nil where it was never scored.
	Previous *v1alpha1.Health
	// Now is the moment of the evaluation. Only whole seconds count, as in a status.
	Now time.Time
	// Location is the time zone of the days that rules read; nil is UTC. History and trend are in UTC days.
	Location *time.Location
}

// Result is an account's health.
type Result struct {
	// Health is the account's new health. It shares nothing with Input.Previous.
	Health *v1alpha1.Health
	// NextChange is the earliest moment at which Health may change although no input does; zero means never.
	NextChange time.Time
}

// Evaluate computes an account's health. With Previous set to its own result and nothing else changed, the result is the
// same.
func (m *Model) Evaluate(in Input) Result {
	e := newEvaluation(m, in)
	e.readMeasures()
	e.readRules()
	total, scored := e.weigh()
	applied := e.applyRules(total, scored)
	if scored && e.health.Coverage >= m.minimumCoverage {
		e.health.Score = ptr.To(applied.score)
	}
	e.decideBand(applied.atOnce)
	e.remember()
	e.keepFacts()
	return Result{Health: e.health, NextChange: e.next}
}

// evaluation is one account's evaluation on its way.
type evaluation struct {
	model *Model
	in    Input
	now   time.Time
	// last is the previous health where this model computed it, of whatever generation; else nil. lastOfGeneration is the
	// same where this generation did.
	last             *v1alpha1.Health
	lastOfGeneration *v1alpha1.Health
	// readings are the values of the model's measures, in its order.
	readings []reading
	// frozen is set while weight is out because its source cannot be read.
	frozen bool
	// facts are what rules read.
	facts  map[v1alpha1.MetricReference]fact
	health *v1alpha1.Health
	next   time.Time
}

func newEvaluation(m *Model, in Input) *evaluation {
	e := &evaluation{
		model: m, in: in, now: in.Now.UTC().Truncate(time.Second),
		health: &v1alpha1.Health{Model: m.name, ModelGeneration: m.generation, ModelUID: m.uid},
	}
	if in.Previous != nil && in.Previous.Model == m.name {
		e.last = in.Previous
		if in.Previous.ModelGeneration == m.generation && in.Previous.ModelUID == m.uid {
			e.lastOfGeneration = in.Previous
		}
	}
	e.health.ModelSince = statusTime(e.now)
	if e.lastOfGeneration != nil && e.lastOfGeneration.ModelSince != nil {
		e.health.ModelSince = statusTime(e.lastOfGeneration.ModelSince.Time)
	}
	return e
}

// location returns the time zone of days.
func (e *evaluation) location() *time.Location {
	if e.in.Location == nil {
		return time.UTC
	}
	return e.in.Location
}

// changesAt notes that something changes by itself at a moment; zero is never.
func (e *evaluation) changesAt(t time.Time) { e.next = value.Earliest(e.next, t) }

// readMeasures reads every measure's value.
func (e *evaluation) readMeasures() {
	e.readings = make([]reading, len(e.model.measures))
	for i := range e.model.measures {
		r := e.read(&e.model.measures[i], i)
		e.readings[i] = r
		e.frozen = e.frozen || r.out
	}
}

// weigh computes the weighted mean in milli-points and how it is made up, and the coverage. It reports false where no
// measure has a score.
func (e *evaluation) weigh() (int64, bool) {
	m := e.model
	scores, covered := newMean(m.dimensions), newMean(m.dimensions)
	for i := range m.measures {
		measure, r := &m.measures[i], &e.readings[i]
		if measure.weight == 0 {
			continue
		}
		if r.counts {
			scores.add(measure.dimension, measure.weight, r.score)
		}
		percent := int64(0)
		if r.covered {
			percent = 100
		}
		covered.add(measure.dimension, measure.weight, percent)
	}
	// Cut, so that coverage never shows a minimum that it does not reach.
	e.health.Coverage = int32(covered.floor())
	total := int64(0)
	if scores.weight > 0 {
		total = scores.floor()
	}
	e.explainSum(scores, total)
	return total, scores.weight > 0
}

// explainSum writes the parts of the weighted mean, which add up to its total.
func (e *evaluation) explainSum(scores *mean, total int64) {
	m := e.model
	var dimensions []int
	var fractions []fraction
	for d := range m.dimensions {
		if scores.measured[d] > 0 {
			dimensions = append(dimensions, d)
			fractions = append(fractions, scores.points(d))
		}
	}
	points := apportion(total, fractions, func(i int) string { return m.dimensions[dimensions[i]].name })
	e.health.Dimensions = make([]v1alpha1.DimensionScore, len(m.dimensions))
	for d := range m.dimensions {
		e.health.Dimensions[d].Name = m.dimensions[d].name
	}
	e.health.Measures = make([]v1alpha1.MeasureScore, len(m.measures))
	for i := range m.measures {
		e.health.Measures[i] = e.readings[i].status(&m.measures[i], m.dimensions)
	}
	for i, d := range dimensions {
		shown := &e.health.Dimensions[d]
		shown.Score, shown.Points = ptr.To(scores.score(d)), formatPoints(points[i])
		e.explainDimension(scores, d, points[i])
	}
}

// explainDimension writes what each measure of a dimension adds to the dimension's points.
func (e *evaluation) explainDimension(scores *mean, d int, total int64) {
	m := e.model
	var measures []int
	var fractions []fraction
	for i := range m.measures {
		if m.measures[i].dimension != d || !e.readings[i].counts {
			continue
		}
		measures = append(measures, i)
		fractions = append(fractions, fraction{
			m.dimensions[d].weight * m.measures[i].weight * e.readings[i].score, scores.points(d).denominator,
		})
	}
	points := apportion(total, fractions, func(i int) string { return m.measures[measures[i]].name })
	for i, p := range points {
		e.health.Measures[measures[i]].Points = formatPoints(p)
	}
}

// statusTime returns a time as a status holds it: whole seconds in UTC, nil where it is zero.
func statusTime(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}

// timeOf is the reverse of statusTime.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}
