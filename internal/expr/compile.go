package expr

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// compile checks an expression and makes it ready.
func compile(in Context, source string) (compiled, error) {
	env, err := environmentOf(in)
	if err != nil {
		return compiled{}, err
	}
	checked, reads, err := check(env, source, nil)
	if err != nil {
		return compiled{}, err
	}
	c := compiled{source: source, env: env, output: checked.OutputType(), reads: reads}
	if err := c.fitsSome(); err != nil {
		return compiled{}, err
	}
	c.program, err = env.cel.Program(checked, append(env.programOptions(checked), cel.CustomDecorator(bound))...)
	if err != nil {
		return compiled{}, compileError{line: 1, column: 1, message: err.Error()}
	}
	return c, nil
}

// check parses and type-checks an expression. Numbers are doubles, and CEL has no implicit conversion: seats == 200 is
// refused, because 200 is an int. So wherever an operator or function does not accept its arguments, the integer literals
// among them become doubles, and the whole is checked again; only where that does not help was it an error. Where types are
// given for what has none by itself, only what is wrong whatever the values are is.
func check(env *environment, source string, types untyped) (*cel.Ast, Reads, error) {
	widened := map[int64]bool{}
	for {
		// Ids of nodes depend on the source alone, so those in widened are the same in each round.
		parsed, issues := env.cel.Parse(source)
		if issues.Err() != nil {
			return nil, Reads{}, issuesError(env, issues.Errors(), nil)
		}
		root := parsed.NativeRep().Expr()
		calls := widenLiterals(root, widened)
		reads, err := extract(parsed.NativeRep(), types)
		if err != nil {
			return nil, Reads{}, err
		}
		checked, issues := env.cel.Check(parsed)
		if issues.Err() == nil {
			return checked, reads, nil
		}
		before := len(widened)
		for _, e := range issues.Errors() {
			if call, ok := calls[e.ExprID]; ok {
				collectIntegers(call, widened)
			}
		}
		if len(widened) > before {
			continue
		}
		faults := issues.Errors()
		if types != nil {
			if faults = definite(env, faults, calls); len(faults) == 0 {
				return nil, reads, nil
			}
		}
		return nil, Reads{}, issuesError(env, faults, parsed)
	}
}

// widenLiterals makes doubles of the integer literals with the given ids. It returns the calls of the expression by id.
func widenLiterals(root ast.Expr, ids map[int64]bool) map[int64]ast.CallExpr {
	calls := map[int64]ast.CallExpr{}
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			calls[e.ID()] = e.AsCall()
		case ast.LiteralKind:
			if n, ok := e.AsLiteral().(types.Int); ok && ids[e.ID()] {
				e.SetKindCase(factory.NewLiteral(e.ID(), types.Double(n)))
			}
		}
	}))
	return calls
}

// collectIntegers adds the ids of the integer literals among a call's arguments, also those in a list or in a choice.
func collectIntegers(call ast.CallExpr, ids map[int64]bool) {
	for _, arg := range call.Args() {
		switch arg.Kind() {
		case ast.LiteralKind:
			if _, ok := arg.AsLiteral().(types.Int); ok {
				ids[arg.ID()] = true
			}
		case ast.ListKind:
			for _, element := range arg.AsList().Elements() {
				if element.Kind() != ast.LiteralKind {
					continue
				}
				if _, ok := element.AsLiteral().(types.Int); ok {
					ids[element.ID()] = true
				}
			}
		case ast.CallKind:
			if arg.AsCall().FunctionName() == operators.Conditional {
				collectIntegers(arg.AsCall(), ids)
			}
		}
	}
}
