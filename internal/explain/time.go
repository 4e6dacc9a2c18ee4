package explain

import (
	"fmt"
	"time"

	"github.com/perennial-dev/perennial/internal/value"
)

// Span writes a length of time as people say it, in its largest unit: 45s, 26m, 5h, 3d. From two days on it is in days.
func Span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 2*value.Day:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	default:
		return fmt.Sprintf("%dd", int(d/value.Day))
	}
}

// in says how far ahead of now a moment is, or how long ago it was: in 5h, 3d ago, now.
func in(t, now time.Time) string {
	switch d := t.Sub(now); {
	case d > -time.Second && d < time.Second:
		return "now"
	case d > 0:
		return "in " + Span(d)
	default:
		return Span(d) + " ago"
	}
}

// at writes a moment: a day where it is more than two days away or a midnight, else the minute too.
func (l *look) at(t time.Time) string {
	local := t.In(l.zone)
	away := t.Sub(l.now)
	if local.Hour() == 0 && local.Minute() == 0 || away > 2*value.Day || away < -2*value.Day {
		return local.Format(time.DateOnly)
	}
	return local.Format("2006-01-02 15:04")
}

// when writes a moment and how far away it is: 2026-11-24 (in 2d).
func (l *look) when(t time.Time) string { return l.at(t) + " (" + in(t, l.now) + ")" }

// day writes the day of a moment.
func (l *look) day(t time.Time) string { return t.In(l.zone).Format(time.DateOnly) }

// pointer returns a time for a field that may be absent; nil where it is zero.
func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
