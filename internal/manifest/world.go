package manifest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/internal/fleet"
)

// World sorts the objects of one namespace, those that name none included, each kind by name. The objects are copies. The
// error names every object that cannot be read.
func (s *Set) World(namespace string) (*fleet.World, error) {
	w := &fleet.World{Namespace: namespace}
	errs := s.errors(namespace)
	err := s.each(namespace, func(o client.Object) { w.Add(o) })
	if err := errors.Join(errs, err); err != nil {
		return nil, err
	}
	return w, nil
}

// ConfigMaps returns the data of the ConfigMaps of one namespace, those that name none included, by name and key.
func (s *Set) ConfigMaps(namespace string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, o := range s.Objects {
		cm, isConfigMap := o.Typed.(*corev1.ConfigMap)
		if !isConfigMap || !o.in(namespace) {
			continue
		}
		data := maps.Clone(cm.Data)
		if data == nil {
			data = map[string]string{}
		}
		for key, bytes := range cm.BinaryData {
			data[key] = string(bytes)
		}
		all[cm.Name] = data
	}
	return all
}

// in reports whether an object is in a namespace, or names none.
func (o *Object) in(namespace string) bool { return o.Namespace == "" || o.Namespace == namespace }

// errors joins all that cannot be read.
func (s *Set) errors(namespace string) error {
	var errs []error
	for _, p := range s.Problems {
		errs = append(errs, errors.New(p.String()))
	}
	for _, o := range s.Objects {
		switch {
		case !o.in(namespace):
		case o.Unreadable != nil:
			errs = append(errs, fmt.Errorf("%s: %s cannot be read: %w", o.Position, o, o.Unreadable))
		case o.Ours() && o.Name == "":
			errs = append(errs, fmt.Errorf("%s: %s has no metadata.name", o.Position, o.GVK.Kind))
		}
	}
	return errors.Join(errs...)
}

// each calls a function for a copy of each object of a namespace that can be read, by kind and name.
func (s *Set) each(namespace string, visit func(client.Object)) error {
	byName := map[identity]*Object{}
	var errs []error
	for _, o := range s.Objects {
		if o.Typed == nil || !o.in(namespace) {
			continue
		}
		id := identity{o.GVK.Group, o.GVK.Kind, "", o.Name}
		if first := byName[id]; first != nil && first.Namespace != o.Namespace {
			errs = append(errs, fmt.Errorf("%s: %s is also at %s: both are in namespace %s", o.Position, o, first.Position, namespace))
		}
		byName[id] = o
	}
	for _, id := range slices.SortedFunc(maps.Keys(byName), identity.compare) {
		typed, isObject := byName[id].Typed.DeepCopyObject().(client.Object)
		if !isObject {
			continue
		}
		typed.SetNamespace(namespace)
		visit(typed)
	}
	return errors.Join(errs...)
}
