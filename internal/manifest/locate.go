package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// listKeys are the fields by which lists of named items name them, as listMapKey says in the API.
var listKeys = []string{"name", "value", "role", "type", "key"}

// mergeKey takes the fields of another mapping.
const mergeKey = "<<"

// maxDepth bounds how deep a field is looked for: aliases may go round in a circle.
const maxDepth = 1000

// At is where a field stands, by a path as errors write it: spec.measures[2].from.metric, spec.measures[dau-mau].weight, or
// metadata.labels.a.b/c. Where there is no such field it is the nearest one around it.
func (o *Object) At(path string) Position {
	position, _ := o.Find(path)
	return position
}

// Find is At, and whether the field itself is in the file.
func (o *Object) Find(path string) (Position, bool) {
	if o.node == nil {
		return o.Position, false
	}
	position, node, rest := o.Position, o.node, path
	for range maxDepth {
		if rest = strings.TrimPrefix(rest, "."); rest == "" {
			return position, true
		}
		at, value, left := step(node, rest)
		if value == nil {
			return position, false
		}
		position = Position{File: o.Position.File, Line: o.line + at.Line, Column: at.Column}
		node, rest = value, left
	}
	return position, false
}

// step goes from a node to the first field or item of a path: where that stands, its value, and the rest of the path.
func step(node *yaml.Node, path string) (at, value *yaml.Node, rest string) {
	node = resolved(node)
	if strings.HasPrefix(path, "[") {
		key, rest := bracket(path)
		if node.Kind == yaml.SequenceNode {
			item := item(node, key)
			return item, item, rest
		}
		at, value := child(node, key)
		return at, value, rest
	}
	// A key may hold dots, as the one of an annotation: the longest that fits is meant.
	var longest string
	for _, key := range keys(node) {
		left, found := strings.CutPrefix(path, key)
		if found && len(key) > len(longest) && (left == "" || left[0] == '.' || left[0] == '[') {
			longest = key
		}
	}
	if longest == "" {
		return nil, nil, path
	}
	at, value = child(node, longest)
	return at, value, path[len(longest):]
}

// bracket cuts what stands in brackets at the beginning of a path, without quotes.
func bracket(path string) (key, rest string) {
	inside := strings.TrimLeft(path[1:], " ")
	if quoted, err := strconv.QuotedPrefix(inside); err == nil {
		if key, err := strconv.Unquote(quoted); err == nil {
			return key, strings.TrimPrefix(strings.TrimLeft(inside[len(quoted):], " "), "]")
		}
	}
	key, rest, _ = strings.Cut(path[1:], "]")
	return strings.TrimSpace(key), rest
}

// item finds an item of a list by its number or by its name; nil where there is none.
func item(list *yaml.Node, key string) *yaml.Node {
	for _, name := range listKeys {
		for _, candidate := range list.Content {
			if _, value := child(resolved(candidate), name); value != nil && resolved(value).Value == key {
				return candidate
			}
		}
	}
	for _, candidate := range list.Content {
		if scalar := resolved(candidate); scalar.Kind == yaml.ScalarNode && scalar.Value == key && !number(key) {
			return candidate
		}
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(list.Content) {
		return list.Content[i]
	}
	return nil
}

// number reports whether text is a whole number.
func number(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// child finds a field of a mapping: its key and its value; nil where there is none.
func child(node *yaml.Node, name string) (key, value *yaml.Node) {
	return childWithin(node, name, 0)
}

// childWithin is child, so many merges deep.
func childWithin(node *yaml.Node, name string, depth int) (key, value *yaml.Node) {
	if node = resolved(node); node.Kind != yaml.MappingNode || depth > 8 {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i], node.Content[i+1]
		}
	}
	for _, from := range merged(node) {
		if key, value := childWithin(from, name, depth+1); value != nil {
			return key, value
		}
	}
	return nil, nil
}

// merged returns the mappings whose fields a mapping takes.
func merged(node *yaml.Node) []*yaml.Node {
	var from []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != mergeKey {
			continue
		}
		if value := resolved(node.Content[i+1]); value.Kind == yaml.SequenceNode {
			from = append(from, value.Content...)
		} else {
			from = append(from, value)
		}
	}
	return from
}

// keys returns the names of the fields of a mapping.
func keys(node *yaml.Node) []string { return keysWithin(node, 0) }

// keysWithin is keys, so many merges deep.
func keysWithin(node *yaml.Node, depth int) []string {
	if node = resolved(node); node.Kind != yaml.MappingNode || depth > 8 {
		return nil
	}
	var names []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		if name := node.Content[i].Value; name != mergeKey {
			names = append(names, name)
		}
	}
	for _, from := range merged(node) {
		names = append(names, keysWithin(from, depth+1)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// element is an item of a list by its number, and another node where there is none.
func element(list *yaml.Node, i int, otherwise *yaml.Node) *yaml.Node {
	if list != nil {
		if list = resolved(list); list.Kind == yaml.SequenceNode && i < len(list.Content) {
			return resolved(list.Content[i])
		}
	}
	return otherwise
}

// resolved follows an alias to what it names.
func resolved(node *yaml.Node) *yaml.Node {
	for range maxDepth {
		if node.Kind != yaml.AliasNode || node.Alias == nil {
			break
		}
		node = node.Alias
	}
	return node
}
