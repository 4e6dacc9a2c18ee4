package playbook_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestAdmit(t *testing.T) {
	all := []playbook.Candidate{{"small", 10}, {"beta", 50}, {"unknown", 0}, {"alpha", 50}, {"large", 900}}
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
	for name, c := range map[string]struct {
		candidates    []playbook.Candidate
		active, today int
		limits        *v1alpha1.PlaybookLimits
		want          []string
		held          int
	}{
		"without limits all start, the largest ARR first, then by name": {all, 100, 100, nil, []string{"large", "alpha", "beta", "small", "unknown"}, 0},
		"limits that say nothing hold nothing":                          {all, 100, 100, limits(0, 0), []string{"large", "alpha", "beta", "small", "unknown"}, 0},
		"the runs with open work leave room for two":                    {all, 8, 0, limits(10, 0), []string{"large", "alpha"}, 3},
		"the runs of the day leave room for three":                      {all, 0, 47, limits(0, 50), []string{"large", "alpha", "beta"}, 2},
		"the narrower limit counts":                                     {all, 8, 47, limits(10, 50), []string{"large", "alpha"}, 3},
		"a full playbook holds all":                                     {all, 10, 0, limits(10, 0), nil, 5},
		"a limit that was lowered below what runs holds all":            {all, 20, 0, limits(10, 0), nil, 5},
		"without candidates nothing is held":                            {nil, 20, 0, limits(10, 0), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			admitted, held := playbook.Admit(c.candidates, c.active, c.today, c.limits)
			same(t, "admitted", c.want, admitted)
			same(t, "held", c.held, held)
		})
	}
	same(t, "the first candidate of the caller's list", "small", all[0].Account)
}
