package playbook_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestAdmit(t *testing.T) {
	all := []playbook.Candidate{{Account: "small", ARR: 10}, {Account: "beta", ARR: 50}, {Account: "unknown"}, {Account: "alpha", ARR: 50}, {Account: "large", ARR: 900}}
	limits := func(active, daily int32) *v1alpha1.PlaybookLimits {
		l := &v1alpha1.PlaybookLimits{}
		if active > 0 {
			l.ActiveRuns = &active
		}
		if daily > 0 {
			l.NewRunsPerDay = &daily
		}
		return l
	}
	inhibited := append([]playbook.Candidate{{Account: "huge", ARR: 1000, InhibitedBy: "renewal"}}, all...)
	held := func(reason v1alpha1.HeldReason, by string, accounts ...string) []v1alpha1.HeldRun {
		var runs []v1alpha1.HeldRun
		for _, name := range accounts {
			runs = append(runs, v1alpha1.HeldRun{Account: name, Reason: reason, By: by})
		}
		return runs
	}
	limit := v1alpha1.HeldLimitReached
	for name, c := range map[string]struct {
		in    playbook.AdmitInput
		start []string
		held  []v1alpha1.HeldRun
	}{
		"the largest ARR goes first, then by name": {
			playbook.AdmitInput{Candidates: all}, []string{"large", "alpha", "beta", "small", "unknown"}, nil,
		},
		"limits that say nothing are the defaults": {
			playbook.AdmitInput{Candidates: all, Active: 199, Limits: limits(0, 0)},
			[]string{"large"},
			held(limit, "", "alpha", "beta", "small", "unknown"),
		},
		"without limits fifty start in a day": {
			playbook.AdmitInput{Candidates: all, StartedToday: 49}, []string{"large"}, held(limit, "", "alpha", "beta", "small", "unknown"),
		},
		"the runs with open work leave room for two": {
			playbook.AdmitInput{Candidates: all, Active: 8, Limits: limits(10, 0)},
			[]string{"large", "alpha"},
			held(limit, "", "beta", "small", "unknown"),
		},
		"the runs of the day leave room for three": {
			playbook.AdmitInput{Candidates: all, StartedToday: 47, Limits: limits(0, 50)},
			[]string{"large", "alpha", "beta"},
			held(limit, "", "small", "unknown"),
		},
		"the narrower limit counts": {
			playbook.AdmitInput{Candidates: all, Active: 8, StartedToday: 47, Limits: limits(10, 50)},
			[]string{"large", "alpha"},
			held(limit, "", "beta", "small", "unknown"),
		},
		"a limit that was lowered below what runs holds all": {
			playbook.AdmitInput{Candidates: all, Active: 20, Limits: limits(10, 0)},
			nil, held(limit, "", "large", "alpha", "beta", "small", "unknown"),
		},
		"what another playbook holds back takes no room": {
			playbook.AdmitInput{Candidates: inhibited, Limits: limits(2, 0)},
			[]string{"large", "alpha"},
			append(held(v1alpha1.HeldInhibited, "renewal", "huge"), held(limit, "", "beta", "small", "unknown")...),
		},
		"without room it is the limit that holds back, also what another playbook does": {
			playbook.AdmitInput{Candidates: inhibited, Active: 2, Limits: limits(2, 0)},
			nil, held(limit, "", "huge", "large", "alpha", "beta", "small", "unknown"),
		},
		"a suspended playbook holds all": {
			playbook.AdmitInput{Candidates: all, Suspended: true},
			nil, held(v1alpha1.HeldSuspended, "", "large", "alpha", "beta", "small", "unknown"),
		},
		"without candidates nothing is held": {playbook.AdmitInput{Active: 20, Limits: limits(10, 0)}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			admission := playbook.Admit(c.in)
			same(t, "start", c.start, admission.Start)
			same(t, "held", c.held, admission.Held)
		})
	}
	same(t, "the first candidate of the caller's list", "small", all[0].Account)
}
