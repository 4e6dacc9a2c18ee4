package playbook_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// graph draws steps of which each may wait for earlier ones, and may ask how they ended.
func graph(t *rapid.T) []v1alpha1.PlaybookStep {
	var list []v1alpha1.PlaybookStep
	for i := range rapid.IntRange(1, 5).Draw(t, "steps") {
		s := after(v1alpha1.StepName(fmt.Sprintf("s%d", i)))
		for _, earlier := range list {
			if rapid.Bool().Draw(t, "after") {
				s.After = append(s.After, earlier.Name)
			}
		}
		whens := []v1alpha1.Expression{"", "", "health.score < 50", "metrics.usage.wau > 1"}
		if len(s.After) > 0 {
			whens = append(whens, v1alpha1.Expression("outcomes."+s.After[0]+" == 'Yes'"))
		}
		s.When = rapid.SampledFrom(whens).Draw(t, "when")
		times(t, &s)
		list = append(list, s)
	}
	return rapid.Permutation(list).Draw(t, "order")
}

// times draws when a step opens, is due, closes itself and escalates.
func times(t *rapid.T, s *v1alpha1.PlaybookStep) {
	points := rapid.SampledFrom([]*v1alpha1.StepTime{
		nil,
		{After: "2h"},
		{After: "1d", Calendar: v1alpha1.CountWorkingDays},
		{After: "1h", Of: v1alpha1.PointRunStart},
		{Before: "2d", Of: v1alpha1.PointRenewal},
		{After: "1d", Of: v1alpha1.PointContractStart},
		{Before: "1d", Of: v1alpha1.PointRenewal, Calendar: v1alpha1.CountWorkingDays},
	})
	s.Opens, s.Due = points.Draw(t, "opens"), points.Draw(t, "due")
	s.IfPast = rapid.SampledFrom([]v1alpha1.IfPastPolicy{"", v1alpha1.IfPastSkip}).Draw(t, "ifPast")
	s.DoneWhen = rapid.SampledFrom([]v1alpha1.Expression{
		"", "", "metrics.usage.wau > 5", "health.score > 50", "account.spec.owner == 'kim'", "daysSince('2026-11-02') > 2",
	}).Draw(t, "doneWhen")
	s.Assignee = rapid.SampledFrom([]string{"", "${team('AccountExecutive')}", "pat"}).Draw(t, "assignee")
	s.Escalation = rapid.SampledFrom([][]v1alpha1.EscalationStage{
		nil,
		{{OverdueBy: "0", Priority: v1alpha1.PriorityHigh}, {OverdueBy: "1d", Assignee: "lead", Calendar: v1alpha1.CountWorkingDays}},
		{{OverdueBy: "3h", Assignee: "${team('AccountExecutive')}"}, {OverdueBy: "1d", Assignee: "${account.spec.owner}", Priority: v1alpha1.PriorityUrgent}},
	}).Draw(t, "escalation")
}

// crew is a run through a random life: people who work, cancel, reopen and delete, a condition that clears, and an
// operator that is killed between making tasks and writing that it did.
type crew struct {
	*job
	steps map[v1alpha1.StepName]v1alpha1.PlaybookStep
	// made counts how often each task was made; gone are the tasks that were deleted once the status knew of them.
	made map[string]int
	gone map[string]bool
}

// note counts the tasks of a plan, which must be new.
func (c *crew) note(t *rapid.T, plan *playbook.Plan) {
	for _, task := range plan.Create {
		c.made[task.Name]++
		if c.made[task.Name] > 1 || c.gone[task.Name] {
			t.Fatalf("task %s is made again", task.Name)
		}
		if plan.Resolved && c.run.Spec.OnResolve == v1alpha1.ResolveCancelUntouched {
			t.Fatalf("task %s is made though the condition cleared", task.Name)
		}
		if c.run.Spec.Cancel != nil {
			t.Fatalf("task %s is made though the run was canceled", task.Name)
		}
	}
}

// kill makes the tasks of a plan and forgets to write the status.
func (c *crew) kill(t *rapid.T) {
	plan := c.plan()
	c.note(t, plan)
	for _, task := range plan.Create {
		task.CreationTimestamp = *stamp(c.now)
		c.tasks = append(c.tasks, *task)
	}
}

// work carries a plan out and checks it.
func (c *crew) work(t *rapid.T) {
	before := c.run.Status.DeepCopy()
	tasksBefore := map[string]*v1alpha1.TaskStatus{}
	for i := range c.tasks {
		tasksBefore[c.tasks[i].Name] = c.tasks[i].Status.DeepCopy()
	}
	c.note(t, c.plan())
	plan := c.carryOut()
	if !plan.NextChange.IsZero() && !plan.NextChange.After(c.now) {
		t.Fatalf("the next change, %v, is over at %v", plan.NextChange, c.now)
	}
	states := map[v1alpha1.StepName]v1alpha1.StepState{}
	anyDone, anyOpen := false, false
	for _, s := range c.run.Status.Steps {
		states[s.Name] = s.State
		anyDone = anyDone || s.State == done
		anyOpen = anyOpen || s.State == open || s.State == waiting
	}
	want := runCanceled
	switch {
	case anyOpen:
		want = active
	case anyDone && c.run.Spec.Cancel == nil:
		want = completed
	}
	if anyOpen && c.run.Spec.Cancel != nil {
		t.Fatal("a canceled run has open work")
	}
	same(t, "run's state", want, c.run.Status.State)
	same(t, "has ended", !anyOpen, c.run.Status.EndedTime != nil)
	if before.ResolvedTime != nil {
		same(t, "resolved time", before.ResolvedTime, c.run.Status.ResolvedTime)
	}
	c.checkReady(t, before, states)
	c.checkKept(t, before)
	for i := range c.tasks {
		c.checkTask(t, &c.tasks[i], states)
		if was := tasksBefore[c.tasks[i].Name]; was != nil {
			c.checkTimes(t, &c.tasks[i], was)
		}
	}
	c.checkQuiet(t, plan.NextChange)
}

// checkKept checks that what was skipped, and what closed itself, stays so.
func (c *crew) checkKept(t *rapid.T, before *v1alpha1.PlaybookRunStatus) {
	for i, was := range before.Steps {
		is := c.run.Status.Steps[i]
		if was.State == skipped && is.State != skipped {
			t.Fatalf("step %s was skipped and is %s", was.Name, is.State)
		}
		if was.CompletedBy != "" && (is.CompletedBy != was.CompletedBy || is.State != done && is.State != canceled) {
			t.Fatalf("step %s closed itself and is %s", was.Name, is.State)
		}
	}
}

// checkTimes checks that a task that was open stays so, unless somebody opens it again, and that its stage does not fall
// while it is overdue.
func (c *crew) checkTimes(t *rapid.T, task *v1alpha1.Task, was *v1alpha1.TaskStatus) {
	is := &task.Status
	if was.State == v1alpha1.TaskOpen && is.State == v1alpha1.TaskBlocked {
		t.Fatalf("task %s was open and is blocked", task.Name)
	}
	again := was.State == v1alpha1.TaskDone && was.CompletedBy == "" && task.Spec.State == v1alpha1.WorkOpen
	if was.OpenedTime != nil && !again {
		same(t, "opened", was.OpenedTime, is.OpenedTime)
		same(t, "opens once opened", was.OpensTime, is.OpensTime)
	}
	if was.Escalation == nil {
		return
	}
	working := is.State == v1alpha1.TaskOpen || is.State == v1alpha1.TaskInProgress || is.State == v1alpha1.TaskSnoozed
	late := is.DueTime != nil && !c.now.Before(is.DueTime.Time)
	if working && late && (is.Escalation == nil || is.Escalation.Stage < was.Escalation.Stage) {
		t.Fatalf("task %s was in stage %d and is overdue, in %v", task.Name, was.Escalation.Stage, is.Escalation)
	}
}

// checkQuiet checks that nothing changes by itself before the moment that the plan named.
func (c *crew) checkQuiet(t *rapid.T, next time.Time) {
	now := c.now
	defer func() { c.now = now }()
	c.now = now.Add(time.Duration(rapid.IntRange(1, 10_000).Draw(t, "minutes of quiet")) * time.Minute)
	if !next.IsZero() && !c.now.Before(next) {
		c.now = next.Add(-time.Second)
	}
	plan := c.plan()
	same(t, "run's status before the next change", c.run.Status, plan.Status)
	for i := range c.tasks {
		status, _, _ := playbook.TaskStatus(&c.tasks[i], plan, c.now)
		status.ObservedGeneration = c.tasks[i].Status.ObservedGeneration
		same(t, "task's status before the next change", c.tasks[i].Status, status)
	}
}

// checkReady checks that the steps that became ready had nothing left to wait for.
func (c *crew) checkReady(t *rapid.T, before *v1alpha1.PlaybookRunStatus, states map[v1alpha1.StepName]v1alpha1.StepState) {
	ready := map[v1alpha1.StepName]bool{}
	for _, s := range before.Steps {
		ready[s.Name] = s.ReadyTime != nil
	}
	for _, s := range c.run.Status.Steps {
		if s.ReadyTime == nil || ready[s.Name] {
			continue
		}
		for _, earlier := range c.steps[s.Name].After {
			if states[earlier] == open || states[earlier] == waiting {
				t.Fatalf("step %s is ready before %s is over", s.Name, earlier)
			}
		}
	}
}

// checkTask holds one task against what people say of it and against the steps before it.
func (c *crew) checkTask(t *rapid.T, task *v1alpha1.Task, states map[v1alpha1.StepName]v1alpha1.StepState) {
	said, is := task.Spec.State, task.Status.State
	closed := is == v1alpha1.TaskDone && task.Status.CompletedBy == "DoneWhen"
	switch {
	case (said == v1alpha1.WorkDone || said == v1alpha1.WorkCanceled) && v1alpha1.TaskState(said) != is,
		said == v1alpha1.WorkInProgress && is != v1alpha1.TaskInProgress && is != v1alpha1.TaskSnoozed && !closed && c.run.Spec.Cancel == nil,
		said == v1alpha1.WorkOpen && is == v1alpha1.TaskDone && !closed:
		t.Fatalf("a person says %s of task %s, which is %s", said, task.Name, is)
	}
	if is == v1alpha1.TaskCanceled && said == v1alpha1.WorkOpen && c.run.Status.ResolvedTime == nil && c.run.Spec.Cancel == nil {
		t.Fatalf("task %s is canceled by nobody", task.Name)
	}
	if is == v1alpha1.TaskSnoozed && (task.Spec.Snooze == nil || !c.now.Before(task.Spec.Snooze.Until.Time)) {
		t.Fatalf("task %s is put off by nobody", task.Name)
	}
	blocked := task.Status.OpensTime != nil && task.Status.OpensTime.After(c.now)
	for _, earlier := range c.steps[task.Spec.Step].After {
		blocked = blocked || states[earlier] == open || states[earlier] == waiting
	}
	if is == v1alpha1.TaskBlocked && !blocked {
		t.Fatalf("task %s waits for nothing", task.Name)
	}
}

// person does something to one of the tasks.
func (c *crew) person(t *rapid.T, act func(*v1alpha1.Task)) {
	if len(c.tasks) == 0 {
		return
	}
	act(&c.tasks[rapid.IntRange(0, len(c.tasks)-1).Draw(t, "task")])
}

func TestRunsThroughRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &crew{job: newJob(t, graph(t)...), made: map[string]int{}, gone: map[string]bool{}, steps: map[v1alpha1.StepName]v1alpha1.PlaybookStep{}}
		c.run.Spec.OnResolve = rapid.SampledFrom([]v1alpha1.ResolvePolicy{v1alpha1.ResolveCancelUntouched, v1alpha1.ResolveKeepTasks}).Draw(t, "onResolve")
		for _, s := range c.run.Spec.Steps {
			c.steps[s.Name] = s
		}
		work := rapid.SampledFrom([]v1alpha1.TaskWorkState{v1alpha1.WorkOpen, v1alpha1.WorkInProgress, v1alpha1.WorkDone, v1alpha1.WorkDone, v1alpha1.WorkCanceled})
		t.Repeat(map[string]func(*rapid.T){
			"plan":      c.work,
			"be killed": c.kill,
			"wait": func(t *rapid.T) {
				c.now = c.now.Add(time.Duration(rapid.SampledFrom([]int{1, 60, 600, 3000}).Draw(t, "minutes")) * time.Minute)
			},
			"measure": func(t *rapid.T) {
				o := fresh(rapid.SampledFrom([]string{"0", "3", "9"}).Draw(t, "wau"))
				o.State = rapid.SampledFrom([]v1alpha1.ValueState{v1alpha1.ValueFresh, v1alpha1.ValueErrored}).Draw(t, "state")
				c.reads(o)
			},
			"sign": func(t *rapid.T) {
				dates := rapid.SampledFrom([]v1alpha1.Date{"", "2026-10-20", "2026-11-03", "2026-11-05", "2026-11-09"})
				c.view.Account = acme(func(a *v1alpha1.Account) {
					a.Spec.Owner = rapid.SampledFrom([]string{"", "jo", "kim"}).Draw(t, "owner")
					a.Spec.Contract = &v1alpha1.Contract{StartDate: dates.Draw(t, "start"), RenewalDate: dates.Draw(t, "renewal")}
				})
			},
			"cancel": func(t *rapid.T) {
				if c.run.Spec.Cancel == nil && rapid.IntRange(0, 5).Draw(t, "really") == 0 {
					c.run.Spec.Cancel = &v1alpha1.RunCancel{Reason: "enough"}
				}
			},
			"put off": func(t *rapid.T) {
				c.person(t, func(task *v1alpha1.Task) {
					until := rapid.IntRange(-60, 6000).Draw(t, "until")
					task.Spec.Snooze = &v1alpha1.Snooze{Until: *stamp(c.now.Add(time.Duration(until) * time.Minute))}
				})
			},
			"change": func(t *rapid.T) {
				c.person(t, func(task *v1alpha1.Task) {
					task.Spec.Assignee = rapid.SampledFrom([]string{"", "jo", "pat"}).Draw(t, "assignee")
					task.Spec.Priority = rapid.SampledFrom([]v1alpha1.Priority{"", v1alpha1.PriorityLow}).Draw(t, "priority")
					task.Spec.DueTime = nil
					if rapid.Bool().Draw(t, "due") {
						task.Spec.DueTime = stamp(c.now.Add(time.Duration(rapid.IntRange(-3000, 3000).Draw(t, "in")) * time.Minute))
					}
				})
			},
			"score": func(t *rapid.T) {
				c.view.Health = scored(rapid.SampledFrom([]int32{20, 80}).Draw(t, "score"), "AtRisk")
			},
			"judge": func(t *rapid.T) { c.cleared = rapid.IntRange(0, 3).Draw(t, "cleared") == 0 },
			"say": func(t *rapid.T) {
				c.person(t, func(task *v1alpha1.Task) {
					task.Spec.State = work.Draw(t, "state")
					task.Spec.Outcome = rapid.SampledFrom([]v1alpha1.Outcome{"", "Yes", "No"}).Draw(t, "outcome")
				})
			},
			"write": func(t *rapid.T) { c.person(t, func(task *v1alpha1.Task) { task.Spec.Note = "seen" }) },
			"delete": func(t *rapid.T) {
				c.work(t)
				c.person(t, func(task *v1alpha1.Task) {
					c.gone[task.Name] = true
					c.remove(task.Spec.Step)
				})
			},
		})
	})
}
