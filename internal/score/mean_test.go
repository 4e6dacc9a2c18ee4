package score

import (
	"testing"

	"pgregory.net/rapid"
)

func TestPropertyTheMeanIsTheSameWhereNumbersAreTooLargeFor64Bits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := mean{dimensions: make([]dimension, rapid.IntRange(1, maxDimensions).Draw(r, "dimensions"))}
		heaviest := rapid.SampledFrom([]int64{9, 100, maxWeight}).Draw(r, "heaviest")
		for d := range m.dimensions {
			// The less the dimensions weigh, the more the rests of the divisions count.
			m.dimensions[d].weight = rapid.Int64Range(1, 3).Draw(r, "weight of the dimension")
			for range rapid.IntRange(0, maxMeasures/maxDimensions).Draw(r, "measures") {
				m.add(d, rapid.Int64Range(1, heaviest).Draw(r, "weight"), rapid.Int64Range(0, fullScore).Draw(r, "score"))
			}
		}
		if m.weight == 0 {
			return
		}
		if got, want := m.floor(), m.floorOfMany(); got != want {
			r.Fatalf("the mean is %d, and with large numbers %d", got, want)
		}
	})
}
