package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// newRefresh is the command refresh.
func newRefresh(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "refresh KIND/NAME...",
		Short: "Have the operator look at something now",
		Long: `Asks the operator to look at an object now: a DataSource is read at once, everything else is evaluated again. It never
needs to be asked: what changes it notices. status.lastHandledRequestedAt says when it has done so.`,
		Example: `  perennial refresh datasource/usage
  perennial refresh account/acme accountset/customers`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name what to look at: datasource/NAME or account/NAME, say")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := d.check(); err != nil {
			return err
		}
		return a.refresh(cmd.Context(), args, d)
	}
	return c
}

// refresh asks for a look at each of some objects.
func (a *app) refresh(ctx context.Context, args []string, d *dryRun) error {
	namespace, err := a.namespace()
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	failed := false
	for _, arg := range args {
		object, key, err := declared(arg, namespace)
		if err == nil {
			err = patiently("the object", func() error {
				if err := c.Get(ctx, key, object); err != nil || !d.writes() {
					return notThere(err, strings.Split(arg, "/")[0], key)
				}
				return annotate(ctx, c, object, v1alpha1.AnnotationRequestedAt, a.Clock.Now().UTC().Format(time.RFC3339Nano), d)
			})
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			_, _ = fmt.Fprintf(a.ErrOut, "Error: %s: %v\n", arg, err)
			failed = true
			continue
		}
		_, _ = fmt.Fprintf(a.Out, "%s: asked for%s\n", arg, d.note())
	}
	if failed {
		return exit(ExitError)
	}
	return nil
}

// declared names an object that people declare.
func declared(arg, namespace string) (client.Object, types.NamespacedName, error) {
	resource, name, _ := strings.Cut(arg, "/")
	resource, _, _ = strings.Cut(strings.ToLower(resource), ".")
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if name == "" || strings.Contains(name, "/") {
		return nil, key, errors.New("write KIND/NAME: datasource/usage, say")
	}
	switch resource {
	case "account", "accounts", "acct":
		return &v1alpha1.Account{}, key, nil
	case kindAccountSet, "accountsets", "acctset":
		return &v1alpha1.AccountSet{}, key, nil
	case kindDataSource, "datasources", "dsrc":
		return &v1alpha1.DataSource{}, key, nil
	case "healthscoremodel", "healthscoremodels", "hsm":
		return &v1alpha1.HealthScoreModel{}, key, nil
	case "playbook", "playbooks", "pb":
		return &v1alpha1.Playbook{}, key, nil
	case "notifier", "notifiers":
		return &v1alpha1.Notifier{}, key, nil
	}
	return nil, key, errors.New("nothing is asked of that kind: use account, accountset, datasource, healthscoremodel, playbook or notifier")
}
