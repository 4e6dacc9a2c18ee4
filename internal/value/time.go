package value

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Day is 24 hours: what d means in a Duration.
const Day = 24 * time.Hour

// ErrNotATime is for text that is no time. It never holds the text.
var ErrNotATime = errors.New("not a time: RFC 3339, 2006-01-02 15:04:05 and 2006-01-02 are read")

// ParseDuration reads a duration in the Prometheus format. Empty text is 0.
func ParseDuration(d v1alpha1.Duration) (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	parsed, err := model.ParseDuration(string(d))
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write 30s, 36h, 90d or 12w", string(d))
	}
	return time.Duration(parsed), nil
}

// DurationOr reads a duration that a schema has checked, and returns a default where it is unset.
func DurationOr(d v1alpha1.Duration, otherwise time.Duration) time.Duration {
	parsed, err := ParseDuration(d)
	if err != nil || d == "" {
		return otherwise
	}
	return parsed
}

// FormatDuration writes a duration in the Prometheus format, in whole seconds.
func FormatDuration(d time.Duration) v1alpha1.Duration {
	return v1alpha1.Duration(model.Duration(d.Truncate(time.Second)).String())
}

// ParseDate returns the midnight, in UTC, that a date begins with. Only the day of the RFC 3339 form counts.
func ParseDate(d v1alpha1.Date) (time.Time, error) {
	s := string(d)
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)]
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a date: write 2027-02-01, in quotes", string(d))
	}
	return t, nil
}

// DayIn returns the moment that a day, given as a midnight in UTC, begins with in a time zone: midnight, or where the clocks
// are put forward then and there is none, the first moment after; where they are put back then, the first of two.
func DayIn(day time.Time, location *time.Location) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, location)
	begin, end := t.ZoneBounds()
	if t.Day() != day.Day() {
		return end
	}
	if before := begin.Add(-1); !begin.IsZero() && t.Sub(begin) < Day && before.Day() == day.Day() {
		_, offset := before.Zone()
		return day.Add(-time.Duration(offset) * time.Second).In(location)
	}
	return t
}

// dateOf returns a date as a midnight in UTC. The day may be one that the month does not have: it is one of the next then.
func dateOf(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// ParseDateIn returns the moment that a date begins with in a time zone.
func ParseDateIn(d v1alpha1.Date, location *time.Location) (time.Time, error) {
	t, err := ParseDate(d)
	if err != nil {
		return time.Time{}, err
	}
	return DayIn(t, location), nil
}

// StartOfDay returns the moment that the day of a moment begins with, in a time zone.
func StartOfDay(t time.Time, location *time.Location) time.Time {
	t = t.In(location)
	return DayIn(dateOf(t.Year(), t.Month(), t.Day()), location)
}

// NextDay returns the moment that the day after that of a moment begins with, in a time zone.
func NextDay(t time.Time, location *time.Location) time.Time {
	t = t.In(location)
	return DayIn(dateOf(t.Year(), t.Month(), t.Day()+1), location)
}

// DaysBetween returns the number of calendar days from one moment to another in a time zone, negative where to is earlier.
func DaysBetween(from, to time.Time, location *time.Location) int {
	from, to = from.In(location), to.In(location)
	return int(dateOf(to.Year(), to.Month(), to.Day()).Sub(dateOf(from.Year(), from.Month(), from.Day())) / Day)
}

// timeLayouts are the forms that a source may write a time in; without a zone it is UTC.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999", time.DateOnly,
}

// ParseTime reads a time as sources write it. Its error is ErrNotATime.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			// In UTC a moment may be in another year than in its own zone, and a status holds none beyond these.
			if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
				return time.Time{}, ErrNotATime
			}
			return t, nil
		}
	}
	return time.Time{}, ErrNotATime
}

// FormatTime writes a time: as a day where it is a midnight in UTC, else in RFC 3339.
func FormatTime(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(Day)) {
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339)
}

// Earliest returns the earliest of the times that are set; the zero time means never.
func Earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
