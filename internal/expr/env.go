package expr

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apiserver/pkg/cel/library"
)

const (
	// maxExpression is the longest expression, in characters.
	maxExpression = 1024
	// maxDepth is how deep an expression nests.
	maxDepth = 64
	// maxLoops is how deep loops nest in one another.
	maxLoops = 3
	// maxRegex is the size of a compiled regular expression.
	maxRegex = 1000
	// maxCost bounds one evaluation, in CEL's units of cost: a rule costs ten or so, a loop over a team a hundred, a search
	// in the longest text some thousands. It is a few milliseconds at most.
	maxCost = 50_000
	// smallCost is up to which cost an expression is not watched while it runs: it cannot cost more, whatever it reads. So
	// are most without loops and functions of texts.
	smallCost = 500
)

// environment is what the expressions of one context are compiled in.
type environment struct {
	cel *cel.Env
	// names of the variables, for error messages.
	names []string
}

// environments are made once: that takes milliseconds, and they are never changed.
var environments = map[Context]func() (*environment, error){
	ContextRule: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(rootMetrics, rootMeasures, varScore, varAccount, varToday)
	}),
	ContextStep: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(rootMetrics, rootMeasures, varHealth, varAccount, rootOutcomes, varToday)
	}),
	ContextTrigger: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(rootMetrics, rootMeasures, varHealth, varAccount, varToday)
	}),
	ContextRow: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(rootRow, varToday)
	}),
	ContextMeasure: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(rootMetrics, varAccount, varToday)
	}),
	ContextScale: sync.OnceValues(func() (*environment, error) {
		return newEnvironment(varValue, varAccount, varToday)
	}),
}

func environmentOf(c Context) (*environment, error) {
	build, ok := environments[c]
	if !ok {
		return nil, fmt.Errorf("no such context: %d", c)
	}
	return build()
}

// variableTypes are the types of all variables.
func variableTypes() map[string]*cel.Type {
	return map[string]*cel.Type{
		rootMetrics:  objectType(rootMetrics),
		rootMeasures: objectType(rootMeasures),
		rootOutcomes: objectType(rootOutcomes),
		rootRow:      objectType(rootRow),
		varAccount:   accountSchema.typ,
		varHealth:    healthSchema.typ,
		varScore:     cel.DoubleType,
		varValue:     cel.DynType,
		varToday:     cel.TimestampType,
	}
}

func newEnvironment(names ...string) (*environment, error) {
	base, err := cel.NewCustomEnv(baseOptions()...)
	if err != nil {
		return nil, err
	}
	types := variableTypes()
	options := []cel.EnvOption{cel.CustomTypeProvider(provider{Provider: base.CELTypeProvider(), schemas: schemas()})}
	for _, name := range names {
		options = append(options, cel.Variable(name, types[name]))
		if name == varValue {
			options = append(options, valueVariables()...)
		}
		if name == varAccount {
			options = append(options, teamFunction()...)
		}
	}
	env, err := base.Extend(append(options, functions()...)...)
	if err != nil {
		return nil, err
	}
	return &environment{cel: env, names: names}, nil
}

// baseOptions are the language: CEL with the libraries that Kubernetes users know, and bounds on what one may write.
func baseOptions() []cel.EnvOption {
	return append(arithmetic(),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(false), // a time has the zone that it came with: today is a day in the configured one
		cel.EagerlyValidateDeclarations(true),
		cel.OptionalTypes(),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxDepth),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateRegexLiterals(),
			cel.ValidateRegexProgramSizeLimit(maxRegex),
			cel.ValidateComprehensionNestingLimit(maxLoops),
		),
		stringFunctions(),
		boundedReplace(),
		ext.Math(),
		ext.Sets(),
		library.Lists(),
		library.Regex(),
	)
}

// programOptions bound an evaluation. To count its cost takes time, so that is left out where the text shows that it is
// small.
func (e *environment) programOptions(checked *cel.Ast) []cel.ProgramOption {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	estimator := &library.CostEstimator{}
	if cost, err := e.cel.EstimateCost(checked, estimator); err == nil && cost.Max <= smallCost {
		return options
	}
	return append(options, cel.CostTracking(estimator), cel.CostLimit(maxCost))
}
