package notify

import "github.com/perennial-dev/perennial/api/v1alpha1"

// Waiting reports whether a notifier has yet to take an event of a run or of one of its tasks: until then they are not
// to be deleted.
func Waiting(run *v1alpha1.PlaybookRun, tasks []v1alpha1.Task) bool {
	if len(run.Status.Undelivered) > 0 {
		return true
	}
	for i := range tasks {
		if len(tasks[i].Status.Undelivered) > 0 {
			return true
		}
	}
	return false
}
