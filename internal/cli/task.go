package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// newTask is the command task.
func newTask(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "task",
		Short: "Work on tasks: begin, finish, put off, hand over",
		Long: `Says what became of tasks. It writes what people say of a task and nothing else of it, never over somebody else's
change, and as the field manager ` + v1alpha1.FieldManagerPerson + `.

Several tasks can be named at once. Where one fails, the others are done all the same, and the exit code is 1. What is
so already is left as it is.`,
		Example: `  perennial task start acme-rescue-0123456789-call
  perennial task done acme-rescue-0123456789-call --outcome Reached --note "They stay."
  perennial task snooze acme-rescue-0123456789-call --until 3d --reason "on holiday"`,
	}
	c.AddCommand(newTaskDone(a), newTaskStart(a), newTaskReopen(a), newTaskSnooze(a), newTaskAssign(a), newTaskCancel(a),
		newTaskCheck(a), newTaskReassign(a))
	return onlyCommands(c)
}

// taskChange is what a command does to a task.
type taskChange struct {
	// spec is a merge patch of the spec. Without it and items, the task is as it should be.
	spec map[string]any
	// items of the checklist, by their place, that become done or not done.
	items map[int]bool
	// says what is done, or why nothing is to be done: "done: Reached".
	says string
}

// changes reports whether there is anything to write.
func (c *taskChange) changes() bool { return len(c.spec)+len(c.items) > 0 }

// patch writes the change under the version of the task that it was decided on: a conflict where somebody was faster. Of
// a checklist only the items that change are written.
func (c *taskChange) patch(task *v1alpha1.Task) (client.Patch, error) {
	if len(c.items) == 0 {
		body, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": task.ResourceVersion, "uid": task.UID}, "spec": c.spec,
		})
		return client.RawPatch(types.MergePatchType, body), err
	}
	ops := []map[string]any{{"op": "replace", "path": "/metadata/resourceVersion", "value": task.ResourceVersion}}
	for i := range task.Spec.Checklist {
		if done, ok := c.items[i]; ok {
			ops = append(ops, map[string]any{"op": "add", "path": fmt.Sprintf("/spec/checklist/%d/done", i), "value": done})
		}
	}
	body, err := json.Marshal(ops)
	return client.RawPatch(types.JSONPatchType, body), err
}

// taskPlan decides what to do to a task as it is now.
type taskPlan func(ctx context.Context, c client.Client, task *v1alpha1.Task) (taskChange, error)

// changeTasks does the same to each of several tasks.
func (a *app) changeTasks(ctx context.Context, names []string, d *dryRun, plan taskPlan) error {
	if err := d.check(); err != nil {
		return err
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
	for _, arg := range names {
		says := ""
		name, err := nameOf(arg, "task", "tasks", "ptask")
		if err == nil {
			says, err = changeTask(ctx, c, types.NamespacedName{Namespace: namespace, Name: name}, d, plan)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && len(names) == 1:
			return fmt.Errorf("task %s: %w", arg, err)
		case err != nil:
			_, _ = fmt.Fprintf(a.ErrOut, "Error: task %s: %v\n", arg, err)
			failed = true
		default:
			_, _ = fmt.Fprintf(a.Out, "task/%s %s\n", name, says)
		}
	}
	if failed {
		return exit(ExitError)
	}
	return nil
}

// changeTask changes one task, and says what it did.
func changeTask(ctx context.Context, c client.Client, key types.NamespacedName, d *dryRun, plan taskPlan) (string, error) {
	says := ""
	err := patiently("the task", func() error {
		var task v1alpha1.Task
		if err := c.Get(ctx, key, &task); err != nil {
			return notThere(err, "task", key)
		}
		change, err := plan(ctx, c, &task)
		if err != nil {
			return err
		}
		says = change.says
		if !change.changes() {
			return nil
		}
		says += d.note()
		if !d.writes() {
			return nil
		}
		patch, err := change.patch(&task)
		if err != nil {
			return err
		}
		return c.Patch(ctx, &task, patch, d.patchOptions()...)
	})
	return says, err
}

// openTask lets through what is not over yet.
func openTask(task *v1alpha1.Task) error {
	if state := stateOf(task); playbook.Ended(state) {
		return fmt.Errorf("it is %s; perennial task reopen %s opens it again", state, task.Name)
	}
	return nil
}

// stateOf is where a task stands: what people have said since the operator looked goes before what it saw.
func stateOf(task *v1alpha1.Task) v1alpha1.TaskState {
	said := v1alpha1.TaskState(saidOf(task))
	if task.Status.State == "" || playbook.Ended(said) || task.Status.ObservedGeneration != task.Generation {
		return said
	}
	return task.Status.State
}

// saidOf is what people say of a task's state.
func saidOf(task *v1alpha1.Task) v1alpha1.TaskWorkState {
	if task.Spec.State == "" {
		return v1alpha1.WorkOpen
	}
	return task.Spec.State
}

// maxNote is the longest note that a task takes.
const maxNote = 4096

// addNote puts words behind those that are there: they may be somebody else's.
func addNote(task *v1alpha1.Task, spec map[string]any, words string) error {
	if words == "" {
		return nil
	}
	note := words
	if task.Spec.Note != "" {
		note = task.Spec.Note + "\n" + words
	}
	if n := len([]rune(note)); n > maxNote {
		return fmt.Errorf("--note: with what is there already the note has %d characters, and %d are the most", n, maxNote)
	}
	spec["note"] = note
	return nil
}

// needTasks wants at least one name.
func needTasks(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name the tasks; perennial tasks lists them")
	}
	return nil
}

// taskNames completes the names of tasks in some states; of all without any.
func (a *app) taskNames(keep func(v1alpha1.TaskState) bool) cobra.CompletionFunc {
	return a.completeNames(&v1alpha1.TaskList{}, 0, func(o client.Object) bool {
		task, ok := o.(*v1alpha1.Task)
		return ok && keep(stateOf(task))
	})
}

// notEnded are the tasks that somebody may still work on.
func notEnded(state v1alpha1.TaskState) bool { return !playbook.Ended(state) }
