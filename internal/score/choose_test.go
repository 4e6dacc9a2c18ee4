package score

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestChooseSaysWhy(t *testing.T) {
	candidate := func(name string, priority int32, age time.Duration, stages ...v1alpha1.LifecycleStage) Candidate {
		m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(begin().Add(-age))}}
		m.Spec.Priority, m.Spec.AccountSelector.LifecycleStages = priority, stages
		c, err := CandidateOf(m)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, test := range map[string]struct {
		candidates []Candidate
		want       string
	}{
		"no other": {
			[]Candidate{candidate("standard", 0, 0), candidate("welcome", 10, 0, "Onboarding")},
			"standard: the only one that selects the account",
		},
		"a higher priority": {
			[]Candidate{candidate("standard", 0, time.Hour), candidate("enterprise", 10, 0)},
			"enterprise: its priority 10 is higher than that of standard (0)",
		},
		"a higher priority than that of the next, not of the last": {
			[]Candidate{candidate("standard", -5, time.Hour), candidate("gold", 3, 0), candidate("enterprise", 10, 0)},
			"enterprise: its priority 10 is higher than that of gold (3)",
		},
		"age": {
			[]Candidate{candidate("enterprise", 1, time.Minute), candidate("standard", 1, time.Hour), candidate("a", 0, 9*time.Hour)},
			"standard: of equal priority with enterprise, and older",
		},
		"its name": {
			[]Candidate{candidate("standard", 1, 0), candidate("enterprise", 1, 0)},
			"enterprise: of equal priority and age with standard, and first by name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(test.candidates)
			got, ok := Choose(test.candidates, &v1alpha1.Account{Spec: v1alpha1.AccountSpec{LifecycleStage: "Adoption"}})
			if said := got.Name + ": " + got.Why; !ok || said != test.want {
				t.Errorf("got\n  %s\nwant\n  %s", said, test.want)
			}
			if len(test.candidates) != before || test.candidates[0].Name == "" {
				t.Errorf("the candidates were changed: %v", test.candidates)
			}
		})
	}
}
