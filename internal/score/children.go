package score

import (
	"math/big"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// Child is what an account's score takes of an account below it.
type Child struct {
	// Name of the account.
	Name string
	// Score of the account, 0 to 100; nil where it has none.
	Score *int32
	// ARR of the account and all below it.
	ARR int64
	// Partial is true while weight is out of the score because a source cannot be read.
	Partial bool
}

// ChildOf is what is taken of an account below another one. It is partial while weight is out of its score.
func ChildOf(a *v1alpha1.Account, partial bool) Child {
	child := Child{Name: a.Name, ARR: account.TotalARR(a), Partial: partial}
	if h := a.Status.Health; h != nil {
		child.Score = h.Score
	}
	return child
}

// observeChildren makes one value of the scores of the children. While one of them is partial the value is Errored: the
// last one says more than part of the truth.
func (e *evaluation) observeChildren(m *measure) sighting {
	s := sighting{Observation: value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}}
	// Sums of ARR do not fit into 64 bits once they are multiplied.
	sum, weights := new(big.Int), new(big.Int)
	lowest, scored, partial := int64(100), false, false
	for _, child := range e.in.Children {
		partial = partial || child.Partial
		if child.Score == nil {
			continue
		}
		scored = true
		points, weight := int64(*child.Score), big.NewInt(1)
		if m.children == v1alpha1.ChildrenARRWeighted {
			weight.SetInt64(child.ARR)
		}
		lowest = min(lowest, points)
		weights.Add(weights, weight)
		sum.Add(sum, weight.Mul(weight, big.NewInt(points*milli)))
	}
	switch {
	case !scored && partial:
		s.State = v1alpha1.ValueErrored
		return s
	case !scored:
		s.message = "no account below this one has a score"
		return s
	case weights.Sign() == 0:
		s.message = "no account below this one that has a score has an ARR"
		return s
	}
	points := lowest * milli
	if m.children != v1alpha1.ChildrenWorst {
		// Half away from zero: (2·sum + weights) / (2·weights).
		sum.Lsh(sum, 1).Add(sum, weights)
		points = sum.Quo(sum, weights.Lsh(weights, 1)).Int64()
	}
	v := value.Number(value.Decimal(points * (value.DecimalScale / milli)))
	s.Value, s.State = &v, v1alpha1.ValueFresh
	if partial {
		s.State = v1alpha1.ValueErrored
	}
	return s
}
