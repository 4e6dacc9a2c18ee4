package expr

import (
	"math"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/stdlib"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"

	"github.com/perennial-dev/perennial/internal/value"
)

// maxText is the longest text, in bytes, that an expression makes on its way.
const maxText = 64 << 10

// maxPrecision is the most digits after the point that '%.3f'.format() writes.
const maxPrecision = 20

// arithmetic returns the standard library with its operators replaced: they take a double and an int together, do not
// divide by zero (infinity would compare as a very good or a very bad value), move a midnight by calendar days, and
// make no text beyond maxText.
func arithmetic() []cel.EnvOption {
	replaced := map[string]func(l, r ref.Val) ref.Val{
		operators.Add: add, operators.Subtract: subtract, operators.Multiply: multiply, operators.Divide: divide,
		operators.Modulo: modulo,
	}
	subset := env.NewLibrarySubset()
	var options []cel.EnvOption
	for _, fn := range stdlib.Functions() {
		if operation, ok := replaced[fn.Name()]; ok {
			subset.AddExcludedFunctions(env.NewFunction(fn.Name()))
			options = append(options, mixedFunction(fn, operation))
		}
	}
	return append(options, cel.StdLib(cel.StdLibSubset(subset)))
}

// mixedFunction declares an operator with its standard overloads and with those for a double and an int.
func mixedFunction(fn *decls.FunctionDecl, operation func(l, r ref.Val) ref.Val) cel.EnvOption {
	options := []cel.FunctionOpt{cel.SingletonBinaryBinding(operation)}
	for _, o := range fn.OverloadDecls() {
		options = append(options, cel.Overload(o.ID(), o.ArgTypes(), o.ResultType()))
	}
	if fn.Name() == operators.Modulo {
		options = append(options, cel.Overload("modulo_double", []*types.Type{types.DoubleType, types.DoubleType}, types.DoubleType))
	}
	name := strings.Trim(fn.Name(), "_")
	options = append(options,
		cel.Overload("double_"+name+"_int", []*types.Type{types.DoubleType, types.IntType}, types.DoubleType),
		cel.Overload("int_"+name+"_double", []*types.Type{types.IntType, types.DoubleType}, types.DoubleType))
	return cel.Function(fn.Name(), options...)
}

// sameNumber makes doubles of a double and an int.
func sameNumber(l, r ref.Val) (ref.Val, ref.Val) {
	switch a := l.(type) {
	case types.Int:
		if _, ok := r.(types.Double); ok {
			return types.Double(a), r
		}
	case types.Double:
		if b, ok := r.(types.Int); ok {
			return l, types.Double(b)
		}
	}
	return l, r
}

func add(l, r ref.Val) ref.Val {
	l, r = sameNumber(l, r)
	switch a := l.(type) {
	case types.String:
		if b, ok := r.(types.String); ok && len(a)+len(b) > maxText {
			return types.WrapErr(errTooLong)
		}
	case types.Timestamp:
		if d, ok := r.(types.Duration); ok {
			return moveTime(a, d, a.Add(d), 1)
		}
	case types.Duration:
		if t, ok := r.(types.Timestamp); ok {
			return moveTime(t, a, t.Add(a), 1)
		}
	}
	if a, ok := l.(traits.Adder); ok {
		return a.Add(r)
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func subtract(l, r ref.Val) ref.Val {
	l, r = sameNumber(l, r)
	if t, ok := l.(types.Timestamp); ok {
		if d, ok := r.(types.Duration); ok {
			return moveTime(t, d, t.Subtract(d), -1)
		}
	}
	if a, ok := l.(traits.Subtractor); ok {
		return a.Subtract(r)
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func multiply(l, r ref.Val) ref.Val {
	l, r = sameNumber(l, r)
	if a, ok := l.(traits.Multiplier); ok {
		return a.Multiply(r)
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func divide(l, r ref.Val) ref.Val {
	l, r = sameNumber(l, r)
	if isZero(r) {
		return types.WrapErr(errDivision)
	}
	if a, ok := l.(traits.Divider); ok {
		return a.Divide(r)
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func modulo(l, r ref.Val) ref.Val {
	l, r = sameNumber(l, r)
	if isZero(r) {
		return types.WrapErr(errDivision)
	}
	if a, ok := l.(types.Double); ok {
		if b, ok := r.(types.Double); ok {
			return types.Double(math.Mod(float64(a), float64(b)))
		}
	}
	if a, ok := l.(traits.Modder); ok {
		return a.Modulo(r)
	}
	return types.MaybeNoSuchOverloadErr(l)
}

func isZero(v ref.Val) bool { return v == types.Double(0) || v == types.Int(0) || v == types.Uint(0) }

// moveTime returns a time moved by a duration: a midnight moves by whole days of the calendar, so that it stays one when
// the clocks change in between. The exact result says whether the time is in range.
func moveTime(t types.Timestamp, d types.Duration, exact ref.Val, sign int) ref.Val {
	if types.IsError(exact) || d.Duration%value.Day != 0 || !value.StartOfDay(t.Time, t.Location()).Equal(t.Time) {
		return exact
	}
	day := time.Date(t.Year(), t.Month(), t.Day()+sign*int(d.Duration/value.Day), 0, 0, 0, 0, time.UTC)
	return types.Timestamp{Time: value.DayIn(day, t.Location())}
}

// boundedReplace declares replace as CEL's string library does, with a bound on the result: a short expression could
// otherwise make a text that fills the memory.
func boundedReplace() cel.EnvOption {
	s := cel.StringType
	return cel.Function("replace",
		cel.MemberOverload("string_replace_string_string", []*cel.Type{s, s, s}, s, cel.FunctionBinding(replace)),
		cel.MemberOverload("string_replace_string_string_int", []*cel.Type{s, s, s, cel.IntType}, s, cel.FunctionBinding(replace)))
}

func replace(args ...ref.Val) ref.Val {
	s, okS := args[0].(types.String)
	from, okFrom := args[1].(types.String)
	to, okTo := args[2].(types.String)
	if !okS || !okFrom || !okTo {
		return types.MaybeNoSuchOverloadErr(args[0])
	}
	n := -1
	if len(args) == 4 {
		limit, ok := args[3].(types.Int)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[3])
		}
		n = int(min(max(limit, -1), maxText))
	}
	times := strings.Count(string(s), string(from))
	if n >= 0 {
		times = min(times, n)
	}
	if len(s)+times*(len(to)-len(from)) > maxText {
		return types.WrapErr(errTooLong)
	}
	return types.String(strings.Replace(string(s), string(from), string(to), n))
}

// stringFunctions declares CEL's string library, all but replace and bounded in precision and size.
func stringFunctions() cel.EnvOption {
	return func(e *cel.Env) (*cel.Env, error) {
		library, err := cel.NewCustomEnv(ext.Strings(ext.StringsVersion(3), ext.StringsMaxPrecision(maxPrecision)))
		if err != nil {
			return nil, err
		}
		var functions []*decls.FunctionDecl
		for name, fn := range library.Functions() {
			if name != "replace" && name != "format" && name != "join" {
				functions = append(functions, fn)
			}
		}
		options, err := boundedTexts(library)
		if err != nil {
			return nil, err
		}
		for _, option := range append(options, cel.FunctionDecls(functions...)) {
			if e, err = option(e); err != nil {
				return nil, err
			}
		}
		return e, nil
	}
}
