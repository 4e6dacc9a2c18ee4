package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// enterprise is a stricter model than standard: 200 users are the best, and half of them half.
const enterprise = `
kind: HealthScoreModel
metadata: {name: enterprise}
spec:
  priority: 10
  accountSelector: {matchLabels: {tier: enterprise}}
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - name: wau
    dimension: adoption
    weight: 1
    from: {source: usage, metric: wau}
    scale: {linear: {worst: 0, best: 200}}
`

// events returns the notes of the events about an object with a reason, in the order of their names.
func (w *world) events(kind, name, reason string) ([]string, error) {
	var list eventsv1.EventList
	if err := w.List(context.Background(), &list); err != nil {
		return nil, err
	}
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == kind && e.Regarding.Name == name && e.Reason == reason {
			notes = append(notes, e.Note)
		}
	}
	return notes, nil
}

// told waits until the events about an account with a reason are these, in any order.
func (w *world) told(account, reason string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	w.until(fmt.Sprintf("events %s on %s", reason, account), func() error {
		notes, err := w.events("Account", account, reason)
		slices.Sort(notes)
		// An account that is evaluated before its model is in the cache begins with neither model nor band.
		if i := slices.IndexFunc(notes, func(note string) bool {
			return !slices.Contains(want, note) && (strings.HasPrefix(note, "Unknown -> ") || strings.HasPrefix(note, "no model -> "))
		}); i >= 0 {
			notes = slices.Delete(notes, i, i+1)
		}
		if err == nil && !slices.Equal(notes, want) {
			err = fmt.Errorf("(- want, + got):\n%s", cmp.Diff(want, notes))
		}
		return err
	})
}

// says waits until an account has a condition with just this message.
func (w *world) says(account, conditionType string, status metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s of %s is %s %s", conditionType, account, status, reason), func() error {
		a, err := w.account(account)
		if err != nil {
			return err
		}
		c := meta.FindStatusCondition(a.Status.Conditions, conditionType)
		if c == nil || c.Status != status || c.Reason != reason || c.Message != message {
			return fmt.Errorf("conditions are %s\nwant\n  %s", asYAML(a.Status.Conditions), message)
		}
		return nil
	})
}

// silent waits until an account has no such condition.
func (w *world) silent(account, conditionType string) {
	w.t.Helper()
	w.until("no "+conditionType+" on "+account, func() error {
		a, err := w.account(account)
		if err == nil && meta.FindStatusCondition(a.Status.Conditions, conditionType) != nil {
			err = fmt.Errorf("conditions are %s", asYAML(a.Status.Conditions))
		}
		return err
	})
}

// patch changes an object as kubectl patch --type=merge does.
func (w *world) patch(obj client.Object, patch string) {
	w.t.Helper()
	if err := w.Patch(context.Background(), obj, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.t.Fatal(err)
	}
}

// modelSays waits until a model has a condition with this in its message, and returns the whole message.
func (w *world) modelSays(name, conditionType string, status metav1.ConditionStatus, reason, message string) string {
	w.t.Helper()
	m := modelNamed(name)
	w.condition(m, func() []metav1.Condition { return m.Status.Conditions }, conditionType, status, reason, message)
	return meta.FindStatusCondition(m.Status.Conditions, conditionType).Message
}

func accountNamed(name string) *v1alpha1.Account {
	return &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func modelNamed(name string) *v1alpha1.HealthScoreModel {
	return &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestAnAccountSaysWhichModelScoresItAndWhy(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(enterprise)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.health("acme", 80, "Healthy")
	w.says("acme", "ModelApplied", "True", "ModelApplied", "scored by HealthScoreModel standard: the only one that selects the account")

	// Every way to come to another model. Beta stays where it is.
	w.patch(accountNamed("acme"), `{"metadata": {"labels": {"tier": "enterprise"}}}`)
	w.health("acme", 40, "AtRisk")
	w.says("acme", "ModelApplied", "True", "ModelApplied", "scored by HealthScoreModel enterprise: its priority 10 is higher than that of standard (0)")
	moved := []string{"standard -> enterprise: its priority 10 is higher than that of standard (0)"}
	w.told("acme", "ModelChanged", moved...)

	w.patch(modelNamed("enterprise"), `{"spec": {"priority": -1}}`)
	w.health("acme", 80, "Healthy")
	w.says("acme", "ModelApplied", "True", "ModelApplied", "scored by HealthScoreModel standard: its priority 0 is higher than that of enterprise (-1)")
	moved = append(moved, "enterprise -> standard: its priority 0 is higher than that of enterprise (-1)")
	w.told("acme", "ModelChanged", moved...)

	w.patch(modelNamed("enterprise"), `{"spec": {"priority": 5}}`)
	w.health("acme", 40, "AtRisk")
	moved = append(moved, "standard -> enterprise: its priority 5 is higher than that of standard (0)")
	w.patch(accountNamed("acme"), `{"metadata": {"labels": {"tier": "smb"}}}`)
	w.health("acme", 80, "Healthy")
	moved = append(moved, "enterprise -> standard: enterprise does not select the account any more")
	w.told("acme", "ModelChanged", moved...)

	// A restart is no such change, nor is another generation of the same model.
	w.quiet()
	w.restart()
	w.patch(modelNamed("standard"), `{"spec": {"trend": {"threshold": 7}}}`)
	w.until("standard/2 computed it", func() error {
		a, err := w.account("acme")
		if err == nil && a.Status.Health.ModelGeneration != 2 {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})
	w.told("acme", "ModelChanged", moved...)

	if err := w.Delete(t.Context(), modelNamed("standard")); err != nil {
		t.Fatal(err)
	}
	w.says("acme", "ModelApplied", "False", "NoModel", "HealthScoreModel enterprise, the only one in this namespace, does not select the account "+
		"(no touchModel, no lifecycleStage, labels tier=smb): change a model's spec.accountSelector, or the account")
	moved = append(moved, "standard -> no model: standard is gone")
	w.told("acme", "ModelChanged", moved...)
	w.patch(modelNamed("enterprise"), `{"spec": {"accountSelector": null}}`)
	w.health("acme", 40, "AtRisk")
	moved = append(moved, "no model -> enterprise: the only one that selects the account")
	w.told("acme", "ModelChanged", moved...)
	w.told("beta", "ModelChanged", "standard -> no model: standard is gone", "no model -> enterprise: the only one that selects the account")
}

func TestAModelThatIsGoneLeavesItsAccountsToTheNext(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.apply(enterprise)
	w.addAccount("acme", 1)
	w.patch(accountNamed("acme"), `{"metadata": {"labels": {"tier": "enterprise"}}}`)
	w.health("acme", 40, "AtRisk")
	w.quiet()
	if err := w.Delete(t.Context(), modelNamed("enterprise")); err != nil {
		t.Fatal(err)
	}
	w.health("acme", 80, "Healthy")
	w.until("the event", func() error {
		notes, err := w.events("Account", "acme", "ModelChanged")
		if err == nil && !slices.Contains(notes, "enterprise -> standard: enterprise is gone") {
			err = fmt.Errorf("events are %q", notes)
		}
		return err
	})
}

func TestNoModelIsAConditionAndNotAZero(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(rescue)
	w.addAccount("acme", 1)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.quiet()

	w.patch(modelNamed("standard"), `{"spec": {"accountSelector": {"touchModels": ["TechTouch"]}}}`)
	w.apply(enterprise)
	w.apply(strings.Replace(enterprise, "name: enterprise", "name: odd", 1))
	w.patch(modelNamed("odd"), `{"spec": {"accountSelector": {"matchLabels": null, "matchExpressions": [{"key": "tier", "operator": "In"}]}}}`)
	w.patch(accountNamed("acme"), `{"metadata": {"labels": {"a": "1", "b": "2", "c": "3", "d": "4"}}, "spec": {"touchModel": "HighTouch", "lifecycleStage": "Adoption"}}`)
	w.says("acme", "ModelApplied", "False", "NoModel", "none of the 3 HealthScoreModels in this namespace selects the account "+
		"(touchModel HighTouch, lifecycleStage Adoption, labels a=1, b=2, c=3 and 1 more): change a model's spec.accountSelector, or the account; the selector of odd cannot be read")
	unknown := func() {
		t.Helper()
		a, err := w.account("acme")
		if err != nil {
			t.Fatal(err)
		}
		h := a.Status.Health
		if h.Band != v1alpha1.BandUnknown || h.Score != nil || h.LastBand != "Critical" || h.Measures != nil || h.Coverage != 0 || len(h.History) != 1 {
			t.Errorf("health is %s", asYAML(h))
		}
	}
	unknown()
	// That nothing is known starts nothing and ends nothing.
	w.quiet()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written by a restart:\n%s", diff)
	}
	for _, name := range []string{"standard", "enterprise", "odd"} {
		if err := w.Delete(t.Context(), modelNamed(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.says("acme", "ModelApplied", "False", "NoModel", "there is no HealthScoreModel in this namespace, so that nothing is scored: make one")
	unknown()
}

func TestAStalledModelThatSelectsAnAccountKeepsItFromTheNext(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,80,ok")
	w.apply(usage)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.apply(strings.Replace(enterprise, "  accountSelector: {matchLabels: {tier: enterprise}}\n", "", 1) +
		"  rules: [{name: odd, when: \"measures['dau'].score > 3\", cap: 3}, {name: odder, when: \"score >\", cap: 3}]\n")
	w.modelSays("enterprise", "Stalled", "True", "InvalidSpec", `spec.rules[odd].when: `)
	why := `spec.rules[odd].when: the model has no measure "dau" (and 1 more: kubectl describe hsm enterprise); ` +
		"it is the one for the account: its priority 10 is higher than that of standard (0)"
	w.says("acme", "ModelApplied", "False", "ModelStalled", "HealthScoreModel enterprise is stalled, and health is as it was before: "+why)
	w.addAccount("beta", 1)
	w.says("beta", "ModelApplied", "False", "ModelStalled", "HealthScoreModel enterprise is stalled, and health stays Unknown: "+why)
	w.setUsage("acme,30,ok", "beta,30,ok")
	w.quiet()
	w.health("acme", 80, "Healthy")
	w.told("acme", "ModelChanged")

	w.apply(strings.Replace(enterprise, "  accountSelector: {matchLabels: {tier: enterprise}}\n", "", 1) + "  rules: []\n")
	w.health("acme", 15, "Critical")
	w.health("beta", 15, "Critical")
	w.told("acme", "ModelChanged", "standard -> enterprise: its priority 10 is higher than that of standard (0)")
	w.told("beta", "ModelChanged", "no model -> enterprise: its priority 10 is higher than that of standard (0)")
}

func TestAModelNamesTheFieldsThatReferToWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(strings.Split(usage, "\n---\n")[0])
	w.apply(`
kind: HealthScoreModel
metadata: {name: standard}
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - {name: wau, dimension: adoption, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}
  - {name: depth, dimension: adoption, weight: 1, from: {source: usage, metric: depth}, scale: {linear: {worst: 0, best: 100}}}
  - {name: nps, dimension: adoption, weight: 1, from: {source: surveys, metric: nps}, scale: {linear: {worst: 0, best: 10}}}
  - {name: ratio, dimension: adoption, weight: 1, from: {expression: "metrics.usage.wau / metrics.crm.seats"}, scale: {linear: {worst: 0, best: 1}}}
  rules: [{name: open-p1, when: "metrics.support.open_p1 > 0.0 || metrics.usage.wau < 1.0", cap: 39}]
`)
	want := "spec.measures[depth].from.metric: metric depth of DataSource usage is not there, " +
		"spec.measures[nps].from.source: DataSource surveys is not there, " +
		"spec.measures[ratio].from.expression: DataSource crm is not there, " +
		"spec.rules[open-p1].when: DataSource support is not there; until it is, its values count as not readable"
	if got := w.modelSays("standard", "Reconciling", "True", "ReferenceNotFound", want); got != want {
		t.Errorf("got\n  %s\nwant\n  %s", got, want)
	}

	// It heals by itself, in whatever order the things come.
	for name, metric := range map[string]string{"surveys": "nps", "crm": "seats", "support": "open_p1"} {
		w.apply(fmt.Sprintf("kind: DataSource\nmetadata: {name: %s}\nspec: {account: {field: id}, metrics: [{name: %s, type: Number}], configMap: {name: usage, key: usage.csv, format: CSV}}\n", name, metric))
	}
	w.modelSays("standard", "Reconciling", "True", "ReferenceNotFound", "spec.measures[depth].from.metric: metric depth of DataSource usage is not there; until")
	w.patch(&v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}, `{"spec": {"metrics": [{"name": "wau", "type": "Number"}, {"name": "depth", "type": "Number"}]}}`)
	w.modelSays("standard", "Ready", "True", "Ready", "")
}

func TestAScoreThatIsPartlyOutSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,90,ok")
	w.apply(strings.Replace(strings.Split(usage, "\n---\n")[0], "  account: {field: id}", "  account: {field: id}\n  maxAge: 1h", 1))
	w.apply(`
kind: HealthScoreModel
metadata: {name: standard}
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - {name: wau, dimension: adoption, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}
  - {name: half, dimension: adoption, weight: 1, from: {expression: "metrics.usage.wau / 2.0"}, scale: {linear: {worst: 0, best: 100}}}
  - {name: sentiment, dimension: adoption, weight: 1, from: {measurement: sentiment}, scale: {categories: [{value: Bad, score: 0}, {value: Good, score: 90}]}}
`)
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {measurements: [{name: sentiment, value: Good}]}\n")
	w.health("acme", 75, "Healthy")
	w.silent("acme", "ScorePartial")

	if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
		t.Fatal(err)
	}
	w.until("the values are Errored", func() error {
		a, err := w.account("acme")
		if err == nil && a.Status.Health.Measures[0].State != v1alpha1.ValueErrored {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})
	w.silent("acme", "ScorePartial") // The last values are young enough.
	w.pass(2 * time.Hour)
	said := "out of the score, because they cannot be read and have no last value that is young enough: wau (usage), half (usage); the band stands meanwhile"
	w.says("acme", "ScorePartial", "True", "ValuesTooOld", said)
	// What the rest says is bad, and moves no band.
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {measurements: [{name: sentiment, value: Bad}]}\n")
	w.health("acme", 0, "Healthy")
	w.restart()
	w.quiet()
	w.says("acme", "ScorePartial", "True", "ValuesTooOld", said)

	// While the model is stalled, health is as it was, and so is what is said of it.
	w.patch(modelNamed("standard"), `{"spec": {"rules": [{"name": "odd", "when": "score >", "cap": 3}]}}`)
	acme := accountNamed("acme")
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "ModelApplied", "False", "ModelStalled", "")
	w.says("acme", "ScorePartial", "True", "ValuesTooOld", said)
	w.patch(modelNamed("standard"), `{"spec": {"rules": null}}`)
	w.setUsage("acme,90,ok")
	w.health("acme", 45, "AtRisk")
	w.silent("acme", "ScorePartial")
}
