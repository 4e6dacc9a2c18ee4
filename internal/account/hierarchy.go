package account

import (
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Lookup finds an account of the same namespace by its name.
type Lookup func(name string) (*v1alpha1.Account, bool)

// Ancestry is what an account's parentRef leads to.
type Ancestry struct {
	// Names are the accounts above, the parent first, each once. The account itself is not among them.
	Names []string
	// ParentMissing is true where the parent is not there.
	ParentMissing bool
	// InCircle is true where the way up comes back to the account: Names are then the others in the circle. An account
	// that only leads into a circle is not in it.
	InCircle bool
}

// AncestryOf follows the parentRefs up from an account. The way ends at an account without one, at one that is not there,
// and at the first name that comes a second time.
func AncestryOf(a *v1alpha1.Account, lookup Lookup) Ancestry {
	var up Ancestry
	seen := map[string]struct{}{a.Name: {}}
	for ref := a.Spec.ParentRef; ref != nil; {
		if _, again := seen[ref.Name]; again {
			up.InCircle = ref.Name == a.Name
			return up
		}
		parent, ok := lookup(ref.Name)
		if !ok {
			up.ParentMissing = len(up.Names) == 0
			return up
		}
		seen[ref.Name] = struct{}{}
		up.Names = append(up.Names, ref.Name)
		ref = parent.Spec.ParentRef
	}
	return up
}

// Children returns those of the accounts with a parentRef to an account that count as part of it, by name: not the
// churned, not those that are being deleted, and none that is in a circle with it, whose ARR would grow for ever.
func Children(a *v1alpha1.Account, up Ancestry, referring []*v1alpha1.Account) []*v1alpha1.Account {
	closes := "" // the account whose parentRef closes the circle
	if up.InCircle {
		closes = append([]string{a.Name}, up.Names...)[len(up.Names)]
	}
	var children []*v1alpha1.Account
	for _, child := range referring {
		if child.Name != closes && CountsInParent(child) {
			children = append(children, child)
		}
	}
	slices.SortFunc(children, func(a, b *v1alpha1.Account) int { return strings.Compare(a.Name, b.Name) })
	return children
}

// CountsInParent reports whether an account may count as part of another at all.
func CountsInParent(a *v1alpha1.Account) bool { return a.DeletionTimestamp.IsZero() && !Churned(a) }

// TotalARR returns the ARR of an account and all accounts below it.
func TotalARR(a *v1alpha1.Account) int64 {
	if a.Status.Rollup != nil {
		return a.Status.Rollup.ARR
	}
	return ARR(a)
}

// Rollup sums up an account and all accounts below it, nil where it has no children. Each child brings what it has summed
// up itself; one that does not count brings nothing, nor does what is below it.
func Rollup(a *v1alpha1.Account, children []*v1alpha1.Account) *v1alpha1.Rollup {
	sum := v1alpha1.Rollup{ARR: ARR(a)}
	for _, child := range children {
		if !CountsInParent(child) {
			continue
		}
		sum.Accounts++
		if child.Status.Rollup != nil {
			sum.Accounts += child.Status.Rollup.Accounts
		}
		sum.ARR += TotalARR(child)
	}
	if sum.Accounts == 0 {
		return nil
	}
	return &sum
}
