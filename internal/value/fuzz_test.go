package value_test

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// decimalText is what a decimal number looks like.
var decimalText = regexp.MustCompile(`^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+))?$`)

// exactly computes the number that a text stands for. An exponent beyond 1000 is cut: its number is 0, or far too large.
func exactly(text string) (*big.Rat, bool) {
	m := decimalText.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return nil, false
	}
	exponent, _ := new(big.Int).SetString(m[2], 10)
	if exponent == nil {
		return r, true
	}
	n := int64(1000)
	if exponent.IsInt64() {
		n = min(max(exponent.Int64(), -n), n)
	} else if exponent.Sign() < 0 {
		n = -n
	}
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(max(n, -n)), nil))
	if n < 0 {
		return r.Quo(r, power), true
	}
	return r.Mul(r, power), true
}

// FuzzDecimal checks that a number is read exactly as arithmetic without limits reads it, rounded once: a score must not
// depend on how a source writes a number. What is refused is no number, or too large a one, and what is read is written
// so that it reads as the same number.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "120000", "+7", " 7\t", ".5", "5.", ".", "", "-", "1.2.3", "0.0000005", "-0.0000005", "0.00000049999999999999999999", "2.675",
		"999999999999.999999", "999999999999.9999994", "1000000000000", "1e12", "1e11", "1e-6", "5e-7", "1.5E+3", "0e7", "1e100", "1e101", "1e-100",
		"1e-101", "0e18700000000000000000+", "1e", "e5", "1e5e5", "1e2.5", "010", "0x10", "0b1", "0o7", "1_000", "1/2", "NaN", "Inf", "5%", "1e+-5",
		"0." + strings.Repeat("0", 62), strings.Repeat("9", 64), "1" + strings.Repeat("0", 56) + "e-50", "\u00a01\u00a0", "１",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := value.ParseDecimal(text)
		trimmed := strings.TrimSpace(text)
		exact, isNumber := exactly(trimmed)
		if !isNumber || len(trimmed) > 64 {
			if !errors.Is(err, value.ErrNotANumber) {
				t.Fatalf("%q is read as %s, %v; it is no number", text, d, err)
			}
			return
		}
		want := exact.FloatString(6) // rounds half away from zero
		if whole, _, _ := strings.Cut(strings.TrimLeft(want, "-"), "."); len(whole) > 12 {
			if !errors.Is(err, value.ErrNumberTooLarge) {
				t.Fatalf("%q is read as %s, %v; it is too large", text, d, err)
			}
			return
		}
		want = strings.TrimSuffix(strings.TrimRight(want, "0"), ".")
		if want == "-0" {
			want = "0"
		}
		if err != nil || d.String() != want {
			t.Fatalf("%q is read as %s, %v; want %s", text, d, err, want)
		}
		if again, err := value.ParseDecimal(d.String()); err != nil || again != d {
			t.Fatalf("%q is read as %s, which is read as %s, %v", text, d, again, err)
		}
		if n, err := strconv.ParseFloat(want, 64); int64(d) < 1<<53 && int64(d) > -1<<53 && (err != nil || n != d.Float64()) {
			t.Fatalf("%q is the float %v, want %v", text, d.Float64(), n)
		}
	})
}

// FuzzDecimalFromFloat checks that a float, which is what an expression computes with, becomes the decimal that its shortest
// text is read as, and that a decimal of up to nine digits before the point comes back from a float as what it was.
func FuzzDecimalFromFloat(f *testing.F) {
	for _, n := range []float64{
		0, math.Copysign(0, -1), 0.1, 0.1 + 0.2, 2.675, 5e-7, 4.9999999999999998e-7, -5e-7, 1.0000005, 1.0000015, 9007199254.740991, 9007199254.740992, -9007199254.740993, 999999999999.9999, 999999999999.99999,
		1e12, -1e12, 999999999999, 1e300, 5e-324, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 0.5, 1 << 53, 4503599627.3704965, 251799813.68524849, 1.0000004999999999, 8796093.0222075,
	} {
		f.Add(n, int64(n*1e6))
	}
	f.Fuzz(func(t *testing.T, n float64, units int64) {
		d, ok := value.DecimalFromFloat(n)
		want, err := value.ParseDecimal(strconv.FormatFloat(n, 'g', -1, 64))
		if d != want || ok != (err == nil) {
			t.Fatalf("%v is %s, %t; want %s, %v", n, d, ok, want, err)
		}
		if units > -1e15 && units < 1e15 {
			if again, ok := value.DecimalFromFloat(value.Decimal(units).Float64()); !ok || int64(again) != units {
				t.Fatalf("%d millionths are %v, which are %d", units, value.Decimal(units).Float64(), int64(again))
			}
		}
	})
}

// durationText is what a duration in the Prometheus format looks like.
var durationText = regexp.MustCompile(`^(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?$`)

// added returns the sum of a duration's parts, computed without limits; nil where the text is no duration.
func added(text string) *big.Int {
	m := durationText.FindStringSubmatch(text)
	if m == nil || text == "" {
		return nil
	}
	units := []time.Duration{365 * value.Day, 7 * value.Day, value.Day, time.Hour, time.Minute, time.Second, time.Millisecond}
	sum := new(big.Int)
	for i, unit := range units {
		if n, ok := new(big.Int).SetString(m[i+1], 10); ok {
			sum.Add(sum, n.Mul(n, big.NewInt(int64(unit))))
		}
	}
	return sum
}

// FuzzDuration checks that a duration is the sum of its parts, that nothing else is one, that one that is too long for the
// clock is refused and not wrapped around, that Prometheus reads the same text as the same time, and that a duration which
// is written, as a status does, is read as what it was.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{
		"", "0", "0s", "00d", "30s", "36h", "90d", "12w", "1w2d", "1y", "1y2w3d4h5m6s7ms", "500ms", "1d500ms", "1h1d", "1h1h", "-1h", "+1h", "1.5h", "5", "d", "1 h", "1H",
		"292y", "293y", "106751d", "106752d", "9223372036s", "9223372037s", "9223372036854ms", "18446744073709551615ms", "18446744073709551616s", "99999999999999999999y", "1m1ms", "1sm", "١d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := value.ParseDuration(v1alpha1.Duration(text))
		want := added(text)
		switch {
		case text == "" || text == "0":
			want = new(big.Int)
		case want != nil && !want.IsInt64():
			want = nil
		}
		if (err == nil) != (want != nil) || want != nil && int64(d) != want.Int64() {
			t.Fatalf("%q is read as %s, %v; want %v", text, d, err, want)
		}
		if theirs, theirErr := model.ParseDuration(text); err == nil && theirErr == nil && time.Duration(theirs) != d {
			t.Fatalf("%q is read as %s, and by Prometheus as %s", text, d, theirs)
		}
		otherwise := value.DurationOr(v1alpha1.Duration(text), -1)
		if unset := err != nil || text == ""; unset != (otherwise == -1) || !unset && otherwise != d {
			t.Fatalf("%q is read as %s, or as %s", text, d, otherwise)
		}
		if err != nil {
			if d != 0 || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: %s and %q", text, d, err)
			}
			return
		}
		written := value.FormatDuration(d)
		if again, err := value.ParseDuration(written); err != nil || again != d.Truncate(time.Second) {
			t.Fatalf("%q is written %s, which is read as %s, %v; want %s", text, written, again, err, d.Truncate(time.Second))
		}
	})
}

// FuzzDate checks that a date is the day that its text begins with, whatever time and zone follow: a renewal must not move
// by a day because a tool wrote a time behind it. The midnight of the date in a time zone is on that day.
func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"2027-02-01", "2027-02-01T00:00:00Z", "2027-02-01T23:59:59.999999999-08:00", "2028-02-29", "2027-02-29", "2026-09-06", "2026-03-08", "2026-04-24", "0000-01-01", "0001-01-01", "9999-12-31",
		"2027-13-01", "2027-00-10", "2027-02-00", "2027-2-1", "27-02-01", " 2027-02-01", "2027-02-01 ", "2027-02-01x", "2027/02/01", "", "2011-12-30", "2027-02-0١", "+2027-02-0",
	} {
		for zone := range 7 {
			f.Add(s, uint8(zone))
		}
	}
	f.Fuzz(func(t *testing.T, text string, zone uint8) {
		day, err := value.ParseDate(v1alpha1.Date(text))
		location := zoneOf(t, zone)
		if local, localErr := value.ParseDateIn(v1alpha1.Date(text), location); (localErr == nil) != (err == nil) {
			t.Fatalf("%q is read as %s, %v, and in %s as %s, %v", text, day, err, location, local, localErr)
		}
		if err != nil {
			if _, wanted := time.Parse(time.DateOnly, text); wanted == nil {
				t.Fatalf("%q: %v", text, err)
			}
			if !day.IsZero() || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: %s and %q", text, day, err)
			}
			return
		}
		if day.Location() != time.UTC || !day.Equal(day.Truncate(value.Day)) || !strings.HasPrefix(text, day.Format(time.DateOnly)) {
			t.Fatalf("%q is read as %s", text, day)
		}
		if moment, err := time.Parse(time.RFC3339, text); err == nil && moment.Format(time.DateOnly) != day.Format(time.DateOnly) {
			t.Fatalf("%q is read as %s", text, day)
		}
		if again, err := value.ParseDate(v1alpha1.Date(day.Format(time.DateOnly))); err != nil || !again.Equal(day) {
			t.Fatalf("%q is read as %s, which is read as %s, %v", text, day, again, err)
		}
		local, _ := value.ParseDateIn(v1alpha1.Date(text), location)
		if local.Format(time.DateOnly) != day.Format(time.DateOnly) && !skipsDay(location, day) {
			t.Fatalf("%q is read as %s in %s", text, local, location)
		}
	})
}

// zones are time zones whose clocks change at night, by half an hour or two hours, at midnight, and by a whole day.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Kiritimati",
	"America/Santiago", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Asia/Amman", "Pacific/Apia", "America/Sao_Paulo", "Atlantic/Azores", "Asia/Tehran",
}

// locations are the zones, read once.
var locations = sync.OnceValues(func() ([]*time.Location, error) {
	var all []*time.Location
	for _, zone := range zones {
		location, err := time.LoadLocation(zone)
		if err != nil {
			return nil, err
		}
		all = append(all, location)
	}
	return all, nil
})

func zoneOf(t *testing.T, n uint8) *time.Location {
	t.Helper()
	all, err := locations()
	if err != nil {
		t.Skipf("no time zone files here: %v", err)
	}
	return all[int(n)%len(all)]
}

// skipsDay reports whether the calendar of a time zone leaves a day out, as that of Samoa did with the 30th of December 2011.
func skipsDay(location *time.Location, day time.Time) bool {
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, location)
	return noon.Day() != day.Day()
}

// FuzzDays checks the calendar of a time zone: a day begins before or at each of its moments and ends behind it, so that
// who waits for the next day does not wait for ever and not at all; the days between two moments are as many as the
// midnights that lie between them.
func FuzzDays(f *testing.F) {
	for _, s := range []string{
		"2026-11-01T11:00:00Z", "2026-09-06T03:59:59Z", "2026-09-06T04:00:00Z", "2026-03-08T04:59:59Z", "2026-11-01T04:30:00Z", "2026-04-23T22:00:00Z", "2026-03-28T22:30:00Z",
		"2021-10-28T21:30:00Z", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z", "2018-11-04T02:59:59Z", "2026-10-25T00:59:59Z", "1970-01-01T00:00:00Z", "2026-03-29T01:00:00Z",
	} {
		for zone := range 7 {
			f.Add(at(s).Unix(), int32(12345*zone), uint8(zone))
		}
	}
	f.Fuzz(func(t *testing.T, seconds int64, later int32, zone uint8) {
		location := zoneOf(t, zone)
		const from, span = -62_000_000_000, 300_000_000_000 // the years 5 to 9500 or so
		moment := time.Unix(from+int64(uint64(seconds-from)%span), 0)
		start, next := value.StartOfDay(moment, location), value.NextDay(moment, location)
		date := moment.In(location).Format(time.DateOnly)
		if start.After(moment) || start.Format(time.DateOnly) != date {
			t.Fatalf("%s: the day begins at %s", moment.In(location), start)
		}
		if !next.After(moment) || next.Format(time.DateOnly) <= date {
			t.Fatalf("%s: the next day begins at %s", moment.In(location), next)
		}
		if last := next.Add(-1); last.Format(time.DateOnly) != date || start.Add(-1).Format(time.DateOnly) >= date {
			t.Fatalf("%s: the day is from %s to %s", moment.In(location), start, last)
		}
		if again := value.StartOfDay(next, location); !again.Equal(next) || !value.StartOfDay(start, location).Equal(start) {
			t.Fatalf("%s: the next day begins at %s, and at %s", moment.In(location), next, again)
		}
		other := moment.Add(time.Duration(later) * time.Second)
		there, back := value.DaysBetween(moment, other, location), value.DaysBetween(other, moment, location)
		if there != -back || there != value.DaysBetween(start, value.StartOfDay(other, location), location) {
			t.Fatalf("from %s to %s there are %d days, and %d back", moment.In(location), other.In(location), there, back)
		}
		if between := value.DaysBetween(moment, next, location); between != 1 && !skipsDay(location, at(date+"T00:00:00Z").AddDate(0, 0, 1)) {
			t.Fatalf("from %s to %s there are %d days", moment.In(location), next, between)
		}
	})
}

// FuzzTime checks that a time is read as the standard library reads it, is a time that a status can hold, in UTC and in
// the years 1 to 9999, and is written so that it reads as the same second. The error never holds the text.
func FuzzTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-01", "2026-11-01T09:30:00Z", "2026-11-01T09:30:00+02:00", "2026-11-01T09:30:00.000+0200", "2026-11-01 09:30:00", "2026-11-01 09:30:00.25+00:00", "2026-11-01T09:30:00.999999999", " 2026-11-01\n",
		"2026-11-01T00:00:00.5Z", "2026-11-01T00:30:00Z", "2026-11-01T00:00:30+00:00", "2026-11-01T09:30:00,5Z", "2026-02-30", "03-04-2026", "2026-11-01T24:00:00Z", "2026-11-01T09:60:00Z", "0000-12-31", "0001-01-01", "9999-12-31T23:59:59Z",
		"0000-12-31T23:00:00-02:00", "2026-11-01T09:30:00-23:59", "2026-11-01 09:30:00 UTC", "", "0", "2026-11-01T09:30:00z", "2026-11-01T9:30:00Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := value.ParseTime(text)
		theirs, theirErr := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			if !errors.Is(err, value.ErrNotATime) || !at.IsZero() {
				t.Fatalf("%q: %s and %v", text, at, err)
			}
			if theirErr == nil && theirs.UTC().Year() >= 1 && theirs.UTC().Year() <= 9999 && theirs.Year() >= 1 && theirs.Year() <= 9999 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if theirErr == nil && !theirs.Equal(at) {
			t.Fatalf("%q is read as %s, want %s", text, at, theirs)
		}
		if at.Location() != time.UTC || at.Year() < 1 || at.Year() > 9999 {
			t.Fatalf("%q is read as %s", text, at)
		}
		written := value.FormatTime(at)
		if again, err := value.ParseTime(written); err != nil || !again.Equal(at.Truncate(time.Second)) {
			t.Fatalf("%q is written %s, which is read as %s, %v", text, written, again, err)
		}
	})
}

// FuzzValue checks that a value of any type is written so that it reads as the same value: a status holds the text, and
// the value is made of it again. Texts and categories have a bounded length, and a character is never cut in two.
func FuzzValue(f *testing.F) {
	for i, s := range []string{
		"4.50", "many", " Good ", "", "2026-11-01", "2026-11-01T09:30:00.25+02:00", strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("é", 64), strings.Repeat("é", 2048), "x" + strings.Repeat("é", 2048),
		strings.Repeat("x", 4096), strings.Repeat("x", 4097), strings.Repeat("x", 4094) + "😀", strings.Repeat("\x80", 5000), "\xff", "a\x00b", "\u00a0x\u2003",
	} {
		for kind := range uint8(5) {
			f.Add(kind+uint8(i), s)
		}
	}
	kinds := []v1alpha1.MetricType{v1alpha1.MetricNumber, v1alpha1.MetricCategory, v1alpha1.MetricText, v1alpha1.MetricTime, ""}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		kind := kinds[int(n)%len(kinds)]
		v, err := value.Parse(kind, text)
		if err != nil {
			if strings.Contains(err.Error(), text) && !strings.Contains("longer than 128 bytes", text) && len(text) > 12 {
				t.Fatalf("%q: the error holds it: %v", text, err)
			}
			return
		}
		if v.Type != kind || !v.Equal(v) || len(v.Text) > value.MaxTextLength || kind == v1alpha1.MetricCategory && len(v.Text) > value.MaxCategoryLength {
			t.Fatalf("%s %q is read as %+v", kind, text, v)
		}
		if kind == v1alpha1.MetricCategory && v.Text != strings.TrimSpace(text) {
			t.Fatalf("%q is the category %q", text, v.Text)
		}
		if v.Text != "" && (!strings.Contains(text, v.Text) || utf8.ValidString(text) && !utf8.ValidString(v.Text)) {
			t.Fatalf("%s %q is read as %q", kind, text, v.Text)
		}
		if kind == v1alpha1.MetricText && utf8.ValidString(text) && len(v.Text) < min(len(text), value.MaxTextLength-utf8.UTFMax+1) {
			t.Fatalf("%q is cut to %d bytes", text, len(v.Text))
		}
		v.Time = v.Time.Truncate(time.Second)
		if again, err := value.Parse(kind, v.String()); err != nil || !again.Equal(v) {
			t.Fatalf("%s %q is read as %s, which is read as %s, %v", kind, text, v, again, err)
		}
	})
}
