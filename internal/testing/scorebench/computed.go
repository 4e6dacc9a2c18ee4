package scorebench

import "math"

// seats of every account's contract.
const seats = 500

// computedValues are the measures whose value the model with expressions computes, by number, and the ends of its scale in
// millionths.
var computedValues = map[int]struct {
	expression  string
	worst, best int64
}{
	1:  {"metrics.warehouse.dau_mau * 100", 5_000_000, 40_000_000},
	3:  {"metrics.warehouse.seats_used * account.spec.contract.seats", 100_000_000, 475_000_000},
	5:  {"metrics.warehouse.p1_hours / (metrics.warehouse.open_tickets + 6)", 1_000_000, 0},
	11: {"metrics.warehouse.days_silent > 30 ? metrics.warehouse.days_silent * 2 : metrics.warehouse.days_silent", 60_000_000, 3_000_000},
}

// computedScales are the measures whose scale is an expression.
var computedScales = map[int]string{
	6:  "(value - 2.5) / 2.3 * 100",
	10: "value > 30 ? 0.0 : 100 - value * 2",
}

// ScoreComputed scores an account by the model with expressions, as Score does by the one without: the expressions are
// written in Go, and compute with floats as they do.
func ScoreComputed(v *Values, memory Memory, now int64, o *Outcome) {
	var scores [Measures]int64
	c := Compute(v)
	for i := range Measures {
		if !c.Known[i] {
			continue
		}
		switch n := float(c.Number[i]); i {
		case 1, 3, 5, 11:
			scores[i] = linear(c.Number[i], computedEnds[i][0], computedEnds[i][1])
		case 6:
			scores[i] = thousandthsOf((n - 2.5) / 2.3 * 100)
		case 10:
			if n <= 30 {
				scores[i] = thousandthsOf(100 - float64(n*2))
			}
		default:
			scores[i] = linear(c.Number[i], measures[i].worst, measures[i].best)
		}
	}
	finish(&c, &scores, memory, now, o)
}

// computedEnds are the ends of scales of computedValues, without a map between.
var computedEnds = func() [Measures][2]int64 {
	var ends [Measures][2]int64
	for i, c := range computedValues {
		ends[i] = [2]int64{c.worst, c.best}
	}
	return ends
}()

// Compute returns the values of the measures: those that come as they are, and those that expressions compute.
func Compute(v *Values) Values {
	c := *v
	c.Number[1] = millionths(float(v.Number[1]) * 100)
	c.Number[3] = millionths(float(v.Number[3]) * seats)
	c.Known[5] = v.Known[5] && v.Known[4]
	c.Number[5] = millionths(float(v.Number[5]) / (float(v.Number[4]) + 6))
	if silent := float(v.Number[11]); silent > 30 {
		c.Number[11] = millionths(silent * 2)
	}
	return c
}

func float(millionths int64) float64 { return float64(millionths) / 1_000_000 }

func millionths(n float64) int64 { return int64(math.Round(float64(n * 1_000_000))) }

// thousandthsOf returns a score in thousandths of a point, cut to 0 and 100.
func thousandthsOf(n float64) int64 { return int64(math.Round(float64(min(max(n, 0), 100) * 1000))) }
