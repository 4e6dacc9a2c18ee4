package score

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// begin is when every test begins.
func begin() time.Time { return time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC) }

// plain is a model of two dimensions and three measures, without rules.
const plain = `
minimumCoverage: 50
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: adoption, weight: 60}, {name: support, weight: 40}]
measures:
- {name: wau, dimension: adoption, weight: 3, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}
- {name: depth, dimension: adoption, weight: 1, from: {source: usage, metric: depth}, scale: {linear: {worst: 0, best: 10}}}
- {name: tickets, dimension: support, weight: 1, from: {source: desk, metric: tickets}, scale: {linear: {worst: 10, best: 0}}}
`

// single is a model whose score is the value of one metric.
const single = `
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: points, dimension: all, weight: 1, from: {source: crm, metric: points}, scale: {linear: {worst: 0, best: 100}}}
`

// object returns a HealthScoreModel, enterprise/4, with a spec in YAML.
func object(t testing.TB, spec string) *v1alpha1.HealthScoreModel {
	t.Helper()
	m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "enterprise", Generation: 4}}
	if err := yaml.UnmarshalStrict([]byte(spec), &m.Spec); err != nil {
		t.Fatal(err)
	}
	return m
}

// compiled returns the model of a spec in YAML.
func compiled(t testing.TB, spec string) *Model {
	t.Helper()
	m, err := Compile(object(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// world is one account, what is known about it, and the operator's memory of it.
type world struct {
	t      testing.TB
	model  *Model
	input  Input
	health *v1alpha1.Health
	next   time.Time
}

// newWorld returns an account that was never scored, under a model in YAML.
func newWorld(t testing.TB, spec string) *world {
	t.Helper()
	return &world{t: t, model: compiled(t, spec), input: Input{
		Account: &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}, Facts: value.Facts{}, Now: begin(),
	}}
}

// ref names a metric.
func ref(source, metric string) v1alpha1.MetricReference {
	return v1alpha1.MetricReference{Source: source, Metric: metric}
}

// see makes a number known, observed now.
func (w *world) see(source, metric, number string) {
	w.t.Helper()
	d, err := value.ParseDecimal(number)
	if err != nil {
		w.t.Fatal(err)
	}
	v := value.Number(d)
	w.observe(source, metric, v)
}

// observe makes a value known, observed now.
func (w *world) observe(source, metric string, v value.Value) {
	w.input.Facts[ref(source, metric)] = value.Observation{
		Type: v.Type, Value: &v, State: v1alpha1.ValueFresh, ObservedTime: w.input.Now,
	}
}

// change changes what is known of a metric.
func (w *world) change(source, metric string, change func(*value.Observation)) {
	o := w.input.Facts[ref(source, metric)]
	change(&o)
	w.input.Facts[ref(source, metric)] = o
}

// miss makes a metric Missing.
func (w *world) miss(source, metric string) {
	w.change(source, metric, func(o *value.Observation) {
		*o = value.Observation{Type: o.Type, State: v1alpha1.ValueMissing, MaxAge: o.MaxAge}
	})
}

// expire makes the values of a metric grow old after a while.
func (w *world) expire(source, metric string, maxAge time.Duration) {
	w.change(source, metric, func(o *value.Observation) { o.MaxAge = maxAge })
}

// fail makes a source unreadable, with its last values in memory.
func (w *world) fail(source string) {
	for r, o := range w.input.Facts {
		if r.Source == source {
			o.State = v1alpha1.ValueErrored
			w.input.Facts[r] = o
		}
	}
}

// restart makes every source unreadable, with nothing in memory: so it is just after a start.
func (w *world) restart() {
	for r, o := range w.input.Facts {
		w.input.Facts[r] = value.Observation{Type: o.Type, State: v1alpha1.ValueErrored, MaxAge: o.MaxAge}
	}
}

// wait lets time pass.
func (w *world) wait(d time.Duration) { w.input.Now = w.input.Now.Add(d) }

// evaluate computes the health and remembers it, as the account's status does.
func (w *world) evaluate() *v1alpha1.Health {
	w.t.Helper()
	result := w.model.Evaluate(w.input)
	w.health, w.next = result.Health, result.NextChange
	w.input.Previous = throughYAML(w.t, result.Health)
	return result.Health
}

// remodel puts another generation of the model in force.
func (w *world) remodel(spec string) {
	w.t.Helper()
	m := object(w.t, spec)
	m.Generation = w.model.generation + 1
	compiled, err := Compile(m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.model = compiled
}

// throughYAML returns what is left of a health after the API server kept it.
func throughYAML(t testing.TB, h *v1alpha1.Health) *v1alpha1.Health {
	t.Helper()
	text, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	kept := &v1alpha1.Health{}
	if err := yaml.UnmarshalStrict(text, kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// shownScore is a score for messages: -1 where there is none.
func shownScore(score *int32) int32 { return ptr.Deref(score, -1) }

// measureOf returns a measure of a health.
func measureOf(t testing.TB, h *v1alpha1.Health, name string) v1alpha1.MeasureScore {
	t.Helper()
	m := findMeasure(h.Measures, name, 0)
	if m == nil {
		t.Fatalf("no measure %s in %v", name, h.Measures)
	}
	return *m
}

// wantScore checks the score; -1 means that there must be none.
func (w *world) wantScore(want int32) {
	w.t.Helper()
	if got := shownScore(w.health.Score); got != want {
		w.t.Errorf("score = %d, want %d", got, want)
	}
}

// wantBand checks the band.
func (w *world) wantBand(want v1alpha1.BandName) {
	w.t.Helper()
	if w.health.Band != want {
		w.t.Errorf("band = %s, want %s", w.health.Band, want)
	}
}

// wantNext checks the next change; zero means never.
func (w *world) wantNext(want time.Time) {
	w.t.Helper()
	if !w.next.Equal(want) {
		w.t.Errorf("next change = %s, want %s", w.next, want)
	}
}
