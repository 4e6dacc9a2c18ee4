package account_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

func TestAMismatchIsNamedWhereTheSelectorDoesNotMatchAndNowhereElse(t *testing.T) {
	stages := []v1alpha1.LifecycleStage{"", "Onboarding", "Adoption", v1alpha1.StageChurned}
	touches := []v1alpha1.TouchModel{"", "HighTouch", "TechTouch"}
	tiers := []string{"", "gold", "silver"}
	operators := []metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist}
	rapid.Check(t, func(t *rapid.T) {
		a := &v1alpha1.Account{}
		a.Spec.LifecycleStage, a.Spec.TouchModel = rapid.SampledFrom(stages).Draw(t, "stage"), rapid.SampledFrom(touches).Draw(t, "touch")
		if rapid.Bool().Draw(t, "has a label") {
			a.Labels = map[string]string{"tier": rapid.SampledFrom(tiers).Draw(t, "tier")}
		}
		var spec v1alpha1.AccountSelector
		if rapid.Bool().Draw(t, "by label") {
			spec.MatchLabels = map[string]string{"tier": rapid.SampledFrom(tiers).Draw(t, "asked")}
		}
		if rapid.Bool().Draw(t, "by expression") {
			r := metav1.LabelSelectorRequirement{Key: "tier", Operator: rapid.SampledFrom(operators).Draw(t, "operator")}
			if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn {
				r.Values = []string{"gold", "bronze"}
			}
			spec.MatchExpressions = append(spec.MatchExpressions, r)
		}
		if rapid.Bool().Draw(t, "by stage") {
			spec.LifecycleStages = []v1alpha1.LifecycleStage{"Adoption", v1alpha1.StageChurned}
		}
		if rapid.Bool().Draw(t, "by touch model") {
			spec.TouchModels = []v1alpha1.TouchModel{"HighTouch"}
		}
		s, err := account.CompileSelector(spec)
		if err != nil {
			t.Fatal(err)
		}
		if named := s.Mismatches(a); s.Matches(a) != (len(named) == 0) {
			t.Fatalf("%+v matches %v: %v, and named are %q", spec, a, s.Matches(a), named)
		}
	})
}
