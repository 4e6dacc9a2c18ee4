package manager

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// accountBecomes waits until an account is as check wants it.
func (w *world) accountBecomes(name, what string, check func(*v1alpha1.AccountStatus) bool) {
	w.t.Helper()
	w.until(fmt.Sprintf("account %s %s", name, what), func() error {
		a, err := w.account(name)
		if err == nil && !check(&a.Status) {
			err = fmt.Errorf("its status is %s", asYAML(a.Status))
		}
		return err
	})
}

// taskBecomes waits until the task of a step, or one made by hand with that name, is as check wants it.
func (w *world) taskBecomes(name, what string, check func(*v1alpha1.Task) bool) {
	w.t.Helper()
	w.until(fmt.Sprintf("task %s %s", name, what), func() error {
		var tasks v1alpha1.TaskList
		if err := w.List(w.t.Context(), &tasks); err != nil {
			return err
		}
		i := slices.IndexFunc(tasks.Items, func(task v1alpha1.Task) bool { return string(task.Spec.Step) == name || task.Name == name })
		if i < 0 || !check(&tasks.Items[i]) {
			return fmt.Errorf("the tasks are %s", asYAML(tasks))
		}
		return nil
	})
}

// in is a moment ahead, as a spec says it.
func (w *world) in(d time.Duration) string { return w.tells.Now().Add(d).UTC().Format(time.RFC3339) }

// inState reports whether a task is in a state.
func inState(state v1alpha1.TaskState) func(*v1alpha1.Task) bool {
	return func(task *v1alpha1.Task) bool { return task.Status.State == state }
}

// overdue reports whether a task says that it is overdue.
func overdue(task *v1alpha1.Task) bool {
	return meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionOverdue)
}

// Each account has one time that it waits for, and nothing else happens to it: what came by itself was planned.
func TestAccountsMoveOnByThemselves(t *testing.T) {
	w := newWorldInRealTime(t, 0)
	w.apply(`
kind: HealthScoreModel
metadata: {name: said}
spec:
  accountSelector: {matchLabels: {case: hold}}
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  bandChange: {margin: 2, hold: 4s}
  dimensions: [{name: mood, weight: 1}]
  measures:
  - name: mood
    dimension: mood
    weight: 1
    from: {measurement: mood}
    scale: {categories: [{value: Good, score: 90}, {value: Bad, score: 10}]}
---
kind: HealthScoreModel
metadata: {name: read}
spec:
  accountSelector: {matchLabels: {case: stale}}
  bands: [{name: Healthy, min: 70}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 1}]
  measures: [{name: wau, dimension: adoption, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}]
---
kind: DataSource
metadata: {name: usage}
spec:
  account: {field: id}
  observedTime: {field: as_of}
  maxAge: 5s
  metrics: [{name: wau, type: Number}]
  configMap: {name: usage, key: usage.csv, format: CSV}
---
kind: DataSource
metadata: {name: logins}
spec:
  account: {field: id}
  observedTime: {field: as_of}
  metrics: [{name: logins, type: Number}]
  configMap: {name: usage, key: logins.csv, format: CSV}
`)
	for name, spec := range map[string]string{
		"for":         "triggers: [{name: stage, for: 4s, lifecycle: {stages: [Adoption]}}]",
		"longer-than": "triggers: [{name: stage, lifecycle: {stages: [Adoption], longerThan: 4s}}]",
		"enters":      "triggers: [{name: stage, lifecycle: {enters: [Adoption], within: 4s}}]",
		"no-data":     "triggers: [{name: blind, noData: {from: {source: logins, metric: logins}, for: 5s}}]",
		"value":       "triggers: [{name: low, for: 1h, value: {from: {source: usage, metric: wau}, atMost: 50}}]",
		"expression":  "triggers: [{name: low, for: 1h, expression: metrics.usage.wau < 50.0}]",
		"cooldown":    "repeat: AfterCooldown\n  cooldown: 4s\n  triggers: [{name: stage, lifecycle: {stages: [Adoption]}}]",
	} {
		w.apply(fmt.Sprintf("kind: Playbook\nmetadata: {name: %s}\nspec:\n  accountSelector: {matchLabels: {case: %s}}\n  steps: [{name: %s, title: Call}]\n  %s\n", name, name, name, spec))
	}
	now := w.in(0)
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata:\n  usage.csv: %q\n  logins.csv: %q\n",
		fmt.Sprintf("id,as_of,wau\nstale,%[1]s,80\nvalue,%[1]s,5\nexpression,%[1]s,5\n", now), fmt.Sprintf("id,as_of,logins\nno-data,%s,5\n", now)))
	add := func(name, more string) {
		w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: %[1]s, labels: {case: %[1]s}}\nspec:\n  lifecycleStage: Adoption\n%[2]s", name, more))
	}
	mood := func(said string) { add("hold", fmt.Sprintf("  measurements: [{name: mood, value: %s}]\n", said)) }
	mood("Good")
	for _, name := range []string{"cooldown", "for", "longer-than", "enters", "no-data", "value", "expression", "stale"} {
		add(name, "")
	}
	w.health("hold", 90, "Healthy")
	mood("Bad")
	call := w.taskIs("cooldown", "is there", inState(v1alpha1.TaskOpen))
	w.finish(call, `{"spec":{"state":"Done"}}`)

	w.episode("for", "for", v1alpha1.EpisodeFiring, 1)
	w.episode("longer-than", "longer-than", v1alpha1.EpisodeFiring, 1)
	w.episode("enters", "enters", v1alpha1.EpisodeClear, 1)
	w.episode("no-data", "no-data", v1alpha1.EpisodeFiring, 1)
	w.episode("cooldown", "cooldown", v1alpha1.EpisodeFiring, 2)
	w.health("hold", 10, "Critical")
	w.accountBecomes("stale", "has a value that is Stale", func(status *v1alpha1.AccountStatus) bool {
		return status.Health != nil && len(status.Health.Measures) == 1 && status.Health.Measures[0].State == v1alpha1.ValueStale
	})
	for _, name := range []string{"value", "expression"} {
		w.accountBecomes(name, "cannot be judged any more", func(status *v1alpha1.AccountStatus) bool {
			return len(status.Playbooks) == 1 && len(status.Playbooks[0].Pending) == 1 && status.Playbooks[0].Pending[0].Elapsed != ""
		})
	}
}

// Each task has an account of its own, so that no other wakes it.
func TestTasksMoveOnByThemselves(t *testing.T) {
	w := newWorldInRealTime(t, 0)
	for name, step := range map[string]string{
		"opens":     "opens: {after: 4s}",
		"done-when": "opens: {after: 4s}, doneWhen: \"account.spec.owner == 'jo'\"",
		"later":     "opens: {after: 4s}, doneWhen: \"account.spec.owner == 'al'\"",
		"due":       "due: {after: 4s}",
		"escalates": "due: {after: 2s}, escalation: [{overdueBy: 1s, priority: High}, {overdueBy: 4s, assignee: lead}]",
	} {
		w.apply(fmt.Sprintf("kind: Playbook\nmetadata: {name: %[1]s}\nspec:\n  accountSelector: {matchLabels: {case: %[1]s}}\n"+
			"  triggers: [{name: stage, lifecycle: {stages: [Adoption]}}]\n  steps: [{name: %[1]s, title: Call, %[2]s}]\n", name, step))
	}
	for _, name := range []string{"opens", "done-when", "later", "due", "escalates", "by-hand"} {
		w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: %[1]s, labels: {case: %[1]s}}\nspec: {lifecycleStage: Adoption, owner: jo}\n", name))
	}
	w.apply(fmt.Sprintf("kind: Task\nmetadata: {name: mail}\nspec: {title: Mail, accountRef: {name: by-hand}, dueTime: %q}\n", w.in(4*time.Second)))
	w.apply(fmt.Sprintf("kind: Task\nmetadata: {name: visit}\nspec: {title: Visit, accountRef: {name: by-hand}, snooze: {until: %q}}\n", w.in(5*time.Second)))
	w.taskBecomes("visit", "is put off", inState(v1alpha1.TaskSnoozed))

	w.taskBecomes("opens", "is open", inState(v1alpha1.TaskOpen))
	w.taskBecomes("done-when", "has closed as its time came", inState(v1alpha1.TaskDone))
	w.taskBecomes("later", "is open, as its doneWhen does not hold", inState(v1alpha1.TaskOpen))
	w.taskBecomes("due", "is overdue", overdue)
	w.taskBecomes("escalates", "has escalated twice", func(task *v1alpha1.Task) bool {
		return task.Status.Assignee == "lead" && task.Status.Priority == v1alpha1.PriorityHigh
	})
	w.taskBecomes("mail", "is overdue", overdue)
	w.taskBecomes("visit", "is put off no more", inState(v1alpha1.TaskOpen))
}

func TestWhatWaitsForTheConfigurationGoesOnByItself(t *testing.T) {
	w := newWorldInRealTime(t, 4*time.Second)
	w.forAcme("  steps: [{name: call, title: Call}]\n")
	w.acme("")
	w.episode("acme", "work", v1alpha1.EpisodeFiring, 1)
	// The condition ends while the configuration changes again.
	w.forAcme("  cooldown: 1d\n  steps: [{name: call, title: Call}]\n")
	w.apply("kind: Account\nmetadata: {name: acme}\nspec:\n  lifecycleStage: Expansion\n")
	w.episode("acme", "work", v1alpha1.EpisodeClear, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskCanceled})
}
