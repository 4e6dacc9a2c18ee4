package score

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
)

// A weighted mean of two levels is kept as whole numbers: with V the weight of all dimensions that have a score, V(d) the
// weight of dimension d, W(d) the weight of its measures that have a score and S(d) the sum of weight × score of these, a
// dimension adds V(d)·S(d) / (V·W(d)) points and a measure its part of S(d). Weights of what has no score are not among
// them, which shares them out in proportion. Within the limits of a model every product here fits into 64 bits.
type mean struct {
	dimensions []dimension
	// weight is V; measured is W and sum is S, by dimension.
	weight   int64
	measured [maxDimensions]int64
	sum      [maxDimensions]int64
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

// floor returns the mean cut to a whole number of milli-points, 0 where nothing has a score. Whatever limit of whole
// milli-points the exact mean reaches, the cut one reaches too, so that rounding it to points gives what rounding the exact
// mean gives. It adds up V times the mean: a whole number and a rest, which is less than 1, and divides the whole alone.
func (m *mean) floor() int64 {
	if m.weight == 0 {
		return 0
	}
	whole, rest := int64(0), fraction{0, 1}
	for d := range m.dimensions {
		by := m.measured[d]
		if by == 0 {
			continue
		}
		points := m.dimensions[d].weight * m.sum[d]
		whole += points / by
		left := points % by
		if left == 0 {
			continue
		}
		if rest.denominator > math.MaxInt64/2/by {
			return m.floorOfMany()
		}
		rest = fraction{rest.numerator*by + left*rest.denominator, rest.denominator * by}
		whole += rest.numerator / rest.denominator
		rest.numerator %= rest.denominator
	}
	return whole / m.weight
}

// floorOfMany is floor where 64 bits do not hold the product of the denominators.
func (m *mean) floorOfMany() int64 {
	total := int64(0)
	rest, denominator := new(big.Int), big.NewInt(1)
	for d := range m.dimensions {
		if m.measured[d] == 0 {
			continue
		}
		p := m.points(d)
		total += p.numerator / p.denominator
		by := big.NewInt(p.denominator)
		rest.Mul(rest, by)
		rest.Add(rest, new(big.Int).Mul(big.NewInt(p.numerator%p.denominator), denominator))
		denominator.Mul(denominator, by)
	}
	return total + rest.Quo(rest, denominator).Int64()
}

// parts is a weighted mean in milli-points and what it is made of: the parts of dimensions add up to the total, those of
// the measures of a dimension to the dimension's.
type parts struct {
	mean       mean
	total      int64
	dimensions [maxDimensions]int64
	measures   [maxMeasures]int64
}

// parts computes the weighted mean of what the measures read.
func (m *Model) parts(readings []reading) parts {
	p := parts{mean: mean{dimensions: m.dimensions}}
	for i := range m.measures {
		if readings[i].counts {
			p.mean.add(m.measures[i].dimension, m.measures[i].weight, readings[i].score)
		}
	}
	p.total = p.mean.floor()
	shares := make([]share, 0, maxMeasures)
	for d := range m.dimensions {
		if p.mean.measured[d] > 0 {
			shares = append(shares, share{number: d, name: m.dimensions[d].name, exact: p.mean.points(d)})
		}
	}
	apportion(p.total, shares)
	for _, s := range shares {
		p.dimensions[s.number] = s.points
	}
	for d := range m.dimensions {
		if p.mean.measured[d] > 0 {
			m.partsOf(d, readings, &p, shares[:0])
		}
	}
	return p
}

// partsOf cuts a dimension's points into those of its measures. It writes over the shares' memory.
func (m *Model) partsOf(d int, readings []reading, p *parts, shares []share) {
	by := p.mean.points(d).denominator
	for i := range m.measures {
		if m.measures[i].dimension == d && readings[i].counts {
			exact := fraction{m.dimensions[d].weight * m.measures[i].weight * readings[i].score, by}
			shares = append(shares, share{number: i, name: m.measures[i].name, exact: exact})
		}
	}
	apportion(p.dimensions[d], shares)
	for _, s := range shares {
		p.measures[s.number] = s.points
	}
}

// share is what a dimension or a measure has of a total.
type share struct {
	// number and name of the dimension or measure.
	number int
	name   string
	// exact is the share, points the whole number of milli-points that is shown for it.
	exact  fraction
	points int64
	// rest of the exact numerator that is lost in points; negative once that was made up for.
	rest int64
}

// apportion cuts shares to whole numbers that add up to a total by the method of the largest remainder: each is cut
// down, and what is left goes, one each, to those that lost most; among equals to the first by name. The total must not
// be less than the sum of the cut shares, nor more than that and the number of shares.
func apportion(total int64, shares []share) {
	for i := range shares {
		s := &shares[i]
		s.points = s.exact.numerator / s.exact.denominator
		s.rest = s.exact.numerator % s.exact.denominator
		total -= s.points
	}
	// There is little left, most often nothing: looking for the largest each time takes less than sorting.
	for ; total > 0; total-- {
		largest := 0
		for i := range shares {
			if shares[i].before(&shares[largest]) {
				largest = i
			}
		}
		shares[largest].points++
		shares[largest].rest = -1
	}
}

// before reports whether a share lost more than another when it was cut, or as much and is the first by name.
func (s *share) before(other *share) bool {
	if s.rest < 0 || other.rest < 0 {
		return s.rest > other.rest
	}
	aHigh, aLow := bits.Mul64(uint64(s.rest), uint64(other.exact.denominator))
	bHigh, bLow := bits.Mul64(uint64(other.rest), uint64(s.exact.denominator))
	return cmp.Or(cmp.Compare(bHigh, aHigh), cmp.Compare(bLow, aLow), cmp.Compare(s.name, other.name)) < 0
}
