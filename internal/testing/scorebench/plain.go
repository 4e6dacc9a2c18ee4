package scorebench

import (
	"math/bits"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// none stands for no score and no band.
const none = -1

// Memory is what of yesterday's health a band depends on, as numbers.
type Memory struct {
	// Band that the score is compared with, and the one that waits; none where there is none.
	Band, Pending int32
	// Since is when the score first called for the pending band, in Unix seconds.
	Since int64
}

// MemoryOf returns the memory that a health holds.
func MemoryOf(h *v1alpha1.Health) Memory {
	m := Memory{Band: none, Pending: none}
	if h == nil {
		return m
	}
	m.Band = rank(h.Band)
	if m.Band == none {
		m.Band = rank(h.LastBand)
	}
	if h.PendingBand != nil {
		m.Pending, m.Since = rank(h.PendingBand.Band), h.PendingBand.Since.Unix()
	}
	return m
}

// Outcome is what the plain loop computes of an account: all the numbers of its health.
type Outcome struct {
	// Score, Band and Pending are none where there is none.
	Score, Band, Pending int32
	// Since is when the score first called for the pending band, in Unix seconds.
	Since    int64
	Coverage int32
	// Points are in thousandths, and the score of a dimension or measure in points; none where it does not count.
	DimensionPoints [Dimensions]int64
	DimensionScores [Dimensions]int32
	Points          [Measures]int64
	Scores          [Measures]int32
}

// Score scores an account as a programmer would who writes it by hand for this one model: whole numbers in arrays of a
// fixed size, no text, no map, no allocation, nothing of the past but the band. It does the same arithmetic as Evaluate:
// linear scales in exact thousandths of a point, missing weight shared out at both levels, points of measures and
// dimensions cut to thousandths that add up, one rounding, coverage, band with margin and hold. It does not do ages of
// values, sources that cannot be read, rules, trend, history, changes, nor the time of the next change.
func Score(v *Values, memory Memory, now int64, o *Outcome) {
	var scores [Measures]int64
	for i := range Measures {
		if v.Known[i] {
			scores[i] = linear(v.Number[i], measures[i].worst, measures[i].best)
		}
	}
	finish(v, &scores, memory, now, o)
}

// finish makes a health of the scores of the values that are known.
func finish(v *Values, scores *[Measures]int64, memory Memory, now int64, o *Outcome) {
	var measured, sum [Dimensions]int64
	for i := range Measures {
		if v.Known[i] {
			measured[measures[i].dimension] += measures[i].weight
			sum[measures[i].dimension] += measures[i].weight * scores[i]
		}
	}
	o.Coverage = coverage(&measured)
	total, weight := total(&measured, &sum)
	explain(v, scores, &measured, &sum, total, weight, o)
	o.Score, o.Band, o.Pending, o.Since = none, none, none, 0
	if weight > 0 && o.Coverage >= minimumCoverage {
		o.Score = int32((total + 500) / 1000)
		o.band(memory, now)
	}
}

// linear returns the thousandths of a point that a value scores, rounded half away from zero.
func linear(v, worst, best int64) int64 {
	done, whole := v-worst, best-worst
	if whole < 0 {
		done, whole = -done, -whole
	}
	if done <= 0 {
		return 0
	}
	if done >= whole {
		return 100_000
	}
	hi, lo := bits.Mul64(uint64(done), 100_000)
	points, rest := bits.Div64(hi, lo, uint64(whole))
	if 2*rest >= uint64(whole) {
		points++
	}
	return int64(points)
}

// coverage returns the share of the weight that has a value, in percent, cut.
func coverage(measured *[Dimensions]int64) int32 {
	var sum [Dimensions]int64
	for d := range Dimensions {
		sum[d] = 100 * measured[d]
	}
	percent, _ := total(&dimensionWeights, &sum)
	return int32(percent)
}

// dimensionWeights are the sums of the weights of each dimension's measures.
var dimensionWeights = func() [Dimensions]int64 {
	var weights [Dimensions]int64
	for _, m := range measures {
		weights[m.dimension] += m.weight
	}
	return weights
}()

// total returns the weighted mean of dimensions, cut to whole thousandths, and the weight behind it. With this model's
// weights every product fits into 64 bits.
func total(measured, sum *[Dimensions]int64) (total, weight int64) {
	product := int64(1)
	for d := range Dimensions {
		if measured[d] > 0 {
			weight += dimensions[d].weight
			product *= measured[d]
		}
	}
	if weight == 0 {
		return 0, 0
	}
	rest := int64(0)
	for d := range Dimensions {
		if measured[d] > 0 {
			points := dimensions[d].weight * sum[d]
			total += points / measured[d]
			rest += points % measured[d] * (product / measured[d])
		}
	}
	return (total + rest/product) / weight, weight
}

// explain shares the total out to dimensions, and their points to measures, so that both add up exactly: each part is
// cut, and what is left goes to those that lost most, among equals to the first by name.
func explain(v *Values, scores *[Measures]int64, measured, sum *[Dimensions]int64, total, weight int64, o *Outcome) {
	var rests, denominators [Dimensions]int64
	left := total
	for d := range Dimensions {
		o.DimensionPoints[d], o.DimensionScores[d] = 0, none
		if measured[d] == 0 {
			continue
		}
		points := dimensions[d].weight * sum[d]
		denominators[d] = weight * measured[d]
		o.DimensionPoints[d], rests[d] = points/denominators[d], points%denominators[d]
		o.DimensionScores[d] = int32((2*sum[d] + 1000*measured[d]) / (2000 * measured[d]))
		left -= o.DimensionPoints[d]
	}
	for ; left > 0; left-- {
		best := none
		for d := range Dimensions {
			if measured[d] == 0 || rests[d] < 0 {
				continue
			}
			if best == none || larger(d, best, &rests, &denominators) {
				best = d
			}
		}
		o.DimensionPoints[best]++
		rests[best] = -1
	}
	var measureRests [Measures]int64
	lefts := o.DimensionPoints
	for i := range Measures {
		d := measures[i].dimension
		o.Points[i], o.Scores[i], measureRests[i] = 0, none, -1
		if !v.Known[i] {
			continue
		}
		points := dimensions[d].weight * measures[i].weight * scores[i]
		o.Points[i], measureRests[i] = points/denominators[d], points%denominators[d]
		o.Scores[i] = int32((scores[i] + 500) / 1000)
		lefts[d] -= o.Points[i]
	}
	for d := range Dimensions {
		for ; lefts[d] > 0; lefts[d]-- {
			best := none
			for i := range Measures {
				if measures[i].dimension != d || measureRests[i] < 0 {
					continue
				}
				if best == none || measureRests[i] > measureRests[best] ||
					measureRests[i] == measureRests[best] && measures[i].name < measures[best].name {
					best = i
				}
			}
			o.Points[best]++
			measureRests[best] = -1
		}
	}
}

// larger reports whether dimension a lost more than b when both were cut, or comes first by name.
func larger(a, b int, rests, denominators *[Dimensions]int64) bool {
	x, y := rests[a]*denominators[b], rests[b]*denominators[a]
	return x > y || x == y && dimensions[a].name < dimensions[b].name
}

// band decides the band: another than the present one only past the boundary by the margin, and for as long as the hold.
func (o *Outcome) band(memory Memory, now int64) {
	if memory.Band == none {
		o.Band = bandOf(o.Score)
		return
	}
	o.Band = memory.Band
	candidate := memory.Band
	if down := bandOf(o.Score + margin); down > candidate {
		candidate = down
	} else if up := bandOf(o.Score - margin); up < candidate {
		candidate = up
	}
	if candidate == memory.Band {
		return
	}
	since := now
	if memory.Pending == candidate {
		since = memory.Since
	}
	if now >= since+int64(hold.Seconds()) {
		o.Band = candidate
		return
	}
	o.Pending, o.Since = candidate, since
}

func bandOf(score int32) int32 {
	for i := range bands {
		if score >= bands[i].Min {
			return int32(i)
		}
	}
	return int32(len(bands) - 1)
}
