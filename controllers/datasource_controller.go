package controllers

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/metrics"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// DataSourceReconciler reads the sources, keeps what they give in the Store, and has the accounts evaluated whose facts
// changed.
type DataSourceReconciler struct {
	client.Client
	// Clock tells the time.
	Clock clock.PassiveClock
	// Store receives what the sources give.
	Store *observe.Store
	// Registry has the providers.
	Registry observe.Registry
	// Dependencies of the providers; Keys must read from the API server, not from a cache.
	Dependencies observe.Dependencies
	// Accounts are woken when what is known of them changed.
	Accounts *AccountWaker
	// Waker lets others ask for a look at a source; nil lets nobody.
	Waker *Waker
	// Sets, the AccountSets, are woken when the rows of their source changed. It may be nil.
	Sets *Waker
	// Recorder of events; nil records none.
	Recorder events.EventRecorder
	// Metrics count the reads; nil counts none.
	Metrics *metrics.Activity
	// Workers is the number of sources that are read at the same time. A slow one occupies a worker until its timeout.
	Workers int

	schedule readSchedule
	seen     generations
	inFlight readsInFlight
}

// DefaultSourceWorkers is how many sources are read at the same time where nothing else is said.
const DefaultSourceWorkers = 8

// +kubebuilder:rbac:groups=perennial.dev,resources=datasources,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=datasources/status,verbs=get;update;patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
//
// Secrets are not among these: access to them is a Role in each namespace that the operator works in.

// SetupWithManager starts the reconciler with the manager.
func (r *DataSourceReconciler) SetupWithManager(mgr ctrl.Manager) error {
	workers := r.Workers
	if workers < 1 {
		workers = DefaultSourceWorkers
	}
	waker := r.Waker
	if waker == nil {
		waker = &Waker{}
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("datasource").
		// Not on changes of the status: each read writes it.
		For(&v1alpha1.DataSource{}, builder.WithPredicates(r.inFlight.superseding(
			predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})))).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.readersOfConfigMap)).
		Watches(&v1alpha1.Account{}, r.recount()).
		WatchesRawSource(waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// Reconcile reads one source if it is time to, and says in its status how that went.
func (r *DataSourceReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var ds v1alpha1.DataSource
	if err := r.Get(ctx, req.NamespacedName, &ds); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{}, r.gone(ctx, req)
	}
	if !ds.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := ds.Status.DeepCopy()
	p := r.begin(&ds)
	switch {
	case ds.Spec.Suspend:
		r.suspend(p)
	case p.due():
		r.read(ctx, p)
	}
	if ctx.Err() != nil || p.superseded {
		return ctrl.Result{}, nil // the operator is stopping, or what superseded the read is on its way
	}
	result, err := r.finish(ctx, p, before)
	if err != nil || result.RequeueAfter > 0 {
		r.schedule.undo(p)
		return result, err
	}
	r.schedule.store(p)
	return requeueAt(r.Clock, p.memory.next), nil
}

// finish tells others what came of a pass and writes the status if anything in it changed.
func (r *DataSourceReconciler) finish(ctx context.Context, p *sourcePass, before *v1alpha1.DataSourceStatus) (ctrl.Result, error) {
	if err := r.spread(ctx, p); err != nil {
		r.seen.forget(p.key)
		return ctrl.Result{}, err
	}
	if err := r.count(ctx, p); err != nil {
		return ctrl.Result{}, err
	}
	if !worthSaying(before, p.ds) {
		return ctrl.Result{}, nil
	}
	result, err := writeStatus(ctx, r.Client, p.ds)
	if err == nil && result.RequeueAfter == 0 {
		r.tell(p.ds, before)
	}
	return result, err
}

// readTimeAge is how old the time of the last read in a status may grow while nothing else changes.
const readTimeAge = time.Hour

// worthSaying reports whether a source's status differs from the one that is there in more than the time of a read that
// gave the same. A ConfigMap is only read when it changed.
func worthSaying(before *v1alpha1.DataSourceStatus, ds *v1alpha1.DataSource) bool {
	after := ds.Status.DeepCopy()
	if at := before.LastReadTime; ds.Spec.ConfigMap == nil && at != nil && after.LastReadTime != nil && after.LastReadTime.Sub(at.Time) < readTimeAge {
		after.LastReadTime = at
	}
	return !equality.Semantic.DeepEqual(before, after)
}

// gone forgets a source that was deleted.
func (r *DataSourceReconciler) gone(ctx context.Context, req ctrl.Request) error {
	r.schedule.forget(req.NamespacedName)
	r.Store.Forget(req.NamespacedName)
	r.Registry.Forget(req.NamespacedName)
	if !r.seen.forget(req.NamespacedName) {
		return nil
	}
	return errors.Join(r.wakeSets(ctx, req.Namespace, req.Name), r.Accounts.NotifyNamespace(ctx, req.Namespace))
}

// suspend acknowledges that the source is not to be read.
func (r *DataSourceReconciler) suspend(p *sourcePass) {
	r.Store.Suspend(p.key, p.ds)
	r.Registry.Forget(p.key)
	p.memory.next, p.memory.failures = time.Time{}, 0
	p.suspended()
}

// read reads the source once. What goes wrong is in the status, and tried again.
func (r *DataSourceReconciler) read(ctx context.Context, p *sourcePass) {
	p.read, p.memory.handled = true, requestedAt(p.ds)
	began := r.Clock.Now()
	snapshot, err := r.fetch(ctx, p)
	took := r.Clock.Since(began)
	if ctx.Err() != nil || errors.Is(err, errSuperseded) {
		p.superseded = err != nil
		return // a read that was cut off says nothing about the source
	}
	if err == nil {
		err = r.guard(ctx, p, snapshot)
	}
	var told *observe.Error
	switch {
	case err == nil:
		p.changed = observe.Changed(p.last, snapshot)
		r.Store.Accept(p.key, p.ds, snapshot)
		p.accepted(snapshot)
		p.wait(r.Clock.Now())
	case errors.As(err, &told):
		r.Store.Fail(p.key, p.ds)
		p.failed(told)
		p.retry(r.Clock.Now(), told)
	default:
		// The API server's own words: they name the object, and come from nobody's data.
		r.Store.Fail(p.key, p.ds)
		told = &observe.Error{Reason: v1alpha1.ReasonReadFailed, Message: err.Error()}
		p.failed(told)
		p.retry(r.Clock.Now(), told)
	}
	reason := v1alpha1.ReasonReadSucceeded
	if told != nil {
		reason = told.Reason
	}
	r.Metrics.SourceRead(p.ds, reason, took)
}

// fetch reads the source's rows and the values in them.
func (r *DataSourceReconciler) fetch(ctx context.Context, p *sourcePass) (*observe.Snapshot, error) {
	reader, err := r.Registry.Open(p.ds, r.Dependencies)
	if err != nil {
		return nil, err
	}
	read, over := r.inFlight.begin(ctx, p.key)
	defer over()
	limited, cancel := context.WithTimeout(read, observe.Timeout(p.ds))
	defer cancel()
	table, err := reader.Read(limited, observe.Request{
		Now: p.now.UTC().Truncate(time.Second), Since: observe.SinceLast(p.ds, p.last),
	})
	if errors.Is(context.Cause(read), errSuperseded) {
		return nil, errSuperseded
	}
	if err != nil {
		return nil, err
	}
	snapshot, err := observe.Ingest(p.ds, table, p.now)
	if err != nil {
		return nil, err
	}
	if !table.Since.IsZero() {
		return observe.Merge(p.ds, p.last, snapshot, r.Dependencies)
	}
	if at, ok := p.readBefore(table, snapshot); ok {
		snapshot = snapshot.ReadAt(at)
	}
	return snapshot, nil
}

// spread has everything evaluated that depends on what came of the pass: the accounts whose rows changed, or every
// account where it is about the source as a whole.
func (r *DataSourceReconciler) spread(ctx context.Context, p *sourcePass) error {
	_, available := r.Store.Snapshot(p.key)
	whole := p.firstAttempt || p.newGeneration || available != p.wasAvailable
	snapshot, _ := r.Store.Snapshot(p.key)
	newer := p.last != nil && snapshot != nil && snapshot.ReadTime().After(p.last.ReadTime())
	// What a read that was not all did not say, one that is says.
	whole = whole || p.last != nil && snapshot != nil && p.last.Complete() != snapshot.Complete()
	if newer && !whole {
		maxAge := value.DurationOr(p.ds.Spec.MaxAge, 0)
		whole = maxAge > 0 && snapshot.ReadTime().Sub(p.last.ReadTime()) > maxAge
	}
	if newer && !whole {
		var stale v1alpha1.AccountList
		if err := r.List(ctx, &stale, client.InNamespace(p.key.Namespace), client.MatchingFields{IndexStale: "true"}, client.UnsafeDisableDeepCopy); err != nil {
			return err
		}
		for i := range stale.Items {
			r.Accounts.Wake(client.ObjectKeyFromObject(&stale.Items[i]))
		}
	}
	if !whole && len(p.changed) == 0 {
		return nil
	}
	if err := r.wakeSets(ctx, p.key.Namespace, p.key.Name); err != nil {
		return err
	}
	if whole {
		return r.Accounts.NotifyNamespace(ctx, p.key.Namespace)
	}
	names := map[string]struct{}{}
	for _, id := range p.changed {
		if err := r.accountsOf(ctx, p.ds, id, names); err != nil {
			return err
		}
	}
	r.Accounts.Notify(p.key.Namespace, sortedNames(names))
	return nil
}

// wakeSets wakes the AccountSets that read a source.
func (r *DataSourceReconciler) wakeSets(ctx context.Context, namespace, source string) error {
	if r.Sets == nil {
		return nil
	}
	var sets v1alpha1.AccountSetList
	if err := r.List(ctx, &sets, client.InNamespace(namespace), client.MatchingFields{IndexSetSource: source}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range sets.Items {
		r.Sets.Wake(client.ObjectKeyFromObject(&sets.Items[i]))
	}
	return nil
}

// readersOfConfigMap maps a ConfigMap that came, changed or went to the sources that read it, and has them read it.
func (r *DataSourceReconciler) readersOfConfigMap(ctx context.Context, obj client.Object) []reconcile.Request {
	var sources v1alpha1.DataSourceList
	err := r.List(ctx, &sources, client.InNamespace(obj.GetNamespace()), client.MatchingFields{IndexConfigMap: obj.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the sources that read a ConfigMap")
		return nil
	}
	requests := make([]reconcile.Request, len(sources.Items))
	for i := range sources.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&sources.Items[i])
		r.schedule.readNow(requests[i].NamespacedName)
	}
	return requests
}
