package playbook

import (
	"cmp"
	"fmt"
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

// WatchesState reports whether a trigger watches a state, as all do but those with per: Observation.
func (p *Playbook) WatchesState() bool { return len(p.triggers) > 0 }

// observedOf returns the triggers that watch a metric's observations.
func (p *Playbook) observedOf(ref v1alpha1.MetricReference) (*observed, bool) {
	i := slices.IndexFunc(p.observed, func(o observed) bool { return o.ref == ref })
	if i < 0 {
		return nil, false
	}
	return &p.observed[i], true
}

// ObservationRun is a run that an observation started.
type ObservationRun struct {
	// ObservedTime of the observation.
	ObservedTime time.Time
	// Sequence of its episode.
	Sequence int64
	// Open means that it has work that is not finished.
	Open bool
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
	if p.takeRuns(e, in, now) {
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
	return e, value.Earliest(changes, p.moveObservation(e, waiting, in, now))
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

// takeRuns notes the observations that have their run, those that memory does not know of too: it was lost, or read a
// moment too early. It reports whether one of the runs has open work.
func (p *Playbook) takeRuns(e *v1alpha1.Episode, in ObservationInput, now time.Time) bool {
	var open *ObservationRun
	unheardOf := in.Memory == nil && len(in.Runs) > 0
	for i, run := range in.Runs {
		unheardOf = unheardOf || !taken(e, seconds(run.ObservedTime))
		take(e, run.ObservedTime)
		if run.Open && (open == nil || run.ObservedTime.After(open.ObservedTime)) {
			open = &in.Runs[i]
		}
		if e.State == v1alpha1.EpisodeDue && seconds(run.ObservedTime).Equal(timeOf(e.ObservedTime)) {
			enter(e, v1alpha1.EpisodeFiring, now) // its work may have ended already
		}
	}
	switch {
	case open != nil:
		// Work that a person takes up again comes before the run that is Due.
		p.leaveDue(e, v1alpha1.EpisodeFiring, now)
		e.EndedTime = nil
		e.ObservedTime = &metav1.Time{Time: seconds(open.ObservedTime)}
	case unheardOf, e.State == v1alpha1.EpisodeFiring && e.EndedTime == nil:
		e.EndedTime = &metav1.Time{Time: now} // it is not known when, but not later
	}
	for _, run := range in.Runs {
		e.Sequence = max(e.Sequence, run.Sequence)
	}
	return open != nil
}

// taken reports whether an observation has its run, or is history.
func taken(e *v1alpha1.Episode, at time.Time) bool {
	if e.UpTo != nil && !at.After(e.UpTo.Time) {
		return true
	}
	return slices.ContainsFunc(e.Taken, func(t metav1.Time) bool { return t.Time.Equal(at) })
}

// take notes that an observation has its run.
func take(e *v1alpha1.Episode, at time.Time) {
	at = seconds(at)
	if taken(e, at) {
		return
	}
	e.Taken = append(e.Taken, metav1.Time{Time: at})
	slices.SortFunc(e.Taken, func(a, b metav1.Time) int { return a.Time.Compare(b.Time) })
	if len(e.Taken) > maxTaken {
		e.UpTo = e.Taken[0].DeepCopy()
		e.Taken = slices.Delete(e.Taken, 0, 1)
	}
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

// moveObservation takes the episode to its next state, and returns when that may change by itself.
func (p *Playbook) moveObservation(e *v1alpha1.Episode, waiting []value.Event, in ObservationInput, now time.Time) time.Time {
	if len(waiting) == 0 {
		p.leaveDue(e, v1alpha1.EpisodeClear, now)
		return time.Time{}
	}
	from := now
	for _, ended := range []time.Time{in.Ended, timeOf(e.EndedTime)} {
		if cooled := ended.Add(p.cooldown); !ended.IsZero() && cooled.After(from) {
			from = cooled
		}
	}
	startable := !in.Busy && !from.After(now)
	stands := slices.ContainsFunc(waiting, func(w value.Event) bool { return w.Time.Equal(timeOf(e.ObservedTime)) })
	if !startable || e.State != v1alpha1.EpisodeDue || !stands {
		// One that stays Due stays the next: its run may be on its way.
		e.ObservedTime = &metav1.Time{Time: waiting[0].Time}
	}
	switch {
	case !startable:
		p.leaveDue(e, v1alpha1.EpisodePending, now)
	case e.State != v1alpha1.EpisodeDue:
		e.Sequence++
		enter(e, v1alpha1.EpisodeDue, now)
	}
	if in.Busy || startable {
		return time.Time{}
	}
	return from
}

// leaveDue enters a state other than Due. The number of a run that is not made is given back.
func (p *Playbook) leaveDue(e *v1alpha1.Episode, state v1alpha1.EpisodeState, now time.Time) {
	if e.State == v1alpha1.EpisodeDue {
		e.Sequence--
	}
	if e.State != state {
		enter(e, state, now)
	}
}

// timeOf returns a status's time; zero where it is unset.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// NewObservationRun makes the run of an observation whose episode is Due, with the columns of its row that the playbook
// reads among its facts: texts show that row, whatever the source says later. It is an error where the episode is not
// Due, or where the observation does not wait any more: its row is gone, say, or too old.
func (p *Playbook) NewObservationRun(v View, e v1alpha1.Episode) (*v1alpha1.PlaybookRun, error) {
	ref := v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}
	o, ok := p.observedOf(ref)
	switch {
	case v.Account == nil:
		return nil, fmt.Errorf("playbook %s: a run needs an account", p.name)
	case !ok || e.State != v1alpha1.EpisodeDue || e.Sequence < 1 || e.ObservedTime == nil:
		return nil, fmt.Errorf("playbook %s on account %s: no observation is Due", p.name, v.Account.Name)
	}
	at := seconds(e.ObservedTime.Time)
	waiting, _ := waitingEvents(&e, o, p.eventsOf(v, ref), seconds(v.Now))
	i := slices.IndexFunc(waiting, func(w value.Event) bool { return w.Time.Equal(at) })
	if i < 0 {
		return nil, fmt.Errorf("playbook %s on account %s: the observation of %s waits no more", p.name, v.Account.Name, value.FormatTime(at))
	}
	name, j, _ := o.holds(waiting[i])
	run := p.newRun(v, e.Sequence, name, fmt.Sprintf("%s, observed %s", j.reason, value.FormatTime(at)))
	run.Name = ObservationRunName(v.Account.Name, p.name, ref, at)
	run.Spec.Observation = &v1alpha1.ObservationReference{Source: ref.Source, Metric: ref.Metric, ObservedTime: metav1.Time{Time: at}}
	run.Spec.Facts = p.observationFacts(v, ref, waiting[i])
	return run, nil
}

// observationFacts lists the metric that fired, then the other columns of the row that the playbook reads, then the
// account's band and score where they are known.
func (p *Playbook) observationFacts(v View, fired v1alpha1.MetricReference, event value.Event) []v1alpha1.NamedValue {
	refs := slices.DeleteFunc(p.Reads(), func(r v1alpha1.MetricReference) bool { return r.Source != fired.Source || r == fired })
	var row []v1alpha1.NamedValue
	for _, r := range append([]v1alpha1.MetricReference{fired}, refs...) {
		if val, ok := event.Values[r.Metric]; ok {
			fact := named(metricName(r), val.String())
			fact.Type = val.Type
			row = append(row, fact)
		}
	}
	return runFacts(v, TriggerResult{Reads: row}, nil)
}

// observedView is a view with the facts of the row that started a run.
func observedView(run *v1alpha1.PlaybookRun, v View) View {
	v.Facts = observedFacts(run, v.Facts)
	return v
}

// observedFacts are the facts as the texts of a run's steps see them: of the source whose observation started the run,
// those of that row.
func observedFacts(run *v1alpha1.PlaybookRun, facts value.Facts) value.Facts {
	o := run.Spec.Observation
	if o == nil {
		return facts
	}
	seen := value.Facts{}
	for ref, observation := range facts {
		if ref.Source == o.Source {
			observation = value.Observation{Type: observation.Type, State: v1alpha1.ValueMissing}
		}
		seen[ref] = observation
	}
	for _, ref := range stepMetrics(run) {
		if ref.Source != o.Source {
			continue
		}
		seen[ref] = value.Observation{State: v1alpha1.ValueMissing}
		i := slices.IndexFunc(run.Spec.Facts, func(f v1alpha1.NamedValue) bool { return f.Name == named(metricName(ref), "").Name })
		if i < 0 {
			continue
		}
		fact := run.Spec.Facts[i]
		if val, err := value.Parse(cmp.Or(fact.Type, v1alpha1.MetricText), fact.Value); err == nil {
			seen[ref] = value.Observation{Type: val.Type, Value: &val, State: v1alpha1.ValueFresh, ObservedTime: o.ObservedTime.Time}
		}
	}
	return seen
}

// stepMetrics returns the metrics that a run's steps read, sorted, each once.
func stepMetrics(run *v1alpha1.PlaybookRun) []v1alpha1.MetricReference {
	var metrics []v1alpha1.MetricReference
	for i := range run.Spec.Steps {
		for _, part := range compileStep(&run.Spec.Steps[i]) {
			metrics = append(metrics, part.reads.Metrics...)
		}
	}
	return sortedMetrics(metrics)
}
