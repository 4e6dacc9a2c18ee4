package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// countAge is how old the number of waiting events in a status may grow.
const countAge = time.Minute

// conditions of the pass's notifier.
func (p *notifierPass) conditions() conditions {
	return conditions{list: &p.n.Status.Conditions, generation: p.n.Generation, now: p.now}
}

// stalled says that the notifier's spec cannot work.
func (p *notifierPass) stalled(message string) {
	p.memory.next = time.Time{}
	p.conditions().stalled(v1alpha1.ReasonInvalidSpec, value.Shorten(message, maxSourceErrorLen))
}

// suspended says that nothing is delivered because the spec says so.
func (p *notifierPass) suspended() {
	p.memory.failures, p.memory.next = 0, time.Time{}
	p.conditions().ready(v1alpha1.ReasonSuspended, "nothing is delivered while spec.suspend is true; events wait")
}

// usable says that all that the notifier refers to is there.
func (p *notifierPass) usable() {
	p.conditions().ready(v1alpha1.ReasonReady, "the notifier can be used")
}

// dropsNote is what the condition Available says after events were given up.
const dropsNote = "; events were given up, see status.dropped"

// unavailable says why the latest delivery did not succeed. That events were given up stays said until one succeeds.
func (p *notifierPass) unavailable(message string) {
	reason := v1alpha1.ReasonDeliveryFailed
	message = value.Shorten(message, maxSourceErrorLen)
	if is := p.available(); is != nil && is.Status == metav1.ConditionFalse && is.Reason == v1alpha1.ReasonEventsDropped {
		reason, message = is.Reason, message+dropsNote
	}
	p.conditions().set(v1alpha1.ConditionAvailable, metav1.ConditionFalse, reason, message)
}

func (p *notifierPass) available() *metav1.Condition {
	return meta.FindStatusCondition(p.n.Status.Conditions, v1alpha1.ConditionAvailable)
}

// countDropped adds what was given up to the status.
func (p *notifierPass) countDropped() {
	p.n.Status.Dropped += int64(len(p.givenUp)) + p.noRoom
	is := p.available()
	if len(p.givenUp) == 0 || is == nil || is.Status != metav1.ConditionFalse || is.Reason == v1alpha1.ReasonEventsDropped {
		return
	}
	p.conditions().set(is.Type, is.Status, v1alpha1.ReasonEventsDropped, is.Message+dropsNote)
}

// finish writes the status if it is worth it. Only then are the events dropped that were given up: they are counted even
// where the operator is killed in between.
func (r *NotifierReconciler) finish(ctx context.Context, p *notifierPass) (ctrl.Result, error) {
	waiting := 0
	for _, e := range p.waiting {
		if _, ok := p.taken[e.id]; !ok {
			p.waiting[waiting] = e
			waiting++
		}
	}
	p.waiting = p.waiting[:waiting]
	p.countDropped()
	worth := !equality.Semantic.DeepEqual(p.before, &p.n.Status)
	p.countLater = p.n.Status.Waiting != int32(min(waiting, 1<<30))
	if worth || p.countLater && !p.now.Before(p.memory.wrote.Add(countAge)) {
		p.n.Status.Waiting, p.countLater = int32(min(waiting, 1<<30)), false
		result, err := writeStatus(ctx, r.Client, p.n)
		if err != nil || result.RequeueAfter > 0 {
			r.Outbox.ledger.drop(p.key, p.noRoom)
			r.memory.store(p.key, p.memory)
			return result, err
		}
		p.memory.wrote = p.now
		r.tell(p)
	}
	for _, e := range p.givenUp {
		r.Outbox.ledger.take(p.key, e.id)
		r.wake(p.key.Namespace, e)
	}
	r.memory.store(p.key, p.memory)
	return ctrl.Result{}, nil
}

// tell records an event where deliveries began to fail, or succeed again, and where events were dropped.
func (r *NotifierReconciler) tell(p *notifierPass) {
	to := recorder{r.Recorder}
	was, is := meta.FindStatusCondition(p.before.Conditions, v1alpha1.ConditionAvailable), p.available()
	failed := was != nil && was.Status == metav1.ConditionFalse
	switch {
	case is == nil:
	case is.Status == metav1.ConditionFalse && !failed:
		to.warning(p.n, v1alpha1.ReasonDeliveryFailed, "Deliver", "%s", strings.TrimSuffix(is.Message, dropsNote))
	case is.Status == metav1.ConditionTrue && failed:
		to.normal(p.n, "DeliveryRecovered", "Deliver", "events are delivered again")
	}
	var dropped []string
	if n := len(p.givenUp); n > 0 {
		dropped = append(dropped, fmt.Sprintf("%d given up after %s", n, value.FormatDuration(p.filter.GiveUpAfter)))
	}
	if p.noRoom > 0 {
		dropped = append(dropped, fmt.Sprintf("%d for which their objects had no room: one holds at most eight", p.noRoom))
	}
	if len(dropped) > 0 {
		to.warning(p.n, v1alpha1.ReasonEventsDropped, "Deliver", "events were dropped: %s", strings.Join(dropped, "; "))
	}
}
