package manifest

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Scalar is a single value as it is written.
type Scalar struct {
	// Path of the field, as At takes it.
	Path string
	// Text between the quotes, if there are any.
	Text string
	// Plain means that there are no quotes: YAML itself says whether it is a number, a word or a date.
	Plain bool
	// Key means that this is the name of a field, and Path the field's.
	Key bool
	// Date means that YAML takes it for a moment or a day.
	Date bool
	// Value is what it is read as: text, a number, true or false; nil for the name of a field.
	Value any
	// Misread means that the name of a field is read as another one: on as true.
	Misread  bool
	Position Position
}

// maxScalars bounds what is said of one object.
const maxScalars = 100_000

// Scalars returns all single values of the object, in the order of the file.
func (o *Object) Scalars() []Scalar {
	if o.node == nil {
		return nil
	}
	w := scalarWalk{object: o}
	w.node(o.node, o.Raw, "", 0)
	return w.found
}

// scalarWalk collects scalars.
type scalarWalk struct {
	object *Object
	found  []Scalar
}

// node collects the scalars of a node, which was read as a value.
func (w *scalarWalk) node(n *yaml.Node, read any, path string, depth int) {
	if n = resolved(n); depth > maxDepth || len(w.found) > maxScalars {
		return
	}
	switch n.Kind {
	case yaml.ScalarNode:
		w.add(n, Scalar{Path: path, Value: read})
	case yaml.SequenceNode:
		items, _ := read.([]any)
		for i, item := range n.Content {
			var value any
			if i < len(items) {
				value = items[i]
			}
			w.node(item, value, path+"["+strconv.Itoa(i)+"]", depth+1)
		}
	case yaml.MappingNode:
		w.mapping(n, read, path, depth)
	}
}

// mapping collects the scalars of a mapping.
func (w *scalarWalk) mapping(n *yaml.Node, read any, path string, depth int) {
	fields, _ := read.(map[string]any)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if name == mergeKey {
			continue
		}
		below := name
		if path != "" {
			below = path + "." + name
		}
		value, found := fields[name]
		w.add(n.Content[i], Scalar{Path: below, Key: true, Misread: !found && fields != nil})
		w.node(n.Content[i+1], value, below, depth+1)
	}
	for _, from := range merged(n) {
		w.node(from, read, path, depth+1)
	}
}

// add adds one scalar.
func (w *scalarWalk) add(n *yaml.Node, s Scalar) {
	s.Text = n.Value
	s.Plain = n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	s.Date = n.ShortTag() == "!!timestamp"
	s.Position = Position{File: w.object.Position.File, Line: w.object.line + n.Line, Column: n.Column}
	w.found = append(w.found, s)
}
