package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// tasksOptions are the flags of tasks.
type tasksOptions struct {
	app    *app
	view   *viewOptions
	output *output
	filter explain.TaskFilter
	mine   bool
	asUser string
}

// newTasks is the command tasks.
func newTasks(a *app) *cobra.Command {
	o := &tasksOptions{app: a}
	c := &cobra.Command{
		Use:   "tasks",
		Short: "List tasks, those that are due first first",
		Long: `List the tasks that are not over, those that are due first first. -o wide says why each is there.

--mine are the tasks of whoever you are on the cluster; where tasks know you by another name, say it with --as-user, or in
$` + userVariable + `. Capitals do not count, nor does what a cluster puts before the names of an identity provider, such as oidc:.`,
		Example: `  # What is mine to do?
  perennial tasks --mine
  # What is late, everywhere?
  perennial tasks --overdue -A
  # What is there to do at Acme, and what was done?
  perennial tasks --account acme --all -o wide`,
		Args: viewNoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.output = addOutput(c)
	o.view = a.addViewFlags(c, true)
	f := c.Flags()
	f.BoolVar(&o.mine, "mine", false, "Only your own tasks.")
	f.StringVar(&o.asUser, "as-user", "", "Who you are to --mine. $"+userVariable+" if unset, else your user name on the cluster.")
	f.StringVar(&o.filter.Assignee, "assignee", "", "Only tasks of this person.")
	f.BoolVar(&o.filter.Unassigned, "unassigned", false, "Only tasks that are with nobody.")
	f.BoolVar(&o.filter.Overdue, "overdue", false, "Only tasks past their due time.")
	f.StringVar(&o.filter.Account, "account", "", "Only tasks on this account.")
	f.StringVar(&o.filter.Playbook, "playbook", "", "Only tasks that this playbook made.")
	f.BoolVar(&o.filter.All, "all", false, "Also tasks that are done or canceled.")
	_ = c.RegisterFlagCompletionFunc("account", a.completeNames(&v1alpha1.AccountList{}, 0, nil))
	_ = c.RegisterFlagCompletionFunc("playbook", a.completeNames(&v1alpha1.PlaybookList{}, 0, nil))
	return c
}

// run lists the tasks.
func (o *tasksOptions) run(c *cobra.Command) error {
	if err := o.output.check(); err != nil {
		return err
	}
	o.filter.Account = strings.TrimPrefix(o.filter.Account, "account/")
	if o.asUser != "" && !o.mine {
		return errors.New("--as-user says who --mine is: use both, or --assignee alone")
	}
	if err := o.oneOfWhose(); err != nil {
		return err
	}
	if o.mine {
		if err := o.whose(c); err != nil {
			return err
		}
	}
	w, now, err := o.view.world(c.Context())
	if err != nil {
		return err
	}
	lines := explain.Tasks(w, o.filter, now)
	if err := o.known(w, len(lines)); err != nil {
		return err
	}
	if len(lines) == 0 && (o.output.format == formatTable || o.output.format == formatWide) {
		_, _ = fmt.Fprintln(o.app.ErrOut, o.nothing())
		return nil
	}
	return o.output.answer(o.app.Out, lines, func() *table { return o.table(lines) })
}

// oneOfWhose refuses flags that say in several ways whose tasks are wanted.
func (o *tasksOptions) oneOfWhose() error {
	var set []string
	for _, flag := range []struct {
		name string
		set  bool
	}{{"--mine", o.mine}, {"--assignee", o.filter.Assignee != ""}, {"--unassigned", o.filter.Unassigned}} {
		if flag.set {
			set = append(set, flag.name)
		}
	}
	if len(set) > 1 {
		return fmt.Errorf("%s: use one of them, each says whose tasks you want", strings.Join(set, " and "))
	}
	return nil
}

// known refuses an account or a playbook that is not there, where no task is of it either: a task may be left of one that is
// gone.
func (o *tasksOptions) known(w *fleet.World, found int) error {
	if found > 0 {
		return nil
	}
	var accounts, playbooks []string
	for _, a := range w.Accounts {
		accounts = append(accounts, a.Name)
	}
	for _, pb := range w.Playbooks {
		playbooks = append(playbooks, pb.Name)
		playbooks = append(playbooks, pb.Spec.PreviousNames...)
	}
	for _, asked := range []struct {
		kind, name string
		names      []string
	}{{"account", o.filter.Account, accounts}, {"playbook", o.filter.Playbook, playbooks}} {
		if asked.name != "" && !slices.Contains(asked.names, asked.name) {
			slices.Sort(asked.names)
			return explain.NotFound(asked.kind, asked.name, w.Namespace, slices.Compact(asked.names))
		}
	}
	return nil
}

// whose finds out who asks.
func (o *tasksOptions) whose(c *cobra.Command) error {
	if o.asUser == "" {
		o.asUser = o.app.Getenv(userVariable)
	}
	if o.asUser == "" {
		k, err := o.app.client()
		if err != nil {
			return fmt.Errorf("who you are only a cluster knows (--as-user NAME says it too): %w", err)
		}
		if o.asUser, _, err = o.app.person(c.Context(), k, ""); err != nil {
			if why := errors.Unwrap(err); why != nil {
				err = why
			}
			return fmt.Errorf("who you are only the cluster knows (--as-user NAME says it too): %w", err)
		}
	}
	o.filter.Assignee = o.asUser
	return nil
}

// nothing says that no task was found, and of whom.
func (o *tasksOptions) nothing() string {
	switch {
	case o.mine:
		return fmt.Sprintf("no task is with %s; where tasks know you by another name, use --as-user", o.asUser)
	case o.filter == (explain.TaskFilter{}):
		return "no task is open"
	default:
		return "no task is as the flags say"
	}
}

// table writes the tasks.
func (o *tasksOptions) table(lines []explain.TaskLine) *table {
	t := &table{columns: []column{
		{name: "TASK"},
		{name: "ACCOUNT"},
		{name: "TITLE"},
		{name: "STATE"},
		{name: "ASSIGNEE", wide: o.mine},
		{name: "DUE"},
		{name: "PRIORITY"},
		{name: "PLAYBOOK", wide: true},
		{name: "WHY", wide: true},
	}}
	if o.view.all {
		t.columns = append([]column{{name: "NAMESPACE"}}, t.columns...)
	}
	painted := o.output.format == formatTable || o.output.format == formatWide
	for _, line := range lines {
		due := line.DueIn
		switch {
		case o.output.format == formatCSV && line.Due != nil:
			due = value.FormatTime(*line.Due)
		case due == "" && o.output.format != formatCSV:
			due = "-"
		}
		if line.Overdue && painted {
			due = o.app.paint(paintBad, due)
		}
		account := line.DisplayName
		if account == "" {
			account = line.Account
		}
		cells := []string{
			line.Name, planText(account, 40), planText(line.Title, 80), string(line.State), orWord(line.Assignee, "-"), due,
			orWord(string(line.Priority), "-"), line.Playbook, shortReason(line.Why),
		}
		if o.view.all {
			cells = append([]string{line.Namespace}, cells...)
		}
		t.row(cells...)
	}
	return t
}
