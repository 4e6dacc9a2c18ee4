package score

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxFacts is the number of facts that a status holds.
const maxFacts = 64

// readFacts reads the metrics of rules and of the expressions of measures, and notes when their results may change by
// themselves.
func (e *evaluation) readFacts() {
	if n := len(e.model.expressionReads); n > 0 {
		e.facts = make([]fact, n)
		e.vars.Metrics = make(map[v1alpha1.MetricReference]value.Value, n)
	}
	for i, ref := range e.model.expressionReads {
		f := &e.facts[i]
		*f = e.fact(ref)
		if f.value != nil {
			e.vars.Metrics[ref] = *f.value
		}
		e.changesAt(f.next)
	}
	if slices.ContainsFunc(e.model.rules, func(r rule) bool { return r.reads.Time }) {
		e.changesAt(value.NextDay(e.now, e.location()))
	}
}

// fact is what is known of a metric that a rule, a measure's expression or a trigger reads.
type fact struct {
	state v1alpha1.ValueState
	// value is the latest value: of a Fresh and Stale metric the present one, of an Errored one the last. Nil where there
	// is none, or where its type is not known.
	value *value.Value
	// text is the value as a status shows it.
	text     string
	observed time.Time
	// current is false where the value is older than the source's maxAge, whatever the state.
	current bool
	// next is when the state changes by itself.
	next time.Time
	// maxAge is the source's own; 0 where it has none.
	maxAge time.Duration
}

// fact returns what is known of a metric now.
func (e *evaluation) fact(ref v1alpha1.MetricReference) fact {
	o, ok := e.in.Facts[ref]
	o.ObservedTime = wholeSeconds(o.ObservedTime)
	if !ok {
		o.State = v1alpha1.ValueErrored
	}
	if o.State == v1alpha1.ValueMissing || o.State == v1alpha1.ValueFresh && o.Value == nil {
		return fact{state: v1alpha1.ValueMissing}
	}
	f := fact{maxAge: o.MaxAge}
	f.state, f.next = o.StateAt(e.now, 0)
	if o.Value != nil {
		f.value, f.text, f.observed = o.Value, e.slab.value(o.Value), o.ObservedTime
	} else if f.text, f.observed = e.lastValue(ref); f.text == "" && e.wasMissing(ref) {
		return fact{state: v1alpha1.ValueMissing}
	} else if o.Type != "" && f.text != "" {
		if v, err := value.Parse(o.Type, f.text); err == nil {
			f.value = &v
		}
	}
	o.State, o.ObservedTime = v1alpha1.ValueFresh, f.observed
	state, _ := o.StateAt(e.now, 0)
	f.current = state == v1alpha1.ValueFresh
	return f
}

// lastValue returns the last value of a metric that the account's status holds, as a fact or as a measure of this model,
// and when it was observed. It returns empty text where there is none.
func (e *evaluation) lastValue(ref v1alpha1.MetricReference) (string, time.Time) {
	if f := e.lastFact(ref); f != nil && f.Value != "" {
		return f.Value, timeOf(f.ObservedTime)
	}
	for i := range e.model.measures {
		m := &e.model.measures[i]
		if m.measurement != "" || m.ref != ref {
			continue
		}
		if last := e.lastMeasure(m, i); last != nil && last.Value != "" {
			return last.Value, timeOf(last.ObservedTime)
		}
	}
	return "", time.Time{}
}

// wasMissing reports whether a metric that cannot be read now had no value when it was last read.
func (e *evaluation) wasMissing(ref v1alpha1.MetricReference) bool {
	f := e.lastFact(ref)
	return f != nil && f.State == v1alpha1.ValueMissing
}

// keepFacts writes what expressions and triggers read and no measure shows, sorted. Text is left out: it may be long, and
// nothing is decided by it.
func (e *evaluation) keepFacts() {
	// There is room for all of the model's own.
	for i, ref := range e.model.expressionReads {
		e.keepFact(ref, &e.facts[i])
	}
	for _, ref := range value.DistinctMetrics(slices.Clone(e.in.Extra)) {
		if _, own := slices.BinarySearchFunc(e.model.expressionReads, ref, value.CompareMetrics); own || ref.Source == "" {
			continue
		}
		if len(e.health.Facts) == maxFacts {
			break
		}
		f := e.fact(ref)
		e.keepFact(ref, &f)
	}
	slices.SortFunc(e.health.Facts, func(a, b v1alpha1.Fact) int {
		return value.CompareMetrics(v1alpha1.MetricReference{Source: a.Source, Metric: a.Metric}, v1alpha1.MetricReference{Source: b.Source, Metric: b.Metric})
	})
}

func (e *evaluation) keepFact(ref v1alpha1.MetricReference, f *fact) {
	if e.in.Facts[ref].Type == v1alpha1.MetricText || e.shown(ref, f.text) {
		return
	}
	e.changesAt(f.next)
	kept := v1alpha1.Fact{Source: ref.Source, Metric: ref.Metric, Value: f.text, ObservedTime: e.slab.time(f.observed)}
	if f.state != v1alpha1.ValueFresh {
		kept.State = f.state
	}
	e.health.Facts = append(e.health.Facts, kept)
}

// shown reports whether a measure of the same metric shows what a fact would. It does not where the measure cannot use
// the value: a word that its scale does not list.
func (e *evaluation) shown(ref v1alpha1.MetricReference, text string) bool {
	for i := range e.model.measures {
		m := &e.model.measures[i]
		if m.measurement == "" && m.ref == ref && (text == "" || e.readings[i].value != nil) {
			return true
		}
	}
	return false
}
