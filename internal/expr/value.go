package expr

import (
	"math"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// ValueProgram is a compiled expression whose result is a value. It is immutable and safe for concurrent use.
type ValueProgram struct {
	compiled compiled
}

// CompileValue checks an expression that gives a value: a number, a text, a time or true or false, which becomes the
// text "true" or "false". The error is one line and says at which column, counted from 1, what is wrong.
func CompileValue(c Context, e v1alpha1.Expression) (*ValueProgram, error) {
	compiled, err := compile(c, string(e))
	if err != nil {
		return nil, err
	}
	switch output := compiled.output; {
	case output.TypeName() == "optional_type":
	case kindOf(output) == "" && output.Kind() != types.DynKind && output.Kind() != types.AnyKind:
		return nil, compileError{line: 1, column: 1, message: "must be a number, a text or a time, not " + typeName(output)}
	}
	return &ValueProgram{compiled: compiled}, nil
}

// kindOf returns the type of the values that a type of CEL gives; empty where it can be any, or none.
func kindOf(t *types.Type) v1alpha1.MetricType {
	switch t.Kind() {
	case types.DoubleKind, types.IntKind, types.UintKind:
		return v1alpha1.MetricNumber
	case types.StringKind, types.BoolKind:
		return v1alpha1.MetricCategory
	case types.TimestampKind:
		return v1alpha1.MetricTime
	}
	return ""
}

// Reads returns what the expression reads. Callers must not change it.
func (p *ValueProgram) Reads() Reads { return p.compiled.reads }

// Type returns the type of the value where the expression alone tells, else nothing.
func (p *ValueProgram) Type() v1alpha1.MetricType { return kindOf(p.compiled.output) }

// Eval evaluates the expression. It fails where something it needs has no value, where values do not go together, where
// the result is no value, and where it takes too long; the error never holds a value. Numbers are rounded to six digits
// after the point, half away from zero; times are cut to seconds.
func (p *ValueProgram) Eval(v *Vars) (value.Value, error) {
	out, err := p.compiled.eval(v)
	if err != nil {
		return value.Value{}, err
	}
	return toValue(out)
}

func toValue(v ref.Val) (value.Value, error) {
	switch v := v.(type) {
	case types.Double, types.Int, types.Uint:
		n, err := toFloat(v)
		if err != nil {
			return value.Value{}, err
		}
		d, ok := value.DecimalFromFloat(n)
		if !ok {
			return value.Value{}, errTooLarge
		}
		return value.Number(d), nil
	case types.String:
		if len(v) > value.MaxCategoryLength {
			return value.Value{}, errLongResult
		}
		parsed, err := value.Parse(v1alpha1.MetricCategory, string(v))
		if err == nil && parsed.Text == "" {
			return value.Value{}, errNoResult
		}
		return parsed, err
	case types.Bool:
		if v {
			return value.Category("true"), nil
		}
		return value.Category("false"), nil
	case types.Timestamp:
		return value.Value{Type: v1alpha1.MetricTime, Time: timeOf(v.Time)}, nil
	case types.Null:
		return value.Value{}, errNoResult
	case *types.Optional:
		if !v.HasValue() {
			return value.Value{}, errNoResult
		}
		return toValue(v.GetValue())
	}
	return value.Value{}, errNotAValue
}

// timeOf returns a time as values hold it. A midnight in the time zone is a day, and becomes that day as sources write it.
func timeOf(t time.Time) time.Time {
	if value.StartOfDay(t, t.Location()).Equal(t) {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return t.UTC().Truncate(time.Second)
}

// toFloat returns a finite number.
func toFloat(v ref.Val) (float64, error) {
	var n float64
	switch v := v.(type) {
	case types.Double:
		n = float64(v)
	case types.Int:
		n = float64(v)
	case types.Uint:
		n = float64(v)
	default:
		return 0, errNotANumber
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, errNotFinite
	}
	return n, nil
}

// NumberProgram is a compiled expression whose result is a number. It is immutable and safe for concurrent use.
type NumberProgram struct {
	compiled compiled
}

// CompileNumber checks an expression that gives a number. The error is one line and says at which column, counted from 1,
// what is wrong.
func CompileNumber(c Context, e v1alpha1.Expression) (*NumberProgram, error) {
	compiled, err := compile(c, string(e))
	if err != nil {
		return nil, err
	}
	switch compiled.output.Kind() {
	case types.DoubleKind, types.IntKind, types.UintKind, types.DynKind, types.AnyKind:
		return &NumberProgram{compiled: compiled}, nil
	}
	return nil, compileError{line: 1, column: 1, message: "must be a number, not " + typeName(compiled.output)}
}

// Reads returns what the expression reads. Callers must not change it.
func (p *NumberProgram) Reads() Reads { return p.compiled.reads }

// Eval evaluates the expression to a finite number. It fails as EvalBool does, and where the result is no number.
func (p *NumberProgram) Eval(v *Vars) (float64, error) {
	out, err := p.compiled.eval(v)
	if err != nil {
		return 0, err
	}
	return toFloat(out)
}
