package playbook

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// takeRuns notes the events that have their run, those that memory does not know of too: it was lost, which makes the
// episode new, or read a moment too early. It reports whether one of the runs has open work.
func (p *Playbook) takeRuns(e *v1alpha1.Episode, runs []ObservationRun, isNew bool, now time.Time) bool {
	var open *ObservationRun
	unheardOf := isNew && len(runs) > 0
	for i, run := range runs {
		unheardOf = unheardOf || !taken(e, seconds(run.ObservedTime))
		take(e, run.ObservedTime, rememberedOf(e))
		if run.Open && (open == nil || run.ObservedTime.After(open.ObservedTime)) {
			open = &runs[i]
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
		e.EndedTime = &metav1.Time{Time: lastEnd(e, runs, now)}
	}
	for _, run := range runs {
		if e.State == v1alpha1.EpisodeDue {
			e.Sequence = max(e.Sequence, run.Sequence+1) // another event took the number
		}
		e.Sequence = max(e.Sequence, run.Sequence)
	}
	return open != nil
}

// lastEnd returns when the latest work of an episode ended, as far as its runs say so. Where one does not, or the one that
// fires is gone, it is not known when, but not later than now.
func lastEnd(e *v1alpha1.Episode, runs []ObservationRun, now time.Time) time.Time {
	var last time.Time
	gone := e.State == v1alpha1.EpisodeFiring
	for _, run := range runs {
		if run.Ended.IsZero() {
			return now
		}
		if run.Ended.After(last) {
			last = run.Ended
		}
		gone = gone && !seconds(run.ObservedTime).Equal(timeOf(e.ObservedTime))
	}
	if gone || last.IsZero() {
		return now
	}
	return seconds(last)
}

// taken reports whether an event has its run, or is history.
func taken(e *v1alpha1.Episode, at time.Time) bool {
	if e.UpTo != nil && !at.After(e.UpTo.Time) {
		return true
	}
	return slices.ContainsFunc(e.Taken, func(t metav1.Time) bool { return t.Time.Equal(at) })
}

// take notes that an event has its run. Those before the latest few are history.
func take(e *v1alpha1.Episode, at time.Time, remembered int) {
	at = seconds(at)
	if taken(e, at) {
		return
	}
	e.Taken = append(e.Taken, metav1.Time{Time: at})
	slices.SortFunc(e.Taken, func(a, b metav1.Time) int { return a.Time.Compare(b.Time) })
	if len(e.Taken) > remembered {
		e.UpTo = e.Taken[0].DeepCopy()
		e.Taken = slices.Delete(e.Taken, 0, 1)
	}
}

// rememberedOf returns how many events that have their run an episode remembers one by one: of periods the last says it
// all.
func rememberedOf(e *v1alpha1.Episode) int {
	if e.Every != "" {
		return 1
	}
	return maxTaken
}

// moveEvent takes an episode of events, of which some wait for their run, the first to start first, to its next state, and
// returns when that may change by itself. While busy, other work of the playbook is open; ended is when the latest did.
func (p *Playbook) moveEvent(e *v1alpha1.Episode, waiting []time.Time, busy bool, ended, now time.Time) time.Time {
	if len(waiting) == 0 {
		p.leaveDue(e, v1alpha1.EpisodeClear, now)
		return time.Time{}
	}
	from := now
	for _, ended := range []time.Time{ended, timeOf(e.EndedTime)} {
		if cooled := ended.Add(p.cooldown); !ended.IsZero() && cooled.After(from) {
			from = cooled
		}
	}
	startable := !busy && !from.After(now)
	stands := slices.ContainsFunc(waiting, timeOf(e.ObservedTime).Equal)
	if !startable || e.State != v1alpha1.EpisodeDue || !stands {
		// One that stays Due stays the next: its run may be on its way.
		e.ObservedTime = &metav1.Time{Time: waiting[0]}
	}
	switch {
	case !startable:
		p.leaveDue(e, v1alpha1.EpisodePending, now)
	case e.State != v1alpha1.EpisodeDue:
		e.Sequence++
		enter(e, v1alpha1.EpisodeDue, now)
	}
	if busy || startable {
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
