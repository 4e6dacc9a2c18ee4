package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// viewOptions say which part of a customer base a view shows.
type viewOptions struct {
	app *app
	// file is a snapshot file; with it nothing is asked.
	file string
	// all are all namespaces.
	all bool
}

// addViewFlags adds the flags of a view; -A where it can show several namespaces.
func (a *app) addViewFlags(c *cobra.Command, several bool) *viewOptions {
	o := &viewOptions{app: a}
	c.Flags().StringVar(&o.file, "snapshot", "", "Snapshot file to look at instead of a cluster, as perennial snapshot writes one; - is the standard input.")
	if several {
		c.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "Show all namespaces.")
	}
	return o
}

// viewPage is how many objects are asked for at once.
const viewPage = 500

// world returns the accounts, the work on them and the models of the namespaces that are shown, and the moment that they
// are of. Only what a view needs is asked for: whoever looks after customers may not read the rest.
func (o *viewOptions) world(ctx context.Context) (*fleet.World, time.Time, error) {
	if o.file != "" {
		s, err := (&factsOptions{app: o.app, file: o.file}).take(ctx, "")
		if err != nil {
			return nil, time.Time{}, err
		}
		return s.World, s.Time, nil
	}
	w := &fleet.World{}
	if !o.all {
		var err error
		if w.Namespace, err = o.app.namespace(); err != nil {
			return nil, time.Time{}, err
		}
	}
	c, err := o.app.client()
	if err != nil {
		return nil, time.Time{}, err
	}
	add := func(object runtime.Object) error {
		w.Add(object)
		return nil
	}
	lists := map[string]client.ObjectList{
		"accounts": &v1alpha1.AccountList{}, "health score models": &v1alpha1.HealthScoreModelList{},
		"runs": &v1alpha1.PlaybookRunList{}, "tasks": &v1alpha1.TaskList{},
	}
	for what, list := range lists {
		if err := viewList(ctx, c, list, w.Namespace, add); err != nil {
			return nil, time.Time{}, fmt.Errorf("list the %s: %w", what, err)
		}
	}
	return w, o.app.Clock.Now().UTC().Truncate(time.Second), nil
}

// viewList lists objects page by page.
func viewList(ctx context.Context, c client.Client, list client.ObjectList, namespace string, add func(runtime.Object) error) error {
	options := client.ListOptions{Namespace: namespace, Limit: viewPage}
	for {
		page, _ := list.DeepCopyObject().(client.ObjectList)
		if err := c.List(ctx, page, &options); err != nil {
			return err
		}
		if err := meta.EachListItem(page, add); err != nil {
			return err
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}
