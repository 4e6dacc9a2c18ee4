package fleet

import (
	"maps"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// factsOf returns what is known of what an account's status, or its work, is made of.
func (f *Fleet) factsOf(c *customer, reads []v1alpha1.MetricReference, m *model, now time.Time) value.Facts {
	facts := c.facts
	if f.sources != nil {
		facts = f.sources.Facts(c.account, reads)
		f.keepYoung(facts, now)
	}
	if !slices.ContainsFunc(reads, func(ref v1alpha1.MetricReference) bool { return forgotten(facts[ref]) }) {
		return facts
	}
	if f.sources == nil {
		facts = maps.Clone(facts)
	}
	var spec *v1alpha1.HealthScoreModel
	if m != nil {
		spec = m.spec
	}
	score.Remember(facts, c.account.Status.Health, spec)
	return facts
}

// forgotten reports whether only the account's status may know a value.
func forgotten(o value.Observation) bool {
	return o.Unreadable || o.Value == nil && o.State == v1alpha1.ValueErrored
}

// keepYoung has facts grow no older from the moment on at which they were frozen. Those that were too old already do: that
// nothing is heard of an account is a fact that time makes.
func (f *Fleet) keepYoung(facts value.Facts, now time.Time) {
	if f.frozen.IsZero() || !now.After(f.frozen) {
		return
	}
	passed := now.Sub(f.frozen)
	for ref, o := range facts {
		is := o
		if is.Value != nil {
			is.State = v1alpha1.ValueFresh // what cannot be read now is young or old all the same
		}
		if state, _ := is.StateAt(f.frozen, 0); state == v1alpha1.ValueFresh && !o.ObservedTime.IsZero() {
			o.ObservedTime = o.ObservedTime.Add(passed)
			facts[ref] = o
		}
	}
}

// eventsOf returns the rows of an account that playbooks watch one by one.
func (f *Fleet) eventsOf(c *customer, s *setup) map[string]value.Events {
	if f.sources == nil || len(s.observed) == 0 {
		return c.events
	}
	events := make(map[string]value.Events, len(s.observed))
	for _, source := range s.observed {
		events[source] = f.sources.Events(c.account, source)
	}
	return events
}

// unknown returns the metrics that the account's status is made of, that a source declares, and of which no read has given
// anything yet.
func (e *evaluation) unknown() []v1alpha1.MetricReference {
	if e.fleet.sources == nil {
		return nil
	}
	var unknown []v1alpha1.MetricReference
	for _, ref := range e.setup.reads {
		o := e.facts[ref]
		if o.State == v1alpha1.ValueErrored && e.fleet.declared[ref] && !e.fleet.sources.Known(e.account, ref) {
			unknown = append(unknown, ref)
		}
	}
	return unknown
}

// blind reports whether a health says nothing because its model reads what nothing is known of yet, not even by the account's
// status. The operator waits for the first read then, and what it does after that nobody can know: so the account goes on
// as it would without the change. Under the model and the sources that the account has always been under, missing data is
// nothing new, and the score is what it is.
func (e *evaluation) blind(h *v1alpha1.Health) bool {
	if !e.fleet.cautious || len(e.out.unknown) == 0 || e.customer.trusts(e.setup.model) {
		return false
	}
	return slices.ContainsFunc(e.setup.model.compiled.Reads(), func(ref v1alpha1.MetricReference) bool {
		return slices.Contains(e.out.unknown, ref) && !remembers(h, e.setup.model.spec, ref)
	})
}

// trusts reports whether a model is the one that the account has been scored by, with all that it read then.
func (c *customer) trusts(m *model) bool {
	return !c.blind && !c.resourced && c.scored == m
}

// remembers reports whether a health has a value of a metric, or that there is none.
func remembers(h *v1alpha1.Health, m *v1alpha1.HealthScoreModel, ref v1alpha1.MetricReference) bool {
	for i := range m.Spec.Measures {
		from := &m.Spec.Measures[i].From
		if from.Source != ref.Source || from.Metric != ref.Metric || i >= len(h.Measures) {
			continue
		}
		if is := &h.Measures[i]; is.Value != "" || is.State == v1alpha1.ValueMissing {
			return true
		}
	}
	return slices.ContainsFunc(h.Facts, func(fact v1alpha1.Fact) bool {
		return fact.Source == ref.Source && fact.Metric == ref.Metric && (fact.Value != "" || fact.State == v1alpha1.ValueMissing)
	})
}
