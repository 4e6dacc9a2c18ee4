package value_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		kind v1alpha1.MetricType
		text string
		want string
		err  error
	}{
		"a number":                             {v1alpha1.MetricNumber, "4.50", "4.5", nil},
		"a word where a number belongs":        {v1alpha1.MetricNumber, "many", "", value.ErrNotANumber},
		"a category loses the space around it": {v1alpha1.MetricCategory, " Good ", "Good", nil},
		"a category is short":                  {v1alpha1.MetricCategory, strings.Repeat("x", 129), "", value.ErrCategoryTooLong},
		"a text is cut between characters":     {v1alpha1.MetricText, strings.Repeat("é", 3000), strings.Repeat("é", 2048), nil},
		"a day":                                {v1alpha1.MetricTime, "2026-11-01", "2026-11-01", nil},
		"a moment in a zone is shown in UTC":   {v1alpha1.MetricTime, "2026-11-01T09:30:00+02:00", "2026-11-01T07:30:00Z", nil},
		"a moment in a zone without a colon":   {v1alpha1.MetricTime, "2026-11-01T09:30:00.000+0200", "2026-11-01T07:30:00Z", nil},
		"a moment as databases write it":       {v1alpha1.MetricTime, "2026-11-01 09:30:00", "2026-11-01T09:30:00Z", nil},
		"a moment with a zone and a space":     {v1alpha1.MetricTime, "2026-11-01 09:30:00.25+00:00", "2026-11-01T09:30:00Z", nil},
		"a day that is not in the calendar":    {v1alpha1.MetricTime, "2026-02-30", "", value.ErrNotATime},
		"a day that could be read in two ways": {v1alpha1.MetricTime, "03-04-2026", "", value.ErrNotATime},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := value.Parse(c.kind, c.text)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				if strings.Contains(err.Error(), c.text) {
					t.Errorf("the error shows the value: %v", err)
				}
				return
			}
			if v.String() != c.want {
				t.Errorf("got %s, want %s", v, c.want)
			}
		})
	}
}

func TestAValueIsStaleOnceItIsOlderThanMaxAge(t *testing.T) {
	observed := at("2026-11-01T00:00:00Z")
	fresh := value.Observation{State: v1alpha1.ValueFresh, ObservedTime: observed, MaxAge: 24 * time.Hour}
	for name, c := range map[string]struct {
		o      value.Observation
		own    time.Duration
		now    time.Time
		state  v1alpha1.ValueState
		change time.Time
	}{
		"at exactly that age it is not":      {fresh, 0, observed.Add(24 * time.Hour), "Fresh", observed.Add(24*time.Hour + time.Second)},
		"a second later it is":               {fresh, 0, observed.Add(24*time.Hour + time.Second), "Stale", time.Time{}},
		"a measure's own age may be shorter": {fresh, time.Hour, observed.Add(2 * time.Hour), "Stale", time.Time{}},
		"but not longer":                     {fresh, 48 * time.Hour, observed.Add(30 * time.Hour), "Stale", time.Time{}},
		"without any age it never is":        {value.Observation{State: v1alpha1.ValueFresh, ObservedTime: observed}, 0, observed.Add(9999 * time.Hour), "Fresh", time.Time{}},
		"what is Missing stays so":           {value.Observation{State: v1alpha1.ValueMissing, MaxAge: time.Hour}, 0, observed, "Missing", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			state, change := c.o.StateAt(c.now, c.own)
			if state != c.state || !change.Equal(c.change) {
				t.Errorf("got %s until %s, want %s until %s", state, change, c.state, c.change)
			}
		})
	}
}

func TestDurationsAndDates(t *testing.T) {
	for text, want := range map[v1alpha1.Duration]time.Duration{
		"": 0, "30s": 30 * time.Second, "90d": 90 * value.Day, "12w": 84 * value.Day, "1w2d": 9 * value.Day, "1y": 365 * value.Day,
	} {
		if got, err := value.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, want %s: %v", text, got, want, err)
		}
	}
	for _, text := range []v1alpha1.Duration{"1.5h", "d", "-1h", "5", "1h1d"} {
		if got, err := value.ParseDuration(text); err == nil {
			t.Errorf("%q is accepted as %s", text, got)
		}
	}
	if got := value.FormatDuration(36*time.Hour + 500*time.Millisecond); got != "1d12h" {
		t.Errorf("36 hours are written %s", got)
	}
	for text, want := range map[v1alpha1.Date]string{"2027-02-01": "2027-02-01", "2027-02-01T23:00:00-08:00": "2027-02-01"} {
		if got, err := value.ParseDate(text); err != nil || got.Format(time.DateOnly) != want {
			t.Errorf("%q is %s, want %s: %v", text, got, want, err)
		}
	}
}

func TestDaysBeginInATimeZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone files here: %v", err)
	}
	// The clocks go back in this night: the day has 25 hours.
	evening := time.Date(2026, 10, 24, 23, 30, 0, 0, berlin)
	if got := value.NextDay(evening, berlin).Sub(evening); got != 30*time.Minute {
		t.Errorf("the next day begins %s later", got)
	}
	if got := value.NextDay(evening.Add(time.Hour), berlin).Sub(value.StartOfDay(evening.Add(time.Hour), berlin)); got != 25*time.Hour {
		t.Errorf("the day has %s", got)
	}
	if got := value.DaysBetween(evening, evening.Add(26*time.Hour), berlin); got != 2 {
		t.Errorf("%d days", got)
	}
	if got := value.DaysBetween(evening.Add(time.Hour), evening, berlin); got != -1 {
		t.Errorf("%d days", got)
	}
}

func TestEarliest(t *testing.T) {
	first, second := at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z")
	if got := value.Earliest(time.Time{}, second, first, time.Time{}); !got.Equal(first) {
		t.Errorf("got %s", got)
	}
	if got := value.Earliest(time.Time{}); !got.IsZero() {
		t.Errorf("never is %s", got)
	}
}
