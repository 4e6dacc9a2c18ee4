package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// newTaskAssign is the command task assign.
func newTaskAssign(a *app) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "assign NAME... --to USER",
		Short: "Give tasks to somebody",
		Long: `Gives tasks to somebody: a person, or the name that an agent watches. It beats what the playbook and escalation say.
All tasks of one person are moved by perennial task reassign.`,
		Example:           `  perennial task assign acme-rescue-0123456789-call --to al@example.com`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(notEnded),
	}
	c.Flags().StringVar(&to, "to", "", "Who shall do it, as owners and assignees are written. Required.")
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if to == "" {
			return errors.New("--to: say who shall do it")
		}
		return a.changeTasks(cmd.Context(), args, d, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			return assignTask(task, to)
		})
	}
	return c
}

// assignTask gives a task to somebody.
func assignTask(task *v1alpha1.Task, to string) (taskChange, error) {
	if err := openTask(task); err != nil {
		return taskChange{}, err
	}
	if e := task.Status.Escalation; e != nil && e.Assignee != "" && e.Assignee != to && e.SpecAssignee == to {
		return taskChange{}, fmt.Errorf("it was %s's when it escalated to %s, and stays so: finish it, or snooze it and talk to them", to, e.Assignee)
	}
	if task.Spec.Assignee == to {
		return taskChange{says: "is " + to + "'s already"}, nil
	}
	return taskChange{spec: map[string]any{"assignee": to}, says: "given to " + to}, nil
}

// assigneeOf is who has a task: what people have said since the operator looked goes before what it saw.
func assigneeOf(task *v1alpha1.Task) string {
	if task.Status.ObservedGeneration != task.Generation && task.Spec.Assignee != "" || task.Status.Assignee == "" {
		return task.Spec.Assignee
	}
	return task.Status.Assignee
}
