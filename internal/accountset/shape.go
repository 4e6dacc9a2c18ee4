package accountset

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// kind is what a place in an Account's spec holds.
type kind int

const (
	kindText kind = iota
	kindWhole
	kindDate
	kindTime
	kindStruct
	kindMap
	kindSet
	kindKeyed
)

// shape is the type of one place in an Account's spec, taken from the Go type once.
type shape struct {
	kind kind
	// fields of a struct, by name.
	fields map[string]*shape
	// required are the fields that a struct must have.
	required []string
	// elem is the type of what a map or list holds.
	elem *shape
	// key is the field that tells the items of a list apart, where they are structs.
	key string
	// allowed are the only values of a text; none means any.
	allowed []string
}

// specShape returns the shape of an Account's spec.
func specShape() *shape { return shapeOf(reflect.TypeFor[v1alpha1.AccountSpec]()) }

// shapeOf takes a Go type apart. Types that no Account has read as text.
func shapeOf(t reflect.Type) *shape {
	switch t {
	case reflect.TypeFor[v1alpha1.Date]():
		return &shape{kind: kindDate}
	case reflect.TypeFor[metav1.Time]():
		return &shape{kind: kindTime}
	case reflect.TypeFor[v1alpha1.TouchModel]():
		return &shape{allowed: []string{string(v1alpha1.TouchHigh), string(v1alpha1.TouchMid), string(v1alpha1.TouchTech)}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Int64:
		return &shape{kind: kindWhole}
	case reflect.Map:
		return &shape{kind: kindMap, elem: shapeOf(t.Elem())}
	case reflect.Slice:
		elem := shapeOf(t.Elem())
		if elem.kind == kindStruct {
			return &shape{kind: kindKeyed, elem: elem, key: listKey(t.Elem())}
		}
		return &shape{kind: kindSet, elem: elem}
	case reflect.Struct:
		return structShape(t)
	default:
		return &shape{kind: kindText}
	}
}

// listKey returns the field that tells the items of a list of structs apart, as the CRD's listMapKey has it.
func listKey(item reflect.Type) string {
	if item == reflect.TypeFor[v1alpha1.TeamMember]() {
		return "role"
	}
	return "name"
}

func structShape(t reflect.Type) *shape {
	s := &shape{kind: kindStruct, fields: make(map[string]*shape, t.NumField())}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		s.fields[name] = shapeOf(t.Field(i).Type)
		if !strings.Contains(options, "omitempty") {
			s.required = append(s.required, name)
		}
	}
	return s
}

// conform makes a value fit its place: nil where there is nothing to write, else the form that the API server keeps.
// The error names the place and never holds the value.
func (s *shape) conform(v any, path *field.Path) (any, *field.Error) {
	if v == nil {
		return nil, nil
	}
	switch s.kind {
	case kindStruct, kindMap:
		return s.conformObject(v, path)
	case kindSet, kindKeyed:
		return s.conformList(v, path)
	case kindWhole:
		return conformWhole(v, path)
	}
	text, ok := v.(string)
	if !ok {
		return nil, wrong(path, "must be text, not %s; give the metric the type Category or Text, or write ${string(...)}", kindOf(v))
	}
	if text == "" {
		return nil, nil
	}
	return s.conformText(text, path)
}

func (s *shape) conformText(text string, path *field.Path) (any, *field.Error) {
	switch s.kind {
	case kindDate:
		day, err := value.ParseDate(v1alpha1.Date(text))
		if err != nil {
			return nil, wrong(path, "must be a date: 2027-02-01")
		}
		return day.Format(time.DateOnly), nil
	case kindTime:
		t, err := value.ParseTime(text)
		if err != nil {
			return nil, wrong(path, "must be a time: 2027-02-01T09:00:00Z")
		}
		return t.UTC().Format(time.RFC3339), nil
	}
	if len(s.allowed) > 0 && !slices.Contains(s.allowed, text) {
		return nil, wrong(path, "must be one of %s", strings.Join(s.allowed, ", "))
	}
	return text, nil
}

func conformWhole(v any, path *field.Path) (any, *field.Error) {
	switch n := v.(type) {
	case int64:
		return n, nil
	case float64:
		// Beyond 2^53 a float64 no longer tells neighbouring numbers apart.
		if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return nil, wrong(path, "must be a whole number; write ${math.round(...)} to round it")
		}
		return int64(n), nil
	}
	return nil, wrong(path, "must be a whole number, not %s", kindOf(v))
}

func (s *shape) conformObject(v any, path *field.Path) (any, *field.Error) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, wrong(path, "must be an object, not %s", kindOf(v))
	}
	out := make(map[string]any, len(object))
	// In order, so that of several faults it is always the same that is reported.
	for _, name := range slices.Sorted(maps.Keys(object)) {
		elem, err := s.child(name, path)
		if err != nil {
			return nil, err
		}
		fitted, err := elem.conform(object[name], path.Child(name))
		if err != nil {
			return nil, err
		}
		if fitted != nil {
			out[name] = fitted
		}
	}
	return s.finishObject(out), nil
}

// finishObject leaves out an object without content, and one that lacks a field it must have: a team member without a
// user is no member.
func (s *shape) finishObject(object map[string]any) any {
	if len(object) == 0 {
		return nil
	}
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			return nil
		}
	}
	return object
}

// child returns the shape of a struct's field or of a map's value.
func (s *shape) child(name string, path *field.Path) (*shape, *field.Error) {
	if s.kind == kindMap {
		return s.elem, nil
	}
	if elem, ok := s.fields[name]; ok {
		return elem, nil
	}
	return nil, wrong(path.Child(name), "an Account has no such field")
}

func (s *shape) conformList(v any, path *field.Path) (any, *field.Error) {
	list, ok := v.([]any)
	if !ok {
		return nil, wrong(path, "must be a list, not %s", kindOf(v))
	}
	out := make([]any, 0, len(list))
	for i, item := range list {
		fitted, err := s.elem.conform(item, path.Index(i))
		if err != nil {
			return nil, err
		}
		if fitted != nil {
			out = append(out, fitted)
		}
	}
	return s.finishList(out, path)
}

// finishList leaves out an empty list and what a set holds twice. Two items of one key are an error: which of them is
// meant nobody knows.
func (s *shape) finishList(list []any, path *field.Path) (any, *field.Error) {
	seen := make(map[any]bool, len(list))
	out := list[:0]
	for _, item := range list {
		id := item
		if s.kind == kindKeyed {
			id = item.(map[string]any)[s.key]
			if seen[id] {
				return nil, wrong(path, "two items have the same %s", s.key)
			}
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, item)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// kindOf names the kind of a value for an error.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// quoted writes a name from the spec of a set for an error.
func quoted(s string) string { return strconv.Quote(s) }
