package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
)

// undeliveredOf returns the events that an object of one of the three kinds holds.
func undeliveredOf(obj client.Object) []v1alpha1.UndeliveredEvent {
	switch obj := obj.(type) {
	case *v1alpha1.Account:
		return obj.Status.Undelivered
	case *v1alpha1.PlaybookRun:
		return obj.Status.Undelivered
	case *v1alpha1.Task:
		return obj.Status.Undelivered
	}
	return nil
}

// waitingNotifiers returns the names of the notifiers that have yet to take an event of an object.
func waitingNotifiers(obj client.Object) []string {
	var names []string
	for _, mark := range undeliveredOf(obj) {
		names = append(names, mark.Notifiers...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// notifiersOf has the notifiers look whose events an object holds, or held, when these change.
func notifiersOf() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(obj client.Object, q queue) {
		for _, name := range waitingNotifiers(obj) {
			q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}})
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { wake(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { wake(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if !equality.Semantic.DeepEqual(undeliveredOf(e.ObjectOld), undeliveredOf(e.ObjectNew)) {
				wake(e.ObjectOld, q)
				wake(e.ObjectNew, q)
			}
		},
	}
}

// waitingEvent is an event that a notifier has yet to take: where it is, not what it says.
type waitingEvent struct {
	id   notify.ID
	at   time.Time
	kind objectKind
	name string
}

// objectKind is one of the kinds that events happen to.
type objectKind uint8

const (
	accountKind objectKind = iota
	runKind
	taskKind
)

// waitingFor returns all events that a notifier has yet to take, as the cache shows them.
func (r *NotifierReconciler) waitingFor(ctx context.Context, notifier types.NamespacedName) ([]waitingEvent, error) {
	var all []waitingEvent
	add := func(kind objectKind, obj client.Object) {
		marks := undeliveredOf(obj)
		for i := range marks {
			if slices.Contains(marks[i].Notifiers, notifier.Name) {
				all = append(all, waitingEvent{notify.IDOf(obj.GetUID(), &marks[i]), marks[i].Time.Time, kind, obj.GetName()})
			}
		}
	}
	var (
		accounts v1alpha1.AccountList
		runs     v1alpha1.PlaybookRunList
		tasks    v1alpha1.TaskList
	)
	for _, list := range []client.ObjectList{&accounts, &runs, &tasks} {
		err := r.List(ctx, list, client.InNamespace(notifier.Namespace), client.MatchingFields{IndexUndelivered: notifier.Name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, err
		}
	}
	for i := range accounts.Items {
		add(accountKind, &accounts.Items[i])
	}
	for i := range runs.Items {
		add(runKind, &runs.Items[i])
	}
	for i := range tasks.Items {
		add(taskKind, &tasks.Items[i])
	}
	slices.SortStableFunc(all, func(a, b waitingEvent) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	return all, nil
}

// read returns what a waiting event is told as; nil where its object does not hold it any more.
func (r *NotifierReconciler) read(ctx context.Context, namespace string, e waitingEvent) (*notify.Message, error) {
	var (
		of  notify.Objects
		obj client.Object
		err error
	)
	switch e.kind {
	case accountKind:
		if of.Account, err = find[v1alpha1.Account](ctx, r, namespace, e.name); of.Account != nil {
			obj = of.Account
		}
	case runKind:
		if of.Run, err = find[v1alpha1.PlaybookRun](ctx, r, namespace, e.name); of.Run != nil {
			obj = of.Run
			of.Account, err = find[v1alpha1.Account](ctx, r, namespace, of.Run.Spec.AccountRef.Name)
		}
	case taskKind:
		var task *v1alpha1.Task
		if task, err = find[v1alpha1.Task](ctx, r, namespace, e.name); task != nil {
			obj = task
			of, err = objectsOfTask(ctx, r, task)
		}
	}
	if err != nil || obj == nil {
		return nil, err
	}
	marks := undeliveredOf(obj)
	for i := range marks {
		if notify.IDOf(obj.GetUID(), &marks[i]) == e.id {
			return notify.NewMessage(&marks[i], of), nil
		}
	}
	return nil, nil
}

// wake has an object's own reconciler look at it: it alone writes the object's status.
func (r *NotifierReconciler) wake(namespace string, e waitingEvent) {
	key := types.NamespacedName{Namespace: namespace, Name: e.name}
	switch e.kind {
	case accountKind:
		r.Accounts.Wake(key)
	case runKind:
		r.Runs.Wake(key)
	case taskKind:
		r.Tasks.Wake(key)
	}
}
