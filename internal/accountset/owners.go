package accountset

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Applied returns the part of an object that a manager applied to it and still owns, with the values that are there now.
// Whoever applies again writes all of it: server-side apply removes what is left out.
func Applied(object map[string]any, entries []metav1.ManagedFieldsEntry, manager string) map[string]any {
	part := map[string]any{}
	for i := range entries {
		e := &entries[i]
		if e.Manager != manager || e.Operation != metav1.ManagedFieldsOperationApply || e.Subresource != "" {
			continue
		}
		for path := range fieldsIn(e).Leaves().All() {
			if leaf, ok := lookup(object, path); ok {
				put(part, path.Copy(), runtime.DeepCopyJSONValue(leaf))
			}
		}
	}
	return part
}

// ManagersAt returns the managers that own a field at a path of an object or below it, sorted: those that apply it
// again and again, and those that wrote it once.
func ManagersAt(entries []metav1.ManagedFieldsEntry, path fieldpath.Path) (apply, wrote []string) {
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Subresource != "" || !under(fieldsIn(e), path):
		case e.Operation == metav1.ManagedFieldsOperationApply:
			apply = append(apply, e.Manager)
		default:
			wrote = append(wrote, e.Manager)
		}
	}
	slices.Sort(apply)
	slices.Sort(wrote)
	return slices.Compact(apply), slices.Compact(wrote)
}

// under reports whether a set has a path or anything below it.
func under(set *fieldpath.Set, path fieldpath.Path) bool {
	if set.Has(path) {
		return true
	}
	for _, pe := range path {
		set = set.WithPrefix(pe)
	}
	return !set.Empty()
}
