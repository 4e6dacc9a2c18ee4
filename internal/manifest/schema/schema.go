// Package schema does with an object of a file what the API server does with one that it is sent, without an API server: it
// fills in defaults and checks the object against its custom resource definition.
package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/config/crd"
)

// Kind is one version of one custom resource definition.
type Kind struct {
	schema    *structural.Structural
	openAPI   validation.SchemaValidator
	compile   sync.Once
	validator *cel.Validator
}

// kinds are all definitions, read once.
var kinds = sync.OnceValues(read)

// Of returns a kind; nil where there is no such definition. The error is a defect of the program.
func Of(gvk runtimeschema.GroupVersionKind) (*Kind, error) {
	all, err := kinds()
	return all[gvk], err
}

// read reads the definitions that are part of the program.
func read() (map[runtimeschema.GroupVersionKind]*Kind, error) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, err
	}
	all := map[runtimeschema.GroupVersionKind]*Kind{}
	var errs []error
	for _, file := range files {
		text, err := crd.Bases.ReadFile(file)
		if err == nil {
			err = add(all, text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	return all, errors.Join(errs...)
}

// add reads one definition.
func add(all map[runtimeschema.GroupVersionKind]*Kind, text []byte) error {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		kind, err := newKind(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		gvk := runtimeschema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}
		all[gvk] = kind
	}
	return nil
}

// newKind makes a schema ready to use.
func newKind(props *apiextensionsv1.JSONSchemaProps) (*Kind, error) {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return nil, err
	}
	s, err := structural.NewStructural(&internal)
	if err != nil {
		return nil, err
	}
	openAPI, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, err
	}
	return &Kind{schema: s, openAPI: openAPI}, nil
}

// cel returns what checks the rules in CEL, compiled once: it takes a while, and only checks need it.
func (k *Kind) cel() *cel.Validator {
	k.compile.Do(func() { k.validator = cel.NewValidator(k.schema, true, celconfig.PerCallLimit) })
	return k.validator
}

// Default changes an object to what the API server would keep of it: unknown fields and nulls go, and defaults are filled in.
// The status goes too, as nobody but the operator writes it, and is what the API server begins with.
func (k *Kind) Default(object map[string]any) {
	delete(object, "status")
	pruning.Prune(object, k.schema, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.schema)
	defaulting.Default(object, k.schema)
}
