package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func (w *world) measureState(name string, state v1alpha1.ValueState) {
	w.t.Helper()
	w.until(fmt.Sprintf("the measure of %s is %s", name, state), func() error {
		a, err := w.account(name)
		if err != nil {
			return err
		}
		if h := a.Status.Health; h == nil || len(h.Measures) != 1 || h.Measures[0].State != state {
			return fmt.Errorf("health is %s", asYAML(h))
		}
		return nil
	})
}

func TestAValueThatIsReadAgainAfterItGrewStaleIsFreshAgain(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,90,ok")
	w.apply(strings.Replace(usage, "  account: {field: id}", "  account: {field: id}\n  maxAge: 1h", 1))
	w.addAccount("acme", 1)
	w.measureState("acme", v1alpha1.ValueFresh)
	w.pass(2 * time.Hour)
	w.measureState("acme", v1alpha1.ValueStale)
	w.setUsage("acme,30,ok", "beta,91,ok") // a new export in which acme's row happens to be as it was
	w.measureState("acme", v1alpha1.ValueFresh)
}

func TestAModelWhoseSelectorIsWrongLeavesHealthAsItWas(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.apply(strings.Split(usage, "\n---\n")[1] + "\n  accountSelector: {matchExpressions: [{key: tier, operator: In}]}\n")
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Stalled", "True", "InvalidSpec", "accountSelector")
	w.quiet()
	a, err := w.account("acme")
	if err != nil {
		t.Fatal(err)
	}
	if h := a.Status.Health; h.Score == nil || *h.Score != 80 || h.Band != "Healthy" {
		t.Errorf("the model is stalled, and health is\n%s\nconditions %s", asYAML(h), asYAML(a.Status.Conditions))
	}
}

func TestAWrongSelectorMakesNoTask(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.apply(rescue)
	model := strings.Split(usage, "\n---\n")[1]
	// A stricter model for everybody else; enterprise outranks it.
	w.apply(strings.Replace(model, "name: standard", "name: enterprise", 1) + "\n  priority: 10\n")
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.apply(strings.Replace(model, "best: 100", "best: 1000", 1))
	w.quiet()
	w.health("acme", 80, "Healthy")
	w.apply(strings.Replace(model, "name: standard", "name: enterprise", 1) + "\n  priority: 10\n  accountSelector: {matchExpressions: [{key: tier, operator: In}]}\n")
	m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "enterprise"}}
	w.condition(m, func() []metav1.Condition { return m.Status.Conditions }, "Stalled", "True", "InvalidSpec", "accountSelector")
	w.quiet()
	w.taskStates(map[string]v1alpha1.TaskState{})
	w.health("acme", 80, "Healthy")
}

func TestATaskWithoutAnAssigneeFollowsTheOwner(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(rescue)
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {displayName: Acme}\n")
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.quiet()
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {displayName: Acme, owner: jo@example.com}\n")
	w.quiet()
	tasks, err := w.tasks()
	if err != nil {
		t.Fatal(err)
	}
	if got := tasks["triage"].Status.Assignee; got != "jo@example.com" {
		t.Errorf("after the owner came the assignee is %q", got)
	}
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written by a restart:\n%s", diff)
	}
}

func TestSharingTwoIDsIsSaidInOneWay(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"acme", "beta"} {
		w.apply("kind: Account\nmetadata: {name: " + name + "}\nspec: {externalIDs: {product: [org_1], crm: [x1], billing: [b1]}}\n")
	}
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "SharedExternalID", "True", "SharedExternalID", "beta")
	w.quiet()
	before := w.versions()
	for range 5 {
		w.pass(0)
		w.quiet()
	}
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written without a change:\n%s", diff)
	}
}

const mood = `
kind: Playbook
metadata: {name: mood}
spec:
  triggers:
  - {name: bad, for: 24h, value: {from: {source: usage, metric: mood}, in: [bad]}}
  steps: [{name: call, title: Call}]
`

func TestForStandsStillWhileAPlaybookIsStalled(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,bad")
	w.apply(usage)
	w.apply(mood)
	w.addAccount("acme", 1)
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)
	w.apply(strings.Replace(mood, "title: Call", `title: "${account.spec.odd}"`, 1))
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "mood"}}
	w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, "Stalled", "True", "InvalidSpec", "")
	w.quiet()
	// Meanwhile the mood is good, and bad again: nobody judges it.
	w.pass(12 * time.Hour)
	w.setUsage("acme,30,good")
	w.quiet()
	w.pass(12 * time.Hour)
	w.setUsage("acme,30,bad")
	w.quiet()
	w.apply(mood)
	w.quiet()
	w.episode("acme", "mood", v1alpha1.EpisodePending, 0)
}

func TestARestartChangesNothingWhileASourceIsSuspended(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.apply(strings.Replace(strings.Split(usage, "\n---\n")[0], "spec:\n", "spec:\n  suspend: true\n", 1))
	w.quiet()
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written by a restart:\n%s", diff)
	}
}

func TestTheGuardHoldsAfterAnEditDuringTheOutageAndARestart(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "a,1,ok", "b,1,ok", "c,1,ok")
	w.apply(strings.Replace(usage, "{name: wau, type: Number}", `{name: wau, type: Number, absent: "0"}`, 1))
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.setUsage("a,1,ok") // caught half loaded
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Available", "False", "RowsDropped", "")
	w.apply(strings.Replace(strings.Replace(strings.Split(usage, "\n---\n")[0], "{name: wau, type: Number}", `{name: wau, type: Number, absent: "0"}`, 1), "spec:\n", "spec:\n  timeout: 20s\n", 1))
	w.quiet()
	w.health("acme", 80, "Healthy")
	w.restart()
	w.quiet()
	w.health("acme", 80, "Healthy")
}

func TestAClockThatGoesBackMovesNothing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,bad")
	w.apply(strings.Replace(usage, "  account: {field: id}", "  account: {field: id}\n  maxAge: 1h", 1))
	w.apply(rescue)
	w.apply(mood)
	w.addAccount("acme", 1)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.quiet()
	before := w.versions()
	w.pass(-3 * time.Hour)
	w.quiet()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written:\n%s\n%s", diff, w.describe())
	}
}

func TestAChurnedAccountIsNotSeenByPlaybooks(t *testing.T) {
	w := newWorld(t)
	w.apply("kind: Playbook\nmetadata: {name: pb}\nspec:\n  existing: Ignore\n  accountSelector: {matchLabels: {tier: a}}\n  triggers: [{name: new, lifecycle: {stages: [Onboarding]}}]\n  steps: [{name: s, title: Call}]\n")
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {lifecycleStage: Churned}\n")
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "ModelApplied", "False", "Churned", "")
	w.quiet()
	w.apply("kind: Account\nmetadata: {name: acme, labels: {tier: a}}\nspec: {lifecycleStage: Onboarding}\n")
	w.quiet()
	w.episode("acme", "pb", v1alpha1.EpisodeIgnored, 0)
}
