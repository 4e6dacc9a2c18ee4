package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Metrics, the values of measures, columns of a row and the value of a scale are of any type to the compiler: what they are
// is said elsewhere. Here an expression is checked once more, with types for them, to find what no type makes right, and
// what the type that a source declares makes wrong. The program itself is made without.

// typeMark stands between the name of a field and its type, where an expression is checked with types. No name has it.
const typeMark = "\x00"

// Declared are the types of metrics, as their sources declare them.
type Declared = map[v1alpha1.MetricReference]v1alpha1.MetricType

// Misfit is a field of an object that cannot use the types which sources declare, and why.
type Misfit struct {
	Path string
	Err  error
}

func (m Misfit) String() string { return m.Path + ": " + m.Err.Error() }

// untyped are the paths of what an expression reads whose type is said elsewhere, and the types that they may have.
type untyped map[string]v1alpha1.MetricType

// marked returns a name with the type that a path has, where it has one.
func (t untyped) marked(path, name string) string {
	if of := t[path]; of != "" {
		return name + typeMark + string(of)
	}
	return name
}

// unmarked returns a name without its type, and the type: any where there is none.
func unmarked(name string) (string, *types.Type) {
	name, of, _ := strings.Cut(name, typeMark)
	return name, typeOf(v1alpha1.MetricType(of))
}

// typeOf returns the type that expressions see the values of a metric as.
func typeOf(of v1alpha1.MetricType) *types.Type {
	switch of {
	case v1alpha1.MetricNumber:
		return types.DoubleType
	case v1alpha1.MetricTime:
		return types.TimestampType
	case v1alpha1.MetricCategory, v1alpha1.MetricText:
		return types.StringType
	}
	return types.DynType
}

// valueVariables declares the variable of a scale with each type that it may have.
func valueVariables() []cel.EnvOption {
	var options []cel.EnvOption
	for _, of := range possible {
		options = append(options, cel.Variable(varValue+typeMark+string(of), typeOf(of)))
	}
	return options
}

// possible are the types that a value may have, as far as expressions tell them apart.
var possible = []v1alpha1.MetricType{v1alpha1.MetricNumber, v1alpha1.MetricCategory, v1alpha1.MetricTime}

// paths returns the paths whose type is said elsewhere, sorted.
func (c compiled) paths() []string {
	var paths []string
	for _, ref := range c.reads.Metrics {
		paths = append(paths, metricPath(ref))
	}
	for _, name := range c.reads.Measures {
		paths = append(paths, measurePath(name))
	}
	for _, name := range c.reads.Row {
		paths = append(paths, rootRow+"."+name)
	}
	if slices.Contains(c.env.names, varValue) {
		paths = append(paths, varValue)
	}
	return paths
}

func metricPath(ref v1alpha1.MetricReference) string {
	return strings.Join([]string{rootMetrics, ref.Source, ref.Metric}, ".")
}

func measurePath(name string) string { return rootMeasures + "." + name + ".value" }

// fitsSome checks that each value which the expression reads may be of some type. One that is compared with a number here
// and with a text there, or with true, cannot.
func (c compiled) fitsSome() error {
	paths := c.paths()
	all := untyped{}
	for _, path := range paths {
		all[path] = v1alpha1.MetricNumber
	}
	if c.fits(all) == nil {
		return nil // as most
	}
	for _, path := range paths {
		var first error
		for _, of := range possible {
			err := c.fits(untyped{path: of})
			if err == nil {
				first = nil
				break
			}
			if first == nil {
				first = err
			}
		}
		if first != nil {
			return fmt.Errorf("%w: %s is a number, a text or a time, and none of them goes with all of the expression", first, path)
		}
	}
	return nil
}

// misfit says where the expression cannot use the types that sources declare; nil where it can, and of what they do not
// declare.
func (c compiled) misfit(declared Declared) error {
	types := untyped{}
	var names []string
	for _, ref := range c.reads.Metrics {
		if of, ok := declared[ref]; ok {
			types[metricPath(ref)] = of
			names = append(names, fmt.Sprintf("%s is a %s", metricPath(ref), of))
		}
	}
	if len(types) == 0 {
		return nil
	}
	if err := c.fits(types); err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(names, ", "))
	}
	return nil
}

// fits checks the expression with types.
func (c compiled) fits(types untyped) error {
	_, _, err := check(c.env, c.source, types)
	return err
}

// alwaysFaults are what the compiler says of a value that is used as what no value is: with fields, as a list, as a truth.
var alwaysFaults = []string{"does not support field selection", "cannot be range of a comprehension", "expected type 'bool'"}

// definite returns those of the faults of a check with types that stand whatever the values are. A choice of two types, an
// element found by a number, and numbers of two kinds are no fault when the expression is evaluated.
func definite(env *environment, faults []*cel.Error, calls map[int64]ast.CallExpr) []*cel.Error {
	return slices.DeleteFunc(slices.Clone(faults), func(e *cel.Error) bool {
		call, isCall := calls[e.ExprID]
		if !isCall || strings.HasPrefix(e.Message, "expected type 'bool'") {
			return !slices.ContainsFunc(alwaysFaults, func(text string) bool { return strings.Contains(e.Message, text) })
		}
		_, arguments, _ := strings.Cut(e.Message, "applied to '(")
		arguments = strings.NewReplacer("uint", "double", "int", "double", ")'", "").Replace(arguments)
		switch name := call.FunctionName(); name {
		case operators.Equals, operators.NotEquals:
			half := len(arguments)/2 - 1
			return half < 0 || arguments[:half]+", "+arguments[:half] == arguments
		case operators.In:
			of, in, _ := strings.Cut(arguments, ", ")
			return in == "list("+of+")" || strings.HasPrefix(in, "map("+of+", ")
		case operators.Add:
			return strings.Contains(arguments, "list(")
		case operators.Conditional:
			return strings.HasPrefix(arguments, "bool") || strings.HasPrefix(arguments, "dyn")
		default:
			return env.generic(name)
		}
	})
}

// generic reports whether a function takes any type, as long as several of its arguments are of the same.
func (e *environment) generic(name string) bool {
	fn, ok := e.cel.Functions()[name]
	if !ok {
		return true
	}
	for _, o := range fn.OverloadDecls() {
		if len(o.TypeParams()) > 0 {
			return true
		}
	}
	return false
}

// Misfit says where the expression cannot use the types that sources declare.
func (p *Program) Misfit(declared Declared) error {
	return p.compiled.misfit(declared)
}

// Misfit says where the expression cannot use the types that sources declare.
func (p *ValueProgram) Misfit(declared Declared) error {
	return p.compiled.misfit(declared)
}

// Misfit says where the expression cannot use a value of a type.
func (p *NumberProgram) Misfit(of v1alpha1.MetricType) error {
	if err := p.compiled.fits(untyped{varValue: of}); err != nil {
		return fmt.Errorf("%w: %s is a %s", err, varValue, of)
	}
	return nil
}

// Misfit says where the expressions of the text cannot use the types that sources declare.
func (t *Text) Misfit(declared Declared) error {
	var errs []error
	for _, part := range t.parts {
		if part.source == "" {
			continue
		}
		if err := part.compiled.misfit(declared); err != nil {
			errs = append(errs, fmt.Errorf("${%s}: %w", shorten(part.source), err))
		}
	}
	return errors.Join(errs...)
}
