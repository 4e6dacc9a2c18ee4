package lint

import (
	"maps"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// index finds objects.
type index struct {
	objects []*manifest.Object
	// names of the objects of a kind, as they are seen from a namespace.
	names map[[2]string][]string
}

// newIndex takes the objects of a namespace, and those that name none; all where the namespace is empty.
func newIndex(set *manifest.Set, namespace string) *index {
	x := &index{names: map[[2]string][]string{}}
	for _, o := range set.Objects {
		if namespace == "" || o.Namespace == "" || o.Namespace == namespace {
			x.objects = append(x.objects, o)
		}
	}
	return x
}

// typed is an object and its content.
type typed[T any] struct {
	*manifest.Object
	of T
}

// all returns the objects of a type that can be read and may be in the namespace of an object; nil is any.
func all[T any](x *index, beside *manifest.Object) []typed[T] {
	var found []typed[T]
	for _, o := range x.objects {
		if of, is := o.Typed.(T); is && together(o, beside) {
			found = append(found, typed[T]{o, of})
		}
	}
	return found
}

// together reports whether two objects may be in one namespace. One that names none goes wherever it is applied to.
func together(a, b *manifest.Object) bool {
	return b == nil || a.Namespace == "" || b.Namespace == "" || a.Namespace == b.Namespace
}

// named finds an object of a type by name.
func named[T any](x *index, beside *manifest.Object, name string) (T, bool) {
	for _, o := range all[T](x, beside) {
		if o.Name == name {
			return o.of, true
		}
	}
	var none T
	return none, false
}

// namesOf returns the names of all objects of a kind, those that cannot be read too.
func (x *index) namesOf(kind string, beside *manifest.Object) []string {
	key := [2]string{kind, beside.Namespace}
	if names, known := x.names[key]; known {
		return names
	}
	var names []string
	for _, o := range x.objects {
		if (o.Ours() || o.GVK.Group == "") && o.GVK.Kind == kind && together(o, beside) {
			names = append(names, o.Name)
		}
	}
	x.names[key] = union(names)
	return x.names[key]
}

// metric finds a metric of a source.
func (x *index) metric(beside *manifest.Object, ref v1alpha1.MetricReference) (*v1alpha1.Metric, bool) {
	source, found := named[*v1alpha1.DataSource](x, beside, ref.Source)
	if !found {
		return nil, false
	}
	for i := range source.Spec.Metrics {
		if source.Spec.Metrics[i].Name == ref.Metric {
			return &source.Spec.Metrics[i], true
		}
	}
	return nil, false
}

// bands returns the bands of all models, sorted.
func (x *index) bands(beside *manifest.Object) []string {
	var names []string
	for _, m := range all[*v1alpha1.HealthScoreModel](x, beside) {
		for _, b := range m.of.Spec.Bands {
			names = append(names, string(b.Name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// measures returns the names of the measures of all models, sorted.
func (x *index) measures(beside *manifest.Object) []string {
	var names []string
	for _, m := range all[*v1alpha1.HealthScoreModel](x, beside) {
		for i := range m.of.Spec.Measures {
			names = append(names, m.of.Spec.Measures[i].Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// keys returns the keys of a ConfigMap or Secret, sorted, and whether it is among the files.
func (x *index) keys(kind string, beside *manifest.Object, name string) ([]string, bool) {
	for _, o := range x.objects {
		if o.GVK.Group != "" || o.GVK.Kind != kind || o.Name != name || !together(o, beside) {
			continue
		}
		var keys []string
		for _, field := range []string{"data", "binaryData", "stringData"} {
			content, _ := o.Raw[field].(map[string]any)
			keys = slices.AppendSeq(keys, maps.Keys(content))
		}
		return union(keys), true
	}
	return nil, false
}
