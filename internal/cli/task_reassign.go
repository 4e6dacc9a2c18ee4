package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// taskReassign are the flags of task reassign.
type taskReassign struct {
	from, to          string
	account, playbook string
	everywhere, yes   bool
	dry               *dryRun
	out               *output
}

// reassigned is a task that changes hands, as -o json writes it.
type reassigned struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Account   string `json:"account"`
	State     string `json:"state"`
	Due       string `json:"due,omitempty"`
	Title     string `json:"title"`
	From      string `json:"from"`
	To        string `json:"to"`
}

// newTaskReassign is the command task reassign.
func newTaskReassign(a *app) *cobra.Command {
	f := &taskReassign{}
	c := &cobra.Command{
		Use:   "reassign --from USER --to USER",
		Short: "Hand all open tasks of one person to another",
		Long: `Hands over all tasks that are with somebody and not over, those included that wait for the steps before them. It shows
what it will do and asks. Tasks that escalation took from him stay where they are.

New tasks follow the owner of the account: he is changed where the account is declared.`,
		Example: `  perennial task reassign --from jo@example.com --to al@example.com --dry-run
  perennial task reassign --from jo@example.com --to al@example.com --account acme --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), a) },
	}
	c.Flags().StringVar(&f.from, "from", "", "Who has the tasks now. Required.")
	c.Flags().StringVar(&f.to, "to", "", "Who shall have them. Required.")
	c.Flags().StringVar(&f.account, "account", "", "Only tasks on this account.")
	c.Flags().StringVar(&f.playbook, "playbook", "", "Only tasks of this playbook.")
	c.Flags().BoolVarP(&f.everywhere, "all-namespaces", "A", false, "Tasks in all namespaces.")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "Do not ask.")
	f.dry = addDryRun(c)
	f.out = addOutput(c)
	_ = c.RegisterFlagCompletionFunc("account", a.completeNames(&v1alpha1.AccountList{}, 0, nil))
	_ = c.RegisterFlagCompletionFunc("playbook", a.completeNames(&v1alpha1.PlaybookList{}, 0, nil))
	return c
}

// run hands the tasks over.
func (f *taskReassign) run(ctx context.Context, a *app) error {
	if err := f.check(); err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	namespace := ""
	if !f.everywhere {
		if namespace, err = a.namespace(); err != nil {
			return err
		}
	}
	tasks, err := f.find(ctx, c, namespace)
	if err != nil {
		return err
	}
	if err := f.show(a, tasks); err != nil {
		return err
	}
	f.tellOwner(ctx, a, c, namespace)
	if len(tasks) == 0 {
		_, _ = fmt.Fprintf(a.ErrOut, "%s has no such open tasks.\n", f.from)
		return nil
	}
	if f.dry.mode == dryRunNone && !f.yes {
		if !a.isTerminal() {
			return fmt.Errorf("%s would be given to %s: nobody is there to ask, so say --yes", count(len(tasks), "task", "tasks"), f.to)
		}
		yes, err := a.confirm(ctx, fmt.Sprintf("Give %s to %s?", count(len(tasks), "task", "tasks"), f.to))
		if err != nil {
			return err
		}
		if !yes {
			_, _ = fmt.Fprintln(a.ErrOut, "Nothing was changed.")
			return exit(ExitError)
		}
	}
	return f.handOver(ctx, a, c, tasks)
}

// check refuses flags that do not fit.
func (f *taskReassign) check() error {
	switch {
	case f.from == "":
		return errors.New("--from: say whose tasks they are")
	case f.to == "":
		return errors.New("--to: say who shall have them")
	case f.from == f.to:
		return fmt.Errorf("--to: %s has them already", f.to)
	}
	return errors.Join(f.dry.check(), f.out.check())
}

// find returns the tasks, those that are due first before the others.
func (f *taskReassign) find(ctx context.Context, c client.Client, namespace string) ([]v1alpha1.Task, error) {
	var list v1alpha1.TaskList
	options := []client.ListOption{client.InNamespace(namespace), client.MatchingFields{"status.assignee": f.from}}
	if err := c.List(ctx, &list, options...); err != nil {
		return nil, err
	}
	renames, err := f.renames(ctx, c, namespace)
	if err != nil {
		return nil, err
	}
	tasks := slices.DeleteFunc(list.Items, func(t v1alpha1.Task) bool { return !f.concerns(&t) || !f.ofPlaybook(&t, renames) })
	slices.SortFunc(tasks, func(a, b v1alpha1.Task) int {
		return cmp.Or(compareDue(a.Status.DueTime, b.Status.DueTime), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return tasks, nil
}

// renames says what playbooks were called before, in each namespace.
func (f *taskReassign) renames(ctx context.Context, c client.Client, namespace string) (map[string]*playbook.Renames, error) {
	if f.playbook == "" {
		return nil, nil
	}
	var list v1alpha1.PlaybookList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil && !apierrors.IsForbidden(err) {
		return nil, err // whoever may not read playbooks goes by the name alone
	}
	playbooks := make([]*v1alpha1.Playbook, len(list.Items))
	for i := range list.Items {
		playbooks[i] = &list.Items[i]
	}
	return playbook.RenamesByNamespace(playbooks), nil
}

// ofPlaybook reports whether a task is of the playbook that is asked for, whatever that was called when it made it.
func (f *taskReassign) ofPlaybook(t *v1alpha1.Task, renames map[string]*playbook.Renames) bool {
	return f.playbook == "" || slices.ContainsFunc(renames[t.Namespace].Names(renames[t.Namespace].Now(f.playbook)), func(name string) bool {
		return t.Labels[v1alpha1.LabelPlaybook] == playbook.LabelValue(name)
	})
}

// compareDue orders due times; without one comes last.
func compareDue(a, b *metav1.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(b.Time)
}

// concerns reports whether a task is to be handed over.
func (f *taskReassign) concerns(t *v1alpha1.Task) bool {
	return assigneeOf(t) == f.from && !playbook.Ended(stateOf(t)) && t.DeletionTimestamp.IsZero() &&
		(f.account == "" || t.Spec.AccountRef.Name == f.account)
}

// show prints what will be done.
func (f *taskReassign) show(a *app, tasks []v1alpha1.Task) error {
	rows := make([]reassigned, len(tasks))
	for i := range tasks {
		t := &tasks[i]
		rows[i] = reassigned{
			Namespace: t.Namespace, Name: t.Name, Account: t.Spec.AccountRef.Name, State: string(stateOf(t)), Title: t.Spec.Title,
			From: f.from, To: f.to,
		}
		if t.Status.DueTime != nil {
			rows[i].Due = t.Status.DueTime.UTC().Format(time.RFC3339)
		}
	}
	if len(rows) == 0 && (f.out.format == formatTable || f.out.format == formatWide) {
		return nil
	}
	return f.out.answer(a.Out, rows, func() *table {
		t := &table{columns: []column{
			{name: "NAMESPACE", wide: !f.everywhere},
			{name: "NAME"},
			{name: "ACCOUNT"},
			{name: "STATE"},
			{name: "DUE"},
			{name: "FROM"},
			{name: "TO"},
			{name: "TITLE", wide: true},
		}}
		for _, r := range rows {
			t.row(r.Namespace, r.Name, r.Account, r.State, r.Due, r.From, r.To, r.Title)
		}
		return t
	})
}

// tellOwner warns of accounts that stay with the one who goes: their next tasks go there again.
func (f *taskReassign) tellOwner(ctx context.Context, a *app, c client.Client, namespace string) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccountList"))
	err := c.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{"spec.owner": f.from})
	if err != nil || len(list.Items) == 0 || f.account != "" || f.playbook != "" {
		return // whoever may not read accounts is told nothing of them
	}
	_, _ = fmt.Fprintf(a.ErrOut, "%s still owns %s: new tasks on them go there, until the owner is changed where they are declared.\n",
		f.from, count(len(list.Items), "account", "accounts"))
}

// handOver writes the tasks. Each is looked at anew: one that has changed hands meanwhile is left.
func (f *taskReassign) handOver(ctx context.Context, a *app, c client.Client, tasks []v1alpha1.Task) error {
	done, failed := 0, 0
	for i := range tasks {
		key := types.NamespacedName{Namespace: tasks[i].Namespace, Name: tasks[i].Name}
		given := false
		_, err := changeTask(ctx, c, key, f.dry, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			if !f.concerns(task) {
				return taskChange{}, fmt.Errorf("it is %s, and %s's by now", stateOf(task), orWord(assigneeOf(task), "nobody"))
			}
			given = true
			return assignTask(task, f.to)
		})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			failed++
			_, _ = fmt.Fprintf(a.ErrOut, "Error: task %s: %v\n", strings.TrimPrefix(key.String(), "/"), err)
		case given:
			done++
		}
	}
	_, _ = fmt.Fprintf(a.ErrOut, "Given to %s: %s%s\n", f.to, count(done, "task", "tasks"), f.dry.note())
	if failed > 0 {
		return exit(ExitError)
	}
	return nil
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
