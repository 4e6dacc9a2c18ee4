package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// dimensions explains what a score is made of; recorded are the measures without a weight.
func (l *look) dimensions(h *v1alpha1.Health, m *model) (dimensions []Dimension, recorded []Measure) {
	var worth *score.Worth
	if m != nil && m.compiled != nil {
		worth = m.compiled.Worth(h)
	}
	for i := range h.Dimensions {
		shown := &h.Dimensions[i]
		d := Dimension{Name: shown.Name, Score: shown.Score, Points: shown.Points}
		if worth != nil {
			d.Weight = weightOf(m.spec.Spec.Dimensions, shown.Name)
			if most, ok := worth.Dimensions[shown.Name]; ok {
				d.Of, d.Lost = most.String(), (most - score.ParsePoints(shown.Points)).String()
			}
		}
		for j := range h.Measures {
			if h.Measures[j].Dimension != shown.Name {
				continue
			}
			measure := l.measure(&h.Measures[j], m, worth)
			if worth != nil && measure.Weight == 0 {
				recorded = append(recorded, measure)
			} else {
				d.Measures = append(d.Measures, measure)
			}
		}
		slices.SortStableFunc(d.Measures, compareMeasures)
		dimensions = append(dimensions, d)
	}
	return dimensions, recorded
}

// compareMeasures orders measures: those that lost most first, those that do not count last.
func compareMeasures(a, b Measure) int {
	counts := func(m Measure) int {
		if m.Points == "" {
			return 1
		}
		return 0
	}
	return cmp.Or(counts(a)-counts(b), cmp.Compare(b.lost, a.lost), cmp.Compare(a.Name, b.Name))
}

// weightOf is the weight of a dimension.
func weightOf(dimensions []v1alpha1.Dimension, name string) int32 {
	for _, d := range dimensions {
		if d.Name == name {
			return d.Weight
		}
	}
	return 0
}

// specOf is a measure as the model has it; nil where it has none of the name.
func specOf(m *model, name string) *v1alpha1.Measure {
	if m == nil {
		return nil
	}
	for i := range m.spec.Spec.Measures {
		if m.spec.Spec.Measures[i].Name == name {
			return &m.spec.Spec.Measures[i]
		}
	}
	return nil
}

// measure explains one measure.
func (l *look) measure(shown *v1alpha1.MeasureScore, m *model, worth *score.Worth) Measure {
	e := Measure{
		Name: shown.Name, From: shown.From, Value: shown.Value, State: shown.State, Score: shown.Score, Points: shown.Points,
	}
	if shown.ObservedTime != nil {
		e.ObservedTime, e.Age = pointer(shown.ObservedTime.Time), Span(l.now.Sub(shown.ObservedTime.Time))
	}
	if worth == nil {
		return e
	}
	spec := specOf(m, shown.Name)
	if spec == nil {
		return e
	}
	e.Weight, e.Scale = spec.Weight, scaleText(spec, shown.Value)
	if most, ok := worth.Measures[shown.Name]; ok {
		lost := most - score.ParsePoints(shown.Points)
		e.Of, e.Lost, e.lost = most.String(), lost.String(), int64(lost)
	}
	return e
}

// The longest expression that is shown in a line.
const maxExpression = 60

// scaleText says how a measure makes a score of a value.
func scaleText(spec *v1alpha1.Measure, val string) string {
	s := spec.Scale
	switch {
	case spec.Weight == 0:
		return "recorded, not scored"
	case s == nil && spec.From.Children != "":
		return map[v1alpha1.ChildrenMode]string{
			v1alpha1.ChildrenAverage: "the average score of the accounts below", v1alpha1.ChildrenWorst: "the lowest score of the accounts below",
			v1alpha1.ChildrenARRWeighted: "the average score of the accounts below, by their ARR",
		}[spec.From.Children]
	case s == nil:
		return ""
	case s.Linear != nil:
		return fmt.Sprintf("0 at %s, 100 at %s", s.Linear.Worst, s.Linear.Best)
	case len(s.Steps) > 0:
		return stepsText(s.Steps, val)
	case len(s.Categories) > 0:
		return categoriesText(s.Categories)
	default:
		return abridge(string(s.Expression), maxExpression)
	}
}

// stepsText writes a scale of steps, the lowest first. Of a long one it shows the step that a value reaches, the next one and
// the last, and dots in the place of the others.
func stepsText(steps []v1alpha1.Step, val string) string {
	steps = slices.Clone(steps)
	slices.SortFunc(steps, func(a, b v1alpha1.Step) int { return cmp.Compare(number(a.Min), number(b.Min)) })
	parts := []string{fmt.Sprintf("0 below %s", steps[0].Min)}
	d, err := value.ParseDecimal(val)
	reached := 0
	for i, s := range steps {
		parts = append(parts, fmt.Sprintf("%d from %s on", s.Score, s.Min))
		if err == nil && d >= number(s.Min) {
			reached = i + 1
		}
	}
	if len(parts) <= maxShownSteps {
		return strings.Join(parts, ", ")
	}
	var shown []string
	for i, part := range parts {
		switch {
		case i == reached || i == reached+1 || i == len(parts)-1:
			shown = append(shown, part)
		case len(shown) == 0 || shown[len(shown)-1] != "...":
			shown = append(shown, "...")
		}
	}
	return strings.Join(shown, ", ")
}

// maxShownSteps is how many steps or words of a scale a line shows.
const maxShownSteps = 4

// number reads a number that the model was checked to have.
func number(d v1alpha1.Decimal) value.Decimal {
	n, _ := value.ParseDecimal(string(d))
	return n
}

// categoriesText says what words score, the best first.
func categoriesText(categories []v1alpha1.CategoryScore) string {
	categories = slices.Clone(categories)
	slices.SortStableFunc(categories, func(a, b v1alpha1.CategoryScore) int { return cmp.Compare(b.Score, a.Score) })
	var parts []string
	for _, c := range categories[:min(len(categories), maxShownSteps)] {
		parts = append(parts, fmt.Sprintf("%s %d", c.Value, c.Score))
	}
	if len(categories) > maxShownSteps {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

// notes say of each measure that is not Fresh what that does, and of rules that are held.
func (l *look) notes(h *v1alpha1.Health, m *model) []string {
	var all []string
	for i := range h.Measures {
		shown := &h.Measures[i]
		spec := specOf(m, shown.Name)
		if shown.State == v1alpha1.ValueFresh || shown.State == "" || spec != nil && spec.Weight == 0 {
			continue
		}
		all = append(all, l.absence(shown, spec)+l.couldBe(h, m, shown))
	}
	for _, r := range h.RulesApplied {
		if r.Held {
			all = append(all, fmt.Sprintf("rule %s cannot be evaluated now, and keeps its last effect (%s)", r.Name, r.Effect))
		}
	}
	return all
}

// absence says what it does that a measure has no fresh value.
func (l *look) absence(shown *v1alpha1.MeasureScore, spec *v1alpha1.Measure) string {
	text := shown.Name + " is " + string(shown.State)
	var why []string
	if shown.From != "" && !strings.HasPrefix(shown.From, "expression") {
		why = append(why, shown.From)
	}
	if shown.Message != "" {
		why = append(why, shown.Message)
	}
	if shown.State == v1alpha1.ValueStale && shown.ObservedTime != nil {
		why = append(why, "observed "+in(shown.ObservedTime.Time, l.now))
	}
	if len(why) > 0 {
		text += " (" + strings.Join(why, ": ") + ")"
	}
	switch {
	case shown.State == v1alpha1.ValueErrored && shown.Score != nil:
		return text + ": its source cannot be read now, and its last score stands"
	case shown.State == v1alpha1.ValueErrored:
		return text + ": its source cannot be read, so that its weight is out of the score, and the band stands"
	case shown.Points == "":
		return text + ": it does not count, and its weight goes to the others"
	case spec != nil && spec.WhenMissing == v1alpha1.MissingLastKnown:
		return text + ": its last score stands"
	default:
		return text + fmt.Sprintf(": it counts as %d", valueOr(shown.Score))
	}
}

func valueOr(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// couldBe says what the score would be if a measure that does not count had a value.
func (l *look) couldBe(h *v1alpha1.Health, m *model, shown *v1alpha1.MeasureScore) string {
	if m == nil || m.compiled == nil || shown.Points != "" || h.Score == nil {
		return ""
	}
	least, ok := m.compiled.WhatIf(h, map[string]int32{shown.Name: 0})
	most, _ := m.compiled.WhatIf(h, map[string]int32{shown.Name: 100})
	switch {
	case !ok:
		return ""
	case least == most:
		return fmt.Sprintf("; with a value the score would be %d all the same", least)
	}
	return fmt.Sprintf("; with a value the score would be between %d and %d", least, most)
}
