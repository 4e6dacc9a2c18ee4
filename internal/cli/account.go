package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
)

// accountOptions are the flags of account.
type accountOptions struct {
	app    *app
	view   *viewOptions
	output *output
	most   int
}

// newAccount is the command account.
func newAccount(a *app) *cobra.Command {
	o := &accountOptions{app: a}
	c := &cobra.Command{
		Use:   "account NAME",
		Short: "Show all there is about an account, and say what you know of it",
		Long: `Show all there is about an account on one page: contract and team, health and its history, what drags it down, what people
entered, the work that is under way, and what happened lately.

perennial explain account/NAME says in full how the score comes to be, and how far each playbook is from starting.`,
		Example: `  perennial account acme
  # What has happened this year?
  perennial account acme --timeline 100`,
		Args:              accountArgs,
		ValidArgsFunction: a.completeNames(&v1alpha1.AccountList{}, 1, nil),
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.output = addOutput(c, formatWords, formatJSON, formatYAML)
	o.view = a.addViewFlags(c, false)
	c.Flags().IntVar(&o.most, "timeline", 12, "How much of what happened to show, the newest first.")
	c.AddCommand(newAccountMeasure(a), newAccountOverride(a))
	return c
}

// accountArgs asks for one account.
func accountArgs(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("say which account: perennial account NAME")
	case 1:
		_, err := nameOf(args[0], "account", "accounts", "acct")
		return err
	}
	return fmt.Errorf("%s: one account at a time", args[1])
}

// maxTimeline is the most that --timeline takes.
const maxTimeline = 1000

// run shows the account.
func (o *accountOptions) run(ctx context.Context, arg string) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if o.most < 0 || o.most > maxTimeline {
		return fmt.Errorf("--timeline %d: 0 to %d", o.most, maxTimeline)
	}
	name, err := nameOf(arg, "account", "accounts", "acct")
	if err != nil {
		return err
	}
	w, now, err := o.view.world(ctx)
	if err != nil {
		return err
	}
	view, err := explain.AccountOverview(w, name, now, o.happenings(ctx, w.Namespace, name), o.most)
	if err != nil {
		return err
	}
	if o.output.format != formatWords {
		return o.output.answer(o.app.Out, view, nil)
	}
	t := &explainText{app: o.app}
	_, err = io.WriteString(o.app.Out, t.overview(view))
	return err
}
