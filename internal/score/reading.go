package score

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// sighting is what is known of a measure's value: an observation whose State may be Stale too.
type sighting struct {
	value.Observation
	// message says why an expression has no result.
	message string
	// next is when the state changes by itself; zero is never.
	next time.Time
	// old is true where the value cannot be read now and is older than accepted.
	old bool
}

// reading is what a measure makes of what is known about its value.
type reading struct {
	state    v1alpha1.ValueState
	value    *value.Value
	observed time.Time
	message  string
	// asOf is the day that the value and its score stand for, where they depend on it.
	asOf v1alpha1.Date
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
	last := e.lastMeasure(m, i)
	if !m.timed {
		s := e.observe(m)
		return e.note(s, e.weighUp(m, s, last))
	}
	return e.readTimed(m, last)
}

// readTimed reads a measure whose value or score depends on the day. Without a fresh value it does not go on changing:
// it stands for the day on which there was one last, or on which that was first found.
func (e *evaluation) readTimed(m *measure, last *v1alpha1.MeasureScore) reading {
	defer func() { e.vars.Now = e.now }()
	known := m.expression == nil || e.knowsInputs(m)
	if !known {
		e.vars.Now = e.lastDay(last)
	}
	s := e.observe(m)
	if known && (m.expression != nil || s.State == v1alpha1.ValueFresh) {
		// Another day may bring a result where there is none now.
		e.changesAt(value.NextDay(e.now, e.location()))
		e.changesAt(s.next)
	}
	if s.State != v1alpha1.ValueFresh {
		e.vars.Now = e.lastDay(last)
	}
	r := e.note(s, e.weighUp(m, s, last))
	if r.value != nil {
		r.asOf = v1alpha1.Date(e.vars.Now.In(e.location()).Format(time.DateOnly))
	}
	return r
}

// note keeps what a sighting says beside the value.
func (e *evaluation) note(s sighting, r reading) reading {
	if r.state == v1alpha1.ValueMissing {
		r.message = s.message
		return r
	}
	e.changesAt(s.next)
	return r
}

// lastDay returns the moment on whose day a measure without a fresh value stands.
func (e *evaluation) lastDay(last *v1alpha1.MeasureScore) time.Time {
	if last == nil || last.AsOf == "" {
		return e.now
	}
	day, err := value.ParseDateIn(last.AsOf, e.location())
	if err != nil {
		return e.now
	}
	return day
}

// weighUp finds the score of what is known of a measure.
func (e *evaluation) weighUp(m *measure, s sighting, last *v1alpha1.MeasureScore) reading {
	switch s.State {
	case v1alpha1.ValueFresh, v1alpha1.ValueStale:
		points, ok := e.points(m, s.Value)
		if !ok {
			return e.missing(m, s.Type, last)
		}
		if s.State == v1alpha1.ValueFresh {
			return m.counted(v1alpha1.ValueFresh, s.Observation, points)
		}
		return e.standIn(m, v1alpha1.ValueStale, s.Observation)
	case v1alpha1.ValueMissing:
		return e.missing(m, s.Type, last)
	default:
		return e.errored(m, s, last)
	}
}

// points returns the score of a value in milli-points, 0 for a measure without weight. It reports false where there is no
// value, or none that the measure can use: text is never recorded, and a weight needs a score.
func (e *evaluation) points(m *measure, v *value.Value) (int64, bool) {
	if v == nil || v.Type == v1alpha1.MetricText {
		return 0, false
	}
	if m.weight == 0 {
		return 0, true
	}
	return m.scale.score(*v, &e.vars)
}

// observe returns what is known of a measure's value now.
func (e *evaluation) observe(m *measure) sighting {
	var s sighting
	switch {
	case m.measurement != "":
		s.Observation = measurement(e.in.Account, m)
	case m.expression != nil:
		return e.observeExpression(m)
	case m.children != "":
		return e.observeChildren(m)
	default:
		o, ok := e.in.Facts[m.ref]
		if !ok {
			o.State = v1alpha1.ValueErrored
		}
		o.ObservedTime = wholeSeconds(o.ObservedTime)
		s.Observation = o
	}
	if s.State == v1alpha1.ValueFresh && s.Value != nil {
		s.State, s.next = s.StateAt(e.now, m.maxAge)
	}
	return s
}

// measurement returns a value that a person entered. It is Missing where it is not there or cannot be read.
func measurement(a *v1alpha1.Account, m *measure) value.Observation {
	o := value.Observation{Type: m.kind, State: v1alpha1.ValueMissing}
	i := slices.IndexFunc(a.Spec.Measurements, func(entered v1alpha1.Measurement) bool { return entered.Name == m.measurement })
	if i < 0 {
		return o
	}
	v, ok := parseAs(m.kind, a.Spec.Measurements[i].Value)
	if !ok {
		return o
	}
	o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, timeOf(a.Spec.Measurements[i].ObservedTime)
	return o
}

// parseAs reads a value of a type; of an empty type, a number or a time where it is one, else a word.
func parseAs(kind v1alpha1.MetricType, text string) (value.Value, bool) {
	kinds := []v1alpha1.MetricType{kind}
	if kind == "" {
		kinds = []v1alpha1.MetricType{v1alpha1.MetricNumber, v1alpha1.MetricTime, v1alpha1.MetricCategory}
	}
	for _, k := range kinds {
		if v, err := value.Parse(k, text); err == nil {
			return v, true
		}
	}
	return value.Value{}, false
}

// missing is a measure whose source was read and has no value for it. LastKnown keeps the last value in the status, for
// the status is the only memory there is.
func (e *evaluation) missing(m *measure, t v1alpha1.MetricType, last *v1alpha1.MeasureScore) reading {
	if m.timed {
		e.vars.Now = e.lastDay(last)
	}
	o := value.Observation{Type: t}
	if m.whenMissing == v1alpha1.MissingLastKnown {
		o = e.recall(m, o, last)
	}
	return e.standIn(m, v1alpha1.ValueMissing, o)
}

// errored is a measure whose source cannot be read. An outage changes nothing by itself: a value that was Missing or
// Stale before stays that, and any other keeps its score until it is too old to say anything.
func (e *evaluation) errored(m *measure, s sighting, last *v1alpha1.MeasureScore) reading {
	if s.Value == nil || m.children != "" {
		if last != nil && last.State == v1alpha1.ValueMissing {
			return e.missing(m, s.Type, last)
		}
		s.Observation = e.recall(m, s.Observation, last)
	}
	if s.Value == nil {
		return reading{state: v1alpha1.ValueErrored, out: m.weight > 0}
	}
	points, ok := e.points(m, s.Value)
	if !ok {
		return e.missing(m, s.Type, last)
	}
	s.State = v1alpha1.ValueFresh
	state, next := s.StateAt(e.now, m.maxAge)
	switch {
	case state == v1alpha1.ValueFresh && !s.old:
		if m.weight > 0 {
			e.changesAt(next)
		}
		return m.counted(v1alpha1.ValueErrored, s.Observation, points)
	case last != nil && last.State == v1alpha1.ValueStale:
		return e.standIn(m, v1alpha1.ValueStale, s.Observation)
	default:
		return reading{state: v1alpha1.ValueErrored, value: s.Value, observed: s.ObservedTime, out: m.weight > 0}
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
	if o.Type == "" && m.ref.Source != "" {
		return o // Whether it was a number or a word only the source can say.
	}
	if v, ok := parseAs(o.Type, text); ok {
		o.Type, o.Value, o.ObservedTime = v.Type, &v, observed
	}
	return o
}

// counted is a measure that has a value and a score for it.
func (m *measure) counted(state v1alpha1.ValueState, o value.Observation, points int64) reading {
	return reading{state: state, value: o.Value, observed: o.ObservedTime, covered: true, score: points, counts: m.weight > 0}
}

// standIn is a measure that has no value, or only an old one: whenMissing says what it counts as.
func (e *evaluation) standIn(m *measure, state v1alpha1.ValueState, o value.Observation) reading {
	r := reading{state: state, value: o.Value, observed: o.ObservedTime, counts: m.weight > 0}
	switch m.whenMissing {
	case v1alpha1.MissingWorst:
		r.score = 0
	case v1alpha1.MissingNeutral:
		r.score = fullScore / 2
	case v1alpha1.MissingBest:
		r.score = fullScore
	case v1alpha1.MissingLastKnown:
		if points, ok := e.points(m, o.Value); ok {
			return m.counted(state, o, points)
		}
		r.counts = false
	default:
		r.counts = false
	}
	return r
}

// show writes what a measure read, and its points, as a status shows it.
func (e *evaluation) show(shown *v1alpha1.MeasureScore, m *measure, r *reading, points int64) {
	shown.Name, shown.Dimension, shown.From, shown.State = m.name, e.model.dimensions[m.dimension].name, m.from, r.state
	shown.ObservedTime, shown.AsOf, shown.Message = e.slab.time(r.observed), r.asOf, r.message
	if r.value != nil {
		shown.Value = e.slab.value(r.value)
	}
	if r.counts {
		shown.Score, shown.Points = e.slab.score(roundPoints(r.score)), e.slab.points(points)
	}
}

// lastMeasure returns what the previous health of this model says of a measure, nil where it says nothing, or where its
// value came from elsewhere then. The measure is probably number i, as it is now.
func (e *evaluation) lastMeasure(m *measure, i int) *v1alpha1.MeasureScore {
	if e.last == nil {
		return nil
	}
	last := findMeasure(e.last.Measures, m.name, i)
	if last == nil || last.From != m.from && e.lastOfGeneration == nil {
		return nil
	}
	return last
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
