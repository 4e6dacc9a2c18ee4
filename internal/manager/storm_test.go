package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// playbookStatus waits until a playbook's status is as check wants it.
func (w *world) playbookStatus(name, what string, check func(*v1alpha1.PlaybookStatus) bool) v1alpha1.PlaybookStatus {
	w.t.Helper()
	var pb v1alpha1.Playbook
	w.until("playbook "+name+" "+what, func() error {
		if err := w.Get(context.Background(), client.ObjectKey{Name: name}, &pb); err != nil {
			return err
		}
		if !check(&pb.Status) {
			return fmt.Errorf("status is %s", asYAML(pb.Status))
		}
		return nil
	})
	return pb.Status
}

// playbookSays waits until a playbook has a condition.
func (w *world) playbookSays(name, conditionType string, status metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	pb := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: name}}
	w.condition(pb, func() []metav1.Condition { return pb.Status.Conditions }, conditionType, status, reason, message)
}

// openRuns waits until the open runs are those of these, each account/playbook.
func (w *world) openRuns(want ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("open runs %v", want), func() error {
		var runs v1alpha1.PlaybookRunList
		if err := w.List(context.Background(), &runs); err != nil {
			return err
		}
		open := map[string]bool{}
		for _, run := range runs.Items {
			if run.Status.State == v1alpha1.RunActive {
				open[run.Spec.AccountRef.Name+"/"+run.Spec.PlaybookRef.Name] = true
			}
		}
		for _, name := range want {
			if !open[name] {
				return fmt.Errorf("open are %v", open)
			}
		}
		if len(open) != len(want) {
			return fmt.Errorf("open are %v", open)
		}
		return nil
	})
}

// taskOfStep returns the one task of a step.
func (w *world) taskOfStep(step string) v1alpha1.Task {
	w.t.Helper()
	tasks, err := w.tasks()
	if err != nil {
		w.t.Fatal(err)
	}
	return tasks[step]
}

// watchLow is a playbook that starts where the score is low.
func watchLow(name, step, more string) string {
	return fmt.Sprintf(`
kind: Playbook
metadata: {name: %s}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps: [{name: %s, title: Call}]
%s`, name, step, more)
}

func TestOnePlaybookKeepsAnotherFromStarting(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,80,ok")
	w.apply(usage)
	// Both see the fall in the same moment, and by name the one that has to wait would come first.
	w.apply(watchLow("aid", "aid", "  inhibitedBy: [rescue]\n"))
	w.apply(watchLow("rescue", "rescue", ""))
	w.addAccount("acme", 10)
	w.addAccount("beta", 20)
	w.health("acme", 80, "Healthy")
	w.health("beta", 80, "Healthy")
	w.setUsage("acme,30,ok", "beta,80,ok")
	w.openRuns("acme/rescue")
	status := w.playbookStatus("aid", "holds acme", func(s *v1alpha1.PlaybookStatus) bool { return s.HeldRuns == 1 })
	if diff := cmp.Diff([]v1alpha1.HeldRun{{Account: "acme", Reason: v1alpha1.HeldInhibited, By: "rescue"}}, status.Held); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	w.playbookSays("aid", v1alpha1.ConditionHeld, metav1.ConditionTrue, v1alpha1.ReasonInhibited,
		"1 account is due and waits: spec.inhibitedBy holds 1 of them back")
	w.restart()
	w.openRuns("acme/rescue")

	w.finish(w.taskOfStep("rescue"), `{"spec":{"state":"Done"}}`)
	w.openRuns("acme/aid")
	w.playbookStatus("aid", "holds nothing", func(s *v1alpha1.PlaybookStatus) bool { return s.HeldRuns == 0 && len(s.Held) == 0 })

	// What a limit holds back is not about to start, and keeps nothing waiting.
	w.apply(watchLow("rescue", "rescue", "  limits: {newRunsPerDay: 1}\n"))
	w.setUsage("acme,30,ok", "beta,30,ok")
	w.openRuns("acme/aid", "beta/aid")
	w.playbookStatus("rescue", "holds beta", func(s *v1alpha1.PlaybookStatus) bool {
		return len(s.Held) == 1 && s.Held[0] == v1alpha1.HeldRun{Account: "beta", Reason: v1alpha1.HeldLimitReached}
	})
}

func TestPlaybooksThatKeepEachOtherFromStarting(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.apply(watchLow("one", "one", "  inhibitedBy: [two]\n"))
	w.apply(watchLow("two", "two", "  inhibitedBy: [one]\n"))
	w.addAccount("acme", 10)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,30,ok")
	w.openRuns("acme/one")
	w.quiet()
	w.openRuns("acme/one")
	w.finish(w.taskOfStep("one"), `{"spec":{"state":"Done"}}`)
	w.openRuns("acme/two")
}

func TestAPlaybookThatIsNotThereKeepsNothingFromStarting(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(watchLow("aid", "aid", "  inhibitedBy: [rescue]\n"))
	w.addAccount("acme", 10)
	w.openRuns("acme/aid")
	w.playbookSays("aid", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReferenceNotFound,
		"Playbook rescue of spec.inhibitedBy")
	w.apply(watchLow("rescue", "rescue", "  suspend: true\n"))
	w.playbookStatus("aid", "is ready", func(s *v1alpha1.PlaybookStatus) bool {
		return meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady)
	})
}

func TestACommitThatWouldStartHundredsOfRuns(t *testing.T) {
	w := newWorld(t)
	var lines []string
	for i := range 120 {
		name := fmt.Sprintf("acct-%03d", i)
		lines = append(lines, name+",30,ok")
		w.addAccount(name, i)
	}
	w.setUsage(lines...)
	w.apply(usage)
	w.apply(watchLow("rescue", "rescue", ""))
	status := w.playbookStatus("rescue", "holds seventy", func(s *v1alpha1.PlaybookStatus) bool { return s.HeldRuns == 70 && s.ActiveRuns == 50 })
	if len(status.Held) != 10 || status.Held[0].Account != "acct-069" {
		t.Errorf("held are %v, want the ten largest", status.Held)
	}
	w.playbookSays("rescue", v1alpha1.ConditionHeld, metav1.ConditionTrue, v1alpha1.ReasonLimitReached,
		"70 accounts are due and wait: spec.limits (activeRuns 200, newRunsPerDay 50) holds 70 of them back, the largest ARR goes first")
	var runs v1alpha1.PlaybookRunList
	if n, err := w.count(&runs); err != nil || n != 50 {
		t.Errorf("%d runs, %v", n, err)
	}
	for _, run := range runs.Items {
		if strings.Compare(run.Spec.AccountRef.Name, "acct-070") < 0 {
			t.Errorf("%s began before larger ones", run.Spec.AccountRef.Name)
		}
	}
	// What is held is no news after a restart.
	w.quiet()
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("the restart wrote (-before +after):\n%s", diff)
	}
	w.pass(25 * time.Hour)
	w.playbookStatus("rescue", "holds twenty", func(s *v1alpha1.PlaybookStatus) bool { return s.HeldRuns == 20 && s.ActiveRuns == 100 })
}

func TestFinishedRunsLeave(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.apply(watchLow("rescue", "call", "  historyLimit: 1\n"))
	w.addAccount("acme", 10)
	w.health("acme", 80, "Healthy")
	for sequence := int64(1); sequence <= 3; sequence++ {
		w.setUsage("acme,30,ok")
		w.episode("acme", "rescue", v1alpha1.EpisodeFiring, sequence)
		w.until("the task is finished", func() error {
			var list v1alpha1.TaskList
			if err := w.List(context.Background(), &list); err != nil {
				return err
			}
			for _, task := range list.Items {
				if task.Status.State == v1alpha1.TaskOpen {
					w.finish(task, `{"spec":{"state":"Done"}}`)
					return nil
				}
			}
			return fmt.Errorf("no task is open")
		})
		w.openRuns()
		w.setUsage("acme,80,ok")
		w.episode("acme", "rescue", v1alpha1.EpisodeClear, sequence)
	}
	status := w.playbookStatus("rescue", "counts three", func(s *v1alpha1.PlaybookStatus) bool {
		return s.Results != nil && s.Results.Resolved == 3
	})
	want := &v1alpha1.PlaybookResults{Runs: 3, Completed: 3, Resolved: 3, MedianDaysToResolve: "0.0"}
	if diff := cmp.Diff(want, status.Results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	// The limit of a day counts them for a day. Then all but the newest go, and their tasks go with them.
	w.pass(23 * time.Hour)
	if n, err := w.count(&v1alpha1.PlaybookRunList{}); err != nil || n != 3 {
		t.Errorf("%d runs are left within the day, %v", n, err)
	}
	w.pass(2 * time.Hour)
	w.until("one run is left", func() error {
		var runs v1alpha1.PlaybookRunList
		var tasks v1alpha1.TaskList
		if _, err := w.count(&runs); err != nil {
			return err
		}
		if _, err := w.count(&tasks); err != nil {
			return err
		}
		if len(runs.Items) != 1 || runs.Items[0].Spec.Sequence != 3 || len(tasks.Items) != 1 {
			return fmt.Errorf("%d runs, %d tasks", len(runs.Items), len(tasks.Items))
		}
		return nil
	})
	// What is gone starts nothing, and the next episode has the next number.
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 3)
	w.setUsage("acme,30,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 4)
}

func TestPlaybooksAtTheirLimitsSayItOnce(t *testing.T) {
	for name, inhibitedBy := range map[string][3]string{
		"in a row":    {"", "one", "one, two"},
		"in a circle": {"two", "three", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setUsage("large,80,ok", "small,80,ok")
			w.apply(usage)
			names := []string{"one", "two", "three"}
			for i, name := range names {
				w.apply(watchLow(name, name, fmt.Sprintf("  inhibitedBy: [%s]\n  limits: {newRunsPerDay: 1}\n", inhibitedBy[i])))
			}
			w.addAccount("large", 20)
			w.addAccount("small", 10)
			w.health("large", 80, "Healthy")
			w.health("small", 80, "Healthy")
			w.setUsage("large,30,ok", "small,80,ok")
			// Each uses its one place of the day up: when the work of one is done, the next starts.
			for done := map[v1alpha1.StepName]bool{}; len(done) < len(names); {
				w.until("another task is open", func() error {
					tasks, err := w.tasks()
					if err != nil {
						return err
					}
					for _, task := range tasks {
						if task.Status.State == v1alpha1.TaskOpen && !done[task.Spec.Step] {
							w.finish(task, `{"spec":{"state":"Done"}}`)
							done[task.Spec.Step] = true
							return nil
						}
					}
					return fmt.Errorf("of %d tasks none is", len(tasks))
				})
			}
			w.openRuns()
			w.setUsage("large,30,ok", "small,30,ok")
			for _, name := range names {
				w.playbookStatus(name, "holds small", func(s *v1alpha1.PlaybookStatus) bool {
					return len(s.Held) == 1 && s.Held[0] == v1alpha1.HeldRun{Account: "small", Reason: v1alpha1.HeldLimitReached}
				})
			}
			w.quiet()
			before := w.versions()
			w.quiet()
			if diff := cmp.Diff(before, w.versions()); diff != "" {
				t.Errorf("what is held is said again and again (-before +after):\n%s", diff)
			}
		})
	}
}

func TestALimitThatIsLoweredBelowWhatIsActive(t *testing.T) {
	w := newWorld(t)
	w.setUsage("a,30,ok", "b,30,ok", "c,80,ok", "d,80,ok")
	w.apply(usage)
	w.apply(watchLow("rescue", "call", "  limits: {activeRuns: 3}\n"))
	for i, name := range []string{"a", "b", "c", "d"} {
		w.addAccount(name, i)
	}
	w.openRuns("a/rescue", "b/rescue")
	// What is under way goes on, and nothing starts until there is less of it than the limit says.
	w.apply(watchLow("rescue", "call", "  limits: {activeRuns: 1}\n"))
	w.setUsage("a,30,ok", "b,30,ok", "c,30,ok", "d,80,ok")
	held := func(active int32, accounts ...string) {
		t.Helper()
		w.playbookStatus("rescue", fmt.Sprintf("holds %v", accounts), func(s *v1alpha1.PlaybookStatus) bool {
			var names []string
			for _, h := range s.Held {
				names = append(names, h.Account)
			}
			return s.ActiveRuns == active && int(s.HeldRuns) == len(accounts) && slices.Equal(names, accounts)
		})
	}
	held(2, "c")
	w.playbookSays("rescue", v1alpha1.ConditionHeld, metav1.ConditionTrue, v1alpha1.ReasonLimitReached,
		"1 account is due and waits: spec.limits (activeRuns 1, newRunsPerDay 50) holds 1 of them back, the largest ARR goes first")
	w.openRuns("a/rescue", "b/rescue")
	w.setUsage("a,80,ok", "b,30,ok", "c,30,ok", "d,30,ok") // of the two one ends: still one too many for another
	held(1, "d", "c")
	w.openRuns("b/rescue")
	w.setUsage("a,80,ok", "b,80,ok", "c,30,ok", "d,30,ok")
	held(1, "c")
	w.openRuns("d/rescue")
}

func TestWhatADeletedPlaybookHasLeftStaysWithPeople(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,30,ok")
	w.apply(usage)
	w.apply(watchLow("rescue", "call", "  historyLimit: 0\n"))
	w.addAccount("acme", 1)
	w.addAccount("beta", 2)
	w.openRuns("acme/rescue", "beta/rescue")
	if err := w.Delete(t.Context(), &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "rescue"}}); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	w.setUsage("acme,80,ok", "beta,30,ok") // nobody judges any more whether it is needed
	w.health("acme", 80, "Healthy")
	w.openRuns("acme/rescue", "beta/rescue")
	var tasks v1alpha1.TaskList
	if n, err := w.count(&tasks); err != nil || n != 2 {
		t.Fatalf("%d tasks, %v", n, err)
	}
	w.finish(tasks.Items[0], `{"spec":{"state":"Done"}}`)
	w.runState(tasks.Items[0].Spec.AccountRef.Name, v1alpha1.RunCompleted, metav1.ConditionFalse)
	w.pass(60 * 24 * time.Hour)
	w.quiet()
	if n, err := w.count(&v1alpha1.PlaybookRunList{}); err != nil || n != 2 {
		t.Errorf("%d runs are left, %v", n, err)
	}
	// People take it away with its label.
	labeled := client.MatchingLabels{v1alpha1.LabelPlaybook: "rescue"}
	if err := w.DeleteAllOf(t.Context(), &v1alpha1.PlaybookRun{}, client.InNamespace(w.namespace), labeled); err != nil {
		t.Fatal(err)
	}
	w.taskStates(map[string]v1alpha1.TaskState{})
}
