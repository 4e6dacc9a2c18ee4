package scorebench

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// Explained scores an account as Score does, or ScoreComputed, and writes it as a Health: the same texts and pointers that
// Evaluate makes, but for facts, messages, where values come from, and the memory of more than a day: trend, history,
// changes, previous score.
func Explained(m *score.Model, expressions bool, v *Values, memory Memory, previous *v1alpha1.Health, now time.Time) *v1alpha1.Health {
	var o Outcome
	shown := *v
	if expressions {
		ScoreComputed(v, memory, now.Unix(), &o)
		shown = Compute(v)
	} else {
		Score(v, memory, now.Unix(), &o)
	}
	h := &v1alpha1.Health{
		Band: v1alpha1.BandUnknown, Coverage: o.Coverage, Model: m.Name(), ModelGeneration: m.Generation(),
		Dimensions: make([]v1alpha1.DimensionScore, Dimensions), Measures: make([]v1alpha1.MeasureScore, Measures),
	}
	if o.Score != none {
		h.Score, h.Band = &o.Score, bands[o.Band].Name
	}
	if o.Pending != none {
		since := metav1.NewTime(time.Unix(o.Since, 0).UTC())
		h.PendingBand = &v1alpha1.PendingBand{Band: bands[o.Pending].Name, Since: since}
		effective := metav1.NewTime(since.Add(hold))
		h.PendingBand.EffectiveTime = &effective
	}
	bandSince := metav1.NewTime(now)
	if previous != nil && previous.Band == h.Band {
		bandSince, h.LastBand = *previous.BandSince, previous.LastBand
	} else if previous != nil {
		h.LastBand = previous.LastBand
		if previous.Band != v1alpha1.BandUnknown {
			h.LastBand = previous.Band
		}
	}
	h.BandSince, h.PreviousBand = &bandSince, score.PreviousBand(previous, h.Band)
	modelSince := metav1.NewTime(now)
	if previous != nil {
		modelSince = *previous.ModelSince
	}
	h.ModelSince = &modelSince
	writeParts(h, &shown, &o, now.Add(-time.Hour))
	return h
}

// writeParts writes dimensions and measures.
func writeParts(h *v1alpha1.Health, v *Values, o *Outcome, observed time.Time) {
	for d := range Dimensions {
		shown := &h.Dimensions[d]
		shown.Name = dimensions[d].name
		if o.DimensionScores[d] != none {
			shown.Score, shown.Points = &o.DimensionScores[d], pointsText(o.DimensionPoints[d])
		}
	}
	for i := range Measures {
		shown := &h.Measures[i]
		shown.Name, shown.Dimension, shown.State = measures[i].name, dimensions[measures[i].dimension].name, v1alpha1.ValueMissing
		if !v.Known[i] {
			continue
		}
		at := metav1.NewTime(observed)
		shown.State, shown.ObservedTime = v1alpha1.ValueFresh, &at
		shown.Value = value.Decimal(v.Number[i]).String()
		shown.Score, shown.Points = &o.Scores[i], pointsText(o.Points[i])
	}
}

// pointsText writes thousandths of a point as points: 22.0, 7.412.
func pointsText(n int64) string {
	rest := strconv.FormatInt(1000+n%1000, 10)[1:]
	return strconv.FormatInt(n/1000, 10) + "." + rest[:1] + strings.TrimRight(rest[1:], "0")
}
