package expr

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// The variables that expressions have.
const (
	rootMetrics  = "metrics"
	rootMeasures = "measures"
	rootOutcomes = "outcomes"
	rootRow      = "row"

	varAccount = "account"
	varHealth  = "health"
	varScore   = "score"
	varValue   = "value"
	varToday   = "today"
)

// keyedForms are the variables whose keys must be literals, with the form in which they are written.
var keyedForms = map[string]string{
	rootMetrics:  "metrics.<source>.<metric>, or metrics['<source>'].<metric>",
	rootMeasures: "measures['<measure>'].value or .score",
	rootOutcomes: "outcomes['<step>']",
	rootRow:      "row.<column>, or row['<column>']",
}

// keyDepth is the number of keys that a variable with keys takes.
func keyDepth(root string) int {
	if root == rootMetrics || root == rootMeasures {
		return 2
	}
	return 1
}

// extract says what an expression reads, and checks what a type check cannot. On the way it makes a field selection of
// every literal key, so that metrics['a'].b, metrics.a.b and 'b' in metrics.a find the same fields in the schema.
// Where types are given, the selections are of fields of those types.
func extract(tree *ast.AST, types untyped) (Reads, error) {
	x := &extractor{types: types, tree: tree, factory: ast.NewExprFactory(), lastID: ast.MaxID(tree)}
	x.visit(tree.Expr())
	if x.err != nil {
		return Reads{}, x.err
	}
	return x.reads.sorted(), nil
}

func (r Reads) sorted() Reads {
	r.Metrics = value.DistinctMetrics(r.Metrics)
	for _, names := range []*[]string{&r.Measures, &r.Outcomes, &r.Row} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return r
}

// merge returns what either reads.
func (r Reads) merge(other Reads) Reads {
	return Reads{
		Metrics:  slices.Concat(r.Metrics, other.Metrics),
		Measures: slices.Concat(r.Measures, other.Measures),
		Outcomes: slices.Concat(r.Outcomes, other.Outcomes),
		Row:      slices.Concat(r.Row, other.Row),
		Time:     r.Time || other.Time,
		Health:   r.Health || other.Health,
		Score:    r.Score || other.Score,
		Account:  r.Account || other.Account,
	}.sorted()
}

// extractor walks an expression once. It keeps the first error.
type extractor struct {
	tree    *ast.AST
	factory ast.ExprFactory
	lastID  int64
	types   untyped
	reads   Reads
	err     error
}

// path is the keys that were taken from a variable with keys, so far.
type path struct {
	root string
	keys []string
	// optional is true where one of them was taken with a question mark.
	optional bool
}

// selection is how a key is taken.
type selection int

const (
	plain    selection = iota // a.b, a['b']
	optional                  // a.?b, a[?'b']
	presence                  // has(a.b), 'b' in a
)

// visit walks an expression that stands for itself: a variable with keys must have all of them here.
func (x *extractor) visit(e ast.Expr) {
	if p := x.resolve(e); p != nil {
		x.fail(e, p.root+": write "+keyedForms[p.root])
	}
}

// resolve walks an expression. Where it is a variable with keys that still lacks some, it returns the path so far.
func (x *extractor) resolve(e ast.Expr) *path {
	switch e.Kind() {
	case ast.IdentKind:
		return x.ident(e)
	case ast.SelectKind:
		s := e.AsSelect()
		how := plain
		if s.IsTestOnly() {
			how = presence
		}
		score := x.reads.Score
		p := x.resolve(s.Operand())
		if s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == varHealth && besideScore(s.FieldName()) {
			x.reads.Score = score
		}
		return x.take(e, s.Operand(), p, s.FieldName(), how)
	case ast.CallKind:
		return x.call(e, e.AsCall())
	case ast.ComprehensionKind:
		x.comprehension(e, e.AsComprehension())
	case ast.ListKind:
		x.each(e.AsList().Elements())
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			x.each([]ast.Expr{entry.AsMapEntry().Key(), entry.AsMapEntry().Value()})
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			x.visit(field.AsStructField().Value())
		}
	}
	return nil
}

func (x *extractor) ident(e ast.Expr) *path {
	// A leading dot means the outermost variable of that name; no loop can hide one, so it says nothing.
	name := strings.TrimPrefix(e.AsIdent(), ".")
	if name == varValue {
		e.SetKindCase(x.factory.NewIdent(e.ID(), x.types.marked(varValue, name)))
		return nil
	}
	e.SetKindCase(x.factory.NewIdent(e.ID(), name))
	switch name {
	case rootMetrics, rootMeasures, rootOutcomes, rootRow:
		return &path{root: name}
	case varAccount:
		x.reads.Account = true
	case varHealth:
		x.reads.Health, x.reads.Score = true, true
	case varToday:
		x.reads.Time = true
	}
	return nil
}

// besideScore reports whether a field of an account's health stands while part of the score is not known.
func besideScore(name string) bool {
	return name == "band" || name == "lastBand" || name == "previousBand" || name == "model"
}

// take adds a key to a path, writes the expression as a field selection, and records what is read once the path is whole.
func (x *extractor) take(e, operand ast.Expr, p *path, key string, how selection) *path {
	if p == nil {
		return nil
	}
	p.keys = append(p.keys, key)
	if len(p.keys) < keyDepth(p.root) {
		if how == presence {
			x.fail(e, p.root+": write "+keyedForms[p.root])
			return nil
		}
		// The first of two keys is always there: only the last one can be missing, so the question mark goes to it.
		p.optional = p.optional || how == optional
		e.SetKindCase(x.factory.NewSelect(e.ID(), operand, key))
		return p
	}
	x.record(p)
	if how != presence {
		key = x.types.marked(p.root+"."+strings.Join(p.keys, "."), key)
	}
	switch {
	case how == presence:
		e.SetKindCase(x.factory.NewPresenceTest(e.ID(), operand, key))
	case how == optional || p.optional:
		x.lastID++
		name := x.factory.NewLiteral(x.lastID, types.String(key))
		e.SetKindCase(x.factory.NewCall(e.ID(), operators.OptSelect, operand, name))
	default:
		e.SetKindCase(x.factory.NewSelect(e.ID(), operand, key))
	}
	return nil
}

func (x *extractor) record(p *path) {
	switch p.root {
	case rootMetrics:
		x.reads.Metrics = append(x.reads.Metrics, v1alpha1.MetricReference{Source: p.keys[0], Metric: p.keys[1]})
	case rootMeasures:
		x.reads.Measures = append(x.reads.Measures, p.keys[0])
	case rootOutcomes:
		x.reads.Outcomes = append(x.reads.Outcomes, p.keys[0])
	case rootRow:
		x.reads.Row = append(x.reads.Row, p.keys[0])
	}
}

func (x *extractor) call(e ast.Expr, call ast.CallExpr) *path {
	args := call.Args()
	if len(args) == 2 {
		switch call.FunctionName() {
		case operators.Index:
			return x.key(e, args[0], args[1], plain)
		case operators.OptIndex, operators.OptSelect:
			return x.key(e, args[0], args[1], optional)
		case operators.In:
			return x.key(e, args[1], args[0], presence)
		}
	}
	x.literals(call)
	if call.IsMemberFunction() {
		x.visit(call.Target())
	}
	x.each(args)
	return nil
}

// key handles a[k], a[?k], a.?k and k in a.
func (x *extractor) key(e, container, key ast.Expr, how selection) *path {
	p := x.resolve(container)
	if p == nil {
		x.visit(key)
		return nil
	}
	name, ok := textLiteral(key)
	if !ok {
		x.fail(key, p.root+": a key must be a literal: write "+keyedForms[p.root])
		return nil
	}
	return x.take(e, container, p, name, how)
}

func (x *extractor) comprehension(e ast.Expr, c ast.ComprehensionExpr) {
	for _, name := range []string{c.IterVar(), c.IterVar2(), c.AccuVar()} {
		switch name {
		case rootMetrics, rootMeasures, rootOutcomes, rootRow, varAccount, varHealth, varScore, varToday:
			x.fail(e, name+" is a variable already: use another name inside the loop")
		case varValue:
			defer func(types untyped) { x.types = types }(x.types)
			x.types = nil // the loop's own, in there
		}
	}
	x.each([]ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()})
}

// literals checks durations and dates that are written in the expression, so that a mistake shows before it is used.
func (x *extractor) literals(call ast.CallExpr) {
	args := call.Args()
	if len(args) == 0 {
		return
	}
	last := args[len(args)-1]
	text, ok := textLiteral(last)
	if !ok {
		return
	}
	switch call.FunctionName() {
	case fnPeriod:
		if _, err := value.ParseDuration(v1alpha1.Duration(text)); err != nil || text == "" {
			x.fail(last, errNotAPeriod.Error())
		}
	case fnDaysSince, fnDaysUntil, fnNextAnniversary:
		if _, err := value.ParseDate(v1alpha1.Date(text)); err != nil {
			x.fail(last, errNotADate.Error())
		}
	}
}

func (x *extractor) each(expressions []ast.Expr) {
	for _, e := range expressions {
		x.visit(e)
	}
}

func (x *extractor) fail(e ast.Expr, message string) {
	if x.err == nil {
		at := x.tree.SourceInfo().GetStartLocation(e.ID())
		x.err = compileError{line: at.Line(), column: at.Column() + 1, message: message}
	}
}

func textLiteral(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
