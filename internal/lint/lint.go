// Package lint says what is wrong with configuration before it reaches a cluster: what the API server would refuse, what the
// operator could not use, what refers to nothing, and what does not do what it seems to. It reads no files and asks nobody.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/internal/manifest"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	// Error is what does not work.
	Error Severity = "error"
	// Warning is what works, but hardly as it is meant.
	Warning Severity = "warning"
	// Note is what cannot be known from the files.
	Note Severity = "note"
)

// Finding is one thing that is wrong.
type Finding struct {
	// Rule that found it, by its ID.
	Rule string `json:"rule"`
	// Severity of it.
	Severity Severity `json:"severity"`
	// Position in the files.
	manifest.Position
	// Object that it is about, Playbook/rescue; empty where a file cannot be read.
	Object string `json:"object,omitempty"`
	// Field of the object, spec.steps[call].when.
	Field string `json:"field,omitempty"`
	// Message says what is wrong, and the way out.
	Message string `json:"message"`
}

// String writes a finding as compilers do.
func (f Finding) String() string {
	about := f.Object
	if f.Field != "" {
		about += " " + f.Field
	}
	if about != "" {
		about += ": "
	}
	return fmt.Sprintf("%s: %s: %s%s [%s]", f.Position, f.Severity, about, f.Message, f.Rule)
}

// Options say how strict to be.
type Options struct {
	// Namespace whose objects are checked, with those that name none; empty checks all.
	Namespace string
	// AllowMissing is for files that are only a part of what is in the cluster: what refers to an object that is not among
	// them is a note.
	AllowMissing bool
	// Skip are rules that are not asked, by their ID.
	Skip []string
}

// Check checks all objects. The findings are in the order of their places.
func Check(ctx context.Context, set *manifest.Set, o Options) []Finding {
	c := &checker{options: o, index: newIndex(set, o.Namespace), reading: map[*manifest.Object][]snippet{}}
	for _, p := range set.Problems {
		c.found = append(c.found, Finding{Rule: RuleRead, Severity: Error, Position: p.Position, Message: clip(p.Message, longestMessage)})
	}
	for _, object := range c.index.objects {
		if ctx.Err() != nil {
			break
		}
		c.object(ctx, object)
	}
	c.models()
	c.playbooks()
	c.accounts()
	return c.sorted()
}

// checker gathers findings.
type checker struct {
	options Options
	index   *index
	found   []Finding
	// reading is what the expressions of an object read, worked out once.
	reading map[*manifest.Object][]snippet
}

// object checks what can be said of one object and what it refers to.
func (c *checker) object(ctx context.Context, o *manifest.Object) {
	if !o.Ours() {
		return
	}
	c.scalars(o)
	compiled := c.compile(o)
	c.schema(ctx, o, compiled)
	c.digits(o)
	c.expressions(o)
	c.references(o)
	c.substitution(o)
}

// add adds a finding about a field of an object.
func (c *checker) add(rule string, severity Severity, o *manifest.Object, field, format string, args ...any) {
	c.found = append(c.found, Finding{
		Rule: rule, Severity: severity, Position: o.At(field), Object: clip(o.String(), longestField), Field: clip(called(o, field), longestField),
		Message: clip(fmt.Sprintf(format, args...), longestMessage),
	})
}

// has reports whether a rule has found something at a field already.
func (c *checker) has(rule string, o *manifest.Object, field string) bool {
	at := o.At(field)
	return slices.ContainsFunc(c.found, func(f Finding) bool { return f.Rule == rule && f.Position == at })
}

// sorted returns the findings of the rules that are asked, each once, in the order of their places.
func (c *checker) sorted() []Finding {
	found := slices.DeleteFunc(c.found, func(f Finding) bool { return slices.Contains(c.options.Skip, f.Rule) })
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(rank(a.Severity), rank(b.Severity)), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Object, b.Object),
			strings.Compare(a.Field, b.Field), strings.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(found)
}

// rank orders severities, the worst first.
func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, Note}, s) }
