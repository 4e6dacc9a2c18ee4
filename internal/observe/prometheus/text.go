package prometheus

import (
	"math"
	"strconv"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// text writes a sample for a metric: a number, or seconds since 1970 as a time. What is no time is left as a number, for
// which it is rejected and counted.
func text(metricType v1alpha1.MetricType, v float64) string {
	if metricType == v1alpha1.MetricTime {
		if t, ok := timeOf(v); ok {
			return t.Format("2006-01-02T15:04:05.999Z07:00")
		}
	}
	return number(v)
}

// number writes a number in its shortest decimal form, with an exponent only where that is far shorter. What is no number
// is NaN, +Inf or -Inf.
func number(v float64) string {
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// maxSeconds is more than the year 9999 has.
const maxSeconds = 1e12

// timeOf returns a time of seconds since 1970, to the millisecond, which is what Prometheus itself counts in. False: there
// is no such time, or none that RFC 3339 can write.
func timeOf(seconds float64) (time.Time, bool) {
	if math.IsNaN(seconds) || math.Abs(seconds) > maxSeconds {
		return time.Time{}, false
	}
	t := time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}
