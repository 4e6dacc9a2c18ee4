package playbook

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxTaken is how many observations that have their run are remembered one by one. One that arrives after so many later
// ones had their run is history.
const maxTaken = 8

// observed are the triggers that watch the observations of one metric.
type observed struct {
	ref      v1alpha1.MetricReference
	triggers []observationTrigger
}

// observationTrigger is one trigger with per: Observation.
type observationTrigger struct {
	name string
	test valueTest
}

// holds returns the first trigger, in the playbook's order, that an event meets, and what it says of it.
func (o *observed) holds(event value.Event) (name string, j judgement, ok bool) {
	val, has := event.Values[o.ref.Metric]
	if !has {
		return "", judgement{}, false
	}
	for _, t := range o.triggers {
		if j := t.test.judge(val); j.truth == True {
			return t.name, j, true
		}
	}
	return "", judgement{}, false
}

// ObservedMetrics returns the metrics whose observations the playbook watches one by one, sorted.
func (p *Playbook) ObservedMetrics() []v1alpha1.MetricReference {
	refs := make([]v1alpha1.MetricReference, len(p.observed))
	for i := range p.observed {
		refs[i] = p.observed[i].ref
	}
	return refs
}

// WatchesState reports whether a trigger watches a state, as all do but those with per: Observation and those with every.
func (p *Playbook) WatchesState() bool { return len(p.triggers) > 0 }

// observedOf returns the triggers that watch a metric's observations.
func (p *Playbook) observedOf(ref v1alpha1.MetricReference) (*observed, bool) {
	i := slices.IndexFunc(p.observed, func(o observed) bool { return o.ref == ref })
	if i < 0 {
		return nil, false
	}
	return &p.observed[i], true
}

// ObservationRun is a run that an observation, or a period, started.
type ObservationRun struct {
	// ObservedTime of the observation, or the beginning of the period.
	ObservedTime time.Time
	// Sequence of its episode.
	Sequence int64
	// Open means that it has work that is not finished.
	Open bool
	// Ended is when its work ended; zero where that is not known.
	Ended time.Time
}

// ObservationInput is what the next state of an episode of observations follows from.
type ObservationInput struct {
	// Memory is the account's episode of this playbook and metric; nil where the playbook never saw the account.
	Memory *v1alpha1.Episode
	// Metric whose observations they are.
	Metric v1alpha1.MetricReference
	// View is what the playbook sees of the account: its Events, and its Now.
	View View
	// Runs are those that observations of this metric started.
	Runs []ObservationRun
	// Busy means that another run of the playbook on the account has open work, or is about to start.
	Busy bool
	// Ended is when the latest work of the playbook on the account ended, whichever episode it was of, as far as is known
	// beside Memory; zero: never.
	Ended time.Time
}

// DecideObservation returns the episode as it is now, and the moment at which it may change by itself; the zero time means
// never. A nil episode means that nothing could be seen yet. Every observation that holds is Pending, Due and Firing once,
// the oldest first, and Clear is the state between them. Deciding again at the same moment changes nothing.
func (p *Playbook) DecideObservation(in ObservationInput) (*v1alpha1.Episode, time.Time) {
	o, ok := p.observedOf(in.Metric)
	if !ok {
		return in.Memory.DeepCopy(), time.Time{}
	}
	now := seconds(in.View.Now)
	events := p.eventsOf(in.View, in.Metric)
	e := p.recallObservations(in, o, events, now)
	if e == nil {
		return nil, firstAhead(events, now)
	}
	if p.takeRuns(e, in.Runs, in.Memory == nil, now) {
		return e, time.Time{} // its run has open work: the next waits for its end
	}
	if !events.Known {
		// Nobody can say now whether the observation still stands, so none is Due.
		if e.State == v1alpha1.EpisodeDue {
			p.leaveDue(e, v1alpha1.EpisodePending, now)
		}
		return e, time.Time{}
	}
	waiting, changes := waitingEvents(e, o, events, now)
	return e, value.Earliest(changes, p.moveEvent(e, timesOf(waiting), in.Busy, in.Ended, now))
}

// eventsOf returns the events that the playbook sees: none that are known where it does not look at the account now.
func (p *Playbook) eventsOf(v View, ref v1alpha1.MetricReference) value.Events {
	events := v.Events[ref.Source]
	switch {
	case v.Account == nil:
		return value.Events{}
	case account.Churned(v.Account):
		return value.Events{Known: events.Known} // the customer left: nothing starts
	case !p.selector.Matches(v.Account):
		return value.Events{}
	}
	return events
}

// recallObservations returns a copy of the memory; where there is none, what the playbook makes of what it finds.
func (p *Playbook) recallObservations(in ObservationInput, o *observed, events value.Events, now time.Time) *v1alpha1.Episode {
	e := in.Memory.DeepCopy()
	if e == nil {
		// What is history can only be said where it can be seen: the runs that exist are there later too.
		if !events.Known || account.Churned(in.View.Account) {
			return nil
		}
		e = &v1alpha1.Episode{Source: in.Metric.Source, Metric: in.Metric.Metric}
		enter(e, v1alpha1.EpisodeClear, now)
		if seen := p.skipHistory(e, o, events, now); !seen {
			return nil // what comes first may be the history of years
		}
	}
	e.Name = p.name
	return e
}

// skipHistory makes history of the observations that the playbook finds when it first sees any of the account, but for the
// newest where existing ones start. It reports whether it could: where existing ones are ignored, what is from before this
// moment is history, also if it is not there yet.
func (p *Playbook) skipHistory(e *v1alpha1.Episode, o *observed, events value.Events, now time.Time) (seen bool) {
	var times []time.Time
	for _, event := range events.Rows {
		if _, has := event.Values[o.ref.Metric]; has && !event.Time.After(now) {
			times = append(times, event.Time)
		}
	}
	times = slices.Compact(times)
	n := len(times)
	switch {
	case p.existing == v1alpha1.ExistingIgnore:
		e.UpTo = &metav1.Time{Time: now}
	case n > 1:
		e.UpTo = &metav1.Time{Time: times[n-2]}
	case n == 1:
		e.UpTo = &metav1.Time{Time: times[0].Add(-time.Second)}
	}
	return n > 0 || p.existing == v1alpha1.ExistingIgnore
}

// firstAhead returns the first moment of an event that lies ahead; zero where there is none.
func firstAhead(events value.Events, now time.Time) time.Time {
	for _, event := range events.Rows {
		if event.Time.After(now) {
			return event.Time
		}
	}
	return time.Time{}
}

// waitingEvents returns the events that hold and have no run yet, the oldest first, and the first moment at which that
// changes by itself: one lies ahead, as clocks do, or grows older than its source's maxAge, after which it starts nothing.
func waitingEvents(e *v1alpha1.Episode, o *observed, events value.Events, now time.Time) (waiting []value.Event, next time.Time) {
	for _, event := range events.Rows {
		if _, _, holds := o.holds(event); !holds || taken(e, event.Time) {
			continue
		}
		if event.Time.After(now) {
			next = value.Earliest(next, event.Time)
			continue
		}
		if events.MaxAge > 0 {
			stale := event.Time.Add(events.MaxAge + time.Second)
			if !now.Before(stale) {
				continue
			}
			next = value.Earliest(next, stale)
		}
		waiting = append(waiting, event)
	}
	return waiting, next
}

// timesOf returns the times of events.
func timesOf(events []value.Event) []time.Time {
	var times []time.Time
	for _, e := range events {
		times = append(times, e.Time)
	}
	return times
}
