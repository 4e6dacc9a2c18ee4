package score

import (
	"cmp"
	"math/big"
	"math/bits"
	"slices"
)

// A weighted mean of two levels is kept as whole numbers: with V the weight of all dimensions that have a score, V(d) the
// weight of dimension d, W(d) the weight of its measures that have a score and S(d) the sum of weight × score of these, a
// dimension adds V(d)·S(d) / (V·W(d)) points and a measure its part of S(d). Weights of what has no score are not among
// them, which shares them out in proportion. Within the limits of a model every product here fits into 64 bits.
type mean struct {
	dimensions []dimension
	// weight is V; measured is W and sum is S, by dimension.
	weight   int64
	measured []int64
	sum      []int64
}

func newMean(dimensions []dimension) *mean {
	numbers := make([]int64, 2*len(dimensions))
	return &mean{dimensions: dimensions, measured: numbers[:len(dimensions)], sum: numbers[len(dimensions):]}
}

// add puts a score in milli-points into the mean.
func (m *mean) add(dimension int, weight, score int64) {
	if m.measured[dimension] == 0 {
		m.weight += m.dimensions[dimension].weight
	}
	m.measured[dimension] += weight
	m.sum[dimension] += weight * score
}

// fraction is a number of milli-points that is not negative.
type fraction struct{ numerator, denominator int64 }

// points returns what a dimension adds to the mean.
func (m *mean) points(dimension int) fraction {
	return fraction{m.dimensions[dimension].weight * m.sum[dimension], m.weight * m.measured[dimension]}
}

// score returns the score of a dimension, rounded to a whole number of points, half away from zero.
func (m *mean) score(dimension int) int32 {
	whole := milli * m.measured[dimension]
	return int32((2*m.sum[dimension] + whole) / (2 * whole))
}

// floor returns the mean cut to a whole number of milli-points. Whatever limit of whole milli-points the exact mean
// reaches, the cut one reaches too, so that rounding it to points gives what rounding the exact mean gives.
func (m *mean) floor() int64 {
	total := int64(0)
	rest, denominator := new(big.Int), big.NewInt(1)
	for d := range m.dimensions {
		if m.measured[d] == 0 {
			continue
		}
		p := m.points(d)
		total += p.numerator / p.denominator
		if left := p.numerator % p.denominator; left != 0 {
			by := big.NewInt(p.denominator)
			rest.Mul(rest, by)
			rest.Add(rest, new(big.Int).Mul(big.NewInt(left), denominator))
			denominator.Mul(denominator, by)
		}
	}
	return total + rest.Quo(rest, denominator).Int64()
}

// apportion cuts fractions to whole numbers that add up to a total by the method of the largest remainder: each is cut
// down, and what is left goes, one each, to those that lost most; among equals to the first by name. The total must not
// be less than the sum of the cut fractions, nor more than that and the number of fractions.
func apportion(total int64, fractions []fraction, name func(int) string) []int64 {
	parts := make([]int64, len(fractions))
	order := make([]int, len(fractions))
	for i, f := range fractions {
		parts[i] = f.numerator / f.denominator
		total -= parts[i]
		order[i] = i
	}
	if total <= 0 {
		return parts
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(compareRemainders(fractions[b], fractions[a]), cmp.Compare(name(a), name(b)))
	})
	for _, i := range order[:min(total, int64(len(order)))] {
		parts[i]++
	}
	return parts
}

// compareRemainders compares what two fractions lose when they are cut.
func compareRemainders(a, b fraction) int {
	aHigh, aLow := bits.Mul64(uint64(a.numerator%a.denominator), uint64(b.denominator))
	bHigh, bLow := bits.Mul64(uint64(b.numerator%b.denominator), uint64(a.denominator))
	return cmp.Or(cmp.Compare(aHigh, bHigh), cmp.Compare(aLow, bLow))
}
