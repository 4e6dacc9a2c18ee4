package fleet

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// carryOut plans the runs that have changed, makes their tasks, and follows what became of them. It reports whether no
// account has to be looked at again because of that.
func (f *Fleet) carryOut(now time.Time) (settled bool, err error) {
	settled = true
	for _, w := range f.runs {
		c := f.customers[w.run.Spec.AccountRef.Name]
		if w.changed {
			tasks := len(w.tasks)
			changed, err := f.carryOutOne(c, w, now)
			if err != nil {
				return false, fmt.Errorf("run %s: %w", w.run.Name, err)
			}
			c.changed = c.changed || changed
			w.changed = len(w.tasks) > tasks // a task that is there now has a generation
		}
		settled = settled && !c.changed && !w.changed
		f.changesAt(w.next)
	}
	return settled, nil
}

// carryOutOne plans one run, and reports whether that changed anything.
func (f *Fleet) carryOutOne(c *customer, w *work, now time.Time) (changed bool, err error) {
	view := f.view(c, c.account.Status.Health, now)
	in := playbook.PlanInput{
		Run: w.run, View: view, Now: now, Cleared: playbook.Cleared(w.run, playbook.StateEpisodeOf(c.account, w.run.Spec.PlaybookRef.Name)),
	}
	for _, task := range w.tasks {
		in.Tasks = append(in.Tasks, *task)
	}
	planned, err := playbook.PlanRun(in)
	if err != nil {
		return false, err
	}
	for _, task := range planned.Create {
		task.UID, task.CreationTimestamp, task.Generation = types.UID(task.Name), stamp(now), 1
		w.add(task)
		changed = true
	}
	changed = changed || !equality.Semantic.DeepEqual(w.run.Status, planned.Status)
	w.run.Status, w.next = planned.Status, planned.NextChange
	f.ended = f.ended || !playbook.RunOpen(w.run)
	for _, task := range w.tasks {
		status, _, next := playbook.TaskStatus(task, planned, now)
		changed = changed || !equality.Semantic.DeepEqual(task.Status, status)
		task.Status = status
		w.next = value.Earliest(w.next, next)
	}
	return changed, nil
}

// Unassigned reports whether a task that is not over is with nobody.
func Unassigned(task *v1alpha1.Task) bool {
	return task.Status.Assignee == "" && !playbook.Ended(task.Status.State)
}
