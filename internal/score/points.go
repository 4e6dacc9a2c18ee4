package score

import (
	"strconv"
	"strings"
)

// roundPoints rounds milli-points to whole points, half away from zero. Milli-points are never negative here.
func roundPoints(n int64) int32 { return int32((n + milli/2) / milli) }

// formatPoints writes milli-points as points with one to three digits after the point: 22.0, 7.412.
func formatPoints(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	rest := strconv.FormatInt(milli+n%milli, 10)[1:]
	rest = rest[:1] + strings.TrimRight(rest[1:], "0")
	return sign + strconv.FormatInt(n/milli, 10) + "." + rest
}

// formatDifference writes milli-points as formatPoints does, always with a sign.
func formatDifference(n int64) string {
	if n < 0 {
		return formatPoints(n)
	}
	return "+" + formatPoints(n)
}

// parsePoints reads points as formatPoints writes them, in milli-points. What is no such text is 0.
func parsePoints(s string) int64 {
	whole, rest, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 32)
	if err != nil || len(rest) > 3 {
		return 0
	}
	fraction, err := strconv.ParseInt((rest + "000")[:3], 10, 32)
	if err != nil {
		return 0
	}
	return n*milli + fraction
}
