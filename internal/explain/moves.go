package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// heldBand says that a person holds the band, until when, and what it would be by the score.
func heldBand(h *v1alpha1.Health) string {
	o := h.Override
	return fmt.Sprintf("held at %s by %s's override until %s; computed: %s", h.Band, o.By, o.Until, o.ComputedBand)
}

// boundary returns the score nearest to a health's own at which it calls for one of some bands, below it or above; false
// where none does.
func boundary(h *v1alpha1.Health, m *score.Model, bands []v1alpha1.BandName, step int32) (int32, bool) {
	present := h.Band
	if present == v1alpha1.BandUnknown {
		present = h.LastBand
	}
	for s := *h.Score; s >= 0 && s <= 100; s += step {
		if slices.Contains(bands, m.BandAt(present, s)) {
			return s, true
		}
	}
	return 0, false
}

// moves say at which scores the band changes, and what would take it to the next better one.
func moves(h *v1alpha1.Health, m *model) []Move {
	if h.Score == nil || !m.compiled.Computed(h) {
		return nil
	}
	bands := m.compiled.Bands()
	at := slices.Index(bands, h.Band)
	if at < 0 {
		return nil
	}
	hold := ""
	if change := m.spec.Spec.BandChange; change != nil && change.Hold != "" {
		hold = " for " + string(change.Hold)
	}
	var all []Move
	if at+1 < len(bands) {
		if s, ok := boundary(h, m.compiled, bands[at+1:], -1); ok && s < *h.Score {
			text := fmt.Sprintf("%s at %d or less%s: %s to lose", bands[at+1], s, hold, counted(*h.Score-s, "point"))
			all = append(all, Move{Band: bands[at+1], Score: &s, Text: text})
		}
	}
	if at == 0 {
		return all
	}
	if s, ok := boundary(h, m.compiled, bands[:at], 1); ok && s > *h.Score {
		text := fmt.Sprintf("%s at %d or more%s: %s to win", bands[at-1], s, hold, counted(s-*h.Score, "point"))
		all = append(all, Move{Band: bands[at-1], Score: &s, Text: text, By: lifts(h, m, s)})
	}
	return all
}

// maxLifts is how many single ways up are told.
const maxLifts = 3

// lifts say what alone would take the score to a bound, or the fewest things that would together.
func lifts(h *v1alpha1.Health, m *model, bound int32) []string {
	var all []string
	for _, r := range h.RulesApplied {
		if after, ok := m.compiled.WhatIf(h, nil, r.Name); ok && after >= bound {
			all = append(all, fmt.Sprintf("if rule %s (%s) no longer held: %d", r.Name, r.Effect, after))
		}
	}
	names := byLoss(h, m)
	for _, name := range names {
		if after, ok := m.compiled.WhatIf(h, map[string]int32{name: bestScore(specOf(m, name))}); ok && after >= bound && len(all) < maxLifts {
			all = append(all, fmt.Sprintf("if %s were at its best%s: %d", name, bestOf(specOf(m, name)), after))
		}
	}
	if len(all) > 0 {
		return all
	}
	best := map[string]int32{}
	for n, name := range names {
		best[name] = bestScore(specOf(m, name))
		if after, ok := m.compiled.WhatIf(h, best); ok && after >= bound {
			return []string{fmt.Sprintf("no single measure is enough; %s at their best: %d", andList(names[:n+1]), after)}
		}
	}
	if len(h.RulesApplied) > 0 {
		return []string{"no measure is enough while the rules hold that hold now"}
	}
	return nil
}

// byLoss are the measures that count and that lost points, those that lost most first.
func byLoss(h *v1alpha1.Health, m *model) []string {
	worth := m.compiled.Worth(h)
	lost := map[string]score.Points{}
	var names []string
	for i := range h.Measures {
		name := h.Measures[i].Name
		if most, ok := worth.Measures[name]; ok {
			if lost[name] = most - score.ParsePoints(h.Measures[i].Points); lost[name] > 0 {
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if lost[a] != lost[b] {
			return int(lost[b] - lost[a])
		}
		return strings.Compare(a, b)
	})
	return names
}

// bestScore is the highest score that a measure can have.
func bestScore(spec *v1alpha1.Measure) int32 {
	best := int32(0)
	if spec == nil || spec.Scale == nil {
		return 100
	}
	for _, s := range spec.Scale.Steps {
		best = max(best, s.Score)
	}
	for _, c := range spec.Scale.Categories {
		best = max(best, c.Score)
	}
	if len(spec.Scale.Steps)+len(spec.Scale.Categories) == 0 {
		return 100
	}
	return best
}

// bestOf says which value of a measure is its best.
func bestOf(spec *v1alpha1.Measure) string {
	if spec == nil || spec.Scale == nil {
		return ""
	}
	switch s := spec.Scale; {
	case s.Linear != nil:
		return " (" + string(s.Linear.Best) + ")"
	case len(s.Steps) > 0:
		best := slices.MaxFunc(s.Steps, func(a, b v1alpha1.Step) int { return int(a.Score - b.Score) })
		return " (" + string(best.Min) + ")"
	case len(s.Categories) > 0:
		best := slices.MaxFunc(s.Categories, func(a, b v1alpha1.CategoryScore) int { return int(a.Score - b.Score) })
		return " (" + best.Value + ")"
	}
	return ""
}
