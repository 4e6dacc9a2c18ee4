package playbook

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// escalate moves an overdue task through its stages, and returns the moment at which the next one comes; zero is never. A
// task that is no longer overdue has no stage, and goes through them from the first one if it is overdue again. One that
// is over keeps the stage that it had reached, and stays with whom it was then.
func (p *planner) escalate(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, status *v1alpha1.TaskStatus) (next time.Time) {
	switch {
	case Ended(status.State):
		return time.Time{}
	case status.DueTime == nil || p.now.Before(status.DueTime.Time):
		status.Escalation = nil
	case status.State == v1alpha1.TaskOpen || status.State == v1alpha1.TaskInProgress:
		next = p.reach(s, task, status)
	}
	return next
}

// reach notes the last stage whose time has come. Stages that were passed over, while the task was put off or nobody
// looked, have their say in their order.
func (p *planner) reach(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, status *v1alpha1.TaskStatus) (next time.Time) {
	before := 0
	if status.Escalation != nil {
		before = int(status.Escalation.Stage)
	}
	reached := before
	for i := before; i < len(s.Escalation); i++ {
		if at := p.stageTime(&s.Escalation[i], status.DueTime.Time); at.After(p.now) {
			next = value.Earliest(next, at)
		} else {
			reached, next = i+1, time.Time{}
		}
	}
	if reached == before {
		return next
	}
	e := &v1alpha1.TaskEscalation{
		Stage: int32(reached), Time: metav1.Time{Time: p.now}, SpecAssignee: task.Spec.Assignee, SpecPriority: task.Spec.Priority,
		Assignee: escalatedAssignee(task, status.Escalation), Priority: escalatedPriority(task, status.Escalation),
	}
	for i := before; i < reached; i++ {
		who, err := p.stageAssignee(&s.Escalation[i])
		if err != nil {
			p.plan.StageErrors[task.Name] = append(p.plan.StageErrors[task.Name], fmt.Sprintf("steps[%s].escalation[%d].assignee: %v", s.Name, i, err))
		}
		e.Assignee = cmp.Or(who, e.Assignee)
		e.Priority = cmp.Or(s.Escalation[i].Priority, e.Priority)
	}
	status.Escalation = e
	return next
}

// stageTime is when a stage comes for a task that is due at some time.
func (p *planner) stageTime(stage *v1alpha1.EscalationStage, due time.Time) time.Time {
	return written(p.calendar.after(due, value.DurationOr(stage.OverdueBy, 0), stage.Calendar)).Time
}

// stageAssignee is whom a stage gives the task; empty where that is nobody, or cannot be said.
func (p *planner) stageAssignee(stage *v1alpha1.EscalationStage) (string, error) {
	part := p.cache.text(fieldAssignee, stage.Assignee)
	if part.err != nil {
		return "", part.err
	}
	rendered, errs := part.text.Render(p.vars)
	if len(errs) > 0 {
		return "", errs[0]
	}
	return value.Shorten(strings.TrimSpace(rendered), maxAssignee), nil
}

// escalatedAssignee is whom the stages gave the task; empty where they gave it to nobody, or a person has since said
// otherwise.
func escalatedAssignee(task *v1alpha1.Task, e *v1alpha1.TaskEscalation) string {
	if e == nil || e.SpecAssignee != task.Spec.Assignee {
		return ""
	}
	return e.Assignee
}

// escalatedPriority is the priority that the stages gave the task; empty where they gave none, or a person has since said
// otherwise.
func escalatedPriority(task *v1alpha1.Task, e *v1alpha1.TaskEscalation) v1alpha1.Priority {
	if e == nil || e.SpecPriority != task.Spec.Priority {
		return ""
	}
	return e.Priority
}

// inForce writes who has a task and how urgent it is: what the stages say, else what people and the playbook do.
func inForce(task *v1alpha1.Task, status *v1alpha1.TaskStatus, assignee string) {
	status.Assignee = cmp.Or(escalatedAssignee(task, status.Escalation), assignee)
	status.SpecAssignee = task.Spec.Assignee
	status.Priority = cmp.Or(escalatedPriority(task, status.Escalation), task.Spec.Priority, v1alpha1.PriorityMedium)
}

// assigned is whom a task is with before it escalates: a person's word, else whom the step or the account says. A task
// that somebody has begun, or that is over, stays with whom the step or the account said.
func assigned(task *v1alpha1.Task, state v1alpha1.TaskState, otherwise func() string) string {
	before := &task.Status
	escalated := before.Escalation != nil && before.Escalation.Assignee == before.Assignee
	switch {
	case task.Spec.Assignee != "":
		return task.Spec.Assignee
	case Ended(before.State) && Ended(state):
		return before.Assignee
	case before.Assignee == "", before.SpecAssignee != "", escalated && !Ended(before.State):
		// Nobody had it, or somebody whom a person named and names no more, or whom the stages gave it to.
		return otherwise()
	case touched(task), Ended(state):
		return before.Assignee
	}
	return otherwise()
}

// whose is whom a step's task is with where nobody was named when it was made: whom the step finds on the account, else
// the account's owner.
func (p *planner) whose(s *v1alpha1.PlaybookStep) string {
	if s.Assignee == "" {
		return p.account.Spec.Owner
	}
	part := p.cache.text(fieldAssignee, s.Assignee)
	if part.err != nil || !steady(part.reads) {
		return p.account.Spec.Owner
	}
	text, errs := part.text.Render(p.vars)
	if text = strings.TrimSpace(text); len(errs) > 0 || text == "" {
		return p.account.Spec.Owner
	}
	return value.Shorten(text, maxAssignee)
}

// follows reports whether what reads so reads the account and nothing else: whom it names changes with the account alone.
func follows(reads expr.Reads) bool { return reads.Account && steady(reads) }

// steady reports whether what reads so reads nothing, or the account alone: it can be read at any time.
func steady(reads expr.Reads) bool {
	return !reads.Health && !reads.Time && len(reads.Metrics)+len(reads.Measures)+len(reads.Outcomes) == 0
}
