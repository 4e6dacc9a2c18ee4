package playbook_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// tester is what a test and a property test have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// job is one run in a small world: the run and the tasks as the API server has them.
type job struct {
	t       tester
	run     *v1alpha1.PlaybookRun
	tasks   []v1alpha1.Task
	view    playbook.View
	cleared bool
	now     time.Time
}

// newJob makes a run of some steps that began at noon.
func newJob(t tester, list ...v1alpha1.PlaybookStep) *job {
	return &job{
		t: t,
		run: &v1alpha1.PlaybookRun{
			ObjectMeta: metav1.ObjectMeta{
				Name: "acme-rescue-0123456789", Namespace: "customers", UID: "run-uid", Generation: 1,
				CreationTimestamp: *stamp(noon),
			},
			Spec: v1alpha1.PlaybookRunSpec{
				AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "rescue"},
				Sequence: 1, Trigger: "low", OnResolve: v1alpha1.ResolveCancelUntouched, Steps: list,
			},
			Status: v1alpha1.PlaybookRunStatus{ObservedGeneration: -1},
		},
		view: playbook.View{Account: acme(), Health: scored(34, "Critical"), Scored: true},
		now:  noon,
	}
}

// plan plans without carrying anything out.
func (j *job) plan() *playbook.Plan {
	j.t.Helper()
	plan, err := playbook.PlanRun(playbook.PlanInput{Run: j.run, Tasks: j.tasks, Cleared: j.cleared, View: j.view, Now: j.now})
	if err != nil {
		j.t.Fatal(err)
	}
	return plan
}

// carryOut plans, carries the plan out as the reconcilers do, and checks that planning again changes nothing.
func (j *job) carryOut() *playbook.Plan {
	j.t.Helper()
	plan := j.plan()
	for _, task := range plan.Create {
		created := *task.DeepCopy()
		created.CreationTimestamp, created.Generation = *stamp(j.now), 1
		j.tasks = append(j.tasks, created)
	}
	j.run.Status = plan.Status
	j.follow(plan)
	again := j.plan()
	if len(again.Create) > 0 || len(again.TextErrors) > 0 {
		j.t.Fatalf("planned again, %d tasks are made: %v", len(again.Create), again.TextErrors)
	}
	same(j.t, "run's status planned again", plan.Status, again.Status)
	for i := range j.tasks {
		status, _, _ := playbook.TaskStatus(&j.tasks[i], again, j.now)
		status.ObservedGeneration = j.tasks[i].Status.ObservedGeneration
		same(j.t, "task's status planned again", j.tasks[i].Status, status)
	}
	return plan
}

// follow writes the statuses of the tasks as their reconciler does: it has no facts, and follows the run's status.
func (j *job) follow(plan *playbook.Plan) {
	j.t.Helper()
	followed, err := playbook.PlanRun(playbook.PlanInput{
		Run: j.run, Tasks: j.tasks, Follow: true, View: playbook.View{Account: j.view.Account, Location: j.view.Location}, Now: j.now,
	})
	if err != nil {
		j.t.Fatal(err)
	}
	same(j.t, "run's status followed", plan.Status, followed.Status)
	for i := range j.tasks {
		want, _, wantNext := playbook.TaskStatus(&j.tasks[i], plan, j.now)
		got, _, next := playbook.TaskStatus(&j.tasks[i], followed, j.now)
		want.ObservedGeneration = got.ObservedGeneration
		same(j.t, "task's status followed", want, got)
		same(j.t, "task's next change followed", wantNext, next)
		if !next.IsZero() && !next.After(j.now) {
			j.t.Fatalf("task %s changes next at %v, which is over at %v", j.tasks[i].Name, next, j.now)
		}
		j.tasks[i].Status = got
	}
}

// task returns the task of a step.
func (j *job) task(step v1alpha1.StepName) *v1alpha1.Task {
	j.t.Helper()
	for i := range j.tasks {
		if j.tasks[i].Spec.Step == step {
			return &j.tasks[i]
		}
	}
	j.t.Fatalf("step %s has no task", step)
	return nil
}

// set lets a person change a task, an hour later.
func (j *job) set(step v1alpha1.StepName, change func(*v1alpha1.TaskSpec)) {
	j.t.Helper()
	change(&j.task(step).Spec)
	j.now = j.now.Add(time.Hour)
}

// finish lets a person finish a task.
func (j *job) finish(step v1alpha1.StepName, outcome v1alpha1.Outcome) {
	j.t.Helper()
	j.set(step, func(s *v1alpha1.TaskSpec) { s.State, s.Outcome = v1alpha1.WorkDone, outcome })
}

// state lets a person say how far a task is.
func (j *job) state(step v1alpha1.StepName, state v1alpha1.TaskWorkState) {
	j.t.Helper()
	j.set(step, func(s *v1alpha1.TaskSpec) { s.State = state })
}

// remove lets a person delete a task.
func (j *job) remove(step v1alpha1.StepName) {
	j.t.Helper()
	gone := j.task(step).Name
	var kept []v1alpha1.Task
	for _, task := range j.tasks {
		if task.Name != gone {
			kept = append(kept, task)
		}
	}
	j.tasks = kept
}

// wantSteps checks how far each step is, and the run.
func (j *job) wantSteps(run v1alpha1.RunState, states ...v1alpha1.StepState) {
	j.t.Helper()
	var got []v1alpha1.StepState
	for _, s := range j.run.Status.Steps {
		got = append(got, s.State)
	}
	same(j.t, "steps", states, got)
	same(j.t, "run's state", run, j.run.Status.State)
}

// wantTasks checks the state of each task that was made, by step.
func (j *job) wantTasks(want map[v1alpha1.StepName]v1alpha1.TaskState) {
	j.t.Helper()
	got := map[v1alpha1.StepName]v1alpha1.TaskState{}
	for _, task := range j.tasks {
		got[task.Spec.Step] = task.Status.State
	}
	same(j.t, "tasks", want, got)
}

// after is a step with a title that waits for others.
func after(name v1alpha1.StepName, names ...v1alpha1.StepName) v1alpha1.PlaybookStep {
	return v1alpha1.PlaybookStep{Name: name, Title: "Do " + string(name), After: names}
}

// The states, short, for the tests below.
const (
	waiting, open, done, skipped, canceled = v1alpha1.StepWaiting, v1alpha1.StepOpen, v1alpha1.StepDone, v1alpha1.StepSkipped, v1alpha1.StepCanceled

	active, completed, runCanceled = v1alpha1.RunActive, v1alpha1.RunCompleted, v1alpha1.RunCanceled
)

// tasks are the states of tasks by step.
type tasks = map[v1alpha1.StepName]v1alpha1.TaskState

var _ tester = (*testing.T)(nil)
