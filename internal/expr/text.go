package expr

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/common/types"
)

// NoValue is what Text.Render writes for an expression that has no result.
const NoValue = "<no value>"

// Text is a compiled text with ${expressions} in it. It is immutable and safe for concurrent use.
type Text struct {
	parts []textPart
	reads Reads
}

// textPart is either a literal or, where it has a source, an expression.
type textPart struct {
	literal  string
	source   string
	compiled compiled
}

// CompileText checks a text. Each ${expression} in it is CEL; $${ stands for a literal ${. The error is one line and
// names the expression.
func CompileText(c Context, text string) (*Text, error) {
	parts, err := scan(text)
	if err != nil {
		return nil, err
	}
	t := &Text{}
	for _, p := range parts {
		if !p.expression {
			t.parts = append(t.parts, textPart{literal: p.text})
			continue
		}
		compiled, err := compile(c, p.text)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", shorten(p.text), err)
		}
		if !writable(compiled.output, len(parts) == 1) {
			return nil, fmt.Errorf("${%s}: %w", shorten(p.text), errNoText)
		}
		t.parts = append(t.parts, textPart{source: p.text, compiled: compiled})
		t.reads = t.reads.merge(compiled.reads)
	}
	return t, nil
}

// writable reports whether a type can be written in a text, or be the value of a leaf.
func writable(t *types.Type, leaf bool) bool {
	switch t.Kind() {
	case types.StructKind, types.BytesKind, types.TypeKind:
		return false
	case types.MapKind:
		return leaf
	case types.ListKind:
		return writable(t.Parameters()[0], leaf)
	}
	return true
}

// Reads returns what the expressions in the text read. Callers must not change it.
func (t *Text) Reads() Reads { return t.reads }

// Render fills the text in. An expression without a result becomes NoValue, and there is one error for each; the errors
// name the expression and hold no value.
func (t *Text) Render(v *Vars) (string, []error) {
	var b strings.Builder
	var errs []error
	for _, p := range t.parts {
		text, err := p.render(v)
		if err != nil {
			errs = append(errs, err)
			text = NoValue
		}
		b.WriteString(text)
	}
	return b.String(), errs
}

func (p textPart) render(v *Vars) (string, error) {
	if p.source == "" {
		return p.literal, nil
	}
	out, err := p.compiled.eval(v)
	if err != nil {
		return "", p.failed(err)
	}
	text, err := renderText(out)
	if err != nil {
		return "", p.failed(err)
	}
	return text, nil
}

func (p textPart) failed(err error) error { return fmt.Errorf("${%s}: %w", shorten(p.source), err) }

// Value evaluates a leaf of a template. A text that is one ${expression} and nothing else has the expression's own type:
// nil, bool, string, int64 for whole numbers, float64, []any or map[string]any; times and durations are text. Any other
// text is a string. It fails where one of the expressions has no result.
func (t *Text) Value(v *Vars) (any, error) {
	if len(t.parts) == 1 && t.parts[0].source != "" {
		p := t.parts[0]
		out, err := p.compiled.eval(v)
		if err != nil {
			return nil, p.failed(err)
		}
		leaf, err := toJSON(out)
		if err != nil {
			return nil, p.failed(err)
		}
		return leaf, nil
	}
	text, errs := t.Render(v)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return text, nil
}
