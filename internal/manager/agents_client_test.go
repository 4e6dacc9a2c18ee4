package manager

import (
	"context"
	"log"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Messenger writes to customers. An id that it has seen before sends nothing again.
type Messenger interface {
	Send(ctx context.Context, id string, input map[string]v1alpha1.TaskInput) error
	// Answer waits until then; it is empty where no answer came.
	Answer(ctx context.Context, id string, until *metav1.Time) (string, error)
}

// Agent has conversations. Queue is the assignee of tasks that any agent of its kind may take. Name is its own, and
// the same when it starts again.
type Agent struct {
	client.WithWatch
	Messenger
	Namespace, Queue, Name string
	talking                sync.Map
}

// Run works until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	go a.follow(ctx, a.Queue, v1alpha1.TaskOpen, a.claim)
	a.follow(ctx, a.Name, v1alpha1.TaskInProgress, a.begin)
}

// follow does something about the tasks of an assignee in a state: those that are there, then those that come. After
// an error it starts over.
func (a *Agent) follow(ctx context.Context, assignee string, state v1alpha1.TaskState, do func(context.Context, *v1alpha1.Task) error) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		fields := client.MatchingFields{"status.assignee": assignee, "status.state": string(state)}
		tasks, err := a.Watch(ctx, &v1alpha1.TaskList{}, client.InNamespace(a.Namespace), fields)
		if err != nil {
			log.Print(err)
			return
		}
		defer tasks.Stop()
		for event := range tasks.ResultChan() {
			task, ok := event.Object.(*v1alpha1.Task)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			if err := do(ctx, task); err != nil {
				log.Print(err)
				return
			}
		}
	}, time.Second)
}

// claim makes a task the agent's own, if it is as the agent saw it. Otherwise somebody was faster.
func (a *Agent) claim(ctx context.Context, task *v1alpha1.Task) error {
	mine := task.DeepCopy()
	mine.Spec.State, mine.Spec.Assignee = v1alpha1.WorkInProgress, a.Name
	err := a.Patch(ctx, mine, client.MergeFromWithOptions(task, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// begin starts the conversation of a task that is the agent's own, unless it is at it.
func (a *Agent) begin(ctx context.Context, task *v1alpha1.Task) error {
	if _, at := a.talking.LoadOrStore(task.UID, true); at {
		return nil
	}
	go func() {
		defer a.talking.Delete(task.UID)
		_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
			err := a.talk(ctx, task)
			if err != nil {
				log.Print(err)
			}
			return err == nil, nil
		})
	}()
	return nil
}

// talk has the conversation, or goes on with it: the task's UID is its id, so that nothing is sent twice.
func (a *Agent) talk(ctx context.Context, task *v1alpha1.Task) error {
	id := string(task.UID)
	if err := a.Send(ctx, id, task.Spec.Input); err != nil {
		return err
	}
	switch answer, err := a.Answer(ctx, id, task.Status.DueTime); {
	case err != nil:
		return err
	case answer == "":
		return a.finish(ctx, task, "Escalate", "Conversation "+id+": no answer.")
	default:
		return a.finish(ctx, task, "Settled", "Conversation "+id+": "+answer)
	}
}

// finish says what came of a task, in one write, if the task is still the agent's.
func (a *Agent) finish(ctx context.Context, task *v1alpha1.Task, outcome v1alpha1.Outcome, note string) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := a.Get(ctx, client.ObjectKeyFromObject(task), task); err != nil {
			return client.IgnoreNotFound(err)
		}
		if task.Spec.State != v1alpha1.WorkInProgress || task.Spec.Assignee != a.Name || task.Status.Assignee != a.Name {
			return nil
		}
		done := task.DeepCopy()
		done.Spec.State, done.Spec.Outcome, done.Spec.CompletedBy = v1alpha1.WorkDone, outcome, a.Name
		done.Spec.Note = strings.TrimSpace(task.Spec.Note + "\n" + note)
		return a.Patch(ctx, done, client.MergeFromWithOptions(task, client.MergeFromWithOptimisticLock{}))
	})
}
