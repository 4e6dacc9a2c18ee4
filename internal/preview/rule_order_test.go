package preview_test

import (
	"slices"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Rules are applied in their order: whoever changes the order changes the model, and the plan says so.
func TestAnotherOrderOfRulesIsAChange(t *testing.T) {
	w := evaluated(t, world(t, 10, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) {
		if len(m.Spec.Rules) < 2 {
			t.Fatal("no rules")
		}
		slices.Reverse(m.Spec.Rules)
	})
	if p := foretell(t, w, h, 0); len(p.Config) != 1 {
		t.Errorf("the model has another generation, and the plan shows these changes of the configuration: %s", text(t, p.Config))
	}
}
