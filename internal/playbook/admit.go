package playbook

import (
	"cmp"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Candidate is an account whose episode is Due.
type Candidate struct {
	// Account is the account's name.
	Account string
	// ARR is its annual recurring revenue; 0 where it is not known.
	ARR int64
	// InhibitedBy is the playbook that keeps this one from starting on the account; empty where none does.
	InhibitedBy string
}

// AdmitInput is what it follows from which runs may start.
type AdmitInput struct {
	// Candidates are the accounts whose episode is Due.
	Candidates []Candidate
	// Suspended means that the playbook starts nothing.
	Suspended bool
	// Active is the number of runs with open work, and StartedToday of those that began within the last 24 hours. Both
	// count what was made and the cache does not show yet.
	Active, StartedToday int
	// Limits of the playbook; nil, and what is unset in it, means the defaults.
	Limits *v1alpha1.PlaybookLimits
}

// Admission is which runs may start, and which may not and why; both the largest ARR first, then by name.
type Admission struct {
	Start []string
	Held  []v1alpha1.HeldRun
}

// Admit chooses the accounts whose run may start now. An inhibited account takes no room of the limits. Where there is no
// room, the limit is what holds an account back, whether it is inhibited or not: what a limit holds back inhibits nothing,
// and if inhibition had a say in that, playbooks could change each other's answers for ever.
func Admit(in AdmitInput) Admission {
	sorted := slices.SortedFunc(slices.Values(in.Candidates), func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.ARR, a.ARR), cmp.Compare(a.Account, b.Account))
	})
	activeRuns, newRunsPerDay := Limits(in.Limits)
	room := min(activeRuns-in.Active, newRunsPerDay-in.StartedToday)
	var admission Admission
	hold := func(held v1alpha1.HeldRun) { admission.Held = append(admission.Held, held) }
	for _, c := range sorted {
		switch {
		case in.Suspended:
			hold(v1alpha1.HeldRun{Account: c.Account, Reason: v1alpha1.HeldSuspended})
		case room <= 0:
			hold(v1alpha1.HeldRun{Account: c.Account, Reason: v1alpha1.HeldLimitReached})
		case c.InhibitedBy != "":
			hold(v1alpha1.HeldRun{Account: c.Account, Reason: v1alpha1.HeldInhibited, By: c.InhibitedBy})
		default:
			admission.Start = append(admission.Start, c.Account)
			room--
		}
	}
	return admission
}

// Limits returns the limits in force: those of the playbook, and the defaults for what it leaves unset.
func Limits(limits *v1alpha1.PlaybookLimits) (activeRuns, newRunsPerDay int) {
	activeRuns, newRunsPerDay = v1alpha1.DefaultActiveRuns, v1alpha1.DefaultNewRunsPerDay
	if limits == nil {
		return activeRuns, newRunsPerDay
	}
	if limits.ActiveRuns != nil {
		activeRuns = int(*limits.ActiveRuns)
	}
	if limits.NewRunsPerDay != nil {
		newRunsPerDay = int(*limits.NewRunsPerDay)
	}
	return activeRuns, newRunsPerDay
}
