package lint

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// models checks the models beside each other: which scores the accounts that several select.
func (c *checker) models() {
	models := all[*v1alpha1.HealthScoreModel](c.index, nil)
	for _, m := range models {
		for _, other := range models {
			if m.Name != other.Name && together(m.Object, other.Object) && c.twoModels(m, other) {
				break
			}
		}
	}
}

// twoModels says what a model loses to another one, and reports whether it found anything.
func (c *checker) twoModels(m, other typed[*v1alpha1.HealthScoreModel]) bool {
	mine, theirs := m.of.Spec.AccountSelector, other.of.Spec.AccountSelector
	switch {
	case !covers(theirs, mine):
		return false
	case other.of.Spec.Priority > m.of.Spec.Priority:
		c.add(RuleModelUnused, Warning, m.Object, "spec.priority", "it scores nobody: %s selects every account that it selects, and has the priority %d; raise its priority, or narrow the selector of the other",
			other, other.of.Spec.Priority)
		return true
	case other.of.Spec.Priority < m.of.Spec.Priority:
		return false
	case covers(mine, theirs) && m.Name < other.Name:
		return false // told once, of the other
	case covers(mine, theirs):
		c.add(RuleModelOverlap, Warning, m.Object, "spec.accountSelector", "%s selects the same accounts and has the same priority %d: the older of the two wins, and of equal age %s; give one a higher priority",
			other, m.of.Spec.Priority, other)
	default:
		c.add(RuleModelOverlap, Warning, m.Object, "spec.accountSelector", "%s selects these accounts too and has the same priority %d: the older of the two wins, and of equal age %s; give this one a higher priority",
			other, m.of.Spec.Priority, first(m.Object, other.Object))
	}
	return true
}

// first names the object that is first by name.
func first(a, b *manifest.Object) *manifest.Object {
	if a.Name < b.Name {
		return a
	}
	return b
}

// covers reports whether a selector surely selects every account that another one does.
func covers(wide, narrow v1alpha1.AccountSelector) bool {
	for key, value := range wide.MatchLabels {
		if given, found := narrow.MatchLabels[key]; !found || given != value {
			return false
		}
	}
	for _, requirement := range wide.MatchExpressions {
		same := func(r metav1.LabelSelectorRequirement) bool { return equality.Semantic.DeepEqual(r, requirement) }
		if !slices.ContainsFunc(narrow.MatchExpressions, same) {
			return false
		}
	}
	if len(wide.TouchModels) > 0 && !within(narrow.TouchModels, wide.TouchModels) {
		return false
	}
	if len(wide.LifecycleStages) == 0 {
		// All but Churned.
		return !slices.Contains(narrow.LifecycleStages, v1alpha1.StageChurned)
	}
	return within(narrow.LifecycleStages, wide.LifecycleStages)
}

// within reports whether some words, at least one, are all among others.
func within[T comparable](some, others []T) bool {
	return len(some) > 0 && !slices.ContainsFunc(some, func(word T) bool { return !slices.Contains(others, word) })
}

// playbooks checks the playbooks beside each other: none waits for itself.
func (c *checker) playbooks() {
	playbooks := all[*v1alpha1.Playbook](c.index, nil)
	told := map[string]bool{}
	for _, pb := range playbooks {
		waits := map[string][]string{}
		for _, other := range playbooks {
			if together(pb.Object, other.Object) {
				waits[other.Name] = other.of.Spec.InhibitedBy
			}
		}
		circle := around(pb.Name, waits)
		if key := strings.Join(slices.Sorted(maps.Keys(setOf(circle))), " "); len(circle) > 2 && !told[key] {
			told[key] = true
			severity := Warning
			if len(circle) == 3 {
				severity = Note // two that name each other most likely mean it
			}
			c.add(RuleInhibitedCycle, severity, pb.Object, "spec.inhibitedBy", "these playbooks hold each other back: %s; of those whose conditions hold at once the first by name starts, %s",
				strings.Join(circle, " by "), slices.Min(circle))
		}
	}
}

// around returns the shortest way from a name back to itself; nil where there is none.
func around(name string, next map[string][]string) []string {
	type way []string
	queue, seen := []way{{name}}, map[string]bool{}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, to := range next[at[len(at)-1]] {
			if to == name {
				return append(slices.Clone(at), to)
			}
			if !seen[to] {
				seen[to] = true
				queue = append(queue, append(slices.Clone(at), to))
			}
		}
	}
	return nil
}

// setOf is words without order.
func setOf(words []string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, word := range words {
		set[word] = true
	}
	return set
}
