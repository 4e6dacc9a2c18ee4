package preview_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/preview"
)

// A run that starts at another time than without the change is what the change does, also where both times are within the
// look ahead.
func TestARunThatStartsAtAnotherTime(t *testing.T) {
	w := world(t, 5, 1)
	for _, a := range w.Accounts {
		a.Spec.LifecycleStage = "Adoption"
	}
	w.Playbooks = append(w.Playbooks, read[v1alpha1.Playbook](t, []byte(`
metadata: {name: training}
spec:
  triggers: [{name: adopts, score: {atMost: 100}, for: 6d}]
  steps: [{name: train, title: Train}]
`)))
	base := evaluated(t, w, today)
	for name, hold := range map[string]v1alpha1.Duration{"at once": "0s", "days earlier": "1d"} {
		t.Run(name, func(t *testing.T) {
			h := withPlaybook(base, "training", func(pb *v1alpha1.Playbook) { pb.Spec.Triggers[0].For = hold })
			for _, ahead := range []time.Duration{0, 5 * 24 * time.Hour, 7 * 24 * time.Hour} {
				var runs []preview.RunChange
				for _, r := range foretell(t, base, h, ahead).Runs {
					if r.Playbook == "training" {
						runs = append(runs, r)
					}
				}
				if len(runs) == 0 {
					t.Errorf("looking %s ahead the plan says nothing of runs that start days earlier", ahead)
				}
			}
		})
	}
}
