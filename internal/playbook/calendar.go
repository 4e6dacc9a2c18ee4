package playbook

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// calendar reckons in days: when they begin, and on which of them people work.
type calendar struct {
	location *time.Location
	// weekend has a place for each day of the week, from Sunday on.
	weekend [7]bool
	// holidays as midnights in UTC.
	holidays map[time.Time]bool
}

// newCalendar reads a calendar; nil is Monday to Friday. Days begin in its own time zone, else in the one given. The errors
// name the fields below the path.
func newCalendar(spec *v1alpha1.WorkCalendar, otherwise *time.Location, path *field.Path) (calendar, field.ErrorList) {
	c := calendar{location: otherwise, holidays: map[time.Time]bool{}}
	if spec == nil {
		spec = &v1alpha1.WorkCalendar{}
	}
	var errs field.ErrorList
	if spec.TimeZone != "" {
		location, err := time.LoadLocation(spec.TimeZone)
		if err != nil || spec.TimeZone == "Local" {
			errs = append(errs, field.Invalid(path.Child("timeZone"), spec.TimeZone, "not a time zone: write one like Europe/Berlin"))
		} else {
			c.location = location
		}
	}
	weekend := spec.Weekend
	if len(weekend) == 0 {
		weekend = []v1alpha1.Weekday{"Saturday", "Sunday"}
	}
	for i, name := range weekend {
		day := weekday(name)
		if day < 0 {
			errs = append(errs, field.Invalid(path.Child("weekend").Index(i), name, "not a day of the week: write Saturday"))
			continue
		}
		c.weekend[day] = true
	}
	if !slices.Contains(c.weekend[:], false) {
		errs = append(errs, field.Invalid(path.Child("weekend"), field.OmitValueType{}, "leaves no day to work on"))
	}
	for i, written := range spec.Holidays {
		day, err := value.ParseDate(written)
		if err != nil {
			errs = append(errs, field.Invalid(path.Child("holidays").Index(i), field.OmitValueType{}, err.Error()))
			continue
		}
		c.holidays[day] = true
	}
	return c, errs
}

// weekday is the place of a day in the week, from Sunday on; -1 for what is none.
func weekday(name v1alpha1.Weekday) int {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if day.String() == string(name) {
			return int(day)
		}
	}
	return -1
}

// works reports whether people work on a day, given as a midnight in UTC.
func (c calendar) works(day time.Time) bool {
	return !c.weekend[day.Weekday()] && !c.holidays[day]
}

// workingDays returns the moment that is a number of working days after another one, at the same time of the day; before
// it where the number is negative. Days on which nobody works do not count: the first one after a Saturday is Monday.
func (c calendar) workingDays(from time.Time, n int) time.Time {
	if n == 0 {
		return from
	}
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	local := from.In(c.location)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	for range n {
		day = day.AddDate(0, 0, step)
		for !c.works(day) {
			day = day.AddDate(0, 0, step)
		}
	}
	if local.Equal(value.StartOfDay(local, c.location)) {
		return value.DayIn(day, c.location)
	}
	return c.timeOfDay(day, local)
}

// timeOfDay returns the moment of a day, given as a midnight in UTC, at which clocks show what they show at another one.
// Where the clocks are put forward over it, it is the first moment after.
func (c calendar) timeOfDay(day, like time.Time) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), like.Hour(), like.Minute(), like.Second(), like.Nanosecond(), c.location)
	wanted := time.Date(day.Year(), day.Month(), day.Day(), like.Hour(), like.Minute(), like.Second(), like.Nanosecond(), time.UTC)
	_, offset := t.Zone()
	begin, end := t.ZoneBounds()
	switch shown := t.Add(time.Duration(offset) * time.Second).UTC(); {
	case shown.After(wanted):
		return begin
	case shown.Before(wanted):
		return end
	}
	return t
}

// fromDay returns the moment that is some time after the first moment of a day, given as a midnight in UTC; before it
// where the time is negative. Whole days are days of the calendar: daylight saving moves no date.
func (c calendar) fromDay(day time.Time, d time.Duration) time.Time {
	return value.DayIn(day.AddDate(0, 0, int(d/value.Day)), c.location).Add(d % value.Day)
}

// after returns the moment that is some time after another one, in the days that count; before it where it is negative.
func (c calendar) after(from time.Time, d time.Duration, days v1alpha1.DayCount) time.Time {
	if days == v1alpha1.CountWorkingDays {
		return c.workingDays(from, int(d/value.Day))
	}
	return from.Add(d)
}
