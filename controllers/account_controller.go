package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/metrics"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// AccountReconciler keeps every account's status: its health, and where the episode of each playbook stands.
type AccountReconciler struct {
	Gatherer
	// Progress is told of every evaluation.
	Progress *Progress
	// Waker lets others ask for an evaluation.
	Waker *AccountWaker
	// Settle says when a change of the configuration is over.
	Settle *Settle
	// Runs is woken where a value may close a task of a run.
	Runs *Waker
	// Recorder of events; nil records none.
	Recorder events.EventRecorder
	// Outbox tells notifiers of what happens; nil tells nobody.
	Outbox *Outbox
	// Metrics count the evaluations; nil counts none.
	Metrics *metrics.Activity
	// Workers is the number of accounts that are evaluated at the same time.
	Workers int
}

// +kubebuilder:rbac:groups=perennial.dev,resources=accounts,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=perennial.dev,resources=accounts/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupWithManager starts the reconciler with the manager.
func (r *AccountReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("account").
		For(&v1alpha1.Account{}).
		Watches(&v1alpha1.Account{}, r.sharedIDs()).
		Watches(&v1alpha1.Account{}, r.relatives()).
		Watches(&v1alpha1.PlaybookRun{}, handler.EnqueueRequestsFromMapFunc(accountOfRun),
			builder.WithPredicates(changed(func(run *v1alpha1.PlaybookRun) any { return run.Status.State }))).
		Watches(&v1alpha1.Task{}, handler.EnqueueRequestsFromMapFunc(accountOfTask),
			builder.WithPredicates(changed(func(task *v1alpha1.Task) any { return task.Status.State }))).
		WatchesRawSource(r.Waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(r.Workers, 1)}).
		Complete(r)
}

// Reconcile evaluates one account.
func (r *AccountReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var acct v1alpha1.Account
	if err := r.Get(ctx, req.NamespacedName, &acct); err != nil {
		r.Progress.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !acct.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	in, err := r.gather(ctx, &acct)
	if err != nil {
		return ctrl.Result{}, err
	}
	if in == nil {
		// A source has not been read since the operator started. Its first read wakes this account.
		return ctrl.Result{}, nil
	}
	if in.mayEnd() {
		if in.settled, err = r.Settle.over(ctx, acct.Namespace, in.now); err != nil {
			return ctrl.Result{}, err
		}
	}
	if wait, result := r.awaitsChildren(in); wait {
		return result, nil
	}
	began := r.Clock.Now()
	status, next := evaluateAccount(*in)
	took := r.Clock.Since(began)
	told, err := r.Outbox.ofAccount(ctx, &acct, &status)
	if err != nil {
		return ctrl.Result{}, err
	}
	another := worthWriting(&acct.Status, &status, in)
	r.Metrics.AccountEvaluated(took, another)
	if another {
		previous := acct.Status
		acct.Status = status
		if result, err := writeStatus(ctx, r.Client, &acct); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
		told()
		r.tell(in, &previous, &acct.Status)
	}
	for i := range in.runs {
		if run := &in.runs[i]; playbook.AwaitsValue(run) {
			r.Runs.Wake(client.ObjectKeyFromObject(run))
		}
	}
	if r.Progress.evaluated(req.NamespacedName, evaluation{resourceVersion: acct.ResourceVersion, generations: in.generations()}) {
		r.releaseParent(&acct)
	}
	return requeueAt(r.Clock, next), nil
}

// sharedIDs re-evaluates the accounts that share an external id with one that comes, goes or changes its ids.
func (r *AccountReconciler) sharedIDs() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			r.wakeSharing(ctx, e.Object, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			r.wakeSharing(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				r.wakeSharing(ctx, e.ObjectOld, q)
				r.wakeSharing(ctx, e.ObjectNew, q)
			}
		},
	}
}

func (r *AccountReconciler) wakeSharing(ctx context.Context, obj client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	others, err := r.othersWithSameID(ctx, obj.(*v1alpha1.Account))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up accounts that share an external id")
	}
	for name := range others {
		q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}})
	}
}

func accountOfRun(_ context.Context, obj client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.(*v1alpha1.PlaybookRun).Spec.AccountRef.Name}}}
}

func accountOfTask(_ context.Context, obj client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.(*v1alpha1.Task).Spec.AccountRef.Name}}}
}

// changed lets creations, deletions and those updates through that change what a function takes from the object.
func changed[T client.Object](of func(T) any) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(T)
		after, okAfter := e.ObjectNew.(T)
		return okBefore && okAfter && of(before) != of(after)
	}}
}
