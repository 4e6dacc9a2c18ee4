package configmap

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// parseYAML reads a list of objects. Scalars keep the text that was written (an id 007 stays 007, a number keeps its
// digits, a date its form); null and ~ are no value.
func parseYAML(data []byte, rows *format.Objects) (*observe.Table, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, observe.ReadFailed("line 1: a YAML list of objects is expected")
	case err != nil:
		return nil, yamlError(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, observe.ReadFailed("a second YAML document follows the list")
	}
	list := resolve(document.Content[0])
	if list.Kind != yaml.SequenceNode {
		return nil, observe.ReadFailed("line %d: a YAML list of objects is expected", list.Line)
	}
	for i, item := range list.Content {
		fields, err := yamlRow(rows, i+1, resolve(item))
		if err != nil {
			return nil, err
		}
		if err := rows.Add(fields); err != nil {
			return nil, err
		}
	}
	return rows.Table()
}

// resolve follows an alias to what it names.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// yamlRow returns a mapping's needed fields.
func yamlRow(rows *format.Objects, n int, item *yaml.Node) ([]observe.Cell, error) {
	if item.Kind != yaml.MappingNode {
		return nil, observe.ReadFailed("row %d, at line %d, is not an object", n, item.Line)
	}
	cells, given := rows.Row(), map[string]bool{}
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, content := resolve(item.Content[i]), resolve(item.Content[i+1])
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, observe.ReadFailed("row %d: the name of a field, at line %d, is not text", n, key.Line)
		case key.Tag == "!!merge":
			return nil, observe.ReadFailed("row %d: merge keys (<<), at line %d, are not read", n, key.Line)
		case given[key.Value]:
			return nil, observe.ReadFailed("row %d: a field, at line %d, stands there twice", n, key.Line)
		}
		given[key.Value] = true
		column, needed := rows.Saw(key.Value)
		if !needed {
			continue
		}
		if content.Kind != yaml.ScalarNode {
			return nil, format.Nested(n, key.Value)
		}
		if content.Tag != "!!null" && content.Value != "" {
			cells[column] = observe.Cell{Text: content.Value}
		}
	}
	return cells, nil
}

// yamlLine finds the line in an error of the YAML library, whose text may hold what stands there.
var yamlLine = regexp.MustCompile(`line [0-9]+`)

func yamlError(err error) error {
	if line := yamlLine.FindString(err.Error()); line != "" {
		return observe.ReadFailed("%s: not YAML", line)
	}
	return observe.ReadFailed("not YAML")
}
