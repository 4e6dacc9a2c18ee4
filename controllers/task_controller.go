package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// TaskReconciler keeps the status of tasks. It never writes a spec: that is people's.
type TaskReconciler struct {
	client.Client
	// Clock tells the time.
	Clock clock.PassiveClock
	// Waker lets others ask for a look at a task.
	Waker *Waker
	// Workers is the number of tasks that are worked on at the same time.
	Workers int
}

// +kubebuilder:rbac:groups=perennial.dev,resources=tasks,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=tasks/status,verbs=get;update;patch

// SetupWithManager starts the reconciler with the manager.
func (r *TaskReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("task").
		For(&v1alpha1.Task{}).
		Watches(&v1alpha1.PlaybookRun{}, lookUp(r.Client, &v1alpha1.TaskList{}, IndexRun)).
		// A task without an assignee is the account's owner's.
		Watches(&v1alpha1.Account{}, lookUp(r.Client, &v1alpha1.TaskList{}, IndexAccount),
			builder.WithPredicates(changed(func(a *v1alpha1.Account) any { return a.Spec.Owner }))).
		WatchesRawSource(r.Waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(r.Workers, 1)}).
		Complete(r)
}

// Reconcile looks at one task.
func (r *TaskReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var task v1alpha1.Task
	if err := r.Get(ctx, req.NamespacedName, &task); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !task.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	work, wait, err := r.plan(ctx, &task)
	if err != nil || wait {
		return ctrl.Result{}, err
	}
	now := r.Clock.Now()
	before := task.Status.DeepCopy()
	next := setTaskStatus(&task, work, now)
	if !equality.Semantic.DeepEqual(before, &task.Status) {
		if result, err := writeStatus(ctx, r.Client, &task); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
	}
	return requeueAt(r.Clock, next), nil
}

// plan returns the plan of the task's run; none for a task made by hand. wait is true where the run's own status has
// still to say that the task's step is ready: that change brings the task here again.
func (r *TaskReconciler) plan(ctx context.Context, task *v1alpha1.Task) (work *playbook.Plan, wait bool, err error) {
	if task.Spec.RunRef == nil {
		return nil, false, nil
	}
	var run v1alpha1.PlaybookRun
	if err := r.Get(ctx, types.NamespacedName{Namespace: task.Namespace, Name: task.Spec.RunRef.Name}, &run); err != nil {
		return nil, false, client.IgnoreNotFound(err)
	}
	var acct v1alpha1.Account
	err = r.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.AccountRef.Name}, &acct)
	if err != nil || !metav1.IsControlledBy(task, &run) {
		return nil, false, client.IgnoreNotFound(err)
	}
	var tasks v1alpha1.TaskList
	if err := r.List(ctx, &tasks, client.InNamespace(task.Namespace), client.MatchingFields{IndexRun: run.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, false, err
	}
	now := r.Clock.Now()
	work, err = playbook.PlanRun(playbook.PlanInput{
		Run: &run, Tasks: tasks.Items, Now: now, View: playbook.View{Account: &acct, Health: acct.Status.Health, Now: now},
	})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "the run cannot be planned")
		return nil, true, nil
	}
	return work, !sameReadyTime(&run.Status, &work.Status, task.Spec.Step), nil
}

// sameReadyTime reports whether two statuses of a run agree on when a step was ready.
func sameReadyTime(written, planned *v1alpha1.PlaybookRunStatus, step v1alpha1.StepName) bool {
	return readyTime(written, step).Equal(readyTime(planned, step))
}

func readyTime(status *v1alpha1.PlaybookRunStatus, step v1alpha1.StepName) *metav1.Time {
	for i := range status.Steps {
		if status.Steps[i].Name == step {
			return status.Steps[i].ReadyTime
		}
	}
	return nil
}

// setTaskStatus puts a plan into a task's status, and returns when it changes by itself.
func setTaskStatus(task *v1alpha1.Task, work *playbook.Plan, now time.Time) time.Time {
	list := task.Status.Conditions
	status, overdue, next := playbook.TaskStatus(task, work, now)
	task.Status = status
	task.Status.Conditions = list
	c := conditions{list: &task.Status.Conditions, generation: task.Generation, now: now}
	c.ready(v1alpha1.ReasonReady, "the task was looked at")
	c.setIf(overdue, v1alpha1.ConditionOverdue, v1alpha1.ReasonPastDue, "the task is open past its due time")
	if work != nil {
		reason, needless := work.NoLongerNeeded[task.Name]
		c.setIf(needless, v1alpha1.ConditionNoLongerNeeded, reason, "the condition that asked for this task has cleared")
	}
	return next
}
