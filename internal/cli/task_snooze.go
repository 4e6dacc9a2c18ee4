package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// newTaskSnooze is the command task snooze.
func newTaskSnooze(a *app) *cobra.Command {
	var until, reason string
	c := &cobra.Command{
		Use:   "snooze NAME... --until TIME",
		Short: "Put tasks off",
		Long: `Puts tasks off: until then they do not escalate. Their due time stays. A day is its first moment where you are: put off
until 2026-12-01, a task is back that morning.`,
		Example: `  perennial task snooze acme-rescue-0123456789-call --until 3d --reason "they are at a fair"
  perennial task snooze acme-rescue-0123456789-call --until 2026-12-01`,
		Args:              needTasks,
		ValidArgsFunction: a.taskNames(notEnded),
	}
	c.Flags().StringVar(&until, "until", "", "When the task is back: 36h or 3d from now, a day (2026-12-01), or RFC 3339. Required.")
	c.Flags().StringVar(&reason, "reason", "", "Why, for the next reader.")
	d := addDryRun(c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		now := a.Clock.Now()
		if until == "" {
			return errors.New("--until: say when the task is back: 3d, 2026-12-01 or 2026-12-01T09:00:00Z")
		}
		end, err := moment(until, now)
		if err != nil {
			return fmt.Errorf("--until: %w", err)
		}
		end = end.Truncate(time.Second)
		if !end.After(now) {
			return fmt.Errorf("--until: %s is over", end.Format(time.RFC3339))
		}
		return a.changeTasks(cmd.Context(), args, d, func(_ context.Context, _ client.Client, task *v1alpha1.Task) (taskChange, error) {
			return snoozeTask(task, end, reason)
		})
	}
	return c
}

// snoozeTask puts a task off.
func snoozeTask(task *v1alpha1.Task, until time.Time, reason string) (taskChange, error) {
	if err := openTask(task); err != nil {
		return taskChange{}, err
	}
	when := until.UTC().Format(time.RFC3339)
	if s := task.Spec.Snooze; s != nil && s.Until.Equal(&metav1.Time{Time: until}) && (reason == "" || s.Reason == reason) {
		return taskChange{says: "is put off until " + when + " already"}, nil
	}
	snooze := map[string]any{"until": when, "reason": nil}
	if reason != "" {
		snooze["reason"] = reason
	}
	return taskChange{spec: map[string]any{"snooze": snooze}, says: "put off until " + when}, nil
}
