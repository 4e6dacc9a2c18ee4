package score

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// maxHistory is the number of lines of a history.
const maxHistory = 30

// remember writes what the score was, and why it moved.
func (e *evaluation) remember() {
	h, p := e.health, e.in.Previous
	if p != nil {
		h.History = slices.Clone(p.History)
	}
	if e.lastOfGeneration != nil {
		h.PreviousScore, h.Changes = clonePointer(p.PreviousScore), slices.Clone(p.Changes)
	} else if p != nil && p.Model != "" {
		h.Changes = []string{modelChange(version(p.Model, p.ModelGeneration), e.model.version())}
	}
	if h.Score == nil {
		return
	}
	last := e.lastScore()
	if last == nil || *last != *h.Score {
		h.History = recordScore(h.History, e.now, h, e.model.version())
	}
	if last != nil && *last != *h.Score {
		h.PreviousScore, h.Changes = last, e.changes()
	}
	points := pointsOf(h.History, e.model.version(), timeOf(h.ModelSince))
	trend, next := e.model.trend.at(points, *h.Score, e.now)
	h.Trend = trend
	e.changesAt(next)
}

// lastScore returns the last score under this generation of the model, also where it is not known at present; nil where
// there was none. It is the last line of the history, where this generation wrote that.
func (e *evaluation) lastScore() *int32 {
	p := e.lastOfGeneration
	if p == nil || len(p.History) == 0 {
		return nil
	}
	points := pointsOf(p.History[len(p.History)-1:], e.model.version(), timeOf(e.health.ModelSince))
	if len(points) == 0 {
		return nil
	}
	return ptr.To(points[0].score)
}

// recordScore adds a line to a history, or replaces the line of the same day. The result has at most maxHistory lines.
func recordScore(history []string, now time.Time, h *v1alpha1.Health, version string) []string {
	day := now.Format(time.DateOnly)
	line := fmt.Sprintf("%s %d %s %s", day, *h.Score, h.Band, version)
	if n := len(history); n > 0 && strings.HasPrefix(history[n-1], day+" ") {
		history = history[:n-1]
	}
	history = append(history, line)
	return history[max(0, len(history)-maxHistory):]
}

// point is one line of a history.
type point struct {
	day   string
	score int32
}

// modelChange says that another model, or another generation of it, computes the score.
func modelChange(before, after string) string {
	if before == after {
		return "model " + after + " was made anew"
	}
	return "model " + before + " -> " + after
}

// pointsOf reads the lines of a history that one generation of a model wrote, since it first did. Lines that cannot be
// read are left out.
func pointsOf(history []string, version string, since time.Time) []point {
	first := since.UTC().Format(time.DateOnly)
	points := make([]point, 0, len(history))
	for _, line := range history {
		rest, ok := strings.CutSuffix(line, " "+version)
		if !ok {
			continue
		}
		day, rest, _ := strings.Cut(rest, " ")
		if day < first {
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		if score, err := strconv.ParseInt(number, 10, 32); err == nil {
			points = append(points, point{day: day, score: int32(score)})
		}
	}
	return points
}

// at returns the trend of a score now, and the moment at which the score that it is compared with is another and the
// trend changes by itself; zero means never. The points are in order of their days.
func (t trend) at(points []point, score int32, now time.Time) (v1alpha1.Trend, time.Time) {
	if len(points) == 0 {
		return v1alpha1.TrendStable, time.Time{}
	}
	then := now.Add(-t.window).Format(time.DateOnly)
	base := 0
	for base+1 < len(points) && points[base+1].day <= then {
		base++
	}
	present := t.of(score - points[base].score)
	for _, p := range points[base+1:] {
		day, err := time.Parse(time.DateOnly, p.day)
		if err == nil && t.of(score-p.score) != present {
			return present, day.Add(t.window)
		}
	}
	return present, time.Time{}
}

// of returns the trend that a difference of scores means.
func (t trend) of(difference int32) v1alpha1.Trend {
	switch {
	case difference >= t.threshold:
		return v1alpha1.TrendImproving
	case difference <= -t.threshold:
		return v1alpha1.TrendDeclining
	default:
		return v1alpha1.TrendStable
	}
}

func clonePointer(p *int32) *int32 {
	if p == nil {
		return nil
	}
	return ptr.To(*p)
}
