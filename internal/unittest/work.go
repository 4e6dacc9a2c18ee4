package unittest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// runs are those on an account, in the order in which they began.
func (p *play) runs(accountName string) []*v1alpha1.PlaybookRun {
	runs := slices.DeleteFunc(p.fleet.Runs(), func(run *v1alpha1.PlaybookRun) bool { return run.Spec.AccountRef.Name != accountName })
	slices.SortStableFunc(runs, func(a, b *v1alpha1.PlaybookRun) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Spec.PlaybookRef.Name, b.Spec.PlaybookRef.Name))
	})
	return runs
}

// madeTask is a task and the run that it is of.
type madeTask struct {
	*v1alpha1.Task
	run *v1alpha1.PlaybookRun
	// overdue as the operator's condition of this name is: somebody is to do it, and its due time is past.
	overdue bool
}

// over reports whether the task is done or canceled.
func (t madeTask) over() bool { return playbook.Ended(t.Status.State) }

// tasks are those on an account, in the order of the runs and their steps.
func (p *play) tasks(accountName string) []madeTask {
	var all []madeTask
	for _, run := range p.runs(accountName) {
		all = append(all, p.tasksOf(run)...)
	}
	return all
}

// tasksOf are the tasks of a run, in the order of its steps.
func (p *play) tasksOf(run *v1alpha1.PlaybookRun) []madeTask {
	var all []madeTask
	for _, task := range p.fleet.Tasks(run.Name) {
		due := task.Status.DueTime
		overdue := playbook.AtWork(task.Status.State) && due != nil && !p.now.Before(due.Time)
		all = append(all, madeTask{task, run, overdue})
	}
	number := func(t madeTask) int {
		return slices.IndexFunc(run.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return s.Name == t.Spec.Step })
	}
	slices.SortStableFunc(all, func(a, b madeTask) int { return cmp.Compare(number(a), number(b)) })
	return all
}

// do does what a person does with one task, and lets the operator act on it.
func (p *play) do(accountName string, w *work) error {
	var found []madeTask
	var open []string
	for _, t := range p.tasks(accountName) {
		if t.over() {
			continue
		}
		open = append(open, string(t.Spec.Step)+" of "+t.run.Spec.PlaybookRef.Name)
		if string(t.Spec.Step) == w.Task && (w.Playbook == "" || w.Playbook == t.run.Spec.PlaybookRef.Name) {
			found = append(found, t)
		}
	}
	switch {
	case len(open) == 0:
		return failedAt(w.Line, "work: there is no task %s to work on: nothing is open", w.Task)
	case len(found) == 0:
		return failedAt(w.Line, "work: there is no open task %s; there is %s", w.Task, strings.Join(open, ", "))
	case len(found) > 1:
		return failedAt(w.Line, "work: several tasks are named %s: say which with playbook; there is %s", w.Task, strings.Join(open, ", "))
	}
	spec := found[0].Spec.DeepCopy()
	if err := p.edit(spec, w); err != nil {
		return err
	}
	p.fleet.Work(fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) {
		if task.Name == found[0].Name {
			task.Spec = *spec
		}
	}), p.now)
	return p.settle()
}

// edit changes the spec of a task as the API server would let a person.
func (p *play) edit(spec *v1alpha1.TaskSpec, w *work) error {
	if w.State.said {
		spec.State = v1alpha1.TaskWorkState(w.State.text)
	}
	if w.Outcome.said {
		spec.Outcome = v1alpha1.Outcome(w.Outcome.text)
	}
	if err := checkOutcome(spec, w); err != nil {
		return err
	}
	for field, said := range map[*string]text{&spec.Note: w.Note, &spec.Assignee: w.Assignee, &spec.CompletedBy: w.CompletedBy} {
		if said.said {
			*field = said.text
		}
	}
	if w.Priority.said {
		spec.Priority = v1alpha1.Priority(w.Priority.text)
	}
	if w.DueTime.said {
		spec.DueTime = nil
		if !w.DueTime.null {
			due, err := momentIn(w.DueTime.text, p.config.location)
			if err != nil {
				return failedAt(w.DueTime.line, "work: dueTime: %w", err)
			}
			spec.DueTime = &metav1.Time{Time: due}
		}
	}
	for _, name := range w.Checklist {
		i := slices.IndexFunc(spec.Checklist, func(item v1alpha1.ChecklistItem) bool { return string(item.Name) == name })
		if i < 0 {
			return failedAt(w.Line, "work: the checklist of %s has no %q", w.Task, name)
		}
		spec.Checklist[i].Done = true
	}
	if w.Snooze == nil {
		return nil
	}
	until := p.now
	var err error
	if isDuration(w.Snooze.Until.text) {
		var d time.Duration
		d, err = value.ParseDuration(v1alpha1.Duration(w.Snooze.Until.text))
		until = until.Add(d)
	} else {
		until, err = momentIn(w.Snooze.Until.text, p.config.location)
	}
	if err != nil {
		return failedAt(w.Snooze.Line, "work: snooze: %w", err)
	}
	spec.Snooze = &v1alpha1.Snooze{Until: metav1.NewTime(until), Reason: w.Snooze.Reason}
	return nil
}

// checkOutcome refuses what the API server refuses: a task is done with one of its outcomes, where it has any.
func checkOutcome(spec *v1alpha1.TaskSpec, w *work) error {
	switch {
	case spec.Outcome != "" && len(spec.Outcomes) == 0:
		return failedAt(w.Line, "work: %s has no outcomes to choose from, so it cannot have the outcome %s", w.Task, spec.Outcome)
	case spec.Outcome != "" && !slices.Contains(spec.Outcomes, spec.Outcome):
		return failedAt(w.Line, "work: %s has no outcome %s; it has %s", w.Task, spec.Outcome, orList(spec.Outcomes))
	case spec.State == v1alpha1.WorkDone && spec.Outcome == "" && len(spec.Outcomes) > 0:
		return failedAt(w.Line, "work: %s is done with an outcome: %s", w.Task, orList(spec.Outcomes))
	}
	return nil
}
