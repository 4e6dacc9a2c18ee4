package score

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const day = 24 * time.Hour

// at sets the score of a single model and evaluates.
func (w *world) at(score string) *v1alpha1.Health {
	w.t.Helper()
	w.miss("crm", "points")
	if score != "" {
		w.see("crm", "points", score)
	}
	return w.evaluate()
}

func TestHistoryHasOneLineADayOnWhichTheScoreChanged(t *testing.T) {
	w := newWorld(t, single)
	for _, s := range []struct {
		after time.Duration
		score string
	}{
		{0, "71"}, {time.Hour, "71"}, {day, "71.4"}, {day, "60"}, {2 * time.Hour, "65"}, {day, ""}, {day, "65"}, {day, "66"}, {20 * time.Hour, "30"},
	} {
		w.wait(s.after)
		w.at(s.score)
	}
	want := []string{
		"2026-11-01 71 Healthy enterprise/4",
		"2026-11-03 65 AtRisk enterprise/4",
		"2026-11-06 66 AtRisk enterprise/4",
		"2026-11-07 30 Critical enterprise/4",
	}
	if diff := cmp.Diff(want, w.health.History); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryHasAtMostThirtyLines(t *testing.T) {
	w := newWorld(t, single)
	for i := range 40 {
		w.at(fmt.Sprint(20 + i))
		w.wait(day)
	}
	if h := w.health.History; len(h) != 30 || h[0] != "2026-11-11 30 Critical enterprise/4" || h[29] != "2026-12-10 59 AtRisk enterprise/4" {
		t.Errorf("history = %q", h)
	}
}

func TestPreviousScoreAndChangesMoveOnlyWithTheScore(t *testing.T) {
	w := newWorld(t, single)
	h := w.at("71")
	if h.PreviousScore != nil || h.Changes != nil {
		t.Errorf("at first: %v, %v", h.PreviousScore, h.Changes)
	}
	h = w.at("60")
	want := []string{"points 71 -> 60: -11.0"}
	if diff := cmp.Diff(want, h.Changes); shownScore(h.PreviousScore) != 71 || diff != "" {
		t.Errorf("previous score %d, changes %s", shownScore(h.PreviousScore), diff)
	}
	for _, score := range []string{"60.25", "60", "", "60"} {
		h = w.at(score)
		if diff := cmp.Diff(want, h.Changes); shownScore(h.PreviousScore) != 71 || diff != "" {
			t.Errorf("at %q: previous score %d, changes %s", score, shownScore(h.PreviousScore), diff)
		}
	}
	w.at("")
	h = w.at("50")
	if diff := cmp.Diff([]string{"points Missing -> 50: +50.0", "before, while not all was known: -60.0"}, h.Changes); shownScore(h.PreviousScore) != 60 || diff != "" {
		t.Errorf("out of Unknown: previous score %d, changes %s", shownScore(h.PreviousScore), diff)
	}
}

func TestAChangeOfTheModelIsNotCompared(t *testing.T) {
	w := newWorld(t, single)
	w.at("80")
	w.at("70")
	w.wait(day)
	w.remodel(single + "rules: [{name: all, when: 'true', cap: 20}]\n")
	h := w.at("70")
	w.wantScore(20)
	if h.PreviousScore != nil || h.Trend != v1alpha1.TrendStable {
		t.Errorf("previous score %d, trend %s, want none and Stable", shownScore(h.PreviousScore), h.Trend)
	}
	if diff := cmp.Diff([]string{"model enterprise/4 -> enterprise/5: -50.0"}, h.Changes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2026-11-01 70 Healthy enterprise/4", "2026-11-02 20 Critical enterprise/5"}, h.History); diff != "" {
		t.Error(diff)
	}
	if again := w.at("70"); !cmp.Equal(h, again) {
		t.Errorf("evaluated again it is another: %s", cmp.Diff(h, again))
	}
	h = w.at("10")
	if diff := cmp.Diff([]string{"rule all, cap 20: +50.0", "points 70 -> 10: -60.0"}, h.Changes); shownScore(h.PreviousScore) != 20 || diff != "" {
		t.Errorf("previous score %d, changes %s", shownScore(h.PreviousScore), diff)
	}
}

func TestAChangeOfTheModelIsToldFromThatOfTheData(t *testing.T) {
	w := newWorld(t, plain)
	w.see("usage", "wau", "50")
	w.see("usage", "depth", "5")
	w.see("desk", "tickets", "5")
	w.evaluate()
	w.wantScore(50)
	// In the new model 50 is the best, and would be worth 22.5 points more; but the value fell as well.
	w.remodel(strings.Replace(plain, "best: 100", "best: 50", 1))
	w.see("usage", "wau", "25")
	w.see("desk", "tickets", "4")
	h := w.evaluate()
	w.wantScore(54)
	if diff := cmp.Diff([]string{"model enterprise/4 -> enterprise/5: +22.5", "wau 50 -> 25: -22.5", "tickets 5 -> 4: +4.0"}, h.Changes); diff != "" {
		t.Error(diff)
	}
}

func TestAModelThatChangesWhileNothingIsKnownIsNotComparedLater(t *testing.T) {
	w := newWorld(t, single)
	w.at("80")
	w.remodel(single)
	w.at("")
	h := w.at("30")
	if diff := cmp.Diff([]string{"model enterprise/4 -> enterprise/5"}, h.Changes); h.PreviousScore != nil || diff != "" {
		t.Errorf("previous score %d, changes %s", shownScore(h.PreviousScore), diff)
	}
}

func TestChangesNameWhatMovedTheScoreTheLargestFirst(t *testing.T) {
	const spec = plain + `
- {name: sentiment, dimension: support, weight: 1, from: {measurement: sentiment}, scale: {categories: [{value: Good, score: 100}, {value: Bad, score: 0}]}}
rules:
- {name: quiet, when: "metrics.usage.wau < 5", cap: 20}
- {name: busy, when: "metrics.usage.wau > 10", floor: 5}
`
	start := func(t *testing.T) *world {
		w := newWorld(t, spec)
		w.see("usage", "wau", "50")
		w.see("usage", "depth", "9")
		w.see("desk", "tickets", "5")
		w.input.Account.Spec.Measurements = []v1alpha1.Measurement{{Name: "sentiment", Value: "Bad"}}
		w.evaluate()
		return w
	}
	for name, test := range map[string]struct {
		happens func(*world)
		want    []string
	}{
		"values that fell and rose": {
			func(w *world) { w.see("usage", "wau", "40"); w.see("desk", "tickets", "1") },
			[]string{"tickets 5 -> 1: +8.0", "wau 50 -> 40: -4.5", "rounding: +0.5"},
		},
		"equals by name": {
			func(w *world) { w.see("usage", "wau", "40"); w.see("usage", "depth", "6") },
			[]string{"depth 9 -> 6: -4.5", "wau 50 -> 40: -4.5"},
		},
		"a value that is gone": {
			func(w *world) { w.miss("desk", "tickets") },
			[]string{"tickets 5 -> Missing: -10.0"},
		},
		"another value, weighing more because one is gone": {
			func(w *world) { w.miss("usage", "wau"); w.see("usage", "depth", "7") },
			[]string{"depth 9 -> 7: +28.5", "wau 50 -> Missing: -22.5"},
		},
		"the same value, weighing more": {
			func(w *world) { w.miss("usage", "wau") },
			[]string{"depth 9: +40.5", "wau 50 -> Missing: -22.5"},
		},
		"rules that ended and began": {
			func(w *world) { w.see("usage", "wau", "5") },
			[]string{"wau 50 -> 5: -20.25", "rounding: +0.25"},
		},
		"a rule that began": {
			func(w *world) { w.see("usage", "wau", "1") },
			[]string{"rule quiet began, cap 20: -4.0", "wau 50 -> 1: -22.05", "rounding: +0.05"},
		},
		"a word": {
			func(w *world) { w.input.Account.Spec.Measurements[0].Value = "Good" },
			[]string{"sentiment Bad -> Good: +20.0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			test.happens(w)
			h := w.evaluate()
			if diff := cmp.Diff(test.want, h.Changes); diff != "" {
				t.Error(diff)
			}
			if sum, want := sumOfChanges(t, h), *h.Score-*h.PreviousScore; sum != int64(want)*milli {
				t.Errorf("the changes add up to %s, the score moved by %d", formatDifference(sum), want)
			}
		})
	}
}

func TestAtMostSixteenChanges(t *testing.T) {
	spec := "bands: [{name: Fine, min: 0}]\ndimensions: [{name: all, weight: 1}]\nmeasures:\n"
	for i := range 20 {
		spec += fmt.Sprintf("- {name: m%02d, dimension: all, weight: 1, from: {source: s, metric: m%02d}, scale: {linear: {worst: 0, best: 100}}}\n", i, i)
	}
	w := newWorld(t, spec)
	for _, value := range []string{"50", "90"} {
		for i := range 20 {
			w.see("s", fmt.Sprintf("m%02d", i), value)
		}
		w.evaluate()
	}
	if c := w.health.Changes; len(c) != 16 || c[0] != "m00 50 -> 90: +2.0" || c[14] != "m14 50 -> 90: +2.0" || c[15] != "5 more: +10.0" {
		t.Errorf("changes = %q", c)
	}
}

func TestTrend(t *testing.T) {
	type moment struct {
		after time.Duration
		score string
		want  v1alpha1.Trend
		next  time.Duration // of midnight, from begin's; 0: never
	}
	for name, test := range map[string]struct {
		trend   string
		moments []moment
	}{
		"one score is Stable": {"{}", []moment{{0, "50", "Stable", 0}}},
		"a fall of the threshold is Declining until the window has passed": {"{window: 7d, threshold: 5}", []moment{
			{0, "50", "Stable", 0},
			{2 * day, "46", "Stable", 0},
			{day, "45", "Declining", 9 * day},
			{6*day - 10*time.Hour, "45", "Declining", 9 * day},
			{day, "45", "Stable", 0},
		}},
		"a rise of the threshold is Improving": {"{window: 7d, threshold: 5}", []moment{
			{0, "50", "Stable", 0},
			{day, "55", "Improving", 8 * day},
		}},
		"the score of the day on which the window begins counts, the last before it where there was none": {"{window: 7d, threshold: 5}", []moment{
			{0, "50", "Stable", 0},
			{2 * day, "60", "Improving", 9 * day},
			{10 * day, "64", "Stable", 0},
			{day, "65", "Improving", 19 * day},
		}},
		"what was within the window may make a trend when it is its beginning": {"{window: 7d, threshold: 5}", []moment{
			{0, "50", "Stable", 0},
			{day, "60", "Improving", 8 * day},
			{day, "50", "Stable", 8 * day},
			{6*day - 9*time.Hour, "50", "Declining", 9 * day},
			{day, "50", "Stable", 0},
		}},
		"on one day the day's last score counts": {"{window: 7d, threshold: 5}", []moment{
			{0, "50", "Stable", 0},
			{time.Hour, "60", "Stable", 0},
			{time.Hour, "40", "Stable", 0},
		}},
		"without a score there is no trend": {"{}", []moment{
			{0, "50", "Stable", 0},
			{day, "", "", 0},
		}},
		"the default is five points in seven days": {"{}", []moment{
			{0, "50", "Stable", 0},
			{day, "54", "Stable", 0},
			{day, "55", "Improving", 8 * day},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, single+"trend: "+test.trend+"\n")
			for i, m := range test.moments {
				w.wait(m.after)
				if h := w.at(m.score); h.Trend != m.want {
					t.Fatalf("moment %d: trend = %s, want %s", i+1, h.Trend, m.want)
				}
				next := time.Time{}
				if m.next > 0 {
					next = begin().Truncate(day).Add(m.next)
				}
				w.wantNext(next)
			}
		})
	}
}

func TestHistoryLinesThatCannotBeReadAreKeptAndNotCounted(t *testing.T) {
	w := newWorld(t, single)
	w.input.Previous = &v1alpha1.Health{Model: "enterprise", ModelGeneration: 4, Band: "Healthy", History: []string{"", "what is this", "2026-10-01 much Healthy enterprise/4"}}
	h := w.at("90")
	if len(h.History) != 4 || h.Trend != v1alpha1.TrendStable {
		t.Errorf("history = %q, trend = %s", h.History, h.Trend)
	}
}
