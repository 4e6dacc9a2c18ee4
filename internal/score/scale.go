package score

import (
	"math"
	"math/bits"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// milli is the number of milli-points in a point, fullScore the best score in milli-points.
const (
	milli     = 1000
	fullScore = 100 * milli
)

// scale turns a value into milli-points, 0 to fullScore. It reports false for a value that it does not know. Of the
// variables of expressions it takes the account and the day.
type scale interface {
	score(v value.Value, vars *expr.Vars) (int64, bool)
}

// linearScale is a straight line from worst to best.
type linearScale struct{ worst, best value.Decimal }

func (s linearScale) score(v value.Value, _ *expr.Vars) (int64, bool) {
	if v.Type != v1alpha1.MetricNumber {
		return 0, false
	}
	done, whole := int64(v.Number-s.worst), int64(s.best-s.worst)
	if whole < 0 {
		done, whole = -done, -whole
	}
	switch {
	case done <= 0:
		return 0, true
	case done >= whole:
		return fullScore, true
	}
	// The product needs more than 64 bits. The quotient does not overflow, for done is less than whole.
	hi, lo := bits.Mul64(uint64(done), fullScore)
	points, rest := bits.Div64(hi, lo, uint64(whole))
	if 2*rest >= uint64(whole) {
		points++
	}
	return int64(points), true
}

// step is one step of a stepScale: its lowest value and its score in milli-points.
type step struct {
	min   value.Decimal
	score int64
}

// stepScale is steps, the highest min first.
type stepScale []step

func (s stepScale) score(v value.Value, _ *expr.Vars) (int64, bool) {
	if v.Type != v1alpha1.MetricNumber {
		return 0, false
	}
	for _, step := range s {
		if v.Number >= step.min {
			return step.score, true
		}
	}
	return 0, true
}

// categoryScale is milli-points by word.
type categoryScale map[string]int64

func (s categoryScale) score(v value.Value, _ *expr.Vars) (int64, bool) {
	points, ok := s[v.String()]
	return points, ok
}

// expressionScale is the result of an expression, cut to 0 and 100.
type expressionScale struct{ program *expr.NumberProgram }

func (s expressionScale) score(v value.Value, vars *expr.Vars) (int64, bool) {
	vars.Value = v
	points, err := s.program.Eval(vars)
	if err != nil {
		return 0, false
	}
	return int64(math.Round(float64(min(max(points, 0), 100) * milli))), true
}

// compileScale checks a scale and returns it ready to use, with the type of the values that it scores; empty for any.
func compileScale(path *field.Path, s *v1alpha1.Scale, errs *field.ErrorList) (scale, v1alpha1.MetricType) {
	members := 0
	for _, set := range []bool{s.Linear != nil, len(s.Steps) > 0, len(s.Categories) > 0, s.Expression != ""} {
		if set {
			members++
		}
	}
	switch {
	case members != 1:
		*errs = append(*errs, field.Invalid(path, "", "exactly one of linear, steps, categories and expression is needed"))
		return nil, v1alpha1.MetricCategory
	case s.Linear != nil:
		return compileLinear(path.Child("linear"), s.Linear, errs), v1alpha1.MetricNumber
	case len(s.Steps) > 0:
		return compileSteps(path.Child("steps"), s.Steps, errs), v1alpha1.MetricNumber
	case len(s.Categories) > 0:
		return compileCategories(path.Child("categories"), s.Categories, errs), v1alpha1.MetricCategory
	default:
		program, err := expr.CompileNumber(expr.ContextScale, s.Expression)
		if err != nil {
			*errs = append(*errs, field.Invalid(path.Child("expression"), string(s.Expression), err.Error()))
		}
		return expressionScale{program}, ""
	}
}

func compileLinear(path *field.Path, s *v1alpha1.LinearScale, errs *field.ErrorList) scale {
	worst, worstOK := parseDecimal(path.Child("worst"), s.Worst, errs)
	best, bestOK := parseDecimal(path.Child("best"), s.Best, errs)
	if worstOK && bestOK && worst == best {
		*errs = append(*errs, field.Invalid(path.Child("best"), string(s.Best), "worst and best must differ"))
	}
	return linearScale{worst: worst, best: best}
}

func compileSteps(path *field.Path, steps []v1alpha1.Step, errs *field.ErrorList) scale {
	compiled := make(stepScale, 0, len(steps))
	seen := map[value.Decimal]bool{}
	for i, s := range steps {
		at := path.Index(i)
		lowest, ok := parseDecimal(at.Child("min"), s.Min, errs)
		if ok && seen[lowest] {
			*errs = append(*errs, field.Duplicate(at.Child("min"), string(s.Min)))
		}
		seen[lowest] = true
		checkRange(at.Child("score"), s.Score, 0, 100, errs)
		compiled = append(compiled, step{min: lowest, score: int64(s.Score) * milli})
	}
	sortSteps(compiled)
	return compiled
}

func compileCategories(path *field.Path, categories []v1alpha1.CategoryScore, errs *field.ErrorList) scale {
	compiled := make(categoryScale, len(categories))
	for _, c := range categories {
		at := path.Key(c.Value)
		// Observed words come without the space around them, so a word in the model must as well.
		word := strings.TrimSpace(c.Value)
		if _, ok := compiled[word]; ok {
			*errs = append(*errs, field.Duplicate(at.Child("value"), c.Value))
		}
		checkRange(at.Child("score"), c.Score, 0, 100, errs)
		compiled[word] = int64(c.Score) * milli
	}
	return compiled
}

// parseDecimal reads a Decimal of the model and reports whether it could.
func parseDecimal(path *field.Path, d v1alpha1.Decimal, errs *field.ErrorList) (value.Decimal, bool) {
	parsed, err := value.ParseDecimal(string(d))
	if err != nil {
		*errs = append(*errs, field.Invalid(path, string(d), err.Error()))
	}
	return parsed, err == nil
}
