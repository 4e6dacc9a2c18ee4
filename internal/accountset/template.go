// Package accountset turns the rows of a DataSource into Accounts: it compiles an AccountSet's template, renders every
// row, and plans which accounts are made, changed and pruned, and which of that waits for approval. It is pure.
package accountset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

// Template is a compiled AccountTemplate. It is safe for concurrent use.
type Template struct {
	key, name *text
	labels    []label
	spec      *node
	slugText  *expr.Text
	columns   []string
	readsTime bool
}

// label is one label of the template.
type label struct {
	key  string
	text *text
}

// node is one place of the template's spec: a constant, a text to fill in, an object or a list.
type node struct {
	path     *field.Path
	shape    *shape
	constant any
	text     *text
	object   []namedNode
	list     []*node
}

// namedNode is a field of an object in the template's spec.
type namedNode struct {
	name string
	*node
}

// text is a text with ${} in it and its place.
type text struct {
	path    *field.Path
	program *expr.Text
	// constant is true where there is no ${} in it.
	constant bool
	// column is set where the text is nothing but one column of the row, which may have no value.
	column string
}

// Compile checks a template and makes it ready to use. The error lists every fault under its full path,
// spec.template.spec.contract.arr for example.
func Compile(t v1alpha1.AccountTemplate) (*Template, error) {
	c := compiler{columns: map[string]bool{}}
	base := field.NewPath("spec", "template")
	out := &Template{
		key:    c.text(t.Key, base.Child("key")),
		name:   c.text(t.Name, base.Child("name")),
		labels: c.labels(t.Labels, base.Child("labels")),
		spec:   c.spec(t.Spec.Raw, base.Child("spec")),
	}
	if len(c.errs) > 0 {
		return nil, c.errs.ToAggregate()
	}
	var err error
	if out.slugText, err = expr.CompileText(expr.ContextRow, "${slug(row.text)}"); err != nil {
		return nil, err
	}
	out.columns = slices.Sorted(maps.Keys(c.columns))
	out.readsTime = c.readsTime
	return out, nil
}

// Columns returns the columns of the row that the template reads, sorted. The caller must not change them.
func (t *Template) Columns() []string { return t.columns }

// compiler gathers what a template reads and what is wrong with it.
type compiler struct {
	errs      field.ErrorList
	columns   map[string]bool
	readsTime bool
}

func (c *compiler) fail(err *field.Error) { c.errs = append(c.errs, err) }

func (c *compiler) text(source string, path *field.Path) *text {
	program, err := expr.CompileText(expr.ContextRow, source)
	if err != nil {
		c.fail(wrong(path, "%v", err))
		return nil
	}
	reads := program.Reads()
	for _, column := range reads.Row {
		c.columns[column] = true
	}
	c.readsTime = c.readsTime || reads.Time
	return &text{
		path: path, program: program,
		constant: !strings.Contains(source, "${"), column: onlyColumn(source, reads.Row),
	}
}

// onlyColumn returns the column where a text is only ${row.column} or ${row['column']}.
func onlyColumn(source string, reads []string) string {
	if len(reads) != 1 {
		return ""
	}
	inner, ok := strings.CutPrefix(source, "${")
	if !ok {
		return ""
	}
	inner, ok = strings.CutSuffix(inner, "}")
	column := reads[0]
	if inner = strings.TrimSpace(inner); !ok || inner != "row."+column && inner != "row['"+column+"']" && inner != `row["`+column+`"]` {
		return ""
	}
	return column
}

func (c *compiler) labels(templates map[string]string, path *field.Path) []label {
	var labels []label
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		at := path.Key(key)
		c.errs = append(c.errs, metav1validation.ValidateLabelName(key, at)...)
		if key == v1alpha1.LabelManagedBy || strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") {
			c.fail(wrong(at, "this label is the operator's"))
			continue
		}
		source := templates[key]
		if !strings.Contains(source, "${") {
			for _, message := range validation.IsValidLabelValue(source) {
				c.fail(wrong(at, "%s", message))
			}
		}
		if compiled := c.text(source, at); compiled != nil {
			labels = append(labels, label{key: key, text: compiled})
		}
	}
	return labels
}

func (c *compiler) spec(raw []byte, path *field.Path) *node {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		c.fail(wrong(path, "must be an object"))
		return nil
	}
	return c.node(content, specShape(), path)
}

// node compiles one place of the spec; nil where there is nothing.
func (c *compiler) node(content any, s *shape, path *field.Path) *node {
	n := &node{path: path, shape: s}
	switch v := content.(type) {
	case nil:
		return nil
	case string:
		if strings.Contains(v, "${") {
			return c.textNode(n, v)
		}
	case map[string]any:
		if s.kind == kindStruct || s.kind == kindMap {
			return c.objectNode(n, v)
		}
	case []any:
		if s.kind == kindSet || s.kind == kindKeyed {
			for i, item := range v {
				n.list = append(n.list, c.node(item, s.elem, path.Index(i)))
			}
			return n
		}
	}
	fitted, err := s.conform(content, path)
	if err != nil {
		c.fail(err)
	}
	n.constant = fitted
	return n
}

func (c *compiler) textNode(n *node, source string) *node {
	if n.text = c.text(source, n.path); n.text == nil {
		return nil
	}
	mixed := !strings.HasPrefix(source, "${") || !strings.HasSuffix(source, "}")
	if mixed && n.shape.kind != kindText && n.shape.kind != kindDate && n.shape.kind != kindTime {
		c.fail(wrong(n.path, "must be only ${expression}: with other text around it, it is always text"))
	}
	return n
}

func (c *compiler) objectNode(n *node, content map[string]any) *node {
	n.object = make([]namedNode, 0, len(content))
	for _, name := range slices.Sorted(maps.Keys(content)) {
		at := n.path.Child(name)
		if strings.Contains(name, "${") {
			c.fail(wrong(at, "a key cannot hold ${}"))
			continue
		}
		elem, err := n.shape.child(name, n.path)
		if err != nil {
			c.fail(err)
			continue
		}
		if compiled := c.node(content[name], elem, at); compiled != nil {
			n.object = append(n.object, namedNode{name: name, node: compiled})
		}
	}
	for _, name := range n.shape.required {
		if _, ok := content[name]; !ok {
			c.fail(field.Required(n.path.Child(name), ""))
		}
	}
	return n
}

// wrong is an error about one place, without the value that is there.
func wrong(path *field.Path, format string, args ...any) *field.Error {
	return field.Invalid(path, field.OmitValueType{}, fmt.Sprintf(format, args...))
}
