package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// condition waits until an object has a condition.
func (w *world) condition(obj client.Object, list func() []metav1.Condition, conditionType string, status metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s %s=%s %s", obj.GetName(), conditionType, status, reason), func() error {
		if err := w.Get(context.Background(), client.ObjectKey{Name: obj.GetName()}, obj); err != nil {
			return err
		}
		c := meta.FindStatusCondition(list(), conditionType)
		if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, message) {
			return fmt.Errorf("conditions are %s", asYAML(list()))
		}
		return nil
	})
}

func TestWhatIsMissingHealsWhenItAppears(t *testing.T) {
	w := newWorld(t)
	w.addAccount("acme", 1)
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "ModelApplied", "False", "NoModel", "no HealthScoreModel")

	docs := strings.Split(usage, "\n---\n")
	w.apply(docs[1])
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Ready", "False", "ReferenceNotFound", "DataSource usage")
	w.until("the band is Unknown", func() error {
		a, err := w.account("acme")
		if err == nil && (a.Status.Health == nil || a.Status.Health.Band != v1alpha1.BandUnknown || a.Status.Health.Score != nil) {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})

	w.apply(docs[0])
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Ready", "False", "ReferenceNotFound", "ConfigMap")
	w.setUsage("acme,55,ok")
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Ready", "True", "Ready", "")
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Ready", "True", "Ready", "")
	w.health("acme", 55, "AtRisk")
	w.until("the model counts its account", func() error {
		if err := w.Get(t.Context(), client.ObjectKey{Name: "standard"}, model); err != nil {
			return err
		}
		if model.Status.Accounts != 1 {
			return fmt.Errorf("accounts is %d", model.Status.Accounts)
		}
		return nil
	})
}

func TestAModelThatCannotWorkLeavesHealthAsItWas(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.apply(strings.Split(usage, "\n---\n")[1] + "\n  rules: [{name: odd, when: 'metrics.usage.wau >', cap: 3}]\n")
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Stalled", "True", "InvalidSpec", "spec.rules[odd].when")
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "ModelApplied", "False", "ModelStalled", "standard")

	w.setUsage("acme,90,ok")
	w.quiet()
	w.health("acme", 30, "Critical")
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})

	w.apply(strings.Split(usage, "\n---\n")[1] + "\n  rules: []\n")
	w.health("acme", 90, "Healthy")
}

func TestAScaleThatDoesNotFitItsMetricSaysSo(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(strings.Replace(usage, "{name: wau, type: Number}", "{name: wau, type: Category}", 1))
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Ready", "False", "TypeMismatch", "spec.measures[wau]: its scale is for type Number")
	w.apply(usage)
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Ready", "True", "Ready", "")
}

func TestAnExpressionThatCannotUseATypeSaysSo(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	playbook := func(trigger, text string) {
		t.Helper()
		w.apply(fmt.Sprintf("kind: Playbook\nmetadata: {name: odd}\nspec: {triggers: [{name: t, %s}], steps: [{name: call, title: %q}]}\n", trigger, text))
	}
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "odd"}}
	says := func(condition, reason, message string) {
		t.Helper()
		status := metav1.ConditionTrue
		if condition == "Ready" && reason != "Ready" {
			status = metav1.ConditionFalse
		}
		w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, condition, status, reason, message)
	}
	playbook(`expression: "metrics.usage.wau > 'many'"`, "Call")
	says("Ready", "TypeMismatch", "spec.triggers[t].expression: column 19: found no matching overload for '>' applied to '(double, string)': metrics.usage.wau is a Number")
	playbook(`value: {from: {source: usage, metric: mood}, atMost: "5"}`, "Call")
	says("Ready", "TypeMismatch", "spec.triggers[t].value: atMost and atLeast need a Number: metrics.usage.mood is a Category")
	playbook(`value: {from: {source: usage, metric: wau}, in: [many]}`, "Call")
	says("Ready", "TypeMismatch", "spec.triggers[t].value: in needs a Category: metrics.usage.wau is a Number")
	playbook(`score: {atMost: 3}`, "Call ${metrics.usage.wau + ' people'}")
	says("Ready", "TypeMismatch", "spec.steps[call].title: ${metrics.usage.wau + ' people'}")
	playbook(`expression: "metrics.usage.mood > 'many'"`, "Call")
	says("Ready", "Ready", "")
	playbook(`expression: "metrics.usage.mood == true"`, "Call")
	says("Stalled", "InvalidSpec", "spec.triggers[t].expression")

	w.apply(`
kind: HealthScoreModel
metadata: {name: odd}
spec:
  accountSelector: {matchLabels: {nobody: has}}
  bands: [{name: Healthy, min: 70}, {name: Critical, min: 0}]
  dimensions: [{name: all, weight: 1}]
  measures: [{name: wau, dimension: all, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: "0", best: "100"}}}]
  rules: [{name: many, when: "metrics.usage.wau > 'many'", cap: 39}]
`)
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "odd"}}
	w.condition(model, func() []metav1.Condition { return model.Status.Conditions }, "Ready", "False", "TypeMismatch", "spec.rules[many].when: column 19:")
}

func TestAPlaybookThatCannotWorkSaysWhere(t *testing.T) {
	w := newWorld(t)
	w.apply(`
kind: Playbook
metadata: {name: odd}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps: [{name: call, title: "Call ${account.spec.displayNme}"}]
`)
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "odd"}}
	w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, "Stalled", "True", "InvalidSpec", "spec.steps[call].title")
}

func TestAChurnedAccountIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {lifecycleStage: Churned}\n")
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "ModelApplied", "False", "Churned", "")
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskCanceled, "report": v1alpha1.TaskCanceled})
}

func TestTwoAccountsWithOneIDBothSaySo(t *testing.T) {
	w := newWorld(t)
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {externalIDs: {product: [org_1, org_2]}}\n")
	w.apply("kind: Account\nmetadata: {name: beta}\nspec: {externalIDs: {product: [org_2]}}\n")
	for name, other := range map[string]string{"acme": "beta (product/org_2)", "beta": "acme (product/org_2)"} {
		a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
		w.condition(a, func() []metav1.Condition { return a.Status.Conditions }, "SharedExternalID", "True", "SharedExternalID", other)
	}
	w.apply("kind: Account\nmetadata: {name: beta}\nspec: {externalIDs: {product: [org_3]}}\n")
	w.until("acme has its id for itself", func() error {
		a, err := w.account("acme")
		if err == nil && meta.FindStatusCondition(a.Status.Conditions, "SharedExternalID") != nil {
			err = fmt.Errorf("conditions are %s", asYAML(a.Status.Conditions))
		}
		return err
	})
}

func TestASuspendedPlaybookStartsNothing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(strings.Replace(rescue, "spec:\n", "spec:\n  suspend: true\n", 1))
	w.addAccount("acme", 1)
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "rescue"}}
	w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, "Held", "True", "Suspended", "1 account")
	w.taskStates(map[string]v1alpha1.TaskState{})
	w.apply(strings.Replace(rescue, "spec:\n", "spec:\n  suspend: false\n", 1))
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
}

// TestAnOutageThatOutlastsMaxAge lets a source be away for so long that its weight leaves the score.
func TestAnOutageThatOutlastsMaxAge(t *testing.T) {
	w := newWorld(t)
	// The API server stamps real times, which the operator's clock leaves behind: the rows say when they were true.
	setUsage := func() {
		w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata: {usage.csv: %q}\n",
			"id,wau,mood,as_of\nacme,90,ok,"+w.clock.Now().Format(time.RFC3339)+"\n"))
	}
	setUsage()
	w.apply(strings.Replace(strings.Split(usage, "\n---\n")[0], "spec:", "spec:\n  maxAge: 7d\n  observedTime: {field: as_of}", 1))
	w.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: support}
data: {"rows.csv": "id,csat\nacme,10\n"}
---
kind: DataSource
metadata: {name: support}
spec:
  account: {field: id}
  metrics: [{name: csat, type: Number}]
  configMap: {name: support, key: rows.csv, format: CSV}
---
kind: HealthScoreModel
metadata: {name: standard}
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 4}, {name: support, weight: 1}]
  measures:
  - name: wau
    dimension: adoption
    weight: 1
    from: {source: usage, metric: wau}
    scale: {linear: {worst: 0, best: 100}}
  - name: csat
    dimension: support
    weight: 1
    from: {source: support, metric: csat}
    scale: {linear: {worst: 0, best: 100}}
`)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.health("acme", 74, "Healthy")
	if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	w.health("acme", 74, "Healthy")
	w.pass(8 * 24 * time.Hour)
	// What is left would be Critical, and its score would start the playbook.
	w.health("acme", 10, "Healthy")
	w.quiet()
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 0)
	w.taskStates(map[string]v1alpha1.TaskState{})
	setUsage()
	w.health("acme", 74, "Healthy")
}

func TestAValueThatCannotBeReadMovesNothing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.health("beta", 90, "Healthy")

	w.setUsage("acme,lots,ok", "beta,NaN,ok")
	stands := func() {
		t.Helper()
		for name, score := range map[string]int32{"acme": 30, "beta": 90} {
			w.until("the last value of "+name+" stands", func() error {
				a, err := w.account(name)
				if err != nil {
					return err
				}
				h := a.Status.Health
				if h.Measures[0].State != v1alpha1.ValueErrored || h.Score == nil || *h.Score != score || h.Coverage != 100 {
					return fmt.Errorf("health is %s", asYAML(h))
				}
				return nil
			})
		}
	}
	stands()
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Available", "True", "ReadSucceeded", "")
	if source.Status.RejectedValues != 2 {
		t.Errorf("rejectedValues is %d", source.Status.RejectedValues)
	}
	w.restart()
	w.quiet()
	stands()
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.episode("beta", "rescue", v1alpha1.EpisodeClear, 0)

	w.setUsage("acme,80,ok", "beta,90,ok")
	w.health("acme", 80, "Healthy")
}

func TestAValueThatCannotBeReadIsNotMissingWhenTheModelIsEdited(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	model := strings.Replace(strings.Split(usage, "\n---\n")[1], "    from: {source: usage", "    whenMissing: Best\n    from: {source: usage", 1)
	w.apply(model)
	w.health("acme", 30, "Critical")
	w.setUsage("acme,oops,ok")
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	w.condition(source, func() []metav1.Condition { return source.Status.Conditions }, "Warnings", "True", "ValuesRejected", "the last one stands")
	w.apply(model + "\n  rules: [{name: other, when: 'score > 100.0', cap: 3}]\n")
	w.quiet()
	a, err := w.account("acme")
	if err != nil || a.Status.Health.Band != "Critical" {
		t.Errorf("the band is %s, %v; want it to stand", a.Status.Health.Band, err)
	}
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
}
