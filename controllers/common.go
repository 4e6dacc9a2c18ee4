// Package controllers has one reconciler a kind. Each is thin: it reads, calls a pure function, and writes what came out.
package controllers

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// conditions changes the conditions of one object. LastTransitionTime moves only with a condition's status.
type conditions struct {
	list       *[]metav1.Condition
	generation int64
	now        time.Time
}

// maxMessage is the longest message of a condition, in bytes; the API server refuses one of more than 32768.
const maxMessage = 8192

// set writes one condition.
func (c conditions) set(conditionType string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(c.list, metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: value.Shorten(message, maxMessage),
		ObservedGeneration: c.generation, LastTransitionTime: metav1.NewTime(c.now.Truncate(time.Second)),
	})
}

// remove takes a condition away.
func (c conditions) remove(conditionTypes ...string) {
	for _, t := range conditionTypes {
		meta.RemoveStatusCondition(c.list, t)
	}
}

// setIf writes a condition that is True, or takes it away.
func (c conditions) setIf(holds bool, conditionType, reason, message string) {
	if !holds {
		c.remove(conditionType)
		return
	}
	c.set(conditionType, metav1.ConditionTrue, reason, message)
}

// ready says that the object was evaluated.
func (c conditions) ready(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, message)
	c.remove(v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled)
}

// reconciling says that the object waits for something that may still come.
func (c conditions) reconciling(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	c.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, message)
	c.remove(v1alpha1.ConditionStalled)
}

// stalled says that only a change of the object can help.
func (c conditions) stalled(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	c.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, message)
	c.remove(v1alpha1.ConditionReconciling)
}

// requeueAt asks to be called again at a moment; the zero time asks for nothing.
func requeueAt(c clock.PassiveClock, at time.Time) reconcile.Result {
	if at.IsZero() {
		return reconcile.Result{}
	}
	// The moment itself must be over when the reconciler looks at the clock again. One that is further away than a duration
	// can say is looked at again in a year.
	return reconcile.Result{RequeueAfter: max(min(at.Sub(c.Now()), 365*24*time.Hour)+time.Millisecond, time.Millisecond)}
}

// writeStatus updates an object's status under the resourceVersion that it was computed from. A conflict is no error:
// the newer object is on its way through the cache and brings a new reconcile; one is asked for all the same.
func writeStatus(ctx context.Context, c client.Client, obj client.Object) (reconcile.Result, error) {
	err := c.Status().Update(ctx, obj)
	if apierrors.IsConflict(err) {
		return reconcile.Result{RequeueAfter: 100 * time.Millisecond}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(err)
}

// recorder writes events; nil writes none.
type recorder struct{ events.EventRecorder }

// normal writes an event about something that was to be expected.
func (r recorder) normal(obj runtime.Object, reason, action, format string, args ...any) {
	if r.EventRecorder != nil {
		r.Eventf(obj, nil, corev1.EventTypeNormal, reason, action, format, args...)
	}
}

// warning writes an event about something that somebody should look at.
func (r recorder) warning(obj runtime.Object, reason, action, format string, args ...any) {
	if r.EventRecorder != nil {
		r.Eventf(obj, nil, corev1.EventTypeWarning, reason, action, format, args...)
	}
}

// requestedAt returns the value of the annotation that asks for a reconcile now, cut to what a status may hold.
func requestedAt(obj client.Object) string {
	v := obj.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	return strings.ToValidUTF8(v[:min(len(v), 64)], "")
}

// Waker puts work on a controller's queue from outside of it. Before the controller runs it does nothing: the first
// list of the cache brings every object anyway.
type Waker struct {
	queue atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
}

// Source gives the waker its controller's queue; pass it to WatchesRawSource.
func (w *Waker) Source() source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		w.queue.Store(&q)
		return nil
	})
}

// Wake reconciles an object soon.
func (w *Waker) Wake(key types.NamespacedName) { w.WakeAfter(key, 0) }

// WakeAfter reconciles an object after a while; several calls become one.
func (w *Waker) WakeAfter(key types.NamespacedName, after time.Duration) {
	if q := w.queue.Load(); q != nil {
		(*q).AddAfter(reconcile.Request{NamespacedName: key}, after)
	}
}

// AccountWaker re-evaluates accounts when what they were computed from has changed.
type AccountWaker struct {
	Waker
	// Client reads from the cache.
	Client client.Reader
}

// Notify re-evaluates some accounts of a namespace.
func (w *AccountWaker) Notify(namespace string, names []string) {
	for _, name := range names {
		w.Wake(types.NamespacedName{Namespace: namespace, Name: name})
	}
}

// NotifyNamespace re-evaluates every account of a namespace.
func (w *AccountWaker) NotifyNamespace(ctx context.Context, namespace string) error {
	var accounts v1alpha1.AccountList
	if err := w.Client.List(ctx, &accounts, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range accounts.Items {
		w.Wake(client.ObjectKeyFromObject(&accounts.Items[i]))
	}
	return nil
}
