package manager

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestATaskMadeByHandLivesAsOthersDo(t *testing.T) {
	w := newWorld(t)
	w.apply(fmt.Sprintf("kind: Task\nmetadata: {name: lunch}\nspec: {accountRef: {name: acme}, title: Have lunch, dueTime: %q}\n",
		w.clock.Now().Add(24*time.Hour).Format(time.RFC3339)))
	is := func(state v1alpha1.TaskState, assignee string, overdue bool) func(*v1alpha1.Task) bool {
		return func(task *v1alpha1.Task) bool {
			return task.Status.State == state && task.Status.Assignee == assignee && task.Status.ObservedGeneration == task.Generation &&
				meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionOverdue) == overdue &&
				meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionUnassigned) == (assignee == "")
		}
	}
	w.taskIs("", "is nobody's while its account is not there", is(v1alpha1.TaskOpen, "", false))
	w.addAccount("acme", 1)
	lunch := w.taskIs("", "is the owner's", is(v1alpha1.TaskOpen, "jo@example.com", false))
	w.finish(lunch, `{"spec":{"assignee":"al@example.com"}}`)
	w.taskIs("", "is whose it is said to be", is(v1alpha1.TaskOpen, "al@example.com", false))
	w.pass(25 * time.Hour)
	w.taskIs("", "is overdue", is(v1alpha1.TaskOpen, "al@example.com", true))

	// A snooze that is over before it begins puts nothing off.
	snooze := func(until time.Time) {
		w.finish(lunch, fmt.Sprintf(`{"spec":{"snooze":{"until":%q}}}`, until.Format(time.RFC3339)))
	}
	snooze(w.clock.Now().Add(-time.Hour))
	w.taskIs("", "is not put off", is(v1alpha1.TaskOpen, "al@example.com", true))
	snooze(w.clock.Now().Add(time.Hour))
	w.taskIs("", "is put off, and still late", is(v1alpha1.TaskSnoozed, "al@example.com", true))
	w.pass(time.Hour)
	w.taskIs("", "is back", is(v1alpha1.TaskOpen, "al@example.com", true))
	w.quiet()
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("the restart wrote (-before +after):\n%s", diff)
	}
	w.finish(lunch, `{"spec":{"state":"Done","completedBy":"al@example.com"}}`)
	w.taskIs("", "is done", is(v1alpha1.TaskDone, "al@example.com", false))
}

// TestWhoDidNotSeeTheLatestIsTold: nobody overwrites without being told what somebody else wrote meanwhile, and the
// operator's writes of the status come in nobody's way.
func TestWhoDidNotSeeTheLatestIsTold(t *testing.T) {
	w := newWorld(t)
	task := w.acmeInTrouble()["triage"]
	d, other := w.newDesk(), w.newDesk()
	says := func(note, by string) {
		t.Helper()
		got := w.taskIs("triage", "says what was written", func(task *v1alpha1.Task) bool { return task.Spec.Note == note })
		if got.Spec.CompletedBy != by {
			t.Errorf("completed by %q, want %q", got.Spec.CompletedBy, by)
		}
	}
	refused := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "conflict") {
			t.Fatalf("want a conflict, got %v", err)
		}
	}
	// Two apply on the server: of one field the first is its owner, and each may have fields of his own.
	if err := d.applies(task.Name, "{note: kim}", "--server-side", "--field-manager=kim"); err != nil {
		t.Fatal(err)
	}
	refused(other.applies(task.Name, "{note: max}", "--server-side", "--field-manager=max"))
	if err := other.applies(task.Name, "{completedBy: max}", "--server-side", "--field-manager=max"); err != nil {
		t.Fatal(err)
	}
	says("kim", "max")
	// Who applies without a field takes back what he alone wrote there.
	if err := other.applies(task.Name, "{}", "--server-side", "--field-manager=max"); err != nil {
		t.Fatal(err)
	}
	says("kim", "")

	// A copy from before somebody else's change is refused.
	copied := filepath.Join(d.dir, "copy.yaml")
	if err := d.saves(copied, "get", "task", task.Name, "-o", "yaml"); err != nil {
		t.Fatal(err)
	}
	w.finish(task, `{"spec":{"note":"theirs"}}`)
	refused(d.types("", "replace", "-f", copied))
	says("theirs", "")
}

func TestADeletedTaskOfAnOpenRunIsNotMadeAgain(t *testing.T) {
	w := newWorld(t)
	task := w.acmeInTrouble()["triage"]
	if err := w.Delete(t.Context(), &task); err != nil {
		t.Fatal(err)
	}
	// A person cut the work short: what depends on how it ended is for people to decide.
	w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.restart()
	w.quiet()
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.finish(tasks["call"], `{"spec":{"state":"Done"}}`)
	w.finish(tasks["report"], `{"spec":{"state":"Done"}}`)
	run := w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionFalse)
	if run.Status.Steps[0].State != v1alpha1.StepCanceled {
		t.Errorf("steps are %s", asYAML(run.Status.Steps))
	}
	w.playbookStatus("rescue", "counts it", func(s *v1alpha1.PlaybookStatus) bool {
		return s.ActiveRuns == 0 && s.Results != nil && s.Results.Completed == 1 && s.Results.Open == 0
	})
}

func TestResultsOfRunsThatAreUnderWay(t *testing.T) {
	w := newWorld(t)
	w.setUsage("a,30,ok", "b,30,ok", "c,30,ok")
	w.apply(usage)
	w.apply("kind: Playbook\nmetadata: {name: rescue}\nspec:\n  triggers: [{name: low, score: {atMost: 40}}]\n  steps: [{name: call, title: Call, due: {after: 1d}}]\n")
	for i, name := range []string{"a", "b", "c"} {
		w.addAccount(name, i)
		w.episode(name, "rescue", v1alpha1.EpisodeFiring, 1)
	}
	results := func(want v1alpha1.PlaybookResults) {
		t.Helper()
		w.playbookStatus("rescue", fmt.Sprintf("has the results %+v", want), func(s *v1alpha1.PlaybookStatus) bool {
			return s.Results != nil && *s.Results == want
		})
	}
	results(v1alpha1.PlaybookResults{Runs: 3, Open: 3})
	w.pass(25 * time.Hour)
	results(v1alpha1.PlaybookResults{Runs: 3, Open: 3, OverdueTasks: 3})
	// One clears, one is canceled, and one is put off: late it is all the same.
	w.pass(23 * time.Hour)
	w.setUsage("a,80,ok", "b,30,ok", "c,30,ok")
	results(v1alpha1.PlaybookResults{Runs: 3, Open: 2, Canceled: 1, Resolved: 1, OverdueTasks: 2, MedianDaysToResolve: "2.0"})
	run := w.runState("b", v1alpha1.RunActive, metav1.ConditionFalse)
	w.patch(&run, `{"spec":{"cancel":{"reason":"another contract"}}}`)
	results(v1alpha1.PlaybookResults{Runs: 3, Open: 1, Canceled: 2, Resolved: 1, OverdueTasks: 1, MedianDaysToResolve: "2.0"})
	if err := w.Delete(t.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "c"}}); err != nil {
		t.Fatal(err)
	}
	results(v1alpha1.PlaybookResults{Runs: 2, Canceled: 2, Resolved: 1, MedianDaysToResolve: "2.0"})
	w.quiet()
	if err := w.DeleteAllOf(t.Context(), &v1alpha1.PlaybookRun{}, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	w.playbookStatus("rescue", "has no results", func(s *v1alpha1.PlaybookStatus) bool { return s.Results == nil })
}
