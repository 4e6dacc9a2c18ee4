package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
)

// countDelay gathers many changes of accounts into one count of them.
const countDelay = time.Second

// HealthScoreModelReconciler says whether a model is in use, and has its accounts scored anew when it changes.
type HealthScoreModelReconciler struct {
	client.Client
	// Clock tells the time.
	Clock clock.PassiveClock
	// Catalog compiles the models.
	Catalog *Catalog
	// Accounts are woken when a model comes, changes or goes.
	Accounts *AccountWaker

	seen generations
}

// +kubebuilder:rbac:groups=perennial.dev,resources=healthscoremodels,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=healthscoremodels/status,verbs=get;update;patch

// SetupWithManager starts the reconciler with the manager.
func (r *HealthScoreModelReconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.HealthScoreModel{}, IndexReadSource, func(obj client.Object) []string {
		if m := r.Catalog.compileModel(obj.(*v1alpha1.HealthScoreModel)); m.err == nil {
			return sourcesOf(m.result.Reads())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("healthscoremodel").
		For(&v1alpha1.HealthScoreModel{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.HealthScoreModel{}, ownStatus()).
		Watches(&v1alpha1.Account{}, modelsOfAccount()).
		Watches(&v1alpha1.DataSource{}, lookUp(r.Client, &v1alpha1.HealthScoreModelList{}, IndexReadSource), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Complete(r)
}

// Reconcile looks at one model.
func (r *HealthScoreModelReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var m v1alpha1.HealthScoreModel
	if err := r.Get(ctx, req.NamespacedName, &m); err != nil {
		if client.IgnoreNotFound(err) == nil && r.seen.forget(req.NamespacedName) {
			r.Catalog.models.forget(req.NamespacedName)
			return ctrl.Result{}, r.Accounts.NotifyNamespace(ctx, req.Namespace)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.seen.changed(&m, m.Status.ObservedGeneration) {
		if err := r.Accounts.NotifyNamespace(ctx, req.Namespace); err != nil {
			return ctrl.Result{}, err
		}
	}
	before := m.Status.DeepCopy()
	if err := r.setStatus(ctx, &m); err != nil {
		return ctrl.Result{}, err
	}
	if equality.Semantic.DeepEqual(before, &m.Status) {
		return ctrl.Result{}, nil
	}
	return writeStatus(ctx, r.Client, &m)
}

// recount counts a model's accounts anew, soon: what many accounts change becomes one count and one write.
func recount(q workqueue.TypedRateLimitingInterface[reconcile.Request], namespace, name string) {
	if name != "" {
		q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}, countDelay)
	}
}

// modelsOfAccount counts the accounts of a model anew when one of them comes, goes, or counts differently.
func modelsOfAccount() handler.EventHandler {
	return handler.Funcs{
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			recount(q, e.Object.GetNamespace(), modelOf(e.Object))
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if !score.SameInSummary(e.ObjectOld.(*v1alpha1.Account), e.ObjectNew.(*v1alpha1.Account)) {
				recount(q, e.ObjectNew.GetNamespace(), modelOf(e.ObjectOld))
				recount(q, e.ObjectNew.GetNamespace(), modelOf(e.ObjectNew))
			}
		},
	}
}

// modelOf returns the name of the model that computed an account's health; empty where none did.
func modelOf(obj client.Object) string { return score.ModelOf(obj.(*v1alpha1.Account).Status.Health) }

// ownStatus looks at a model again after its status was written: what it was computed from may have changed since, and a
// model that a spec did not change is looked at no sooner, so that counts which move all the time are written once in a
// while.
func ownStatus() handler.EventHandler {
	return handler.Funcs{UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		recount(q, e.ObjectNew.GetNamespace(), e.ObjectNew.GetName())
	}}
}
