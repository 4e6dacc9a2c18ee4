package score

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxChanges is the number of reasons that a status holds for the last move of a score.
const maxChanges = 16

// change is one reason for the move of a score, in milli-points.
type change struct {
	text   string
	points int64
}

// changes says why the score moved since the previous health, which this generation of the model computed: rules, then
// measures, those that moved it most first. The numbers add up to the difference of the scores.
func (e *evaluation) changes(last int32) []string {
	before, after := e.in.Previous, e.health
	all := slices.Concat(ruleChanges(before.RulesApplied, after.RulesApplied), measureChanges(before.Measures, after.Measures))
	rest := change{"rounding", int64(*after.Score-last) * milli}
	for _, c := range all {
		rest.points -= c.points
	}
	if before.Score == nil || *before.Score != last {
		rest.text = "before, while not all was known"
	}
	return formatChanges(nil, all, rest)
}

// modelChanges says that another model, or another generation of it, computes the score. Of another generation it also
// says what the values that changed since are worth in it; the rest is the model.
func (e *evaluation) modelChanges() []string {
	before, after := e.in.Previous, e.health
	text := fmt.Sprintf("model %s -> %s", version(before.Model, before.ModelGeneration), e.model.version())
	switch {
	case len(before.Measures) == 0:
		text = "scored again, by model " + e.model.version()
	case version(before.Model, before.ModelGeneration) == e.model.version():
		text = "model " + e.model.version() + " was made anew"
	}
	if before.Score == nil || after.Score == nil || e.frozen {
		return []string{text}
	}
	model := change{text, int64(*after.Score-*before.Score) * milli}
	var data []change
	if e.last != nil {
		data = measureChanges(e.unchanged(), after.Measures)
	}
	for _, c := range data {
		model.points -= c.points
	}
	return formatChanges([]change{model}, data, change{})
}

// unchanged returns what the measures would be under this model if no value had changed since the previous health.
func (e *evaluation) unchanged() []v1alpha1.MeasureScore {
	m := e.model
	readings := slices.Clone(e.readings)
	for i := range m.measures {
		last := findMeasure(e.last.Measures, m.measures[i].name, i)
		// A value of another origin is another because of the model.
		if last != nil && last.From == m.measures[i].from && describe(last) != describe(&e.health.Measures[i]) {
			readings[i] = e.reread(&m.measures[i], last)
		}
	}
	p := m.parts(readings)
	measures := make([]v1alpha1.MeasureScore, len(m.measures))
	for i := range m.measures {
		e.show(&measures[i], &m.measures[i], &readings[i], p.measures[i])
	}
	return measures
}

// reread is what a measure makes of the value that a status shows.
func (e *evaluation) reread(m *measure, last *v1alpha1.MeasureScore) reading {
	o := value.Observation{Type: m.kind}
	if last.Value != "" {
		if v, ok := parseAs(o.Type, last.Value); ok {
			o.Type, o.Value = v.Type, &v
		}
	}
	points, ok := e.points(m, o.Value)
	switch {
	case last.State == v1alpha1.ValueErrored && last.Score == nil:
		return reading{state: last.State, value: o.Value}
	case ok && (last.State == v1alpha1.ValueFresh || last.State == v1alpha1.ValueErrored):
		return m.counted(last.State, o, points)
	case ok:
		return e.standIn(m, last.State, o)
	default:
		return e.standIn(m, v1alpha1.ValueMissing, o)
	}
}

// ruleChanges are the rules that change the score by another number of points than before, in order.
func ruleChanges(before, after []v1alpha1.AppliedRule) []change {
	var changes []change
	find := func(rules []v1alpha1.AppliedRule, name string) *v1alpha1.AppliedRule {
		i := slices.IndexFunc(rules, func(r v1alpha1.AppliedRule) bool { return r.Name == name })
		if i < 0 {
			return nil
		}
		return &rules[i]
	}
	add := func(verb string, r v1alpha1.AppliedRule, points int32) {
		if points != 0 {
			changes = append(changes, change{fmt.Sprintf("rule %s%s, %s", r.Name, verb, r.Effect), int64(points) * milli})
		}
	}
	for _, r := range after {
		if was := find(before, r.Name); was != nil {
			add("", r, r.Points-was.Points)
		} else {
			add(" began", r, r.Points)
		}
	}
	for _, r := range before {
		if find(after, r.Name) == nil {
			add(" ended", r, -r.Points)
		}
	}
	return changes
}

// measureChanges are the measures whose points are others than before, those that moved most first.
func measureChanges(before, after []v1alpha1.MeasureScore) []change {
	type move struct {
		change
		name string
	}
	moves := make([]move, 0, maxMeasures)
	none := &v1alpha1.MeasureScore{State: v1alpha1.ValueMissing}
	for i := range after {
		now, then := &after[i], findMeasure(before, after[i].Name, i)
		if then == nil {
			then = none
		}
		if now.Points == then.Points {
			continue
		}
		difference := parsePoints(now.Points) - parsePoints(then.Points)
		if difference == 0 {
			continue
		}
		// The same value may be worth more or less than before, because the weight of another measure came or went.
		text := ""
		if from, to := describe(then), describe(now); from == to {
			text = now.Name + " " + to
		} else {
			text = now.Name + " " + from + " -> " + to
		}
		moves = append(moves, move{change{text, difference}, now.Name})
	}
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(max(b.points, -b.points), max(a.points, -a.points)), cmp.Compare(a.name, b.name))
	})
	changes := make([]change, len(moves))
	for i, m := range moves {
		changes[i] = m.change
	}
	return changes
}

// describe names what a measure counts as: its value, or why it has none that counts.
func describe(m *v1alpha1.MeasureScore) string {
	if m.State == v1alpha1.ValueFresh || m.State == v1alpha1.ValueErrored && m.Score != nil {
		return m.Value
	}
	return string(m.State)
}

// formatChanges writes changes as a status shows them: the first ones, as many of the others as there is room for, the sum
// of those that are left out, and the rest where it is not 0.
func formatChanges(first, others []change, rest change) []string {
	room := maxChanges - len(first)
	if rest.points != 0 {
		room--
	}
	if len(others) > room {
		more := change{text: fmt.Sprintf("%d more", len(others)-room+1)}
		for _, c := range others[room-1:] {
			more.points += c.points
		}
		others = append(others[:room-1:room-1], more)
	}
	lines := make([]string, 0, maxChanges)
	for _, changes := range [][]change{first, others} {
		for _, c := range changes {
			lines = append(lines, c.line())
		}
	}
	if rest.points != 0 {
		lines = append(lines, rest.line())
	}
	return lines
}

// line writes a change as a status shows it: "dau-mau 0.31 -> 0.18: -6.1".
func (c change) line() string { return c.text + ": " + formatDifference(c.points) }

func clonePointer(p *int32) *int32 {
	if p == nil {
		return nil
	}
	return ptr.To(*p)
}
