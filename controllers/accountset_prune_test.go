package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAccountSetPrunes(t *testing.T) {
	for policy, check := range map[v1alpha1.PrunePolicy]func(*v1alpha1.Account) bool{
		v1alpha1.PruneOrphan: func(a *v1alpha1.Account) bool { return a != nil && a.Annotations[v1alpha1.AnnotationChurnedBy] == "" },
		v1alpha1.PruneMarkChurned: func(a *v1alpha1.Account) bool {
			return a != nil && a.Annotations[v1alpha1.AnnotationChurnedBy] == "customers"
		},
		v1alpha1.PruneDelete: func(a *v1alpha1.Account) bool { return a == nil },
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := newSetWorld(t)
			w.create("customers", func(s *v1alpha1.AccountSetSpec) { s.Prune = policy })
			w.publish(rowsOf(0, 2)...)
			w.reconcile("customers")
			spec := w.accounts()["customer-101"].Spec.DeepCopy()

			w.publish(rowsOf(0, 1)...)
			w.reconcile("customers")
			absent := w.accounts()["customer-101"]
			if absent.Annotations[v1alpha1.AnnotationAbsentSince] != "2026-11-22T10:00:00Z" || !equality.Semantic.DeepEqual(*spec, absent.Spec) {
				t.Fatalf("got %v and %+v", absent.Annotations, absent.Spec)
			}
			w.clock.SetTime(setStart.Add(24 * time.Hour))
			w.store.Fail(client.ObjectKeyFromObject(w.source), w.source)
			if w.reconcile("customers"); w.accounts()["customer-101"].ResourceVersion != absent.ResourceVersion {
				t.Fatal("pruned while the source cannot be read")
			}
			w.publish(rowsOf(0, 1)...)
			w.reconcile("customers")
			if !check(w.accounts()["customer-101"]) {
				t.Errorf("got %+v", w.accounts()["customer-101"])
			}

			w.clock.SetTime(setStart.Add(50 * time.Hour))
			w.publish(rowsOf(0, 2)...)
			w.reconcile("customers")
			back := w.accounts()["customer-101"]
			if back == nil || len(back.Annotations) != 2 || !equality.Semantic.DeepEqual(*spec, back.Spec) {
				t.Errorf("after the row came back: %+v", back)
			}
		})
	}
}

func TestAccountSetHoldsWhatIsTooMuch(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", func(s *v1alpha1.AccountSetSpec) { s.Prune = v1alpha1.PruneDelete; s.PruneAfter = "1h" })
	w.publish(rowsOf(0, 10)...)
	w.reconcile("customers")
	w.publish(rowsOf(0, 5)...)
	w.reconcile("customers")
	w.clock.SetTime(setStart.Add(time.Hour))
	set := w.reconcile("customers")
	if set.Status.Pending == nil || set.Status.Pending.Prunes != 5 || len(w.accounts()) != 10 || condition(set, v1alpha1.ConditionHeld) != "True ApprovalNeeded" {
		t.Fatalf("%d accounts, status %+v", len(w.accounts()), set.Status)
	}
	line := fmt.Sprintf("kubectl annotate accountset -n %s customers perennial.dev/approve=%s --overwrite", w.namespace, set.Status.Pending.ID)
	if held := meta.FindStatusCondition(set.Status.Conditions, v1alpha1.ConditionHeld); !strings.HasSuffix(held.Message, line) {
		t.Errorf("message %q", held.Message)
	}
	approve := func(id string) *v1alpha1.AccountSet {
		w.update(set, "customers", func() { metav1.SetMetaDataAnnotation(&set.ObjectMeta, v1alpha1.AnnotationApprove, id) })
		return w.reconcile("customers")
	}
	if approve("0000000000"); len(w.accounts()) != 10 {
		t.Fatal("another id lets it through")
	}
	set = approve(set.Status.Pending.ID)
	if len(w.accounts()) != 5 || set.Status.Pending != nil || condition(set, v1alpha1.ConditionHeld) != "" || set.Annotations[v1alpha1.AnnotationApprove] != "" {
		t.Errorf("%d accounts, annotations %v, status %+v", len(w.accounts()), set.Annotations, set.Status)
	}
}

func TestAccountSetRenamedDestroysNothing(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", func(s *v1alpha1.AccountSetSpec) { s.Prune = v1alpha1.PruneDelete })
	w.publish(rowsOf(0, 3)...)
	w.reconcile("customers")
	before := w.accounts()
	w.create("clients", nil)
	set := w.reconcile("clients")
	if set.Status.RejectedRows != 3 || !strings.Contains(set.Status.Rejected[0].Reason, `"customers"`) {
		t.Fatalf("status %+v", set.Status)
	}
	old := &v1alpha1.AccountSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "customers"}}
	w.must(w.live.Delete(t.Context(), old))
	w.reconcile("customers")
	set = w.reconcile("clients")
	if set.Status.Accounts != 3 || set.Status.RejectedRows != 0 {
		t.Errorf("status %+v", set.Status)
	}
	for name, a := range w.accounts() {
		if before[name] == nil || before[name].UID != a.UID || a.Labels[v1alpha1.LabelAccountSet] != "clients" || a.Generation != 1 {
			t.Errorf("%s was not left as it was: %+v", name, a.ObjectMeta)
		}
	}
}

func TestAccountSetDeletionPolicy(t *testing.T) {
	w := newSetWorld(t)
	w.create("customers", nil)
	w.publish(rowsOf(0, 3)...)
	set := w.reconcile("customers")
	if len(set.Finalizers) != 0 {
		t.Fatalf("finalizers %v", set.Finalizers)
	}
	w.update(set, "customers", func() { set.Spec.DeletionPolicy = v1alpha1.SetDelete })
	if set = w.reconcile("customers"); len(set.Finalizers) != 1 {
		t.Fatalf("finalizers %v", set.Finalizers)
	}
	w.must(w.live.Delete(t.Context(), set))
	w.reconcile("customers")
	if set = w.reconcile("customers"); set.Name != "" || len(w.accounts()) != 0 {
		t.Errorf("left are %q and %d accounts", set.Name, len(w.accounts()))
	}
}
