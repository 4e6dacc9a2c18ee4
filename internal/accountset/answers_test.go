package accountset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestRefusalReasonShowsNoValue(t *testing.T) {
	for name, c := range map[string]struct {
		cause metav1.StatusCause
		want  string
	}{
		"text":                  {metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.lifecycleStage", Message: `Invalid value: "a \"secret\": one": must match '^[A-Z]'`}, "spec.lifecycleStage: must match '^[A-Z]'"},
		"a number":              {metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.contract.arr", Message: `Invalid value: -5: should be at least 0`}, "spec.contract.arr: should be at least 0"},
		"one of a few":          {metav1.StatusCause{Type: metav1.CauseTypeFieldValueNotSupported, Field: "spec.touchModel", Message: `Unsupported value: "Low": supported values: "HighTouch"`}, `spec.touchModel: supported values: "HighTouch"`},
		"too long":              {metav1.StatusCause{Type: metav1.CauseTypeTooLong, Field: "spec.owner", Message: "Too long: may not be more than 253 bytes"}, "spec.owner: Too long: may not be more than 253 bytes"},
		"missing":               {metav1.StatusCause{Type: metav1.CauseTypeFieldValueRequired, Field: "spec.team[0].user", Message: "Required value"}, "spec.team[0].user: Required value"},
		"an object":             {metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.contract", Message: `Invalid value: {"plan": "secret: x"}: no`}, "spec.contract: Invalid value"},
		"a value and no detail": {metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.owner", Message: `Invalid value: "secret"`}, "spec.owner: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			got := RefusalReason(metav1.Status{Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{c.cause}}})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := RefusalReason(metav1.Status{Reason: metav1.StatusReasonBadRequest, Message: "secret"}); got != "the API server refuses the account: BadRequest" {
		t.Errorf("without causes: %q", got)
	}
}

func TestConflictsTakeFieldsOut(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = customers(0, 1)
	fields := c.plan().Changes[0].Fields
	message := `conflict with "kubectl-edit" using perennial.dev/v1alpha1`
	rest, overrides := fields.Less(map[string]string{".spec.owner": ManagerOf(message), ".spec.nothing": "x"})
	if len(rest) != len(fields)-1 {
		t.Errorf("%d of %d fields are left", len(rest), len(fields))
	}
	if diff := cmp.Diff([]v1alpha1.OverriddenField{{Field: "spec.owner", Manager: "kubectl-edit"}}, overrides); diff != "" {
		t.Error(diff)
	}
	if got := ManagerOf("something else"); got != "unknown" {
		t.Errorf("a message without a manager names %q", got)
	}
}
