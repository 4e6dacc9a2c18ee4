// Package account answers questions about one account that models and playbooks both ask. It is pure.
package account

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Stage returns the account's lifecycle stage. An account that an AccountSet marked churned is Churned whatever its spec says.
func Stage(a *v1alpha1.Account) v1alpha1.LifecycleStage {
	if a.Annotations[v1alpha1.AnnotationChurnedBy] != "" {
		return v1alpha1.StageChurned
	}
	return a.Spec.LifecycleStage
}

// Churned reports whether the customer left.
func Churned(a *v1alpha1.Account) bool { return Stage(a) == v1alpha1.StageChurned }

// Lifecycle returns the account's stage and since when the operator sees it there: what its status says of the stage that
// it is in, else now. Nil where it is in none and was in none.
func Lifecycle(a *v1alpha1.Account, now time.Time) *v1alpha1.LifecycleStatus {
	stage, seen := Stage(a), a.Status.Lifecycle
	switch {
	case seen != nil && seen.Stage == stage:
		return seen.DeepCopy()
	case seen == nil && stage == "":
		return nil
	}
	return &v1alpha1.LifecycleStatus{Stage: stage, Since: &metav1.Time{Time: now.UTC().Truncate(time.Second)}}
}

// Selector is a compiled AccountSelector.
type Selector struct {
	spec   v1alpha1.AccountSelector
	labels labels.Selector
}

// CompileSelector checks a selector and makes it ready to use. The error names the field inside the selector.
func CompileSelector(spec v1alpha1.AccountSelector) (*Selector, error) {
	compiled, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{
		MatchLabels: spec.MatchLabels, MatchExpressions: spec.MatchExpressions,
	})
	if err != nil {
		return nil, fmt.Errorf("accountSelector: %w", err)
	}
	return &Selector{spec: spec, labels: compiled}, nil
}

// Matches reports whether the selector chooses the account. A Churned account is chosen only by a selector that names
// the stage.
func (s *Selector) Matches(a *v1alpha1.Account) bool {
	stage := Stage(a)
	if len(s.spec.LifecycleStages) == 0 {
		if stage == v1alpha1.StageChurned {
			return false
		}
	} else if !slices.Contains(s.spec.LifecycleStages, stage) {
		return false
	}
	if len(s.spec.TouchModels) > 0 && !slices.Contains(s.spec.TouchModels, a.Spec.TouchModel) {
		return false
	}
	return s.labels.Matches(labels.Set(a.Labels))
}

// ARR returns the account's annual recurring revenue, 0 where it is not known.
func ARR(a *v1alpha1.Account) int64 {
	if a.Spec.Contract == nil || a.Spec.Contract.ARR == nil {
		return 0
	}
	return *a.Spec.Contract.ARR
}
