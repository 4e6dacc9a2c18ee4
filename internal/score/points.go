package score

import (
	"strconv"
	"strings"

	"github.com/perennial-dev/perennial/internal/value"
)

// roundPoints rounds milli-points to whole points, half away from zero. Milli-points are never negative here.
func roundPoints(n int64) int32 { return int32((n + milli/2) / milli) }

// formatPoints writes milli-points as points with one to three digits after the point: 22.0, 7.412.
func formatPoints(n int64) string { return string(appendPoints(make([]byte, 0, 16), n)) }

// appendPoints appends what formatPoints returns.
func appendPoints(b []byte, n int64) []byte {
	b = value.Decimal(n * (value.DecimalScale / milli)).Append(b)
	if n%milli == 0 {
		b = append(b, ".0"...)
	}
	return b
}

// formatDifference writes milli-points as formatPoints does, always with a sign.
func formatDifference(n int64) string {
	b := make([]byte, 0, 16)
	if n >= 0 {
		b = append(b, '+')
	}
	return string(appendPoints(b, n))
}

// parsePoints reads points as formatPoints writes them, in milli-points. What is no such text is 0.
func parsePoints(s string) int64 {
	whole, rest, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole, 10, 31) // points of a status have no sign
	if err != nil || len(rest) > 3 {
		return 0
	}
	fraction, err := strconv.ParseUint((rest + "000")[:3], 10, 10)
	if err != nil {
		return 0
	}
	return int64(n*milli + fraction)
}
