package playbook

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// over reports whether a step is over, so that the steps after it may begin.
func over(state v1alpha1.StepState) bool {
	return state == v1alpha1.StepDone || state == v1alpha1.StepSkipped || state == v1alpha1.StepCanceled
}

// step decides one step. The steps that it waits for are decided before it.
func (p *planner) step(s *v1alpha1.PlaybookStep) v1alpha1.StepStatus {
	before := p.before[s.Name]
	status := v1alpha1.StepStatus{
		Name: s.Name, Task: before.Task, Outcome: before.Outcome, CompletedBy: before.CompletedBy, ReadyTime: before.ReadyTime,
	}
	name := cmp.Or(before.Task, TaskName(p.run.Name, s.Name))
	task := p.tasks[name]
	switch {
	case task != nil:
		status.Task = name
		p.ready(s, task, &status)
		p.follow(s, task, &status)
	case over(before.State):
		status.State = before.State
	case before.Task != "":
		// Somebody deleted the task: they do not want it done.
		status.State = v1alpha1.StepCanceled
	case p.cancels || p.run.Spec.Cancel != nil:
		status.State = v1alpha1.StepCanceled
	case p.past(s):
		status.State = v1alpha1.StepSkipped
	default:
		p.ready(s, nil, &status)
		p.begin(s, &status)
	}
	p.remember(status)
	p.unfinished[s.Name] = !over(status.State) || status.State == v1alpha1.StepSkipped && slices.ContainsFunc(s.After, func(a v1alpha1.StepName) bool { return p.unfinished[a] })
	return status
}

// ready notes when the steps before were finished. If one of them opens again, a step whose task has opened stays ready; one
// that still waits for its time waits for them anew.
func (p *planner) ready(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, status *v1alpha1.StepStatus) {
	opened := task != nil && task.Status.OpenedTime != nil || p.before[s.Name].State != v1alpha1.StepWaiting
	if status.ReadyTime != nil && opened {
		return
	}
	for _, a := range s.After {
		if p.unfinished[a] {
			status.ReadyTime = nil
			return
		}
	}
	if status.ReadyTime != nil {
		return
	}
	at := p.now
	if len(s.After) == 0 {
		at = p.runStart()
	}
	status.ReadyTime = &metav1.Time{Time: at}
}

// remember makes a step's outcome known to the steps after it.
func (p *planner) remember(status v1alpha1.StepStatus) {
	if status.Outcome != "" {
		p.vars.Outcomes[string(status.Name)] = string(status.Outcome)
	}
}

// begin makes the step's task, or finds that it must wait or be skipped.
func (p *planner) begin(s *v1alpha1.PlaybookStep, status *v1alpha1.StepStatus) {
	parts := p.cache.step(s)
	if status.ReadyTime == nil && waitsForOutcomes(parts) {
		status.State = v1alpha1.StepWaiting
		p.noteDates(s, nil)
		return
	}
	if !p.when(s, parts) {
		status.State = v1alpha1.StepSkipped
		return
	}
	task := p.newTask(s, parts)
	p.plan.Create = append(p.plan.Create, task)
	status.Task = task.Name
	p.follow(s, task, status)
}

// waitsForOutcomes reports whether a step's task can only be made once the steps before it are finished: it may be
// skipped, or its texts tell how they ended.
func waitsForOutcomes(parts []stepPart) bool {
	return slices.ContainsFunc(parts, func(part stepPart) bool {
		return part.field == fieldWhen || part.field != fieldDoneWhen && len(part.reads.Outcomes) > 0
	})
}

// when reports whether a step that is ready is to be done. Where that cannot be said it is, so that no work is lost.
func (p *planner) when(s *v1alpha1.PlaybookStep, parts []stepPart) bool {
	for _, part := range parts {
		if part.field != fieldWhen {
			continue
		}
		holds, err := true, part.err
		if err == nil {
			holds, err = part.program.EvalBool(p.vars)
		}
		if err != nil && p.hasNoOutcome(part.reads.Outcomes) {
			return false
		}
		if err != nil {
			p.textError(s, fieldWhen, err)
			return true
		}
		return holds
	}
	return true
}

// hasNoOutcome reports whether one of the steps was skipped or done without an outcome: what asks for it has its answer.
// Of a canceled step there is none, since a person cut the work short, and a person decides how it goes on.
func (p *planner) hasNoOutcome(steps []string) bool {
	none := false
	for _, name := range steps {
		status := p.status[v1alpha1.StepName(name)]
		if status.Outcome != "" {
			continue
		}
		if status.State == v1alpha1.StepCanceled {
			return false
		}
		none = true
	}
	return none
}

// follow works out what became of a step from its task.
func (p *planner) follow(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, status *v1alpha1.StepStatus) {
	detail := p.taskStatus(s, task, status)
	status.Outcome = ""
	switch detail.State {
	case v1alpha1.TaskDone:
		status.State = v1alpha1.StepDone
		status.Outcome = task.Spec.Outcome
	case v1alpha1.TaskCanceled:
		status.State = v1alpha1.StepCanceled
		status.Outcome = task.Spec.Outcome
	case v1alpha1.TaskBlocked:
		status.State = v1alpha1.StepWaiting
	default:
		status.State = v1alpha1.StepOpen
	}
	p.plan.Tasks[task.Name] = detail
	switch withdrawn := detail.State == v1alpha1.TaskCanceled && workState(task) != v1alpha1.WorkCanceled; {
	case withdrawn && p.run.Spec.Cancel != nil:
		p.plan.NoLongerNeeded[task.Name] = v1alpha1.ReasonRunCanceled
	case withdrawn, p.plan.Resolved && !over(status.State):
		p.plan.NoLongerNeeded[task.Name] = v1alpha1.ReasonConditionCleared
	}
}
