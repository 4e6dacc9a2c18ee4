package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAConditionHoldsBeforeItStartsAnything(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,bad")
	w.apply(usage)
	w.apply(`
kind: Playbook
metadata: {name: mood}
spec:
  triggers:
  - {name: bad, for: 24h, value: {from: {source: usage, metric: mood}, in: [bad]}}
  steps: [{name: call, title: Call}]
`)
	w.addAccount("acme", 1)
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)
	w.pass(20 * time.Hour)
	w.quiet()
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)

	// While nobody knows, the time stands still.
	w.setUsage("acme,30,")
	w.until("the time held is kept", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		if p := a.Status.Playbooks[0].Pending; len(p) != 1 || p[0].Elapsed != "20h" {
			return fmt.Errorf("pending is %s", asYAML(p))
		}
		return nil
	})
	w.pass(48 * time.Hour)
	w.quiet()
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)

	w.setUsage("acme,30,bad")
	w.quiet()
	w.pass(3 * time.Hour)
	w.quiet()
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)
	w.restart()
	w.pass(time.Hour)
	w.episode("acme", "mood", v1alpha1.EpisodeFiring, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskOpen})
}

func TestABandChangeIsHeldAndSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(strings.Replace(usage, "  dimensions:", "  bandChange: {margin: 2, hold: 1h}\n  dimensions:", 1))
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,30,ok")
	w.health("acme", 30, "Healthy")
	w.pass(30 * time.Minute)
	w.restart()
	w.quiet()
	w.health("acme", 30, "Healthy")
	w.pass(30 * time.Minute)
	w.health("acme", 30, "Critical")
}

func TestTheCooldownBeginsWhenTheWorkEnds(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(`
kind: Playbook
metadata: {name: again}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  repeat: AfterCooldown
  cooldown: 30d
  steps: [{name: call, title: Call}]
`)
	w.addAccount("acme", 1)
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskOpen})
	w.pass(60 * 24 * time.Hour) // the work is open: it does not begin again
	w.quiet()
	w.episode("acme", "again", v1alpha1.EpisodeFiring, 1)
	w.finish(tasks["call"], `{"spec":{"state":"Done"}}`)
	w.runState("acme", v1alpha1.RunCompleted, metav1.ConditionFalse)
	w.quiet()
	w.pass(29 * 24 * time.Hour)
	w.quiet()
	w.episode("acme", "again", v1alpha1.EpisodeFiring, 1)
	w.pass(24 * time.Hour)
	w.episode("acme", "again", v1alpha1.EpisodeFiring, 2)
}

func TestATaskBecomesOverdue(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.pass(49 * time.Hour)
	overdue := func(want bool) {
		t.Helper()
		w.until(fmt.Sprintf("overdue %v", want), func() error {
			tasks, err := w.tasks()
			if err == nil && meta.IsStatusConditionTrue(tasks["triage"].Status.Conditions, v1alpha1.ConditionOverdue) != want {
				err = fmt.Errorf("conditions are %s", asYAML(tasks["triage"].Status.Conditions))
			}
			return err
		})
	}
	overdue(true)
	tasks, err := w.tasks()
	if err != nil {
		t.Fatal(err)
	}
	w.finish(tasks["triage"], fmt.Sprintf(`{"spec":{"dueTime":%q}}`, w.clock.Now().Add(time.Hour).Format(time.RFC3339)))
	overdue(false)
}

func TestARenewalComesNear(t *testing.T) {
	w := newWorld(t)
	renewal := w.clock.Now().Add(100 * 24 * time.Hour).Format(time.DateOnly)
	w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: acme}\nspec: {contract: {renewalDate: %q}}\n", renewal))
	w.apply(`
kind: Playbook
metadata: {name: renewal}
spec:
  triggers: [{name: near, renewal: {within: 90d}}]
  steps: [{name: plan, title: "Renewal on ${account.spec.contract.renewalDate}"}]
`)
	w.episode("acme", "renewal", v1alpha1.EpisodeClear, 0)
	w.pass(11 * 24 * time.Hour)
	w.episode("acme", "renewal", v1alpha1.EpisodeFiring, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"plan": v1alpha1.TaskOpen})
	// The contract was renewed: the date moves, and the work is over.
	next := w.clock.Now().Add(400 * 24 * time.Hour).Format(time.DateOnly)
	w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: acme}\nspec: {contract: {renewalDate: %q}}\n", next))
	w.episode("acme", "renewal", v1alpha1.EpisodeClear, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"plan": v1alpha1.TaskCanceled})
}

func TestLimitsHoldRunsBackTheLargestFirst(t *testing.T) {
	w := newWorld(t)
	w.setUsage("a,30,ok", "b,30,ok", "c,30,ok", "d,30,ok")
	w.apply(usage)
	for i, name := range []string{"a", "b", "c", "d"} {
		w.addAccount(name, 100*(i+1))
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		w.health(name, 30, "Critical")
	}
	w.apply(`
kind: Playbook
metadata: {name: rescue}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  limits: {newRunsPerDay: 2}
  steps: [{name: call, title: Call}]
`)
	started := func(want ...string) {
		t.Helper()
		w.until(fmt.Sprintf("runs of %v", want), func() error {
			var runs v1alpha1.PlaybookRunList
			var playbook v1alpha1.Playbook
			if err := w.List(t.Context(), &runs); err != nil {
				return err
			}
			if err := w.Get(t.Context(), client.ObjectKey{Name: "rescue"}, &playbook); err != nil {
				return err
			}
			var names []string
			for _, run := range runs.Items {
				names = append(names, run.Spec.AccountRef.Name)
			}
			if fmt.Sprint(names) != fmt.Sprint(want) || int(playbook.Status.HeldRuns) != 4-len(want) || int(playbook.Status.ActiveRuns) != len(want) {
				return fmt.Errorf("runs of %v, status %s", names, asYAML(playbook.Status))
			}
			return nil
		})
	}
	started("c", "d")
	w.quiet()
	w.restart()
	w.quiet()
	started("c", "d")
	w.pass(25 * time.Hour)
	started("a", "b", "c", "d")
}
