package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/value"
)

// portfolioOptions are the flags of portfolio.
type portfolioOptions struct {
	app      *app
	view     *viewOptions
	output   *output
	by       string
	since    string
	selector string
	churned  bool
}

// newPortfolio is the command portfolio.
func newPortfolio(a *app) *cobra.Command {
	o := &portfolioOptions{app: a}
	c := &cobra.Command{
		Use:   "portfolio",
		Short: "Show how groups of accounts do: bands, ARR at risk, work",
		Long: `Show how groups of accounts do: how many are in each band, what they are worth, how much of that is at risk, how many changed
band lately, and how much work is open and overdue. The group with most at risk comes first.

At risk is the ARR of the accounts in any band but the best one of their model; accounts of which too little is known are
apart. Customers who left are not counted, unless --churned asks for them.`,
		Example: `  # By CSM
  perennial portfolio
  # Enterprise customers by industry, a label of the accounts
  perennial portfolio --by industry -l tier=enterprise
  # All namespaces, for a spreadsheet
  perennial portfolio --by touchModel -A -o csv`,
		Args: viewNoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.output = addOutput(c)
	o.view = a.addViewFlags(c, true)
	c.Flags().StringVar(&o.by, "by", "owner", "What to group by: "+strings.Join(explain.GroupWords(), ", ")+", or the key of a label (label=KEY where it has one of these names).")
	c.Flags().StringVar(&o.since, "since", "7d", "How far back a change of band counts, such as 24h or 30d.")
	c.Flags().StringVarP(&o.selector, "selector", "l", "", "Labels of the accounts to count, as kubectl takes them.")
	c.Flags().BoolVar(&o.churned, "churned", false, "Count customers who left as well.")
	_ = c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(explain.GroupWords(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// input reads the flags.
func (o *portfolioOptions) input(now time.Time) (in explain.PortfolioInput, err error) {
	in = explain.PortfolioInput{By: o.by, Churned: o.churned, Now: now}
	if in.By == "" || in.By == "label=" {
		return in, fmt.Errorf("--by: say what to group by: %s, or the key of a label", strings.Join(explain.GroupWords(), ", "))
	}
	if in.Since, err = value.ParseDuration(v1alpha1.Duration(o.since)); err != nil {
		return in, fmt.Errorf("--since: %w", err)
	}
	if in.Selector, err = labels.Parse(o.selector); err != nil {
		return in, fmt.Errorf("-l %s: %w", o.selector, err)
	}
	return in, nil
}

// run shows the groups.
func (o *portfolioOptions) run(c *cobra.Command) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if _, err := o.input(time.Time{}); err != nil {
		return err
	}
	w, now, err := o.view.world(c.Context())
	if err != nil {
		return err
	}
	in, err := o.input(now)
	if err != nil {
		return err
	}
	if err := explain.CheckBy(w, o.by); err != nil {
		return fmt.Errorf("--by %w", err)
	}
	v := explain.Portfolio(w, in)
	if v.Churned > 0 {
		_, _ = fmt.Fprintf(o.app.ErrOut, "%s churned, not counted\n", count(v.Churned, "customer has", "customers have"))
	}
	return o.output.answer(o.app.Out, v, func() *table { return o.table(v) })
}

// table writes the groups and their total.
func (o *portfolioOptions) table(v *explain.PortfolioView) *table {
	columns := []column{{name: strings.ToUpper(strings.TrimPrefix(v.By, "label="))}, {name: "ACCOUNTS", right: true}}
	for _, band := range v.Bands {
		columns = append(columns, column{name: strings.ToUpper(string(band)), right: true})
	}
	columns = append(columns, column{name: "UNKNOWN", right: true}, column{name: "ARR", right: true}, column{name: "ARR AT RISK", right: true},
		column{name: "ARR UNKNOWN", right: true, wide: true}, column{name: "MOVED " + v.Since, right: true}, column{name: "WORSE", right: true},
		column{name: "OPEN TASKS", right: true}, column{name: "OVERDUE", right: true})
	t := &table{columns: columns}
	for _, g := range v.Groups {
		t.row(o.row(v, g)...)
	}
	total := v.Total
	total.Group = "TOTAL"
	t.row(o.row(v, total)...)
	return t
}

// row writes one group. For a spreadsheet numbers are plain.
func (o *portfolioOptions) row(v *explain.PortfolioView, g explain.PortfolioGroup) []string {
	money := planNumber
	if o.output.format == formatCSV {
		money = func(n int64) string { return fmt.Sprint(n) }
	}
	name := g.Group
	if name == "" {
		name = "(none)"
	}
	cells := []string{planText(name, 60), fmt.Sprint(g.Accounts)}
	for _, band := range v.Bands {
		cells = append(cells, fmt.Sprint(g.InBand[band]))
	}
	return append(cells, fmt.Sprint(g.Unknown), money(g.ARR), money(g.ARRAtRisk), money(g.ARRUnknown),
		fmt.Sprint(g.Moved), fmt.Sprint(g.Worse), fmt.Sprint(g.OpenTasks), fmt.Sprint(g.Overdue))
}
