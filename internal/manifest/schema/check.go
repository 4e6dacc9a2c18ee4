package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// Unknown is a field that a kind does not have.
type Unknown struct {
	// Path of the field.
	Path string
	// Known are the fields that stand in its place, sorted.
	Known []string
}

// Result is what is wrong with an object.
type Result struct {
	// Unknown are fields that the kind does not have, which strict field validation refuses.
	Unknown []Unknown
	// Schema is what the schema forbids.
	Schema field.ErrorList
	// Rules are what rules in CEL forbid. They are asked only where the types of the schema are right.
	Rules field.ErrorList
}

// Check says what the API server would refuse an object for. It leaves the object as it is.
func (k *Kind) Check(ctx context.Context, object map[string]any) Result {
	object = runtime.DeepCopyJSON(object)
	delete(object, "status")
	var unknown []Unknown
	if meta, isMap := object["metadata"].(map[string]any); isMap {
		unknown = append(unknown, unknownMetadata(meta)...)
	}
	options := structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, k.schema, true, options) {
		unknown = append(unknown, Unknown{Path: path, Known: k.fields(path)})
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.schema)
	defaulting.Default(object, k.schema)
	errs := metadata(object)
	errs = append(errs, validation.ValidateCustomResource(nil, object, k.openAPI)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.schema, object)...)
	found := Result{Unknown: unknown, Schema: errs}
	if validator := k.cel(); validator != nil && !slices.ContainsFunc(errs, blocking) {
		found.Rules, _ = validator.Validate(ctx, nil, k.schema, object, nil, celconfig.RuntimeCELCostBudget)
	}
	return found
}

// blocking reports whether an error keeps the API server from asking the rules in CEL, which expect the types of the schema.
func blocking(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

// metadataFields are what the metadata of an object may hold.
var metadataFields = []string{
	"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName",
	"generation", "labels", "managedFields", "name", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid",
}

// unknownMetadata returns the fields of metadata that there are not.
func unknownMetadata(meta map[string]any) []Unknown {
	var unknown []Unknown
	for _, name := range slices.Sorted(maps.Keys(meta)) {
		if !slices.Contains(metadataFields, name) {
			unknown = append(unknown, Unknown{Path: "metadata." + name, Known: metadataFields})
		}
	}
	return unknown
}

// metadata checks what every object has.
func metadata(object map[string]any) field.ErrorList {
	path := field.NewPath("metadata")
	content, isMap := object["metadata"].(map[string]any)
	if !isMap {
		return field.ErrorList{field.Required(path.Child("name"), "every object needs a name")}
	}
	if errs := notText(path, content); len(errs) > 0 {
		return errs
	}
	var meta metav1.ObjectMeta
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &meta); err != nil {
		return field.ErrorList{field.TypeInvalid(path, field.OmitValueType{}, err.Error())}
	}
	if meta.Namespace == "" {
		meta.Namespace = metav1.NamespaceDefault
	}
	return metavalidation.ValidateObjectMeta(&meta, true, metavalidation.NameIsDNSSubdomain, path)
}

// notText names what of the metadata should be text and is not: names and labels such as no and on, most often.
func notText(path *field.Path, meta map[string]any) field.ErrorList {
	var errs field.ErrorList
	check := func(at *field.Path, v any) {
		if _, isText := v.(string); v != nil && !isText {
			errs = append(errs, field.TypeInvalid(at, v, fmt.Sprintf("must be of type string: %q", typeOf(v))))
		}
	}
	for _, name := range []string{"name", "namespace", "generateName"} {
		check(path.Child(name), meta[name])
	}
	for _, name := range []string{"labels", "annotations"} {
		words, _ := meta[name].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(words)) {
			check(path.Child(name).Key(key), words[key])
		}
	}
	return errs
}

// typeOf names the type of a value as the schema does.
func typeOf(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// fields returns the fields that the schema knows around a path.
func (k *Kind) fields(path string) []string {
	at := k.schema
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '.' })
	for _, segment := range segments[:max(0, len(segments)-1)] {
		name, index, _ := strings.Cut(segment, "[")
		next, known := at.Properties[name]
		switch {
		case known:
			at = &next
		case at.AdditionalProperties != nil && at.AdditionalProperties.Structural != nil:
			at = at.AdditionalProperties.Structural
		default:
			return nil
		}
		for range strings.Count(index, "]") {
			if at.Items == nil {
				return nil
			}
			at = at.Items
		}
	}
	known := make([]string, 0, len(at.Properties))
	for name := range at.Properties {
		known = append(known, name)
	}
	slices.Sort(known)
	return known
}
