package controllers

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// ownerGoneDelay is how long to wait for the garbage collector to take a run of an account that is no more.
const ownerGoneDelay = 5 * time.Second

// PlaybookReconciler starts the runs of a playbook. It is the only one that makes runs, and works on each playbook
// with one worker, so that the limits hold.
type PlaybookReconciler struct {
	Gatherer
	// Accounts are woken when a playbook comes, changes or goes.
	Accounts *AccountWaker
	// Progress says which accounts were evaluated.
	Progress *Progress
	// Waker lets others ask for a look at a playbook.
	Waker *Waker
	// Settle holds runs back after a change of the configuration.
	Settle *Settle
	// Recorder of events; nil records none.
	Recorder events.EventRecorder

	seen        generations
	created     ownCreates
	holds       holds
	standstills standstills
}

// +kubebuilder:rbac:groups=perennial.dev,resources=playbooks,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=playbooks/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=perennial.dev,resources=playbookruns,verbs=get;list;watch;create;delete

// SetupWithManager starts the reconciler with the manager.
func (r *PlaybookReconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.Playbook{}, IndexReadSource, func(obj client.Object) []string {
		if p := r.Catalog.compilePlaybook(obj.(*v1alpha1.Playbook)); p.err == nil {
			return sourcesOf(p.result.Reads())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("playbook").
		For(&v1alpha1.Playbook{}).
		Watches(&v1alpha1.Account{}, playbooksOfAccount()).
		Watches(&v1alpha1.Account{}, handler.EnqueueRequestsFromMapFunc(r.playbooksOfFull), builder.WithPredicates(changed(func(a *v1alpha1.Account) any { return full(a) }))).
		Watches(&v1alpha1.PlaybookRun{}, r.playbooksOfRun(), builder.WithPredicates(changed(resultOfRun))).
		Watches(&v1alpha1.Task{}, handler.EnqueueRequestsFromMapFunc(r.playbookOfTask),
			builder.WithPredicates(changed(func(task *v1alpha1.Task) any { return len(task.Status.Undelivered) > 0 }))).
		Watches(&v1alpha1.DataSource{}, lookUp(r.Client, &v1alpha1.PlaybookList{}, IndexReadSource), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(r.Waker.Source()).
		Complete(r)
}

// Reconcile looks at one playbook and starts the runs that are due.
func (r *PlaybookReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var pb v1alpha1.Playbook
	if err := r.Get(ctx, req.NamespacedName, &pb); err != nil {
		if client.IgnoreNotFound(err) == nil && r.seen.forget(req.NamespacedName) {
			r.Catalog.playbooks.forget(req.NamespacedName)
			r.holds.forget(req.NamespacedName)
			r.standstills.over(req.NamespacedName)
			r.wakeInhibited(ctx, req.NamespacedName)
			return ctrl.Result{}, r.Accounts.NotifyNamespace(ctx, req.Namespace)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.seen.changed(&pb, pb.Status.ObservedGeneration) {
		if err := r.Accounts.NotifyNamespace(ctx, req.Namespace); err != nil {
			return ctrl.Result{}, err
		}
		r.wakeInhibited(ctx, req.NamespacedName)
	}
	compiled := r.Catalog.compilePlaybook(&pb)
	before := pb.Status.DeepCopy()
	started, err := r.start(ctx, compiled)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !started.undecided {
		r.standstills.over(req.NamespacedName)
	}
	if err := r.setStatus(ctx, compiled, started); err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before, &pb.Status) {
		if result, err := writeStatus(ctx, r.Client, &pb); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
	}
	expires, err := r.expire(ctx, &pb, started.runs)
	if err = errors.Join(started.refused, err); err != nil {
		return ctrl.Result{}, err // tried again, each time later
	}
	return requeueAt(r.Clock, value.Earliest(started.next, expires)), nil
}

// startOne makes the run of one account's episode. It returns none where the account has moved on since.
func (r *PlaybookReconciler) startOne(ctx context.Context, p plan, acct *v1alpha1.Account) (*v1alpha1.PlaybookRun, time.Time, error) {
	if !r.Progress.ready(p.Playbook, acct, exactly) {
		return nil, time.Time{}, nil // What the cache has is not what was last evaluated.
	}
	in, err := r.gather(ctx, acct)
	if err != nil || in == nil {
		return nil, r.Clock.Now().Add(firstReadDelay), err
	}
	run, err := newRun(p, in)
	if err != nil {
		// What the triggers read has changed in this very moment; the account's evaluation is on its way.
		ctrl.LoggerFrom(ctx).V(1).Info("a run is no longer due", "account", acct.Name, "reason", err.Error())
		return nil, time.Time{}, nil
	}
	err = r.Create(ctx, run)
	if apierrors.IsAlreadyExists(err) {
		return r.existing(ctx, acct, run)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	r.created.add(client.ObjectKeyFromObject(p.Playbook), run, r.Clock.Now())
	recorder{r.Recorder}.normal(acct, "PlaybookTriggered", "StartRun", "playbook %s: %s", p.Name, run.Spec.Reason)
	return run, time.Time{}, nil
}

// existing looks at a run whose name is taken: it is this episode's own, or it belongs to an account of the same name
// that is gone, and then the garbage collector has to take it first.
func (r *PlaybookReconciler) existing(ctx context.Context, acct *v1alpha1.Account, run *v1alpha1.PlaybookRun) (*v1alpha1.PlaybookRun, time.Time, error) {
	var there v1alpha1.PlaybookRun
	if err := r.Get(ctx, client.ObjectKeyFromObject(run), &there); err != nil {
		return nil, r.Clock.Now().Add(ownerGoneDelay), client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(&there, acct) {
		return nil, r.Clock.Now().Add(ownerGoneDelay), nil
	}
	return nil, time.Time{}, nil
}

// playbooksOfAccount looks at a playbook when an account becomes due for it, or ceases to be.
func playbooksOfAccount() handler.EventHandler {
	add := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], obj client.Object) {
		for _, name := range duePlaybooks(obj) {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}, wakeDelay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(q, e.Object)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(q, e.ObjectOld)
			add(q, e.ObjectNew)
		},
	}
}

// newRun makes the run of the account's episode that is Due.
func newRun(p plan, in *accountInput) (*v1alpha1.PlaybookRun, error) {
	episode := playbook.DueEpisode(in.account, p.Name)
	if episode == nil {
		return nil, errNotDue
	}
	return p.result.NewEpisodeRun(in.view(in.account.Status.Health), *episode)
}

// errNotDue is for an account whose episode has moved on.
var errNotDue = errors.New("no episode is Due")
