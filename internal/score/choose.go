package score

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

// Candidate is a model that may choose an account. It needs no compiled model, so that a model which does not compile
// still holds on to its accounts instead of leaving them to the next one.
type Candidate struct {
	// Name of the HealthScoreModel.
	Name string
	// Priority of the model; the highest wins.
	Priority int32
	// Created is when the model was made; among equal priorities the older wins.
	Created time.Time
	// Selector of the accounts that it scores. Nil where it cannot be read: whom it chooses is not known then, and the model
	// keeps the accounts that it scores.
	Selector *account.Selector
}

// CandidateOf returns a model as a candidate. The error names the field inside the selector.
func CandidateOf(m *v1alpha1.HealthScoreModel) (Candidate, error) {
	selector, err := account.CompileSelector(m.Spec.AccountSelector)
	if err != nil {
		return Candidate{}, err
	}
	return Candidate{Name: m.Name, Priority: m.Spec.Priority, Created: m.CreationTimestamp.Time, Selector: selector}, nil
}

// Choice is the candidate that scores an account.
type Choice struct {
	Candidate
	// Why it does and no other: "its priority 10 is higher than that of standard (0)".
	Why string
}

// Choose returns the candidate that scores an account: of those whose selector matches, the one with the highest
// priority, then the older, then the first by name. It reports false where none matches.
func Choose(candidates []Candidate, a *v1alpha1.Account) (Choice, bool) {
	var matching []Candidate
	for _, c := range candidates {
		if c.keeps(a) {
			return Choice{c, "which scored it before its selector became one that cannot be read"}, true
		}
		if c.Selector != nil && c.Selector.Matches(a) {
			matching = append(matching, c)
		}
	}
	SortCandidates(matching)
	switch len(matching) {
	case 0:
		return Choice{}, false
	case 1:
		return Choice{matching[0], "the only one that selects the account"}, true
	default:
		return Choice{matching[0], matching[0].Before(matching[1])}, true
	}
}

// SortCandidates sorts candidates, the one that wins first.
func SortCandidates(candidates []Candidate) { slices.SortFunc(candidates, compareCandidates) }

// First returns which of some candidates scores an account, as Choose does, by number; -1 where none does. They are sorted
// by SortCandidates.
func First(sorted []Candidate, a *v1alpha1.Account) int {
	if i := slices.IndexFunc(sorted, func(c Candidate) bool { return c.keeps(a) }); i >= 0 {
		return i
	}
	return slices.IndexFunc(sorted, func(c Candidate) bool { return c.Selector != nil && c.Selector.Matches(a) })
}

// keeps reports whether a candidate whose selector cannot be read holds on to an account.
func (c Candidate) keeps(a *v1alpha1.Account) bool {
	return c.Selector == nil && ModelOf(a.Status.Health) == c.Name
}

// Before says why a candidate comes before another that selects the same account.
func (c Candidate) Before(other Candidate) string {
	switch {
	case c.Priority != other.Priority:
		return fmt.Sprintf("its priority %d is higher than that of %s (%d)", c.Priority, other.Name, other.Priority)
	case !c.Created.Equal(other.Created):
		return fmt.Sprintf("of equal priority with %s, and older", other.Name)
	default:
		return fmt.Sprintf("of equal priority and age with %s, and first by name", other.Name)
	}
}

// compareCandidates orders candidates, the one that wins first.
func compareCandidates(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
}
