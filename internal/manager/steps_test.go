package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// taskIs waits until the one task of a step is as check wants it.
func (w *world) taskIs(step, what string, check func(*v1alpha1.Task) bool) v1alpha1.Task {
	w.t.Helper()
	var task v1alpha1.Task
	w.until(fmt.Sprintf("task %s %s", step, what), func() error {
		tasks, err := w.tasks()
		if err != nil {
			return err
		}
		task = tasks[step]
		if !check(&task) {
			return fmt.Errorf("it is now %s and the task is %s", w.tells.Now(), asYAML(task))
		}
		return nil
	})
	return task
}

// forAcme applies a playbook that starts on the account acme at once, with these steps and more of the spec.
func (w *world) forAcme(steps string) {
	w.t.Helper()
	w.apply("kind: Playbook\nmetadata: {name: work}\nspec:\n  triggers: [{name: stage, lifecycle: {stages: [Adoption]}}]\n" + steps)
}

// acme applies the account, with more of its spec.
func (w *world) acme(more string) {
	w.t.Helper()
	w.apply("kind: Account\nmetadata: {name: acme}\nspec:\n  lifecycleStage: Adoption\n" + more)
}

func TestStepsOpenAndAreDueByTheContract(t *testing.T) {
	w := newWorld(t)
	start := startOfDay(w.clock.Now())
	day := func(days int) string { return start.AddDate(0, 0, days).Format(time.DateOnly) }
	contract := func(renewal int) {
		w.acme(fmt.Sprintf("  owner: jo@example.com\n  contract: {startDate: %q, renewalDate: %q}\n", day(-300), day(renewal)))
	}
	w.forAcme(`
  steps:
  - {name: ninety, title: Ninety, opens: {before: 90d, of: Renewal}, ifPast: Skip, due: {before: 75d, of: Renewal}}
  - {name: sixty, title: Sixty, opens: {before: 60d, of: Renewal}, due: {before: 45d, of: Renewal}}
  - {name: thirty, title: Thirty, opens: {before: 30d, of: Renewal}, due: {before: 10d, of: Renewal}, after: [sixty]}
  - {name: past, title: Past, opens: {after: 30d, of: ContractStart}, due: {after: 2d}}
`)
	contract(65)
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"sixty": v1alpha1.TaskBlocked, "thirty": v1alpha1.TaskBlocked, "past": v1alpha1.TaskOpen})
	at := func(step string, got *metav1.Time, days int) {
		t.Helper()
		if got == nil || got.UTC().Format(time.DateOnly) != day(days) {
			t.Errorf("%s: %v, want the day %s", step, got, day(days))
		}
	}
	at("sixty opens", tasks["sixty"].Status.OpensTime, 5)
	at("sixty is due", tasks["sixty"].Status.DueTime, 20)
	at("thirty opens", tasks["thirty"].Status.OpensTime, 35)
	// Whoever reads the list sees until when it is Blocked.
	if row := w.kubectl("get", "task", tasks["sixty"].Name, "-o", "wide"); !strings.Contains(row, "OPENS") || !strings.Contains(row, day(5)+"T00:00:00Z") {
		t.Errorf("no time at which sixty opens in:\n%s", row)
	}

	// The date moves, and what is not over moves with it.
	contract(70)
	sixty := w.taskIs("sixty", "has moved", func(task *v1alpha1.Task) bool {
		return task.Status.OpensTime.UTC().Format(time.DateOnly) == day(10) && task.Status.State == v1alpha1.TaskBlocked
	})
	at("sixty is due", sixty.Status.DueTime, 25)
	w.pass(9 * 24 * time.Hour)
	w.quiet()
	w.taskIs("sixty", "waits", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskBlocked })
	w.pass(25 * time.Hour)
	w.taskIs("sixty", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	// What is open stays so, and its due time still follows the date.
	contract(100)
	sixty = w.taskIs("sixty", "is due later", func(task *v1alpha1.Task) bool {
		return task.Status.State == v1alpha1.TaskOpen && task.Status.DueTime.UTC().Format(time.DateOnly) == day(55)
	})
	w.finish(sixty, `{"spec":{"state":"Done","completedBy":"jo@example.com"}}`)
	sixty = w.taskIs("sixty", "is done", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskDone })
	if sixty.Status.CompletedBy != "jo@example.com" {
		t.Errorf("completed by %q", sixty.Status.CompletedBy)
	}
	// The step before is finished, and the time has not come.
	w.taskIs("thirty", "waits for its time", func(task *v1alpha1.Task) bool {
		return task.Status.State == v1alpha1.TaskBlocked && task.Status.OpensTime.UTC().Format(time.DateOnly) == day(70)
	})
	w.pass(61 * 24 * time.Hour)
	w.taskIs("thirty", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
}

// startOfDay cuts a moment to its day in UTC.
func startOfDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func TestAStepThatCountsFromADateThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.forAcme("  steps:\n  - {name: sixty, title: Sixty, opens: {before: 60d, of: Renewal}, due: {before: 45d, of: Renewal}}\n")
	w.acme("  owner: jo@example.com\n")
	task := w.taskIs("sixty", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	if task.Status.DueTime != nil {
		t.Errorf("it is due %s", task.Status.DueTime)
	}
	run := w.runOf("work")
	w.condition(&run, func() []metav1.Condition { return run.Status.Conditions }, v1alpha1.ConditionDatesKnown, metav1.ConditionFalse, v1alpha1.ReasonDateNotKnown, "renewalDate")
	w.acme("  owner: jo@example.com\n  contract: {renewalDate: \"2099-01-01\"}\n")
	w.taskIs("sixty", "has a due time", func(task *v1alpha1.Task) bool {
		return task.Status.State == v1alpha1.TaskOpen && task.Status.DueTime != nil
	})
	w.until("the run knows its dates", func() error {
		run := w.runOf("work")
		if c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionDatesKnown); c != nil && c.Status != metav1.ConditionTrue {
			return fmt.Errorf("%s", c.Message)
		}
		return nil
	})
}

func TestWorkingDays(t *testing.T) {
	w := newWorld(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	now := w.clock.Now().In(berlin)
	friday := time.Date(now.Year(), now.Month(), now.Day()+7+(int(time.Friday)-int(now.Weekday())+7)%7, 15, 0, 0, 0, berlin)
	monday := friday.AddDate(0, 0, 3)
	w.clock.SetTime(friday)
	w.forAcme(fmt.Sprintf(`
  calendar: {timeZone: Europe/Berlin, holidays: [%q]}
  steps:
  - {name: first, title: First}
  - {name: call, title: Call, after: [first], due: {after: 2d, calendar: WorkingDays}}
`, monday.Format(time.DateOnly)))
	w.acme("  owner: jo@example.com\n")
	first := w.taskIs("first", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	w.finish(first, `{"spec":{"state":"Done"}}`)
	call := w.taskIs("call", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	// Saturday, Sunday and the holiday do not count.
	if want := monday.AddDate(0, 0, 2); !call.Status.DueTime.Time.Equal(want) {
		t.Errorf("due %s, want %s", call.Status.DueTime.In(berlin), want)
	}
}

func TestATaskThatClosesByItself(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,5,ok")
	w.apply(usage)
	w.forAcme(`
  steps:
  - {name: activate, title: Activate, doneWhen: "metrics.usage.wau > 10", outcomes: [Reached, NotReached]}
  - {name: praise, title: Praise, after: [activate], doneWhen: "health.score > 90"}
`)
	w.acme("  owner: jo@example.com\n")
	w.taskIs("activate", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	w.setUsage("acme,10,ok")
	w.health("acme", 10, "Critical")
	w.setUsage("acme,11,ok")
	activate := w.taskIs("activate", "is done", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskDone })
	if activate.Status.CompletedBy != "DoneWhen" || activate.Spec.State != v1alpha1.WorkOpen || activate.Generation != 1 {
		t.Errorf("the task is %s", asYAML(activate))
	}
	w.taskIs("praise", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	w.setUsage("acme,3,ok")
	w.health("acme", 3, "Critical")
	w.restart()
	w.quiet()
	w.taskIs("activate", "stays done", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskDone })
	w.setUsage("acme,95,ok")
	w.taskIs("praise", "is done", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskDone })
	w.until("the run is completed", func() error {
		if run := w.runOf("work"); run.Status.State != v1alpha1.RunCompleted {
			return fmt.Errorf("it is %s", run.Status.State)
		}
		return nil
	})
}

func TestATaskEscalatesInStages(t *testing.T) {
	w := newWorld(t)
	w.forAcme(`
  steps:
  - name: call
    title: Call
    due: {after: 2d}
    escalation:
    - {overdueBy: 0d, priority: High}
    - {overdueBy: 1d, assignee: "${team('Manager')}", priority: Urgent}
    - {overdueBy: 3d, assignee: boss@example.com}
`)
	w.acme("  owner: jo@example.com\n  team: [{role: Manager, user: mo@example.com}]\n")
	is := func(assignee string, priority v1alpha1.Priority, state v1alpha1.TaskState) func(*v1alpha1.Task) bool {
		return func(task *v1alpha1.Task) bool {
			return task.Status.Assignee == assignee && task.Status.Priority == priority && task.Status.State == state
		}
	}
	call := w.taskIs("call", "is open", is("jo@example.com", "Medium", v1alpha1.TaskOpen))
	w.pass(49 * time.Hour)
	w.taskIs("call", "is overdue", is("jo@example.com", "High", v1alpha1.TaskOpen))
	// Put off: the due time stays, and it does not escalate.
	w.finish(call, fmt.Sprintf(`{"spec":{"snooze":{"until":%q,"reason":"they are on holiday"}}}`, w.clock.Now().Add(36*time.Hour).Format(time.RFC3339)))
	w.taskIs("call", "is snoozed", is("jo@example.com", "High", v1alpha1.TaskSnoozed))
	w.pass(30 * time.Hour)
	w.quiet()
	call = w.taskIs("call", "is still snoozed", is("jo@example.com", "High", v1alpha1.TaskSnoozed))
	if !meta.IsStatusConditionTrue(call.Status.Conditions, v1alpha1.ConditionOverdue) {
		t.Errorf("it is not overdue while it is snoozed: %s", asYAML(call.Status))
	}
	w.pass(7 * time.Hour)
	w.taskIs("call", "is the manager's", is("mo@example.com", "Urgent", v1alpha1.TaskOpen))
	w.restart()
	w.quiet()
	// A person's later word beats it, until the next stage.
	w.finish(call, `{"spec":{"assignee":"al@example.com"}}`)
	w.taskIs("call", "is Al's", is("al@example.com", "Urgent", v1alpha1.TaskOpen))
	w.pass(48 * time.Hour)
	w.taskIs("call", "has reached the last stage", func(task *v1alpha1.Task) bool {
		return task.Status.Escalation != nil && task.Status.Escalation.Stage == 3
	})
	w.finish(call, `{"spec":{"state":"Done"}}`)
	w.taskIs("call", "is done", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskDone })
}

func TestTextsThatCannotBeEvaluatedLoseNoTask(t *testing.T) {
	w := newWorld(t)
	w.forAcme(`
  steps:
  - name: call
    title: "Call ${account.labels['nickname']}"
    due: {after: 2d}
    escalation:
    - {overdueBy: 1d, assignee: "${account.labels['lead']}", priority: High}
`)
	w.acme("  owner: jo@example.com\n")
	call := w.taskIs("call", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	if call.Spec.Title != "Call <no value>" {
		t.Errorf("its title is %q", call.Spec.Title)
	}
	run := w.runOf("work")
	w.condition(&run, func() []metav1.Condition { return run.Status.Conditions }, v1alpha1.ConditionTextRendered, metav1.ConditionFalse, v1alpha1.ReasonExpressionFailed, "steps[call].title")
	w.pass(73 * time.Hour)
	w.condition(&call, func() []metav1.Condition { return call.Status.Conditions }, v1alpha1.ConditionTextRendered, metav1.ConditionFalse, v1alpha1.ReasonExpressionFailed, "steps[call].escalation[0].assignee")
	w.restart()
	w.quiet()
	w.condition(&call, func() []metav1.Condition { return call.Status.Conditions }, v1alpha1.ConditionTextRendered, metav1.ConditionFalse, v1alpha1.ReasonExpressionFailed, "lead")
	if call.Status.Assignee != "jo@example.com" || call.Status.Priority != v1alpha1.PriorityHigh {
		t.Errorf("the task is %s", asYAML(call.Status))
	}
	// It is overdue no more, and neither has it escalated.
	w.finish(call, fmt.Sprintf(`{"spec":{"dueTime":%q}}`, w.clock.Now().Add(time.Hour).Format(time.RFC3339)))
	w.taskIs("call", "is not escalated", func(task *v1alpha1.Task) bool {
		return task.Status.Escalation == nil && meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionTextRendered) == nil
	})
}

func TestWhoATaskGoesTo(t *testing.T) {
	w := newWorld(t)
	w.forAcme(`
  steps:
  - {name: owners, title: Owner}
  - {name: begun, title: Begun}
  - {name: teams, title: Team, assignee: "${team('AccountExecutive')}"}
  - {name: tools, title: Tool, assignee: bot@example.com, input: {template: winback, to: "${account.name}"}}
`)
	w.acme("")
	unassigned := func(task *v1alpha1.Task) bool {
		return task.Status.Assignee == "" && meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionUnassigned)
	}
	of := func(who string) func(*v1alpha1.Task) bool {
		return func(task *v1alpha1.Task) bool {
			return task.Status.Assignee == who && meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionUnassigned) == nil
		}
	}
	w.taskIs("owners", "is nobody's", unassigned)
	w.taskIs("teams", "is nobody's", unassigned)
	tool := w.taskIs("tools", "is the tool's", of("bot@example.com"))
	if tool.Spec.Input["template"] != "winback" || tool.Spec.Input["to"] != "acme" {
		t.Errorf("input is %v", tool.Spec.Input)
	}
	w.acme("  owner: jo@example.com\n  team: [{role: AccountExecutive, user: al@example.com}]\n")
	w.taskIs("owners", "is the owner's", of("jo@example.com"))
	begun := w.taskIs("begun", "is the owner's", of("jo@example.com"))
	w.taskIs("teams", "is the team's", of("al@example.com"))
	w.finish(begun, `{"spec":{"state":"InProgress"}}`)
	w.taskIs("begun", "is in progress", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskInProgress })
	w.acme("  owner: kim@example.com\n  team: [{role: AccountExecutive, user: bo@example.com}]\n")
	w.taskIs("owners", "follows the owner", of("kim@example.com"))
	w.taskIs("teams", "follows the team", of("bo@example.com"))
	begun = w.taskIs("begun", "stays with who began it", of("jo@example.com"))
	// A person's word beats both, and once it is taken away it is as if nobody had said it.
	w.finish(begun, `{"spec":{"assignee":"pat@example.com"}}`)
	w.taskIs("begun", "is whose a person says", of("pat@example.com"))
	w.restart()
	w.finish(begun, `{"spec":{"assignee":null}}`)
	w.taskIs("begun", "is the owner's", of("kim@example.com"))
	w.finish(tool, `{"spec":{"assignee":null}}`)
	w.taskIs("tools", "is the tool's still", func(task *v1alpha1.Task) bool {
		return task.Status.Assignee == "bot@example.com" && task.Status.ObservedGeneration == task.Generation
	})
}

func TestACanceledRun(t *testing.T) {
	w := newWorld(t)
	w.forAcme(`
  steps:
  - {name: done, title: Done}
  - {name: begun, title: Begun}
  - {name: open, title: Open, outcomes: ["Yes", "No"]}
  - {name: later, title: Later, after: [open]}
  - {name: maybe, title: Maybe, after: [open], when: "outcomes['open'] == 'Yes'"}
`)
	w.acme("  owner: jo@example.com\n")
	tasks := w.taskStates(map[string]v1alpha1.TaskState{
		"done": v1alpha1.TaskOpen, "begun": v1alpha1.TaskOpen, "open": v1alpha1.TaskOpen, "later": v1alpha1.TaskBlocked,
	})
	w.finish(tasks["done"], `{"spec":{"state":"Done"}}`)
	w.finish(tasks["begun"], `{"spec":{"state":"InProgress"}}`)
	w.taskIs("begun", "is in progress", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskInProgress })
	run := w.runOf("work")
	if err := w.Patch(context.Background(), &run, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":{"reason":"they merged with beta","by":"jo@example.com"}}}`))); err != nil {
		t.Fatal(err)
	}
	tasks = w.taskStates(map[string]v1alpha1.TaskState{
		"done": v1alpha1.TaskDone, "begun": v1alpha1.TaskCanceled, "open": v1alpha1.TaskCanceled, "later": v1alpha1.TaskCanceled,
	})
	open := tasks["open"]
	w.condition(&open, func() []metav1.Condition { return open.Status.Conditions }, v1alpha1.ConditionNoLongerNeeded, metav1.ConditionTrue, v1alpha1.ReasonRunCanceled, "they merged with beta")
	if tasks["begun"].Spec.State != v1alpha1.WorkInProgress {
		t.Error("what a person wrote was overwritten")
	}
	w.until("the run is canceled", func() error {
		if run := w.runOf("work"); run.Status.State != v1alpha1.RunCanceled || run.Status.EndedTime == nil || run.Status.OpenTasks != 0 {
			return fmt.Errorf("its status is %s", asYAML(run.Status))
		}
		return nil
	})
	if err := w.Patch(context.Background(), &run, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":null}}`))); err == nil {
		t.Error("the cancellation was taken back")
	}
	// Nothing starts anew while the condition holds.
	w.restart()
	w.quiet()
	if n, err := w.count(&v1alpha1.PlaybookRunList{}); err != nil || n != 1 {
		t.Errorf("%d runs, %v", n, err)
	}
}

func TestARunKeepsTheStepsItBeganWith(t *testing.T) {
	w := newWorld(t)
	w.forAcme("  calendar: {holidays: [\"2099-01-01\"]}\n  steps:\n  - {name: first, title: First}\n  - {name: second, title: Second, after: [first], when: \"account.name == 'acme'\", due: {after: 1d}}\n")
	w.acme("  owner: jo@example.com\n")
	first := w.taskIs("first", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	w.forAcme("  steps:\n  - {name: other, title: Other}\n")
	w.playbookStatus("work", "counts an older generation", func(s *v1alpha1.PlaybookStatus) bool {
		return s.OlderGenerations == 1 && s.ActiveRuns == 1
	})
	w.restart()
	w.finish(first, `{"spec":{"state":"Done"}}`)
	w.taskIs("second", "is open", func(task *v1alpha1.Task) bool {
		return task.Status.State == v1alpha1.TaskOpen && task.Status.DueTime != nil
	})
	run := w.runOf("work")
	if run.Spec.PlaybookGeneration != 1 || len(run.Spec.Steps) != 2 || run.Spec.Calendar == nil {
		t.Errorf("the run is %s", asYAML(run.Spec))
	}
}
