package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// waitedFor is a remark about a task that is taken up before its turn; empty for any other. What cannot be read is not
// said: the remark is by the way.
func waitedFor(ctx context.Context, c client.Client, task *v1alpha1.Task, now time.Time) string {
	if task.Status.State != v1alpha1.TaskBlocked || task.Status.ObservedGeneration != task.Generation {
		return ""
	}
	if at := task.Status.OpensTime; at != nil && at.After(now) {
		return "; its time would have come on " + at.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	var run v1alpha1.PlaybookRun
	if task.Spec.RunRef == nil || c.Get(ctx, types.NamespacedName{Namespace: task.Namespace, Name: task.Spec.RunRef.Name}, &run) != nil {
		return "; it was waiting for the steps before it"
	}
	var before []string
	for i := range run.Spec.Steps {
		if run.Spec.Steps[i].Name == task.Spec.Step {
			for _, name := range run.Spec.Steps[i].After {
				if !stepEnded(&run, name) {
					before = append(before, string(name))
				}
			}
		}
	}
	if len(before) == 0 {
		return "; it was waiting for the steps before it"
	}
	return "; it was waiting for " + strings.Join(before, ", ")
}

// stepEnded reports whether a step of a run is over.
func stepEnded(run *v1alpha1.PlaybookRun, name v1alpha1.StepName) bool {
	return slices.ContainsFunc(run.Status.Steps, func(s v1alpha1.StepStatus) bool {
		return s.Name == name && slices.Contains([]v1alpha1.StepState{v1alpha1.StepDone, v1alpha1.StepSkipped, v1alpha1.StepCanceled}, s.State)
	})
}
