package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// busy is a run of which one step is done, one begun, one open, one put off, one blocked, and one has no task yet.
func busy(t tester) *job {
	later := after("later", "open")
	later.When = "true"
	j := newJob(t, after("done"), after("begun"), after("open"), after("off"), after("blocked", "open"), later)
	j.carryOut()
	j.finish("done", "")
	j.state("begun", v1alpha1.WorkInProgress)
	j.set("off", func(s *v1alpha1.TaskSpec) { s.Snooze = &v1alpha1.Snooze{Until: *stamp(noon.Add(72 * time.Hour))} })
	j.carryOut()
	j.wantSteps(active, done, open, open, open, waiting, waiting)
	return j
}

// cancel lets a person cancel a run, an hour later.
func (j *job) cancel(by string) {
	j.run.Spec.Cancel = &v1alpha1.RunCancel{Reason: "the customer called", By: by}
	j.now = j.now.Add(time.Hour)
}

func TestACanceledRun(t *testing.T) {
	j := busy(t)
	j.cancel("jo")
	at := stamp(j.now)
	plan := j.carryOut()
	j.wantSteps(runCanceled, done, canceled, canceled, canceled, canceled, canceled)
	j.wantTasks(tasks{
		"done": v1alpha1.TaskDone, "begun": v1alpha1.TaskCanceled, "open": v1alpha1.TaskCanceled, "off": v1alpha1.TaskCanceled, "blocked": v1alpha1.TaskCanceled,
	})
	same(t, "in words", "canceled by jo: the customer called", plan.Canceled)
	same(t, "ended", at, j.run.Status.EndedTime)
	same(t, "task ended", at, j.task("begun").Status.EndedTime)
	same(t, "open tasks", int32(0), j.run.Status.OpenTasks)
	want := map[string]string{}
	for _, step := range []v1alpha1.StepName{"begun", "open", "off", "blocked"} {
		want[j.task(step).Name] = v1alpha1.ReasonRunCanceled
	}
	same(t, "tasks no longer needed", want, plan.NoLongerNeeded)
	same(t, "next change", time.Time{}, plan.NextChange)
}

func TestPeopleOnACanceledRun(t *testing.T) {
	for name, c := range map[string]struct {
		state v1alpha1.TaskWorkState
		want  v1alpha1.StepState
	}{
		"Done beats it":          {v1alpha1.WorkDone, done},
		"InProgress does not":    {v1alpha1.WorkInProgress, canceled},
		"Canceled stays so":      {v1alpha1.WorkCanceled, canceled},
		"Open is canceled still": {v1alpha1.WorkOpen, canceled},
	} {
		t.Run(name, func(t *testing.T) {
			j := busy(t)
			j.cancel("")
			at := stamp(j.now)
			plan := j.carryOut()
			same(t, "in words", "canceled: the customer called", plan.Canceled)
			j.state("open", c.state)
			j.carryOut()
			j.wantSteps(runCanceled, done, canceled, c.want, canceled, canceled, canceled)
			same(t, "ended", at, j.run.Status.EndedTime)
		})
	}
}

func TestARunThatIsCanceledOnceItIsCompleted(t *testing.T) {
	j := newJob(t, after("call"))
	j.carryOut()
	j.finish("call", "")
	j.carryOut()
	ended := j.run.Status.EndedTime
	j.cancel("jo")
	plan := j.carryOut()
	j.wantSteps(runCanceled, done)
	same(t, "ended", ended, j.run.Status.EndedTime)
	same(t, "tasks no longer needed", map[string]string{}, plan.NoLongerNeeded)
}

func TestARunThatIsCanceledBeforeItsFirstPlanMakesNoTask(t *testing.T) {
	j := newJob(t, after("call"), after("mail", "call"))
	j.cancel("jo")
	j.carryOut()
	j.wantSteps(runCanceled, canceled, canceled)
	same(t, "tasks", 0, len(j.tasks))
}

func TestATaskThatClosedItselfStaysDoneOnACanceledRun(t *testing.T) {
	j := closing(t, "metrics.usage.wau > 10")
	j.reads(fresh("11"))
	j.carryOut()
	j.wantSteps(active, done, open)
	j.cancel("jo")
	j.carryOut()
	j.wantSteps(runCanceled, done, canceled)
	// What is canceled does not close itself any more.
	j = closing(t, "metrics.usage.wau > 10")
	j.carryOut()
	j.cancel("jo")
	j.reads(fresh("11"))
	j.carryOut()
	j.wantSteps(runCanceled, canceled, canceled)
}

func TestAnEventsRunIsNeverCleared(t *testing.T) {
	j := newJob(t, after("call"))
	j.run.Spec.TriggerType = v1alpha1.TriggerEvent
	j.carryOut()
	j.wantSteps(active, open)
	same(t, "resolved", false, j.plan().Resolved)
}
