package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// indexes gives a fake client the indexes of the cache.
type indexes struct{ *fake.ClientBuilder }

func (b indexes) IndexField(_ context.Context, obj client.Object, field string, extract client.IndexerFunc) error {
	b.WithIndex(obj, field, extract)
	return nil
}

// starter is a playbook that watches a stage, with accounts of an ARR each, and a clock.
type starter struct {
	client.Client
	t          *testing.T
	clock      *clocktesting.FakePassiveClock
	reconciler *PlaybookReconciler
	accounts   *AccountReconciler
	// refused are the accounts whose runs the API server refuses; how is its answer.
	refused []string
	how     error
	writes  int
}

func newStarter(t *testing.T, edit func(*v1alpha1.Playbook), arr map[string]int64) *starter {
	s := &starter{t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))}
	b := fake.NewClientBuilder().WithScheme(testScheme(t)).WithStatusSubresource(&v1alpha1.Playbook{}, &v1alpha1.Account{}, &v1alpha1.PlaybookRun{})
	if err := SetupIndexes(t.Context(), indexes{b}); err != nil {
		t.Fatal(err)
	}
	pb := &v1alpha1.Playbook{
		ObjectMeta: metav1.ObjectMeta{Name: "welcome", Namespace: "default", Generation: 1},
		Spec: v1alpha1.PlaybookSpec{
			Triggers: []v1alpha1.Trigger{{Name: "new", Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}}}},
			Steps:    []v1alpha1.PlaybookStep{{Name: "call", Title: "Call"}},
		},
	}
	edit(pb)
	b.WithObjects(pb)
	for name, n := range arr {
		b.WithObjects(&v1alpha1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Generation: 1},
			Spec:       v1alpha1.AccountSpec{LifecycleStage: "Onboarding", Contract: &v1alpha1.Contract{ARR: &n}},
		})
	}
	s.Client = interceptor.NewClient(b.Build(), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if run, ok := obj.(*v1alpha1.PlaybookRun); ok && slices.Contains(s.refused, run.Spec.AccountRef.Name) {
				return s.how
			}
			obj.SetCreationTimestamp(metav1.NewTime(s.clock.Now()))
			return c.Create(ctx, obj, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			s.writes++
			return c.SubResource(sub).Update(ctx, obj, opts...)
		},
	})
	gatherer := Gatherer{Client: s, Clock: s.clock, Location: time.UTC, Store: observe.NewStore(), Catalog: NewCatalog(s)}
	progress := &Progress{Playbooks: &Waker{}}
	settle := &Settle{Reader: s, Delay: 0}
	waker := &AccountWaker{Client: s}
	s.accounts = &AccountReconciler{Gatherer: gatherer, Progress: progress, Waker: waker, Settle: settle, Runs: &Waker{}}
	s.reconciler = &PlaybookReconciler{Gatherer: gatherer, Accounts: waker, Progress: progress, Waker: &Waker{}, Settle: settle}
	return s
}

// evaluate looks at every account.
func (s *starter) evaluate() {
	s.t.Helper()
	var accounts v1alpha1.AccountList
	if err := s.List(s.t.Context(), &accounts); err != nil {
		s.t.Fatal(err)
	}
	for i := range accounts.Items {
		if _, err := s.accounts.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&accounts.Items[i])}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// look looks at every account, then at the playbook.
func (s *starter) look() (ctrl.Result, error) {
	s.t.Helper()
	s.evaluate()
	return s.reconciler.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "welcome"}})
}

// status returns the playbook's status.
func (s *starter) status() v1alpha1.PlaybookStatus {
	s.t.Helper()
	var pb v1alpha1.Playbook
	if err := s.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: "welcome"}, &pb); err != nil {
		s.t.Fatal(err)
	}
	return pb.Status
}

func TestARunThatIsRefusedKeepsNoOtherAccountWaiting(t *testing.T) {
	kind := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "playbookruns"}
	for name, how := range map[string]error{
		"by a policy or a quota": apierrors.NewForbidden(kind, "run", errors.New("not this customer")),
		"as invalid":             apierrors.NewInvalid(schema.GroupKind{Kind: "PlaybookRun"}, "run", nil),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStarter(t, func(*v1alpha1.Playbook) {}, map[string]int64{"large": 900, "middle": 50, "small": 10})
			s.refused, s.how = []string{"large"}, how
			if _, err := s.look(); !errors.Is(err, how) {
				t.Errorf("the error is %v: nobody is told, and it is not tried again", err)
			}
			if status := s.status(); status.ActiveRuns != 2 || status.ObservedGeneration != 1 {
				t.Errorf("%d runs are active, generation %d was looked at", status.ActiveRuns, status.ObservedGeneration)
			}
			s.refused = nil
			if _, err := s.look(); err != nil {
				t.Fatal(err)
			}
			if status := s.status(); status.ActiveRuns != 3 {
				t.Errorf("once it is allowed %d runs are active", status.ActiveRuns)
			}
		})
	}
}

func TestAPlaybookIsLookedAtAgainWhenSomethingChangesByItself(t *testing.T) {
	one, none := int32(1), int32(0)
	s := newStarter(t, func(pb *v1alpha1.Playbook) {
		pb.Spec.Limits, pb.Spec.HistoryLimit = &v1alpha1.PlaybookLimits{NewRunsPerDay: &one}, &none
	}, map[string]int64{"large": 900, "small": 10})
	again := func(want time.Duration) {
		t.Helper()
		result, err := s.look()
		if err != nil {
			t.Fatal(err)
		}
		if want > 0 {
			want += time.Millisecond // the moment itself is over then
		}
		if result.RequeueAfter != want {
			t.Errorf("it is looked at again in %s, want %s", result.RequeueAfter, want)
		}
	}
	again(0) // the run that starts wakes the playbook
	// In a day it makes room for the other account.
	again(24 * time.Hour)
	s.clock.SetTime(s.clock.Now().Add(20 * time.Hour))
	again(4 * time.Hour)
	if status := s.status(); status.HeldRuns != 1 || status.Held[0].Account != "small" {
		t.Errorf("held are %v", status.Held)
	}
	// A finished run leaves when the limit of a day counts it no more.
	var runs v1alpha1.PlaybookRunList
	if err := s.List(t.Context(), &runs); err != nil || len(runs.Items) != 1 {
		t.Fatalf("%d runs, %v", len(runs.Items), err)
	}
	run := &runs.Items[0]
	run.Status.State, run.Status.EndedTime = v1alpha1.RunCompleted, &metav1.Time{Time: s.clock.Now()}
	if err := s.Status().Update(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	again(4 * time.Hour)
	s.clock.SetTime(s.clock.Now().Add(4 * time.Hour))
	again(0)
	if err := s.List(t.Context(), &runs); err != nil || len(runs.Items) != 1 || runs.Items[0].Spec.AccountRef.Name != "small" {
		t.Errorf("the runs are %v, %v", runs.Items, err)
	}
}

func TestARunThatIsDeletedBeforeTheCacheShowsItCountsNoLonger(t *testing.T) {
	s := newStarter(t, func(*v1alpha1.Playbook) {}, map[string]int64{"acme": 1})
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	s.evaluate() // the account has seen it, and the playbook not yet
	if err := s.DeleteAllOf(t.Context(), &v1alpha1.PlaybookRun{}, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	if result, err := s.look(); err != nil || result.RequeueAfter != cacheLag+time.Millisecond {
		t.Errorf("whether it is there is asked again in %s, %v", result.RequeueAfter, err)
	}
	s.clock.SetTime(s.clock.Now().Add(cacheLag))
	if result, err := s.look(); err != nil || result.RequeueAfter != 0 {
		t.Errorf("it is looked at again in %s, %v", result.RequeueAfter, err)
	}
	if status := s.status(); status.ActiveRuns != 0 || status.Results != nil {
		t.Errorf("%d runs are active, and the results are %+v", status.ActiveRuns, status.Results)
	}
}

func TestManyAccountsThatAreHeldBackAreSaidOnceAndInFewWords(t *testing.T) {
	arr := map[string]int64{}
	for i := range 40 {
		arr[fmt.Sprintf("account-%02d", i)] = int64(i % 7)
	}
	one := int32(1)
	s := newStarter(t, func(pb *v1alpha1.Playbook) { pb.Spec.Limits = &v1alpha1.PlaybookLimits{NewRunsPerDay: &one} }, arr)
	for range 2 {
		if _, err := s.look(); err != nil {
			t.Fatal(err)
		}
	}
	status := s.status()
	if status.HeldRuns != 39 || len(status.Held) != maxHeldNames || status.Held[0].Account != "account-13" {
		t.Errorf("%d are held, %d are named: %v", status.HeldRuns, len(status.Held), status.Held)
	}
	s.writes = 0
	// Which of those that nobody names goes first is no news.
	var acct v1alpha1.Account
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "account-00"}, &acct); err != nil {
		t.Fatal(err)
	}
	*acct.Spec.Contract.ARR = 3
	if err := s.Update(t.Context(), &acct); err != nil {
		t.Fatal(err)
	}
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	accountWrites := s.writes
	for range 3 {
		if _, err := s.look(); err != nil {
			t.Fatal(err)
		}
	}
	if s.writes != accountWrites || accountWrites > 1 {
		t.Errorf("%d statuses were written, then %d more", accountWrites, s.writes-accountWrites)
	}
	if held := playbook.DueEpisode(&acct, "welcome"); held == nil {
		t.Error("it is not due")
	}
}

func TestAPlaybookThatWaitedForItsNameStartsOnceAllAccountsHaveSeenThatItNeedNot(t *testing.T) {
	one := int32(1)
	s := newStarter(t, func(pb *v1alpha1.Playbook) {
		pb.Spec.PreviousNames, pb.Spec.Limits = []string{"hello"}, &v1alpha1.PlaybookLimits{NewRunsPerDay: &one}
	}, map[string]int64{"large": 900, "small": 10})
	var old v1alpha1.Playbook
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "welcome"}, &old); err != nil {
		t.Fatal(err)
	}
	old.ObjectMeta = metav1.ObjectMeta{Name: "hello", Namespace: "default", Generation: 1}
	old.Spec.PreviousNames, old.Spec.Suspend = nil, true
	if err := s.Create(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), &old); err != nil {
		t.Fatal(err)
	}
	// The small one is the first whose evaluation shows that the old playbook is gone.
	if _, err := s.accounts.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "small"}}); err != nil {
		t.Fatal(err)
	}
	welcome := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "welcome"}}
	if _, err := s.reconciler.Reconcile(t.Context(), welcome); err != nil {
		t.Fatal(err)
	}
	if status := s.status(); status.ActiveRuns != 0 {
		t.Errorf("%d runs are active: the largest ARR goes first", status.ActiveRuns)
	}
	if _, err := s.look(); err != nil {
		t.Fatal(err)
	}
	var runs v1alpha1.PlaybookRunList
	if err := s.List(t.Context(), &runs); err != nil || len(runs.Items) != 1 || runs.Items[0].Spec.AccountRef.Name != "large" {
		t.Errorf("the runs are %v, %v", runs.Items, err)
	}
}

func TestAPlaybookThatWaitsForItsNameLacksNoRoom(t *testing.T) {
	for name, old := range map[string]bool{"while the old one is there": true, "and without one it does": false} {
		t.Run(name, func(t *testing.T) {
			s := newStarter(t, func(pb *v1alpha1.Playbook) { pb.Spec.PreviousNames = []string{"hello"} }, map[string]int64{"acme": 1})
			if old {
				if err := s.Create(t.Context(), &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: "default"}}); err != nil {
					t.Fatal(err)
				}
			}
			var acct v1alpha1.Account
			if err := s.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "acme"}, &acct); err != nil {
				t.Fatal(err)
			}
			acct.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPlaybookLimitExceeded, Status: metav1.ConditionTrue, Message: "32"}}
			if err := s.Status().Update(t.Context(), &acct); err != nil {
				t.Fatal(err)
			}
			if _, err := s.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "default", Name: "welcome"}}); err != nil {
				t.Fatal(err)
			}
			status := s.status()
			if lacks := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPlaybookLimitExceeded); lacks == old {
				t.Errorf("that it lacks room is %v", lacks)
			}
		})
	}
}
