package playbook

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// completedByDoneWhen is what a status says of a task that its step's doneWhen closed.
const completedByDoneWhen = "DoneWhen"

// AtWork reports whether a task waits for somebody.
func AtWork(state v1alpha1.TaskState) bool {
	return state == v1alpha1.TaskOpen || state == v1alpha1.TaskInProgress || state == v1alpha1.TaskSnoozed
}

// Ended reports whether a task is over.
func Ended(state v1alpha1.TaskState) bool {
	return state == v1alpha1.TaskDone || state == v1alpha1.TaskCanceled
}

// taskState decides what became of a step's task, and notes in the step if its doneWhen closes it now. What a person says
// of its end comes first, then what closed it before. Work that is no longer needed but was completed by itself is done.
func (p *planner) taskState(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, step *v1alpha1.StepStatus, status *v1alpha1.TaskStatus) v1alpha1.TaskState {
	said := workState(task)
	switch {
	case said == v1alpha1.WorkDone:
		return v1alpha1.TaskDone
	case said == v1alpha1.WorkCanceled:
		return v1alpha1.TaskCanceled
	case step.CompletedBy != "":
		return v1alpha1.TaskDone
	case p.run.Spec.Cancel != nil:
		return v1alpha1.TaskCanceled
	}
	canceled := task.Status.State == v1alpha1.TaskCanceled || p.before[s.Name].State == v1alpha1.StepCanceled
	if said == v1alpha1.WorkOpen && p.cancels && canceled {
		return v1alpha1.TaskCanceled
	}
	state := workedOn(task, p.now)
	if said == v1alpha1.WorkOpen && p.blocked(step, status) {
		state = v1alpha1.TaskBlocked
	}
	if AtWork(state) && p.doneWhen(s) {
		step.CompletedBy = completedByDoneWhen
		return v1alpha1.TaskDone
	}
	if p.cancels && !touched(task) && !p.openedAgain(status) {
		return v1alpha1.TaskCanceled
	}
	return state
}

// openedAgain reports whether somebody opened a task again when the condition had cleared: nothing else opens one then.
func (p *planner) openedAgain(status *v1alpha1.TaskStatus) bool {
	resolved := p.run.Status.ResolvedTime
	return resolved != nil && status.OpenedTime != nil && resolved.Before(status.OpenedTime)
}

// workedOn is the state of a task that people alone decide.
func workedOn(task *v1alpha1.Task, now time.Time) v1alpha1.TaskState {
	state := v1alpha1.TaskState(workState(task))
	if snooze := task.Spec.Snooze; snooze != nil && !Ended(state) && now.Before(snooze.Until.Time) {
		return v1alpha1.TaskSnoozed
	}
	return state
}

// blocked reports whether a task waits for the steps before it, or for its time. A time that has come does not go again.
func (p *planner) blocked(step *v1alpha1.StepStatus, status *v1alpha1.TaskStatus) bool {
	if step.ReadyTime == nil {
		return true
	}
	return status.OpenedTime == nil && status.OpensTime != nil && p.now.Before(status.OpensTime.Time)
}

// doneWhen reports whether a step's doneWhen is true. What it reads must be known now: what is old, remembered or cannot
// be judged closes nothing.
func (p *planner) doneWhen(s *v1alpha1.PlaybookStep) bool {
	if s.DoneWhen == "" || p.unjudged {
		return false
	}
	part := p.cache.expression(fieldDoneWhen, s.DoneWhen)
	program, err := part.program, part.err
	if err != nil {
		return false
	}
	reads := program.Reads()
	if reads.Time {
		p.plan.NextChange = value.Earliest(p.plan.NextChange, value.NextDay(p.now, p.live.location()))
	}
	for _, ref := range reads.Metrics {
		if p.live.Facts[ref].Suspended {
			return false
		}
	}
	if _, why := p.live.known(reads); why != "" {
		return false
	}
	vars := varsOf(p.live, p.now, reads)
	vars.Outcomes = p.vars.Outcomes
	holds, err := program.EvalBool(vars)
	return err == nil && holds
}

// completedBy is what completed a task: the name that a person wrote, else the step's doneWhen.
func completedBy(task *v1alpha1.Task, state v1alpha1.TaskState, doneWhen bool) string {
	switch {
	case state != v1alpha1.TaskDone:
		return ""
	case workState(task) == v1alpha1.WorkDone && task.Spec.CompletedBy != "":
		return task.Spec.CompletedBy
	case doneWhen:
		return completedByDoneWhen
	}
	return ""
}

// taskStatus is the status of a step's task.
func (p *planner) taskStatus(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, step *v1alpha1.StepStatus) v1alpha1.TaskStatus {
	before := &task.Status
	out := *before.DeepCopy()
	out.ObservedGeneration = task.Generation
	out.OpensTime = p.opensTime(s, before, step.ReadyTime)
	if before.State == v1alpha1.TaskDone && step.CompletedBy == "" && workState(task) == v1alpha1.WorkOpen {
		out.OpenedTime = &metav1.Time{Time: p.now} // somebody opens it again
	}
	out.State = p.taskState(s, task, step, &out)
	if Ended(out.State) {
		out.OpenedTime = before.OpenedTime.DeepCopy() // doneWhen may close it again in the same moment
		if before.OpensTime != nil {
			out.OpensTime = before.OpensTime.DeepCopy()
		}
	}
	out.OpenedTime = openedTime(before, &out, step.ReadyTime, p.now)
	out.EndedTime = endedTime(&out, p.now)
	out.DueTime = p.dueTime(s, task, &out)
	out.CompletedBy = completedBy(task, out.State, step.CompletedBy != "")
	stage := p.escalate(s, task, &out)
	inForce(task, &out, assigned(task, out.State, func() string { return p.whose(s) }))
	if !Ended(out.State) {
		p.noteDates(s, task)
	}
	next := value.Earliest(stage, nextOf(task, &out, p.now))
	if out.State == v1alpha1.TaskBlocked && step.ReadyTime != nil {
		next = value.Earliest(next, timeOf(out.OpensTime))
	}
	p.plan.Next[task.Name] = next
	p.plan.NextChange = value.Earliest(p.plan.NextChange, next)
	return out
}

// nextOf is when a task becomes overdue, or is no longer put off; zero is never.
func nextOf(task *v1alpha1.Task, status *v1alpha1.TaskStatus, now time.Time) (next time.Time) {
	if !AtWork(status.State) {
		return next
	}
	if status.DueTime != nil && status.DueTime.After(now) {
		next = status.DueTime.Time
	}
	if status.State == v1alpha1.TaskSnoozed {
		next = value.Earliest(next, task.Spec.Snooze.Until.Time)
	}
	return next
}

// overdue reports whether a task waits for somebody past its due time.
func overdue(status *v1alpha1.TaskStatus, now time.Time) bool {
	return AtWork(status.State) && status.DueTime != nil && !now.Before(status.DueTime.Time)
}

// TaskStatus returns the status of a task, whether it is overdue, and the moment at which that changes by itself; the zero
// time means never. The plan is that of the task's run; it is nil for a task whose run is gone, and one of NoRun for a task
// made by hand.
func TaskStatus(t *v1alpha1.Task, p *Plan, now time.Time) (status v1alpha1.TaskStatus, pastDue bool, next time.Time) {
	now = seconds(now)
	ok, owner := false, ""
	if p != nil {
		owner = p.Owner
		status, ok = p.Tasks[t.Name]
		next = p.Next[t.Name]
	}
	if !ok {
		status = handMade(t, owner, now)
		next = nextOf(t, &status, now)
	}
	return status, overdue(&status, now), next
}

// NoRun is the plan that a task made by hand follows: where nobody is named it is the owner's of its account.
func NoRun(acct *v1alpha1.Account) *Plan { return &Plan{Owner: acct.Spec.Owner} }

// handMade is the status of a task that follows no run: all of it is what people say. Of a task whose run is gone, what the
// run decided stays.
func handMade(t *v1alpha1.Task, owner string, now time.Time) v1alpha1.TaskStatus {
	before := &t.Status
	status := *before.DeepCopy()
	status.ObservedGeneration = t.Generation
	ofRun := t.Spec.RunRef != nil
	closed := ofRun && before.CompletedBy == completedByDoneWhen
	switch said := workState(t); {
	case closed && said != v1alpha1.WorkCanceled:
		status.State = v1alpha1.TaskDone
	case !ofRun || said != v1alpha1.WorkOpen || before.State != v1alpha1.TaskCanceled && before.State != v1alpha1.TaskBlocked:
		status.State = workedOn(t, now)
	}
	status.CompletedBy = completedBy(t, status.State, closed)
	status.OpenedTime = openedTime(before, &status, createdTime(t), now)
	status.EndedTime = endedTime(&status, now)
	if t.Spec.DueTime != nil || !ofRun {
		status.DueTime = t.Spec.DueTime.DeepCopy()
	}
	inForce(t, &status, assigned(t, status.State, func() string {
		if ofRun && owner == "" {
			return before.Assignee
		}
		return owner
	}))
	return status
}

// createdTime is when a task was made; nil for one that no API server has seen.
func createdTime(t *v1alpha1.Task) *metav1.Time {
	if t.CreationTimestamp.IsZero() {
		return nil
	}
	return &t.CreationTimestamp
}
