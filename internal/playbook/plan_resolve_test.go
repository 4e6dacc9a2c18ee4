package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// cleared makes a run of three steps, lets a person change the first task, and then the condition clears.
func cleared(t tester, policy v1alpha1.ResolvePolicy, change func(*v1alpha1.TaskSpec)) *job {
	visit := after("visit", "call")
	visit.When = "health.score < 50"
	j := newJob(t, after("call"), after("mail", "call"), visit)
	j.run.Spec.OnResolve = policy
	j.carryOut()
	j.wantSteps(active, open, waiting, waiting)
	if change != nil {
		j.set("call", change)
		j.carryOut()
	}
	j.cleared = true
	j.now = j.now.Add(time.Hour)
	return j
}

func TestACleared(t *testing.T) {
	const cancel, keep = v1alpha1.ResolveCancelUntouched, v1alpha1.ResolveKeepTasks
	for name, c := range map[string]struct {
		policy v1alpha1.ResolvePolicy
		touch  func(*v1alpha1.TaskSpec)
		run    v1alpha1.RunState
		steps  []v1alpha1.StepState
		// overtaken are the steps whose tasks are no longer needed.
		overtaken []v1alpha1.StepName
	}{
		"condition cancels work that nobody touched": {
			cancel, nil, runCanceled, []v1alpha1.StepState{canceled, canceled, canceled}, []v1alpha1.StepName{"call", "mail"},
		},
		"condition cancels so by default": {
			"", nil, runCanceled, []v1alpha1.StepState{canceled, canceled, canceled}, []v1alpha1.StepName{"call", "mail"},
		},
		"condition leaves a task that somebody began": {
			cancel, func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress },
			active,
			[]v1alpha1.StepState{open, canceled, canceled},
			[]v1alpha1.StepName{"call", "mail"},
		},
		"condition leaves a task with a note": {
			cancel, func(s *v1alpha1.TaskSpec) { s.Note = "left a message" },
			active,
			[]v1alpha1.StepState{open, canceled, canceled},
			[]v1alpha1.StepName{"call", "mail"},
		},
		"condition leaves a task with an outcome": {
			cancel, func(s *v1alpha1.TaskSpec) { s.Outcome = "Reached" },
			active,
			[]v1alpha1.StepState{open, canceled, canceled},
			[]v1alpha1.StepName{"call", "mail"},
		},
		"condition leaves a task whose checklist was begun": {
			cancel, func(s *v1alpha1.TaskSpec) {
				s.Checklist = []v1alpha1.ChecklistItem{{Name: "a"}, {Name: "b", Done: true}}
			},
			active,
			[]v1alpha1.StepState{open, canceled, canceled},
			[]v1alpha1.StepName{"call", "mail"},
		},
		"condition does not touch what is done": {
			cancel, func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkDone },
			completed,
			[]v1alpha1.StepState{done, canceled, canceled},
			[]v1alpha1.StepName{"mail", "visit"},
		},
		"condition keeps all work where the playbook says so": {
			keep, nil, active, []v1alpha1.StepState{open, waiting, waiting}, []v1alpha1.StepName{"call", "mail"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := cleared(t, c.policy, c.touch)
			plan := j.carryOut()
			j.wantSteps(c.run, c.steps...)
			same(t, "resolved", true, plan.Resolved)
			same(t, "resolved time", stamp(j.now), j.run.Status.ResolvedTime)
			want := map[string]string{}
			for _, step := range c.overtaken {
				want[j.task(step).Name] = v1alpha1.ReasonConditionCleared
			}
			same(t, "tasks no longer needed", want, plan.NoLongerNeeded)
		})
	}
}

func TestAResolvedRunStaysResolved(t *testing.T) {
	j := cleared(t, v1alpha1.ResolveCancelUntouched, nil)
	j.carryOut()
	at := j.now
	// The condition comes back: that is the next episode's work.
	j.cleared = false
	j.now = j.now.Add(time.Hour)
	plan := j.carryOut()
	j.wantSteps(runCanceled, canceled, canceled, canceled)
	same(t, "resolved", true, plan.Resolved)
	same(t, "resolved time", stamp(at), j.run.Status.ResolvedTime)
	same(t, "ended", stamp(at), j.run.Status.EndedTime)
}

func TestAPersonsWordBeatsCancellation(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(*v1alpha1.TaskSpec)
		want v1alpha1.StepState
		run  v1alpha1.RunState
	}{
		"Done is done":            {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkDone }, done, completed},
		"InProgress is taken up":  {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress }, open, active},
		"a note alone is nothing": {func(s *v1alpha1.TaskSpec) { s.Note = "pity" }, canceled, runCanceled},
		"Canceled stays":          {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkCanceled }, canceled, runCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			j := cleared(t, v1alpha1.ResolveCancelUntouched, nil)
			j.carryOut()
			j.set("call", c.say)
			j.carryOut()
			j.wantSteps(c.run, c.want, canceled, canceled)
		})
	}
}

func TestAConditionThatClearsBeforeTheFirstPlanMakesNoTask(t *testing.T) {
	j := newJob(t, after("call"), after("mail", "call"))
	j.cleared = true
	j.carryOut()
	j.wantSteps(runCanceled, canceled, canceled)
	same(t, "tasks", 0, len(j.tasks))
	same(t, "ended", stamp(noon), j.run.Status.EndedTime)
}

func TestKeptWorkGoesOnToTheEnd(t *testing.T) {
	j := cleared(t, v1alpha1.ResolveKeepTasks, nil)
	j.carryOut()
	j.finish("call", "")
	plan := j.carryOut()
	j.wantSteps(active, done, open, open)
	same(t, "tasks no longer needed", map[string]string{
		j.task("mail").Name: v1alpha1.ReasonConditionCleared, j.task("visit").Name: v1alpha1.ReasonConditionCleared,
	}, plan.NoLongerNeeded)
}

func TestATaskThatAPersonCanceledAndTookUpAgainIsOpen(t *testing.T) {
	j := newJob(t, after("call"))
	j.carryOut()
	j.state("call", v1alpha1.WorkCanceled)
	j.carryOut()
	j.wantSteps(runCanceled, canceled)
	j.state("call", v1alpha1.WorkOpen)
	j.carryOut()
	j.wantSteps(active, open)
}

func TestATouchedBlockedTaskOpensWhenTheWorkBeforeItIsCanceled(t *testing.T) {
	j := newJob(t, after("call"), after("mail", "call"))
	j.carryOut()
	j.set("mail", func(s *v1alpha1.TaskSpec) { s.Note = "draft is ready" })
	j.carryOut()
	j.cleared = true
	j.carryOut()
	j.wantSteps(active, canceled, open)
}

func TestATaskThatIsOpenedAgainStaysOpen(t *testing.T) {
	j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "Call", Due: &v1alpha1.StepTime{After: "1d"}})
	j.carryOut()
	j.state("call", v1alpha1.WorkDone)
	j.carryOut()
	j.cleared = true
	j.now = j.now.Add(time.Hour)
	j.carryOut()
	j.now = j.now.Add(time.Hour)
	j.state("call", v1alpha1.WorkOpen)
	for range 3 {
		j.carryOut()
		same(t, "the task", v1alpha1.TaskOpen, j.task("call").Status.State)
		same(t, "the run", v1alpha1.RunActive, j.run.Status.State)
	}
	same(t, "due", stamp(j.now.Add(24*time.Hour)), j.task("call").Status.DueTime)
}
