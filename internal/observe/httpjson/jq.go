package httpjson

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/perennial-dev/perennial/internal/observe"
)

// expression is a compiled jq expression of the spec. It sees its input and nothing else: no environment, no modules, no
// further inputs.
type expression struct {
	// path of the field that holds it, for errors.
	path string
	code *gojq.Code
}

// compile reads a jq expression. Its error is an *observe.Error of reason InvalidSpec.
func compile(path, source string) (*expression, error) {
	return compileWithin(path, source, checkBounds)
}

// compileWithin reads a jq expression that passes a check.
func compileWithin(path, source string, check func(*gojq.Query) error) (*expression, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, observe.InvalidSpec("%s: not jq: %v%s", path, err, position(source, err))
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, observe.InvalidSpec("%s: not jq: %v", path, err)
	}
	if err := check(query); err != nil {
		return nil, observe.InvalidSpec("%s: %v", path, err)
	}
	return &expression{path: path, code: code}, nil
}

// position says where in an expression the token stands at which it cannot be read on.
func position(source string, err error) string {
	parse, ok := errors.AsType[*gojq.ParseError](err)
	if !ok || parse.Token == "" {
		return ""
	}
	before := min(max(parse.Offset-len(parse.Token), 0), len(source))
	return fmt.Sprintf(" at character %d", utf8.RuneCountInString(source[:before])+1)
}

// run evaluates the expression on an input, in so many steps. The values come as they are asked for; an error is the last
// of them.
func (e *expression) run(ctx context.Context, steps int, input any) gojq.Iter {
	return e.code.RunWithContext(withSteps(ctx, steps), input)
}

// first returns the first value of the expression on an input: nil where it has none. More are not asked for.
func (e *expression) first(ctx context.Context, steps int, input any) (any, error) {
	v, ok := e.run(ctx, steps, input).Next()
	if !ok {
		return nil, nil
	}
	if err, failed := v.(error); failed {
		return nil, err
	}
	return v, nil
}

// Steps that one evaluation may take: generous for what picks values from a page, and reached in a second or two by an
// expression that never ends, before what it gathers fills the memory.
const (
	baseSteps    = 5_000_000
	stepsPerByte = 20
)

// stepsFor returns the steps that an expression may take on a page.
func stepsFor(p *page) int { return baseSteps + stepsPerByte*p.size }

// errSteps is the error of an expression that takes too many steps.
var errSteps = errors.New("too many steps")

// countdown is the context of one evaluation, which ends with the read's own or when its steps are used up: jq looks at
// Done before each step.
type countdown struct {
	context.Context
	left int
	used chan struct{}
}

// withSteps returns the context of one evaluation.
func withSteps(ctx context.Context, steps int) context.Context {
	used := make(chan struct{})
	close(used)
	return &countdown{Context: ctx, left: steps, used: used}
}

// Done implements context.Context.
func (c *countdown) Done() <-chan struct{} {
	c.left--
	if c.left < 0 {
		return c.used
	}
	return c.Context.Done()
}

// Err implements context.Context.
func (c *countdown) Err() error {
	if c.left < 0 {
		return errSteps
	}
	return c.Context.Err()
}

// failed makes the error of an evaluation. jq's own text may hold values of the API's answer, so that only its kind is
// passed on.
func (r *reader) failed(ctx context.Context, e *expression, where string, err error) error {
	switch {
	case errors.Is(err, errSteps):
		return observe.ReadFailed("%s: takes too many steps on %s; look for a loop in it that never ends", e.path, where)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return observe.ReadFailed("%s: not evaluated on %s within %s (spec.timeout); raise it, or ask for less", e.path, where, observe.Timeout(r.ds))
	case ctx.Err() != nil:
		return observe.ReadFailed("%s: the read was stopped; it is made again", e.path)
	}
	kind := kindOf(err)
	if e == r.records && strings.HasPrefix(kind, "cannot iterate over") {
		return observe.ReadFailed("%s: gives no list on %s (jq: %s); compare the expression with what the URL answers", e.path, where, kind)
	}
	if kind != "" {
		kind = " (jq: " + kind + ")"
	}
	return observe.ReadFailed("%s: cannot be evaluated on %s%s; compare the expression with what the URL answers", e.path, where, kind)
}

// The beginnings of jq's errors that say what is wrong before they show the value: the names of types and functions.
var (
	ofType      = regexp.MustCompile(`^(cannot iterate over|cannot [a-z]+|expected an (?:object|array|object key) but got): (null|boolean|number|string|array|object)\b`)
	notFor      = regexp.MustCompile(`^@?([a-z0-9_]+)(?:\(.*?\))? cannot be applied to(?:: (null|boolean|number|string|array|object)\b)?`)
	divided     = regexp.MustCompile(`^cannot (divide|modulo) number .* by: number`)
	knownErrors = regexp.MustCompile(`^(format not defined: @[A-Za-z0-9_]+|array index (?:too large|should not be negative)|repeat string result too large|expected a string for object key|expected a number for indexing an? (?:array|string)|length mismatch)`)
)

// kindOf says what is wrong in an error of jq without the values that it holds; empty where that cannot be told.
func kindOf(err error) string {
	text := err.Error()
	if m := ofType.FindStringSubmatch(text); m != nil {
		return m[1] + " " + m[2]
	}
	if divided.MatchString(text) {
		return "division by zero"
	}
	if m := notFor.FindStringSubmatch(text); m != nil {
		if m[2] == "" {
			m[2] = "the value"
		}
		return m[1] + " cannot be applied to " + m[2]
	}
	return knownErrors.FindString(text)
}
