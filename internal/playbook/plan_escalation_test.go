package playbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// late is a run with one task that is due an hour after it opened, at 13:00, and has three stages.
func late(t tester) *job {
	call := after("call")
	call.Due = &v1alpha1.StepTime{After: "1h"}
	call.Escalation = []v1alpha1.EscalationStage{
		{OverdueBy: "0", Priority: v1alpha1.PriorityHigh},
		{OverdueBy: "1d", Assignee: "${team('Manager')}"},
		{OverdueBy: "2d", Assignee: "${team('Director')}", Priority: v1alpha1.PriorityUrgent},
	}
	j := newJob(t, call)
	j.view.Account = acme(func(a *v1alpha1.Account) {
		a.Spec.Team = []v1alpha1.TeamMember{{Role: "Manager", User: "max"}, {Role: "Director", User: "dee"}}
	})
	return j
}

// hours moves the clock to some time after noon, and works.
func (j *job) hours(n float64) v1alpha1.TaskStatus {
	j.t.Helper()
	j.now = noon.Add(time.Duration(n * float64(time.Hour)))
	j.carryOut()
	return j.task("call").Status
}

// wantForce checks which stage a task is in, who has it and how urgent it is.
func wantForce(t tester, what string, status v1alpha1.TaskStatus, stage int32, assignee string, priority v1alpha1.Priority) {
	t.Helper()
	got := int32(0)
	if status.Escalation != nil {
		got = status.Escalation.Stage
	}
	same(t, what+": stage", stage, got)
	same(t, what+": assignee", assignee, status.Assignee)
	same(t, what+": priority", priority, status.Priority)
}

const (
	medium = v1alpha1.PriorityMedium
	high   = v1alpha1.PriorityHigh
	urgent = v1alpha1.PriorityUrgent
)

func TestAnOverdueTaskGoesThroughItsStages(t *testing.T) {
	j := late(t)
	const jo = "jo@example.com"
	wantForce(t, "at first", j.hours(0), 0, jo, medium)
	wantForce(t, "a moment before it is due", j.hours(0.99), 0, jo, medium)
	wantForce(t, "when it is due", j.hours(1), 1, jo, high)
	plan := j.plan()
	_, overdue, next := playbook.TaskStatus(j.task("call"), plan, j.now)
	same(t, "overdue", true, overdue)
	same(t, "next change", noon.Add(25*time.Hour), next)
	same(t, "run's next change", noon.Add(25*time.Hour), plan.NextChange)
	same(t, "overdue tasks of the run", int32(1), j.run.Status.OverdueTasks)
	wantForce(t, "a day later", j.hours(25), 2, "max", high)
	same(t, "the record", &v1alpha1.TaskEscalation{Stage: 2, Time: *stamp(noon.Add(25 * time.Hour)), Assignee: "max", Priority: high, SpecPriority: medium},
		j.task("call").Status.Escalation)
	wantForce(t, "two days later", j.hours(49), 3, "dee", urgent)
	_, _, next = playbook.TaskStatus(j.task("call"), j.plan(), j.now)
	same(t, "next change after the last stage", time.Time{}, next)
	j.people("kim", "")
	wantForce(t, "once others are in the team", j.hours(50), 3, "dee", urgent)
}

func TestEscalation(t *testing.T) {
	const jo = "jo@example.com"
	at := func(n float64) *v1alpha1.TaskSpec {
		return &v1alpha1.TaskSpec{DueTime: stamp(noon.Add(time.Duration(n * float64(time.Hour))))}
	}
	for name, c := range map[string]struct {
		given    func(*job)
		stage    int32
		assignee string
		priority v1alpha1.Priority
	}{
		"reaches stages that nobody looked at at once": {func(j *job) { j.hours(100) }, 3, "dee", urgent},
		"keeps the assignee where a stage gives nobody": {
			func(j *job) {
				j.view.Account.Spec.Team = j.view.Account.Spec.Team[:1]
				j.hours(49)
			}, 3, "max", urgent,
		},
		"keeps the owner where no stage gives anybody": {
			func(j *job) {
				j.view.Account.Spec.Team = nil
				j.hours(49)
			}, 3, jo, urgent,
		},
		"goes on while somebody works on it": {
			func(j *job) {
				j.task("call").Spec.State = v1alpha1.WorkInProgress
				j.hours(25)
			}, 2, "max", high,
		},
		"waits while the task is put off": {
			func(j *job) {
				j.task("call").Spec.Snooze = &v1alpha1.Snooze{Until: *stamp(noon.Add(26 * time.Hour))}
				j.hours(25)
			}, 0, jo, medium,
		},
		"keeps its stage while the task is put off": {
			func(j *job) {
				j.hours(2)
				j.task("call").Spec.Snooze = &v1alpha1.Snooze{Until: *stamp(noon.Add(100 * time.Hour))}
				j.hours(49)
			}, 1, jo, high,
		},
		"catches up once the task is put off no more": {
			func(j *job) {
				j.task("call").Spec.Snooze = &v1alpha1.Snooze{Until: *stamp(noon.Add(60 * time.Hour))}
				j.hours(59)
				j.hours(60)
			}, 3, "dee", urgent,
		},
		"is beaten by the assignee that a person sets": {
			func(j *job) {
				j.hours(25)
				j.task("call").Spec.Assignee = "pat"
				j.hours(26)
			}, 2, "pat", high,
		},
		"is beaten by the priority that a person sets": {
			func(j *job) {
				j.hours(25)
				j.task("call").Spec.Priority = v1alpha1.PriorityLow
				j.hours(26)
			}, 2, "max", v1alpha1.PriorityLow,
		},
		"beats in a later stage what a person said before": {
			func(j *job) {
				j.hours(25)
				j.task("call").Spec.Assignee, j.task("call").Spec.Priority = "pat", v1alpha1.PriorityLow
				j.hours(49)
			}, 3, "dee", urgent,
		},
		"does not bring back what a person took away": {
			func(j *job) {
				j.hours(25)
				j.task("call").Spec.Assignee = "pat"
				j.view.Account.Spec.Team = j.view.Account.Spec.Team[:1]
				j.hours(49)
			}, 3, "pat", urgent,
		},
		"is over when the due time moves ahead": {
			func(j *job) {
				j.hours(25)
				j.task("call").Spec.DueTime = at(48).DueTime
				j.hours(26)
			}, 0, jo, medium,
		},
		"begins anew when the task is overdue again": {
			func(j *job) {
				j.hours(49)
				j.task("call").Spec.DueTime = at(60).DueTime
				j.hours(50)
				j.hours(60)
			}, 1, jo, high,
		},
		"does not go back while the task is overdue": {
			func(j *job) {
				j.hours(49)
				j.task("call").Spec.DueTime = at(48).DueTime
				j.hours(50)
			}, 3, "dee", urgent,
		},
		"stays with whom it was when the task is done": {
			func(j *job) {
				j.hours(49)
				j.task("call").Spec.State = v1alpha1.WorkDone
				j.hours(50)
			}, 3, "dee", urgent,
		},
		"stays so whatever becomes of the due time of a task that is over": {
			func(j *job) {
				j.hours(49)
				j.task("call").Spec.State = v1alpha1.WorkDone
				j.hours(50)
				j.task("call").Spec.DueTime = at(60).DueTime
				j.hours(51)
			}, 3, "dee", urgent,
		},
		"goes on when the task is taken up again": {
			func(j *job) {
				j.hours(49)
				j.task("call").Spec.State = v1alpha1.WorkDone
				j.hours(50)
				j.task("call").Spec.State = v1alpha1.WorkInProgress
				j.hours(51)
			}, 3, "dee", urgent,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := late(t)
			j.hours(0)
			c.given(j)
			wantForce(t, "at the end", j.task("call").Status, c.stage, c.assignee, c.priority)
		})
	}
}

func TestATaskThatOpensPastItsDueTimeHasTheStagesThatItMissed(t *testing.T) {
	j := late(t)
	s := &j.run.Spec.Steps[0]
	s.Opens, s.Due = &v1alpha1.StepTime{After: "2d"}, &v1alpha1.StepTime{After: "1d", Of: v1alpha1.PointRunStart}
	// Nobody can be late with what is blocked.
	wantForce(t, "while it is blocked", j.hours(47), 0, "jo@example.com", medium)
	same(t, "overdue tasks while it is blocked", int32(0), j.run.Status.OverdueTasks)
	wantForce(t, "once it is open", j.hours(48), 2, "max", high)
	same(t, "overdue tasks", int32(1), j.run.Status.OverdueTasks)
	same(t, "next change", noon.Add(72*time.Hour), j.plan().NextChange)
}

func TestAStageWhoseAssigneeCannotBeSaid(t *testing.T) {
	j := late(t)
	j.run.Spec.Steps[0].Escalation[1].Assignee = "${account.labels['lead']}@example.com"
	j.hours(0)
	j.hours(1)
	j.now = noon.Add(25 * time.Hour)
	plan := j.plan()
	got := plan.StageErrors[j.task("call").Name]
	if len(got) != 1 || !strings.HasPrefix(got[0], "steps[call].escalation[1].assignee: ") {
		t.Errorf("errors of the stage: %q", got)
	}
	wantForce(t, "the stage is reached", j.hours(25), 2, "jo@example.com", high)
	same(t, "errors once it is", 0, len(j.plan().StageErrors))
	wantForce(t, "the next one", j.hours(49), 3, "dee", urgent)
}

func TestEscalationCountsWorkingDays(t *testing.T) {
	j := late(t)
	j.run.Spec.Steps[0].Escalation = []v1alpha1.EscalationStage{{OverdueBy: "1d", Calendar: v1alpha1.CountWorkingDays, Priority: urgent}}
	j.beganAt(stamp(time.Date(2026, 11, 6, 14, 0, 0, 0, time.UTC)))
	j.carryOut()
	monday := time.Date(2026, 11, 9, 15, 0, 0, 0, time.UTC)
	j.now = monday.Add(-time.Minute)
	plan := j.carryOut()
	same(t, "priority on the weekend", medium, j.task("call").Status.Priority)
	same(t, "next change", monday, plan.NextChange)
	j.now = monday
	j.carryOut()
	same(t, "priority on Monday", urgent, j.task("call").Status.Priority)
}

func TestAStageThatWasOvertakenIsNotWaitedFor(t *testing.T) {
	j := late(t)
	j.run.Spec.Steps[0].Escalation = []v1alpha1.EscalationStage{
		{OverdueBy: "1d", Calendar: v1alpha1.CountWorkingDays, Priority: high}, {OverdueBy: "2d", Priority: urgent},
	}
	// Due on Friday at 15:00: the first stage is on Monday, the second on Sunday.
	j.beganAt(stamp(time.Date(2026, 11, 6, 14, 0, 0, 0, time.UTC)))
	j.carryOut()
	j.now = time.Date(2026, 11, 7, 15, 0, 0, 0, time.UTC)
	same(t, "next change", time.Date(2026, 11, 8, 15, 0, 0, 0, time.UTC), j.carryOut().NextChange)
	j.now = time.Date(2026, 11, 8, 15, 0, 0, 0, time.UTC)
	same(t, "next change after the second stage", time.Time{}, j.carryOut().NextChange)
	same(t, "priority", urgent, j.task("call").Status.Priority)
}

func TestATaskThatIsPutOff(t *testing.T) {
	call := after("call")
	call.Due = &v1alpha1.StepTime{After: "1h"}
	j := newJob(t, call, after("mail", "call"))
	j.carryOut()
	until := stamp(noon.Add(5 * time.Hour))
	for _, step := range []v1alpha1.StepName{"call", "mail"} {
		j.task(step).Spec.Snooze = &v1alpha1.Snooze{Until: *until, Reason: "on holiday"}
	}
	plan := j.carryOut()
	j.wantSteps(active, open, waiting)
	j.wantTasks(tasks{"call": v1alpha1.TaskSnoozed, "mail": v1alpha1.TaskBlocked})
	same(t, "open tasks", int32(1), j.run.Status.OpenTasks)
	same(t, "next change", noon.Add(time.Hour), plan.NextChange)

	j.now = noon.Add(time.Hour)
	plan = j.carryOut()
	_, overdue, next := playbook.TaskStatus(j.task("call"), plan, j.now)
	same(t, "overdue", true, overdue)
	same(t, "overdue tasks", int32(1), j.run.Status.OverdueTasks)
	same(t, "next change", until.Time, next)

	j.now = until.Time
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskOpen, "mail": v1alpha1.TaskBlocked})
	j.task("call").Spec.State = v1alpha1.WorkInProgress
	j.task("call").Spec.Snooze.Until = *stamp(until.Add(time.Hour))
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskSnoozed, "mail": v1alpha1.TaskBlocked})
	j.state("call", v1alpha1.WorkDone)
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskDone, "mail": v1alpha1.TaskOpen})
	same(t, "overdue tasks once it is done", int32(0), j.run.Status.OverdueTasks)
}
