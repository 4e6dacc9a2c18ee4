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
		list = append(list, s)
	}
	return rapid.Permutation(list).Draw(t, "order")
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
	c.note(t, c.plan())
	c.carryOut()
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
	case anyDone:
		want = completed
	}
	same(t, "run's state", want, c.run.Status.State)
	same(t, "has ended", !anyOpen, c.run.Status.EndedTime != nil)
	if before.ResolvedTime != nil {
		same(t, "resolved time", before.ResolvedTime, c.run.Status.ResolvedTime)
	}
	c.checkReady(t, before, states)
	for i := range c.tasks {
		c.checkTask(t, &c.tasks[i], states)
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
	if said != v1alpha1.WorkOpen && v1alpha1.TaskState(said) != is {
		t.Fatalf("a person says %s of task %s, which is %s", said, task.Name, is)
	}
	if is == v1alpha1.TaskCanceled && said == v1alpha1.WorkOpen && c.run.Status.ResolvedTime == nil {
		t.Fatalf("task %s is canceled by nobody", task.Name)
	}
	blocked := false
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
			"wait":      func(t *rapid.T) { c.now = c.now.Add(time.Minute) },
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
