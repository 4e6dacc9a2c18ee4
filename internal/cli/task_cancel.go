package cli

import (
	"context"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// newTaskCancel is the command task cancel.
func newTaskCancel(a *app) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use:   "cancel NAME...",
		Short: "Say that tasks will not be done",
		Long: `Sets tasks to Canceled. The steps after them go on, without an outcome of theirs. A note is added to the note that is
there.`,
		Example:           `  perennial task cancel acme-rescue-0123456789-call --note "They merged with Beta."`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(notEnded),
	}
	c.Flags().StringVar(&note, "note", "", "Why, for the next reader.")
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeTasks(cmd.Context(), args, d, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			return cancelTask(task, note)
		})
	}
	return c
}

// cancelTask ends a task undone. One that the operator canceled is canceled; that a person says so too keeps it so.
func cancelTask(task *v1alpha1.Task, note string) (taskChange, error) {
	said := saidOf(task)
	switch {
	case said == v1alpha1.WorkCanceled, note == "" && said == v1alpha1.WorkOpen && stateOf(task) == v1alpha1.TaskCanceled:
		return taskChange{says: "is canceled already"}, nil
	case stateOf(task) == v1alpha1.TaskDone:
		return taskChange{}, openTask(task)
	}
	spec := map[string]any{"state": string(v1alpha1.WorkCanceled)}
	return taskChange{spec: spec, says: "canceled"}, addNote(task, spec, note)
}
