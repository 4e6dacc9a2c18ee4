package playbook

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// Truth is what is known of a condition. Unknown is the zero value: what nobody has judged is not known.
type Truth int

// The truths.
const (
	// Unknown starts nothing, clears nothing, cancels nothing and re-arms nothing.
	Unknown Truth = iota
	// False means that the condition does not hold.
	False
	// True means that the condition holds.
	True
)

// String returns the truth's name.
func (t Truth) String() string {
	switch t {
	case True:
		return "True"
	case False:
		return "False"
	default:
		return "Unknown"
	}
}

// View is what a playbook sees of an account.
type View struct {
	// Account is the account.
	Account *v1alpha1.Account
	// Health is the account's health; nil where it was never scored.
	Health *v1alpha1.Health
	// Scored means that a model applies to the account, that the model is not stalled, and that Health is current.
	Scored bool
	// ScorePartial means that part of the score's weight is out because its source cannot be read. The band stands then,
	// and the score says nothing about a change of the customer.
	ScorePartial bool
	// Lifecycle is the account's stage as the operator sees it, and since when; nil where it was never seen.
	Lifecycle *v1alpha1.LifecycleStatus
	// Facts are the observations of the account.
	Facts value.Facts
	// Events are the rows of the account, by source, where triggers watch each of them.
	Events map[string]value.Events
	// Now is the moment to judge at.
	Now time.Time
	// Settled is when the configuration will not have changed for a while; the zero time is long ago. Until then a condition
	// that ends may only be half of a change, and its end is not believed.
	Settled time.Time
	// Location is the time zone that days begin in; nil is UTC.
	Location *time.Location
}

// location returns the time zone that days begin in.
func (v View) location() *time.Location {
	if v.Location == nil {
		return time.UTC
	}
	return v.Location
}

// TriggerResult is what is known of one trigger on one account.
type TriggerResult struct {
	// Name of the trigger.
	Name string
	// Truth of its condition.
	Truth Truth
	// Reason in words, with the values: "score 34 is at most 40".
	Reason string
	// Reads are the values that the condition was judged by, named as an expression reads them.
	Reads []v1alpha1.NamedValue
	// Since is when the condition began to hold, where the values themselves say so; zero: when it is first seen to hold.
	Since time.Time
	// Event means that the condition is about something that happened: a run that it starts is not canceled when it ends.
	Event bool
}

// Overall is the truth of several triggers of which any one is enough: True if one is True, else Unknown if one is
// Unknown, else False. No trigger at all is Unknown.
func Overall(triggers []TriggerResult) Truth {
	overall := Unknown
	for i, t := range triggers {
		switch {
		case t.Truth == True:
			return True
		case i == 0:
			overall = t.Truth
		case t.Truth == Unknown:
			overall = Unknown
		}
	}
	return overall
}

// Conditions judges every trigger, in the playbook's order, and returns the moment at which one may change by itself; the
// zero time means never.
func (p *Playbook) Conditions(v View) ([]TriggerResult, time.Time) {
	judge := p.gate(v)
	results := make([]TriggerResult, 0, len(p.triggers))
	var next time.Time
	for _, t := range p.triggers {
		j := judge
		if j == nil {
			answer := t.condition(v)
			j = &answer
		}
		results = append(results, TriggerResult{Name: t.name, Truth: j.truth, Reason: j.reason, Reads: slices.Clone(j.reads), Since: j.since, Event: t.event})
		next = value.Earliest(next, j.next)
	}
	return results, next
}

// gate answers for every trigger where the account itself decides; nil where each trigger is judged.
func (p *Playbook) gate(v View) *judgement {
	switch {
	case v.Account == nil:
		return &judgement{reason: "there is no account"}
	case account.Churned(v.Account):
		// The customer left: nothing starts, and what is under way clears, whether or not the selector still matches.
		return &judgement{truth: False, reason: "the account is churned"}
	case !p.selector.Matches(v.Account):
		return &judgement{reason: "the playbook does not select the account"}
	}
	return nil
}
