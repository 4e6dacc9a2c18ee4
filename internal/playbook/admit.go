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
}

// Admit chooses the accounts whose run may start now, and counts those that the limits hold back. The largest ARR goes
// first, then the name. Active is the number of runs with open work, startedToday the number of runs that began within
// the last 24 hours; both count what was made and the cache does not show yet. Limits may be nil.
func Admit(candidates []Candidate, active, startedToday int, limits *v1alpha1.PlaybookLimits) (admitted []string, held int) {
	sorted := slices.SortedFunc(slices.Values(candidates), func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.ARR, a.ARR), cmp.Compare(a.Account, b.Account))
	})
	room := len(sorted)
	if limits != nil && limits.ActiveRuns != nil {
		room = min(room, int(*limits.ActiveRuns)-active)
	}
	if limits != nil && limits.NewRunsPerDay != nil {
		room = min(room, int(*limits.NewRunsPerDay)-startedToday)
	}
	room = max(room, 0)
	for _, c := range sorted[:room] {
		admitted = append(admitted, c.Account)
	}
	return admitted, len(sorted) - room
}
