package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// measureReasons are the measures that bring other points than before, those that bring most first: by their scores where
// these differ.
func measureReasons(before, after *v1alpha1.Health) []string {
	type reason struct {
		text   string
		points value.Decimal
	}
	var reasons []reason
	find := func(measures []v1alpha1.MeasureScore, name string) *v1alpha1.MeasureScore {
		i := slices.IndexFunc(measures, func(m v1alpha1.MeasureScore) bool { return m.Name == name })
		if i < 0 {
			return nil
		}
		return &measures[i]
	}
	add := func(text string, points value.Decimal) {
		if points != 0 {
			reasons = append(reasons, reason{text + ": " + signed(points), points})
		}
	}
	for i := range after.Measures {
		m := &after.Measures[i]
		was := find(before.Measures, m.Name)
		if was == nil {
			add(m.Name+" is new, "+scoreText(m.Score), pointsOf(m))
			continue
		}
		difference := pointsOf(m) - pointsOf(was)
		switch {
		case scoreText(was.Score) != scoreText(m.Score):
			add(fmt.Sprintf("%s %s -> %s", m.Name, scoreText(was.Score), scoreText(m.Score)), difference)
		case difference != 0:
			add(fmt.Sprintf("%s %s weighs %s points instead of %s", m.Name, scoreText(m.Score), tenths(pointsOf(m)), tenths(pointsOf(was))), difference)
		}
	}
	for i := range before.Measures {
		if m := &before.Measures[i]; find(after.Measures, m.Name) == nil && len(after.Measures) > 0 {
			add(m.Name+" does not count any more", -pointsOf(m))
		}
	}
	slices.SortFunc(reasons, func(a, b reason) int {
		return cmp.Or(cmp.Compare(max(b.points, -b.points), max(a.points, -a.points)), cmp.Compare(a.text, b.text))
	})
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = r.text
	}
	return texts
}

// pointsOf returns the points of a measure.
func pointsOf(m *v1alpha1.MeasureScore) value.Decimal {
	points, err := value.ParseDecimal(m.Points)
	if err != nil {
		return 0
	}
	return points
}

// signed writes points with a sign and one digit.
func signed(points value.Decimal) string {
	if points > 0 {
		return "+" + tenths(points)
	}
	return tenths(points)
}

// tenths writes points with one digit, rounded half away from zero.
func tenths(points value.Decimal) string {
	const tenth = value.DecimalScale / 10
	half := value.Decimal(tenth / 2)
	if points < 0 {
		half = -half
	}
	n := int64(points+half) / tenth
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%d", sign, n/10, n%10)
}

// cutBetween returns the text after a beginning, up to an end; false where the text begins otherwise.
func cutBetween(text, begin, end string) (string, bool) {
	rest, ok := strings.CutPrefix(text, begin)
	if !ok {
		return "", false
	}
	between, _, ok := strings.Cut(rest, end)
	return between, ok
}
