package account_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

func newAccount(stage v1alpha1.LifecycleStage, touch v1alpha1.TouchModel, labels map[string]string) *v1alpha1.Account {
	return &v1alpha1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: "acme", Labels: labels},
		Spec:       v1alpha1.AccountSpec{LifecycleStage: stage, TouchModel: touch},
	}
}

func TestASelectorChooses(t *testing.T) {
	gold := map[string]string{"tier": "gold"}
	marked := newAccount("Adoption", "", nil)
	marked.Annotations = map[string]string{v1alpha1.AnnotationChurnedBy: "customers"}
	for name, c := range map[string]struct {
		selector v1alpha1.AccountSelector
		account  *v1alpha1.Account
		want     bool
	}{
		"any account if it is empty":                  {v1alpha1.AccountSelector{}, newAccount("", "", nil), true},
		"no churned account if it is empty":           {v1alpha1.AccountSelector{}, newAccount("Churned", "", nil), false},
		"no account that a set marked churned":        {v1alpha1.AccountSelector{}, marked, false},
		"a churned account by its stage":              {v1alpha1.AccountSelector{LifecycleStages: []v1alpha1.LifecycleStage{"Churned"}}, marked, true},
		"by label":                                    {v1alpha1.AccountSelector{MatchLabels: gold}, newAccount("", "", gold), true},
		"not without the label":                       {v1alpha1.AccountSelector{MatchLabels: gold}, newAccount("", "", nil), false},
		"by touch model":                              {v1alpha1.AccountSelector{TouchModels: []v1alpha1.TouchModel{"HighTouch", "MidTouch"}}, newAccount("", "MidTouch", nil), true},
		"not of another touch model":                  {v1alpha1.AccountSelector{TouchModels: []v1alpha1.TouchModel{"HighTouch"}}, newAccount("", "", nil), false},
		"not where one of several requirements fails": {v1alpha1.AccountSelector{MatchLabels: gold, LifecycleStages: []v1alpha1.LifecycleStage{"Adoption"}}, newAccount("Onboarding", "", gold), false},
		"by a label requirement": {v1alpha1.AccountSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "tier", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"gold"}},
		}}, newAccount("", "", nil), true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := account.CompileSelector(c.selector)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Matches(c.account); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestASelectorThatCannotWorkIsRefused(t *testing.T) {
	_, err := account.CompileSelector(v1alpha1.AccountSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "In"}}})
	if err == nil {
		t.Error("In without values is accepted")
	}
}

func TestARRIsZeroWhereNobodyKnowsIt(t *testing.T) {
	a := newAccount("", "", nil)
	if got := account.ARR(a); got != 0 {
		t.Errorf("got %d", got)
	}
	arr := int64(120000)
	a.Spec.Contract = &v1alpha1.Contract{ARR: &arr}
	if got := account.ARR(a); got != arr {
		t.Errorf("got %d", got)
	}
}
