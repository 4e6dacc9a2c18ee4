package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	status.Rows = int64(s.Rows())
	status.RejectedValues, status.RejectedExamples = s.RejectedValues(), slices.Clone(s.RejectedExamples())
	p.memory.rows, p.memory.readTime, p.memory.spec = status.Rows, s.ReadTime(), p.ds.Spec.DeepCopy()
	p.memory.offered = nil
}

// failed says what went wrong. A source that was read at this generation stays Ready: an outage is not available, no
// more. What only another spec can repair is Stalled; everything else may still come.
func (p *sourcePass) failed(err *observe.Error) {
	wasRead := p.readAtThisGeneration()
	p.acknowledge()
	message := cutText(err.Message, maxSourceErrorLen)
	p.ds.Status.LastError = message
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

// guard refuses a read of so many fewer rows than the last accepted one that the table may have been caught half loaded,
// unless somebody approved it. A read with another query is not compared.
func (p *sourcePass) guard(s *observe.Snapshot) error {
	if p.memory.spec == nil || !sameRows(p.memory.spec, &p.ds.Spec) {
		return nil
	}
	before, after := p.memory.rows, int64(s.Rows())
	if !p.dropped(before, after) {
		return nil
	}
	offered := p.memory.offered
	if offered != nil && p.approved(*offered) && !p.dropped(*offered, after) {
		return nil
	}
	if offered == nil || p.dropped(*offered, after) || p.dropped(after, *offered) {
		// The number that is offered stays while the reads are much like it: a table that grows meanwhile must not
		// invalidate an approval that is on its way.
		offered = &after
	}
	p.memory.offered = offered
	if p.approved(*offered) && *offered == after {
		return nil // approved before the operator started
	}
	return &observe.Error{Reason: v1alpha1.ReasonRowsDropped, Message: fmt.Sprintf(
		"%d rows, after %d in the last accepted read: that is more than %d percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n %s %s %s=%s --overwrite",
		*offered, before, p.maxDrop(), p.key.Namespace, p.key.Name, v1alpha1.AnnotationApprove, p.approval(*offered))}
}

// maxDrop returns how many percent fewer rows are accepted.
func (p *sourcePass) maxDrop() int64 {
	if p.ds.Spec.MaxRowDropPercent == nil {
		return observe.DefaultMaxRowDropPercent
	}
	return int64(*p.ds.Spec.MaxRowDropPercent)
}

// dropped reports whether a number of rows is too far below an earlier one.
func (p *sourcePass) dropped(before, after int64) bool {
	return (before-after)*100 > before*p.maxDrop()
}

// approval is the id of the one drop that somebody may let pass: from the last accepted read, to this number of rows.
// The time of that read is part of it, so that an annotation that is left behind does not approve the next such drop.
func (p *sourcePass) approval(rows int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d/%d", p.ds.UID, p.memory.readTime.Unix(), p.memory.rows, rows))
	return hex.EncodeToString(sum[:5])
}

// approved reports whether somebody let a drop to this number of rows pass.
func (p *sourcePass) approved(rows int64) bool {
	return p.ds.Annotations[v1alpha1.AnnotationApprove] == p.approval(rows)
}

// count says how many accounts the last accepted read is about, and which ids belong to none.
func (r *DataSourceReconciler) count(ctx context.Context, p *sourcePass) error {
	snapshot, _ := r.Store.Snapshot(p.key)
	if snapshot == nil {
		return nil
	}
	accounts := map[string]struct{}{}
	var rows int64
	var keys []string
	for _, id := range snapshot.Keys() {
		found := map[string]struct{}{}
		if err := r.accountsOfScheme(ctx, p.key.Namespace, snapshot.Scheme(), id, found); err != nil {
			return err
		}
		maps.Copy(accounts, found)
		if len(found) > 0 {
			continue
		}
		rows += int64(snapshot.KeyRows(id))
		if len(keys) < maxUnmatchedKeys {
			keys = append(keys, cutText(id, maxUnmatchedKey))
		}
	}
	p.ds.Status.AccountsMatched = int32(min(len(accounts), math.MaxInt32))
	p.ds.Status.UnmatchedRows, p.ds.Status.UnmatchedKeys = rows, keys
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
	switch {
	case is == nil, was != nil && was.Status == is.Status && was.Reason == is.Reason:
	case is.Status == metav1.ConditionFalse && is.Reason == v1alpha1.ReasonRowsDropped:
		events.warning(ds, v1alpha1.ReasonRowsDropped, "Read", "%s", is.Message)
	case is.Status == metav1.ConditionFalse && (was == nil || was.Status != metav1.ConditionFalse || was.Reason == v1alpha1.ReasonRowsDropped):
		events.warning(ds, "SourceUnreachable", "Read", "%s", is.Message)
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionFalse:
		events.normal(ds, "SourceRecovered", "Read", "read again: %d rows", ds.Status.Rows)
	}
}

// sortedNames returns the names of a set.
func sortedNames(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

// cutText shortens text to a number of bytes without breaking a character.
func cutText(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
