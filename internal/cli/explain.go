package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// formatWords is an answer in words, for people.
const formatWords = "text"

// explainOptions are the flags of explain.
type explainOptions struct {
	app     *app
	facts   *factsOptions
	output  *output
	account string
}

// newExplain is the command explain.
func newExplain(a *app) *cobra.Command {
	o := &explainOptions{app: a}
	c := &cobra.Command{
		Use:   "explain KIND/NAME",
		Short: "Say why an account has its score, and why a playbook did or did not start",
		Long: `Say why an account has the score and the band that it has: what every measure adds, what is missing, which rules hold, why
the score last moved, and what would move the band. The points that are shown add up to the score. Then, which playbooks
watch the account, and how far each is from starting.

Of a playbook, say for whom it fires, who is pending, held, inhibited or cooling down, and who is close. With --account, go
through it step by step: whether the playbook selects the account, how each trigger stands, and what holds the run back.

Tasks and runs are explained by why they are there, and what ends them.`,
		Example: `  # Why is Acme at risk?
  perennial explain account/acme
  # Who is close to a rescue?
  perennial explain playbook/rescue
  # Why is there no rescue of Acme?
  perennial explain playbook/rescue --account acme
  # From a snapshot, for a program
  perennial explain account acme --snapshot acme.snapshot -o json`,
		Args:              explainArgs,
		ValidArgsFunction: a.completeExplained,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	o.output = addOutput(c, formatWords, formatJSON, formatYAML)
	o.facts = a.addFactsFlags(c)
	c.Flags().StringVar(&o.account, "account", "", "Account on which a playbook is explained, step by step.")
	_ = c.RegisterFlagCompletionFunc("account", a.completeNames(&v1alpha1.AccountList{}, 0, nil))
	return c
}

// explainKinds are the names by which kinds are known.
var explainKinds = map[string]string{
	"account": "account", "accounts": "account", "acct": "account",
	"playbook": "playbook", "playbooks": "playbook", "pb": "playbook",
	"task": "task", "tasks": "task", "ptask": "task",
	"run": "run", "runs": "run", "playbookrun": "run", "playbookruns": "run", "pbr": "run",
}

// explainArgs checks what is to be explained.
func explainArgs(_ *cobra.Command, args []string) error {
	_, _, err := explained(args)
	return err
}

// explained reads what is to be explained: KIND/NAME, or KIND NAME.
func explained(args []string) (kind, name string, err error) {
	switch {
	case len(args) == 1 && strings.Contains(args[0], "/"):
		kind, name, _ = strings.Cut(args[0], "/")
	case len(args) == 2:
		kind, name = args[0], args[1]
	case len(args) == 1:
		return "", "", fmt.Errorf("%s: say what it is: account/%[1]s, playbook/%[1]s, task/%[1]s or run/%[1]s", args[0])
	default:
		return "", "", fmt.Errorf("say what to explain: account/NAME, playbook/NAME, task/NAME or run/NAME")
	}
	short, _, _ := strings.Cut(strings.ToLower(kind), ".")
	known, ok := explainKinds[short]
	switch {
	case !ok:
		return "", "", fmt.Errorf("%s: there is nothing to explain of that; use account, playbook, task or run", kind)
	case name == "" || strings.Contains(name, "/"):
		return "", "", fmt.Errorf("%s: write %s/NAME", strings.Join(args, " "), known)
	}
	return known, name, nil
}

// run explains.
func (o *explainOptions) run(c *cobra.Command, args []string) error {
	kind, name, err := explained(args)
	if err != nil {
		return err
	}
	if err := o.output.check(); err != nil {
		return err
	}
	if o.account != "" && kind != "playbook" {
		return fmt.Errorf("--account goes with a playbook: perennial explain playbook/NAME --account %s", o.account)
	}
	o.account = strings.TrimPrefix(o.account, "account/")
	s, err := o.facts.take(c.Context(), "")
	if err != nil {
		return err
	}
	whole, text, err := o.explain(s, kind, name)
	if err != nil {
		return err
	}
	if o.output.format == formatWords {
		_, err := io.WriteString(o.app.Out, text())
		return err
	}
	return o.output.answer(o.app.Out, whole, nil)
}

// explain explains one object, as a structure and as a text.
func (o *explainOptions) explain(s *snapshot.Snapshot, kind, name string) (whole any, text func() string, err error) {
	t := &explainText{app: o.app}
	switch {
	case kind == "account":
		e, err := explain.Account(s.World, name, s.Time)
		return e, func() string { return t.account(e) }, err
	case kind == "playbook" && o.account != "":
		e, err := explain.PlaybookOn(s.World, name, o.account, s.Time)
		return e, func() string { return t.playbookOn(e) }, err
	case kind == "playbook":
		e, err := explain.Playbook(s.World, name, s.Time)
		return e, func() string { return t.playbook(e) }, err
	case kind == "task":
		e, err := explain.Task(s.World, name, s.Time)
		return e, func() string { return t.work(e) }, err
	default:
		e, err := explain.Run(s.World, name, s.Time)
		return e, func() string { return t.work(e) }, err
	}
}

// completeExplained completes KIND/ and then the names of that kind.
func (a *app) completeExplained(c *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	kind, _, slash := strings.Cut(toComplete, "/")
	if len(args) == 1 {
		kind = args[0]
	}
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if !slash && len(args) == 0 {
		return []cobra.Completion{"account/", "playbook/", "run/", "task/"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	complete := map[string]cobra.CompletionFunc{
		"account": a.completeNames(&v1alpha1.AccountList{}, 0, nil), "playbook": a.completeNames(&v1alpha1.PlaybookList{}, 0, nil),
		"task": a.completeNames(&v1alpha1.TaskList{}, 0, nil), "run": a.completeNames(&v1alpha1.PlaybookRunList{}, 0, nil),
	}[explainKinds[kind]]
	if complete == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, directive := complete(c, nil, toComplete)
	if len(args) == 0 {
		for i := range names {
			names[i] = kind + "/" + names[i]
		}
	}
	return names, directive
}
