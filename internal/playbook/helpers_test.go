package playbook_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// noon is the moment at which the tests begin.
var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// ptr returns a pointer to a value.
func ptr[T any](v T) *T { return &v }

// stamp is a moment as a status holds it.
func stamp(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }

// acme is an account that every playbook of the tests selects.
func acme(changes ...func(*v1alpha1.Account)) *v1alpha1.Account {
	a := &v1alpha1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: "customers", UID: "acme-uid"},
		Spec: v1alpha1.AccountSpec{
			DisplayName: "Acme Corp",
			Owner:       "jo@example.com",
			Team:        []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "al@example.com"}},
		},
	}
	for _, change := range changes {
		change(a)
	}
	return a
}

// spec is a playbook with one trigger and one step, to be changed.
func spec(changes ...func(*v1alpha1.PlaybookSpec)) *v1alpha1.Playbook {
	pb := &v1alpha1.Playbook{
		ObjectMeta: metav1.ObjectMeta{Name: "rescue", Namespace: "customers", Generation: 7},
		Spec: v1alpha1.PlaybookSpec{
			Triggers: []v1alpha1.Trigger{{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}},
			Steps:    []v1alpha1.PlaybookStep{{Name: "call", Title: "Call"}},
		},
	}
	for _, change := range changes {
		change(&pb.Spec)
	}
	return pb
}

// compiled compiles a playbook that must be right.
func compiled(t testing.TB, pb *v1alpha1.Playbook) *playbook.Playbook {
	t.Helper()
	p, err := playbook.Compile(pb)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return p
}

// triggers replaces the triggers of a playbook.
func triggers(list ...v1alpha1.Trigger) func(*v1alpha1.PlaybookSpec) {
	return func(s *v1alpha1.PlaybookSpec) { s.Triggers = list }
}

// steps replaces the steps of a playbook.
func steps(list ...v1alpha1.PlaybookStep) func(*v1alpha1.PlaybookSpec) {
	return func(s *v1alpha1.PlaybookSpec) { s.Steps = list }
}

// scored is the health of an account with a score and a band.
func scored(score int32, band v1alpha1.BandName) *v1alpha1.Health {
	return &v1alpha1.Health{Score: &score, Band: band}
}

// fresh is a fresh number.
func fresh(d string) value.Observation {
	n, err := value.ParseDecimal(d)
	if err != nil {
		panic(err)
	}
	v := value.Number(n)
	return value.Observation{Type: v1alpha1.MetricNumber, Value: &v, State: v1alpha1.ValueFresh, ObservedTime: noon}
}

// same fails the test where two values differ. Nil and empty lists are the same: a status does not tell them apart.
func same(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, what string, want, got any,
) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}
