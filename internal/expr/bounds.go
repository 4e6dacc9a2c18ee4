package expr

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	celfunctions "github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// valueSize is what every value counts for beside its text, in bytes.
const valueSize = 16

// tooLarge reports whether a value is larger than maxText in all. A list that holds another many times has it once in
// memory, but whoever writes or compares it goes through each.
func tooLarge(v ref.Val) bool {
	left := maxText
	return !fits(v, &left)
}

// fits takes the size of a value from what is left, and stops where nothing is.
func fits(v ref.Val, left *int) bool {
	*left -= valueSize
	switch v := v.(type) {
	case types.String:
		*left -= len(v)
	case types.Bytes:
		*left -= len(v)
	case *types.Optional:
		return *left >= 0 && (!v.HasValue() || fits(v.GetValue(), left))
	case traits.Lister:
		for it := v.Iterator(); *left >= 0 && it.HasNext() == types.True; {
			fits(it.Next(), left)
		}
	case traits.Mapper:
		for it := v.Iterator(); *left >= 0 && it.HasNext() == types.True; {
			key := it.Next()
			fits(key, left)
			fits(v.Get(key), left)
		}
	}
	return *left >= 0
}

// bound is a decorator of what makes values: they stay in bounds, and maps come in order.
func bound(i interpreter.Interpretable) (interpreter.Interpretable, error) {
	switch i := i.(type) {
	case interpreter.InterpretableConstructor:
		return literal{i}, nil
	case interpreter.InterpretableCall:
		return call{i}, nil
	}
	return i, nil
}

// literal makes a list or map.
type literal struct {
	interpreter.InterpretableConstructor
}

// Exec makes it.
func (l literal) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return boundLiteral(l.InterpretableConstructor.Exec(frame))
}

// Eval makes it.
func (l literal) Eval(vars interpreter.Activation) ref.Val {
	return boundLiteral(l.InterpretableConstructor.Eval(vars))
}

func boundLiteral(v ref.Val) ref.Val {
	if tooLarge(v) {
		return types.WrapErr(errTooLong)
	}
	if m, ok := v.(traits.Mapper); ok {
		return orderedMap{m}
	}
	return v
}

// call calls an operator or function.
type call struct{ interpreter.InterpretableCall }

// Exec calls it.
func (c call) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return boundResult(c.InterpretableCall.Exec(frame))
}

// Eval calls it.
func (c call) Eval(vars interpreter.Activation) ref.Val {
	return boundResult(c.InterpretableCall.Eval(vars))
}

// boundResult looks at the outermost list alone: a loop adds to one element by element.
func boundResult(v ref.Val) ref.Val {
	size := 0
	switch v := v.(type) {
	case types.String:
		size = len(v)
	case traits.Lister:
		if n, ok := v.Size().(types.Int); ok {
			size = int(n) * valueSize
		}
	}
	if size > maxText {
		return types.WrapErr(errTooLong)
	}
	return v
}

// orderedMap is a map whose keys come in order. CEL leaves the order to chance, and the same expression is to give the
// same every time.
type orderedMap struct{ traits.Mapper }

// Iterator returns the keys in order.
func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

// compareKeys orders keys by their kind, and then by their value.
func compareKeys(a, b ref.Val) int {
	if n := cmp.Compare(kindOfKey(a), kindOfKey(b)); n != 0 {
		return n
	}
	if comparer, ok := a.(traits.Comparer); ok {
		if n, ok := comparer.Compare(b).(types.Int); ok && n != 0 {
			return int(n)
		}
	}
	return strings.Compare(a.Type().TypeName(), b.Type().TypeName())
}

func kindOfKey(v ref.Val) int {
	switch v.(type) {
	case types.Bool:
		return 0
	case types.String:
		return 2
	}
	return 1 // all numbers compare with one another
}

// boundedTexts declares the functions of CEL's string library that make one text of a list again, with a bound on the list.
func boundedTexts(library *cel.Env) ([]cel.EnvOption, error) {
	var options []cel.EnvOption
	for _, name := range []string{"format", "join"} {
		fn := library.Functions()[name]
		bindings, err := fn.Bindings()
		if err != nil {
			return nil, err
		}
		for _, o := range fn.OverloadDecls() {
			i := slices.IndexFunc(bindings, func(b *celfunctions.Overload) bool { return b.Operator == o.ID() })
			options = append(options, cel.Function(name, cel.MemberOverload(o.ID(), o.ArgTypes(), o.ResultType(), cel.FunctionBinding(boundText(bindings[i])))))
		}
	}
	return options, nil
}

func boundText(of *celfunctions.Overload) func(...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		left := maxText
		for _, arg := range args {
			if !fits(arg, &left) {
				return types.WrapErr(errTooLong)
			}
		}
		switch {
		case of.Unary != nil:
			return of.Unary(args[0])
		case of.Binary != nil:
			if list, ok := args[0].(traits.Lister); ok { // join: the separator stands between each two
				if n, ok := list.Size().(types.Int); ok && int(n)*len(args[1].(types.String)) > maxText {
					return types.WrapErr(errTooLong)
				}
			}
			return of.Binary(args[0], args[1])
		}
		return of.Function(args...)
	}
}
