package expr

import (
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// schema is the fields of one type of object. Its name, the path at which such an object is found, is in angle brackets,
// so that no expression can be mistaken for it.
type schema struct {
	typ    *types.Type
	path   string
	fields map[string]field
}

// field is one field of an object.
type field struct {
	typ *types.Type
	// get returns the value and whether it is set. A list or map that is not set is empty; anything else is then nil.
	get func(of any) (ref.Val, bool)
}

func newSchema(path string, fields map[string]field) *schema {
	return &schema{typ: objectType(path), path: path, fields: fields}
}

func objectType(path string) *types.Type {
	return types.NewObjectType("<"+path+">", traits.IndexerType, traits.FieldTesterType)
}

// fieldType makes a field usable by the compiler and the interpreter.
func (f field) fieldType(path string) *types.FieldType {
	return &types.FieldType{
		Type: f.typ,
		IsSet: func(of any) bool {
			_, ok := f.get(of)
			return ok
		},
		GetFrom: func(of any) (any, error) {
			v, _ := f.get(of)
			if v == nil {
				return nil, noValue(path)
			}
			return v, nil
		},
	}
}

// provider tells the compiler which fields there are. The types of metrics, measures, outcomes and row have every field
// that is asked for; the objects behind them are the Vars.
type provider struct {
	types.Provider
	schemas map[string]*schema
}

// keyedPath returns the path of a type whose fields are keys, such as metrics or metrics.usage.
func keyedPath(typeName string) (root, key string, ok bool) {
	path, ok := strings.CutPrefix(typeName, "<")
	if !ok {
		return "", "", false
	}
	root, key, _ = strings.Cut(strings.TrimSuffix(path, ">"), ".")
	_, ok = keyedForms[root]
	return root, key, ok
}

// FindStructType returns an object type.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if s, ok := p.schemas[name]; ok {
		return types.NewTypeTypeWithParam(s.typ), true
	}
	if _, _, ok := keyedPath(name); ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldType returns the type of a field and how to read it.
func (p provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	if s, ok := p.schemas[name]; ok {
		f, ok := s.fields[fieldName]
		if !ok {
			return nil, false
		}
		return f.fieldType(s.path + "." + fieldName), true
	}
	root, key, ok := keyedPath(name)
	if !ok {
		return p.Provider.FindStructFieldType(name, fieldName)
	}
	if key == "" && keyDepth(root) > 1 {
		return firstKey(root, fieldName), true
	}
	f, ok := keyedField(root, key, fieldName)
	if !ok {
		return nil, false
	}
	return f.fieldType(keyedName(root, key, fieldName)), true
}

// firstKey is the first of two keys: nothing is looked up yet.
func firstKey(root, key string) *types.FieldType {
	at := &keyPath{root: root, key: key}
	return &types.FieldType{
		Type:  objectType(root + "." + key),
		IsSet: func(any) bool { return true },
		GetFrom: func(of any) (any, error) {
			v, _ := of.(*Vars)
			return keys{vars: v, at: at}, nil
		},
	}
}

// keyedName writes the path of a key as a person would.
func keyedName(root, key, name string) string {
	if key == "" {
		return root + "['" + name + "']"
	}
	if root == rootMeasures || strings.ContainsAny(key, "-.") {
		return root + "['" + key + "']." + name
	}
	return root + "." + key + "." + name
}

// keyedField returns the field that the last key names.
func keyedField(root, key, name string) (field, bool) {
	name, of := unmarked(name)
	switch root {
	case rootOutcomes:
		return keyed(types.StringType, func(v *Vars) (ref.Val, bool) {
			return textOrNil(v.Outcomes[name])
		}), true
	case rootRow:
		return keyed(of, func(v *Vars) (ref.Val, bool) { return valueAt(v.Row, name) }), true
	case rootMetrics:
		at := v1alpha1.MetricReference{Source: key, Metric: name}
		return keyed(of, func(v *Vars) (ref.Val, bool) { return valueAt(v.Metrics, at) }), true
	}
	return measureField(key, name, of)
}

// measureField returns a field of a measure.
func measureField(measure, name string, of *types.Type) (field, bool) {
	switch name {
	case "value":
		return keyed(of, func(v *Vars) (ref.Val, bool) {
			if m := v.Measures[measure]; m.Value != nil {
				return fromValue(*m.Value), true
			}
			return nil, false
		}), true
	case "score":
		return keyed(types.DoubleType, func(v *Vars) (ref.Val, bool) {
			if m := v.Measures[measure]; m.Score != nil {
				return types.Double(*m.Score), true
			}
			return nil, false
		}), true
	}
	return field{}, false
}

// keyed returns a field that is looked up in the Vars.
func keyed(t *types.Type, get func(*Vars) (ref.Val, bool)) field {
	return field{typ: t, get: func(of any) (ref.Val, bool) {
		v, ok := of.(*Vars)
		if !ok || v == nil {
			return nil, false
		}
		return get(v)
	}}
}

func valueAt[K comparable](values map[K]value.Value, key K) (ref.Val, bool) {
	v, ok := values[key]
	if !ok {
		return nil, false
	}
	return fromValue(v), true
}

// fromValue returns a value as expressions see it.
func fromValue(v value.Value) ref.Val {
	switch v.Type {
	case v1alpha1.MetricNumber:
		return types.Double(v.Number.Float64())
	case v1alpha1.MetricTime:
		return types.Timestamp{Time: v.Time}
	}
	return types.String(v.Text)
}
