package manager

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// isState checks the state of a task.
func isState(state v1alpha1.TaskState) func(*v1alpha1.Task) bool {
	return func(task *v1alpha1.Task) bool { return task.Status.State == state }
}

// steps waits until the steps of the run are so.
func (w *world) steps(want map[v1alpha1.StepName]v1alpha1.StepState) {
	w.t.Helper()
	w.until(fmt.Sprintf("steps %v", want), func() error {
		is := map[v1alpha1.StepName]v1alpha1.StepState{}
		for _, s := range w.runOf("work").Status.Steps {
			is[s.Name] = s.State
		}
		if fmt.Sprint(is) != fmt.Sprint(want) {
			return fmt.Errorf("they are %v", is)
		}
		return nil
	})
}

func TestOutcomesDecideWhichStepFollows(t *testing.T) {
	w := newWorld(t)
	w.forAcme(`
  steps:
  - {name: triage, title: Triage, outcomes: [RealDrop, FalseAlarm], checklist: [usage, tickets]}
  - {name: call, title: Call, after: [triage], when: "outcomes.triage == 'RealDrop'", outcomes: [Reached, NoReply]}
  - {name: close, title: Close, after: [triage], when: "outcomes.triage == 'FalseAlarm'"}
  - {name: mail, title: Mail, after: [call], when: "outcomes.call == 'NoReply'"}
  - {name: visit, title: Visit, after: [call], when: "outcomes.call == 'Reached'"}
  - {name: report, title: "Report: ${outcomes.triage}, ${has(outcomes.call) ? outcomes.call : 'no call'}", after: [close, mail, visit]}
`)
	w.acme("  owner: jo@example.com\n")
	const waits, open, done, skipped = v1alpha1.StepWaiting, v1alpha1.StepOpen, v1alpha1.StepDone, v1alpha1.StepSkipped
	triage := w.taskIs("triage", "is open", isState(v1alpha1.TaskOpen))
	if len(triage.Spec.Checklist) != 2 || triage.Spec.Checklist[1].Name != "tickets" {
		t.Errorf("its checklist is %v", triage.Spec.Checklist)
	}
	w.finish(triage, `{"spec":{"state":"Done","outcome":"RealDrop"}}`)
	w.steps(map[v1alpha1.StepName]v1alpha1.StepState{"triage": done, "call": open, "close": skipped, "mail": waits, "visit": waits, "report": waits})
	w.restart()
	w.finish(w.taskIs("call", "is open", isState(v1alpha1.TaskOpen)), `{"spec":{"state":"Done","outcome":"NoReply"}}`)
	w.steps(map[v1alpha1.StepName]v1alpha1.StepState{"triage": done, "call": done, "close": skipped, "mail": open, "visit": skipped, "report": waits})
	// What was decided stays, also where the outcome is corrected.
	w.finish(triage, `{"spec":{"state":"Open","outcome":"FalseAlarm"}}`)
	w.taskIs("triage", "is open again", isState(v1alpha1.TaskOpen))
	w.finish(triage, `{"spec":{"state":"Done"}}`)
	w.steps(map[v1alpha1.StepName]v1alpha1.StepState{"triage": done, "call": done, "close": skipped, "mail": open, "visit": skipped, "report": waits})
	w.finish(w.taskIs("mail", "is open still", isState(v1alpha1.TaskOpen)), `{"spec":{"state":"Canceled"}}`)
	w.steps(map[v1alpha1.StepName]v1alpha1.StepState{"triage": done, "call": done, "close": skipped, "mail": v1alpha1.StepCanceled, "visit": skipped, "report": open})
	report := w.taskIs("report", "is open", isState(v1alpha1.TaskOpen))
	if report.Spec.Title != "Report: FalseAlarm, NoReply" {
		t.Errorf("its title is %q", report.Spec.Title)
	}
}

func TestATaskThatWaitsForItsTimeWaitsForAStepThatOpensAgain(t *testing.T) {
	w := newWorld(t)
	w.forAcme("  steps:\n  - {name: first, title: First}\n  - {name: call, title: Call, after: [first], opens: {after: 2d}, due: {after: 5d, of: RunStart}}\n")
	w.acme("  owner: jo@example.com\n")
	first := w.taskIs("first", "is open", isState(v1alpha1.TaskOpen))
	w.finish(first, `{"spec":{"state":"Done"}}`)
	call := w.taskIs("call", "knows its time", func(task *v1alpha1.Task) bool { return task.Status.OpensTime != nil })
	if want := w.runOf("work").CreationTimestamp.Add(5 * 24 * time.Hour); !call.Status.DueTime.Time.Equal(want) {
		t.Errorf("due %s, want %s", call.Status.DueTime, want)
	}
	w.finish(first, `{"spec":{"state":"Open"}}`)
	w.taskIs("call", "has no time", func(task *v1alpha1.Task) bool { return task.Status.OpensTime == nil })
	w.pass(72 * time.Hour)
	w.restart()
	w.quiet()
	w.taskIs("call", "waits", isState(v1alpha1.TaskBlocked))
	w.finish(first, `{"spec":{"state":"Done"}}`)
	call = w.taskIs("call", "has its time again", func(task *v1alpha1.Task) bool { return task.Status.OpensTime != nil })
	if want := w.clock.Now().Add(48 * time.Hour); !call.Status.OpensTime.Time.Equal(want) {
		t.Errorf("opens %s, want %s", call.Status.OpensTime, want)
	}
	w.pass(49 * time.Hour)
	w.taskIs("call", "is open, and late", func(task *v1alpha1.Task) bool {
		return task.Status.State == v1alpha1.TaskOpen && meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionOverdue)
	})
}

func TestADateThatGoesAwayAndComesBack(t *testing.T) {
	w := newWorld(t)
	start := startOfDay(w.clock.Now())
	renews := func(owner string, days int) {
		contract := ""
		if days > 0 {
			contract = fmt.Sprintf("  contract: {renewalDate: %q}\n", start.AddDate(0, 0, days).Format(time.DateOnly))
		}
		w.acme("  owner: " + owner + "\n" + contract)
	}
	at := func(owner string, opens, due int) func(*v1alpha1.Task) bool {
		return func(task *v1alpha1.Task) bool {
			return task.Status.Assignee == owner && task.Status.State == v1alpha1.TaskBlocked &&
				task.Status.OpensTime.Time.Equal(start.AddDate(0, 0, opens)) && task.Status.DueTime.Time.Equal(start.AddDate(0, 0, due))
		}
	}
	w.forAcme("  steps: [{name: sixty, title: Sixty, opens: {before: 60d, of: Renewal}, due: {before: 45d, of: Renewal}}]\n")
	renews("jo@example.com", 100)
	w.taskIs("sixty", "waits", at("jo@example.com", 40, 55))
	datesKnown := func(want metav1.ConditionStatus) {
		t.Helper()
		w.until("that the dates are known is "+string(want), func() error {
			c := meta.FindStatusCondition(w.runOf("work").Status.Conditions, v1alpha1.ConditionDatesKnown)
			if is := c == nil || c.Status == metav1.ConditionTrue; is != (want == metav1.ConditionTrue) {
				return fmt.Errorf("the condition is %s", asYAML(c))
			}
			return nil
		})
	}
	// The owner changes twice meanwhile.
	renews("kim@example.com", 0)
	w.taskIs("sixty", "keeps its time", at("kim@example.com", 40, 55))
	datesKnown(metav1.ConditionFalse)
	w.restart()
	w.quiet()
	w.taskIs("sixty", "keeps its time", at("kim@example.com", 40, 55))
	renews("lee@example.com", 110)
	w.taskIs("sixty", "has a later time", at("lee@example.com", 50, 65))
	datesKnown(metav1.ConditionTrue)
	w.pass(45 * 24 * time.Hour)
	w.quiet()
	w.taskIs("sixty", "waits for the later time", at("lee@example.com", 50, 65))
	w.pass(6 * 24 * time.Hour)
	w.taskIs("sixty", "is open", isState(v1alpha1.TaskOpen))
}

func TestDoneWhenOfTasksThatWait(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,5,ok")
	w.apply(usage)
	w.forAcme(`
  steps:
  - {name: first, title: First}
  - {name: blocked, title: Blocked, after: [first], doneWhen: "metrics.usage.wau > 10"}
  - {name: later, title: Later, opens: {after: 3d}, doneWhen: "metrics.usage.wau > 10"}
  - {name: snoozed, title: Snoozed, doneWhen: "metrics.usage.wau > 10"}
`)
	w.acme("  owner: jo@example.com\n")
	const blocked, done = v1alpha1.TaskBlocked, v1alpha1.TaskDone
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"first": v1alpha1.TaskOpen, "blocked": blocked, "later": blocked, "snoozed": v1alpha1.TaskOpen})
	w.finish(tasks["snoozed"], fmt.Sprintf(`{"spec":{"snooze":{"until":%q}}}`, w.clock.Now().Add(100*24*time.Hour).Format(time.RFC3339)))
	w.taskIs("snoozed", "is put off", isState(v1alpha1.TaskSnoozed))
	w.setUsage("acme,11,ok")
	w.quiet()
	// What is put off closes, what is blocked waits.
	w.taskStates(map[string]v1alpha1.TaskState{"first": v1alpha1.TaskOpen, "blocked": blocked, "later": blocked, "snoozed": done})
	w.finish(tasks["first"], `{"spec":{"state":"Done"}}`)
	w.taskStates(map[string]v1alpha1.TaskState{"first": done, "blocked": done, "later": blocked, "snoozed": done})
	w.pass(73 * time.Hour)
	tasks = w.taskStates(map[string]v1alpha1.TaskState{"first": done, "blocked": done, "later": done, "snoozed": done})
	// Nobody was told of work that there was not.
	for _, step := range []string{"blocked", "later"} {
		if at := tasks[step].Status.OpenedTime; at != nil {
			t.Errorf("%s was open, since %s", step, at)
		}
	}
}

func TestAnEditOfThePlaybookIsForTheNextRun(t *testing.T) {
	w := newWorld(t)
	work := func(resolve, steps string) {
		w.apply("kind: Playbook\nmetadata: {name: work}\nspec:\n  triggers: [{name: low, score: {atMost: 40}}]\n  onResolve: " + resolve + "\n  steps:\n" + steps)
	}
	w.setUsage("acme,30,ok")
	w.apply(usage)
	work("KeepTasks", "  - {name: first, title: First}\n  - {name: second, title: Second, after: [first]}\n")
	w.acme("  owner: jo@example.com\n")
	w.taskStates(map[string]v1alpha1.TaskState{"first": v1alpha1.TaskOpen, "second": v1alpha1.TaskBlocked})
	work("CancelUntouched", "  - {name: first, title: Other, priority: High}\n")
	w.playbookStatus("work", "counts an older generation", func(s *v1alpha1.PlaybookStatus) bool { return s.OlderGenerations == 1 })
	w.setUsage("acme,80,ok")
	w.health("acme", 80, "Healthy")
	kept := func(task *v1alpha1.Task) bool {
		return meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionNoLongerNeeded)
	}
	first := w.taskIs("first", "is kept", kept)
	w.taskIs("second", "is kept", kept)
	w.finish(first, `{"spec":{"state":"Done"}}`)
	second := w.taskIs("second", "is open", isState(v1alpha1.TaskOpen))
	w.finish(second, `{"spec":{"state":"Done"}}`)
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionTrue)
	w.playbookStatus("work", "counts none", func(s *v1alpha1.PlaybookStatus) bool { return s.OlderGenerations == 0 })
	// The next run has the steps of now, and its untouched work is canceled.
	w.setUsage("acme,30,ok")
	w.episode("acme", "work", v1alpha1.EpisodeFiring, 2)
	var next v1alpha1.Task
	w.until("the next run has its task", func() error {
		var list v1alpha1.TaskList
		if err := w.List(t.Context(), &list); err != nil {
			return err
		}
		for _, task := range list.Items {
			if task.Spec.Title == "Other" && task.Status.Priority == v1alpha1.PriorityHigh {
				next = task
				return nil
			}
		}
		return fmt.Errorf("there are %d tasks", len(list.Items))
	})
	w.setUsage("acme,80,ok")
	w.until("it is canceled", func() error {
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(&next), &next); err != nil {
			return err
		}
		if next.Status.State != v1alpha1.TaskCanceled {
			return fmt.Errorf("it is %s", next.Status.State)
		}
		return nil
	})
}
