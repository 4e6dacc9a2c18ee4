package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// feeds is a model of three measures: of the last, most accounts have no value.
const feeds = `
kind: DataSource
metadata: {name: usage}
spec:
  account: {field: id}
  metrics:
  - {name: wau, type: Number}
  - {name: mood, type: Category}
  configMap: {name: usage, key: usage.csv, format: CSV}
---
kind: DataSource
metadata: {name: surveys}
spec:
  account: {field: id}
  metrics: [{name: nps, type: Number}]
  configMap: {name: surveys, key: surveys.csv, format: CSV}
---
kind: HealthScoreModel
metadata: {name: standard}
spec:
  minimumCoverage: 30
  bands: [{name: Critical, min: 0}, {name: Healthy, min: 70}, {name: AtRisk, min: 40}]
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - {name: wau, dimension: adoption, weight: 2, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}
  - {name: mood, dimension: adoption, weight: 0, from: {source: usage, metric: mood}}
  - {name: nps, dimension: adoption, weight: 1, from: {source: surveys, metric: nps}, scale: {linear: {worst: 0, best: 10}}}
`

// counts waits until a model's status counts this, conditions aside, and until nothing moves any more: the next change is
// counted for its own sake.
func (w *world) counts(name string, want v1alpha1.HealthScoreModelStatus) {
	w.t.Helper()
	w.until("the counts of "+name, func() error {
		m := modelNamed(name)
		if err := w.Get(context.Background(), client.ObjectKeyFromObject(m), m); err != nil {
			return err
		}
		got := m.Status
		got.Conditions, got.ObservedGeneration, got.LastHandledRequestedAt = nil, 0, ""
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("(- want, + got):\n%s", diff)
		}
		return nil
	})
	w.quiet()
}

// kubectl runs kubectl in the world's namespace.
func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	out, err := api.Get(w.t).RunKubectl(w.t.Context(), append([]string{"-n", w.namespace}, args...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestAModelCountsItsAccounts(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,90,ok", "beta,75,ok", "cora,41,", "dora,,")
	w.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: surveys}\ndata: {surveys.csv: \"id,nps\\nacme,10\\n\"}\n")
	w.apply(feeds)
	for i, name := range []string{"acme", "beta", "cora", "dora"} {
		w.addAccount(name, 1000*(i+1))
	}
	want := v1alpha1.HealthScoreModelStatus{
		Accounts: 4, Summary: "2 Healthy, 1 AtRisk, 0 Critical, 1 Unknown",
		Bands: []v1alpha1.BandSummary{
			{Name: "Healthy", Accounts: 2, ARR: 3000}, {Name: "AtRisk", Accounts: 1, ARR: 3000}, {Name: "Critical"}, {Name: v1alpha1.BandUnknown, Accounts: 1, ARR: 4000},
		},
		AverageScore:    ptr.To[int32](70), // 93, 75 and 41: 69.67
		AverageCoverage: ptr.To[int32](58), // 100, 66, 66 and 0
		Missing:         []v1alpha1.MissingMeasure{{Measure: "nps", Accounts: 3}, {Measure: "wau", Accounts: 1}, {Measure: "mood", Accounts: 2}},
	}
	w.counts("standard", want)
	columns := strings.Join(strings.Fields(w.kubectl("get", "hsm")), " ")
	if want := "NAME READY PRIORITY ACCOUNTS SCORE COVERAGE BANDS AGE standard True 4 70 58 2 Healthy, 1 AtRisk, 0 Critical, 1 Unknown "; !strings.HasPrefix(columns, want) {
		t.Errorf("kubectl get hsm prints\n  %s\nwant\n  %s", columns, want)
	}

	// Each of what is counted changes by itself.
	w.addAccount("beta", 2500)
	want.Bands[0].ARR = 3500
	w.counts("standard", want)
	w.setUsage("acme,90,ok", "beta,74,ok", "cora,41,", "dora,,ok")
	want.Missing[2].Accounts, want.AverageScore = 1, ptr.To[int32](69)
	w.counts("standard", want)
	if err := w.Delete(t.Context(), accountNamed("dora")); err != nil {
		t.Fatal(err)
	}
	want.Accounts, want.Summary, want.Bands, want.AverageCoverage = 3, "2 Healthy, 1 AtRisk, 0 Critical", want.Bands[:3], ptr.To[int32](77)
	want.Missing = []v1alpha1.MissingMeasure{{Measure: "nps", Accounts: 2}, {Measure: "mood", Accounts: 1}}
	w.counts("standard", want)

	// A feed that breaks shows here first. It moves nothing else.
	if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
		t.Fatal(err)
	}
	want.Missing = []v1alpha1.MissingMeasure{{Measure: "wau", Accounts: 3, Errored: 3}, {Measure: "nps", Accounts: 2}, {Measure: "mood", Accounts: 3, Errored: 2}}
	w.counts("standard", want)

	// A model that is stalled still has its accounts, in the bands that it once had.
	w.patch(modelNamed("standard"), `{"spec": {"bands": [{"name": "Good", "min": 70}, {"name": "AtRisk", "min": 0}], "rules": [{"name": "odd", "when": "score >", "cap": 3}]}}`)
	w.modelSays("standard", "Stalled", "True", "InvalidSpec", "spec.rules[odd].when")
	want.Summary = "0 Good, 1 AtRisk, 2 Healthy"
	want.Bands = []v1alpha1.BandSummary{{Name: "Good"}, {Name: "AtRisk", Accounts: 1, ARR: 3000}, {Name: "Healthy", Accounts: 2, ARR: 3500}}
	w.counts("standard", want)
	w.addAccount("acme", 7000)
	want.Bands[2].ARR = 9500
	w.counts("standard", want)

	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written by a restart:\n%s", diff)
	}
}

func TestAccountsThatMoveToAnotherModelAreCountedThere(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok", "beta,90,ok")
	w.apply(usage)
	w.apply(enterprise)
	w.addAccount("acme", 1)
	w.addAccount("beta", 2)
	both := func(standard, enterprise string) {
		t.Helper()
		for name, want := range map[string]string{"standard": standard, "enterprise": enterprise} {
			w.until("the summary of "+name, func() error {
				m := modelNamed(name)
				err := w.Get(t.Context(), client.ObjectKeyFromObject(m), m)
				if err == nil && m.Status.Summary != want {
					err = fmt.Errorf("status is %s", asYAML(m.Status))
				}
				return err
			})
		}
		w.quiet()
	}
	both("2 Healthy, 0 AtRisk, 0 Critical", "")
	w.patch(accountNamed("acme"), `{"metadata": {"labels": {"tier": "enterprise"}}}`)
	both("1 Healthy, 0 AtRisk, 0 Critical", "0 Healthy, 1 AtRisk, 0 Critical")
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Churned"}}`)
	both("1 Healthy, 0 AtRisk, 0 Critical", "")
}

// TestManyChangesAreFewCounts changes every account at once: the model's status is written a few times and not for each.
func TestManyChangesAreFewCounts(t *testing.T) {
	const accounts = 60
	w := newWorld(t)
	set := func(score int) {
		var lines []string
		for i := range accounts {
			lines = append(lines, fmt.Sprintf("a%02d,%d,ok", i, score))
		}
		w.setUsage(lines...)
	}
	shows := func(summary string) {
		t.Helper()
		w.until("the summary "+summary, func() error {
			m := modelNamed("standard")
			err := w.Get(t.Context(), client.ObjectKeyFromObject(m), m)
			if err == nil && m.Status.Summary != summary {
				err = fmt.Errorf("status is %s", asYAML(m.Status))
			}
			return err
		})
	}
	set(80)
	w.apply(usage)
	for i := range accounts {
		w.addAccount(fmt.Sprintf("a%02d", i), 1)
	}
	shows("60 Healthy, 0 AtRisk, 0 Critical")
	w.quiet()
	writes := w.watchModel("standard")
	began := time.Now()
	for range 5 { // so that the counts are others all the time
		set(30)
		w.health("a00", 30, "Critical")
		set(80)
		w.health("a00", 80, "Healthy")
	}
	set(30)
	shows("0 Healthy, 0 AtRisk, 60 Critical")
	// One count a second at most, and the last.
	if n, most := writes(), int(time.Since(began)/countDelay)+1; n > most {
		t.Errorf("%d writes in %s for %d accounts, want at most %d", n, time.Since(began), accounts, most)
	}
	// What is not counted costs nothing: no write, and no look at the accounts.
	w.quiet()
	before := writes()
	w.restart()
	w.pass(0)
	w.quiet()
	if n := writes() - before; n > 0 {
		t.Errorf("%d writes in an idle world", n)
	}
}

// countDelay is the least time between two counts that accounts ask for.
const countDelay = time.Second

// watchModel counts how often a model is written.
func (w *world) watchModel(name string) (writes func() int) {
	w.t.Helper()
	c, err := client.NewWithWatch(api.Get(w.t).Config(), client.Options{Scheme: w.Scheme()})
	if err != nil {
		w.t.Fatal(err)
	}
	watching, err := c.Watch(context.Background(), &v1alpha1.HealthScoreModelList{}, client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		w.t.Fatal(err)
	}
	counted := make(chan int, 1)
	counted <- 0
	go func() {
		for e := range watching.ResultChan() {
			if e.Type == watch.Modified {
				counted <- 1 + <-counted
			}
		}
	}()
	w.t.Cleanup(watching.Stop)
	return func() int {
		n := <-counted
		counted <- n
		return n
	}
}
