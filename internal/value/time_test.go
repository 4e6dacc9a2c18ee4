package value

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Where the clocks are put forward as a day begins, it begins with the first moment after: there is no midnight.
func TestADayBeginsWhereThereIsNoMidnight(t *testing.T) {
	for name, c := range map[string]struct {
		zone      string
		day, next v1alpha1.Date
		begin     string
		hours     int
	}{
		"in Santiago":        {"America/Santiago", "2026-09-06", "2026-09-07", "2026-09-06T01:00:00-03:00", 23},
		"in Havana":          {"America/Havana", "2026-03-08", "2026-03-09", "2026-03-08T01:00:00-04:00", 23},
		"in Cairo":           {"Africa/Cairo", "2026-04-24", "2026-04-25", "2026-04-24T01:00:00+03:00", 23},
		"and where there is": {"Europe/Berlin", "2026-03-29", "2026-03-30", "2026-03-29T00:00:00+01:00", 23},
	} {
		t.Run(name, func(t *testing.T) {
			location, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			begin, err := ParseDateIn(c.day, location)
			if err != nil {
				t.Fatal(err)
			}
			if got := begin.Format(time.RFC3339); got != c.begin {
				t.Errorf("it begins at %s, want %s", got, c.begin)
			}
			end, err := ParseDateIn(c.next, location)
			if err != nil {
				t.Fatal(err)
			}
			if got := end.Sub(begin); got != time.Duration(c.hours)*time.Hour {
				t.Errorf("it lasts %s", got)
			}
			for at := begin.Add(-3 * time.Hour); at.Before(end); at = at.Add(20 * time.Minute) {
				start, next := StartOfDay(at, location), NextDay(at, location)
				if start.After(at) || !next.After(at) || at.Before(begin) != next.Equal(begin) || !at.Before(begin) != start.Equal(begin) {
					t.Errorf("%s: its day begins at %s, the next one at %s", at, start, next)
				}
			}
			if n := DaysBetween(begin.Add(-time.Second), end, location); n != 2 {
				t.Errorf("%d days between", n)
			}
		})
	}
}
