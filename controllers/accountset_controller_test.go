package controllers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
)

func TestAccountSetMakesAndKeepsAccounts(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 3)...)
	set := w.reconcile("customers")
	if set.Status.Accounts != 3 || !set.Status.Filled || condition(set, v1alpha1.ConditionReady) != "True Ready" {
		t.Fatalf("status %+v", set.Status)
	}
	got := w.accounts()["customer-101"]
	want := v1alpha1.AccountSpec{
		DisplayName: "Customer 101", Owner: "jo@example.com",
		ExternalIDs: map[string]v1alpha1.ExternalIDList{"crm": {"101", "org-101"}},
		Team:        []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "jo@example.com"}},
		Contract:    &v1alpha1.Contract{ARR: ptr.To[int64](1200), StartDate: "2026-01-01"},
		Measurements: []v1alpha1.Measurement{{
			Name: "nps", Value: "9",
			ObservedTime: ptr.To(metav1.NewTime(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))),
		}},
	}
	if !equality.Semantic.DeepEqual(want, got.Spec) {
		t.Error(cmp.Diff(want, got.Spec))
	}
	if len(got.OwnerReferences) != 0 || got.Labels["csm"] != "jo-example-com" || got.Labels[v1alpha1.LabelAccountSet] != "customers" {
		t.Errorf("metadata %+v", got.ObjectMeta)
	}

	other := w.accounts()["customer-100"].ResourceVersion
	rows := rowsOf(0, 3)
	rows[1][2], rows[1][3] = "", "2400"
	w.publish(rows...)
	w.reconcile("customers")
	changed := w.accounts()["customer-101"]
	if changed.Spec.Owner != "" || len(changed.Spec.Team) != 0 || *changed.Spec.Contract.ARR != 2400 || changed.Labels["csm"] != "" {
		t.Errorf("after a change of the row: %+v", changed.Spec)
	}
	if w.accounts()["customer-100"].ResourceVersion != other {
		t.Error("an account was written whose row did not change")
	}
}

func TestAccountSetRestartWritesNothing(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", func(s *v1alpha1.AccountSetSpec) { s.Prune = v1alpha1.PruneMarkChurned; s.PruneAfter = "0" })
	w.publish(rowsOf(0, 4)...)
	w.reconcile("customers")
	account := &v1alpha1.Account{}
	w.update(account, "customer-102", func() { account.Spec.Owner = "al@example.com" })
	rows := append(rowsOf(0, 3), [4]string{"200", "Bad", "jo", "1.5"})
	w.publish(rows...)
	set := w.reconcile("customers")
	if set.Status.OverriddenFields != 1 || set.Status.RejectedRows != 1 || w.accounts()["customer-103"].Annotations[v1alpha1.AnnotationChurnedBy] != "customers" {
		t.Fatalf("status %+v", set.Status)
	}

	w.start()
	w.reconcile("customers") // before the source is read
	w.publish(rows...)
	w.reconcile("customers")
	if n := w.cached.writes.Load(); n != 0 {
		t.Errorf("%d writes after a restart", n)
	}
}

func TestAccountSetLeavesWhatSomebodyElseOwns(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 1)...)
	w.reconcile("customers")
	account := &v1alpha1.Account{}
	w.update(account, "customer-100", func() { account.Spec.Owner, account.Spec.Team[0].User = "al@example.com", "al@example.com" })

	rows := rowsOf(0, 1)
	rows[0][3] = "7"
	w.publish(rows...)
	set := w.reconcile("customers")
	want := []v1alpha1.OverriddenField{
		{Account: "customer-100", Field: "spec.owner", Manager: "kubectl-edit"},
		{Account: "customer-100", Field: `spec.team[role="AccountExecutive"].user`, Manager: "kubectl-edit"},
	}
	if diff := cmp.Diff(want, set.Status.Overridden); diff != "" {
		t.Error(diff)
	}
	got := w.accounts()["customer-100"].Spec
	if got.Owner != "al@example.com" || got.Team[0].User != "al@example.com" || *got.Contract.ARR != 7 {
		t.Errorf("got %+v", got)
	}

	w.update(account, "customer-100", func() { account.Spec.Owner = "" })
	set = w.reconcile("customers")
	if set.Status.OverriddenFields != 1 || w.accounts()["customer-100"].Spec.Owner != "jo@example.com" {
		t.Errorf("a field that nobody owns any more is not taken back: %+v", set.Status)
	}
}

func TestAccountSetDropsTheFieldsOfAConflict(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 1)...)
	w.reconcile("customers")
	account := &v1alpha1.Account{}
	w.update(account, "customer-100", func() { account.Spec.Owner = "al@example.com" })

	// A plan that was made before the edit.
	change := w.planned(rowsOf(0, 1)[0])
	change.Action, change.UID = accountset.ActionUpdate, account.UID
	_, overrides, err := w.reconciler.apply(t.Context(), w.namespace, change)
	w.must(err)
	want := []v1alpha1.OverriddenField{{Account: "customer-100", Field: "spec.owner", Manager: "kubectl-edit"}}
	if diff := cmp.Diff(want, overrides); diff != "" {
		t.Error(diff)
	}
	if got := w.accounts()["customer-100"].Spec; got.Owner != "al@example.com" || got.DisplayName != "Customer 100" {
		t.Errorf("got %+v", got)
	}
}

func TestAccountSetDoesNotAdoptWhatAPersonMade(t *testing.T) {
	w := newSetWorld(t)
	mine := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "customer-100"}, Spec: v1alpha1.AccountSpec{DisplayName: "Mine"}}
	w.must(w.live.Create(t.Context(), mine))
	w.create("customers", nil)
	change := w.planned(rowsOf(0, 1)[0])
	if _, _, err := w.reconciler.write(t.Context(), w.namespace, change); !errors.Is(err, errNameTaken) {
		t.Errorf("an account that the cache did not show: %v", err)
	}
	w.publish(rowsOf(0, 1)...)
	w.reconcile("customers")
	accounts := w.accounts()
	if names := slices.Sorted(maps.Keys(accounts)); len(names) != 2 || !strings.HasPrefix(names[1], "customer-100-") {
		t.Errorf("accounts %v", names)
	}
	if accounts["customer-100"].Spec.DisplayName != "Mine" {
		t.Error("a person's account was changed")
	}
}

func TestAccountSetRejectsWhatTheAPIServerRefuses(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	rows := rowsOf(0, 2)
	rows[1][3] = "-5"
	w.publish(rows...)
	set := w.reconcile("customers")
	if set.Status.Accounts != 1 || set.Status.RejectedRows != 1 || condition(set, v1alpha1.ConditionReady) != "True Ready" {
		t.Fatalf("status %+v", set.Status)
	}
	if got := set.Status.Rejected[0]; got.Key != "101" || !strings.Contains(got.Reason, "spec.contract.arr") || strings.Contains(got.Reason, "-5") {
		t.Errorf("rejected %+v", got)
	}
	rows[1][3] = "5"
	w.publish(rows...)
	if set = w.reconcile("customers"); set.Status.Accounts != 2 || set.Status.RejectedRows != 0 {
		t.Errorf("status %+v", set.Status)
	}
}

func TestAccountSetConditions(t *testing.T) {
	w := newSetWorld(t)
	source := client.ObjectKeyFromObject(w.source)
	check := func(want string, more ...string) {
		t.Helper()
		set := w.reconcile("customers")
		if got := condition(set, v1alpha1.ConditionReady); got != want {
			t.Errorf("Ready is %q, want %q", got, want)
		}
		ready := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionReady)
		for _, words := range more {
			if !strings.Contains(ready.Message, words) {
				t.Errorf("%q does not say %q", ready.Message, words)
			}
		}
		if stalled := condition(set, v1alpha1.ConditionStalled) != ""; stalled != strings.HasSuffix(want, "InvalidSpec") || set.Status.ObservedGeneration != set.Generation {
			t.Errorf("status %+v", set.Status)
		}
	}
	set := &v1alpha1.AccountSet{}
	edit := func(change func()) { t.Helper(); w.update(set, "customers", change) }

	w.create("customers", func(s *v1alpha1.AccountSetSpec) { s.SourceRef.Name = "erp" })
	check("False ReferenceNotFound", "DataSource erp")
	edit(func() { set.Spec.SourceRef.Name = "crm" })
	check("False FirstRead")
	w.store.Fail(source, w.source)
	check("False SourceUnavailable")
	w.publish(rowsOf(0, 2)...)
	check("True Ready", "2 accounts")
	w.store.Fail(source, w.source)
	check("True SourceUnavailable")
	edit(func() { set.Spec.Template.Name = "${row.nam}" })
	check("False ReferenceNotFound", "row.nam", "it has id, name, owner, arr, nps")
	edit(func() {
		set.Spec.Template.Name = "${row.name}"
		set.Spec.Template.Spec.Raw = []byte(`{"contract": {"arrr": 1}}`)
	})
	check("False InvalidSpec", "spec.template.spec.contract.arrr")
	edit(func() { set.Spec.Suspend = true; set.Spec.Template.Spec.Raw = []byte(`{"displayName": "x"}`) })
	w.publish()
	check("True Suspended")
	if len(w.accounts()) != 2 || w.accounts()["customer-100"].Spec.DisplayName == "x" {
		t.Error("a suspended set changed its accounts")
	}
	edit(func() { metav1.SetMetaDataAnnotation(&set.ObjectMeta, v1alpha1.AnnotationRequestedAt, "now") })
	if set := w.reconcile("customers"); set.Status.LastHandledRequestedAt != "now" {
		t.Errorf("handled %q", set.Status.LastHandledRequestedAt)
	}
}

func TestAccountSetAnswersTheWorld(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 2)...)
	w.must(w.reconciler.SetupWithManager(w.mgr))
	exists := func(name string, want bool) func() error {
		return func() error {
			if got := w.accounts()[name] != nil; got != want {
				return fmt.Errorf("%s: %t", name, got)
			}
			return nil
		}
	}
	eventually(t, exists("customer-101", true))

	w.must(w.live.Delete(t.Context(), w.accounts()["customer-101"]))
	eventually(t, exists("customer-101", true))

	w.publish(rowsOf(0, 3)...)
	w.clock.SetTime(setStart.Add(25 * time.Hour))
	w.reconciler.Waker.Wake(types.NamespacedName{Namespace: w.namespace, Name: "customers"})
	eventually(t, exists("customer-102", true))

	patch := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "customer-100", "namespace": w.namespace}, "spec": map[string]any{"owner": "al"}}}
	patch.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Account"))
	w.must(w.live.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(patch), client.FieldOwner("somebody"), client.ForceOwnership))
	overridden := func(want int32) func() error {
		return func() error {
			set := &v1alpha1.AccountSet{}
			if err := w.live.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "customers"}, set); err != nil {
				return err
			}
			if set.Status.OverriddenFields != want {
				return fmt.Errorf("status %+v", set.Status)
			}
			return nil
		}
	}
	eventually(t, overridden(1))
	delete(patch.Object, "spec")
	patch.Object = map[string]any{"metadata": map[string]any{"name": "customer-100", "namespace": w.namespace}}
	patch.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Account"))
	w.must(w.live.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(patch), client.FieldOwner("somebody")))
	eventually(t, overridden(0))

	w.create("clients", nil)
	w.must(w.live.Delete(t.Context(), &v1alpha1.AccountSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "customers"}}))
	eventually(t, func() error {
		if got := w.accounts()["customer-102"].Labels[v1alpha1.LabelAccountSet]; got != "clients" {
			return fmt.Errorf("the set is %q", got)
		}
		return nil
	})
}

func TestWhichUpdatesOfAnAccountASetAnswers(t *testing.T) {
	owned := func(manager, subresource string, seconds int64) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Subresource: subresource, Operation: metav1.ManagedFieldsOperationApply,
			Time: ptr.To(metav1.Unix(seconds, 0)), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`),
		}
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.Account)
		want   bool
	}{
		"its spec":            {func(a *v1alpha1.Account) { a.Generation++ }, true},
		"a label":             {func(a *v1alpha1.Account) { a.Labels = map[string]string{"tier": "gold"} }, true},
		"an annotation":       {func(a *v1alpha1.Account) { a.Annotations = map[string]string{"note": "x"} }, true},
		"who owns its fields": {func(a *v1alpha1.Account) { a.ManagedFields[0] = owned("somebody", "", 1) }, true},
		"its status": {func(a *v1alpha1.Account) {
			a.Status.OpenTasks = 1
			a.ManagedFields[1] = owned("perennial", "status", 2)
		}, false},
		"the time of an entry": {func(a *v1alpha1.Account) { a.ManagedFields[0] = owned("kubectl", "", 2) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{
				Generation: 1, ManagedFields: []metav1.ManagedFieldsEntry{owned("kubectl", "", 1), owned("perennial", "status", 1)},
			}}
			after := before.DeepCopy()
			c.change(after)
			if got := accountRewritten().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != c.want {
				t.Errorf("answered: %t, want %t", got, c.want)
			}
		})
	}
}

func TestAccountSetWaitsUntilTheCacheShowsWhatItWrote(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 1)...)
	w.reconcile("customers")
	account := w.accounts()["customer-100"]
	key := types.NamespacedName{Namespace: w.namespace, Name: "customers"}
	for name, c := range map[string]struct {
		account string
		written writtenAccount
		waits   bool
	}{
		"a version that the cache has":               {account.Name, writtenAccount{resourceVersion: account.ResourceVersion}, false},
		"a version that the cache does not have":     {account.Name, writtenAccount{resourceVersion: account.ResourceVersion + "0"}, true},
		"an account that was deleted again":          {"gone", writtenAccount{resourceVersion: account.ResourceVersion}, false},
		"a deletion that the cache does not show":    {account.Name, writtenAccount{uid: account.UID}, true},
		"a deletion, and a new account of that name": {account.Name, writtenAccount{uid: "another"}, false},
		"a deletion that the cache shows":            {"gone", writtenAccount{uid: "another"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.reconciler.memory[key].written = map[string]writtenAccount{c.account: c.written}
			result, err := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
			w.must(err)
			if waits := result.RequeueAfter == cacheDelay; waits != c.waits {
				t.Errorf("waits: %t, want %t", waits, c.waits)
			}
		})
	}
}
