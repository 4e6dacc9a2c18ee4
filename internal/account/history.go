package account

import (
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// ScorePoint is one line of a history: the last score of a day.
type ScorePoint struct {
	Day   string
	Score int32
}

// ModelVersion names a model and its generation as a line of a history does: enterprise/4.
func ModelVersion(name string, generation int64) string {
	return name + "/" + strconv.FormatInt(generation, 10)
}

// AppendScores reads the lines of a history that one generation of a model wrote, since it first did. Lines that cannot
// be read are left out.
func AppendScores(points []ScorePoint, history []string, version string, since time.Time) []ScorePoint {
	first := since.UTC().Format(time.DateOnly)
	for _, line := range history {
		rest, ok := strings.CutSuffix(line, version)
		if !ok || !strings.HasSuffix(rest, " ") {
			continue
		}
		day, rest, _ := strings.Cut(rest, " ")
		if day < first {
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		if score, err := strconv.ParseInt(number, 10, 32); err == nil {
			points = append(points, ScorePoint{Day: day, Score: int32(score)})
		}
	}
	return points
}

// ScoreDrop returns by how many points a score is now below the highest that it had within a window until now, 0 where it
// is not, and the moment at which that becomes another number by itself; zero means never. Only scores of the present
// generation of the model count. It reports false where the score is not known. Days are UTC days: a day's last score is
// the one that is remembered, and it counts until the window has left that day.
func ScoreDrop(h *v1alpha1.Health, within time.Duration, now time.Time) (points int32, next time.Time, known bool) {
	if h == nil || h.Score == nil {
		return 0, time.Time{}, false
	}
	var since time.Time
	if h.ModelSince != nil {
		since = h.ModelSince.Time
	}
	scores := AppendScores(make([]ScorePoint, 0, len(h.History)), h.History, ModelVersion(h.Model, h.ModelGeneration), since)
	if n := len(scores); n > 0 && h.PreviousScore != nil {
		// The score moved to where it is on the last day of the history; until then it was the previous one.
		scores = append(scores[:n-1:n-1], ScorePoint{Day: scores[n-1].Day, Score: max(*h.PreviousScore, scores[n-1].Score)})
	}
	first := now.UTC().Add(-within).Format(time.DateOnly)
	highest := *h.Score
	var left time.Time
	for i, p := range scores {
		// A score holds until the day of the next one.
		until := p.Day
		if i+1 < len(scores) {
			until = scores[i+1].Day
		}
		if until < first || p.Score <= highest {
			continue
		}
		day, err := time.Parse(time.DateOnly, until)
		if err != nil {
			continue
		}
		highest, left = p.Score, day.AddDate(0, 0, 1).Add(within)
	}
	return highest - *h.Score, left, true
}
