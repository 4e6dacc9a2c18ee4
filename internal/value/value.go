package value

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// MaxCategoryLength is the longest category, in bytes, that is read.
const MaxCategoryLength = 128

// MaxTextLength is the longest text, in bytes, that is kept; a longer one is cut.
const MaxTextLength = 4096

// ErrCategoryTooLong is for a category of more than MaxCategoryLength bytes. It never holds the text.
var ErrCategoryTooLong = errors.New("longer than 128 bytes; a longer text is a metric of type Text")

// Value is one typed value. Only the field that goes with its Type is set.
type Value struct {
	// Type of the value.
	Type v1alpha1.MetricType
	// Number is the value of a Number.
	Number Decimal
	// Text is the value of a Category or Text.
	Text string
	// Time is the value of a Time, in UTC.
	Time time.Time
}

// Parse reads a value of a type from text. Its errors never hold the text.
func Parse(t v1alpha1.MetricType, text string) (Value, error) {
	v := Value{Type: t}
	var err error
	switch t {
	case v1alpha1.MetricNumber:
		v.Number, err = ParseDecimal(text)
	case v1alpha1.MetricTime:
		v.Time, err = ParseTime(text)
	case v1alpha1.MetricCategory:
		v.Text = strings.TrimSpace(text)
		if len(v.Text) > MaxCategoryLength {
			err = ErrCategoryTooLong
		}
	default:
		v.Text = cut(text, MaxTextLength)
	}
	return v, err
}

// cut shortens text to a number of bytes without breaking a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// Number returns a Value of type Number.
func Number(d Decimal) Value { return Value{Type: v1alpha1.MetricNumber, Number: d} }

// Category returns a Value of type Category.
func Category(s string) Value { return Value{Type: v1alpha1.MetricCategory, Text: s} }

// String writes the value as a status shows it.
func (v Value) String() string {
	switch v.Type {
	case v1alpha1.MetricNumber:
		return v.Number.String()
	case v1alpha1.MetricTime:
		return FormatTime(v.Time)
	default:
		return v.Text
	}
}

// Equal reports whether two values are the same.
func (v Value) Equal(other Value) bool {
	return v.Type == other.Type && v.Number == other.Number && v.Text == other.Text && v.Time.Equal(other.Time)
}

// Observation is what is known of one metric of one account.
type Observation struct {
	// Type is the metric's declared type, also where there is no value.
	Type v1alpha1.MetricType
	// Value is the latest value; nil where there is none, or where it is not in memory (Errored after a restart).
	Value *Value
	// State is Fresh where the source was read and has a value, Missing where it has none, Errored where it cannot be
	// read now. Stale is not set here: whoever uses the observation compares ObservedTime with the age it accepts.
	State v1alpha1.ValueState
	// Unreadable means that the source has a value which is not of its type. The State is Missing then; where a last value
	// is remembered that one stands, as it does while a source cannot be read.
	Unreadable bool
	// Suspended means that the source is not read because its spec says so: that it has no new value says nothing. What was
	// last read of it stands; where nothing of it is in memory the State is Errored, and a value that is remembered is what
	// it was.
	Suspended bool
	// ObservedTime is when the value was true; zero where there is none.
	ObservedTime time.Time
	// MaxAge is the source's maxAge; 0 means that values never grow old.
	MaxAge time.Duration
}

// Facts are the observations of one account.
type Facts map[v1alpha1.MetricReference]Observation

// StateAt returns the observation's state at a moment, which is Stale for a Fresh value older than the source's maxAge
// or the given one (0: none), and the moment at which that state changes by itself; zero means never.
func (o Observation) StateAt(now time.Time, maxAge time.Duration) (v1alpha1.ValueState, time.Time) {
	age := o.MaxAge
	if maxAge > 0 && (age == 0 || maxAge < age) {
		age = maxAge
	}
	if o.State != v1alpha1.ValueFresh || age == 0 || o.ObservedTime.IsZero() {
		return o.State, time.Time{}
	}
	// A value is Stale once it is older than maxAge, so it is Fresh at that very moment.
	staleFrom := o.ObservedTime.Add(age + time.Second)
	if now.Before(staleFrom) {
		return v1alpha1.ValueFresh, staleFrom
	}
	return v1alpha1.ValueStale, time.Time{}
}
