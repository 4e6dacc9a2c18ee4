package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// Bounds of what a status shows.
const (
	maxUnmatchedKeys  = 5
	maxUnmatchedKey   = 128
	maxSourceErrorLen = 1024
)

// conditions of the pass's source.
func (p *sourcePass) conditions() conditions {
	return conditions{list: &p.ds.Status.Conditions, generation: p.ds.Generation, now: p.now}
}

// acknowledge notes that the spec and a request were acted on.
func (p *sourcePass) acknowledge() {
	p.ds.Status.ObservedGeneration = p.ds.Generation
	p.ds.Status.LastHandledRequestedAt = requestedAt(p.ds)
}

// suspended says that the source is not read because its spec says so. Whether it is available stays as it was.
func (p *sourcePass) suspended() {
	p.acknowledge()
	c := p.conditions()
	c.ready(v1alpha1.ReasonSuspended, "the source is not read while spec.suspend is true; the last values stand")
	if last := meta.FindStatusCondition(p.ds.Status.Conditions, v1alpha1.ConditionAvailable); last != nil {
		c.set(last.Type, last.Status, last.Reason, last.Message)
		return
	}
	c.set(v1alpha1.ConditionAvailable, metav1.ConditionUnknown, v1alpha1.ReasonSuspended, "the source was never read")
}

// accepted says that the source was read.
func (p *sourcePass) accepted(s *observe.Snapshot) {
	p.acknowledge()
	c := p.conditions()
	c.ready(v1alpha1.ReasonReady, "the source is accepted and was read")
	c.set(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
	status := &p.ds.Status
	at := metav1.NewTime(s.ReadTime())
	status.LastReadTime, status.LastError = &at, ""
	status.Rows, status.Metrics, status.ReadDigest = int64(s.Rows()), s.Counts(), readDigest(&p.ds.Spec)
	status.RejectedValues, status.RejectedExamples = s.RejectedValues(), slices.Clone(s.RejectedExamples())
	reason, warnings := warningsOf(s)
	c.setIf(warnings != "", v1alpha1.ConditionWarnings, reason, value.Shorten(warnings, maxSourceErrorLen))
	p.memory.accepted = acceptedRead{digest: status.ReadDigest, time: s.ReadTime(), size: readSize{rows: status.Rows, values: status.Metrics}}
	p.memory.offered = nil
}

// warningsOf says what is not right with a read that was accepted; empty: nothing.
func warningsOf(s *observe.Snapshot) (reason, message string) {
	var all []string
	if n := s.RejectedValues(); n > 0 {
		reason = v1alpha1.ReasonValuesRejected
		all = append(all, fmt.Sprintf("%d values cannot be read, and the last ones stand: %s; correct them in the source, or the type in spec.metrics", n, s.RejectedExamples()[0]))
		if n == 1 {
			all[0] = fmt.Sprintf("a value cannot be read, and the last one stands: %s; correct it in the source, or the type in spec.metrics", s.RejectedExamples()[0])
		}
	}
	if len(s.Warnings()) > 0 {
		reason = v1alpha1.ReasonSourceWarns
		all = append(all, "the source warns that this may not be all, and an account without a value keeps the last one: "+strings.Join(s.Warnings(), "; "))
	}
	return reason, strings.Join(all, "; ")
}

// failed says what went wrong. A source that was read at this generation stays Ready: an outage is not available, no
// more. What only another spec can repair is Stalled; everything else may still come.
func (p *sourcePass) failed(err *observe.Error) {
	wasRead := p.readAtThisGeneration()
	p.acknowledge()
	message := value.Shorten(err.Message, maxSourceErrorLen)
	p.ds.Status.LastError = message
	if last := p.memory.accepted; !last.time.IsZero() {
		p.ds.Status.LastReadTime = &metav1.Time{Time: last.time} // it may not have been written yet
	}
	if err.Reason != v1alpha1.ReasonRowsDropped {
		p.memory.offered = nil
	}
	c := p.conditions()
	c.set(v1alpha1.ConditionAvailable, metav1.ConditionFalse, err.Reason, message)
	switch {
	case err.Reason == v1alpha1.ReasonInvalidSpec:
		c.stalled(err.Reason, message)
	case wasRead:
		c.ready(v1alpha1.ReasonReady, "the source is accepted and was read")
	case err.Reason == v1alpha1.ReasonSecretNotFound:
		c.reconciling(v1alpha1.ReasonReferenceNotFound, message)
	default:
		c.reconciling(err.Reason, message)
	}
}

// readAtThisGeneration reports whether the source is Ready because this generation of its spec was read.
func (p *sourcePass) readAtThisGeneration() bool {
	ready := meta.FindStatusCondition(p.ds.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == p.ds.Generation && ready.Reason != v1alpha1.ReasonSuspended
}

// count says how many accounts the last accepted read is about, and which ids belong to none.
func (r *DataSourceReconciler) count(ctx context.Context, p *sourcePass) error {
	snapshot, _ := r.Store.Snapshot(p.key)
	if snapshot == nil {
		return nil
	}
	m := p.matched
	if m == nil || m.of != snapshot {
		var err error
		if m, err = r.match(ctx, p, snapshot); err != nil {
			return err
		}
	}
	p.ds.Status.AccountsMatched, p.ds.Status.UnmatchedRows, p.ds.Status.UnmatchedKeys = m.accounts, m.unmatchedRows, m.unmatchedKeys
	return nil
}

// accountsOf adds the names of the accounts that have an id in a source.
func (r *DataSourceReconciler) accountsOf(ctx context.Context, ds *v1alpha1.DataSource, id string, names map[string]struct{}) error {
	return r.accountsOfScheme(ctx, ds.Namespace, ds.Spec.Account.ExternalID, id, names)
}

func (r *DataSourceReconciler) accountsOfScheme(ctx context.Context, namespace, scheme, id string, names map[string]struct{}) error {
	if scheme == "" {
		var account v1alpha1.Account
		err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, &account, client.UnsafeDisableDeepCopy)
		if err == nil {
			names[id] = struct{}{}
		}
		return client.IgnoreNotFound(err)
	}
	var accounts v1alpha1.AccountList
	err := r.List(ctx, &accounts, client.InNamespace(namespace), client.MatchingFields{IndexExternalID: ExternalIDKey(scheme, id)}, client.UnsafeDisableDeepCopy)
	for i := range accounts.Items {
		names[accounts.Items[i].Name] = struct{}{}
	}
	return err
}

// recountDelay gathers many changes of accounts into one count of them.
const recountDelay = time.Second

// recount has the sources of a namespace count their accounts again when one comes, goes or changes its ids.
func (r *DataSourceReconciler) recount() handler.EventHandler {
	soon := func(ctx context.Context, obj client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		var sources v1alpha1.DataSourceList
		if err := r.List(ctx, &sources, client.InNamespace(obj.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "look up the sources of a namespace")
		}
		for i := range sources.Items {
			q.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sources.Items[i])}, recountDelay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			soon(ctx, e.Object, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			soon(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if !slices.Equal(slices.Sorted(slices.Values(accountExternalIDs(e.ObjectOld))), slices.Sorted(slices.Values(accountExternalIDs(e.ObjectNew)))) {
				soon(ctx, e.ObjectNew, q)
			}
		},
	}
}

// tell records an event where the source became available or ceased to be.
func (r *DataSourceReconciler) tell(ds *v1alpha1.DataSource, before *v1alpha1.DataSourceStatus) {
	was := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionAvailable)
	is := meta.FindStatusCondition(ds.Status.Conditions, v1alpha1.ConditionAvailable)
	events := recorder{r.Recorder}
	warned, warns := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionWarnings), meta.FindStatusCondition(ds.Status.Conditions, v1alpha1.ConditionWarnings)
	if warns != nil && (warned == nil || warned.Reason != warns.Reason) {
		events.warning(ds, warns.Reason, "Read", "%s", warns.Message)
	}
	switch {
	case is == nil, was != nil && was.Status == is.Status && was.Reason == is.Reason:
	case is.Status == metav1.ConditionFalse && is.Reason == v1alpha1.ReasonRowsDropped:
		events.warning(ds, v1alpha1.ReasonRowsDropped, "Read", "%s", is.Message)
	case is.Status == metav1.ConditionFalse:
		events.warning(ds, "SourceUnreachable", "Read", "%s", is.Message)
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionFalse:
		events.normal(ds, "SourceRecovered", "Read", "read again: %d rows", ds.Status.Rows)
	}
}

// sortedNames returns the names of a set.
func sortedNames(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }
