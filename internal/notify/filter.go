package notify

import (
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// Bounds of how a notifier delivers.
const (
	// DefaultTimeout of one delivery.
	DefaultTimeout = 10 * time.Second
	// DefaultGiveUpAfter is how long an event is tried.
	DefaultGiveUpAfter = 7 * 24 * time.Hour

	maxTimeout     = time.Minute
	maxGiveUpAfter = 30 * 24 * time.Hour
)

// Filter is a compiled notifier: which events it wants, and for how long it tries.
type Filter struct {
	// Timeout of one delivery.
	Timeout time.Duration
	// GiveUpAfter is how long an event is tried.
	GiveUpAfter time.Duration

	spec     v1alpha1.NotifierSpec
	selector *account.Selector
}

// Compile checks what a notifier says of its events. The error names the field.
func Compile(n *v1alpha1.Notifier) (*Filter, error) {
	f := &Filter{spec: n.Spec}
	var err error
	if f.Timeout, err = durationOf("spec.timeout", n.Spec.Timeout, DefaultTimeout, maxTimeout); err != nil {
		return nil, err
	}
	if f.GiveUpAfter, err = durationOf("spec.giveUpAfter", n.Spec.GiveUpAfter, DefaultGiveUpAfter, maxGiveUpAfter); err != nil {
		return nil, err
	}
	if n.Spec.AccountSelector != nil {
		if f.selector, err = account.CompileSelector(*n.Spec.AccountSelector); err != nil {
			return nil, fmt.Errorf("spec.%w", err)
		}
	}
	return f, nil
}

// durationOf reads a duration of more than nothing and at most so much.
func durationOf(field string, d v1alpha1.Duration, otherwise, most time.Duration) (time.Duration, error) {
	if d == "" {
		return otherwise, nil
	}
	parsed, err := value.ParseDuration(d)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", field, err)
	case parsed <= 0:
		return 0, fmt.Errorf("%s: %s is no time at all; leave it out for %s", field, d, value.FormatDuration(otherwise))
	case parsed > most:
		return 0, fmt.Errorf("%s: %s is longer than %s", field, d, value.FormatDuration(most))
	}
	return parsed, nil
}

// Subject is what an event is about.
type Subject struct {
	// Account that it happened to; nil where it is not there.
	Account *v1alpha1.Account
	// Playbook of the run or task; empty for an account's own events, and for a task made by hand.
	Playbook string
	// AlsoCalled are other names of that playbook, where it was renamed.
	AlsoCalled []string
	// Assignee of the task, or owner of the account.
	Assignee string
	// Was is the stage that the account was in before the event.
	Was v1alpha1.LifecycleStage
}

// Wants reports whether the notifier is to be told of an event.
func (f *Filter) Wants(t v1alpha1.EventType, s Subject) bool {
	switch {
	case len(f.spec.Events) > 0 && !slices.Contains(f.spec.Events, t):
		return false
	case len(f.spec.Playbooks) > 0 && !slices.ContainsFunc(f.spec.Playbooks, s.isOf):
		return false
	case len(f.spec.Assignees) > 0 && !slices.Contains(f.spec.Assignees, s.Assignee):
		return false
	case f.selector == nil:
		return true
	case s.Account == nil:
		return false
	case f.selector.Matches(s.Account):
		return true
	}
	// That a customer left concerns those who chose it while it was there.
	return t == v1alpha1.EventAccountChurned && f.selector.Matches(asItWas(s.Account, s.Was))
}

// isOf reports whether it is about the work of a playbook of this name.
func (s Subject) isOf(playbookName string) bool {
	return s.Playbook == playbookName || slices.Contains(s.AlsoCalled, playbookName)
}

// asItWas is an account in an earlier stage.
func asItWas(a *v1alpha1.Account, stage v1alpha1.LifecycleStage) *v1alpha1.Account {
	was := &v1alpha1.Account{}
	was.Labels, was.Spec.TouchModel, was.Spec.LifecycleStage = a.Labels, a.Spec.TouchModel, stage
	return was
}
