package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// newTaskStart is the command task start.
func newTaskStart(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "start NAME...",
		Short: "Begin work on tasks",
		Long: `Sets tasks to InProgress. A task that was put off is put off no longer. One that waits for the steps before it, or that
was canceled because what asked for it has cleared, is taken up all the same. One that a person ended is opened by reopen.`,
		Example:           `  perennial task start acme-rescue-0123456789-call`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(notEnded),
	}
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeTasks(cmd.Context(), args, d, func(ctx context.Context, c client.Client, task *v1alpha1.Task) (taskChange, error) {
			change, err := a.startTask(task)
			if err == nil && change.changes() {
				change.says += waitedFor(ctx, c, task, a.Clock.Now())
			}
			return change, err
		})
	}
	return c
}

// startTask begins a task.
func (a *app) startTask(task *v1alpha1.Task) (taskChange, error) {
	said := saidOf(task)
	switch {
	case said == v1alpha1.WorkDone || said == v1alpha1.WorkCanceled:
		return taskChange{}, openTask(task)
	case task.Status.State == v1alpha1.TaskDone:
		return taskChange{}, errClosedItself
	case runCanceled(task):
		return taskChange{}, errRunCanceled
	}
	snoozed := task.Spec.Snooze != nil && a.Clock.Now().Before(task.Spec.Snooze.Until.Time)
	change := taskChange{spec: map[string]any{}, says: "started"}
	if said != v1alpha1.WorkInProgress {
		change.spec["state"] = string(v1alpha1.WorkInProgress)
	}
	if snoozed {
		change.spec["snooze"] = nil
		change.says = "started, and no longer put off"
	}
	if !change.changes() {
		change.says = "is in progress already"
	}
	return change, nil
}

// What nobody can open.
var (
	errClosedItself = errors.New("it is Done: what its playbook's doneWhen asks for is so, and nothing opens it again")
	errRunCanceled  = errors.New("its run was canceled, and nothing opens it again")
)

// runCanceled reports whether a task ended with its run.
func runCanceled(task *v1alpha1.Task) bool {
	c := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionNoLongerNeeded)
	return task.Status.State == v1alpha1.TaskCanceled && c != nil && c.Reason == v1alpha1.ReasonRunCanceled
}

// newTaskReopen is the command task reopen.
func newTaskReopen(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "reopen NAME...",
		Short: "Open tasks again that are done or canceled",
		Long: `Sets tasks to Open. Their outcome and the signature go; the note stays. Steps that followed from the outcome are not
taken back.`,
		Example:           `  perennial task reopen acme-rescue-0123456789-call`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(playbook.Ended),
	}
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeTasks(cmd.Context(), args, d, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			return reopenTask(task)
		})
	}
	return c
}

// reopenTask opens a task again.
func reopenTask(task *v1alpha1.Task) (taskChange, error) {
	said := saidOf(task)
	ended := said == v1alpha1.WorkDone || said == v1alpha1.WorkCanceled
	switch {
	case runCanceled(task):
		return taskChange{}, errRunCanceled
	case ended:
		change := taskChange{spec: map[string]any{"state": string(v1alpha1.WorkOpen)}, says: "opened again"}
		if task.Spec.Outcome != "" {
			change.spec["outcome"] = nil
		}
		if task.Spec.CompletedBy != "" {
			change.spec["completedBy"] = nil
		}
		return change, nil
	case task.Status.State == v1alpha1.TaskDone:
		return taskChange{}, errClosedItself
	case task.Status.State == v1alpha1.TaskCanceled && said == v1alpha1.WorkOpen:
		return taskChange{}, fmt.Errorf("it was canceled because what asked for it has cleared; perennial task start %s takes it up all the same", task.Name)
	}
	return taskChange{says: "is open already"}, nil
}
