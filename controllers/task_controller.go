package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

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
	// Outbox tells notifiers of what happens; nil tells nobody.
	Outbox *Outbox
	// Workers is the number of tasks that are worked on at the same time.
	Workers int
	// Location is the time zone of days.
	Location *time.Location

	texts playbook.Cache
}

// +kubebuilder:rbac:groups=perennial.dev,resources=tasks,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=tasks/status,verbs=get;update;patch

// SetupWithManager starts the reconciler with the manager.
func (r *TaskReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("task").
		For(&v1alpha1.Task{}).
		Watches(&v1alpha1.PlaybookRun{}, lookUp(r.Client, &v1alpha1.TaskList{}, IndexRun)).
		// Whom a task is with, when it opens and when it is due may follow the account.
		Watches(&v1alpha1.Account{}, lookUp(r.Client, &v1alpha1.TaskList{}, IndexAccount), builder.WithPredicates(accountChanged())).
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
	told, err := r.Outbox.ofTask(ctx, &task, before)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before, &task.Status) {
		if result, err := writeStatus(ctx, r.Client, &task); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
		told()
	}
	return requeueAt(r.Clock, next), nil
}

// plan returns the plan of the task's run; none where that is gone. wait is true where the run's own status has still to
// say what becomes of the task: that change brings the task here again.
func (r *TaskReconciler) plan(ctx context.Context, task *v1alpha1.Task) (work *playbook.Plan, wait bool, err error) {
	if task.Spec.RunRef == nil {
		work, err = r.noRun(ctx, task)
		return work, false, err
	}
	var run v1alpha1.PlaybookRun
	if err := r.Get(ctx, types.NamespacedName{Namespace: task.Namespace, Name: task.Spec.RunRef.Name}, &run); err != nil {
		return nil, false, client.IgnoreNotFound(err)
	}
	var acct v1alpha1.Account
	err = r.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.AccountRef.Name}, &acct)
	if err != nil || !belongs(task, &run) {
		return nil, false, client.IgnoreNotFound(err)
	}
	var tasks v1alpha1.TaskList
	if err := r.List(ctx, &tasks, client.InNamespace(task.Namespace), client.MatchingFields{IndexRun: run.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, false, err
	}
	tasks.Items = slices.DeleteFunc(tasks.Items, func(other v1alpha1.Task) bool { return !belongs(&other, &run) })
	now := r.Clock.Now()
	work, err = playbook.PlanRun(playbook.PlanInput{
		Run: &run, Tasks: tasks.Items, Follow: true, Now: now, Cache: &r.texts,
		View: playbook.View{Account: &acct, Health: acct.Status.Health, Now: now, Location: r.Location},
	})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "the run cannot be planned")
		return nil, true, nil
	}
	return work, awaitsRun(&run, &work.Status, task), nil
}

// noRun is the plan of a task made by hand, which is its account's owner's where nobody is named; none without the account.
func (r *TaskReconciler) noRun(ctx context.Context, task *v1alpha1.Task) (*playbook.Plan, error) {
	var acct v1alpha1.Account
	if err := r.Get(ctx, types.NamespacedName{Namespace: task.Namespace, Name: task.Spec.AccountRef.Name}, &acct); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return playbook.NoRun(&acct), nil
}

// awaitsRun reports whether a run has still to say that a task's step is ready, or that its doneWhen does not hold now that
// its time has come: nobody is told of work that there is not.
func awaitsRun(run *v1alpha1.PlaybookRun, planned *v1alpha1.PlaybookRunStatus, task *v1alpha1.Task) bool {
	is, will := stepStatus(&run.Status, task.Spec.Step), stepStatus(planned, task.Spec.Step)
	if !is.ReadyTime.Equal(will.ReadyTime) {
		return true
	}
	opens := is.State == v1alpha1.StepWaiting && will.State == v1alpha1.StepOpen && task.Spec.State != v1alpha1.WorkInProgress
	return opens && slices.ContainsFunc(run.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return s.Name == task.Spec.Step && s.DoneWhen != "" })
}

// stepStatus is how far a step of a run is; empty where the status does not say.
func stepStatus(status *v1alpha1.PlaybookRunStatus, step v1alpha1.StepName) v1alpha1.StepStatus {
	for i := range status.Steps {
		if status.Steps[i].Name == step {
			return status.Steps[i]
		}
	}
	return v1alpha1.StepStatus{}
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
	c.setIf(status.Assignee == "" && !playbook.Ended(status.State), v1alpha1.ConditionUnassigned, v1alpha1.ReasonNoAssignee,
		fmt.Sprintf("nobody is to do the task: set spec.assignee, or spec.owner of account %s", task.Spec.AccountRef.Name))
	if status.Escalation == nil {
		c.remove(v1alpha1.ConditionTextRendered)
	}
	if work != nil {
		if failed := work.StageErrors[task.Name]; len(failed) > 0 {
			c.set(v1alpha1.ConditionTextRendered, metav1.ConditionFalse, v1alpha1.ReasonExpressionFailed, atMostThree(failed))
		}
		reason, needless := work.NoLongerNeeded[task.Name]
		message := "the condition that asked for this task has cleared"
		if reason == v1alpha1.ReasonRunCanceled {
			message = "the run was " + work.Canceled
		}
		c.setIf(needless, v1alpha1.ConditionNoLongerNeeded, reason, message)
	}
	return next
}

// accountChanged lets updates of accounts through that may change who has a task, when it opens or when it is due.
func accountChanged() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.Account), e.ObjectNew.(*v1alpha1.Account)
			return !equality.Semantic.DeepEqual(before.Spec, after.Spec) || !maps.Equal(before.Labels, after.Labels) || !maps.Equal(before.Annotations, after.Annotations)
		},
	}
}
