package playbook

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// This file answers what people ask about a playbook and an account, and what no decision needs to say aloud. It asks the
// functions that decide.

// Hold returns for how long a trigger must hold before a run may start; 0 for one that watches observations or periods.
func (p *Playbook) Hold(trigger string) time.Duration {
	hold, _ := p.hold(trigger)
	return hold
}

// Cooldown returns how long after the end of its work the playbook may start again.
func (p *Playbook) Cooldown() time.Duration { return p.cooldown }

// HeldLongEnough returns the moment at which a trigger that holds will have held for as long as it must; zero where it does
// not hold, as the episode remembers it.
func (p *Playbook) HeldLongEnough(e *v1alpha1.Episode, trigger string) time.Time {
	return p.heldLongEnough(e, trigger)
}

// CooledAt returns the moment from which the playbook's cooldown on an account lets a run start, whichever of its episodes
// worked last; zero where it never worked there. It does not look at whether work is still open.
func (p *Playbook) CooledAt(in EpisodesInput) time.Time {
	in = in.renamed()
	episodes := map[episodeKey]*v1alpha1.Episode{}
	for _, e := range EpisodesOf(in.View.Account, p.name) {
		episodes[keyOf(e)] = e
	}
	// No episode has this key, so that all of them are others.
	ended := in.othersOf(episodes, episodeKey{playbook: p.name, every: "\x00"}).ended
	if ended.IsZero() {
		return ended
	}
	return ended.Add(p.cooldown)
}

// Period is where an account stands in the periods of a trigger with every.
type Period struct {
	// Known is false where the playbook does not look at the account now.
	Known bool
	// Start is the day that periods are counted from; zero where it is not known, so that there are no periods.
	Start time.Time
	// Number and Began are the period that it is in; 0 before the first one ends.
	Number int
	Began  time.Time
	// Next is when the next one begins.
	Next time.Time
}

// PeriodOf returns where an account stands in the periods of a trigger with every; false for any other trigger.
func (p *Playbook) PeriodOf(v View, trigger string) (Period, bool) {
	t, ok := p.periodicOf(trigger)
	if !ok {
		return Period{}, false
	}
	s := p.periodsOf(v, t)
	return Period{Known: s.known, Start: s.start, Number: s.number, Began: s.newest, Next: s.next}, true
}

// Observations judges the newest observation for each trigger that watches observations one by one, in the order of their
// metrics. An observation that holds starts a run once, so that True says nothing of whether one will start.
func (p *Playbook) Observations(v View) []TriggerResult {
	judge := p.gate(v)
	var results []TriggerResult
	for i := range p.observed {
		o := &p.observed[i]
		for _, t := range o.triggers {
			j := judge
			if j == nil {
				answer := o.newest(t, p.eventsOf(v, o.ref), v.Now)
				j = &answer
			}
			results = append(results, TriggerResult{Name: t.name, Truth: j.truth, Reason: j.reason, Reads: j.reads, Since: j.since, Event: true})
		}
	}
	return results
}

// Taken reports whether an observation or a period has its run, or is history, as its episode remembers it.
func Taken(e *v1alpha1.Episode, at time.Time) bool { return taken(e, seconds(at)) }

// newest judges the newest row that has the metric.
func (o *observed) newest(t observationTrigger, events value.Events, now time.Time) judgement {
	if !events.Known {
		return unknown("the rows of %s cannot be read now", o.ref.Source)
	}
	for i := len(events.Rows) - 1; i >= 0; i-- {
		val, has := events.Rows[i].Values[o.ref.Metric]
		if !has || events.Rows[i].Time.After(now) {
			continue
		}
		j := t.test.judge(val)
		j.since = events.Rows[i].Time
		j.reason += ", observed " + value.FormatTime(j.since)
		return j
	}
	return judgement{truth: False, reason: o.ref.Source + " has no observation of " + o.ref.Metric}
}
