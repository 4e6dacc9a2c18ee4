package score

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// maxChanges is the number of reasons that a status holds for the last move of a score.
const maxChanges = 16

// changes says why the score moved since the previous health, which this generation of the model computed: rules that
// began or ended, in order, then measures, those that moved it most first.
func (e *evaluation) changes() []string {
	before, after := e.in.Previous, e.health
	lines := ruleChanges(before.RulesApplied, after.RulesApplied)
	lines = append(lines, measureChanges(before.Measures, after.Measures)...)
	return lines[:min(len(lines), maxChanges)]
}

func ruleChanges(before, after []v1alpha1.AppliedRule) []string {
	var lines []string
	missingIn := func(rules []v1alpha1.AppliedRule, name string) bool {
		return !slices.ContainsFunc(rules, func(r v1alpha1.AppliedRule) bool { return r.Name == name })
	}
	for _, r := range after {
		if missingIn(before, r.Name) {
			lines = append(lines, fmt.Sprintf("rule %s began: %s", r.Name, r.Effect))
		}
	}
	for _, r := range before {
		if missingIn(after, r.Name) {
			lines = append(lines, fmt.Sprintf("rule %s ended: %s", r.Name, r.Effect))
		}
	}
	return lines
}

func measureChanges(before, after []v1alpha1.MeasureScore) []string {
	type move struct {
		name, line string
		size       int64
	}
	var moves []move
	for i := range after {
		now := &after[i]
		then := findMeasure(before, now.Name, i)
		if then == nil {
			then = &v1alpha1.MeasureScore{State: v1alpha1.ValueMissing}
		}
		difference := parsePoints(now.Points) - parsePoints(then.Points)
		if difference == 0 {
			continue
		}
		from, to := describe(then), describe(now)
		// The same value may be worth more or less than before, because the weight of another measure came or went.
		line := fmt.Sprintf("%s %s: %s", now.Name, to, formatDifference(difference))
		if from != to {
			line = fmt.Sprintf("%s %s -> %s: %s", now.Name, from, to, formatDifference(difference))
		}
		moves = append(moves, move{name: now.Name, line: line, size: max(difference, -difference)})
	}
	slices.SortFunc(moves, func(a, b move) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.name, b.name)) })
	lines := make([]string, len(moves))
	for i, m := range moves {
		lines[i] = m.line
	}
	return lines
}

// describe names what a measure counts as: its value, or why it has none that counts.
func describe(m *v1alpha1.MeasureScore) string {
	if m.State == v1alpha1.ValueFresh || m.State == v1alpha1.ValueErrored && m.Score != nil {
		return m.Value
	}
	return string(m.State)
}
