package fleet_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// Three playbooks that inhibit each other in a circle, each with its limit used up by an account of its own.
func TestACircleOfPlaybooksAtTheirLimitsSettles(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	f := fleet.New(time.UTC)
	account := func(name, stage string, arr int64) {
		f.SetAccount(&v1alpha1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 1},
			Spec:       v1alpha1.AccountSpec{LifecycleStage: v1alpha1.LifecycleStage(stage), Contract: &v1alpha1.Contract{ARR: &arr}},
		})
	}
	next := map[string]string{"a": "b", "b": "c", "c": "a"}
	for name, by := range next {
		account("only-"+name, "Only"+name, 100)
		pb := read[v1alpha1.Playbook](t, fmt.Sprintf(`
metadata: {name: %s, generation: 1}
spec:
  triggers: [{name: stage, lifecycle: {stages: [Everybody, Only%s]}}]
  inhibitedBy: [%s]
  limits: {activeRuns: 1}
  steps: [{name: call, title: Call}]
`, name, name, by))
		if err := f.SetPlaybook(pb); err != nil {
			t.Fatal(err)
		}
	}
	account("all", "Everybody", 1)
	if err := f.Step(now); err != nil {
		t.Fatal(err)
	}
	for name := range next {
		if held := f.Held(name); len(held) != 1 || held[0].Reason != v1alpha1.HeldLimitReached {
			t.Errorf("%s holds %v", name, held)
		}
	}
}
