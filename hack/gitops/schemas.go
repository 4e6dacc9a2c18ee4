package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// draft is what kubeconform and the YAML language server both read whole.
const draft = "http://json-schema.org/draft-07/schema#"

// allKinds is the file for editors, which give one schema to a file whatever kinds are in it.
const allKinds = "perennial.json"

// A schema is written as it is read: what a definition says and is not named here stays as it is.
type schema = map[string]any

// schemas makes the files of config/schemas: one for each kind and version, by the path that kubeconform asks for, and one
// that takes each object by its kind.
func schemas(kinds []kindSchema) (map[string][]byte, error) {
	made := map[string][]byte{}
	var err error
	for _, k := range kinds {
		if made[k.file], err = encode(k.schema); err != nil {
			return nil, fmt.Errorf("%s: %w", k.kind, err)
		}
	}
	made[allKinds], err = encode(byKind(kinds))
	return made, err
}

// readKinds reads the kinds of a folder of definitions, by their files' names.
func readKinds(crds string) ([]kindSchema, error) {
	files, err := filepath.Glob(filepath.Join(crds, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no custom resource definitions", crds)
	}
	var kinds []kindSchema
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for i := range crd.Spec.Versions {
			k, err := newKindSchema(&crd, &crd.Spec.Versions[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			kinds = append(kinds, k)
		}
	}
	return kinds, nil
}

// kindSchema is the schema of one kind at one version.
type kindSchema struct {
	kind, apiVersion, file string
	schema                 schema
}

// newKindSchema makes it of a definition.
func newKindSchema(crd *apiextensionsv1.CustomResourceDefinition, version *apiextensionsv1.CustomResourceDefinitionVersion) (kindSchema, error) {
	k := kindSchema{
		kind:       crd.Spec.Names.Kind,
		apiVersion: crd.Spec.Group + "/" + version.Name,
		file:       fmt.Sprintf("%s/%s_%s.json", crd.Spec.Group, strings.ToLower(crd.Spec.Names.Kind), version.Name),
	}
	text, err := json.Marshal(version.Schema.OpenAPIV3Schema)
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(text, &k.schema); err != nil {
		return k, err
	}
	convert(k.schema)
	k.schema["$schema"] = draft
	k.schema["title"] = k.kind
	properties := k.schema["properties"].(schema)
	properties["apiVersion"] = schema{"const": k.apiVersion}
	properties["kind"] = schema{"const": k.kind}
	properties["metadata"] = metadata()
	required := []any{"apiVersion", "kind", "metadata"}
	if also, ok := k.schema["required"].([]any); ok {
		required = append(required, also...)
	}
	k.schema["required"] = required
	return k, nil
}

// convert turns a structural schema of Kubernetes into one of JSON Schema, in place.
func convert(s schema) { convertAll(s, true) }

// convertAll does the work. Below allOf, anyOf, oneOf and not only part of an object is spoken of: its other fields are not
// unknown.
func convertAll(s schema, whole bool) {
	_, bounded := s["properties"]
	_, open := s["additionalProperties"]
	if whole && bounded && !open && s["x-kubernetes-preserve-unknown-fields"] != true {
		s["additionalProperties"] = false // the API server drops them, or refuses them if asked to be strict
	}
	if s["x-kubernetes-list-type"] == "set" {
		s["uniqueItems"] = true
	}
	if s["x-kubernetes-int-or-string"] == true {
		delete(s, "type")
		s["anyOf"] = []any{schema{"type": "integer"}, schema{"type": "string"}}
	}
	allowNull(s)
	for key, value := range s {
		if strings.HasPrefix(key, "x-kubernetes-") {
			delete(s, key)
			continue
		}
		convertBelow(key, value, whole)
	}
}

// convertBelow converts the schemas that a keyword holds.
func convertBelow(key string, value any, whole bool) {
	switch key {
	case "items", "additionalProperties":
		if below, ok := value.(schema); ok {
			convertAll(below, whole)
		}
	case "properties":
		for _, below := range value.(schema) {
			convertAll(below.(schema), whole)
		}
	case "not":
		convertAll(value.(schema), false)
	case "allOf", "anyOf", "oneOf":
		for _, below := range value.([]any) {
			convertAll(below.(schema), false)
		}
	}
}

// allowNull says in JSON Schema's words that a value may be null.
func allowNull(s schema) {
	if s["nullable"] != true {
		delete(s, "nullable")
		return
	}
	delete(s, "nullable")
	if kind, ok := s["type"].(string); ok {
		s["type"] = []any{kind, "null"}
	}
	if choices, ok := s["enum"].([]any); ok {
		s["enum"] = append(choices, nil)
	}
	if either, ok := s["anyOf"].([]any); ok {
		s["anyOf"] = append(either, schema{"type": "null"})
	}
}

// metadata is what the API server takes of every object, so that a misspelt label list is found and `kubectl get -o yaml`
// passes.
func metadata() schema {
	texts := func(says string) schema {
		return schema{"type": "object", "description": says, "additionalProperties": schema{"type": "string"}}
	}
	properties := schema{
		"name":        schema{"type": "string", "description": "The object's name.", "maxLength": 253, "pattern": `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`},
		"namespace":   schema{"type": "string", "description": "The namespace; usually left to what applies the file.", "maxLength": 63, "pattern": `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`},
		"labels":      texts("Labels. Values are texts: quote numbers and booleans."),
		"annotations": texts("Annotations. Values are texts: quote numbers and booleans."),
	}
	for name, kind := range map[string]string{
		"generateName": "string", "finalizers": "array", "ownerReferences": "array", "managedFields": "array",
		"uid": "string", "resourceVersion": "string", "selfLink": "string", "generation": "integer",
		"creationTimestamp": "", "deletionTimestamp": "", "deletionGracePeriodSeconds": "integer",
	} {
		properties[name] = schema{"description": "Written by Kubernetes."}
		if kind != "" {
			properties[name].(schema)["type"] = kind
		}
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

// byKind takes each object by its kind. What is not Perennial's is left alone: a file may have a ConfigMap beside.
func byKind(kinds []kindSchema) schema {
	var names []any
	var each []any
	versions := map[string]bool{}
	for _, k := range kinds {
		names = append(names, k.kind)
		versions[k.apiVersion] = true
		each = append(each, schema{
			"if":   schema{"required": []any{"apiVersion", "kind"}, "properties": schema{"apiVersion": schema{"const": k.apiVersion}, "kind": schema{"const": k.kind}}},
			"then": schema{"$ref": k.file},
		})
	}
	for _, version := range slices.Sorted(maps.Keys(versions)) {
		each = append(each, schema{
			"if":   schema{"required": []any{"apiVersion"}, "properties": schema{"apiVersion": schema{"const": version}}},
			"then": schema{"required": []any{"kind"}, "properties": schema{"kind": schema{"enum": names}}},
		})
	}
	return schema{
		"$schema": draft, "title": "Perennial", "description": "Any object of Perennial.", "type": "object", "allOf": each,
		"properties": schema{"apiVersion": schema{"type": "string"}, "kind": schema{"type": "string"}},
	}
}

// encode writes JSON that reads well in a diff.
func encode(s schema) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(s)
	return b.Bytes(), err
}
