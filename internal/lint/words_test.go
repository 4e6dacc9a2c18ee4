package lint

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAMisspeltWordIsNearTheOneThatIsMeant(t *testing.T) {
	words := []string{"Healthy", "AtRisk", "Critical", "wau", "dau", "no"}
	for word, want := range map[string]string{
		"Helthy": "Healthy", "atrisk": "AtRisk", "Critcial": "Critical", "Green": "", "mau": "wau", "wua": "wau", "": "", "yes": "", "Healthier": "", "on": "no",
	} {
		if got := near(word, words); got != want {
			t.Errorf("near %q is %q, want %q", word, got, want)
		}
	}
}

func TestAWideSelectorCoversANarrowOne(t *testing.T) {
	all := v1alpha1.AccountSelector{}
	high := v1alpha1.AccountSelector{TouchModels: []v1alpha1.TouchModel{v1alpha1.TouchHigh}}
	both := v1alpha1.AccountSelector{TouchModels: []v1alpha1.TouchModel{v1alpha1.TouchHigh, v1alpha1.TouchMid}}
	gold := v1alpha1.AccountSelector{MatchLabels: map[string]string{"tier": "gold"}}
	silver := v1alpha1.AccountSelector{MatchLabels: map[string]string{"tier": "silver"}}
	gone := v1alpha1.AccountSelector{LifecycleStages: []v1alpha1.LifecycleStage{v1alpha1.StageChurned}}
	fresh := v1alpha1.AccountSelector{LifecycleStages: []v1alpha1.LifecycleStage{"Onboarding"}}
	for name, c := range map[string]struct {
		wide, narrow v1alpha1.AccountSelector
		want         bool
	}{
		"all cover some":                          {all, high, true},
		"some do not cover all":                   {high, all, false},
		"two touch models cover one":              {both, high, true},
		"one touch model does not cover two":      {high, both, false},
		"a label covers itself":                   {gold, gold, true},
		"a label covers no other":                 {gold, silver, false},
		"all are all but those who left":          {all, gone, false},
		"all cover those in a stage":              {all, fresh, true},
		"a stage does not cover all":              {fresh, all, false},
		"a stage covers itself":                   {gone, gone, true},
		"a label does not cover a touch model":    {gold, high, false},
		"the same without anything covers itself": {all, all, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := covers(c.wide, c.narrow); got != c.want {
				t.Errorf("covers: %t, want %t", got, c.want)
			}
		})
	}
}
