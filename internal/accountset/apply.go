package accountset

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smdvalue "sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Apply returns an account as an API server would have it after the change was applied, for those who foretell it; nil where
// the change deletes it. The account is nil where the change makes one. Neither is changed.
func (c *Change) Apply(namespace string, before *v1alpha1.Account, now time.Time) (*v1alpha1.Account, error) {
	if c.Action == ActionDelete {
		return nil, nil
	}
	after := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: c.Name, UID: types.UID(c.Name), CreationTimestamp: metav1.NewTime(now.UTC().Truncate(time.Second)),
	}}
	if before != nil {
		again := *before
		after = &again
	}
	current := liveOf(after)
	kept := fieldpath.NewSet()
	for _, f := range c.Fields {
		kept.Insert(f.Path)
	}
	current.drop(kept)
	for _, f := range c.Fields {
		if is, ok := lookup(current.object, f.Path); !ok || !reflect.DeepEqual(is, f.Value) {
			put(current.object, f.Path, f.Value)
		}
	}
	if err := write(after, current.object); err != nil {
		return nil, fmt.Errorf("account %s: %w", c.Name, err)
	}
	switch {
	case before == nil:
		after.Generation = 1
	case !equality.Semantic.DeepEqual(before.Spec, after.Spec):
		after.Generation++
	}
	return after, own(after, kept, now)
}

// drop takes out what the set owned and does not write any more, unless others own it as well. What tells an item of a list
// from the others goes last, and takes with it what is left of the item.
func (l live) drop(kept *fieldpath.Set) {
	_, others := l.others()
	var keys []fieldpath.Path
	for path := range l.owned.Difference(kept).All() {
		switch {
		case slices.ContainsFunc(others, func(s *fieldpath.Set) bool { return s.Has(path) }):
		case isKey(path):
			keys = append(keys, path[:len(path)-1].Copy())
		default:
			remove(l.object, path)
		}
	}
	for _, path := range keys {
		if item, ok := lookup(l.object, path); ok && len(item.(map[string]any)) <= len(*path[len(path)-1].Key) {
			remove(l.object, path)
		}
	}
}

// isKey reports whether a path leads to a field that tells an item of a list from the others.
func isKey(path fieldpath.Path) bool {
	if len(path) < 2 || path[len(path)-1].FieldName == nil || path[len(path)-2].Key == nil {
		return false
	}
	return slices.ContainsFunc(*path[len(path)-2].Key, func(k smdvalue.Field) bool { return k.Name == *path[len(path)-1].FieldName })
}

// remove takes what is at a path out of an object, and reports whether nothing is left in it.
func remove(object map[string]any, path fieldpath.Path) (empty bool) {
	if len(path) == 0 || path[0].FieldName == nil {
		return len(object) == 0
	}
	name := *path[0].FieldName
	switch child := object[name].(type) {
	case map[string]any:
		if len(path) == 1 || remove(child, path[1:]) {
			delete(object, name)
		}
	case []any:
		if child = removeItem(child, path[1:]); len(child) == 0 {
			delete(object, name)
		} else {
			object[name] = child
		}
	default:
		delete(object, name)
	}
	return len(object) == 0
}

// removeItem takes what is at a path out of the items of a list.
func removeItem(list []any, path fieldpath.Path) []any {
	switch {
	case len(path) == 0:
		return nil
	case path[0].Value != nil:
		gone := (*path[0].Value).Unstructured()
		return slices.DeleteFunc(slices.Clone(list), func(item any) bool { return item == gone })
	case path[0].Key != nil:
		item := itemWith(list, path[0].Key)
		if item == nil || len(path) > 1 && !remove(item, path[1:]) {
			return list
		}
		return slices.DeleteFunc(slices.Clone(list), func(other any) bool {
			o, ok := other.(map[string]any)
			return ok && reflect.ValueOf(o).Pointer() == reflect.ValueOf(item).Pointer()
		})
	}
	return list
}

// write puts labels, annotations and spec into an account, which shares nothing with another then but what does not change.
func write(a *v1alpha1.Account, object map[string]any) error {
	metadata, _ := object["metadata"].(map[string]any)
	a.Labels, a.Annotations = textMap(metadata["labels"]), textMap(metadata["annotations"])
	content, _ := object["spec"].(map[string]any)
	var spec v1alpha1.AccountSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &spec); err != nil {
		return err
	}
	a.Spec = spec
	return nil
}

func textMap(from any) map[string]string {
	content, _ := from.(map[string]any)
	if len(content) == 0 {
		return nil
	}
	out := make(map[string]string, len(content))
	for key, v := range content {
		out[key], _ = v.(string)
	}
	return out
}

// own notes which fields are the set's, as an API server does.
func own(a *v1alpha1.Account, fields *fieldpath.Set, now time.Time) error {
	var content bytes.Buffer
	if err := fields.ToJSONStream(&content); err != nil {
		return err
	}
	at := metav1.NewTime(now.UTC().Truncate(time.Second))
	entry := metav1.ManagedFieldsEntry{
		Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: v1alpha1.GroupVersion.String(), Time: &at,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(content.String()),
	}
	a.ManagedFields = append(slices.DeleteFunc(slices.Clone(a.ManagedFields), func(e metav1.ManagedFieldsEntry) bool { return isOurs(&e) }), entry)
	return nil
}
