package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// usage is the data, and what reads and scores it: the score of an account is its number of weekly users.
const usage = `
kind: DataSource
metadata: {name: usage}
spec:
  account: {field: id}
  metrics:
  - {name: wau, type: Number}
  - {name: mood, type: Category}
  configMap: {name: usage, key: usage.csv, format: CSV}
---
kind: HealthScoreModel
metadata: {name: standard}
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - name: wau
    dimension: adoption
    weight: 1
    from: {source: usage, metric: wau}
    scale: {linear: {worst: 0, best: 100}}
`

// usageUpTo is the model of usage, where so many weekly users are a score of 100.
func usageUpTo(best int) string {
	return strings.Replace(strings.Split(usage, "\n---\n")[1], "best: 100", fmt.Sprintf("best: %d", best), 1)
}

const rescue = `
kind: Playbook
metadata: {name: rescue}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps:
  - name: triage
    title: "Look at ${account.spec.displayName}: ${health.band} at ${health.score}, ${metrics.usage.wau} users"
    priority: High
    outcomes: [RealDrop, FalseAlarm]
    due: {after: 2d}
  - name: call
    title: "Call ${account.spec.displayName}"
    assignee: "${team('AccountExecutive')}"
    after: [triage]
    when: "outcomes.triage == 'RealDrop'"
  - name: report
    title: Write it up
    after: [call]
    checklist: [what happened, what we promised]
`

// setUsage writes the data: "acme,30,ok" lines.
func (w *world) setUsage(lines ...string) {
	w.t.Helper()
	csv := "id,wau,mood\n" + strings.Join(lines, "\n") + "\n"
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata: {usage.csv: %q}\n", csv))
}

// addAccount makes an account.
func (w *world) addAccount(name string, arr int) {
	w.t.Helper()
	w.apply(fmt.Sprintf(`
kind: Account
metadata: {name: %s}
spec:
  displayName: %s Corp
  owner: jo@example.com
  team: [{role: AccountExecutive, user: al@example.com}]
  contract: {arr: %d}
`, name, strings.ToUpper(name), arr))
}

// acmeInTrouble makes the account acme with a score of 30 and waits until the rescue has begun.
func (w *world) acmeInTrouble() map[string]v1alpha1.Task {
	w.t.Helper()
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	return w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
}

func TestFromDataToTaskAndBack(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1000)
	w.addAccount("beta", 2000)
	w.health("acme", 80, "Healthy")
	w.health("beta", 90, "Healthy")
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 0)

	w.setUsage("acme,30,ok", "beta,90,ok")
	w.health("acme", 30, "Critical")
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	triage := tasks["triage"]
	if want := "Look at ACME Corp: Critical at 30, 30 users"; triage.Spec.Title != want {
		t.Errorf("title is %q, want %q", triage.Spec.Title, want)
	}
	if got := triage.Status.DueTime.Sub(triage.Status.OpenedTime.Time); got != 48*time.Hour {
		t.Errorf("due %s after it opened, want 48h", got)
	}
	if triage.Status.Assignee != "jo@example.com" || triage.Status.Priority != v1alpha1.PriorityHigh {
		t.Errorf("assignee %s, priority %s", triage.Status.Assignee, triage.Status.Priority)
	}

	err := w.Patch(t.Context(), triage.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"state":"Done"}}`)))
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "state Done needs one of RealDrop, FalseAlarm") {
		t.Errorf("Done without an outcome: %v", err)
	}
	w.finish(triage, `{"spec":{"state":"Done","outcome":"RealDrop"}}`)
	tasks = w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskDone, "call": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	if got := tasks["call"].Status.Assignee; got != "al@example.com" {
		t.Errorf("the call is %s's, want the account executive's", got)
	}
	w.finish(tasks["call"], `{"spec":{"state":"Done"}}`)
	tasks = w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskDone, "call": v1alpha1.TaskDone, "report": v1alpha1.TaskOpen})
	w.until("one open task on the account", func() error {
		a, err := w.account("acme")
		if err == nil && a.Status.OpenTasks != 1 {
			err = fmt.Errorf("openTasks is %d", a.Status.OpenTasks)
		}
		return err
	})
	w.finish(tasks["report"], `{"spec":{"state":"Done"}}`)
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionFalse)

	w.setUsage("acme,75,ok", "beta,90,ok")
	w.health("acme", 75, "Healthy")
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 1)
}

// runState waits until the one run of an account is in a state.
func (w *world) runState(account string, state v1alpha1.RunState, resolved metav1.ConditionStatus) v1alpha1.PlaybookRun {
	w.t.Helper()
	var run v1alpha1.PlaybookRun
	w.until(fmt.Sprintf("the run of %s %s, resolved %s", account, state, resolved), func() error {
		runs, err := w.runs(account)
		if err != nil {
			return err
		}
		if len(runs) != 1 {
			return fmt.Errorf("%d runs", len(runs))
		}
		run = runs[0]
		c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionResolved)
		if run.Status.State != state || c == nil || c.Status != resolved {
			return fmt.Errorf("status is %s", asYAML(run.Status))
		}
		return nil
	})
	return run
}

// runs returns the runs of an account.
func (w *world) runs(account string) ([]v1alpha1.PlaybookRun, error) {
	var list v1alpha1.PlaybookRunList
	err := w.List(context.Background(), &list, client.MatchingFields{"spec.accountRef.name": account})
	return list.Items, err
}

func TestWhatTheConditionAskedForGoesWhenItClears(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,30,ok")
	w.apply(usage)
	w.apply(strings.Replace(rescue, "  steps:\n", "  onResolve: CancelUntouched\n  steps:\n", 1))
	w.addAccount("acme", 1)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.setUsage("acme,75,ok")
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskCanceled, "report": v1alpha1.TaskCanceled})
	if !meta.IsStatusConditionTrue(tasks["triage"].Status.Conditions, v1alpha1.ConditionNoLongerNeeded) {
		t.Error("the task does not say that it is no longer needed")
	}
	w.runState("acme", v1alpha1.RunCanceled, metav1.ConditionTrue)
}

func TestWorkThatSomebodyBeganIsNotTakenAway(t *testing.T) {
	w := newWorld(t)
	tasks := w.acmeInTrouble()
	w.finish(tasks["triage"], `{"spec":{"state":"InProgress"}}`)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskInProgress, "report": v1alpha1.TaskBlocked})
	w.setUsage("acme,75,ok")
	tasks = w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskInProgress, "report": v1alpha1.TaskCanceled})
	w.runState("acme", v1alpha1.RunActive, metav1.ConditionTrue)
	w.finish(tasks["triage"], `{"spec":{"state":"Done","outcome":"RealDrop"}}`)
	// The condition is gone: what would have come after does not begin.
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionTrue)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskDone, "report": v1alpha1.TaskCanceled})
}

func TestAnOutageMovesNothing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})

	if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
		t.Fatal(err)
	}
	errored := func() {
		t.Helper()
		for name, score := range map[string]int32{"acme": 30, "beta": 90} {
			w.until("values Errored on "+name, func() error {
				a, err := w.account(name)
				if err != nil {
					return err
				}
				m := a.Status.Health.Measures[0]
				if m.State != v1alpha1.ValueErrored || a.Status.Health.Score == nil || *a.Status.Health.Score != score || a.Status.Health.Coverage != 100 {
					return fmt.Errorf("health is %s", asYAML(a.Status.Health))
				}
				return nil
			})
		}
	}
	errored()
	w.restart()
	errored()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.episode("beta", "rescue", v1alpha1.EpisodeClear, 0)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})

	w.setUsage("acme,31,ok", "beta,90,ok")
	w.health("acme", 31, "Critical")
}

func TestARestartWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.health("beta", 90, "Healthy")
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.until("a count of open tasks", func() error {
		a, err := w.account("acme")
		if err == nil && a.Status.OpenTasks != 1 {
			err = fmt.Errorf("openTasks is %d", a.Status.OpenTasks)
		}
		return err
	})
	w.quiet()
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written after a restart without a change (- before, + after):\n%s", diff)
	}
}

// quiet waits until everything was looked at and nothing was written for a while that is long against a reconcile.
func (w *world) quiet() {
	w.t.Helper()
	last, same := "", 0
	w.until("no write", func() error {
		now := fmt.Sprint(w.versions())
		if now != last {
			last, same = now, 0
		}
		if same++; same < 50 {
			return fmt.Errorf("the same for %d looks", same)
		}
		return nil
	})
}

func TestRunsAndTasksAreHistory(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	run := w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	if err := w.Delete(t.Context(), &run); err != nil {
		t.Fatal(err)
	}
	w.taskStates(map[string]v1alpha1.TaskState{}) // collected with their run
	w.until("the work counts as ended", func() error {
		a, err := w.account("acme")
		if err == nil && (len(a.Status.Playbooks) != 1 || a.Status.Playbooks[0].EndedTime == nil) {
			err = fmt.Errorf("episodes are %s", asYAML(a.Status.Playbooks))
		}
		return err
	})
	w.quiet()
	if runs, err := w.runs("acme"); err != nil || len(runs) != 0 {
		t.Errorf("%d runs after the only one was deleted: %v", len(runs), err)
	}

	// A new episode is a new run, with the next number.
	w.setUsage("acme,80,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 1)
	w.setUsage("acme,20,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 2)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})

	if err := w.Delete(t.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}); err != nil {
		t.Fatal(err)
	}
	w.taskStates(map[string]v1alpha1.TaskState{})
	w.until("no runs", func() error {
		runs, err := w.runs("acme")
		if err == nil && len(runs) > 0 {
			err = fmt.Errorf("%d runs", len(runs))
		}
		return err
	})
}
