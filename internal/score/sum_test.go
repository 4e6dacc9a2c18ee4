package score

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestHealthExplainsTheScore(t *testing.T) {
	w := newWorld(t, plain+`
- {name: seats, dimension: adoption, weight: 0, from: {source: crm, metric: seats}}
- {name: sentiment, dimension: support, weight: 1, from: {measurement: sentiment}, scale: {categories: [{value: Good, score: 100}]}}
`)
	w.see("usage", "wau", "62")
	w.see("usage", "depth", "2.5")
	w.see("desk", "tickets", "1")
	w.see("crm", "seats", "200")
	w.evaluate()
	at := ptr.To(metav1.NewTime(begin()))
	want := &v1alpha1.Health{
		// (62·3 + 25)/4 = 52.75 of 60 %, 90 of 40 %
		Score: ptr.To(int32(68)), Band: "AtRisk", BandSince: at, Trend: v1alpha1.TrendStable, Coverage: 80,
		Model: "enterprise", ModelGeneration: 4, ModelSince: at,
		Dimensions: []v1alpha1.DimensionScore{
			{Name: "adoption", Score: ptr.To(int32(53)), Points: "31.65"},
			{Name: "support", Score: ptr.To(int32(90)), Points: "36.0"},
		},
		Measures: []v1alpha1.MeasureScore{
			{Name: "wau", Dimension: "adoption", From: "usage.wau", Value: "62", Score: ptr.To(int32(62)), Points: "27.9", State: "Fresh", ObservedTime: at},
			{Name: "depth", Dimension: "adoption", From: "usage.depth", Value: "2.5", Score: ptr.To(int32(25)), Points: "3.75", State: "Fresh", ObservedTime: at},
			{Name: "tickets", Dimension: "support", From: "desk.tickets", Value: "1", Score: ptr.To(int32(90)), Points: "36.0", State: "Fresh", ObservedTime: at},
			{Name: "seats", Dimension: "adoption", From: "crm.seats", Value: "200", State: "Fresh", ObservedTime: at},
			{Name: "sentiment", Dimension: "support", From: "measurement sentiment", State: "Missing"},
		},
		History: []string{"2026-11-01 68 AtRisk enterprise/4"},
	}
	if diff := cmp.Diff(want, w.health); diff != "" {
		t.Error(diff)
	}
	w.wantNext(time.Time{})
}

func TestTheScoreIsRoundedOnce(t *testing.T) {
	const thirds = `
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 7}]
measures:
- {name: a, dimension: all, weight: 1, from: {source: s, metric: a}, scale: {linear: {worst: 0, best: 100}}}
- {name: b, dimension: all, weight: 1, from: {source: s, metric: b}, scale: {linear: {worst: 0, best: 100}}}
- {name: c, dimension: all, weight: 1, from: {source: s, metric: c}, scale: {linear: {worst: 0, best: 100}}}
`
	for name, test := range map[string]struct {
		a, b, c string
		want    int32
		points  [3]string
	}{
		"a half is rounded up":                      {"69.5", "69.5", "69.5", 70, [3]string{"23.167", "23.167", "23.166"}},
		"just below a half is rounded down":         {"69.5", "69.5", "69.499", 69, [3]string{"23.167", "23.166", "23.166"}},
		"what would round up twice is rounded down": {"69.499", "69.5", "69.5", 69, [3]string{"23.166", "23.167", "23.166"}},
		"points that do not divide still add up":    {"100", "0", "0", 33, [3]string{"33.333", "0.0", "0.0"}},
		"the largest remainder takes what is left":  {"50", "50.001", "50.001", 50, [3]string{"16.666", "16.667", "16.667"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thirds)
			w.see("s", "a", test.a)
			w.see("s", "b", test.b)
			w.see("s", "c", test.c)
			h := w.evaluate()
			w.wantScore(test.want)
			if got := [3]string{h.Measures[0].Points, h.Measures[1].Points, h.Measures[2].Points}; got != test.points {
				t.Errorf("points = %q, want %q", got, test.points)
			}
		})
	}
}

func TestCoverageIsThePartOfTheWeightThatHasAValue(t *testing.T) {
	for name, test := range map[string]struct {
		missing  []v1alpha1.MetricReference
		coverage int32
		score    int32
		adoption int32
	}{
		"everything is known":           {nil, 100, 60, 60},
		"a small part is missing":       {[]v1alpha1.MetricReference{ref("usage", "depth")}, 85, 60, 60},
		"more than the minimum is left": {[]v1alpha1.MetricReference{ref("desk", "tickets")}, 60, 60, 60},
		"a dimension is missing":        {[]v1alpha1.MetricReference{ref("usage", "wau"), ref("usage", "depth")}, 40, -1, -1},
		"less than the minimum is left": {[]v1alpha1.MetricReference{ref("usage", "wau"), ref("desk", "tickets")}, 15, -1, 60},
		"nothing is known":              {[]v1alpha1.MetricReference{ref("usage", "wau"), ref("usage", "depth"), ref("desk", "tickets")}, 0, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plain)
			w.see("usage", "wau", "60")
			w.see("usage", "depth", "6")
			w.see("desk", "tickets", "4")
			for _, r := range test.missing {
				w.miss(r.Source, r.Metric)
			}
			h := w.evaluate()
			if h.Coverage != test.coverage {
				t.Errorf("coverage = %d, want %d", h.Coverage, test.coverage)
			}
			w.wantScore(test.score)
			if test.score < 0 {
				w.wantBand(v1alpha1.BandUnknown)
			}
			if got := shownScore(h.Dimensions[0].Score); got != test.adoption {
				t.Errorf("score of the dimension = %d, want %d", got, test.adoption)
			}
		})
	}
}

func TestCoverageIsCutSoThatAMinimumIsNeverShownUnreached(t *testing.T) {
	w := newWorld(t, `
minimumCoverage: 67
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: a, dimension: all, weight: 2, from: {source: s, metric: a}, scale: {linear: {worst: 0, best: 100}}}
- {name: b, dimension: all, weight: 1, from: {source: s, metric: b}, scale: {linear: {worst: 0, best: 100}}}
`)
	w.see("s", "a", "80")
	w.miss("s", "b")
	if h := w.evaluate(); h.Coverage != 66 || h.Band != v1alpha1.BandUnknown {
		t.Errorf("coverage = %d, band = %s, want 66 and Unknown", h.Coverage, h.Band)
	}
}

func TestTheWidestModelDoesNotOverflow(t *testing.T) {
	spec := object(t, "bands: [{name: Fine, min: 0}]\n")
	for d := range maxDimensions {
		name := string(rune('a' + d))
		spec.Spec.Dimensions = append(spec.Spec.Dimensions, v1alpha1.Dimension{Name: name, Weight: int32(maxWeight - d)})
		for range maxMeasures / maxDimensions {
			n := int32(len(spec.Spec.Measures))
			spec.Spec.Measures = append(spec.Spec.Measures, v1alpha1.Measure{
				Name: fmt.Sprintf("m%d", n), Dimension: name, Weight: maxWeight - n,
				From:  v1alpha1.MeasureFrom{Source: "s", Metric: "m"},
				Scale: &v1alpha1.Scale{Linear: &v1alpha1.LinearScale{Worst: "0", Best: "3"}},
			})
		}
	}
	m, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, model: m, input: Input{Account: &v1alpha1.Account{}, Facts: value.Facts{}, Now: begin()}}
	w.see("s", "m", "2")
	w.evaluate()
	w.wantScore(67)
	if got, want := recompute(t, w.health), int64(66_667); got != want {
		t.Errorf("points add up to %d, want %d", got, want)
	}
}
