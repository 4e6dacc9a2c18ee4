package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
)

// wokenQueue notes who is woken, and after what time.
type wokenQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	woken []string
	after time.Duration
}

func (q *wokenQueue) AddAfter(item reconcile.Request, after time.Duration) {
	q.woken = append(q.woken, item.Name)
	q.after = after
}

// names are those that were woken, each once.
func (q *wokenQueue) names() string {
	slices.Sort(q.woken)
	return strings.Join(slices.Compact(q.woken), " ")
}

// member makes an account that is part of another; an empty parent is none.
func member(name, parent string, change ...func(*v1alpha1.Account)) *v1alpha1.Account {
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
	if parent != "" {
		a.Spec.ParentRef = &v1alpha1.LocalReference{Name: parent}
	}
	for _, c := range change {
		c(a)
	}
	return a
}

// reconcilerOver reads accounts, "child<parent" words, from a cache.
func reconcilerOver(t *testing.T, accounts string) *AccountReconciler {
	b := fake.NewClientBuilder().WithScheme(testScheme(t)).WithIndex(&v1alpha1.Account{}, IndexParent, accountParent)
	for word := range strings.FieldsSeq(accounts) {
		name, parent, _ := strings.Cut(word, "<")
		b = b.WithObjects(member(name, parent))
	}
	return &AccountReconciler{Gatherer: Gatherer{Client: b.Build()}}
}

func TestWhoIsWokenByAChange(t *testing.T) {
	scoring := func(n int32) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) { a.Status.Health = &v1alpha1.Health{Score: &n} }
	}
	arr := func(n int64) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) { a.Spec.Contract = &v1alpha1.Contract{ARR: &n} }
	}
	rollup := func(accounts int32, arr int64) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) { a.Status.Rollup = &v1alpha1.Rollup{Accounts: accounts, ARR: arr} }
	}
	partial := func(a *v1alpha1.Account) {
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionScorePartial, Status: metav1.ConditionTrue}}
	}
	model := func(uid types.UID, generation int64) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) {
			a.Status.Health = &v1alpha1.Health{Model: "m", ModelUID: uid, ModelGeneration: generation, Measures: []v1alpha1.MeasureScore{{Name: "m"}}}
		}
	}
	churned := func(a *v1alpha1.Account) { a.Spec.LifecycleStage = v1alpha1.StageChurned }
	owner := func(a *v1alpha1.Account) { a.Spec.Owner, a.Status.OpenTasks, a.Generation = "jo", 3, 7 }
	terminating := func(a *v1alpha1.Account) { a.DeletionTimestamp = new(metav1.Unix(1, 0)) }
	// leaf is part of unit, which is part of group; other is another unit of it, with a leaf of its own.
	const accounts = "group unit<group leaf<unit other<group stranger<other"
	for name, c := range map[string]struct {
		accounts      string
		before, after *v1alpha1.Account
		want          string
	}{
		"the parent by a score":                          {accounts, member("leaf", "unit", scoring(70)), member("leaf", "unit", scoring(71)), "unit"},
		"the parent by a first score":                    {accounts, member("leaf", "unit"), member("leaf", "unit", scoring(0)), "unit"},
		"the parent where a score is partial":            {accounts, member("leaf", "unit", scoring(7)), member("leaf", "unit", scoring(7), partial), "unit"},
		"the parent by another generation of a model":    {accounts, member("leaf", "unit", model("m", 1)), member("leaf", "unit", model("m", 2)), "unit"},
		"the parent by another model":                    {accounts, member("leaf", "unit", model("m", 1)), member("leaf", "unit", model("n", 1)), "unit"},
		"the parent by ARR":                              {accounts, member("leaf", "unit", arr(1)), member("leaf", "unit", arr(2)), "unit"},
		"the parent by a sum":                            {accounts, member("unit", "group", rollup(1, 5)), member("unit", "group", rollup(1, 6)), "group"},
		"the parent by a number of accounts":             {accounts, member("unit", "group", rollup(1, 5)), member("unit", "group", rollup(2, 5)), "group"},
		"the parent by a customer who left":              {accounts, member("leaf", "unit", scoring(7)), member("leaf", "unit", scoring(7), churned), "unit"},
		"the parent by one on its way out":               {accounts, member("leaf", "unit", scoring(7)), member("leaf", "unit", scoring(7), terminating), "unit"},
		"nobody by what no parent takes":                 {accounts, member("leaf", "unit", scoring(7)), member("leaf", "unit", scoring(7), owner), ""},
		"nobody by the score of one who left":            {accounts, member("leaf", "unit", scoring(7), churned), member("leaf", "unit", scoring(8), churned), ""},
		"nobody by ARR that is in a sum that stands":     {accounts, member("unit", "group", rollup(1, 5), arr(1)), member("unit", "group", rollup(1, 5), arr(2)), ""},
		"nobody by the score of one without a parent":    {accounts, member("group", "", scoring(7)), member("group", "", scoring(8)), ""},
		"all above by a first parent":                    {accounts, member("leaf", ""), member("leaf", "unit"), "group unit"},
		"all above by the loss of a parent":              {accounts, member("leaf", "unit"), member("leaf", ""), "group unit"},
		"all above, before and after a move":             {accounts, member("leaf", "unit"), member("leaf", "other"), "group other unit"},
		"nobody who is not there":                        {accounts, member("leaf", "unit"), member("leaf", "nowhere"), "group unit"},
		"the others of a circle that closes":             {"a<b b<c c<a x<a", member("c", ""), member("c", "a"), "a b"},
		"the others of a circle that opens":              {"a<b b<c c x<a", member("c", "a"), member("c", ""), "a b"},
		"the others of a circle by one that comes":       {"a<b b<c c<a x<a", nil, member("c", "a"), "a b"},
		"the others of a circle by one that goes":        {"a<b b<c x<a", member("c", "a"), nil, "a b"},
		"all above and those right below one that comes": {accounts, nil, member("unit", "group"), "group leaf"},
		"all above and those right below one that goes":  {"group leaf<unit other<group stranger<other", member("unit", "group"), nil, "group leaf"},
	} {
		t.Run(name, func(t *testing.T) {
			handler, q := reconcilerOver(t, c.accounts).relatives(), &wokenQueue{}
			switch {
			case c.before == nil:
				handler.Create(t.Context(), event.CreateEvent{Object: c.after}, q)
			case c.after == nil:
				handler.Delete(t.Context(), event.DeleteEvent{Object: c.before}, q)
			default:
				handler.Update(t.Context(), event.UpdateEvent{ObjectOld: c.before, ObjectNew: c.after}, q)
			}
			if got := q.names(); got != c.want {
				t.Errorf("woken: %q, want %q", got, c.want)
			}
			if c.want != "" && q.after != parentDelay {
				t.Errorf("woken after %s", q.after)
			}
		})
	}
}

func TestTheStartWakesNobodyTwice(t *testing.T) {
	q := &wokenQueue{}
	reconcilerOver(t, "group unit<group leaf<unit").relatives().
		Create(t.Context(), event.CreateEvent{Object: member("unit", "group"), IsInInitialList: true}, q)
	if got := q.names(); got != "" {
		t.Errorf("woken: %s", got)
	}
}

func TestACircleOfManyFitsIntoAMessage(t *testing.T) {
	var others []string
	for i := range 100 {
		others = append(others, fmt.Sprintf("n%d", i))
	}
	for want, n := range map[string]int{
		"a -> a":       0,
		"a -> n0 -> a": 1,
		"a -> n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> a":            7,
		"a -> n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> 1 more -> a":  8,
		"a -> n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> 93 more -> a": 100,
	} {
		if got := describeCircle("a", others[:n]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAParentWaitsForTheFirstEvaluationOfItsChildren(t *testing.T) {
	child := func(name, version string) *v1alpha1.Account {
		return member(name, "group", func(a *v1alpha1.Account) { a.ResourceVersion = version })
	}
	key := client.ObjectKeyFromObject
	p := &Progress{}
	a, b := child("a", "7"), child("b", "8")
	if got := p.of(nil); got != known {
		t.Errorf("without children: %d", got)
	}
	if !p.evaluated(key(a), evaluation{resourceVersion: "7"}) {
		t.Error("the first evaluation is not the first")
	}
	if got := p.of([]*v1alpha1.Account{a, b}); got != unknown {
		t.Errorf("one of two was not evaluated: %d", got)
	}
	p.evaluated(key(b), evaluation{resourceVersion: "9"})
	if got := p.of([]*v1alpha1.Account{a, b}); got != onTheWay {
		t.Errorf("the cache does not show it yet: %d", got)
	}
	if got := p.of([]*v1alpha1.Account{a, child("b", "10")}); got != known {
		t.Errorf("the cache shows something newer: %d", got)
	}
	if p.evaluated(key(a), evaluation{resourceVersion: "11"}) {
		t.Error("the second evaluation is the first")
	}
}

func TestAScoreIsOutdatedOnceItsModelHasChanged(t *testing.T) {
	of := func(name string, uid types.UID, generation int64, failed error) model {
		m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid, Generation: generation}}
		return model{m, compiled[*score.Model]{err: failed}}
	}
	child := member("leaf", "unit", func(a *v1alpha1.Account) {
		a.Status.Health = &v1alpha1.Health{Model: "m", ModelUID: "one", ModelGeneration: 3, Measures: []v1alpha1.MeasureScore{{Name: "wau"}}}
	})
	everybody, err := account.CompileSelector(v1alpha1.AccountSelector{})
	if err != nil {
		t.Fatal(err)
	}
	selecting := func(m model) model {
		m.selector = everybody
		return m
	}
	for name, c := range map[string]struct {
		child *v1alpha1.Account
		model model
		want  bool
	}{
		"by another model that selects it":        {child, selecting(of("n", "two", 3, nil)), true},
		"not while a stalled model selects it":    {child, selecting(of("n", "two", 3, errors.New("stalled"))), false},
		"not while it is the model's":             {child, of("m", "one", 3, nil), false},
		"by a new generation":                     {child, of("m", "one", 4, nil), true},
		"by a model that was deleted and is back": {child, of("m", "two", 3, nil), true},
		"not by one that cannot work":             {child, of("m", "one", 4, errors.New("stalled")), false},
		"not by another model":                    {child, of("n", "two", 4, nil), false},
		"not where there is none":                 {member("leaf", "unit"), of("m", "one", 4, nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			in := &accountInput{models: []model{c.model}}
			if got := in.outdated(c.child); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
