package playbook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestTheTaskOfAStep(t *testing.T) {
	j := newJob(t, v1alpha1.PlaybookStep{
		Name: "call", Title: "Call ${account.spec.displayName}: ${health.band} at ${health.score}",
		Description: "Open P1 tickets: ${metrics.support.open_p1}", Assignee: "${team('AccountExecutive')}",
		Priority: v1alpha1.PriorityHigh, Outcomes: []v1alpha1.Outcome{"Reached", "NoReply"},
		Checklist: []v1alpha1.ChecklistText{"usage review", "sponsor mail"}, Due: &v1alpha1.StepTime{After: "2d"},
	})
	j.view.Facts = value.Facts{openP1: fresh("3")}
	plan := j.carryOut()
	want := &v1alpha1.Task{
		ObjectMeta: metav1.ObjectMeta{
			Name: "acme-rescue-0123456789-call", Namespace: "customers",
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "perennial", "perennial.dev/account": "acme",
				"perennial.dev/playbook": "rescue", "perennial.dev/run": "acme-rescue-0123456789",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "perennial.dev/v1alpha1", Kind: "PlaybookRun", Name: "acme-rescue-0123456789", UID: "run-uid",
				Controller: ptr(true), BlockOwnerDeletion: ptr(false),
			}},
		},
		Spec: v1alpha1.TaskSpec{
			AccountRef: v1alpha1.LocalReference{Name: "acme"}, RunRef: &v1alpha1.LocalReference{Name: "acme-rescue-0123456789"},
			Step: "call", Title: "Call Acme Corp: Critical at 34", Description: "Open P1 tickets: 3", State: v1alpha1.WorkOpen,
			Outcomes: []v1alpha1.Outcome{"Reached", "NoReply"}, Priority: v1alpha1.PriorityHigh,
			Checklist: []v1alpha1.ChecklistItem{{Name: "usage review"}, {Name: "sponsor mail"}},
		},
	}
	same(t, "tasks to make", []*v1alpha1.Task{want}, plan.Create)
	same(t, "task's status", v1alpha1.TaskStatus{
		State: v1alpha1.TaskOpen, Assignee: "al@example.com", Priority: v1alpha1.PriorityHigh,
		OpenedTime: stamp(noon), DueTime: stamp(noon.Add(48 * time.Hour)),
	}, plan.Tasks[want.Name])
	same(t, "run's status", v1alpha1.PlaybookRunStatus{
		ObservedGeneration: 1, State: v1alpha1.RunActive, OpenTasks: 1,
		Steps: []v1alpha1.StepStatus{{Name: "call", State: open, Task: want.Name, ReadyTime: stamp(noon)}},
	}, plan.Status)
	same(t, "text errors", []string(nil), plan.TextErrors)
	same(t, "next change", noon.Add(48*time.Hour), plan.NextChange)
}

func TestTextsThatGiveNothingLoseNoTask(t *testing.T) {
	for name, c := range map[string]struct {
		step                         v1alpha1.PlaybookStep
		title, description, assignee string
		errors                       []string
	}{
		"a step without an assignee goes to the owner": {
			v1alpha1.PlaybookStep{Title: "Call"}, "Call", "", "jo@example.com", nil,
		},
		"a role that nobody has goes to the owner": {
			v1alpha1.PlaybookStep{Title: "Call", Assignee: "${team('Trainer')}"}, "Call", "", "jo@example.com", nil,
		},
		"an assignee that cannot be evaluated goes to the owner": {
			v1alpha1.PlaybookStep{Title: "Call", Assignee: "${metrics.crm.buddy}"},
			"Call", "", "jo@example.com",
			[]string{"steps[call].assignee: "},
		},
		"a value that is not there shows as such": {
			v1alpha1.PlaybookStep{Title: "WAU ${metrics.usage.wau}", Description: "${metrics.usage.dau} and ${account.name}"},
			"WAU <no value>", "<no value> and acme", "jo@example.com",
			[]string{"steps[call].title: ", "steps[call].description: "},
		},
		"a title that gives nothing is the step's name": {
			v1alpha1.PlaybookStep{Title: "${team('Trainer')}"}, "call", "", "jo@example.com", nil,
		},
		"a title is one line": {
			v1alpha1.PlaybookStep{Title: "Call\n  ${account.name} "}, "Call acme", "", "jo@example.com", nil,
		},
		"a text of an older release that no longer compiles stays as written": {
			v1alpha1.PlaybookStep{Title: "Call ${account.nickname}", Assignee: "${account.boss}"},
			"Call ${account.nickname}", "", "jo@example.com",
			[]string{"steps[call].title: ", "steps[call].assignee: "},
		},
		"a long title is cut": {
			v1alpha1.PlaybookStep{Title: strings.Repeat("ä", 600)}, strings.Repeat("ä", 509) + "...", "", "jo@example.com", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.step.Name = "call"
			j := newJob(t, c.step)
			plan := j.carryOut()
			got := j.task("call").Spec
			assignee := j.task("call").Status.Assignee
			same(t, "title, description and assignee", []string{c.title, c.description, c.assignee}, []string{got.Title, got.Description, assignee})
			same(t, "assignee that a person would have to change", "", got.Assignee)
			if len(plan.TextErrors) != len(c.errors) {
				t.Fatalf("text errors: got %q, want %d", plan.TextErrors, len(c.errors))
			}
			for i, want := range c.errors {
				if !strings.HasPrefix(plan.TextErrors[i], want) {
					t.Errorf("text error %q does not begin with %q", plan.TextErrors[i], want)
				}
			}
		})
	}
}

func TestAMetricOfASourceThatIsDownIsReadFromTheAccountsHealth(t *testing.T) {
	j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "${metrics.support.open_p1} ${measures['dau-mau'].value} ${measures.mood.value}"})
	j.view.Facts = value.Facts{openP1: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}}
	j.view.Health.Facts = []v1alpha1.Fact{{Source: "support", Metric: "open_p1", Value: "4", State: v1alpha1.ValueErrored}}
	j.view.Health.Measures = []v1alpha1.MeasureScore{{Name: "dau-mau", Value: "0.18"}, {Name: "mood", Value: "Good"}, {Name: "none"}}
	j.carryOut()
	same(t, "title", "4 0.18 Good", j.task("call").Spec.Title)
}

func TestStepsOpenOneAfterTheOther(t *testing.T) {
	j := newJob(t, after("report", "call", "mail"), after("triage"), after("call", "triage"), after("mail", "triage"))
	j.carryOut()
	j.wantSteps(active, waiting, open, waiting, waiting)
	j.wantTasks(tasks{"triage": v1alpha1.TaskOpen, "call": v1alpha1.TaskBlocked, "mail": v1alpha1.TaskBlocked, "report": v1alpha1.TaskBlocked})
	same(t, "open tasks", int32(1), j.run.Status.OpenTasks)

	j.finish("triage", "")
	j.carryOut()
	j.wantSteps(active, waiting, done, open, open)
	same(t, "call's ready time", stamp(noon.Add(time.Hour)), j.run.Status.Steps[2].ReadyTime)
	same(t, "open tasks", int32(2), j.run.Status.OpenTasks)

	j.state("call", v1alpha1.WorkCanceled)
	j.carryOut()
	j.wantSteps(active, waiting, done, canceled, open)

	j.finish("mail", "")
	j.carryOut()
	j.wantSteps(active, open, done, canceled, done)

	j.finish("report", "Written")
	j.carryOut()
	j.wantSteps(completed, done, done, canceled, done)
	same(t, "ended", stamp(j.now), j.run.Status.EndedTime)
	same(t, "outcome", v1alpha1.Outcome("Written"), j.run.Status.Steps[0].Outcome)
}

func TestStepsWithWhen(t *testing.T) {
	triage := v1alpha1.PlaybookStep{Name: "triage", Title: "Triage", Outcomes: []v1alpha1.Outcome{"Real", "Not"}}
	call := after("call", "triage")
	call.When = "outcomes.triage == 'Real'"
	for name, c := range map[string]struct {
		end    func(*job)
		state  v1alpha1.StepState
		errors int
	}{
		"open where it is true":                               {func(j *job) { j.finish("triage", "Real") }, open, 0},
		"are skipped where it is false":                       {func(j *job) { j.finish("triage", "Not") }, skipped, 0},
		"are skipped where the step before ended without one": {func(j *job) { j.finish("triage", "") }, skipped, 0},
		"open where a person canceled the step before":        {func(j *job) { j.state("triage", v1alpha1.WorkCanceled) }, open, 1},
		"open where a person deleted the step before":         {func(j *job) { j.remove("triage") }, open, 1},
		"follow the outcome that a canceled step before was given": {func(j *job) {
			j.set("triage", func(s *v1alpha1.TaskSpec) { s.State, s.Outcome = v1alpha1.WorkCanceled, "Not" })
		}, skipped, 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, triage, call, after("report", "call"))
			j.carryOut()
			j.wantSteps(active, open, waiting, waiting)
			j.wantTasks(tasks{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
			c.end(j)
			plan := j.carryOut()
			same(t, "step", c.state, j.run.Status.Steps[1].State)
			if len(plan.TextErrors) != c.errors {
				t.Errorf("text errors: %q", plan.TextErrors)
			}
			report := map[v1alpha1.StepState]v1alpha1.TaskState{open: v1alpha1.TaskBlocked, skipped: v1alpha1.TaskOpen}
			same(t, "the task after it", report[c.state], j.task("report").Status.State)
		})
	}
}

func TestWhenIsDecidedOnce(t *testing.T) {
	call := after("call", "triage")
	call.When = "health.score < 50"
	j := newJob(t, after("triage"), call, after("report", "call"))
	j.carryOut()
	j.wantSteps(active, open, waiting, waiting)
	j.view.Health = scored(80, "Healthy")
	j.finish("triage", "")
	j.carryOut()
	j.wantSteps(active, done, skipped, open)
	j.view.Health = scored(20, "Critical")
	j.carryOut()
	j.wantSteps(active, done, skipped, open)
}

func TestABranchThatIsSkippedSkipsWhatDependsOnIt(t *testing.T) {
	call, visit := after("call", "triage"), after("visit", "call")
	call.When, visit.When = "outcomes.triage == 'Real'", "outcomes.call == 'Reached'"
	j := newJob(t, after("triage"), call, visit)
	j.carryOut()
	j.finish("triage", "Not")
	plan := j.carryOut()
	j.wantSteps(completed, done, skipped, skipped)
	same(t, "text errors", []string(nil), plan.TextErrors)
}

func TestAStepWhoseTextTellsAnOutcomeIsMadeWhenItIsKnown(t *testing.T) {
	report := after("report", "call")
	report.Title = "Report: ${outcomes.call}"
	j := newJob(t, after("call"), report)
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskOpen})
	j.finish("call", "Reached")
	j.carryOut()
	same(t, "title", "Report: Reached", j.task("report").Spec.Title)
	j.wantTasks(tasks{"call": v1alpha1.TaskDone, "report": v1alpha1.TaskOpen})
}

func TestATaskThatWasMadeIsNotMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*job)
		want   v1alpha1.StepState
		run    v1alpha1.RunState
	}{
		"an open task that a person deleted is canceled":   {func(*job) {}, canceled, runCanceled},
		"a task that was done before it was deleted stays": {func(j *job) { j.finish("call", "Reached"); j.carryOut() }, done, completed},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "Call"})
			j.carryOut()
			c.before(j)
			outcome := j.run.Status.Steps[0].Outcome
			j.remove("call")
			j.carryOut()
			j.wantSteps(c.run, c.want)
			same(t, "tasks", 0, len(j.tasks))
			same(t, "outcome", outcome, j.run.Status.Steps[0].Outcome)
		})
	}
}

func TestABlockedTaskThatAPersonDeletedIsCanceled(t *testing.T) {
	j := newJob(t, after("triage"), after("call", "triage"), after("report", "call"))
	j.carryOut()
	j.remove("call")
	j.carryOut()
	j.wantSteps(active, open, canceled, open)
}

func TestATaskThatTheStatusForgotIsTakenUp(t *testing.T) {
	j := newJob(t, after("triage"), after("call", "triage"))
	j.carryOut()
	j.finish("triage", "")
	j.carryOut()
	want := j.run.Status.DeepCopy()
	// A restore from a backup without statuses.
	j.run.Status = v1alpha1.PlaybookRunStatus{ObservedGeneration: -1}
	for i := range j.tasks {
		j.tasks[i].Status = v1alpha1.TaskStatus{ObservedGeneration: -1}
	}
	plan := j.carryOut()
	same(t, "tasks to make", 0, len(plan.Create))
	same(t, "steps", want.Steps, j.run.Status.Steps)
}

func TestAStepThatWasReadyStaysReady(t *testing.T) {
	j := newJob(t, after("triage"), after("call", "triage"))
	j.carryOut()
	j.finish("triage", "")
	j.carryOut()
	j.state("triage", v1alpha1.WorkInProgress)
	j.carryOut()
	j.wantSteps(active, open, open)
	j.wantTasks(tasks{"triage": v1alpha1.TaskInProgress, "call": v1alpha1.TaskOpen})
}

func TestARunThatIsTakenUpAgainIsActive(t *testing.T) {
	j := newJob(t, after("call"))
	j.carryOut()
	j.finish("call", "")
	j.carryOut()
	j.wantSteps(completed, done)
	j.state("call", v1alpha1.WorkOpen)
	j.carryOut()
	j.wantSteps(active, open)
	same(t, "ended", (*metav1.Time)(nil), j.run.Status.EndedTime)
	same(t, "task ended", (*metav1.Time)(nil), j.task("call").Status.EndedTime)
}

func TestDueTimes(t *testing.T) {
	call := func(due *v1alpha1.StepTime) []v1alpha1.PlaybookStep {
		s := after("call", "triage")
		s.Due = due
		return []v1alpha1.PlaybookStep{after("triage"), s}
	}
	set := stamp(noon.Add(5 * time.Hour))
	for name, c := range map[string]struct {
		due     *v1alpha1.StepTime
		change  func(*v1alpha1.TaskSpec)
		blocked *metav1.Time
		open    *metav1.Time
	}{
		"a step without due has none":             {nil, nil, nil, nil},
		"StepReady counts once the step is ready": {&v1alpha1.StepTime{After: "1d"}, nil, nil, stamp(noon.Add(25 * time.Hour))},
		"RunStart counts from the run's creation": {
			&v1alpha1.StepTime{After: "1d", Of: v1alpha1.PointRunStart}, nil, stamp(noon.Add(24 * time.Hour)), stamp(noon.Add(24 * time.Hour)),
		},
		"a person's due time comes first": {
			&v1alpha1.StepTime{After: "1d"}, func(s *v1alpha1.TaskSpec) { s.DueTime = set }, set, set,
		},
		"a task that is begun early counts from then": {
			&v1alpha1.StepTime{After: "1d"}, func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress },
			stamp(noon.Add(24 * time.Hour)), stamp(noon.Add(24 * time.Hour)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, call(c.due)...)
			j.carryOut()
			if c.change != nil {
				c.change(&j.task("call").Spec)
				j.carryOut()
			}
			same(t, "due while blocked", c.blocked, j.task("call").Status.DueTime)
			j.finish("triage", "")
			j.carryOut()
			same(t, "due once open", c.open, j.task("call").Status.DueTime)
			j.now = j.now.Add(time.Minute)
			j.carryOut()
			same(t, "due a minute later", c.open, j.task("call").Status.DueTime)
		})
	}
}

func TestMissingTasksAreThoseToAskFor(t *testing.T) {
	j := newJob(t, after("triage"), after("call", "triage"), after("done"))
	j.carryOut()
	j.finish("done", "")
	j.carryOut()
	same(t, "with all tasks", []string(nil), playbook.MissingTasks(j.run, j.tasks))
	same(t, "without tasks", []string{j.task("triage").Name, j.task("call").Name}, playbook.MissingTasks(j.run, nil))
}

func TestRunReadsAreWhatTheStepsStillRead(t *testing.T) {
	later := after("later", "call")
	later.When, later.Title = "metrics.support.open_p1 > metrics.crm.size", "${metrics.crm.size}"
	j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "${metrics.usage.wau}"}, later)
	wau, size := v1alpha1.MetricReference{Source: "usage", Metric: "wau"}, v1alpha1.MetricReference{Source: "crm", Metric: "size"}
	same(t, "reads at first", []v1alpha1.MetricReference{size, openP1, wau}, playbook.RunReads(j.run))
	j.carryOut()
	same(t, "reads once the first task is made", []v1alpha1.MetricReference{size, openP1}, playbook.RunReads(j.run))
	j.cleared = true
	j.carryOut()
	same(t, "reads once all is over", []v1alpha1.MetricReference(nil), playbook.RunReads(j.run))
}

func TestPlanRunIsRefused(t *testing.T) {
	j := newJob(t, after("a", "b"), after("b", "a"))
	for name, c := range map[string]struct {
		in   playbook.PlanInput
		want error
	}{
		"without a run":      {playbook.PlanInput{View: j.view}, playbook.ErrNoRun},
		"without an account": {playbook.PlanInput{Run: j.run}, playbook.ErrNoAccount},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := playbook.PlanRun(c.in); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, err := playbook.PlanRun(playbook.PlanInput{Run: j.run, View: j.view}); err == nil || !strings.Contains(err.Error(), "a after b after a") {
		t.Errorf("steps that wait for each other: got %v", err)
	}
}
