package expr

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Comparison is a path that an expression compares with words: health.band == 'AtRisk', outcomes.call in ['A', 'B'].
type Comparison struct {
	// Path is the names from the variable on: outcomes, call.
	Path []string
	// Words that it is compared with.
	Words []string
}

// Form is what can be said of an expression from its form alone.
type Form struct {
	// Comparisons with words.
	Comparisons []Comparison
	// Divisions of one whole number by another that leave something over: 1/2 is 0.
	Divisions []string
	// Asked are the paths of which it asks whether they are there: has(outcomes.call).
	Asked [][]string
	// Constant is true or false where the expression always is.
	Constant *bool
}

// parser reads expressions without knowing their variables.
var parser = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.OptionalTypes(), cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(maxDepth))
})

// FormOf looks at an expression. What cannot be read has no form: to compile it says why.
func FormOf(expression string) Form {
	env, err := parser()
	if err != nil {
		return Form{}
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return Form{}
	}
	root := parsed.NativeRep().Expr()
	form := Form{Constant: constant(root)}
	ast.PreOrderVisit(root, ast.NewExprVisitor(form.visit))
	return form
}

// FormsIn looks at the expressions of a text with ${} in it.
func FormsIn(text string) []Form {
	parts, err := scan(text)
	if err != nil {
		return nil
	}
	var forms []Form
	for _, p := range parts {
		if p.expression {
			forms = append(forms, FormOf(p.text))
		}
	}
	return forms
}

// Form is what can be said of the expression from its form.
func (p *Program) Form() Form { return FormOf(p.compiled.source) }

// Forms are what can be said of the expressions of the text from their form.
func (t *Text) Forms() []Form {
	var forms []Form
	for _, p := range t.parts {
		if p.source != "" {
			forms = append(forms, FormOf(p.source))
		}
	}
	return forms
}

// visit notes what is to be said of one expression.
func (f *Form) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			if path := append(names(e.AsSelect().Operand()), e.AsSelect().FieldName()); len(path) > 1 {
				f.Asked = append(f.Asked, path)
			}
		}
	case ast.CallKind:
		f.call(e.AsCall())
	}
}

// call notes what is to be said of a call.
func (f *Form) call(call ast.CallExpr) {
	args := call.Args()
	if len(args) != 2 {
		return
	}
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		f.compare(args[0], args[1])
		f.compare(args[1], args[0])
	case operators.In:
		f.compare(args[0], args[1])
		if word, isText := literalOf[types.String](args[0]); isText {
			if path := names(args[1]); len(path) > 0 {
				f.Asked = append(f.Asked, append(path, string(word)))
			}
		}
	case operators.OptSelect, operators.OptIndex:
		if word, isText := literalOf[types.String](args[1]); isText {
			f.Asked = append(f.Asked, append(names(args[0]), string(word)))
		}
	case operators.Divide:
		a, isWhole := literalOf[types.Int](args[0])
		b, isAlso := literalOf[types.Int](args[1])
		if isWhole && isAlso && b != 0 && a%b != 0 {
			f.Divisions = append(f.Divisions, string(a.ConvertToType(types.StringType).(types.String))+"/"+string(b.ConvertToType(types.StringType).(types.String)))
		}
	}
}

// compare notes a path that is compared with words.
func (f *Form) compare(path, with ast.Expr) {
	c := Comparison{Path: names(path)}
	if len(c.Path) < 2 {
		return
	}
	candidates := []ast.Expr{with}
	if with.Kind() == ast.ListKind {
		candidates = with.AsList().Elements()
	}
	for _, candidate := range candidates {
		if word, isText := literalOf[types.String](candidate); isText {
			c.Words = append(c.Words, string(word))
		}
	}
	if len(c.Words) > 0 {
		f.Comparisons = append(f.Comparisons, c)
	}
}

// names returns the names of a path with literal keys, a.b or a['b']; nil for anything else.
func names(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if path := names(e.AsSelect().Operand()); path != nil && !e.AsSelect().IsTestOnly() {
			return append(path, e.AsSelect().FieldName())
		}
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || len(call.Args()) != 2 {
			return nil
		}
		key, isText := literalOf[types.String](call.Args()[1])
		if path := names(call.Args()[0]); path != nil && isText {
			return append(path, string(key))
		}
	}
	return nil
}

// literalOf returns the value of a literal of a type.
func literalOf[T any](e ast.Expr) (T, bool) {
	var zero T
	if e.Kind() != ast.LiteralKind {
		return zero, false
	}
	v, is := any(e.AsLiteral()).(T)
	return v, is
}

// constant returns whether an expression is always true, or always false; nil where neither is plain.
func constant(e ast.Expr) *bool {
	if b, isBool := literalOf[types.Bool](e); isBool {
		known := bool(b)
		return &known
	}
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	var decides bool
	switch call.FunctionName() {
	case operators.LogicalNot:
		if of := constant(call.Args()[0]); of != nil {
			known := !*of
			return &known
		}
		return nil
	case operators.LogicalAnd:
		decides = false
	case operators.LogicalOr:
		decides = true
	default:
		return nil
	}
	all := true
	for _, arg := range call.Args() {
		known := constant(arg)
		if known != nil && *known == decides {
			return known
		}
		all = all && known != nil
	}
	if all {
		known := !decides
		return &known
	}
	return nil
}
