package controllers

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/perennial-dev/perennial/internal/account"
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

	seen    generations
	created ownCreates
}

// +kubebuilder:rbac:groups=perennial.dev,resources=playbooks,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=playbooks/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=perennial.dev,resources=playbookruns,verbs=get;list;watch;create

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
		Watches(&v1alpha1.PlaybookRun{}, handler.EnqueueRequestsFromMapFunc(playbookOfRun),
			builder.WithPredicates(changed(func(run *v1alpha1.PlaybookRun) any { return run.Status.State }))).
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
			return ctrl.Result{}, r.Accounts.NotifyNamespace(ctx, req.Namespace)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.seen.changed(&pb, pb.Status.ObservedGeneration) {
		if err := r.Accounts.NotifyNamespace(ctx, req.Namespace); err != nil {
			return ctrl.Result{}, err
		}
	}
	compiled := r.Catalog.compilePlaybook(&pb)
	before := pb.Status.DeepCopy()
	started, err := r.start(ctx, compiled)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.setStatus(ctx, compiled, started); err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before, &pb.Status) {
		if result, err := writeStatus(ctx, r.Client, &pb); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
	}
	return requeueAt(r.Clock, started.next), nil
}

// startResult is what came of starting the runs that are due.
type startResult struct {
	// runs of the playbook, those that were just made included.
	runs []v1alpha1.PlaybookRun
	// held is the number of accounts whose run may not start now, because of a limit or suspend.
	held int
	// next is when to look again; the zero time is when something changes.
	next time.Time
}

// start makes the runs that are due, as far as the limits allow.
func (r *PlaybookReconciler) start(ctx context.Context, p plan) (startResult, error) {
	var result startResult
	var runs v1alpha1.PlaybookRunList
	if err := r.List(ctx, &runs, client.InNamespace(p.Namespace), client.MatchingFields{IndexPlaybook: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return result, err
	}
	now := r.Clock.Now()
	result.runs = r.created.merge(client.ObjectKeyFromObject(p.Playbook), runs.Items, now)
	if p.err != nil {
		return result, nil
	}
	due, err := r.due(ctx, p)
	if err != nil || due == 0 {
		return result, err
	}
	if p.Spec.Suspend {
		result.held = due
		return result, nil
	}
	watched, err := r.watched(ctx, p)
	if err != nil {
		return result, err
	}
	ready, next, err := r.mayStart(ctx, p, watched, now)
	if err != nil || !ready {
		result.next = next
		return result, err
	}
	return r.admit(ctx, p, watched, result)
}

// due counts the accounts that have an episode of the playbook in the state Due.
func (r *PlaybookReconciler) due(ctx context.Context, p plan) (int, error) {
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, client.InNamespace(p.Namespace), client.MatchingFields{IndexDuePlaybook: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return 0, err
	}
	n := 0
	for i := range accounts.Items {
		if acct := &accounts.Items[i]; acct.DeletionTimestamp.IsZero() && p.selector.Matches(acct) {
			n++
		}
	}
	return n, nil
}

// mayStart reports whether runs may start now: every account that the playbook watches was evaluated since the
// operator started, and the configuration has settled. next is when to ask again, where time alone decides.
func (r *PlaybookReconciler) mayStart(ctx context.Context, p plan, watched []*v1alpha1.Account, now time.Time) (ready bool, next time.Time, err error) {
	settled, err := r.Settle.over(ctx, p.Namespace, now)
	if err != nil {
		return false, time.Time{}, err
	}
	if now.Before(settled) {
		return false, settled, nil
	}
	for _, acct := range watched {
		if !r.Progress.ready(p.Playbook, acct, atLeast) {
			return false, time.Time{}, nil
		}
	}
	return true, time.Time{}, nil
}

// watched returns the accounts that the playbook watches. They are the cache's own.
func (r *PlaybookReconciler) watched(ctx context.Context, p plan) ([]*v1alpha1.Account, error) {
	var accounts v1alpha1.AccountList
	if err := r.List(ctx, &accounts, client.InNamespace(p.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var watched []*v1alpha1.Account
	for i := range accounts.Items {
		if acct := &accounts.Items[i]; acct.DeletionTimestamp.IsZero() && p.selector.Matches(acct) {
			watched = append(watched, acct)
		}
	}
	return watched, nil
}

// admit makes a run for each account that the limits let through. Who is due is read off the very accounts that mayStart
// looked at: the largest goes first only where all of them are known.
func (r *PlaybookReconciler) admit(ctx context.Context, p plan, watched []*v1alpha1.Account, result startResult) (startResult, error) {
	now := r.Clock.Now()
	started, open := namesOf(result.runs), openAccounts(result.runs)
	active, today, oldest := countRuns(result.runs, now)
	gone, oldestGone := countGone(p.Name, watched, started, now)
	var candidates []playbook.Candidate
	due := map[string]*v1alpha1.Account{}
	for _, acct := range watched {
		episode := dueEpisode(acct, p.Name)
		if episode == nil || started[runNameOf(acct.Name, episode)] || open[acct.Name] {
			continue // What has its run, or another one, the account will see as soon as its cache does.
		}
		due[acct.Name] = acct
		candidates = append(candidates, playbook.Candidate{Account: acct.Name, ARR: account.ARR(acct)})
	}
	admitted, held := playbook.Admit(candidates, active, today+gone, p.Spec.Limits)
	result.held = held
	for _, name := range admitted {
		run, next, err := r.startOne(ctx, p, due[name].DeepCopy())
		if err != nil {
			return result, err
		}
		if run != nil {
			result.runs = append(result.runs, *run)
		}
		result.next = value.Earliest(result.next, next)
	}
	if oldest = value.Earliest(oldest, oldestGone); held > 0 && !oldest.IsZero() {
		// A place within the day becomes free when its oldest run is a day old.
		result.next = value.Earliest(result.next, oldest.Add(24*time.Hour))
	}
	return result, nil
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

func playbookOfRun(_ context.Context, obj client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.(*v1alpha1.PlaybookRun).Spec.PlaybookRef.Name}}}
}

// newRun makes the run of the account's episode that is Due.
func newRun(p plan, in *accountInput) (*v1alpha1.PlaybookRun, error) {
	view := in.view(in.account.Status.Health)
	episode := dueEpisode(in.account, p.Name)
	switch {
	case episode == nil:
		return nil, errNotDue
	case episode.Source != "":
		return p.result.NewObservationRun(view, *episode)
	}
	triggers, _ := p.result.Conditions(view)
	return p.result.NewRun(view, *episode, triggers)
}

// errNotDue is for an account whose episode has moved on.
var errNotDue = errors.New("no episode is Due")

// dueEpisode returns the one episode of a playbook on an account that is Due; nil where none is.
func dueEpisode(acct *v1alpha1.Account, playbookName string) *v1alpha1.Episode {
	for _, e := range episodesOf(acct, playbookName) {
		if e.State == v1alpha1.EpisodeDue {
			return e
		}
	}
	return nil
}

// describeHeld says why runs are held, and what can be done about it.
func describeHeld(p *v1alpha1.Playbook, held int) string {
	if p.Spec.Suspend {
		return fmt.Sprintf("%d accounts are due; spec.suspend holds their runs back", held)
	}
	return fmt.Sprintf("%d accounts are due; spec.limits holds their runs back; the largest ARR goes first", held)
}
