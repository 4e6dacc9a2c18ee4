package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// tasks lists the tasks that the change makes, ends, or gives to somebody else or another time.
func (c *comparison) tasks() {
	for _, p := range c.pairs() {
		run := p.about()
		if c.skipped[run.Name] || p.after == nil && run.CreationTimestamp.After(c.now) {
			continue // an averted run made no task
		}
		before, after := tasksOf(c.base, p.before), tasksOf(c.head, p.after)
		if p.atOtherTimes() {
			before = nil // they are made in another moment than they would be
		}
		if slices.Equal(before, after) {
			continue
		}
		for _, task := range after {
			i := slices.IndexFunc(before, func(o *v1alpha1.Task) bool { return o.Spec.Step == task.Spec.Step })
			if i < 0 {
				c.task(nil, task, run)
			} else if before[i] != task {
				c.task(before[i], task, run)
			}
		}
		for _, task := range before {
			gone := !slices.ContainsFunc(after, func(o *v1alpha1.Task) bool { return o.Spec.Step == task.Spec.Step })
			if gone && !task.CreationTimestamp.After(c.now) {
				c.task(task, nil, run)
			}
		}
	}
	c.handMade()
	slices.SortFunc(c.preview.Tasks, func(a, b TaskChange) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	})
}

// tasksOf returns the tasks of a run, each of another step; none of none.
func tasksOf(f *fleet.Fleet, run *v1alpha1.PlaybookRun) []*v1alpha1.Task {
	if run == nil {
		return nil
	}
	return f.Tasks(run.Name)
}

// handMade compares the tasks that people made by hand and that are with the owner of their account.
func (c *comparison) handMade() {
	for _, task := range c.in.Base.Tasks {
		if task.Spec.RunRef != nil || playbook.Ended(task.Status.State) {
			continue
		}
		before, after := c.base.Account(task.Spec.AccountRef.Name), c.head.Account(task.Spec.AccountRef.Name)
		if before == nil || after == nil || before.Spec.Owner == after.Spec.Owner {
			continue
		}
		was, is := *task, *task
		was.Status, _, _ = playbook.TaskStatus(task, playbook.NoRun(before), c.until)
		is.Status, _, _ = playbook.TaskStatus(task, playbook.NoRun(after), c.until)
		c.task(&was, &is, nil)
	}
}

// task notes what becomes of one task; a nil side is none, and a nil run too.
func (c *comparison) task(before, after *v1alpha1.Task, run *v1alpha1.PlaybookRun) {
	task := after
	if task == nil {
		task = before
	}
	change := TaskChange{
		Account: task.Spec.AccountRef.Name, DisplayName: c.account(task.Spec.AccountRef.Name).DisplayName, Name: task.Name, Title: task.Spec.Title, Step: string(task.Spec.Step),
		State: task.Status.State, Assignee: task.Status.Assignee, Priority: string(task.Status.Priority), Due: timeOf(task),
	}
	if run != nil {
		change.Playbook, change.Run = c.head.NowCalled(run.Spec.PlaybookRef.Name), run.Name
	}
	switch {
	case before == nil:
		change.Action = Created
	case after == nil:
		change.Action, change.Reason = Deleted, "its run is deleted"
	case before.Status.State != after.Status.State && after.Status.State == v1alpha1.TaskCanceled:
		change.Action, change.Reason = Canceled, "nobody has begun it, and it is not needed any more"
	case before.Status.State != after.Status.State && after.Status.State == v1alpha1.TaskDone:
		change.Action, change.Reason = Completed, "doneWhen of its step holds"
	default:
		change.Action, change.Reason = Updated, updates(before, after)
		if change.Reason == "" {
			return
		}
	}
	c.preview.Tasks = append(c.preview.Tasks, change)
}

// updates says what of a task is another than without the change; empty where nothing is.
func updates(before, after *v1alpha1.Task) string {
	var parts []string
	add := func(what, was, is string) {
		if was != is {
			parts = append(parts, fmt.Sprintf("%s %s -> %s", what, cmp.Or(was, "none"), cmp.Or(is, "none")))
		}
	}
	add("state", string(before.Status.State), string(after.Status.State))
	add("assignee", before.Status.Assignee, after.Status.Assignee)
	add("priority", string(before.Status.Priority), string(after.Status.Priority))
	add("due", moment(timeOf(before)), moment(timeOf(after)))
	return strings.Join(parts, ", ")
}

// timeOf returns when a task is due; nil where nothing says so.
func timeOf(task *v1alpha1.Task) *time.Time {
	if task.Status.DueTime == nil {
		return nil
	}
	at := task.Status.DueTime.UTC()
	return &at
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return value.FormatTime(*t)
}
