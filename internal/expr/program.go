package expr

import (
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Program is a compiled boolean expression. It is immutable and safe for concurrent use.
type Program struct {
	compiled compiled
}

// CompileBool checks an expression that is true or false. The error is one line and says at which column, counted from
// 1, what is wrong.
func CompileBool(c Context, e v1alpha1.Expression) (*Program, error) {
	compiled, err := compile(c, string(e))
	if err != nil {
		return nil, err
	}
	if !compiled.output.IsExactType(types.BoolType) {
		return nil, compileError{line: 1, column: 1, message: "must be true or false, not " + typeName(compiled.output)}
	}
	return &Program{compiled: compiled}, nil
}

// Reads returns what the expression reads. Callers must not change it.
func (p *Program) Reads() Reads { return p.compiled.reads }

// EvalBool evaluates the expression. It fails where something it needs has no value, where values do not go together,
// and where it takes too long; the error never holds a value.
func (p *Program) EvalBool(v *Vars) (bool, error) {
	out, err := p.compiled.eval(v)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, errNotBool
	}
	return bool(b), nil
}

// compiled is one expression, ready to be evaluated.
type compiled struct {
	source  string
	env     *environment
	program cel.Program
	output  *cel.Type
	reads   Reads
}

func (c compiled) eval(v *Vars) (ref.Val, error) {
	if v == nil {
		v = &Vars{}
	}
	out, _, err := c.program.Eval(activation{v})
	if err != nil {
		return nil, explain(err, c.source)
	}
	if tooLarge(out) {
		return nil, errTooLong
	}
	return out, nil
}

// activation gives an expression its variables.
type activation struct{ vars *Vars }

// ResolveName returns the variable of a name.
func (a activation) ResolveName(name string) (any, bool) {
	switch name {
	case rootMetrics:
		return keys{vars: a.vars, at: atMetrics}, true
	case rootMeasures:
		return keys{vars: a.vars, at: atMeasures}, true
	case rootOutcomes:
		return keys{vars: a.vars, at: atOutcomes}, true
	case rootRow:
		return keys{vars: a.vars, at: atRow}, true
	case varAccount:
		return object{schema: accountSchema, of: a.vars.Account}, true
	case varHealth:
		return object{schema: healthSchema, of: a.vars.Health}, true
	case varScore:
		return types.Double(a.vars.Score), true
	case varValue:
		return fromValue(a.vars.Value), true
	case varToday:
		return types.Timestamp{Time: value.StartOfDay(a.vars.Now, a.vars.location())}, true
	}
	return nil, false
}

// Parent returns nil: there are no variables beyond these.
func (activation) Parent() cel.Activation { return nil }

func (v *Vars) location() *time.Location {
	if v.Location == nil {
		return time.UTC
	}
	return v.Location
}
