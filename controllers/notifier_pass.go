package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/notify/send"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// notifierMemory is what is remembered of one notifier between two passes. All of it may be lost: then things are tried
// sooner.
type notifierMemory struct {
	uid        types.UID
	generation int64
	// handled is the request, an annotation, that was last acted on.
	handled string
	// failures of the receiver in a row, and when it is tried again; zero: as soon as there is something.
	failures int
	next     time.Time
	// tried are the events that were refused, or over which the receiver failed.
	tried map[notify.ID]attempts
	// wrote is when the status was last written.
	wrote time.Time
}

// attempts are those of one event.
type attempts struct {
	refused, failed int
	// next attempt of one that was refused.
	next time.Time
}

// notifierMemories are those of all notifiers. The zero value is ready, and safe for concurrent use.
type notifierMemories struct {
	mu  sync.Mutex
	all map[types.NamespacedName]notifierMemory
}

// load returns what is remembered of a notifier.
func (m *notifierMemories) load(n *v1alpha1.Notifier) notifierMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	memory := m.all[client.ObjectKeyFromObject(n)]
	if memory.uid != n.UID {
		memory = notifierMemory{uid: n.UID, generation: -1, handled: n.Status.LastHandledRequestedAt}
	}
	return memory
}

func (m *notifierMemories) store(key types.NamespacedName, memory notifierMemory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[types.NamespacedName]notifierMemory{}
	}
	m.all[key] = memory
}

func (m *notifierMemories) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, key)
}

// notifierPass is one look at one notifier.
type notifierPass struct {
	n      *v1alpha1.Notifier
	key    types.NamespacedName
	before *v1alpha1.NotifierStatus
	now    time.Time
	memory notifierMemory
	// filter is nil where the spec cannot work.
	filter *notify.Filter
	// waiting are the events that nobody took yet, the oldest first; givenUp those that are tried no more.
	waiting, givenUp []waitingEvent
	// noRoom is how many events objects had no room for since the last pass.
	noRoom int64
	// taken are the ids that were delivered in this pass.
	taken map[notify.ID]struct{}
	// more: the pass ended with events left.
	more bool
	// countLater: the number of waiting events in the status is not written yet.
	countLater bool
}

// begin gathers what a pass starts with.
func (r *NotifierReconciler) begin(ctx context.Context, n *v1alpha1.Notifier) (*notifierPass, error) {
	p := &notifierPass{
		n: n, key: client.ObjectKeyFromObject(n), before: n.Status.DeepCopy(), now: r.Clock.Now(), memory: r.memory.load(n), taken: map[notify.ID]struct{}{},
	}
	if request := requestedAt(n); p.memory.generation != n.Generation || request != p.memory.handled {
		// Somebody changed something, or wants it tried now.
		p.memory.generation, p.memory.handled, p.memory.failures, p.memory.next, p.memory.tried = n.Generation, request, 0, time.Time{}, nil
	}
	if p.memory.next.After(p.now.Add(farthest)) {
		p.memory.next = time.Time{}
	}
	if p.memory.wrote.After(p.now) {
		p.memory.wrote = time.Time{}
	}
	n.Status.ObservedGeneration, n.Status.LastHandledRequestedAt = n.Generation, requestedAt(n)
	shown, err := r.waitingFor(ctx, p.key)
	if err != nil {
		return nil, err
	}
	p.sort(shown, &r.Outbox.ledger)
	if p.filter, err = r.Outbox.filter(n); err != nil {
		p.filter = nil
		p.stalled(err.Error() + "; events that happen meanwhile are not kept for it")
		return p, nil
	}
	for len(p.waiting) > 0 && !p.now.Before(p.waiting[0].at.Add(p.filter.GiveUpAfter)) {
		p.givenUp = append(p.givenUp, p.waiting[0])
		p.waiting = p.waiting[1:]
	}
	return p, nil
}

// sort keeps those events that are not taken yet, and forgets what is remembered of those that nobody shows any more.
func (p *notifierPass) sort(shown []waitingEvent, l *ledger) {
	ids := make(map[notify.ID]struct{}, len(shown))
	for _, e := range shown {
		ids[e.id] = struct{}{}
	}
	isShown := func(id notify.ID) bool { _, ok := ids[id]; return ok }
	l.keep(p.key, isShown)
	p.memory.tried = onlyShown(p.memory.tried, isShown, p.now.Add(farthest))
	p.waiting = slices.DeleteFunc(shown, func(e waitingEvent) bool { return l.taken(p.key, e.id) })
	p.noRoom = l.drops(p.key)
}

// onlyShown copies what is remembered of the events that are shown. One that waits for longer than until the last moment
// is tried now.
func onlyShown(tried map[notify.ID]attempts, shown func(notify.ID) bool, last time.Time) map[notify.ID]attempts {
	left := map[notify.ID]attempts{}
	for id, a := range tried {
		if !shown(id) {
			continue
		}
		if a.next.After(last) {
			a.next = time.Time{}
		}
		left[id] = a
	}
	return left
}

// due reports whether the pass opens the receiver: to deliver, or to see whether it can be used.
func (p *notifierPass) due() bool {
	if p.now.Before(p.memory.next) {
		return false
	}
	ready := meta.FindStatusCondition(p.n.Status.Conditions, v1alpha1.ConditionReady)
	usable := ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == p.n.Generation && ready.Reason != v1alpha1.ReasonSuspended
	return !usable || len(p.toSend()) > 0
}

// toSend returns the events whose time it is: the oldest first, but those last over which the receiver failed again and
// again. One that it cannot digest must not keep the others.
func (p *notifierPass) toSend() []waitingEvent {
	var first, last []waitingEvent
	for _, e := range p.waiting {
		switch a := p.memory.tried[e.id]; {
		case p.now.Before(a.next):
		case a.failed >= stuck:
			last = append(last, e)
		default:
			first = append(first, e)
		}
	}
	return append(first, last...)
}

// delivered notes that the receiver took an event.
func (p *notifierPass) delivered(e waitingEvent) {
	p.memory.failures, p.memory.next = 0, time.Time{}
	delete(p.memory.tried, e.id)
	p.taken[e.id] = struct{}{}
	p.conditions().set(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonDelivered, "the latest delivery succeeded")
}

// refused plans another attempt of an event that the receiver did not take. That it was not taken again is no news.
func (p *notifierPass) refused(e waitingEvent, f *send.Failure) {
	p.memory.next = time.Time{}
	a := p.memory.tried[e.id]
	a.refused++
	a.next = p.now.Add(max(jittered(pause(a.refused, minRefusedPause, maxRefusedPause), p.n.UID, p.now), f.RetryAfter))
	p.memory.tried[e.id] = a
	if a.refused == 1 {
		p.unavailable(f.Message + "; the event is tried again, and others go on")
	}
}

// down plans another attempt at a receiver that does not work. One that asks for a pause now and then does work.
func (p *notifierPass) down(e waitingEvent, f *send.Failure) {
	if p.rest(f); f.Busy && p.memory.failures < stuck {
		return
	}
	a := p.memory.tried[e.id]
	a.failed++
	p.memory.tried[e.id] = a
	p.unavailable(f.Message)
}

// rest leaves the receiver alone for a while.
func (p *notifierPass) rest(f *send.Failure) {
	p.memory.failures++
	wait := max(jittered(pause(p.memory.failures, minPause, maxPause), p.n.UID, p.now), minPause, f.RetryAfter)
	p.memory.next = p.now.Add(wait)
}

// unusable plans another attempt to read what the notifier refers to. A spec that cannot work waits for another one.
func (p *notifierPass) unusable(err *observe.Error) {
	if err.Reason == v1alpha1.ReasonInvalidSpec {
		p.stalled(err.Message)
		return
	}
	p.memory.failures++
	p.memory.next = p.now.Add(jittered(pause(p.memory.failures, minRetry, maxReferenceRetry), p.n.UID, p.now))
	reason := err.Reason
	switch reason {
	case v1alpha1.ReasonSecretNotFound:
		reason = v1alpha1.ReasonReferenceNotFound
	case v1alpha1.ReasonReadFailed:
		reason = v1alpha1.ReasonDependencyUnavailable
	}
	p.conditions().reconciling(reason, value.Shorten(err.Message, maxSourceErrorLen))
}
