package score

import (
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// reading is what a measure makes of what is known about its value.
type reading struct {
	state    v1alpha1.ValueState
	value    *value.Value
	observed time.Time
	// score in milli-points, where it counts in the sum.
	score  int64
	counts bool
	// covered is true where a value stands behind the score, and not only whenMissing.
	covered bool
	// out is true where the measure's weight is out of the sum because its source cannot be read.
	out bool
}

// read finds a measure's value and its score. The measure is number i of the model.
func (e *evaluation) read(m *measure, i int) reading {
	last := e.lastMeasure(m.name, i)
	o := e.observe(m)
	switch o.State {
	case v1alpha1.ValueFresh, v1alpha1.ValueStale:
		if o.Value == nil || !m.knows(*o.Value) {
			return e.missing(m, o.Type, last)
		}
		state, next := o.StateAt(e.now, m.maxAge)
		e.changesAt(next)
		if state == v1alpha1.ValueFresh {
			return m.counted(state, o)
		}
		return m.standIn(state, o)
	case v1alpha1.ValueMissing:
		return e.missing(m, o.Type, last)
	default:
		return e.errored(m, o, last)
	}
}

// observe returns what is known of a measure's value now.
func (e *evaluation) observe(m *measure) value.Observation {
	if m.measurement != "" {
		return measurement(e.in.Account, m)
	}
	o, ok := e.in.Facts[m.ref]
	if !ok {
		o.State = v1alpha1.ValueErrored
	}
	o.ObservedTime = o.ObservedTime.UTC().Truncate(time.Second)
	return o
}

// measurement returns a value that a person entered. It is Missing where it is not there or cannot be read.
func measurement(a *v1alpha1.Account, m *measure) value.Observation {
	o := value.Observation{Type: m.kind, State: v1alpha1.ValueMissing}
	i := slices.IndexFunc(a.Spec.Measurements, func(entered v1alpha1.Measurement) bool { return entered.Name == m.measurement })
	if i < 0 {
		return o
	}
	v, err := value.Parse(m.kind, a.Spec.Measurements[i].Value)
	if err != nil {
		return o
	}
	o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, timeOf(a.Spec.Measurements[i].ObservedTime)
	return o
}

// missing is a measure whose source was read and has no value for it. LastKnown keeps the last value in the status, for
// the status is the only memory there is.
func (e *evaluation) missing(m *measure, t v1alpha1.MetricType, last *v1alpha1.MeasureScore) reading {
	o := value.Observation{Type: t}
	if m.whenMissing == v1alpha1.MissingLastKnown {
		o = e.recall(m, o, last)
	}
	return m.standIn(v1alpha1.ValueMissing, o)
}

// errored is a measure whose source cannot be read. An outage changes nothing by itself: a value that was Missing or
// Stale before stays that, and any other keeps its score until it is too old to say anything.
func (e *evaluation) errored(m *measure, o value.Observation, last *v1alpha1.MeasureScore) reading {
	if o.Value == nil {
		if last != nil && last.State == v1alpha1.ValueMissing {
			return e.missing(m, o.Type, last)
		}
		o = e.recall(m, o, last)
	}
	if o.Value == nil {
		return reading{state: v1alpha1.ValueErrored, out: m.weight > 0}
	}
	if !m.knows(*o.Value) {
		return e.missing(m, o.Type, last)
	}
	o.State = v1alpha1.ValueFresh
	state, next := o.StateAt(e.now, m.maxAge)
	switch {
	case state == v1alpha1.ValueFresh:
		if m.weight > 0 {
			e.changesAt(next)
		}
		return m.counted(v1alpha1.ValueErrored, o)
	case last != nil && last.State == v1alpha1.ValueStale:
		return m.standIn(v1alpha1.ValueStale, o)
	default:
		return reading{state: v1alpha1.ValueErrored, value: o.Value, observed: o.ObservedTime, out: m.weight > 0}
	}
}

// recall returns an observation with the last value that the account's status holds: the measure's own, or that of a
// fact which a rule or trigger read. It returns the observation as it is where there is none.
func (e *evaluation) recall(m *measure, o value.Observation, last *v1alpha1.MeasureScore) value.Observation {
	text, observed := "", time.Time{}
	if last != nil && last.Value != "" {
		text, observed = last.Value, timeOf(last.ObservedTime)
	} else if f := e.lastFact(m.ref); f != nil {
		text, observed = f.Value, timeOf(f.ObservedTime)
	}
	if text == "" {
		return o
	}
	if o.Type == "" {
		o.Type = m.kind
	}
	v, err := value.Parse(o.Type, text)
	if err != nil {
		return o
	}
	o.Value, o.ObservedTime = &v, observed
	return o
}

// knows reports whether the measure can use a value. Text is never recorded; a weight needs a score.
func (m *measure) knows(v value.Value) bool {
	if v.Type == v1alpha1.MetricText {
		return false
	}
	if m.weight == 0 {
		return true
	}
	_, ok := m.scale.score(v)
	return ok
}

// counted is a measure that has a value.
func (m *measure) counted(state v1alpha1.ValueState, o value.Observation) reading {
	r := reading{state: state, value: o.Value, observed: o.ObservedTime, covered: true}
	if m.weight > 0 {
		r.score, r.counts = m.scale.score(*o.Value)
	}
	return r
}

// standIn is a measure that has no value, or only an old one: whenMissing says what it counts as.
func (m *measure) standIn(state v1alpha1.ValueState, o value.Observation) reading {
	r := reading{state: state, value: o.Value, observed: o.ObservedTime, counts: m.weight > 0}
	switch m.whenMissing {
	case v1alpha1.MissingWorst:
		r.score = 0
	case v1alpha1.MissingNeutral:
		r.score = fullScore / 2
	case v1alpha1.MissingBest:
		r.score = fullScore
	case v1alpha1.MissingLastKnown:
		if o.Value != nil && m.knows(*o.Value) {
			return m.counted(state, o)
		}
		r.counts = false
	default:
		r.counts = false
	}
	return r
}

// status writes the reading as a status shows it, without its points.
func (r *reading) status(m *measure, dimensions []dimension) v1alpha1.MeasureScore {
	shown := v1alpha1.MeasureScore{
		Name: m.name, Dimension: dimensions[m.dimension].name, State: r.state, ObservedTime: statusTime(r.observed),
	}
	if r.value != nil {
		shown.Value = r.value.String()
	}
	if r.counts {
		shown.Score = ptr.To(roundPoints(r.score))
	}
	return shown
}

// lastMeasure returns what the previous health of this model says of a measure, nil where it says nothing. The measure is
// probably number i, as it is now.
func (e *evaluation) lastMeasure(name string, i int) *v1alpha1.MeasureScore {
	if e.last == nil {
		return nil
	}
	return findMeasure(e.last.Measures, name, i)
}

// findMeasure finds a measure by its name, which is probably number i.
func findMeasure(measures []v1alpha1.MeasureScore, name string, i int) *v1alpha1.MeasureScore {
	if i >= len(measures) || measures[i].Name != name {
		i = slices.IndexFunc(measures, func(m v1alpha1.MeasureScore) bool { return m.Name == name })
	}
	if i < 0 {
		return nil
	}
	return &measures[i]
}

// lastFact returns what the previous health says of a metric, nil where it says nothing.
func (e *evaluation) lastFact(ref v1alpha1.MetricReference) *v1alpha1.Fact {
	if e.in.Previous == nil || ref.Source == "" {
		return nil
	}
	facts := e.in.Previous.Facts
	i := slices.IndexFunc(facts, func(f v1alpha1.Fact) bool { return f.Source == ref.Source && f.Metric == ref.Metric })
	if i < 0 {
		return nil
	}
	return &facts[i]
}
