package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
)

// parentDelay gathers what happens to many children into one evaluation of their parent.
const parentDelay = 200 * time.Millisecond

// parentName returns the name in an account's parentRef, empty where it has none.
func parentName(a *v1alpha1.Account) string {
	if a.Spec.ParentRef == nil {
		return ""
	}
	return a.Spec.ParentRef.Name
}

// accountParent finds accounts by their parent.
func accountParent(obj client.Object) []string {
	if name := parentName(obj.(*v1alpha1.Account)); name != "" {
		return []string{name}
	}
	return nil
}

// family reads what is above an account and who counts as part of it.
func (g *Gatherer) family(ctx context.Context, acct *v1alpha1.Account) (account.Ancestry, []*v1alpha1.Account, error) {
	up, err := g.ancestry(ctx, acct)
	if err != nil {
		return up, nil, err
	}
	referring, err := g.referringTo(ctx, acct)
	return up, account.Children(acct, up, referring), err
}

// ancestry follows the parentRefs up from an account.
func (g *Gatherer) ancestry(ctx context.Context, acct *v1alpha1.Account) (account.Ancestry, error) {
	var failed error
	up := account.AncestryOf(acct, func(name string) (*v1alpha1.Account, bool) {
		var found v1alpha1.Account
		err := g.Get(ctx, types.NamespacedName{Namespace: acct.Namespace, Name: name}, &found, client.UnsafeDisableDeepCopy)
		if err != nil && !apierrors.IsNotFound(err) {
			failed = err
		}
		return &found, err == nil
	})
	return up, failed
}

// referringTo returns the accounts whose parentRef names an account. They are the cache's own.
func (g *Gatherer) referringTo(ctx context.Context, acct *v1alpha1.Account) ([]*v1alpha1.Account, error) {
	var list v1alpha1.AccountList
	if err := g.List(ctx, &list, client.InNamespace(acct.Namespace), client.MatchingFields{IndexParent: acct.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	accounts := make([]*v1alpha1.Account, len(list.Items))
	for i := range list.Items {
		accounts[i] = &list.Items[i]
	}
	return accounts, nil
}

// scoreChildren is what the account's score takes of its children.
func (in *accountInput) scoreChildren() []score.Child {
	children := make([]score.Child, len(in.children))
	for i, child := range in.children {
		children[i] = score.ChildOf(child, scorePartial(child))
	}
	return children
}

func scorePartial(a *v1alpha1.Account) bool {
	return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionScorePartial)
}

// parentCondition says what comes of the account's parentRef.
func (in *accountInput) parentCondition(c conditions) {
	switch parent := parentName(in.account); {
	case parent == "":
		c.remove(v1alpha1.ConditionParentResolved)
	case in.ancestry.InCircle:
		c.set(v1alpha1.ConditionParentResolved, metav1.ConditionFalse, v1alpha1.ReasonParentCycle, fmt.Sprintf(
			"spec.parentRef.name: %s is a circle, so that none of them counts as part of another; correct or remove the parentRef of one of them",
			describeCircle(in.account.Name, in.ancestry.Names)))
	case in.ancestry.ParentMissing:
		c.set(v1alpha1.ConditionParentResolved, metav1.ConditionFalse, v1alpha1.ReasonParentNotFound,
			fmt.Sprintf("spec.parentRef.name: Account %s is not there; make it, or correct the name", parent))
	default:
		c.set(v1alpha1.ConditionParentResolved, metav1.ConditionTrue, v1alpha1.ReasonParentFound, "part of "+parent)
	}
}

// describeCircle names the accounts of a circle from one of them on, and counts those that a message has no room for.
func describeCircle(name string, others []string) string {
	const most = 8
	way := append([]string{name}, others...)
	if more := len(way) - most; more > 0 {
		way = append(way[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(append(way, name), " -> ")
}

// awaitsChildren reports whether an account has to wait for its children. While one of them was not evaluated since the
// operator started, what it shows is from before, as a value is that no source gave yet: its first evaluation wakes the
// account. While one shows the score of an earlier generation of its model, the change of that model is half done, and would
// look like customers who dropped: its next score wakes the account. What the cache will show in a moment, it looks at again.
func (r *AccountReconciler) awaitsChildren(in *accountInput) (bool, ctrl.Result) {
	if !in.scored() || !slices.ContainsFunc(in.model.Spec.Measures, func(m v1alpha1.Measure) bool { return m.From.Children != "" }) {
		return false, ctrl.Result{}
	}
	if slices.ContainsFunc(in.children, in.outdated) {
		return true, ctrl.Result{}
	}
	switch r.Progress.of(in.children) {
	case unknown:
		return true, ctrl.Result{}
	case onTheWay:
		return true, ctrl.Result{RequeueAfter: parentDelay}
	default:
		return false, ctrl.Result{}
	}
}

// outdated reports whether a score is of another model, or another generation of it, than will score the account now. One
// whose model is stalled stays as it is.
func (in *accountInput) outdated(child *v1alpha1.Account) bool {
	if modelOf(child) == "" {
		return false
	}
	m, _ := chooseModel(in.models, child)
	h := child.Status.Health
	return m != nil && m.err == nil && (m.Name != h.Model || m.Generation != h.ModelGeneration || m.UID != h.ModelUID)
}

// releaseParent wakes the account that may have waited for the first evaluation of this one.
func (r *AccountReconciler) releaseParent(acct *v1alpha1.Account) {
	if name := parentName(acct); name != "" {
		r.Waker.WakeAfter(types.NamespacedName{Namespace: acct.Namespace, Name: name}, parentDelay)
	}
}

// takenByParent is what a parent's status is computed from of one of its children.
type takenByParent struct {
	parent     string
	counts     bool
	score      int32
	scored     bool
	partial    bool
	model      types.UID
	generation int64
	accounts   int32
	arr        int64
}

func takenOf(a *v1alpha1.Account) takenByParent {
	t := takenByParent{parent: parentName(a)}
	if t.parent == "" || !account.CountsInParent(a) {
		return t
	}
	t.counts, t.partial, t.arr = true, scorePartial(a), account.TotalARR(a)
	if h := a.Status.Health; h != nil && h.Score != nil {
		t.scored, t.score = true, *h.Score
	}
	if modelOf(a) != "" {
		t.model, t.generation = a.Status.Health.ModelUID, a.Status.Health.ModelGeneration
	}
	if a.Status.Rollup != nil {
		t.accounts = a.Status.Rollup.Accounts
	}
	return t
}

// relatives re-evaluates the accounts above one when they take something else of it, and those right below one that comes
// or goes. It waits a little, so that many children make one evaluation of their parent.
func (r *AccountReconciler) relatives() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			// What is there when the operator starts is evaluated anyway, with all its relatives in the cache.
			if !e.IsInInitialList {
				r.wakeAbove(ctx, e.Object, q)
				r.wakeBelow(ctx, e.Object, q)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			r.wakeAbove(ctx, e.Object, q)
			r.wakeBelow(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, after := takenOf(e.ObjectOld.(*v1alpha1.Account)), takenOf(e.ObjectNew.(*v1alpha1.Account))
			switch {
			case before.parent != after.parent:
				r.wakeAbove(ctx, e.ObjectOld, q)
				r.wakeAbove(ctx, e.ObjectNew, q)
			case before != after:
				wakeRelatives(q, e.ObjectNew.GetNamespace(), after.parent)
			}
		},
	}
}

// wakeAbove re-evaluates every account above one that has come to its place or leaves it: each may be in a circle through
// it now, or no longer.
func (r *AccountReconciler) wakeAbove(ctx context.Context, obj client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	up, err := r.ancestry(ctx, obj.(*v1alpha1.Account))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the accounts above one")
	}
	wakeRelatives(q, obj.GetNamespace(), up.Names...)
}

// wakeBelow re-evaluates the accounts whose parent comes or goes.
func (r *AccountReconciler) wakeBelow(ctx context.Context, obj client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	children, err := r.referringTo(ctx, obj.(*v1alpha1.Account))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "look up the accounts below one")
	}
	for _, child := range children {
		wakeRelatives(q, obj.GetNamespace(), child.Name)
	}
}

func wakeRelatives(q workqueue.TypedRateLimitingInterface[reconcile.Request], namespace string, names ...string) {
	for _, name := range names {
		q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}, parentDelay)
	}
}
