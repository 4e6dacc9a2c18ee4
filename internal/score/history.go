package score

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

// maxHistory is the number of lines of a history.
const maxHistory = 30

// remember writes what the score was, and why it moved.
func (e *evaluation) remember() {
	h, p := e.health, e.in.Previous
	if p != nil && len(p.History) > 0 {
		h.History = append(make([]string, 0, len(p.History)+1), p.History...)
	}
	if e.lastOfGeneration != nil {
		h.PreviousScore, h.Changes = clonePointer(p.PreviousScore), slices.Clone(p.Changes)
	} else if p != nil && p.Model != "" {
		h.Changes = e.modelChanges()
	}
	switch {
	case h.Score == nil:
		return
	case e.frozen:
		// What a part of the measures says is no point of the account's history.
		h.Trend = v1alpha1.TrendStable
		if e.lastOfGeneration != nil && e.lastOfGeneration.Trend != "" {
			h.Trend = e.lastOfGeneration.Trend
		}
		return
	}
	last := e.lastScore()
	if last == nil || *last != *h.Score {
		h.History = recordScore(h.History, e.now, h, e.model.version())
	}
	if last != nil && *last != *h.Score {
		h.PreviousScore, h.Changes = last, e.changes(*last)
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
	return e.slab.score(points[0].Score)
}

// recordScore adds a line to a history, or replaces the line of the same day. The result has at most maxHistory lines.
func recordScore(history []string, now time.Time, h *v1alpha1.Health, version string) []string {
	day := now.Format(time.DateOnly)
	band := string(h.Band)
	if h.Override != nil {
		band += "(override)"
	}
	line := day + " " + strconv.Itoa(int(*h.Score)) + " " + band + " " + version
	if n := len(history); n > 0 && strings.HasPrefix(history[n-1], day+" ") {
		history = history[:n-1]
	}
	history = append(history, line)
	return history[max(0, len(history)-maxHistory):]
}

// point is one line of a history.
type point = account.ScorePoint

// pointsOf reads the lines of a history that one generation of a model wrote, since it first did. It is a function of its
// own for the compiler to put the points on the caller's stack.
func pointsOf(history []string, version string, since time.Time) []point {
	return account.AppendScores(make([]point, 0, maxHistory), history, version, since)
}

// at returns the trend of a score now, and the moment at which the score that it is compared with is another and the
// trend changes by itself; zero means never. The points are in order of their days.
func (t trend) at(points []point, score int32, now time.Time) (v1alpha1.Trend, time.Time) {
	if len(points) == 0 {
		return v1alpha1.TrendStable, time.Time{}
	}
	then := now.Add(-t.window).Format(time.DateOnly)
	base := 0
	for base+1 < len(points) && points[base+1].Day <= then {
		base++
	}
	present := t.of(score - points[base].Score)
	for _, p := range points[base+1:] {
		if t.of(score-p.Score) == present {
			continue
		}
		if day, err := time.Parse(time.DateOnly, p.Day); err == nil {
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
