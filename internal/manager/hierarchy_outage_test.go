package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestARestartEvaluatesAGroupAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	counted := w.countEvaluations()
	w.acmeGroup()
	w.addPart("orphan", "nowhere", 1)
	w.parent("orphan", "False", "ParentNotFound", "nowhere")
	w.quiet()
	before := w.versions()
	for range 3 {
		w.stop()
		counted.since()
		w.start()
		w.unchanged(before, "a restart")
		times := counted.since()
		for _, name := range []string{"acme", "north", "lab", "east", "west", "solo", "orphan"} {
			if times[name] == 0 {
				t.Errorf("%s was not evaluated: %v", name, times)
			}
		}
	}
	w.pass(0)
	w.unchanged(before, "looking again")
}

// TestAnOutageBelowDoesNotMoveAGroup lets the source of a subsidiary be away for so long that its weight leaves the
// score, or that there is no score left.
func TestAnOutageBelowDoesNotMoveAGroup(t *testing.T) {
	for name, c := range map[string]struct {
		minimumCoverage int
		during          string // what is left of the subsidiary
	}{
		"where part of a score is left":    {0, "10 Healthy"},
		"where nothing of a score is left": {50, "none Unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			setUsage := func(wau int) {
				w.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata: {usage.csv: %q}\n",
					fmt.Sprintf("id,wau,mood,as_of\neast,%d,ok,%s\n", wau, w.clock.Now().Format(time.RFC3339))))
			}
			setUsage(90)
			w.apply(strings.Replace(strings.Split(usage, "\n---\n")[0], "spec:", "spec:\n  maxAge: 7d\n  observedTime: {field: as_of}", 1))
			w.apply(fmt.Sprintf(usageAndSupport, c.minimumCoverage))
			w.apply(groups)
			w.addGroup("acme", "", 50)
			w.addPart("east", "acme", 100)
			w.health("acme", 74, "Healthy")
			if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
				t.Fatal(err)
			}
			w.quiet()
			w.pass(8 * 24 * time.Hour)
			w.until("east is "+c.during, func() error {
				a, err := w.account("east")
				if err != nil {
					return err
				}
				score := "none"
				if s := a.Status.Health.Score; s != nil {
					score = fmt.Sprint(*s)
				}
				if got := score + " " + string(a.Status.Health.Band); got != c.during || !meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionScorePartial) {
					return fmt.Errorf("it is %s, conditions are %s", got, asYAML(a.Status.Conditions))
				}
				return nil
			})
			stands := func() {
				t.Helper()
				w.quiet()
				w.health("acme", 74, "Healthy")
				w.measureState("acme", v1alpha1.ValueErrored)
				w.rollup("acme", 1, 150)
			}
			stands()
			before := w.versions()
			w.restart()
			w.unchanged(before, "a restart")
			stands()
			setUsage(95)
			w.health("acme", 78, "Healthy")
			w.measureState("acme", v1alpha1.ValueFresh)
		})
	}
}

// usageAndSupport scores an account by two sources; %d is the minimum coverage.
const usageAndSupport = `
apiVersion: v1
kind: ConfigMap
metadata: {name: support}
data: {"rows.csv": "id,csat\neast,10\n"}
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
  minimumCoverage: %d
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
`

// TestAGroupIsNotJudgedByWhatItsSubsidiariesWere has the operator away while a subsidiary recovers, for longer than the
// group's band is held.
func TestAGroupIsNotJudgedByWhatItsSubsidiariesWere(t *testing.T) {
	w := newWorld(t)
	w.setUsage("east,90,ok")
	w.apply(usage)
	w.apply(groups + "  bandChange: {margin: 0, hold: 1h}\n")
	w.apply(strings.Replace(strings.Replace(rescue, "{name: low, score: {atMost: 40}}", "{name: low, band: {in: [Critical]}}", 1),
		"spec:\n", "spec:\n  accountSelector: {matchLabels: {kind: group}}\n", 1))
	w.addGroup("acme", "", 50)
	w.addPart("east", "acme", 100)
	w.health("acme", 90, "Healthy")
	w.setUsage("east,30,ok")
	w.health("acme", 30, "Healthy") // its band is held
	w.quiet()
	w.stop()
	w.setUsage("east,91,ok")
	w.clock.SetTime(w.clock.Now().Add(2 * time.Hour))
	w.start()
	w.health("acme", 91, "Healthy")
	w.quiet()
	w.taskStates(map[string]v1alpha1.TaskState{})
}

// TestAChangeOfAModelIsNoDropOfAGroup has one model for groups and their subsidiaries: its change reaches a group once it has
// reached all below it.
func TestAChangeOfAModelIsNoDropOfAGroup(t *testing.T) {
	const size = 8
	w := newWorld(t)
	var lines []string
	for i := range size {
		lines = append(lines, fmt.Sprintf("child-%d,90,ok", i))
	}
	w.setUsage(lines...)
	model := strings.Split(usage, "\n---\n")[1] + "  - {name: below, dimension: adoption, weight: 1, from: {children: Average}}\n"
	w.apply(strings.Split(usage, "\n---\n")[0])
	w.apply(model)
	for i := range size {
		w.addPart(fmt.Sprintf("group-%d", i), "", 1)
		w.addPart(fmt.Sprintf("child-%d", i), fmt.Sprintf("group-%d", i), 1)
	}
	for i := range size {
		w.health(fmt.Sprintf("group-%d", i), 90, "Healthy")
	}
	w.apply(strings.Replace(model, "best: 100", "best: 200", 1))
	for i := range size {
		w.health(fmt.Sprintf("group-%d", i), 45, "AtRisk")
		a, err := w.account(fmt.Sprintf("group-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if h := a.Status.Health; h.PreviousScore != nil {
			t.Errorf("under generation %d of the model %s fell from %d", h.ModelGeneration, a.Name, *h.PreviousScore)
		}
	}
}
