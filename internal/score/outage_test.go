package score

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// whenMissing is the plain model with a whenMissing for its measure wau.
func whenMissing(w v1alpha1.WhenMissing) string {
	return `
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: wau, dimension: all, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}, whenMissing: ` + string(w) + `}
- {name: tickets, dimension: all, weight: 3, from: {source: desk, metric: tickets}, scale: {linear: {worst: 0, best: 100}}}
`
}

func TestWhenMissing(t *testing.T) {
	gone := func(w *world) { w.miss("usage", "wau") }
	old := func(w *world) { w.expire("usage", "wau", time.Hour); w.wait(time.Hour + time.Second) }
	mistyped := func(w *world) { w.observe("usage", "wau", value.Category("lots")) }
	text := func(w *world) { w.observe("usage", "wau", value.Value{Type: v1alpha1.MetricText, Text: "12"}) }
	shown := func(v string, score int32, points string, state v1alpha1.ValueState) v1alpha1.MeasureScore {
		m := v1alpha1.MeasureScore{Name: "wau", Dimension: "all", From: "usage.wau", Value: v, Points: points, State: state}
		if score >= 0 {
			m.Score = ptr.To(score)
		}
		if v != "" {
			m.ObservedTime = ptr.To(metav1.NewTime(begin()))
		}
		return m
	}
	for name, test := range map[string]struct {
		whenMissing v1alpha1.WhenMissing
		happens     func(*world)
		score       int32
		coverage    int32
		want        v1alpha1.MeasureScore
	}{
		"Skip gives a missing value's weight to the others":   {"Skip", gone, 40, 75, shown("", -1, "", "Missing")},
		"Skip is the default":                                 {"", gone, 40, 75, shown("", -1, "", "Missing")},
		"Worst counts a missing value as 0":                   {"Worst", gone, 30, 75, shown("", 0, "0.0", "Missing")},
		"Neutral counts a missing value as 50":                {"Neutral", gone, 43, 75, shown("", 50, "12.5", "Missing")},
		"Best counts a missing value as 100":                  {"Best", gone, 55, 75, shown("", 100, "25.0", "Missing")},
		"LastKnown keeps a missing value, to the last digit":  {"LastKnown", gone, 50, 100, shown("79.987", 80, "19.996", "Missing")},
		"Skip gives a stale value's weight to the others":     {"Skip", old, 40, 75, shown("79.987", -1, "", "Stale")},
		"Worst counts a stale value as 0":                     {"Worst", old, 30, 75, shown("79.987", 0, "0.0", "Stale")},
		"LastKnown keeps a stale value":                       {"LastKnown", old, 50, 100, shown("79.987", 80, "19.996", "Stale")},
		"a value of another type than the scale's is missing": {"Worst", mistyped, 30, 75, shown("", 0, "0.0", "Missing")},
		"text is never scored and never shown":                {"Skip", text, 40, 75, shown("", -1, "", "Missing")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, whenMissing(test.whenMissing))
			w.see("usage", "wau", "79.987")
			w.see("desk", "tickets", "40")
			w.evaluate()
			w.wantScore(50)
			test.happens(w)
			h := w.evaluate()
			w.wantScore(test.score)
			if h.Coverage != test.coverage {
				t.Errorf("coverage = %d, want %d", h.Coverage, test.coverage)
			}
			if diff := cmp.Diff(test.want, measureOf(t, h, "wau")); diff != "" {
				t.Error(diff)
			}
			again := w.evaluate()
			if diff := cmp.Diff(h, again); diff != "" {
				t.Errorf("evaluated again it is another: %s", diff)
			}
			w.restart()
			after := w.evaluate()
			if diff := cmp.Diff(test.want, measureOf(t, after, "wau")); diff != "" {
				t.Errorf("an outage changes it: %s", diff)
			}
			w.wantScore(test.score)
		})
	}
}

func TestLastKnownWithoutALastValueIsSkipped(t *testing.T) {
	w := newWorld(t, whenMissing("LastKnown"))
	w.miss("usage", "wau")
	w.see("desk", "tickets", "40")
	w.evaluate()
	w.wantScore(40)
	if w.health.Coverage != 75 {
		t.Errorf("coverage = %d, want 75", w.health.Coverage)
	}
}

func TestAWordThatIsNotListedCountsAsMissing(t *testing.T) {
	w := newWorld(t, `
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: mood, dimension: all, weight: 1, from: {source: crm, metric: mood}, scale: {categories: [{value: Good, score: 80}]}, whenMissing: Worst}
rules: [{name: odd, when: "metrics.crm.mood == 'Odd'", set: 9}]
`)
	w.observe("crm", "mood", value.Category("Good"))
	w.evaluate()
	w.wantScore(80)
	if len(w.health.Facts) != 0 {
		t.Errorf("facts = %v, want none, for a measure shows the value", w.health.Facts)
	}
	w.observe("crm", "mood", value.Category("Odd"))
	w.evaluate()
	w.wantScore(9)
	if m := measureOf(t, w.health, "mood"); m.State != v1alpha1.ValueMissing || m.Value != "" || *m.Score != 0 {
		t.Errorf("measure = %v", m)
	}
	if len(w.health.Facts) != 1 || w.health.Facts[0].Value != "Odd" {
		t.Errorf("facts = %v, want the word that the scale does not list", w.health.Facts)
	}
}

func TestTextIsNeverShownAsAMeasure(t *testing.T) {
	w := newWorld(t, single+`
- {name: scored, dimension: all, weight: 1, from: {source: crm, metric: text}, scale: {categories: [{value: secret, score: 1}]}}
- {name: recorded, dimension: all, weight: 0, from: {source: crm, metric: text}}
`)
	w.see("crm", "points", "80")
	w.observe("crm", "text", value.Value{Type: v1alpha1.MetricText, Text: "secret"})
	h := w.evaluate()
	w.wantScore(80)
	for _, name := range []string{"scored", "recorded"} {
		if m := measureOf(t, h, name); m.Value != "" || m.State != v1alpha1.ValueMissing {
			t.Errorf("measure = %v, want none of the text", m)
		}
	}
}

func TestOnlyWholeSecondsCount(t *testing.T) {
	story := func(fraction time.Duration) []Result {
		w := newWorld(t, "bandChange: {hold: 1h}\n"+whenMissing("Skip"))
		w.input.Extra = []v1alpha1.MetricReference{ref("crm", "seats")}
		w.wait(fraction)
		var results []Result
		for _, tickets := range []string{"90", "10"} {
			w.see("usage", "wau", "100")
			w.see("desk", "tickets", tickets)
			w.see("crm", "seats", "7")
			w.expire("crm", "seats", 10*time.Minute)
			w.expire("usage", "wau", 30*time.Minute)
			results = append(results, w.model.Evaluate(w.input))
			w.evaluate()
			w.wait(20 * time.Minute)
			results = append(results, w.model.Evaluate(w.input))
		}
		return results
	}
	if diff := cmp.Diff(story(0), story(999*time.Millisecond)); diff != "" {
		t.Error(diff)
	}
}

func TestMeasurementsComeFromTheAccount(t *testing.T) {
	const spec = `
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: base, dimension: all, weight: 1, from: {source: s, metric: base}, scale: {linear: {worst: 0, best: 100}}}
- {name: mood, dimension: all, weight: 1, from: {measurement: mood}, maxAge: 30d, scale: {linear: {worst: 0, best: 10}}}
- {name: note, dimension: all, weight: 0, from: {measurement: note}}
`
	for name, test := range map[string]struct {
		entered v1alpha1.Measurement
		score   int32
		state   v1alpha1.ValueState
		next    time.Time
	}{
		"a number is read":                       {v1alpha1.Measurement{Name: "mood", Value: "9"}, 70, "Fresh", time.Time{}},
		"a recent one is Fresh until its maxAge": {v1alpha1.Measurement{Name: "mood", Value: "9", ObservedTime: ptr.To(metav1.NewTime(begin().AddDate(0, 0, -30)))}, 70, "Fresh", begin().Add(time.Second)},
		"an old one is Stale":                    {v1alpha1.Measurement{Name: "mood", Value: "9", ObservedTime: ptr.To(metav1.NewTime(begin().AddDate(0, 0, -31)))}, 50, "Stale", time.Time{}},
		"one that cannot be read is Missing":     {v1alpha1.Measurement{Name: "mood", Value: "fine"}, 50, "Missing", time.Time{}},
		"one that was not entered is Missing":    {v1alpha1.Measurement{Name: "other", Value: "9"}, 50, "Missing", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spec)
			w.see("s", "base", "50")
			w.input.Account.Spec.Measurements = []v1alpha1.Measurement{test.entered, {Name: "note", Value: "they moved"}}
			w.evaluate()
			w.wantScore(test.score)
			w.wantNext(test.next)
			if m := measureOf(t, w.health, "mood"); m.State != test.state {
				t.Errorf("state = %s, want %s", m.State, test.state)
			}
			if m := measureOf(t, w.health, "note"); m.Value != "they moved" || m.Score != nil || m.Points != "" {
				t.Errorf("the measure without a weight is %v, want its value alone", m)
			}
		})
	}
}

func TestTheShorterMaxAgeCounts(t *testing.T) {
	w := newWorld(t, `
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: m, dimension: all, weight: 1, maxAge: 2h, from: {source: s, metric: m}, scale: {linear: {worst: 0, best: 100}}}
`)
	w.see("s", "m", "50")
	w.evaluate()
	w.wantNext(begin().Add(2*time.Hour + time.Second))
	w.expire("s", "m", time.Hour)
	w.evaluate()
	w.wantNext(begin().Add(time.Hour + time.Second))
	w.expire("s", "m", 3*time.Hour)
	w.wait(2*time.Hour + time.Second)
	w.evaluate()
	w.wantScore(-1)
	w.wantBand(v1alpha1.BandUnknown)
}

func TestOutage(t *testing.T) {
	before := func(t *testing.T) *world {
		w := newWorld(t, "bandChange: {hold: 1h}\n"+whenMissing("Worst"))
		w.see("usage", "wau", "100")
		w.see("desk", "tickets", "60")
		w.expire("usage", "wau", 24*time.Hour)
		w.evaluate()
		w.wantScore(70)
		w.wantBand("Healthy")
		return w
	}
	t.Run("a value keeps its score while it is younger than its maxAge, and says when that ends", func(t *testing.T) {
		w := before(t)
		w.restart()
		w.wait(24 * time.Hour)
		h := w.evaluate()
		w.wantScore(70)
		w.wantNext(begin().Add(24*time.Hour + time.Second))
		if m := measureOf(t, h, "wau"); m.State != v1alpha1.ValueErrored || m.Value != "100" || m.Points != "25.0" || h.Coverage != 100 {
			t.Errorf("measure = %v, coverage = %d", m, h.Coverage)
		}
	})
	t.Run("a value without a maxAge keeps its score for good", func(t *testing.T) {
		w := before(t)
		w.fail("desk")
		w.see("usage", "wau", "100")
		w.wait(1000 * time.Hour)
		w.see("usage", "wau", "100")
		w.evaluate()
		w.wantScore(70)
	})
	t.Run("after that its weight is out, whatever whenMissing says, and the band stays", func(t *testing.T) {
		w := before(t)
		w.fail("usage")
		w.wait(25 * time.Hour)
		h := w.evaluate()
		w.wantScore(60)
		w.wantBand("Healthy")
		if m := measureOf(t, h, "wau"); m.Value != "100" || m.Score != nil || h.Coverage != 75 || h.PendingBand != nil {
			t.Errorf("measure = %v, coverage = %d, pending = %v", m, h.Coverage, h.PendingBand)
		}
		w.wait(100 * time.Hour)
		w.evaluate()
		w.wantBand("Healthy")
		w.wantNext(time.Time{})
	})
	t.Run("while its weight is out the band may become Unknown, and stays so", func(t *testing.T) {
		w := before(t)
		w.fail("usage")
		w.wait(25 * time.Hour)
		w.miss("desk", "tickets")
		w.evaluate()
		w.wantBand(v1alpha1.BandUnknown)
		w.see("desk", "tickets", "60")
		w.evaluate()
		w.wantScore(60)
		w.wantBand(v1alpha1.BandUnknown)
		w.see("usage", "wau", "100")
		w.evaluate()
		w.wantBand("Healthy")
	})
	t.Run("a band that waits begins to wait anew", func(t *testing.T) {
		w := before(t)
		w.see("desk", "tickets", "20")
		w.evaluate()
		if w.health.PendingBand == nil {
			t.Fatal("no pending band")
		}
		w.expire("usage", "wau", time.Minute)
		w.fail("usage")
		w.wait(2 * time.Hour)
		w.evaluate()
		w.wantBand("Healthy")
		w.see("usage", "wau", "100")
		w.evaluate()
		w.wantBand("Healthy")
		if w.health.PendingBand == nil || !w.health.PendingBand.Since.Time.Equal(w.input.Now) {
			t.Errorf("pending band = %v, want one since now", w.health.PendingBand)
		}
	})
	t.Run("a value that was never seen is out", func(t *testing.T) {
		w := newWorld(t, whenMissing("Worst"))
		w.see("desk", "tickets", "60")
		w.evaluate()
		w.wantScore(60)
		w.wantBand(v1alpha1.BandUnknown)
		w.see("usage", "wau", "100")
		w.evaluate()
		w.wantScore(70)
		w.wantBand("Healthy")
	})
	t.Run("a value that only memory holds is used before the older one of the status", func(t *testing.T) {
		w := before(t)
		w.see("usage", "wau", "80")
		w.fail("usage")
		w.evaluate()
		w.wantScore(65)
	})
	t.Run("a measure that is new in the model takes the value that was kept as a fact", func(t *testing.T) {
		w := newWorld(t, single)
		w.see("crm", "points", "80")
		w.see("usage", "wau", "40")
		w.input.Extra = []v1alpha1.MetricReference{ref("usage", "wau")}
		w.evaluate()
		w.restart()
		w.remodel(single + "- {name: wau, dimension: all, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: 0, best: 100}}}\n")
		w.evaluate()
		w.wantScore(60)
	})
	t.Run("a value that another model kept under the same name is not used", func(t *testing.T) {
		w := before(t)
		w.restart()
		w.model.name = "other"
		w.evaluate()
		w.wantScore(-1)
	})
}
