package score

import (
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Points are thousandths of a point: what a status shows as "7.412".
type Points int64

// ParsePoints reads points as a status shows them; what is no such text is 0.
func ParsePoints(s string) Points { return Points(parsePoints(s)) }

// String writes points as a status shows them.
func (p Points) String() string {
	if p < 0 {
		return "-" + formatPoints(int64(-p))
	}
	return formatPoints(int64(p))
}

// Round returns whole points, half of one rounded up: of points that are not negative.
func (p Points) Round() int32 { return roundPoints(int64(p)) }

// Worth is the most that dimensions and measures can add to a score, by name: their share of 100 points. Those of the
// dimensions add up to 100, those of a dimension's measures to the dimension's. What counts in no score has none.
type Worth struct {
	Dimensions, Measures map[string]Points
}

// Computed reports whether this model, in this generation, computed a health.
func (m *Model) Computed(h *v1alpha1.Health) bool {
	return h != nil && h.Model == m.name && h.ModelGeneration == m.generation && h.ModelUID == m.uid && len(h.Measures) == len(m.measures)
}

// Worth returns what dimensions and measures are worth in a health, as far as they count in it; nil where this model, in
// this generation, did not compute it.
func (m *Model) Worth(h *v1alpha1.Health) *Worth {
	if !m.Computed(h) {
		return nil
	}
	readings := make([]reading, len(m.measures))
	for i := range m.measures {
		readings[i] = reading{score: fullScore, counts: h.Measures[i].Points != ""}
	}
	p := m.parts(readings)
	w := &Worth{Dimensions: map[string]Points{}, Measures: map[string]Points{}}
	for d := range m.dimensions {
		if p.mean.measured[d] > 0 {
			w.Dimensions[m.dimensions[d].name] = Points(p.dimensions[d])
		}
	}
	for i := range m.measures {
		if readings[i].counts {
			w.Measures[m.measures[i].name] = Points(p.measures[i])
		}
	}
	return w
}

// WhatIf returns what the score would be if some measures had other scores, or had one at all. The rules hold that hold
// now, but for those named. It reports false where this model, in this generation, did not compute the health, or where
// nothing would count. The scores that a health shows are whole points, and points are cut to thousandths, so that the
// answer may be off where it is a half.
func (m *Model) WhatIf(h *v1alpha1.Health, scores map[string]int32, without ...string) (int32, bool) {
	worth := m.Worth(h)
	if worth == nil {
		return 0, false
	}
	readings := make([]reading, len(m.measures))
	for i := range m.measures {
		name := m.measures[i].name
		if score, set := scores[name]; set && m.measures[i].weight > 0 {
			readings[i] = reading{score: int64(score) * milli, counts: true}
		} else if most := worth.Measures[name]; most > 0 {
			readings[i] = reading{score: min(parsePoints(h.Measures[i].Points)*fullScore/int64(most), fullScore), counts: true}
		}
	}
	p := m.parts(readings)
	if p.mean.weight == 0 {
		return 0, false
	}
	if len(scores) == 0 {
		p.total = total(h)
	}
	return m.afterRules(h, roundPoints(p.total), without), true
}

// total is the sum of the points of a health.
func total(h *v1alpha1.Health) int64 {
	sum := int64(0)
	for i := range h.Measures {
		sum += parsePoints(h.Measures[i].Points)
	}
	return sum
}

// afterRules applies the rules that hold for a health, but for some, to another score.
func (m *Model) afterRules(h *v1alpha1.Health, score int32, without []string) int32 {
	for _, applied := range h.RulesApplied {
		i := slices.IndexFunc(m.rules, func(r rule) bool { return r.name == applied.Name })
		if i >= 0 && !slices.Contains(without, applied.Name) {
			score = m.rules[i].apply(score)
		}
	}
	return score
}

// BandAt returns the band that a score calls for in a present band, which may be none: another than the present one only
// where the score is past the boundary by the margin.
func (m *Model) BandAt(present v1alpha1.BandName, score int32) v1alpha1.BandName {
	if m.rank(present) < 0 {
		present = ""
	}
	return m.candidate(present, score)
}
