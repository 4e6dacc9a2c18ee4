package accountset

import (
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smdvalue "sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// FieldManager owns what sets write on accounts.
const FieldManager = "perennial-accountset"

// Field is one field of an Account that a set writes: a leaf, as server-side apply sees it.
type Field struct {
	Path  fieldpath.Path
	Value any
}

// Name writes the field's path as people know it: spec.contract.arr.
func (f Field) Name() string { return f.Path.String()[1:] }

// Fields are the fields of one Account that a set writes.
type Fields []Field

// fieldsOf takes a spec in the form that conform gives apart.
func fieldsOf(spec any, s *shape) Fields {
	var out Fields
	flatten(&out, fieldpath.Path{element("spec")}, spec, s)
	return out
}

func flatten(out *Fields, at fieldpath.Path, v any, s *shape) {
	switch content := v.(type) {
	case nil:
	case map[string]any:
		for name, item := range content {
			elem := s.elem
			if s.kind == kindStruct {
				elem = s.fields[name]
			}
			flatten(out, extend(at, element(name)), item, elem)
		}
	case []any:
		for _, item := range content {
			if s.kind == kindKeyed {
				key := item.(map[string]any)[s.key]
				flatten(out, extend(at, fieldpath.KeyElementByFields(s.key, key)), item, s.elem)
				continue
			}
			*out = append(*out, Field{Path: extend(at, fieldpath.ValueElement(smdvalue.NewValueInterface(item))), Value: item})
		}
	default:
		*out = append(*out, Field{Path: at, Value: v})
	}
}

// metadataField is a label or an annotation.
func metadataField(group, key, content string) Field {
	return Field{Path: fieldpath.Path{element("metadata"), element(group), element(key)}, Value: content}
}

func element(name string) fieldpath.PathElement { return fieldpath.FieldNameElement(name) }

// extend returns a longer path that shares nothing with the shorter one.
func extend(path fieldpath.Path, pe fieldpath.PathElement) fieldpath.Path {
	out := make(fieldpath.Path, len(path)+1)
	copy(out, path)
	out[len(path)] = pe
	return out
}

// without returns the fields less those at some paths.
func (f Fields) without(paths ...fieldpath.Path) Fields {
	return slices.DeleteFunc(slices.Clone(f), func(one Field) bool {
		return slices.ContainsFunc(paths, one.Path.Equals)
	})
}

// object writes the fields as the part of an object that they are.
func (f Fields) object() map[string]any {
	root := map[string]any{"spec": map[string]any{}}
	for _, one := range f {
		put(root, one.Path, one.Value)
	}
	return root
}

// put writes a leaf into an object. The path is never empty.
func put(object map[string]any, path fieldpath.Path, leaf any) {
	name := *path[0].FieldName
	if len(path) == 1 {
		object[name] = leaf
		return
	}
	if path[1].FieldName != nil {
		child, ok := object[name].(map[string]any)
		if !ok {
			child = map[string]any{}
			object[name] = child
		}
		put(child, path[1:], leaf)
		return
	}
	list, _ := object[name].([]any)
	if path[1].Value != nil {
		object[name] = append(list, leaf)
		return
	}
	item := itemWith(list, path[1].Key)
	if item == nil {
		item = map[string]any{}
		for _, k := range *path[1].Key {
			item[k.Name] = k.Value.Unstructured()
		}
		object[name] = append(list, item)
	}
	if len(path) > 2 {
		put(item, path[2:], leaf)
	}
}

// itemWith returns the item of a list that has a key.
func itemWith(list []any, key *smdvalue.FieldList) map[string]any {
	for _, item := range list {
		object, ok := item.(map[string]any)
		if ok && !slices.ContainsFunc(*key, func(k smdvalue.Field) bool { return object[k.Name] != k.Value.Unstructured() }) {
			return object
		}
	}
	return nil
}

// lookup returns the leaf at a path of an object.
func lookup(object any, path fieldpath.Path) (any, bool) {
	for _, pe := range path {
		switch {
		case pe.FieldName != nil:
			m, _ := object.(map[string]any)
			child, ok := m[*pe.FieldName]
			if !ok {
				return nil, false
			}
			object = child
		case pe.Key != nil:
			list, _ := object.([]any)
			item := itemWith(list, pe.Key)
			if item == nil {
				return nil, false
			}
			object = item
		case pe.Value != nil:
			list, _ := object.([]any)
			if object = (*pe.Value).Unstructured(); !slices.Contains(list, object) {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return object, true
}

// live is an Account as it is now, ready to be compared with what a set would write.
type live struct {
	account *v1alpha1.Account
	object  map[string]any
	owned   *fieldpath.Set
}

// liveOf reads an account. Where the API server does not say who owns what, nobody does.
func liveOf(a *v1alpha1.Account) live {
	l := live{account: a, object: map[string]any{"metadata": map[string]any{
		"labels": anyMap(a.Labels), "annotations": anyMap(a.Annotations),
	}}, owned: fieldpath.NewSet()}
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&a.Spec)
	if err != nil {
		spec = map[string]any{}
	}
	l.object["spec"] = spec
	for i := range a.ManagedFields {
		if isOurs(&a.ManagedFields[i]) {
			// A spec without fields is a leaf too; it says nothing.
			l.owned = fieldsIn(&a.ManagedFields[i]).Leaves().Difference(fieldpath.NewSet(fieldpath.Path{element("spec")}))
		}
	}
	return l
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// isOurs reports whether an entry is what sets applied.
func isOurs(e *metav1.ManagedFieldsEntry) bool {
	return e.Manager == FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
}

// fieldsIn reads an entry; one that cannot be read is empty.
func fieldsIn(e *metav1.ManagedFieldsEntry) *fieldpath.Set {
	set := fieldpath.NewSet()
	if e.FieldsV1 == nil || set.FromJSON(e.FieldsV1.GetRawReader()) != nil {
		return fieldpath.NewSet()
	}
	return set
}

// carried returns what the set owns on the account now, to be written again as it is.
func (l live) carried() Fields {
	var out Fields
	for path := range l.owned.All() {
		if leaf, ok := lookup(l.object, path); ok && !isContainer(leaf) {
			out = append(out, Field{Path: path.Copy(), Value: leaf})
		}
	}
	return out
}

func isContainer(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// differs reports whether applying the fields would change the account, or who owns what of it.
func (l live) differs(fields Fields) bool {
	for _, f := range fields {
		if current, ok := lookup(l.object, f.Path); !ok || !reflect.DeepEqual(current, f.Value) || !l.owned.Has(f.Path) {
			return true
		}
	}
	return l.owned.Size() != len(fields)
}

// overridden takes out of the fields those that somebody else owns and has given another value, and returns both. A
// field that nobody else owns is the set's to change.
func (l live) overridden(fields Fields) (rest Fields, overrides []v1alpha1.OverriddenField) {
	var others []metav1.ManagedFieldsEntry
	var sets []*fieldpath.Set
	for _, f := range fields {
		current, ok := lookup(l.object, f.Path)
		if ok && reflect.DeepEqual(current, f.Value) {
			rest = append(rest, f)
			continue
		}
		if sets == nil {
			others, sets = l.others()
		}
		owner := slices.IndexFunc(sets, func(s *fieldpath.Set) bool { return s.Has(f.Path) })
		if owner < 0 {
			rest = append(rest, f)
			continue
		}
		overrides = append(overrides, v1alpha1.OverriddenField{Account: l.account.Name, Field: f.Name(), Manager: others[owner].Manager})
	}
	return rest, overrides
}

// others returns what other managers own of the account's spec and metadata.
func (l live) others() ([]metav1.ManagedFieldsEntry, []*fieldpath.Set) {
	entries := []metav1.ManagedFieldsEntry{}
	sets := []*fieldpath.Set{}
	for i := range l.account.ManagedFields {
		if e := &l.account.ManagedFields[i]; !isOurs(e) && e.Subresource == "" {
			entries = append(entries, *e)
			sets = append(sets, fieldsIn(e))
		}
	}
	return entries, sets
}
