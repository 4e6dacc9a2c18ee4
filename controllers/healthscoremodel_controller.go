package controllers

import (
	"context"
	"fmt"
	"strings"
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
		For(&v1alpha1.HealthScoreModel{}).
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

// setStatus computes a model's status.
func (r *HealthScoreModelReconciler) setStatus(ctx context.Context, m *v1alpha1.HealthScoreModel) error {
	compiled := r.Catalog.compileModel(m)
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, client.InNamespace(m.Namespace), client.MatchingFields{IndexModel: m.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	m.Status.Accounts = int32(min(len(accounts.Items), 1<<30))
	m.Status.ObservedGeneration = m.Generation
	m.Status.LastHandledRequestedAt = requestedAt(m)
	c := conditions{list: &m.Status.Conditions, generation: m.Generation, now: r.Clock.Now()}
	if compiled.err != nil {
		c.stalled(v1alpha1.ReasonInvalidSpec, compiled.err.Error())
		return nil
	}
	missing, err := missingReferences(ctx, r.Client, m.Namespace, compiled.result.Reads())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		c.reconciling(v1alpha1.ReasonReferenceNotFound, notThere(missing))
		return nil
	}
	misfits, err := r.misfits(ctx, m)
	if err != nil {
		return err
	}
	if len(misfits) > 0 {
		c.reconciling(v1alpha1.ReasonTypeMismatch, "these measures are Missing for every account: "+atMostThree(misfits))
		return nil
	}
	c.ready(v1alpha1.ReasonReady, "the model is in use")
	return nil
}

// misfits names the measures whose scale cannot use the type of their metric. The model or the source can change that.
func (r *HealthScoreModelReconciler) misfits(ctx context.Context, m *v1alpha1.HealthScoreModel) ([]string, error) {
	var misfits []string
	for _, measure := range m.Spec.Measures {
		if measure.Scale == nil || measure.From.Source == "" {
			continue
		}
		wants := v1alpha1.MetricNumber
		if len(measure.Scale.Categories) > 0 {
			wants = v1alpha1.MetricCategory
		}
		var source v1alpha1.DataSource
		if err := r.Get(ctx, types.NamespacedName{Namespace: m.Namespace, Name: measure.From.Source}, &source); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		for _, metric := range source.Spec.Metrics {
			if metric.Name == measure.From.Metric && metric.Type != wants {
				misfits = append(misfits, fmt.Sprintf("spec.measures[%s]: its scale is for type %s, and metric %s of DataSource %s is of type %s",
					measure.Name, wants, metric.Name, source.Name, metric.Type))
			}
		}
	}
	return misfits, nil
}

// notThere says what is missing and that nothing else needs to be done about it.
func notThere(missing []string) string {
	return fmt.Sprintf("not there: %s; until it is, its values count as not readable", strings.Join(missing[:min(len(missing), 10)], ", "))
}

// modelsOfAccount counts a model's accounts anew when the model of an account changes.
func modelsOfAccount() handler.EventHandler {
	count := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], obj client.Object) {
		for _, name := range scoringModel(obj) {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}, countDelay)
		}
	}
	return handler.Funcs{
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			count(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, after := scoringModel(e.ObjectOld), scoringModel(e.ObjectNew)
			if strings.Join(before, "") != strings.Join(after, "") {
				count(q, e.ObjectOld)
				count(q, e.ObjectNew)
			}
		},
	}
}
