package fleet

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
)

// parentOf returns the name in an account's parentRef, empty where it has none.
func parentOf(a *v1alpha1.Account) string {
	if a.Spec.ParentRef == nil {
		return ""
	}
	return a.Spec.ParentRef.Name
}

// relate notes whose parentRef an account has, and has the accounts around it looked at again.
func (f *Fleet) relate(a *v1alpha1.Account) {
	if parent := parentOf(a); parent != "" {
		f.below[parent] = append(slices.Clone(f.below[parent]), a.Name)
	}
	f.relatives(a)
}

// unrelate is for an account that leaves its place.
func (f *Fleet) unrelate(a *v1alpha1.Account) {
	f.relatives(a)
	parent := parentOf(a)
	if parent == "" {
		return
	}
	f.below[parent] = slices.DeleteFunc(slices.Clone(f.below[parent]), func(name string) bool { return name == a.Name })
	if len(f.below[parent]) == 0 {
		delete(f.below, parent)
	}
}

// relatives has every account above and right below one looked at again, and finds their levels anew.
func (f *Fleet) relatives(a *v1alpha1.Account) {
	if len(f.below) == 0 {
		return
	}
	for _, name := range append(f.ancestry(a).Names, f.below[a.Name]...) {
		if c, ok := f.customers[name]; ok {
			c.changed = true
		}
	}
}

// ancestry follows the parentRefs up from an account.
func (f *Fleet) ancestry(a *v1alpha1.Account) account.Ancestry {
	return account.AncestryOf(a, func(name string) (*v1alpha1.Account, bool) {
		c, ok := f.customers[name]
		if !ok {
			return nil, false
		}
		return c.account, true
	})
}

// children returns the accounts that count as part of one.
func (f *Fleet) children(a *v1alpha1.Account) []*v1alpha1.Account {
	below := f.below[a.Name]
	if len(below) == 0 {
		return nil
	}
	referring := make([]*v1alpha1.Account, 0, len(below))
	for _, name := range below {
		referring = append(referring, f.customers[name].account)
	}
	return account.Children(a, f.ancestry(a), referring)
}

// scoresOf is what a score takes of the children.
func (f *Fleet) scoresOf(children []*v1alpha1.Account) []score.Child {
	scores := make([]score.Child, len(children))
	for i, child := range children {
		scores[i] = score.ChildOf(child, f.customers[child.Name].partial)
	}
	return scores
}

// setLevels finds how far above the accounts without others below each account is, and returns the highest. In a circle
// somebody has to be the first.
func (f *Fleet) setLevels() (highest int) {
	if len(f.below) == 0 {
		return 0
	}
	const open = -1
	for _, c := range f.all() {
		c.level = 0
	}
	done := map[string]bool{}
	var visit func(name string) int
	visit = func(name string) int {
		c, ok := f.customers[name]
		if !ok || done[name] || c.level == open {
			return max(levelOf(c), 0)
		}
		c.level = open
		level := 0
		for _, child := range f.below[name] {
			level = max(level, visit(child)+1)
		}
		c.level, done[name] = level, true
		highest = max(highest, level)
		return level
	}
	for _, c := range f.all() {
		if len(f.below[c.account.Name]) > 0 {
			visit(c.account.Name)
		}
	}
	return highest
}

func levelOf(c *customer) int {
	if c == nil {
		return 0
	}
	return c.level
}

// taken is what a parent's status is computed from of one of its children.
type taken struct {
	counts   bool
	score    int32
	scored   bool
	partial  bool
	accounts int32
	arr      int64
}

// takenOf returns what an account's parent takes of it.
func takenOf(a *v1alpha1.Account, partial bool) taken {
	if parentOf(a) == "" || !account.CountsInParent(a) {
		return taken{}
	}
	t := taken{counts: true, partial: partial, arr: account.TotalARR(a)}
	if h := a.Status.Health; h != nil && h.Score != nil {
		t.scored, t.score = true, *h.Score
	}
	if a.Status.Rollup != nil {
		t.accounts = a.Status.Rollup.Accounts
	}
	return t
}

// partialBefore reports what an account's conditions say of its score, where its model cannot.
func partialBefore(a *v1alpha1.Account) bool {
	return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionScorePartial)
}
