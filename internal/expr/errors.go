package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// compileError is a fault in an expression.
type compileError struct {
	line    int // counted from 1
	column  int // counted from 1
	message string
}

// Error says where and what.
func (e compileError) Error() string {
	if e.line < 1 {
		return e.message // about the expression as a whole
	}
	if e.line > 1 {
		return fmt.Sprintf("line %d, column %d: %s", e.line, e.column, e.message)
	}
	return fmt.Sprintf("column %d: %s", e.column, e.message)
}

// evalError is a reason that an expression has no result. It holds names and types, never a value.
type evalError string

// Error returns the reason.
func (e evalError) Error() string { return string(e) }

// Why an evaluation has no result.
const (
	errNotBool      evalError = "the result is not true or false"
	errDivision     evalError = "division by zero"
	errTooLong      evalError = "a text or list of more than 64 KiB"
	errTooExpensive evalError = "the expression takes too long"
	errMissingKey   evalError = "a key that is read has no value"
	errOverload     evalError = "an operator or function does not take a value of this type"
	errNotADate     evalError = "not a date: write 2027-02-01, or give a time"
	errNotAPeriod   evalError = "not a duration: write 36h, 90d or 12w"
	errTooManyDays  evalError = "more than 100000 days"
	errNotFinite    evalError = "not a finite number"
	errNotANumber   evalError = "the result is not a number"
	errTooLarge     evalError = "a number of more than twelve digits before the point"
	errLongResult   evalError = "a text of more than 128 bytes"
	errNoResult     evalError = "there is no result"
	errNotAValue    evalError = "the result is not a number, text or time"
	errNoText       evalError = "a value that cannot be written as text: name one of its fields"
	errConversion   evalError = "a value is not what the expression needs"
)

// noValue is the reason where something that an expression reads is not there.
func noValue(path string) evalError { return evalError(path + " has no value") }

// explain turns an error of the interpreter into one that holds no value: conversions repeat what they could not read.
func explain(err error, source string) error {
	var known evalError
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "cost limit exceeded"):
		return errTooExpensive
	case strings.HasPrefix(text, "no such overload"):
		return errOverload
	case strings.HasPrefix(text, "no such key: "):
		// A key that the expression itself names may be shown; any other may be a value.
		if key := strings.TrimPrefix(text, "no such key: "); strings.Contains(source, key) {
			return noValue("key " + key)
		}
		return errMissingKey
	}
	return errConversion
}

// issuesError makes one line of what the compiler found. The tree is nil where the expression does not parse.
func issuesError(env *environment, faults []*cel.Error, tree *cel.Ast) error {
	lines := make([]string, 0, maxIssues)
	for _, e := range faults {
		at := compileError{line: e.Location.Line(), column: max(e.Location.Column(), 0) + 1, message: readable(env, e, tree)}
		lines = append(lines, at.Error())
		if len(lines) == maxIssues {
			break
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

// readable says what the compiler says, in words that do not need knowledge of CEL's inner names.
func readable(env *environment, e *cel.Error, tree *cel.Ast) string {
	message := strings.Join(strings.Fields(strings.ReplaceAll(e.Message, "(in container '')", "")), " ")
	switch {
	case strings.HasPrefix(message, "Syntax error"):
		message, _, _ = strings.Cut(message, " expecting {")
	case strings.HasPrefix(message, "undeclared reference"):
		message += "; known here: " + strings.Join(env.names, ", ")
	case strings.HasPrefix(message, "undefined field"):
		if path, names, ok := fieldsBeside(tree, e.ExprID); ok {
			message += " of " + path + "; it has " + strings.Join(names, ", ")
		}
	case strings.HasPrefix(message, "found no matching overload"):
		message = strings.ReplaceAll(strings.ReplaceAll(message, "'_", "'"), "_'", "'")
	}
	return message
}

// fieldsBeside returns the fields of the object from which the selection with an id takes one that is not there.
func fieldsBeside(tree *cel.Ast, id int64) (path string, names []string, ok bool) {
	ast.PostOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id && e.Kind() == ast.SelectKind {
			path = selectionPath(e.AsSelect().Operand())
		}
	}))
	if strings.HasPrefix(path, rootMeasures+".") {
		return "a measure", []string{"score", "value"}, true
	}
	s, ok := schemas()["<"+path+">"]
	if !ok {
		return "", nil, false
	}
	return path, slices.Sorted(maps.Keys(s.fields)), true
}

// selectionPath writes a chain of selections from a variable, and nothing for any other expression.
func selectionPath(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if path := selectionPath(e.AsSelect().Operand()); path != "" {
			return path + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// maxIssues is the number of faults that one error names: a syntax error often has many that follow from it.
const maxIssues = 3

// typeName names a type as a person would.
func typeName(t *types.Type) string {
	switch t.Kind() {
	case types.DynKind, types.AnyKind:
		return "a value of any type (compare it with something)"
	case types.StringKind:
		return "a text"
	case types.DoubleKind, types.IntKind, types.UintKind:
		return "a number"
	}
	return t.String()
}
