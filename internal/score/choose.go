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
	// Selector of the accounts that it scores.
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
	matching := slices.DeleteFunc(slices.Clone(candidates), func(c Candidate) bool { return !c.Selector.Matches(a) })
	slices.SortFunc(matching, compareCandidates)
	switch len(matching) {
	case 0:
		return Choice{}, false
	case 1:
		return Choice{matching[0], "the only one that selects the account"}, true
	default:
		return Choice{matching[0], matching[0].Before(matching[1])}, true
	}
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
