package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// pageSize is how many objects are asked for at once.
const pageSize = 500

// FromCluster takes a snapshot of a namespace. Facts are what the accounts' statuses remember.
func FromCluster(ctx context.Context, c client.Reader, namespace string, now time.Time) (*Snapshot, error) {
	s := &Snapshot{Time: now.UTC().Truncate(time.Second), From: Statuses, World: &fleet.World{Namespace: namespace}}
	for _, b := range buckets() {
		objects, err := listAll(ctx, c, b, namespace)
		if err != nil {
			return nil, fmt.Errorf("list what is of kind %s in namespace %s: %w", b.kind, namespace, err)
		}
		for _, o := range objects {
			o.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(b.kind))
			o.SetManagedFields(neededFields(o))
			b.add(s.World, o)
		}
	}
	s.World.Sources = s.own() //nolint:contextcheck // what they read later they read from memory
	return s, nil
}

// listAll lists one kind, sorted by name.
func listAll(ctx context.Context, c client.Reader, b bucket, namespace string) ([]client.Object, error) {
	var objects []client.Object
	options := client.ListOptions{Namespace: namespace, Limit: pageSize}
	for {
		page := b.list()
		err := c.List(ctx, page, &options)
		if apierrors.IsResourceExpired(err) && options.Limit > 0 {
			// It took so long that the pages are no longer of one moment: all at once, then.
			objects, options = nil, client.ListOptions{Namespace: namespace}
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := meta.EachListItem(page, func(o runtime.Object) error {
			objects = append(objects, o.(client.Object))
			return nil
		}); err != nil {
			return nil, err
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			break
		}
	}
	slices.SortFunc(objects, func(a, b client.Object) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return objects, nil
}

// neededFields returns what somebody reads of who owns which field: of an account that a set made, who owns its spec and
// metadata; of any other, what people entered beside git. The rest is half of an object.
func neededFields(o client.Object) []metav1.ManagedFieldsEntry {
	if _, ok := o.(*v1alpha1.Account); !ok {
		return nil
	}
	ofSet := o.GetLabels()[v1alpha1.LabelAccountSet] != ""
	return slices.DeleteFunc(slices.Clone(o.GetManagedFields()), func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource != "" || !ofSet && e.Manager != v1alpha1.FieldManagerPerson
	})
}
