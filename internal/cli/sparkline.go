package cli

import (
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/explain"
)

// sparkDays is how many days a sparkline shows.
const sparkDays = 30

// sparks are its heights.
var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the scores of the last thirty days, one for each, from the first that is known. The scale is that of all
// scores, 0 to 100: two lines can be compared.
func sparkline(points []explain.Point, now time.Time) string {
	var b strings.Builder
	at := -1
	for day := now.UTC().AddDate(0, 0, 1-sparkDays); !day.After(now.UTC()); day = day.AddDate(0, 0, 1) {
		for at+1 < len(points) && points[at+1].Day <= day.Format(time.DateOnly) {
			at++
		}
		if at >= 0 {
			score := min(max(int(points[at].Score), 0), 100)
			b.WriteRune(sparks[min(score*len(sparks)/100, len(sparks)-1)])
		}
	}
	return b.String()
}
