package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify/send"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// NotifierReconciler delivers the events that objects hold for their notifiers. It writes no status but a notifier's:
// what was delivered it notes in the Outbox, and wakes the object's own reconciler.
type NotifierReconciler struct {
	client.Client
	// Clock tells the time.
	Clock clock.PassiveClock
	// Dependencies of deliveries.
	Dependencies send.Dependencies
	// Outbox of those who write the events down.
	Outbox *Outbox
	// Waker lets others ask for a look at a notifier.
	Waker *Waker
	// Accounts, Runs and Tasks are woken when an event of theirs was delivered.
	Accounts *AccountWaker
	Runs     *Waker
	Tasks    *Waker
	// Recorder of events; nil records none.
	Recorder events.EventRecorder

	memory notifierMemories
}

// notifierWorkers is how many notifiers deliver at the same time. One whose receiver does not answer occupies a worker
// until its timeout.
const notifierWorkers = 16

// Bounds of one pass of a notifier, so that all get their turn.
const (
	batch     = 256
	batchTime = 10 * time.Second
	// maxRefused is how many events in a row may be refused before the receiver itself is what is wrong.
	maxRefused = 8
)

// +kubebuilder:rbac:groups=perennial.dev,resources=notifiers,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=notifiers/status,verbs=get;update;patch

// SetupWithManager starts the reconciler with the manager.
func (r *NotifierReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("notifier").
		// Not on changes of the status, which it writes itself.
		For(&v1alpha1.Notifier{}, builder.WithPredicates(
			predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.Account{}, notifiersOf()).
		Watches(&v1alpha1.PlaybookRun{}, notifiersOf()).
		Watches(&v1alpha1.Task{}, notifiersOf()).
		WatchesRawSource(r.Waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: notifierWorkers}).
		Complete(r)
}

// Reconcile delivers what waits for one notifier, as much as one pass may, and says in its status how that goes.
func (r *NotifierReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var n v1alpha1.Notifier
	if err := r.Get(ctx, req.NamespacedName, &n); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{}, r.gone(ctx, req.NamespacedName)
	}
	if !n.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	p, err := r.begin(ctx, &n)
	if err != nil {
		return ctrl.Result{}, err
	}
	switch {
	case p.filter == nil:
	case n.Spec.Suspend:
		p.suspended()
	case p.due():
		if err := r.deliver(ctx, p); err != nil {
			return ctrl.Result{}, err
		}
	}
	if ctx.Err() != nil {
		return ctrl.Result{}, nil // the operator is stopping
	}
	result, err := r.finish(ctx, p)
	if err != nil || result.RequeueAfter > 0 {
		return result, err
	}
	return requeueAt(r.Clock, p.next()), nil
}

// gone has the objects drop the events that they hold for a notifier that is gone.
func (r *NotifierReconciler) gone(ctx context.Context, key types.NamespacedName) error {
	waiting, err := r.waitingFor(ctx, key)
	if err != nil {
		return err
	}
	r.memory.forget(key)
	r.Outbox.forget(key)
	for _, e := range waiting {
		r.wake(key.Namespace, e)
	}
	return nil
}

// deliver sends what waits, the oldest first. An error is one of the API server.
func (r *NotifierReconciler) deliver(ctx context.Context, p *notifierPass) error {
	endpoint, err := send.Open(ctx, p.n, p.filter.Timeout, r.Dependencies)
	if told, ok := errors.AsType[*observe.Error](err); ok {
		p.unusable(told)
		return nil
	}
	if err != nil {
		p.unusable(&observe.Error{Reason: v1alpha1.ReasonDependencyUnavailable, Message: err.Error()})
		return nil
	}
	defer endpoint.Close()
	p.usable()
	limited, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	inARow := 0
	for i, e := range p.toSend() {
		if i >= batch || limited.Err() != nil {
			p.more = true
			break
		}
		message, err := r.read(ctx, p.key.Namespace, e)
		if err != nil {
			return err
		}
		if message == nil {
			continue
		}
		failure := endpoint.Send(ctx, message)
		p.now = r.Clock.Now()
		switch {
		case ctx.Err() != nil:
			return nil // a delivery that was cut off says nothing
		case failure == nil:
			inARow = 0
			r.delivered(p, e)
		case failure.Refused:
			inARow++
			p.refused(e, failure)
		default:
			p.down(e, failure)
			return nil
		}
		if inARow == maxRefused {
			p.rest(failure)
			return nil
		}
	}
	return nil
}

// delivered notes that an event was taken.
func (r *NotifierReconciler) delivered(p *notifierPass, e waitingEvent) {
	r.Outbox.ledger.take(p.key, e.id)
	r.wake(p.key.Namespace, e)
	p.delivered(e)
}

// Pauses between two attempts.
const (
	minPause        = time.Second
	maxPause        = 5 * time.Minute
	minRefusedPause = 30 * time.Second
	maxRefusedPause = time.Hour
	// farthest is longer than any pause: what is further ahead was planned before the clock was put back.
	farthest = 2 * maxRefusedPause
	// stuck is how often the receiver may fail over one event before the others go first.
	stuck = 3
)

// pause returns how long to wait after so many failures in a row.
func pause(failures int, shortest, longest time.Duration) time.Duration {
	wait := shortest
	for range min(failures-1, 16) {
		wait *= 2
	}
	return min(wait, longest)
}

// next is when the notifier is to be looked at again; zero: when something happens.
func (p *notifierPass) next() time.Time {
	var next time.Time
	switch {
	case p.more:
		return p.now
	case p.memory.next.After(p.now):
		next = p.memory.next
	case !p.n.Spec.Suspend:
		for _, e := range p.waiting {
			if at := p.memory.tried[e.id].next; at.After(p.now) {
				next = value.Earliest(next, at)
			}
		}
	}
	if p.filter != nil && len(p.waiting) > 0 {
		next = value.Earliest(next, p.waiting[0].at.Add(p.filter.GiveUpAfter))
	}
	if p.countLater {
		next = value.Earliest(next, p.memory.wrote.Add(countAge))
	}
	return next
}
