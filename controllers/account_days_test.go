package controllers

import (
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// What changes at a midnight, or after days, cannot be waited for: here the account is to be looked at again at that moment.
func TestAnAccountIsLookedAtAgainOnTheDayOnWhichATriggerChanges(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	contract := func(c v1alpha1.Contract) func(*v1alpha1.Account) {
		return func(a *v1alpha1.Account) { a.Spec.Contract = &c }
	}
	for name, c := range map[string]struct {
		trigger v1alpha1.Trigger
		account func(*v1alpha1.Account)
		want    time.Time
	}{
		"a renewal comes near": {
			v1alpha1.Trigger{Name: "near", Renewal: &v1alpha1.RenewalTrigger{Within: "30d"}},
			contract(v1alpha1.Contract{RenewalDate: "2027-01-10"}), day("2026-12-11"),
		},
		"a period begins": {
			v1alpha1.Trigger{Name: "review", Every: "90d"},
			contract(v1alpha1.Contract{StartDate: "2026-09-01"}), day("2026-11-30"),
		},
		"a stage has lasted for days": {
			v1alpha1.Trigger{Name: "long", Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}, LongerThan: "14d"}},
			func(*v1alpha1.Account) {}, time.Date(2026, 12, 6, 9, 0, 0, 0, time.UTC),
		},
		"an expression asks for the day": {
			v1alpha1.Trigger{Name: "soon", Expression: "daysUntil(account.spec.contract.renewalDate) < 10.0"},
			contract(v1alpha1.Contract{RenewalDate: "2027-01-10"}), day("2026-11-23"),
		},
		"nothing": {
			v1alpha1.Trigger{Name: "left", Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Adoption"}}},
			func(*v1alpha1.Account) {},
			time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStarter(t, func(pb *v1alpha1.Playbook) { pb.Spec.Triggers = []v1alpha1.Trigger{c.trigger} }, map[string]int64{"acme": 10})
			key := client.ObjectKey{Namespace: "default", Name: "acme"}
			var acct v1alpha1.Account
			if err := s.Get(t.Context(), key, &acct); err != nil {
				t.Fatal(err)
			}
			c.account(&acct)
			if err := s.Update(t.Context(), &acct); err != nil {
				t.Fatal(err)
			}
			for _, at := range []time.Time{s.clock.Now(), s.clock.Now().Add(5 * time.Hour)} {
				s.clock.SetTime(at)
				result, err := s.accounts.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
				if err != nil {
					t.Fatal(err)
				}
				var want time.Duration
				if !c.want.IsZero() {
					want = c.want.Sub(at) + time.Millisecond // the moment itself is over then
				}
				if result.RequeueAfter != want {
					t.Errorf("at %s it is looked at again in %s, want %s", at, result.RequeueAfter, want)
				}
			}
		})
	}
}
