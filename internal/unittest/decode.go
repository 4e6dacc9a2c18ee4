package unittest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxProblems is how many mistakes of a file are told.
const maxProblems = 20

// decoder reads YAML strictly: what nobody knows is a mistake, and each mistake has its place.
type decoder struct {
	name     string
	problems []error
	// nodes that were read. An alias stands for all that it names, so that a short file may be endless.
	nodes int
}

// maxNodes is how many nodes a file may have, each as often as an alias names it.
const maxNodes = 200_000

// tooMany counts a node, and reports whether there were too many.
func (d *decoder) tooMany(n *yaml.Node) bool {
	if d.nodes++; d.nodes == maxNodes {
		d.fail(n, "the file is too large, or an alias stands for itself")
	}
	return d.nodes >= maxNodes
}

// custom is a type that reads itself.
type custom interface {
	decode(d *decoder, n *yaml.Node, path string)
}

// fail notes a mistake.
func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d:%d: %s", d.name, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// failAt notes a mistake of a line.
func (d *decoder) failAt(line int, format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("%s:%d: %s", d.name, line, fmt.Sprintf(format, args...)))
}

// err is all mistakes together.
func (d *decoder) err() error {
	if more := len(d.problems) - maxProblems; more > 0 {
		return errors.Join(append(d.problems[:maxProblems:maxProblems], fmt.Errorf("%s: and %d more", d.name, more))...)
	}
	return errors.Join(d.problems...)
}

// into reads a node into a value that can be set.
func (d *decoder) into(n *yaml.Node, v reflect.Value, path string) {
	if d.tooMany(n) {
		return
	}
	n = resolved(n)
	if c, ok := v.Addr().Interface().(custom); ok {
		c.decode(d, n, path)
		return
	}
	if isNull(n) {
		d.null(n, v, path)
		return
	}
	if _, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		d.intoJSON(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.into(n, v.Elem(), path)
	case reflect.Struct:
		d.intoStruct(n, v, path)
	case reflect.Slice:
		d.intoSlice(n, v, path)
	case reflect.Map:
		d.intoMap(n, v, path)
	default:
		d.intoScalar(n, v, path)
	}
}

// null reads a key without a value: where a list is expected there is to be none, and an expectation that expects nothing is
// a mistake. Of an account it takes away what is there.
func (d *decoder) null(n *yaml.Node, v reflect.Value, path string) {
	switch v.Interface().(type) {
	case *[]wantRun, *[]wantTask, *[]string:
		v.Set(reflect.New(v.Type().Elem()))
	case *expects, *wantHealth:
		d.fail(n, "%s is empty: say what to expect, or leave it out", path)
	}
}

// intoJSON reads a scalar into a type that reads JSON: a time.
func (d *decoder) intoJSON(n *yaml.Node, v reflect.Value, path string) {
	quoted, err := json.Marshal(n.Value)
	if err == nil {
		err = json.Unmarshal(quoted, v.Addr().Interface())
	}
	if err != nil || n.Kind != yaml.ScalarNode {
		d.fail(n, "%s: %q is not a time: write \"2026-11-02T09:00:00Z\"", path, n.Value)
	}
}

// intoStruct reads a mapping into the fields that have its keys' names.
func (d *decoder) intoStruct(n *yaml.Node, v reflect.Value, path string) {
	if line := v.FieldByName("Line"); line.IsValid() {
		line.SetInt(int64(n.Line))
	}
	fields := fieldsOf(v.Type())
	d.each(n, path, func(key, val *yaml.Node) {
		index, ok := fields[key.Value]
		if !ok {
			d.fail(key, "%s has no %q; it has %s", orFile(path), key.Value, strings.Join(namesOf(v.Type()), ", "))
			return
		}
		d.into(val, v.Field(index), join(path, key.Value))
	})
}

// intoSlice reads a sequence.
func (d *decoder) intoSlice(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "%s is a list: begin each of its lines with a dash", orFile(path))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.into(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

// intoMap reads a mapping whose keys are names.
func (d *decoder) intoMap(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.each(n, path, func(key, val *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.into(val, item, join(path, key.Value))
		v.SetMapIndex(reflect.ValueOf(key.Value), item)
	})
}

// intoScalar reads text, a whole number or a truth. A number is no text, as the API server has it.
func (d *decoder) intoScalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "%s is one value, no list and nothing with fields", orFile(path))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if tag := n.ShortTag(); tag == "!!int" || tag == "!!float" || tag == "!!bool" {
			d.fail(n, "%s is text: write %q, with the quotes", path, n.Value)
			return
		}
		v.SetString(n.Value)
	case reflect.Int32, reflect.Int64, reflect.Int:
		whole, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil || n.ShortTag() != "!!int" {
			d.fail(n, "%s is a whole number, without quotes", path)
			return
		}
		v.SetInt(whole)
	case reflect.Bool:
		if n.ShortTag() != "!!bool" {
			d.fail(n, "%s is true or false", path)
			return
		}
		v.SetBool(n.Value == "true")
	default:
		d.fail(n, "%s cannot be read", path)
	}
}

// each calls a function for every key of a mapping, those that it merges in with << included.
func (d *decoder) each(n *yaml.Node, path string, do func(key, val *yaml.Node)) {
	if d.tooMany(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s has fields: write name: value", orFile(path))
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
		case key.Kind != yaml.ScalarNode:
			d.fail(key, "%s: a key is one word", orFile(path))
		case seen[key.Value]:
			d.fail(key, "%s has %q twice", orFile(path), key.Value)
		default:
			seen[key.Value] = true
			do(key, val)
		}
	}
	for _, merged := range mergedIn(n) {
		d.each(merged, path, func(key, val *yaml.Node) {
			if !seen[key.Value] {
				seen[key.Value] = true
				do(key, val)
			}
		})
	}
}

// mergedIn are the mappings that one merges in, the first of which wins.
func mergedIn(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() != "!!merge" {
			continue
		}
		val := resolved(n.Content[i+1])
		of := []*yaml.Node{val}
		if val.Kind == yaml.SequenceNode {
			of = val.Content
		}
		for _, m := range of {
			all = append(all, resolved(m))
		}
	}
	return all
}

// plain is a node as JSON has it. What cannot be read was told before.
func (d *decoder) plain(n *yaml.Node) any {
	if d.tooMany(n) {
		return nil
	}
	n = resolved(n)
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		d.each(n, "", func(key, val *yaml.Node) { object[key.Value] = d.plain(val) })
		return object
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.plain(item)
		}
		return list
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int":
		if whole, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return whole
		}
	}
	return n.Value
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// isNull reports whether nothing is said.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// fieldsOf are the fields of a type, by the name that YAML has for them.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

// namesOf are the names of the fields, in their order.
func namesOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// join makes the path of a field.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// orFile names what a path is of; the path of the whole is empty.
func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func (t *text) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "%s is one value, no list and nothing with fields", path)
		return
	}
	*t = text{line: n.Line, said: true, null: isNull(n), text: n.Value}
	if t.null {
		t.text = ""
	}
}

func (a *accountEntry) decode(d *decoder, n *yaml.Node, path string) {
	if isNull(n) {
		return
	}
	a.line, a.said = n.Line, true
	var form accountForm
	before := len(d.problems)
	d.intoStruct(n, reflect.ValueOf(&form).Elem(), path)
	if len(d.problems) > before {
		return
	}
	a.name, a.facts = form.Name, form.Facts
	written, _ := d.plain(n).(map[string]any)
	metadata := map[string]any{}
	a.patch = map[string]any{"metadata": metadata}
	for _, key := range []string{"labels", "annotations"} {
		if labels, ok := written[key]; ok {
			metadata[key] = labels
		}
	}
	if spec, ok := written["spec"]; ok {
		a.patch["spec"] = spec
	}
}

// The states of a source.
const (
	unavailable = "Unavailable"
	available   = "Available"
)

func (s *sourceFacts) decode(d *decoder, n *yaml.Node, path string) {
	s.line = n.Line
	if n.Kind == yaml.ScalarNode {
		s.state.decode(d, n, path)
		if !slices.Contains([]string{unavailable, available}, s.state.text) {
			d.fail(n, "%s is %q: write metric: value, or %s, or %s", path, n.Value, unavailable, available)
		}
		return
	}
	d.into(n, reflect.ValueOf(&s.values).Elem(), path)
}

func (f *fact) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		f.value.decode(d, n, path)
		return
	}
	var long struct {
		Value    text `json:"value"`
		Observed text `json:"observed"`
	}
	d.intoStruct(n, reflect.ValueOf(&long).Elem(), path)
	f.value, f.observed = long.Value, long.Observed
	if !f.value.said {
		d.fail(n, "%s needs a value", path)
	}
}
