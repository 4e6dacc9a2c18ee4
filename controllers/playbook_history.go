package controllers

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// expire deletes the finished runs that need not be kept, and says when another one expires. Their tasks go with them.
func (r *PlaybookReconciler) expire(ctx context.Context, pb *v1alpha1.Playbook, runs []v1alpha1.PlaybookRun) (time.Time, error) {
	limit := v1alpha1.DefaultHistoryLimit
	if pb.Spec.HistoryLimit != nil {
		limit = int(*pb.Spec.HistoryLimit)
	}
	var failed error
	news := func(run *v1alpha1.PlaybookRun) bool {
		var tasks v1alpha1.TaskList
		err := r.List(ctx, &tasks, client.InNamespace(run.Namespace), client.MatchingFields{IndexRun: run.Name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			failed = err
		}
		return err != nil || notify.Waiting(run, tasks.Items)
	}
	expired, next := playbook.Expired(runs, limit, news, r.Clock.Now())
	if failed != nil {
		return time.Time{}, failed
	}
	for _, run := range expired {
		// What a person does to the run in this moment comes first.
		asSeen := client.Preconditions{UID: &run.UID, ResourceVersion: &run.ResourceVersion}
		err := r.Delete(ctx, run.DeepCopy(), asSeen, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			return time.Time{}, err
		}
	}
	return next, nil
}

// resultOfRun is what a playbook's status and what it starts depend on, of a run.
func resultOfRun(run *v1alpha1.PlaybookRun) any {
	return struct {
		state    v1alpha1.RunState
		overdue  int32
		resolved bool
		news     bool
	}{run.Status.State, run.Status.OverdueTasks, run.Status.ResolvedTime != nil, len(run.Status.Undelivered) > 0}
}

// playbooksOfRun looks at the playbook of a run, and at those which it keeps from starting.
func (r *PlaybookReconciler) playbooksOfRun() handler.EventHandler {
	add := func(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request], obj client.Object) {
		of := types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.(*v1alpha1.PlaybookRun).Spec.PlaybookRef.Name}
		q.AddAfter(reconcile.Request{NamespacedName: of}, wakeDelay)
		r.wakeInhibited(ctx, of)
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(ctx, q, e.Object)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(ctx, q, e.Object)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(ctx, q, e.ObjectNew)
		},
	}
}

// playbookOfTask looks at the playbook of a task's run, and at one that was called so: its history may be waiting for what
// notifiers have to be told.
func (r *PlaybookReconciler) playbookOfTask(ctx context.Context, obj client.Object) []reconcile.Request {
	ref := obj.(*v1alpha1.Task).Spec.RunRef
	if ref == nil {
		return nil
	}
	var run v1alpha1.PlaybookRun
	if err := r.Get(ctx, types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}, &run); err != nil {
		if client.IgnoreNotFound(err) != nil {
			ctrl.LoggerFrom(ctx).Error(err, "look up the run of a task")
		}
		return nil
	}
	of := types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.PlaybookRef.Name}
	r.wakeInhibited(ctx, of)
	return []reconcile.Request{{NamespacedName: of}}
}
