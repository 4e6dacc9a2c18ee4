package controllers

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
)

// firstReadDelay is how long to wait for a source that was not read since the operator started; its timeout bounds how often.
const firstReadDelay = time.Second

// PlaybookRunReconciler makes the tasks of a run and keeps its status.
type PlaybookRunReconciler struct {
	Gatherer
	// Reader reads past the cache: whether a task that the cache does not show was deleted, only the API server knows.
	Reader client.Reader
	// Waker lets others ask for a look at a run.
	Waker *Waker
	// Recorder of events; nil records none.
	Recorder events.EventRecorder
	// Outbox tells notifiers of what happens; nil tells nobody.
	Outbox *Outbox
	// Workers is the number of runs that are worked on at the same time.
	Workers int

	texts playbook.Cache
}

// +kubebuilder:rbac:groups=perennial.dev,resources=playbookruns,verbs=get;list;watch
// +kubebuilder:rbac:groups=perennial.dev,resources=playbookruns/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=perennial.dev,resources=tasks,verbs=get;list;watch;create

// SetupWithManager starts the reconciler with the manager.
func (r *PlaybookRunReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("playbookrun").
		For(&v1alpha1.PlaybookRun{}).
		Watches(&v1alpha1.Task{}, handler.EnqueueRequestsFromMapFunc(runOfTask)).
		Watches(&v1alpha1.Account{}, handler.EnqueueRequestsFromMapFunc(r.runsOfAccount), builder.WithPredicates(runsMayMove())).
		WatchesRawSource(r.Waker.Source()).
		WithOptions(controller.Options{MaxConcurrentReconciles: max(r.Workers, 1)}).
		Complete(r)
}

// Reconcile works on one run.
func (r *PlaybookRunReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var run v1alpha1.PlaybookRun
	if err := r.Get(ctx, req.NamespacedName, &run); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var acct v1alpha1.Account
	err := r.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.AccountRef.Name}, &acct)
	if err != nil || !run.DeletionTimestamp.IsZero() || !belongs(&run, &acct) {
		// Without its account the run is on its way to the garbage collector.
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	in, waiting, err := r.planInput(ctx, &run, &acct)
	if err != nil {
		return ctrl.Result{}, err
	}
	if waiting {
		return ctrl.Result{RequeueAfter: firstReadDelay}, nil
	}
	work, err := playbook.PlanRun(in)
	if err != nil {
		// The playbook's compilation refuses such a spec; a run that somebody wrote by hand may have it.
		return r.stall(ctx, &run, err)
	}
	if later, err := r.createTasks(ctx, &run, work.Create); err != nil || later {
		return ctrl.Result{RequeueAfter: ownerGoneDelay}, err
	}
	before := run.Status.DeepCopy()
	setRunStatus(&run, work, in.Now)
	told, err := r.Outbox.ofRun(ctx, &run, &acct, before)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before, &run.Status) {
		if result, err := writeStatus(ctx, r.Client, &run); err != nil || result.RequeueAfter > 0 {
			return result, err
		}
		told()
		r.tell(&run, before)
	}
	return requeueAt(r.Clock, work.NextChange), nil
}

// stall says that a run's spec cannot work.
func (r *PlaybookRunReconciler) stall(ctx context.Context, run *v1alpha1.PlaybookRun, reason error) (ctrl.Result, error) {
	before := run.Status.DeepCopy()
	run.Status.ObservedGeneration = run.Generation
	c := conditions{list: &run.Status.Conditions, generation: run.Generation, now: r.Clock.Now()}
	c.stalled(v1alpha1.ReasonInvalidSpec, reason.Error())
	if equality.Semantic.DeepEqual(before, &run.Status) {
		return ctrl.Result{}, nil
	}
	return writeStatus(ctx, r.Client, run)
}

// planInput gathers what a run's plan depends on. waiting is true where a text cannot be written yet because its source
// was not read since the operator started.
func (r *PlaybookRunReconciler) planInput(ctx context.Context, run *v1alpha1.PlaybookRun, acct *v1alpha1.Account) (in playbook.PlanInput, waiting bool, err error) {
	reads := r.texts.ReadsOf(run)
	if waiting, err = r.unread(ctx, run.Namespace, reads); err != nil || waiting {
		return in, waiting, err
	}
	tasks, err := r.tasksOf(ctx, run)
	if err != nil {
		return in, false, err
	}
	models, err := r.Catalog.modelsIn(ctx, run.Namespace)
	if err != nil {
		return in, false, err
	}
	renames, err := r.Catalog.renamesIn(ctx, run.Namespace)
	if err != nil {
		return in, false, err
	}
	facts := r.Store.Facts(run.Namespace, acct, reads)
	model := modelFor(models, acct)
	score.Remember(facts, acct.Status.Health, model.object())
	scored := scoredBy(model, acct)
	now := r.Clock.Now()
	return playbook.PlanInput{
		Cache: &r.texts, Run: run, Tasks: tasks, Now: now,
		Cleared: playbook.Cleared(run, playbook.StateEpisodeOf(acct, renames.Now(run.Spec.PlaybookRef.Name))),
		View: playbook.View{
			Account: acct, Health: acct.Status.Health, Scored: scored, ScorePartial: scored && model.result.Partial(acct.Status.Health),
			Facts: facts, Now: now, Location: r.Location,
		},
	}, false, nil
}

// scoredBy reports whether an account's health is what its model, as it is now, says.
func scoredBy(m *model, acct *v1alpha1.Account) bool {
	h := acct.Status.Health
	return m != nil && m.err == nil && !account.Churned(acct) && h != nil && h.Model == m.Name && h.ModelUID == m.UID && h.ModelGeneration == m.Generation
}

// tasksOf returns the tasks of a run. One that the run's status names and the cache does not show is asked for at the
// API server: the cache may be late, and a task that was deleted is never made again.
func (r *PlaybookRunReconciler) tasksOf(ctx context.Context, run *v1alpha1.PlaybookRun) ([]v1alpha1.Task, error) {
	var list v1alpha1.TaskList
	if err := r.List(ctx, &list, client.InNamespace(run.Namespace), client.MatchingFields{IndexRun: run.Name}); err != nil {
		return nil, err
	}
	// Tasks of a run of the same name that is gone are on their way to the garbage collector.
	list.Items = slices.DeleteFunc(list.Items, func(task v1alpha1.Task) bool { return !belongs(&task, run) })
	for _, name := range playbook.MissingTasks(run, list.Items) {
		var task v1alpha1.Task
		err := r.Reader.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: name}, &task)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil && belongs(&task, run) {
			list.Items = append(list.Items, task)
		}
	}
	return list.Items, nil
}

// belongs reports whether an object belongs to the one that it names: it is its own, or nobody's, as after a restore that
// left the owners out. What belongs to another of the same name is on its way to the garbage collector.
func belongs(obj, owner client.Object) bool {
	return metav1.IsControlledBy(obj, owner) || metav1.GetControllerOf(obj) == nil
}

// createTasks makes tasks. later is true where a name is taken by a task that the garbage collector has yet to take.
func (r *PlaybookRunReconciler) createTasks(ctx context.Context, run *v1alpha1.PlaybookRun, tasks []*v1alpha1.Task) (later bool, err error) {
	for _, task := range tasks {
		err := r.Create(ctx, task)
		if apierrors.IsAlreadyExists(err) {
			var there v1alpha1.Task
			if err := r.Reader.Get(ctx, client.ObjectKeyFromObject(task), &there); client.IgnoreNotFound(err) != nil {
				return false, err
			}
			if !belongs(&there, run) {
				return true, nil
			}
			continue
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// setRunStatus puts a plan into a run's status.
func setRunStatus(run *v1alpha1.PlaybookRun, work *playbook.Plan, now time.Time) {
	list := run.Status.Conditions
	run.Status = work.Status
	run.Status.Conditions = list
	run.Status.ObservedGeneration = run.Generation
	c := conditions{list: &run.Status.Conditions, generation: run.Generation, now: now}
	if work.Canceled == "" {
		c.ready(v1alpha1.ReasonReady, "the tasks that can be made are made")
	} else {
		c.ready(v1alpha1.ReasonRunCanceled, work.Canceled)
	}
	switch {
	case playbook.OfEvent(run) && !playbook.ResolvedTime(run).IsZero():
		c.set(v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonWorkCompleted, "an event started the run, and its work was completed")
	case playbook.OfEvent(run):
		c.set(v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonEventHappened, "an event started the run, which nothing that comes later takes back")
	case work.Resolved:
		c.set(v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonConditionCleared, "the condition that started the run has cleared")
	default:
		c.set(v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonConditionHolds, "the condition that started the run has not cleared")
	}
	if len(work.TextErrors) > 0 {
		c.set(v1alpha1.ConditionTextRendered, metav1.ConditionFalse, v1alpha1.ReasonExpressionFailed, atMostThree(work.TextErrors))
	}
	if len(work.DatesUnknown) > 0 {
		c.set(v1alpha1.ConditionDatesKnown, metav1.ConditionFalse, v1alpha1.ReasonDateNotKnown, atMostThree(work.DatesUnknown))
	} else {
		c.remove(v1alpha1.ConditionDatesKnown)
	}
}

// tell records an event where a run ended.
func (r *PlaybookRunReconciler) tell(run *v1alpha1.PlaybookRun, before *v1alpha1.PlaybookRunStatus) {
	if before.State == run.Status.State || run.Status.State == v1alpha1.RunActive {
		return
	}
	recorder{r.Recorder}.normal(run, "Run"+string(run.Status.State), "EndRun", "playbook %s on account %s", run.Spec.PlaybookRef.Name, run.Spec.AccountRef.Name)
}

func runOfTask(_ context.Context, obj client.Object) []reconcile.Request {
	run := obj.(*v1alpha1.Task).Spec.RunRef
	if run == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: run.Name}}}
}

// runsOfAccount maps an account to its runs with open work, and to those whose condition has not cleared yet.
func (r *PlaybookRunReconciler) runsOfAccount(ctx context.Context, obj client.Object) []reconcile.Request {
	var list v1alpha1.PlaybookRunList
	if err := r.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{IndexAccount: obj.GetName()}, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the runs of an account")
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if run := &list.Items[i]; playbook.RunOpen(run) || !playbook.OfEvent(run) && run.Status.ResolvedTime == nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// runsMayMove lets updates of accounts through in which an episode of a playbook moved, or the health that may close a
// task, or something that the steps of runs count from or that the status of a task shows.
func runsMayMove() predicate.Predicate {
	fromSpec := accountChanged()
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*v1alpha1.Account), e.ObjectNew.(*v1alpha1.Account)
			return !equality.Semantic.DeepEqual(before.Status.Playbooks, after.Status.Playbooks) ||
				!equality.Semantic.DeepEqual(before.Status.Health, after.Status.Health) || fromSpec.Update(e)
		},
	}
}
