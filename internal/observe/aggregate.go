package observe

import (
	"math/big"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// aggregate makes one value of the rows of one account, and says when it was true: the time of the row that the value
// is from, and for Sum and Average the newest time among the rows that count. Rows without a value do not count; where
// none has one, or a sum is too large for a Decimal, there is no value.
func aggregate(rows []row, metric int, how v1alpha1.Aggregate) (*value.Value, time.Time) {
	var best *value.Value
	var at time.Time
	var numbers []value.Decimal
	for i := range rows {
		v, observed := rows[i].values[metric], rows[i].observed
		if v == nil {
			continue
		}
		switch how {
		case v1alpha1.AggregateSum, v1alpha1.AggregateAverage:
			numbers = append(numbers, v.Number)
			if best == nil || observed.After(at) {
				best, at = v, observed
			}
		case v1alpha1.AggregateMin, v1alpha1.AggregateMax:
			if best == nil || less(v, best) == (how == v1alpha1.AggregateMin) && !v.Equal(*best) {
				best, at = v, observed
			} else if v.Equal(*best) && observed.After(at) {
				at = observed
			}
		default:
			// The last row wins among equal times.
			if best == nil || !observed.Before(at) {
				best, at = v, observed
			}
		}
	}
	if len(numbers) > 0 {
		best = combined(numbers, how)
	}
	return best, at
}

// spoiled reports whether a value that cannot be read takes part in the one value of the rows: the newest row's, or any
// where all rows count. The others alone would say something else than the source does.
func spoiled(rows []row, metric int, how v1alpha1.Aggregate) bool {
	unreadable := func(r row) bool { return slices.Contains(r.unreadable, metric) }
	if how != "" && how != v1alpha1.AggregateNewest {
		return slices.ContainsFunc(rows, unreadable)
	}
	var newest *row
	for i := range rows {
		// Rows that say nothing of the metric do not count.
		if r := &rows[i]; (r.values[metric] != nil || unreadable(*r)) && (newest == nil || !r.observed.Before(newest.observed)) {
			newest = r
		}
	}
	return newest != nil && unreadable(*newest)
}

// less orders two values of one type, Number or Time.
func less(a, b *value.Value) bool {
	if a.Type == v1alpha1.MetricTime {
		return a.Time.Before(b.Time)
	}
	return a.Number < b.Number
}

// combined returns the sum or the mean of numbers, rounded half away from zero; nil where it is too large.
func combined(numbers []value.Decimal, how v1alpha1.Aggregate) *value.Value {
	total := new(big.Int)
	for _, n := range numbers {
		total.Add(total, big.NewInt(int64(n)))
	}
	if how == v1alpha1.AggregateAverage {
		total = divide(total, int64(len(numbers)))
	}
	limit := new(big.Int).Mul(big.NewInt(maxWhole), big.NewInt(value.DecimalScale))
	if total.CmpAbs(limit) >= 0 {
		return nil
	}
	v := value.Number(value.Decimal(total.Int64()))
	return &v
}

// maxWhole is the first whole number that a Decimal cannot hold.
const maxWhole = 1_000_000_000_000

// divide divides and rounds half away from zero.
func divide(n *big.Int, by int64) *big.Int {
	twice := new(big.Int).Lsh(n, 1)
	d := big.NewInt(by)
	if twice.Sign() < 0 {
		twice.Sub(twice, d)
	} else {
		twice.Add(twice, d)
	}
	return twice.Quo(twice, d.Lsh(d, 1))
}
