package score

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// computed is a model with one measure, from an expression; %from and %scale stand for the two.
const computed = `
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: ratio, dimension: all, weight: 1, from: %from, scale: %scale, whenMissing: %missing}
`

func computedModel(from, scale string) string {
	return strings.NewReplacer("%from", from, "%scale", scale, "%missing", "Skip").Replace(computed)
}

const (
	habit     = `{expression: "metrics.usage.dau / metrics.usage.mau * 100.0"}`
	asItIs    = `{linear: {worst: 0, best: 100}}`
	lastLogin = `{source: crm, metric: login}`
	freshness = `{expression: "100 - 10 * daysSince(value)"}`
)

func TestAMeasureIsComputedByAnExpression(t *testing.T) {
	for name, test := range map[string]struct {
		from, scale string
		prepare     func(*world)
		score       int32
		state       v1alpha1.ValueState
		value       string
		message     string
	}{
		"of two metrics": {
			habit, asItIs, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "40") },
			45, v1alpha1.ValueFresh, "45", "",
		},
		"of a metric and the account": {
			`{expression: "metrics.usage.dau / account.spec.contract.seats * 100"}`, asItIs, func(w *world) { w.see("usage", "dau", "18") },
			36, v1alpha1.ValueFresh, "36", "",
		},
		"against the average of the peers": {
			`{expression: "metrics.usage.dau / metrics.peers.dau * 50"}`, asItIs,
			func(w *world) { w.see("usage", "dau", "18"); w.see("peers", "dau", "12") },
			75, v1alpha1.ValueFresh, "75", "",
		},
		"with a default for what is Missing": {
			`{expression: "metrics.usage.?dau.orValue(33)"}`, asItIs, func(w *world) { w.miss("usage", "dau") },
			33, v1alpha1.ValueFresh, "33", "",
		},
		"not of what is Missing": {
			habit, asItIs, func(w *world) { w.see("usage", "dau", "18"); w.miss("usage", "mau") },
			-1, v1alpha1.ValueMissing, "", "metrics.usage.mau has no value",
		},
		"not by dividing by zero": {
			habit, asItIs, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "0") },
			-1, v1alpha1.ValueMissing, "", "division by zero",
		},
		"a word": {
			`{expression: "metrics.usage.dau > 10 ? 'Many' : 'Few'"}`, `{categories: [{value: Many, score: 80}, {value: Few, score: 20}]}`,
			func(w *world) { w.see("usage", "dau", "18") }, 80, v1alpha1.ValueFresh, "Many", "",
		},
		"a word that the scale does not know": {
			`{expression: "metrics.usage.dau > 10 ? 'Many' : 'None'"}`, `{categories: [{value: Many, score: 80}, {value: Few, score: 20}]}`,
			func(w *world) { w.see("usage", "dau", "1") }, -1, v1alpha1.ValueMissing, "", "",
		},
		"scored by an expression": {
			habit, `{expression: "value > 40 ? 61.4 : 10"}`, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "40") },
			61, v1alpha1.ValueFresh, "45", "",
		},
		"scored by an expression, cut to 100": {
			habit, `{expression: "value * 3"}`, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "40") },
			100, v1alpha1.ValueFresh, "45", "",
		},
		"scored by an expression, cut to 0": {
			habit, `{expression: "value - 200"}`, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "40") },
			0, v1alpha1.ValueFresh, "45", "",
		},
		"not where the scale has no result": {
			habit, `{expression: "1 / (value - 45)"}`, func(w *world) { w.see("usage", "dau", "18"); w.see("usage", "mau", "40") },
			-1, v1alpha1.ValueMissing, "", "",
		},
		"a measurement, by an expression of the account": {
			`{measurement: mood}`, `{expression: "value == 'Good' && account.spec.contract.seats > 10 ? 90 : 20"}`,
			func(w *world) {
				w.input.Account.Spec.Measurements = []v1alpha1.Measurement{{Name: "mood", Value: "Good"}}
			}, 90, v1alpha1.ValueFresh, "Good", "",
		},
		"a measurement that is a number": {
			`{measurement: mood}`, `{expression: "value * 10"}`,
			func(w *world) {
				w.input.Account.Spec.Measurements = []v1alpha1.Measurement{{Name: "mood", Value: "7"}}
			}, 70, v1alpha1.ValueFresh, "7", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, computedModel(test.from, test.scale))
			w.input.Account.Spec.Contract = &v1alpha1.Contract{Seats: ptr.To[int64](50)}
			test.prepare(w)
			h := w.evaluate()
			w.wantScore(test.score)
			m := measureOf(t, h, "ratio")
			if m.State != test.state || m.Value != test.value || m.Message != test.message {
				t.Errorf("the measure is %+v", m)
			}
			if again := w.evaluate(); !cmp.Equal(h, again) {
				t.Errorf("evaluated again it is another: %s", cmp.Diff(h, again))
			}
		})
	}
}

func TestAnExpressionIsAsOldAsTheOldestValueThatItReads(t *testing.T) {
	w := newWorld(t, computedModel(habit, asItIs))
	w.see("usage", "mau", "40")
	w.expire("usage", "mau", 3*day)
	w.wait(day)
	w.see("usage", "dau", "18")
	h := w.evaluate()
	if got := measureOf(t, h, "ratio").ObservedTime; !got.Equal(&metav1.Time{Time: begin()}) {
		t.Errorf("observed at %s, want %s", got, begin())
	}
	w.wantNext(begin().Add(3*day + time.Second))
	w.input.Now = w.next
	h = w.evaluate()
	w.wantScore(-1)
	if m := measureOf(t, h, "ratio"); m.State != v1alpha1.ValueStale || m.Value != "45" {
		t.Errorf("the measure is %+v", m)
	}
}

func TestTheFactsOfAnExpressionAreInTheStatus(t *testing.T) {
	w := newWorld(t, computedModel(habit, asItIs))
	w.see("usage", "dau", "18")
	w.see("usage", "mau", "40")
	at := metav1.NewTime(begin())
	want := []v1alpha1.Fact{
		{Source: "usage", Metric: "dau", Value: "18", ObservedTime: &at}, {Source: "usage", Metric: "mau", Value: "40", ObservedTime: &at},
	}
	if diff := cmp.Diff(want, w.evaluate().Facts); diff != "" {
		t.Error(diff)
	}
}

func TestAnOutageDoesNotMoveAnExpression(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"with the last values in memory": func(w *world) { w.fail("usage") },
		"after a restart":                func(w *world) { w.restart() },
		"after a restart, under another generation of the model": func(w *world) {
			w.restart()
			w.remodel(computedModel(habit, asItIs))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, computedModel(habit, asItIs))
			w.see("usage", "dau", "18")
			w.see("usage", "mau", "40")
			w.expire("usage", "mau", 3*day)
			w.evaluate()
			fail(w)
			for range 3 {
				h := w.evaluate()
				w.wantScore(45)
				w.wantBand("AtRisk")
				if m := measureOf(t, h, "ratio"); m.State != v1alpha1.ValueErrored || m.Value != "45" || h.Coverage != 100 {
					t.Errorf("the measure is %+v, coverage %d", m, h.Coverage)
				}
			}
			w.input.Now = begin().Add(3*day + time.Second)
			h := w.evaluate()
			if m := measureOf(t, h, "ratio"); m.Score != nil || !w.model.Partial(h) {
				t.Errorf("beyond its age the measure is %+v", m)
			}
			if diff := cmp.Diff([]string{"ratio"}, w.model.PartialMeasures(h)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnOutageKeepsWhatAnExpressionFoundMissing(t *testing.T) {
	for name, restart := range map[string]bool{"in memory": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, computedModel(`{expression: "has(metrics.usage.mau) ? 80.0 : 30.0"}`, asItIs))
			w.miss("usage", "mau")
			w.evaluate()
			w.wantScore(30)
			w.fail("usage")
			if restart {
				w.restart()
			}
			for range 2 {
				w.evaluate()
				w.wantScore(30)
			}
		})
	}
}

func TestAScoreThatDependsOnTheDayStandsStillWithoutItsSource(t *testing.T) {
	for name, test := range map[string]struct{ from, scale string }{
		"through its scale":      {lastLogin, freshness},
		"through its expression": {`{expression: "100 - 10 * daysSince(metrics.crm.login)"}`, asItIs},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, computedModel(test.from, test.scale))
			login, err := value.Parse(v1alpha1.MetricTime, "2026-10-31")
			if err != nil {
				t.Fatal(err)
			}
			w.observe("crm", "login", login)
			for days, want := range []int32{90, 80, 70} {
				w.evaluate()
				w.wantScore(want)
				if m := measureOf(t, w.health, "ratio"); m.AsOf != v1alpha1.Date(w.input.Now.Format(time.DateOnly)) {
					t.Errorf("it stands for %s", m.AsOf)
				}
				midnight := time.Date(2026, 11, 2+days, 0, 0, 0, 0, time.UTC)
				w.wantNext(midnight)
				w.input.Now = midnight
			}
			w.fail("crm")
			for days := range 4 {
				if days == 2 {
					w.restart()
				}
				w.evaluate()
				w.wantScore(70)
				if w.next.Before(w.input.Now.Add(2 * day)) {
					t.Errorf("it changes by itself at %s", w.next)
				}
				if m := measureOf(t, w.health, "ratio"); m.AsOf != "2026-11-03" || m.State != v1alpha1.ValueErrored {
					t.Errorf("the measure is %+v", m)
				}
				w.wait(day)
			}
			w.observe("crm", "login", login)
			w.evaluate()
			w.wantScore(20)
			if m := measureOf(t, w.health, "ratio"); m.AsOf != "2026-11-08" || m.State != v1alpha1.ValueFresh {
				t.Errorf("the measure is %+v", m)
			}
		})
	}
}

func TestLastKnownDoesNotGoOnWithTheDay(t *testing.T) {
	spec := strings.NewReplacer("%from", lastLogin, "%scale", freshness, "%missing", "LastKnown").Replace(computed)
	w := newWorld(t, spec)
	login, err := value.Parse(v1alpha1.MetricTime, "2026-10-31")
	if err != nil {
		t.Fatal(err)
	}
	w.observe("crm", "login", login)
	w.evaluate()
	w.wantScore(90)
	w.miss("crm", "login")
	for range 3 {
		w.evaluate()
		w.wantScore(90)
		if m := measureOf(t, w.health, "ratio"); m.State != v1alpha1.ValueMissing || m.AsOf != "2026-11-01" {
			t.Errorf("the measure is %+v", m)
		}
		w.wait(day)
	}
}

func TestTheDayOfAnExpressionIsInTheTimeZone(t *testing.T) {
	w := newWorld(t, computedModel(`{expression: "daysUntil(account.spec.contract.renewalDate)"}`, asItIs))
	w.input.Location = time.FixedZone("east", 9*3600)
	w.input.Account.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2026-11-21"}
	w.input.Now = time.Date(2026, 11, 1, 14, 59, 0, 0, time.UTC)
	w.evaluate()
	w.wantScore(20)
	w.wantNext(time.Date(2026, 11, 1, 15, 0, 0, 0, time.UTC))
	w.input.Now = w.next
	w.evaluate()
	w.wantScore(19)
}

func TestWhereAModelReadsItsMetrics(t *testing.T) {
	m := compiled(t, plain+`
- {name: ratio, dimension: support, weight: 1, maxAge: 3d, from: {expression: "metrics.usage.wau / metrics.usage.mau"}, scale: {linear: {worst: 0, best: 1}}}
rules:
- {name: open-p1, when: "metrics.desk.p1 > 0", cap: 39}
`)
	want := []ReadAt{
		{"spec.measures[wau].from", ref("usage", "wau")},
		{"spec.measures[depth].from", ref("usage", "depth")},
		{"spec.measures[tickets].from", ref("desk", "tickets")},
		{"spec.measures[ratio].from.expression", ref("usage", "mau")},
		{"spec.measures[ratio].from.expression", ref("usage", "wau")},
		{"spec.rules[open-p1].when", ref("desk", "p1")},
	}
	if diff := cmp.Diff(want, m.ReadsAt()); diff != "" {
		t.Error(diff)
	}
	if got := m.MaxAge(ref("usage", "wau")); got != 3*day {
		t.Errorf("the shortest age is %s", got)
	}
}
