package preview_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// A finished run that is kept because of the change, and would expire without it, does not start.
func TestARunThatIsKeptLongerDoesNotStart(t *testing.T) {
	w := world(t, 5, 1)
	for _, a := range w.Accounts {
		a.Spec.LifecycleStage = "Adoption"
	}
	limit := int32(0)
	pb := read[v1alpha1.Playbook](t, []byte(`
metadata: {name: training}
spec:
  triggers: [{name: adopts, lifecycle: {stages: [Adoption]}}]
  steps: [{name: train, title: Train}]
`))
	pb.Spec.HistoryLimit = &limit
	w.Playbooks = append(w.Playbooks, pb)
	f, _ := fleet.Load(w, today.Add(-20*time.Hour))
	for i, at := range []time.Time{today.Add(-20 * time.Hour), today.Add(-19 * time.Hour)} {
		if i > 0 {
			f.Work(fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) {
				if task.Spec.Step == "train" {
					task.Spec.State = v1alpha1.WorkDone
				}
			}), at)
		}
		if err := f.Step(at); err != nil {
			t.Fatal(err)
		}
	}
	base := taken(f, w)
	for name, h := range map[string]*fleet.World{
		"the playbook keeps more runs": withPlaybook(base, "training", func(pb *v1alpha1.Playbook) { pb.Spec.HistoryLimit = new(int32(3)) }),
		"the playbook is deleted":      without(base, "training"),
	} {
		t.Run(name, func(t *testing.T) {
			p := foretell(t, base, h, 24*time.Hour)
			for _, r := range p.Runs {
				if r.Playbook == "training" && r.Action == preview.Started {
					t.Errorf("run %s, which was done a day ago, is said to start", r.Run)
				}
			}
			for _, task := range p.Tasks {
				if task.Playbook == "training" && task.Action == preview.Created {
					t.Errorf("task %s, which was done a day ago, is said to be made", task.Name)
				}
			}
		})
	}
}
