package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// approval are the flags of approve.
type approval struct {
	id  string
	dry *dryRun
}

// newApprove is the command approve.
func newApprove(a *app) *cobra.Command {
	f := &approval{}
	c := &cobra.Command{
		Use:   "approve [accountset/NAME | datasource/NAME]...",
		Short: "Let through what a guard held",
		Long: `Shows what a guard held, asks, and lets exactly that through: accounts that an AccountSet would make or prune, or a read
of a DataSource that has far fewer rows than the last. What has changed by then is not let through; it waits again.

Without a name it lists what waits in the namespace. Where nobody is there to ask, --id says which change is meant.`,
		Example: `  perennial approve
  perennial approve accountset/customers
  perennial approve datasource/usage --id 0f3a9b2c4d`,
		ValidArgsFunction: a.completeHeld,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return f.list(cmd.Context(), a)
			}
			return f.run(cmd.Context(), a, args)
		},
	}
	c.Flags().StringVar(&f.id, "id", "", "The change that is meant, where nobody is there to ask; the list has it.")
	f.dry = addDryRun(c)
	return c
}

// list shows what waits.
func (f *approval) list(ctx context.Context, a *app) error {
	if f.id != "" {
		return errors.New("--id: name what it is of: accountset/NAME or datasource/NAME")
	}
	namespace, err := a.namespace()
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	waiting, err := allHeld(ctx, c, namespace)
	if err != nil {
		return err
	}
	if len(waiting) == 0 {
		_, _ = fmt.Fprintf(a.ErrOut, "Nothing waits for approval in namespace %s.\n", namespace)
		return nil
	}
	t := &table{columns: []column{{name: "NAME"}, {name: "ID"}, {name: "WHAT WAITS"}}}
	for i := range waiting {
		t.row(waiting[i].name(), waiting[i].id, waiting[i].what)
	}
	return t.write(a.Out, formatTable)
}

// run approves what is named.
func (f *approval) run(ctx context.Context, a *app, args []string) error {
	if err := f.dry.check(); err != nil {
		return err
	}
	if f.id != "" && len(args) > 1 {
		return errors.New("--id: it stands for one change; name one object")
	}
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
		err := f.approve(ctx, a, c, namespace, arg)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && len(args) == 1:
			return err
		case err != nil:
			_, _ = fmt.Fprintln(a.ErrOut, "Error:", err)
			failed = true
		}
	}
	if failed {
		return exit(ExitError)
	}
	return nil
}

// approve lets through what one object holds.
func (f *approval) approve(ctx context.Context, a *app, c client.Client, namespace, arg string) error {
	h, err := readHeld(ctx, c, namespace, arg)
	if err != nil {
		return err
	}
	switch {
	case h.what == "":
		_, _ = fmt.Fprintf(a.Out, "%s: nothing waits for approval\n", h.name())
		return nil
	case h.id == "":
		return fmt.Errorf("%s: what waits has no id to approve: %s", h.name(), h.what)
	case h.annotation() == h.id:
		_, _ = fmt.Fprintf(a.Out, "%s: %s is approved already; the operator has yet to act on it\n", h.name(), h.id)
		return nil
	case f.id != "" && f.id != h.id:
		return fmt.Errorf("%s: --id: %s does not wait (any more). What waits is %s: %s", h.name(), f.id, h.id, h.what)
	}
	if f.id == "" {
		_, _ = fmt.Fprintf(a.Out, "%s: %s\n%s", h.name(), h.what, h.sample)
		if f.dry.mode == dryRunNone {
			if err := f.ask(ctx, a, h); err != nil {
				return err
			}
		}
	}
	if err := h.letThrough(ctx, c, f.dry); err != nil {
		return fmt.Errorf("%s: %w", h.name(), err)
	}
	_, _ = fmt.Fprintf(a.Out, "%s: approved %s%s\n", h.name(), h.id, f.dry.note())
	return nil
}

// ask asks whether a change may pass.
func (f *approval) ask(ctx context.Context, a *app, h *held) error {
	if !a.isTerminal() {
		return fmt.Errorf("%s: nobody is there to ask; to let exactly this through: perennial approve %s -n %s --id %s", h.name(), h.name(), h.key.Namespace, h.id)
	}
	yes, err := a.confirm(ctx, "Let it through?")
	if err == nil && !yes {
		_, _ = fmt.Fprintln(a.ErrOut, "Nothing was approved.")
		return exit(ExitError)
	}
	return err
}

// letThrough writes the approval, if the same change still waits.
func (h *held) letThrough(ctx context.Context, c client.Client, d *dryRun) error {
	id := h.id
	return patiently("the object", func() error {
		now, err := readHeld(ctx, c, h.key.Namespace, h.name())
		switch {
		case err != nil:
			return err
		case now.what == "":
			return errors.New("it does not wait any more; nothing was approved")
		case now.id != id:
			return fmt.Errorf("another change waits by now, %s: %s; nothing was approved", now.id, now.what)
		case !d.writes():
			return nil
		}
		return annotate(ctx, c, now.object, v1alpha1.AnnotationApprove, id, d)
	})
}

// annotate writes an annotation under the version of the object that was looked at.
func annotate(ctx context.Context, c client.Client, object client.Object, key, text string, d *dryRun) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": object.GetResourceVersion(), "uid": object.GetUID(), "annotations": map[string]string{key: text},
	}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, object, client.RawPatch(types.MergePatchType, body), d.patchOptions()...)
}

// completeHeld completes what waits.
func (a *app) completeHeld(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	namespace, err := a.namespace()
	if err != nil {
		return nil, nothing
	}
	c, err := a.client()
	if err != nil {
		return nil, nothing
	}
	waiting, err := allHeld(cmd.Context(), c, namespace)
	if err != nil {
		return nil, nothing
	}
	var names []cobra.Completion
	for i := range waiting {
		names = append(names, cobra.CompletionWithDesc(waiting[i].name(), strings.ReplaceAll(waiting[i].what, "\n", " ")))
	}
	return names, nothing
}
