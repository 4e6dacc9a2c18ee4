package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// taskDone are the flags of task done.
type taskDone struct {
	outcome, note, by string
}

// newTaskDone is the command task done.
func newTaskDone(a *app) *cobra.Command {
	var f taskDone
	c := &cobra.Command{
		Use:   "done NAME...",
		Short: "Finish tasks",
		Long: `Sets tasks to Done and signs for it. A task that has outcomes needs one of them; the steps that follow may depend on it.
A note is added to the note that is there.`,
		Example: `  perennial task done acme-rescue-0123456789-call --outcome Reached --note "They stay."
  perennial task done acme-onboarding-0123456789-kickoff beta-onboarding-9876543210-kickoff`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(notEnded),
	}
	c.Flags().StringVar(&f.outcome, "outcome", "", "How the work ended: one of the task's outcomes.")
	c.Flags().StringVar(&f.note, "note", "", "What the next reader should know.")
	c.Flags().StringVar(&f.by, "by", "", byUsage)
	_ = c.RegisterFlagCompletionFunc("outcome", a.completeOutcomes)
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.changeTasks(cmd.Context(), args, d, func(ctx context.Context, c client.Client, task *v1alpha1.Task) (taskChange, error) {
			return f.plan(ctx, a, c, task, d)
		})
	}
	return c
}

// plan finishes a task.
func (f *taskDone) plan(ctx context.Context, a *app, c client.Client, task *v1alpha1.Task, d *dryRun) (taskChange, error) {
	outcome, err := f.outcomeOf(task)
	if err != nil {
		return taskChange{}, err
	}
	if saidOf(task) == v1alpha1.WorkDone {
		if outcome != "" && outcome != string(task.Spec.Outcome) {
			return taskChange{}, fmt.Errorf("--outcome: it is Done already, with %s; perennial task reopen %s opens it again",
				orWord(string(task.Spec.Outcome), "no outcome"), task.Name)
		}
		return taskChange{says: "is done already" + withOutcome(string(task.Spec.Outcome)) + signedBy(task.Spec.CompletedBy)}, nil
	}
	if task.Status.State == v1alpha1.TaskDone && *f == (taskDone{}) {
		return taskChange{says: "is done already" + signedBy(task.Status.CompletedBy)}, nil
	}
	if outcome == "" && len(task.Spec.Outcomes) > 0 {
		return taskChange{}, fmt.Errorf("--outcome: Done needs one of %s", strings.Join(outcomesOf(task), ", "))
	}
	spec := map[string]any{"state": string(v1alpha1.WorkDone)}
	if outcome != "" {
		spec["outcome"] = outcome
	}
	if err := addNote(task, spec, f.note); err != nil {
		return taskChange{}, err
	}
	by, err := f.signature(ctx, a, c, task, d, spec)
	return taskChange{spec: spec, says: "done" + withOutcome(outcome) + signedBy(by) + waitedFor(ctx, c, task, a.Clock.Now())}, err
}

// outcomeOf is the outcome that was asked for, as the task has it; else the one that the task has already.
func (f *taskDone) outcomeOf(task *v1alpha1.Task) (string, error) {
	if f.outcome == "" {
		return string(task.Spec.Outcome), nil
	}
	if len(task.Spec.Outcomes) == 0 {
		return f.outcome, nil
	}
	found, ok := oneOf(f.outcome, outcomesOf(task))
	if !ok {
		return "", fmt.Errorf("--outcome: %s is none of %s", f.outcome, strings.Join(outcomesOf(task), ", "))
	}
	return found, nil
}

// signature puts into a change who finished the task. Where the cluster's policy knows another name of his than his user
// name, and nobody said one, the policy fills it in.
func (f *taskDone) signature(ctx context.Context, a *app, c client.Client, task *v1alpha1.Task, d *dryRun, spec map[string]any) (string, error) {
	by, named, err := a.person(ctx, c, f.by)
	if err != nil {
		return "", err
	}
	spec["completedBy"] = by
	if named || !d.writes() {
		return by, nil
	}
	trial := taskChange{spec: spec}
	patch, err := trial.patch(task)
	if err != nil {
		return "", err
	}
	err = c.Patch(ctx, task.DeepCopy(), patch, client.FieldOwner(v1alpha1.FieldManagerPerson), client.DryRunAll)
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "spec.completedBy") {
		spec["completedBy"] = nil
		return "", nil
	}
	return by, nil // anything else the write itself will say
}

// outcomesOf are the words that a task can end with; none where any will do.
func outcomesOf(task *v1alpha1.Task) []string {
	list := make([]string, len(task.Spec.Outcomes))
	for i, o := range task.Spec.Outcomes {
		list[i] = string(o)
	}
	return list
}

// orWord is a word, or another where there is none.
func orWord(word, none string) string {
	if word == "" {
		return none
	}
	return word
}

// withOutcome says how a task ended.
func withOutcome(outcome string) string {
	if outcome == "" {
		return ""
	}
	return ": " + outcome
}

// signedBy says who signed.
func signedBy(name string) string {
	if name == "" {
		return ""
	}
	return ", by " + name
}

// completeOutcomes completes the outcomes of the task that is named first.
func (a *app) completeOutcomes(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) == 0 {
		return nil, nothing
	}
	task, ok := a.taskToComplete(cmd, args[0])
	if !ok {
		return nil, nothing
	}
	return outcomesOf(task), nothing
}
