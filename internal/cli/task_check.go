package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// newTaskCheck is the command task check.
func newTaskCheck(a *app) *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "check NAME [ITEM...]",
		Short: "Tick off items of a task's checklist",
		Long: `Ticks off items of a task's checklist: by number, or by as much of the text as makes it clear. Without an item it shows
the list.`,
		Example: `  perennial task check acme-rescue-0123456789-call
  perennial task check acme-rescue-0123456789-call 1 sponsor
  perennial task check acme-rescue-0123456789-call 1 --undo`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name a task, and items of its checklist; kubectl get tasks lists them")
			}
			return nil
		},
	}
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return a.taskNames(notEnded)(cmd, args, toComplete)
		}
		return a.completeItems(cmd, args)
	}
	c.Flags().BoolVar(&undo, "undo", false, "Take the tick away.")
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeTasks(cmd.Context(), args[:1], d, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			return checkTask(task, args[1:], !undo)
		})
	}
	return c
}

// checkTask ticks off items, or shows them.
func checkTask(task *v1alpha1.Task, items []string, done bool) (taskChange, error) {
	list := task.Spec.Checklist
	if len(list) == 0 {
		return taskChange{}, errors.New("it has no checklist")
	}
	if len(items) == 0 {
		return taskChange{says: "\n" + checklistOf(task)}, nil
	}
	change := taskChange{items: map[int]bool{}}
	var named []string
	for _, item := range items {
		i, err := itemOf(task, item)
		if err != nil {
			return taskChange{}, err
		}
		named = append(named, string(list[i].Name))
		if list[i].Done != done {
			change.items[i] = done
		}
	}
	verb := "ticked off: "
	switch {
	case !change.changes() && done:
		verb = "has these ticked off already: "
	case !change.changes():
		verb = "has these open already: "
	case !done:
		verb = "no longer ticked off: "
	}
	change.says = verb + strings.Join(named, "; ")
	return change, nil
}

// itemOf finds an item by its text, its number, or the beginning of its text that no other has.
func itemOf(task *v1alpha1.Task, item string) (int, error) {
	list := task.Spec.Checklist
	var found []int
	for i := range list {
		if string(list[i].Name) == item {
			return i, nil
		}
		if item != "" && strings.HasPrefix(strings.ToLower(string(list[i].Name)), strings.ToLower(item)) {
			found = append(found, i)
		}
	}
	if n, err := strconv.Atoi(item); err == nil && n >= 1 && n <= len(list) {
		return n - 1, nil
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("no item is or begins with %q; there are:\n%s", item, checklistOf(task))
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("several items begin with %q; there are:\n%s", item, checklistOf(task))
}

// checklistOf writes a checklist with its numbers.
func checklistOf(task *v1alpha1.Task) string {
	lines := make([]string, len(task.Spec.Checklist))
	for i, item := range task.Spec.Checklist {
		tick := " "
		if item.Done {
			tick = "x"
		}
		lines[i] = fmt.Sprintf("  %2d [%s] %s", i+1, tick, item.Name)
	}
	return strings.Join(lines, "\n")
}

// completeItems completes the items of a task's checklist.
func (a *app) completeItems(cmd *cobra.Command, args []string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	task, ok := a.taskToComplete(cmd, args[0])
	if !ok {
		return nil, nothing
	}
	var items []cobra.Completion
	for i, item := range task.Spec.Checklist {
		items = append(items, cobra.CompletionWithDesc(strconv.Itoa(i+1), string(item.Name)))
	}
	return items, nothing | cobra.ShellCompDirectiveKeepOrder
}

// taskToComplete reads the task whose parts are completed, if it can.
func (a *app) taskToComplete(cmd *cobra.Command, arg string) (*v1alpha1.Task, bool) {
	namespace, err := a.namespace()
	if err != nil {
		return nil, false
	}
	c, err := a.client()
	if err != nil {
		return nil, false
	}
	name, err := nameOf(arg, "task", "tasks", "ptask")
	if err != nil {
		return nil, false
	}
	var task v1alpha1.Task
	err = c.Get(cmd.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &task)
	return &task, err == nil
}
