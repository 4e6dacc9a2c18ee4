package manager

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// startsOn applies a playbook with one trigger and the step call.
func (w *world) startsOn(name, trigger string) {
	w.t.Helper()
	w.apply(fmt.Sprintf("kind: Playbook\nmetadata: {name: %s}\nspec:\n  triggers: [%s]\n  steps: [{name: call, title: Call}]\n", name, trigger))
}

// runOf returns the newest run of a playbook.
func (w *world) runOf(name string) v1alpha1.PlaybookRun {
	w.t.Helper()
	var runs v1alpha1.PlaybookRunList
	if err := w.List(context.Background(), &runs); err != nil {
		w.t.Fatal(err)
	}
	var newest v1alpha1.PlaybookRun
	for _, run := range runs.Items {
		if run.Spec.PlaybookRef.Name == name && run.Spec.Sequence > newest.Spec.Sequence {
			newest = run
		}
	}
	return newest
}

// taskState waits until the task of a playbook's newest run is in a state.
func (w *world) taskState(playbook string, state v1alpha1.TaskState) v1alpha1.Task {
	w.t.Helper()
	var task v1alpha1.Task
	w.until(fmt.Sprintf("the task of %s is %s", playbook, state), func() error {
		var tasks v1alpha1.TaskList
		if err := w.List(context.Background(), &tasks); err != nil {
			return err
		}
		run := w.runOf(playbook)
		for _, task = range tasks.Items {
			if task.Spec.RunRef.Name == run.Name && task.Status.State == state {
				return nil
			}
		}
		return fmt.Errorf("tasks are %s", asYAML(tasks.Items))
	})
	return task
}

// wantRun checks the trigger and the reason of a playbook's newest run.
func (w *world) wantRun(playbook string, kind v1alpha1.TriggerType, reason string) {
	w.t.Helper()
	run := w.runOf(playbook)
	if run.Spec.TriggerType != kind || run.Spec.Reason != reason {
		w.t.Errorf("the run is of type %q, because %q; want %q, because %q", run.Spec.TriggerType, run.Spec.Reason, kind, reason)
	}
}

func TestATriggerOnWhereTheBandCameFrom(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.startsOn("sudden", "{name: sudden, band: {in: [Critical], from: [Healthy]}}")
	w.startsOn("slow", "{name: slow, band: {in: [Critical], from: [AtRisk]}}")
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,30,ok")
	w.episode("acme", "sudden", v1alpha1.EpisodeFiring, 1)
	w.episode("acme", "slow", v1alpha1.EpisodeClear, 0)
	// An outage in between does not change where it came from.
	w.taskState("sudden", v1alpha1.TaskOpen)
	w.setUsage("beta,30,ok")
	w.pass(48 * time.Hour)
	w.setUsage("acme,31,ok")
	w.health("acme", 31, "Critical")
	w.episode("acme", "sudden", v1alpha1.EpisodeFiring, 1)
	w.setUsage("acme,50,ok")
	w.episode("acme", "sudden", v1alpha1.EpisodeClear, 1)
	w.taskState("sudden", v1alpha1.TaskCanceled)
	w.setUsage("acme,30,ok")
	w.episode("acme", "slow", v1alpha1.EpisodeFiring, 1)
	w.episode("acme", "sudden", v1alpha1.EpisodeClear, 1)
}

func TestATriggerOnAFallOfTheScore(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.startsOn("fell", "{name: fell, scoreDrop: {points: 20, within: 7d}}")
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	// A day's last score is the one that is remembered.
	w.pass(24 * time.Hour)
	w.setUsage("acme,61,ok")
	w.health("acme", 61, "AtRisk")
	w.episode("acme", "fell", v1alpha1.EpisodeClear, 0)
	w.pass(24 * time.Hour)
	w.setUsage("acme,58,ok")
	w.episode("acme", "fell", v1alpha1.EpisodeFiring, 1)
	w.wantRun("fell", v1alpha1.TriggerEvent, "score fell by 22 points within 7d (to 58)")
	// It fell: that it rose again, and that the window passes, takes nothing back.
	w.setUsage("acme,90,ok")
	w.episode("acme", "fell", v1alpha1.EpisodeClear, 1)
	w.taskState("fell", v1alpha1.TaskOpen)
	// The run is resolved when its work is completed, and when somebody takes that back it is not.
	w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	w.finish(w.taskOfStep("call"), `{"spec":{"state":"Done"}}`)
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionTrue)
	w.finish(w.taskOfStep("call"), `{"spec":{"state":"Open"}}`)
	w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	w.finish(w.taskOfStep("call"), `{"spec":{"state":"Done"}}`)
	// A changed rule is not a customer who dropped.
	w.pass(10 * 24 * time.Hour)
	w.apply(usageUpTo(200))
	w.health("acme", 45, "AtRisk")
	w.episode("acme", "fell", v1alpha1.EpisodeClear, 1)
}

func TestTriggersOnTheLifecycle(t *testing.T) {
	w := newWorld(t)
	stage := func(account, stage string) {
		t.Helper()
		w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: %s}\nspec: {lifecycleStage: %s, owner: jo@example.com}\n", account, stage))
	}
	stage("acme", "Onboarding")
	stage("old", "Adoption")
	w.until("the stage is seen", func() error {
		a, err := w.account("old")
		if err == nil && a.Status.Lifecycle == nil {
			err = fmt.Errorf("no stage yet")
		}
		return err
	})
	w.pass(8 * 24 * time.Hour)
	w.startsOn("welcome", "{name: new, lifecycle: {enters: [Adoption]}}")
	w.startsOn("stuck", "{name: stuck, lifecycle: {stages: [Onboarding], longerThan: 30d}}")
	w.episode("old", "welcome", v1alpha1.EpisodeClear, 0)
	w.episode("acme", "stuck", v1alpha1.EpisodeClear, 0)
	w.pass(21 * 24 * time.Hour)
	w.episode("acme", "stuck", v1alpha1.EpisodeClear, 0)
	w.pass(25 * time.Hour)
	w.episode("acme", "stuck", v1alpha1.EpisodeFiring, 1)
	w.taskState("stuck", v1alpha1.TaskOpen)

	stage("acme", "Adoption")
	w.episode("acme", "stuck", v1alpha1.EpisodeClear, 1)
	w.taskState("stuck", v1alpha1.TaskCanceled)
	w.episode("acme", "welcome", v1alpha1.EpisodeFiring, 1)
	w.wantRun("welcome", v1alpha1.TriggerEvent, w.runOf("welcome").Spec.Reason)
	w.restart()
	stage("acme", "Retention")
	w.episode("acme", "welcome", v1alpha1.EpisodeClear, 1)
	w.taskState("welcome", v1alpha1.TaskOpen)
}

func TestATriggerEveryPeriod(t *testing.T) {
	w := newWorld(t)
	day := func(days int) string { return w.clock.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: acme}\nspec: {contract: {startDate: %q}}\n", day(-80)))
	w.startsOn("qbr", "{name: quarter, every: 90d}")
	w.episode("acme", "qbr", v1alpha1.EpisodeClear, 0)
	w.pass(9 * 24 * time.Hour)
	w.episode("acme", "qbr", v1alpha1.EpisodeClear, 0)
	first := day(1)
	w.pass(25 * time.Hour)
	w.episode("acme", "qbr", v1alpha1.EpisodeFiring, 1)
	w.taskState("qbr", v1alpha1.TaskOpen)
	if run := w.runOf("qbr"); string(run.Spec.Period) != first || run.Spec.TriggerType != v1alpha1.TriggerEvent {
		t.Errorf("the run is of period %q and type %s, want %s", run.Spec.Period, run.Spec.TriggerType, first)
	}
	w.restart()
	w.quiet()
	// The work of one period is still open when the next two begin: only the newest follows it.
	w.pass(181 * 24 * time.Hour)
	if n, err := w.count(&v1alpha1.PlaybookRunList{}); err != nil || n != 1 {
		t.Errorf("%d runs, %v", n, err)
	}
	w.finish(w.taskOfStep("call"), `{"spec":{"state":"Done"}}`)
	w.until("there are two runs", func() error {
		if n, err := w.count(&v1alpha1.PlaybookRunList{}); err != nil || n != 2 {
			return fmt.Errorf("%d runs, %w", n, err)
		}
		return nil
	})
	w.taskState("qbr", v1alpha1.TaskOpen)
}

func TestATriggerOnMissingData(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,80,ok", "cube,80,ok")
	w.apply(usage)
	w.startsOn("blind", "{name: blind, noData: {from: {source: usage, metric: wau}, for: 14d}}")
	for _, name := range []string{"acme", "beta", "cube"} {
		w.addAccount(name, 1)
		w.health(name, 80, "Healthy")
	}
	w.episode("acme", "blind", v1alpha1.EpisodeClear, 0)
	w.setUsage("beta,80,ok", "cube,80,ok")
	w.episode("acme", "blind", v1alpha1.EpisodePending, 0)
	w.pass(13 * 24 * time.Hour)
	w.episode("acme", "blind", v1alpha1.EpisodePending, 0)
	// An outage is no missing data: the time does not run on.
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	if err := w.Delete(context.Background(), cm); err != nil {
		t.Fatal(err)
	}
	w.until("the source is not available", func() error {
		var source v1alpha1.DataSource
		if err := w.Get(context.Background(), client.ObjectKey{Name: "usage"}, &source); err != nil {
			return err
		}
		for _, c := range source.Status.Conditions {
			if c.Type == v1alpha1.ConditionAvailable && c.Status == "False" {
				return nil
			}
		}
		return fmt.Errorf("it is")
	})
	w.pass(14 * 24 * time.Hour)
	w.episode("acme", "blind", v1alpha1.EpisodePending, 0)
	w.setUsage("beta,80,ok", "cube,80,ok")
	w.until("the time runs on where it stood", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		for _, e := range a.Status.Playbooks {
			if len(e.Pending) == 1 && e.Pending[0].Since != nil && w.clock.Since(e.Pending[0].Since.Time) == 13*24*time.Hour {
				return nil
			}
		}
		return fmt.Errorf("episodes are %s", asYAML(a.Status.Playbooks))
	})
	w.pass(23 * time.Hour)
	w.episode("acme", "blind", v1alpha1.EpisodePending, 0)
	w.pass(2 * time.Hour)
	w.episode("acme", "blind", v1alpha1.EpisodeFiring, 1)
	w.taskState("blind", v1alpha1.TaskOpen)
	w.setUsage("acme,70,ok", "beta,80,ok", "cube,80,ok")
	w.episode("acme", "blind", v1alpha1.EpisodeClear, 1)
	w.taskState("blind", v1alpha1.TaskCanceled)
}

func TestATriggerOnDataThatIsOld(t *testing.T) {
	w := newWorld(t)
	asOf := w.clock.Now().UTC().Truncate(time.Second)
	table := func(at time.Time) {
		t.Helper()
		w.apply(fmt.Sprintf("kind: ConfigMap\napiVersion: v1\nmetadata: {name: visits}\ndata:\n  t.csv: |\n    id,as_of,wau\n    acme,%s,7\n", at.Format(time.RFC3339)))
	}
	table(asOf)
	w.apply(`
kind: DataSource
metadata: {name: visits}
spec:
  account: {field: id}
  observedTime: {field: as_of}
  metrics: [{name: wau, type: Number}]
  configMap: {name: visits, key: t.csv, format: CSV}
`)
	w.startsOn("blind", "{name: blind, noData: {from: {source: visits, metric: wau}, for: 14d}}")
	w.addAccount("acme", 1)
	w.episode("acme", "blind", v1alpha1.EpisodeClear, 0)
	// The source is read all the while, and has nothing new.
	w.pass(14*24*time.Hour - time.Minute)
	w.quiet()
	w.episode("acme", "blind", v1alpha1.EpisodeClear, 0)
	w.pass(2 * time.Minute)
	w.episode("acme", "blind", v1alpha1.EpisodeFiring, 1)
	w.taskState("blind", v1alpha1.TaskOpen)
	table(asOf.Add(14 * 24 * time.Hour))
	w.episode("acme", "blind", v1alpha1.EpisodeClear, 1)
	w.taskState("blind", v1alpha1.TaskCanceled)
}

func TestATriggerWithAnExpressionBesideAnother(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,50,ok")
	w.apply(usage)
	w.apply(`
kind: Playbook
metadata: {name: rescue}
spec:
  triggers:
  - {name: large, expression: "health.score < 60 && account.spec.contract.arr > 50000", for: 2d}
  - {name: very-low, score: {atMost: 20}, for: 4h}
  steps: [{name: call, title: Call}]
`)
	w.addAccount("acme", 90000)
	w.addAccount("beta", 100)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,50,ok", "beta,50,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodePending, 0)
	w.episode("beta", "rescue", v1alpha1.EpisodeClear, 0)
	w.pass(47 * time.Hour)
	w.setUsage("acme,10,ok", "beta,50,ok")
	w.health("acme", 10, "Critical")
	w.episode("acme", "rescue", v1alpha1.EpisodePending, 0)
	w.pass(2 * time.Hour)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	if run := w.runOf("rescue"); run.Spec.Trigger != "large" || run.Spec.TriggerType == v1alpha1.TriggerEvent {
		t.Errorf("it was started by %s (%s)", run.Spec.Trigger, run.Spec.TriggerType)
	}
	w.taskState("rescue", v1alpha1.TaskOpen)
	// The other trigger holds on when the first does not.
	w.addAccount("acme", 100)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.setUsage("acme,50,ok", "beta,50,ok")
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 1)
	w.taskState("rescue", v1alpha1.TaskCanceled)
}
