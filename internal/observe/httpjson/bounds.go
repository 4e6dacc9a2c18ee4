package httpjson

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/itchyny/gojq"
)

// refusedFunctions are those of jq by which a short expression makes much of nothing, follows a path that it made up, or
// sees something else than its input.
var refusedFunctions = []string{
	"combinations", "debug", "delpaths", "env", "fromstream", "getpath", "halt", "halt_error", "input", "inputs", "path", "paths",
	"range", "recurse", "repeat", "setpath", "stderr", "tostream", "truncate_stream", "until", "walk", "while",
}

// maxGrowth is how many times its input the result of an expression may repeat.
const maxGrowth = 4096

// checkBounds refuses expressions that could occupy the operator for long, or all of its memory: an expression is to pick
// what an API answers, and the operator reads the sources of everybody. What is refused is named.
func checkBounds(query *gojq.Query) error {
	var refused string
	visit(reflect.ValueOf(query), func(node any) {
		if what := refusal(node); what != "" && refused == "" {
			refused = what
		}
	})
	if refused != "" {
		return fmt.Errorf("%s is not read: an expression picks what the answer has", refused)
	}
	if growth(query) > maxGrowth {
		return fmt.Errorf("it may repeat its input more than %d times", maxGrowth)
	}
	return nil
}

// refusal names what a node of an expression has that is not read; empty: nothing.
func refusal(node any) string {
	switch n := node.(type) {
	case *gojq.Query:
		switch {
		case len(n.FuncDefs) > 0:
			return "def"
		case n.Op >= gojq.OpAssign && n.Op <= gojq.OpUpdateAlt:
			return n.Op.String()
		case n.Op == gojq.OpMul && !isNumber(n.Left) && !isNumber(n.Right), n.Op == gojq.OpMul && (!isNumber(n.Left) || !isNumber(n.Right)) && !isLiteral(n.Left) && !isLiteral(n.Right):
			return "* of what may be a text (write tonumber behind both sides)"
		}
	case *gojq.Term:
		switch {
		case n.Reduce != nil:
			return "reduce"
		case n.Foreach != nil:
			return "foreach"
		case n.Label != nil:
			return "label"
		}
	case *gojq.Func:
		if slices.Contains(refusedFunctions, n.Name) {
			return n.Name
		}
	}
	return ""
}

// visit calls a function with every node of an expression.
func visit(v reflect.Value, do func(node any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		do(v.Interface())
		visit(v.Elem(), do)
	case reflect.Struct:
		for i := range v.NumField() {
			visit(v.Field(i), do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), do)
		}
	}
}

// isLiteral reports whether an expression is a small whole number as it stands.
func isLiteral(q *gojq.Query) bool {
	return q != nil && q.Term != nil && q.Term.Type == gojq.TermTypeNumber && len(q.Term.SuffixList) == 0 && len(q.Term.Number) <= 4
}

// isNumber reports whether an expression can only give numbers.
func isNumber(q *gojq.Query) bool {
	switch {
	case q == nil:
		return false
	case q.Op == gojq.OpPipe:
		return isNumber(q.Right)
	case q.Op >= gojq.OpAdd && q.Op <= gojq.OpMod:
		return isNumber(q.Left) && isNumber(q.Right)
	case q.Term == nil || len(q.Term.SuffixList) > 0:
		return false
	case q.Term.Type == gojq.TermTypeQuery:
		return isNumber(q.Term.Query)
	case q.Term.Type == gojq.TermTypeFunc:
		return slices.Contains([]string{"tonumber", "length", "floor", "ceil", "round", "now", "fabs", "abs", "sqrt"}, q.Term.Func.Name)
	}
	return q.Term.Type == gojq.TermTypeNumber
}

// growth is how many times its input the result of an expression may repeat, as far as it repeats it itself: one stage
// after the other multiplies, what stands side by side adds up.
func growth(q *gojq.Query) float64 {
	if q == nil {
		return 1
	}
	if q.Term != nil {
		return growthOfTerm(q.Term)
	}
	left, right := growth(q.Left), growth(q.Right)
	switch q.Op {
	case gojq.OpPipe:
		return left * right
	case gojq.OpComma, gojq.OpAdd:
		return left + right
	}
	return max(left, right)
}

// growthOfTerm is growth for a term: the sum of what it is made of.
func growthOfTerm(t *gojq.Term) float64 {
	var parts float64
	add := func(q *gojq.Query) {
		if q != nil {
			parts += growth(q)
		}
	}
	visitOnce(reflect.ValueOf(t), add)
	return max(parts, 1)
}

// visitOnce calls a function with the outermost queries below a node.
func visitOnce(v reflect.Value, do func(*gojq.Query)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if q, ok := v.Interface().(*gojq.Query); ok {
			do(q)
			return
		}
		visitOnce(v.Elem(), do)
	case reflect.Struct:
		for i := range v.NumField() {
			visitOnce(v.Field(i), do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visitOnce(v.Index(i), do)
		}
	}
}
