package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/observe"
)

// AccountSetReconciler makes and keeps the accounts of every AccountSet. The cache must keep the managed fields of
// accounts: they say which fields are the set's.
type AccountSetReconciler struct {
	client.Client
	// Reader reads past the cache: whether an account is there that the cache does not show, only the API server knows.
	Reader client.Reader
	// Clock tells the time.
	Clock clock.PassiveClock
	// Location is the time zone of days.
	Location *time.Location
	// Store holds what the sources gave.
	Store *observe.Store
	// Waker lets others ask for a look at a set: its source was read.
	Waker *Waker
	// Recorder of events; nil records none.
	Recorder events.EventRecorder
	// Workers is the number of sets that are worked on at the same time.
	Workers int

	mu     sync.Mutex
	memory map[types.NamespacedName]*setMemory
}

// setMemory is what the reconciler remembers of one set between two looks at it. It is lost in a restart, and then made
// anew without a write. One worker at a time has it: a set is never reconciled twice at once.
type setMemory struct {
	uid        types.UID
	generation int64
	template   *accountset.Template
	err        error
	// refused are the accounts that the API server refused at this generation, by key.
	refused map[string]accountset.Refusal
	// approved are the identities of approved changes that could not be made yet.
	approved map[string]bool
	// written are the accounts that the cache may not show yet as they were written.
	written map[string]writtenAccount
}

// +kubebuilder:rbac:groups=perennial.dev,resources=accountsets,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=perennial.dev,resources=accountsets/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=perennial.dev,resources=accountsets/finalizers,verbs=update

// SetupWithManager starts the reconciler with the manager.
func (r *AccountSetReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("accountset").
		For(&v1alpha1.AccountSet{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.AccountSet{}, handler.Funcs{DeleteFunc: r.setGone}).
		Watches(&v1alpha1.Account{}, handler.EnqueueRequestsFromMapFunc(r.setsOfAccount), builder.WithPredicates(accountRewritten())).
		WatchesRawSource(r.Waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(r.Workers, 1)}).
		Complete(r)
}

// Reconcile brings the accounts of one set in line with the rows of its source.
func (r *AccountSetReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var set v1alpha1.AccountSet
	if err := r.Get(ctx, req.NamespacedName, &set); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !set.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, &set)
	}
	if err := r.keepFinalizer(ctx, &set); err != nil {
		return ctrl.Result{}, err
	}
	memory := r.remember(&set)
	if settled, err := r.settled(ctx, set.Namespace, memory); err != nil || !settled {
		return ctrl.Result{RequeueAfter: cacheDelay}, err
	}
	before := set.Status.DeepCopy()
	result, err := r.sync(ctx, &set, memory)
	if !equality.Semantic.DeepEqual(before, &set.Status) {
		written, statusErr := writeStatus(ctx, r.Client, &set)
		if statusErr != nil || written.RequeueAfter > 0 {
			return written, errors.Join(err, statusErr)
		}
		r.tell(&set, before)
	}
	return result, err
}

// cacheDelay is how long to wait for the cache to show what was written; its watch bounds how often.
const cacheDelay = 100 * time.Millisecond

// sync does what is to be done for a set now and puts the outcome into its status. The result says when something
// changes by itself. An error is a failure of the API server.
func (r *AccountSetReconciler) sync(ctx context.Context, set *v1alpha1.AccountSet, memory *setMemory) (ctrl.Result, error) {
	if r.refuse(set, memory) {
		return ctrl.Result{}, nil
	}
	rows, err := r.rows(ctx, set, memory.template)
	if err != nil || rows == nil {
		return ctrl.Result{}, err
	}
	in, err := r.input(ctx, set, memory)
	if err != nil {
		return ctrl.Result{}, err
	}
	in.Rows = rows
	plan := memory.template.Plan(*in)
	if plan.Approved {
		if err := r.useApproval(ctx, set, memory, plan); err != nil {
			return ctrl.Result{}, err
		}
	}
	done := r.execute(ctx, set, memory, plan.Changes)
	setAccountSetStatus(set, plan, done, r.Clock.Now())
	switch {
	case len(done.failures) > 0:
		return ctrl.Result{}, done.err()
	case done.outdated:
		return ctrl.Result{RequeueAfter: cacheDelay}, nil
	}
	return requeueAt(r.Clock, plan.NextChange), nil
}

// input gathers the accounts and sets of the namespace, which the plan only reads.
func (r *AccountSetReconciler) input(ctx context.Context, set *v1alpha1.AccountSet, memory *setMemory) (*accountset.Input, error) {
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, client.InNamespace(set.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var sets v1alpha1.AccountSetList
	if err := r.List(ctx, &sets, client.InNamespace(set.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	names := make([]string, len(sets.Items))
	for i := range sets.Items {
		names[i] = sets.Items[i].Name
	}
	return &accountset.Input{
		Set: set, Accounts: accounts.Items, Sets: names, Refused: memory.refused, Approved: memory.approved,
		Now: r.Clock.Now(), Location: r.Location,
	}, nil
}

// rows returns the rows of the set's source as they are now, sorted by the source's id. It is nil where nothing may be
// done with them; the status then says why.
func (r *AccountSetReconciler) rows(ctx context.Context, set *v1alpha1.AccountSet, template *accountset.Template) ([]accountset.SourceRow, error) {
	key := types.NamespacedName{Namespace: set.Namespace, Name: set.Spec.SourceRef.Name}
	var source v1alpha1.DataSource
	if err := r.Get(ctx, key, &source); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		r.waitFor(set, v1alpha1.ReasonReferenceNotFound, fmt.Sprintf("spec.sourceRef: there is no DataSource %s", key.Name))
		return nil, nil
	}
	if problem := unknownColumns(&source, template.Columns()); problem != "" {
		r.waitFor(set, v1alpha1.ReasonReferenceNotFound, problem)
		return nil, nil
	}
	snapshot, available := r.Store.Snapshot(key)
	switch {
	case !r.Store.Attempted(key, source.UID):
		r.notRead(set)
		return nil, nil
	case !available || snapshot == nil:
		r.sourceUnavailable(set, fmt.Sprintf("DataSource %s cannot be read now; nothing is made, changed or pruned", key.Name))
		return nil, nil
	case !snapshot.Complete():
		r.sourceUnavailable(set, fmt.Sprintf("DataSource %s warns that its last read may not be all; nothing is made, changed or pruned", key.Name))
		return nil, nil
	case !hasColumns(snapshot, template.Columns()):
		r.sourceUnavailable(set, fmt.Sprintf("DataSource %s was not read since its columns changed; nothing is made, changed or pruned", key.Name))
		return nil, nil
	}
	rows := make([]accountset.SourceRow, 0, len(snapshot.Keys()))
	for _, id := range snapshot.Keys() {
		rows = append(rows, accountset.SourceRow{ID: id, Values: snapshot.Row(id), Unreadable: snapshot.Unreadable(id)})
	}
	return rows, nil
}

// unknownColumns says which columns a template reads that the source does not have.
func unknownColumns(source *v1alpha1.DataSource, columns []string) string {
	known := []string{source.Spec.Account.Field}
	for i := range source.Spec.Metrics {
		known = append(known, source.Spec.Metrics[i].Name)
	}
	var unknown []string
	for _, column := range columns {
		if !slices.Contains(known, column) {
			unknown = append(unknown, "row."+column)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("spec.template reads %s, which DataSource %s does not have; it has %s",
		strings.Join(unknown, ", "), source.Name, strings.Join(known, ", "))
}

// hasColumns reports whether a read has the columns. One that was made under an earlier spec of the source may not.
func hasColumns(snapshot *observe.Snapshot, columns []string) bool {
	if len(snapshot.Keys()) == 0 {
		return true
	}
	metrics := snapshot.Lookup(nil)
	first := snapshot.Row(snapshot.Keys()[0])
	return !slices.ContainsFunc(columns, func(column string) bool {
		_, isMetric := metrics[column]
		_, isAccount := first[column]
		return !isMetric && !isAccount
	})
}

// remember returns what is remembered of a set, with the template of its generation.
func (r *AccountSetReconciler) remember(set *v1alpha1.AccountSet) *setMemory {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(set)
	m := r.memory[key]
	if m != nil && m.uid == set.UID && m.generation == set.Generation {
		return m
	}
	fresh := &setMemory{
		uid: set.UID, generation: set.Generation,
		refused: map[string]accountset.Refusal{}, approved: map[string]bool{}, written: map[string]writtenAccount{},
	}
	if m != nil {
		fresh.written = m.written
	}
	fresh.template, fresh.err = accountset.Compile(set.Spec.Template)
	if r.memory == nil {
		r.memory = map[types.NamespacedName]*setMemory{}
	}
	r.memory[key] = fresh
	return fresh
}

func (r *AccountSetReconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memory, key)
}

// keepFinalizer has the set's deletion wait where its accounts go with it, and only then.
func (r *AccountSetReconciler) keepFinalizer(ctx context.Context, set *v1alpha1.AccountSet) error {
	before := set.DeepCopy()
	var changed bool
	if set.Spec.DeletionPolicy == v1alpha1.SetDelete {
		changed = controllerutil.AddFinalizer(set, v1alpha1.FinalizerAccountSet)
	} else {
		changed = controllerutil.RemoveFinalizer(set, v1alpha1.FinalizerAccountSet)
	}
	if !changed {
		return nil
	}
	return r.Patch(ctx, set, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// finalize deletes the accounts of a set that is deleted, where its policy says so, and lets the set go once they are
// gone. The cache may not show all of them yet.
func (r *AccountSetReconciler) finalize(ctx context.Context, set *v1alpha1.AccountSet) error {
	if !controllerutil.ContainsFinalizer(set, v1alpha1.FinalizerAccountSet) {
		return nil
	}
	if set.Spec.DeletionPolicy == v1alpha1.SetDelete {
		left, err := r.deleteAll(ctx, set)
		if err != nil || left > 0 {
			return err
		}
	}
	before := set.DeepCopy()
	controllerutil.RemoveFinalizer(set, v1alpha1.FinalizerAccountSet)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(r.Patch(ctx, set, patch))
}

// setGone has the sets of the same source look again when one of them is gone: they take its accounts up.
func (r *AccountSetReconciler) setGone(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	set, ok := e.Object.(*v1alpha1.AccountSet)
	if !ok {
		return
	}
	for _, request := range r.setsOfSource(ctx, set.Namespace, set.Spec.SourceRef.Name) {
		q.Add(request)
	}
}

// setsOfAccount maps an account to its set and to the sets of its source. An account with a key that names neither may
// stand in the way of any set.
func (r *AccountSetReconciler) setsOfAccount(ctx context.Context, obj client.Object) []reconcile.Request {
	name := obj.GetLabels()[v1alpha1.LabelAccountSet]
	source := obj.GetAnnotations()[v1alpha1.AnnotationSource]
	var requests []reconcile.Request
	if name != "" {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}})
	}
	if source != "" || name == "" && obj.GetAnnotations()[v1alpha1.AnnotationSourceKey] != "" {
		requests = append(requests, r.setsOfSource(ctx, obj.GetNamespace(), source)...)
	}
	return requests
}

// setsOfSource returns the sets that read a source, or all of the namespace where it is empty.
func (r *AccountSetReconciler) setsOfSource(ctx context.Context, namespace, source string) []reconcile.Request {
	options := []client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}
	if source != "" {
		options = append(options, client.MatchingFields{IndexSetSource: source})
	}
	var sets v1alpha1.AccountSetList
	if err := r.List(ctx, &sets, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the AccountSets of a source")
		return nil
	}
	requests := make([]reconcile.Request, len(sets.Items))
	for i := range sets.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&sets.Items[i])
	}
	return requests
}

// accountRewritten lets those updates of an account through that a set may have to answer: not those of its status.
func accountRewritten() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld, e.ObjectNew
		return before.GetGeneration() != after.GetGeneration() ||
			!equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) ||
			!equality.Semantic.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) ||
			!slices.EqualFunc(specOwners(before), specOwners(after), sameOwner)
	}}
}

// specOwners returns who owns what of an object, less its status.
func specOwners(obj client.Object) []metav1.ManagedFieldsEntry {
	return slices.DeleteFunc(slices.Clone(obj.GetManagedFields()), func(e metav1.ManagedFieldsEntry) bool { return e.Subresource != "" })
}

// sameOwner compares two entries but for their time.
func sameOwner(a, b metav1.ManagedFieldsEntry) bool {
	return a.Manager == b.Manager && a.Operation == b.Operation && equality.Semantic.DeepEqual(a.FieldsV1, b.FieldsV1)
}
