package manifest

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/json"
	kyaml "sigs.k8s.io/yaml"
)

// document is one YAML document of a file.
type document struct {
	file string
	// line is the number of lines before it.
	line int
	text []byte
	// json says that the file is JSON by its name.
	json bool
}

// split cuts a file at the lines that begin a document. Documents without content are left out.
func split(file string, text []byte) []document {
	isJSON := strings.EqualFold(filepath.Ext(file), ".json")
	if isJSON {
		// YAML takes JSON, but for tabs before a value. A tab inside a string of JSON is an error anyway.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	var documents []document
	current := document{file: file, json: isJSON}
	line := 0
	for part := range bytes.Lines(text) {
		if begins(part) && !isJSON {
			documents = appendDocument(documents, current)
			current = document{file: file, line: line}
		}
		current.text = append(current.text, part...)
		line++
	}
	return appendDocument(documents, current)
}

// begins reports whether a line begins a document.
func begins(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// appendDocument adds a document that has any content.
func appendDocument(documents []document, d document) []document {
	for line := range bytes.Lines(d.text) {
		if begins(line) {
			line = line[len("---"):]
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && string(line) != "..." {
			return append(documents, d)
		}
	}
	return documents
}

// position is a place in the document's file.
func (d document) position(line, column int) Position {
	return Position{File: d.file, Line: d.line + line, Column: column}
}

// add reads the objects of one document.
func (s *Set) add(d document) {
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil {
		s.refuse(d, err)
		return
	}
	converted, err := kyaml.YAMLToJSONStrict(d.text)
	if err != nil {
		s.refuse(d, err)
		return
	}
	var content any
	if err := json.UnmarshalCaseSensitivePreserveInts(converted, &content); err != nil {
		s.refuse(d, err)
		return
	}
	if content == nil {
		return
	}
	node := &root
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		node = root.Content[0]
	}
	s.addContent(d, node, content)
}

// yamlLine finds the line that an error of the YAML library names.
var yamlLine = regexp.MustCompile(`^(?:yaml: |error converting YAML to JSON: |unmarshal errors:\s*)*line (\d+): `)

// refuse says that a document cannot be read.
func (s *Set) refuse(d document, err error) {
	line, message := 1, strings.Join(strings.Fields(err.Error()), " ")
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	} else {
		message = strings.TrimPrefix(strings.TrimPrefix(message, "error converting YAML to JSON: "), "yaml: ")
	}
	if strings.Contains(message, "cannot start any token") && bytes.ContainsRune(d.text, '\t') {
		message += ": indent with spaces, not with tabs"
	}
	if bytes.Contains(d.text, []byte("{{")) {
		message += ": this looks like a template of Helm: render it first (helm template … | perennial lint -f -)"
	}
	s.problem(d.position(line, 0), "%s", message)
}

// errNoObject is what is said of a document that is no object.
var errNoObject = errors.New("this is no Kubernetes object: it needs apiVersion, kind and metadata.name; keep data and tests in files of other names (.csv, _test.yaml)")

// addContent adds an object, or all of a list.
func (s *Set) addContent(d document, node *yaml.Node, content any) {
	object, isMap := content.(map[string]any)
	apiVersion, kind := text(object["apiVersion"]), text(object["kind"])
	at := d.position(node.Line, node.Column)
	if !isMap || apiVersion == "" || kind == "" {
		s.problem(at, "%s", errNoObject)
		return
	}
	if items, isList := object["items"].([]any); isList && strings.HasSuffix(kind, "List") {
		_, list := child(node, "items")
		for i, item := range items {
			s.addContent(d, element(list, i, node), item)
		}
		return
	}
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		s.problem(at, "%s", err)
		return
	}
	meta, _ := object["metadata"].(map[string]any)
	o := &Object{
		GVK: version.WithKind(kind), Namespace: text(meta["namespace"]), Name: text(meta["name"]),
		Raw: object, Position: at, node: node, line: d.line,
	}
	o.decode()
	s.Objects = append(s.Objects, o)
}

// text is a value as text; empty where it is none.
func text(v any) string {
	s, _ := v.(string)
	return s
}
