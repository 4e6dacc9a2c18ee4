package account

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Mismatches says in words which parts of the selector an account does not meet, with what it has instead; none where the
// selector matches it.
func (s *Selector) Mismatches(a *v1alpha1.Account) []string {
	var all []string
	stage := Stage(a)
	switch {
	case len(s.spec.LifecycleStages) > 0 && !slices.Contains(s.spec.LifecycleStages, stage):
		all = append(all, "lifecycleStage is "+orNone(string(stage))+", not "+choices(s.spec.LifecycleStages))
	case len(s.spec.LifecycleStages) == 0 && stage == v1alpha1.StageChurned:
		all = append(all, "lifecycleStage is Churned, which only a selector that names the stage chooses")
	}
	if len(s.spec.TouchModels) > 0 && !slices.Contains(s.spec.TouchModels, a.Spec.TouchModel) {
		all = append(all, "touchModel is "+orNone(string(a.Spec.TouchModel))+", not "+choices(s.spec.TouchModels))
	}
	requirements, _ := s.labels.Requirements()
	for _, r := range requirements {
		if !r.Matches(labels.Set(a.Labels)) {
			all = append(all, labelMismatch(r, a.Labels))
		}
	}
	return all
}

// labelMismatch says what a label is, and what it should be.
func labelMismatch(r labels.Requirement, of map[string]string) string {
	is := "label " + r.Key() + " is not there"
	if text, ok := of[r.Key()]; ok {
		is = "label " + r.Key() + " is " + orNone(text)
	}
	words := r.ValuesUnsorted()
	slices.Sort(words)
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		if _, ok := of[r.Key()]; !ok {
			return fmt.Sprintf("%s, and must be %s", is, choices(words))
		}
		return is + ", not " + choices(words)
	case selection.NotIn, selection.NotEquals:
		return is + ", which is left out"
	case selection.DoesNotExist:
		return is + ", and must not be there"
	default:
		return is
	}
}

// orNone shows that a text is empty.
func orNone(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}

// choices writes words as a person lists choices: A, B or C.
func choices[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " or " + parts[len(parts)-1]
}
