package score

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
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
	// Children are the accounts whose parentRef is this account and that are not Churned.
	Children []Child
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
	e.readFacts()
	e.readMeasures()
	total, scored := e.weigh()
	applied := e.applyRules(total, scored)
	if scored && e.health.Coverage >= m.minimumCoverage {
		e.health.Score = e.slab.score(applied.score)
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
	// facts are the model's expressionReads, in their order.
	facts []fact
	// vars are what expressions are evaluated with. Their Now is the moment on whose day the measure at hand is computed.
	vars   expr.Vars
	health *v1alpha1.Health
	next   time.Time
	// slab is the memory of what health points to.
	slab slab
}

func newEvaluation(m *Model, in Input) *evaluation {
	e := &evaluation{
		model: m, in: in, now: wholeSeconds(in.Now),
		health: &v1alpha1.Health{Model: m.name, ModelGeneration: m.generation, ModelUID: m.uid},
	}
	e.slab.reserve(m)
	if in.Previous != nil && in.Previous.Model == m.name {
		e.last = in.Previous
		if in.Previous.ModelGeneration == m.generation && in.Previous.ModelUID == m.uid {
			e.lastOfGeneration = in.Previous
		}
	}
	e.vars.Now, e.vars.Location, e.vars.Account = e.now, e.location(), in.Account
	e.health.ModelSince = e.slab.time(e.now)
	if e.lastOfGeneration != nil && e.lastOfGeneration.ModelSince != nil {
		e.health.ModelSince = e.slab.time(e.lastOfGeneration.ModelSince.Time)
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
		e.readings[i] = e.read(&e.model.measures[i], i)
		e.frozen = e.frozen || e.readings[i].out
	}
}

// weigh computes the weighted mean in milli-points and how it is made up, and the coverage. It reports false where no
// measure has a score.
func (e *evaluation) weigh() (int64, bool) {
	m := e.model
	covered := mean{dimensions: m.dimensions}
	for i := range m.measures {
		percent := int64(0)
		if e.readings[i].covered {
			percent = 100
		}
		if m.measures[i].weight > 0 {
			covered.add(m.measures[i].dimension, m.measures[i].weight, percent)
		}
	}
	// Cut, so that coverage never shows a minimum that it does not reach.
	e.health.Coverage = int32(covered.floor())
	p := m.parts(e.readings)
	e.health.Dimensions = make([]v1alpha1.DimensionScore, len(m.dimensions))
	for d := range m.dimensions {
		shown := &e.health.Dimensions[d]
		shown.Name = m.dimensions[d].name
		if p.mean.measured[d] > 0 {
			shown.Score, shown.Points = e.slab.score(p.mean.score(d)), e.slab.points(p.dimensions[d])
		}
	}
	e.health.Measures = make([]v1alpha1.MeasureScore, len(m.measures))
	for i := range m.measures {
		e.show(&e.health.Measures[i], &m.measures[i], &e.readings[i], p.measures[i])
	}
	return p.total, p.mean.weight > 0
}

// timeOf returns a time that a status holds; zero where it is not there.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return wholeSeconds(t.Time)
}

// wholeSeconds returns a time as a status shows it. It does what Truncate does, without a division.
func wholeSeconds(t time.Time) time.Time {
	t = t.UTC()
	return t.Add(-time.Duration(t.Nanosecond()))
}
