package score

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Drop returns by how many points a score is now below the highest that it had within a window until now, 0 where it is
// not, and the moment at which that becomes another number by itself; zero means never. Only scores of the present
// generation of the model count. It reports false where the score is not known. Days are UTC days: a day's last score is
// the one that is remembered, and it counts until the window has left that day.
func Drop(h *v1alpha1.Health, within time.Duration, now time.Time) (points int32, next time.Time, known bool) {
	if h == nil || h.Score == nil {
		return 0, time.Time{}, false
	}
	scores := pointsOf(h.History, version(h.Model, h.ModelGeneration), timeOf(h.ModelSince))
	if n := len(scores); n > 0 && h.PreviousScore != nil {
		// The score moved to where it is on the last day of the history; until then it was the previous one.
		scores = append(scores[:n-1:n-1], point{day: scores[n-1].day, score: max(*h.PreviousScore, scores[n-1].score)})
	}
	first := now.UTC().Add(-within).Format(time.DateOnly)
	highest := *h.Score
	var left time.Time
	for i, p := range scores {
		// A score holds until the day of the next one.
		until := p.day
		if i+1 < len(scores) {
			until = scores[i+1].day
		}
		if until < first || p.score <= highest {
			continue
		}
		day, err := time.Parse(time.DateOnly, until)
		if err != nil {
			continue
		}
		highest, left = p.score, day.AddDate(0, 0, 1).Add(within)
	}
	return highest - *h.Score, left, true
}
