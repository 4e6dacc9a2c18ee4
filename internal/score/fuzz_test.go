package score

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// pointsText is how points are written, and pointsRead what is read as points.
var (
	pointsText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)\.([0-9]|[0-9]{1,2}[1-9])$`)
	pointsRead = regexp.MustCompile(`^[0-9]+(\.[0-9]{0,3})?$`)
)

// FuzzPoints checks that points are written with as few digits as say it all, and read as what they were: why a score
// moved is told from what an earlier status says. Text that is no points is 0.
func FuzzPoints(f *testing.F) {
	for i, s := range []string{"0.0", "0.001", "7.412", "22.0", "100.0", "", ".", "5", "5.", ".5", "1.2345", "1.x", "much", "1. 5", "2147483648.0", "2147483647.999", "00.50", "1e3", "١.5"} {
		f.Add([]int64{0, 1, 10, 100, 999, 1000, 7412, 22_000, 100_000, 2_147_483_647_999, -5, -6100}[i%12], s)
	}
	f.Fuzz(func(t *testing.T, n int64, s string) {
		n %= (1 << 31) * milli
		text := formatPoints(n)
		if !pointsText.MatchString(text) || formatPoints(-n) != strings.TrimPrefix("-"+text, "--") && n != 0 {
			t.Fatalf("%d is written %q, and %d %q", n, text, -n, formatPoints(-n))
		}
		if exact, err := strconv.ParseFloat(text, 64); err != nil || int64(exact*milli+0.5*float64(sign(n))) != n {
			t.Fatalf("%d is written %q", n, text)
		}
		if n >= 0 && parsePoints(text) != n {
			t.Fatalf("%d is written %q, which is read as %d", n, text, parsePoints(text))
		}
		if difference := formatDifference(n); difference != text && difference != "+"+text || (difference[0] == '-') != (n < 0) {
			t.Fatalf("a difference of %d is written %q", n, difference)
		}
		switch got := parsePoints(s); {
		case !pointsRead.MatchString(s):
			if got != 0 {
				t.Fatalf("%q is read as %d", s, got)
			}
		case got != 0:
			if again := parsePoints(formatPoints(got)); again != got {
				t.Fatalf("%q is read as %d, and then as %d", s, got, again)
			}
		}
	})
}

func sign(n int64) int {
	if n < 0 {
		return -1
	}
	return 1
}

// FuzzHistory checks the lines of a history, which people may have edited. A line is read only where this generation of
// the model wrote it, since it first did, and in order. What is written is read again, beside what was there before; there
// are never more lines than the limit, and one for a day.
func FuzzHistory(f *testing.F) {
	for i, s := range []string{
		"", "\n", "2026-10-30 80 Healthy enterprise/4\n2026-10-31 75 Healthy enterprise/4", "2026-11-01 80 Healthy enterprise/4", "2026-11-01 80 Healthy enterprise/3\n2026-11-01 70 AtRisk enterprise/4", "2026-10-31 many Healthy enterprise/4",
		"2026-10-31 80 enterprise/4", "2026-10-31 80", "enterprise/4", " enterprise/4", "2026-10-31  80 Healthy enterprise/4", "2026-10-31 -5 Healthy enterprise/4", "2026-10-31 99999999999 Healthy enterprise/4", "x 80 Healthy enterprise/4", "2026-10-31 80 Two words enterprise/4 enterprise/4",
		strings.Repeat("2026-09-01 80 Healthy enterprise/4\n", 40), "2026-10-31 80 Healthy other/4", "2026-10-31 80 Healthy other-enterprise/4",
	} {
		f.Add(s, int16(i*20-100), int32(i*7))
		f.Add(s, int16(0), int32(80))
	}
	f.Fuzz(func(t *testing.T, text string, later int16, score int32) {
		version, now := "enterprise/4", begin().AddDate(0, 0, int(later))
		since, history := begin().AddDate(0, 0, -30), strings.Split(text, "\n")
		points := pointsOf(history, version, since)
		i := 0
		for _, p := range points {
			found := slices.IndexFunc(history[i:], func(line string) bool {
				rest, ok := strings.CutPrefix(line, p.Day+" ")
				number, _, _ := strings.Cut(rest, " ")
				n, err := strconv.ParseInt(number, 10, 32)
				return ok && err == nil && int32(n) == p.Score && strings.HasSuffix(line, " "+version)
			})
			if found < 0 || p.Day < since.Format(time.DateOnly) {
				t.Fatalf("%q is read as %+v", history, points)
			}
			i += found + 1
		}
		h := &v1alpha1.Health{Score: &score, Band: "AtRisk"}
		before := slices.Clone(history)
		after := recordScore(slices.Clone(history), now, h, version)
		day := now.Format(time.DateOnly)
		if len(after) > maxHistory || linesOf(day, after) != min(max(linesOf(day, before), 1), maxHistory) {
			t.Fatalf("%q becomes %q", before, after)
		}
		if kept := after[:len(after)-1]; len(kept) > 0 && !strings.HasSuffix(strings.Join(before, "\n"), strings.Join(kept, "\n")) && !strings.HasSuffix(strings.Join(before[:len(before)-1], "\n"), strings.Join(kept, "\n")) {
			t.Fatalf("%q becomes %q", before, after)
		}
		if day < since.Format(time.DateOnly) {
			return
		}
		again := pointsOf(after, version, since)
		if len(again) == 0 || again[len(again)-1] != (point{Day: day, Score: score}) {
			t.Fatalf("%q with %d on %s is read as %+v", before, score, day, again)
		}
	})
}

// linesOf counts the lines of a day at the end of a history.
func linesOf(day string, history []string) int {
	n := 0
	for n < len(history) && strings.HasPrefix(history[len(history)-1-n], day+" ") {
		n++
	}
	return n
}

// FuzzTrend checks that the moment at which a trend is to change by itself is the first at which it does: until just
// before it is what it was, from then on it is not. Who waits for that moment needs to look at no other.
func FuzzTrend(f *testing.F) {
	for _, seed := range []struct {
		scores string
		window uint16
	}{{"", 168}, {"\x50", 168}, {"\x50\x4b\x46", 24}, {"\x10\x60\x10\x60", 168}, {"\x50\x50\x50\x50\x50\x50\x50\x50\x50\x20", 72}, {"\x00\xff\x00\xff\x80", 36}, {"\x50\x4c\x48\x44\x40", 1}} {
		f.Add([]byte(seed.scores), seed.window, uint8(5), int8(70), uint16(9))
	}
	f.Fuzz(func(t *testing.T, scores []byte, window uint16, threshold uint8, score int8, hours uint16) {
		tr := trend{window: time.Duration(1+window%672) * time.Hour, threshold: 1 + int32(threshold%100)}
		day := begin().AddDate(0, 0, -60)
		var points []point
		for _, b := range scores[:min(len(scores), maxHistory)] {
			day = day.AddDate(0, 0, 1+int(b>>6)) // one line a day, and days without one
			points = append(points, point{Day: day.Format(time.DateOnly), Score: int32(b % 101)})
		}
		now := day.Add(time.Duration(hours%2000) * time.Hour)
		present, next := tr.at(points, int32(score), now)
		if len(points) == 0 && (present != v1alpha1.TrendStable || !next.IsZero()) {
			t.Fatalf("without points: %s until %s", present, next)
		}
		if next.IsZero() {
			for d := range 120 {
				if later, _ := tr.at(points, int32(score), now.Add(time.Duration(d)*12*time.Hour)); later != present {
					t.Fatalf("%+v of %v: %s for ever, but %s later", tr, points, present, later)
				}
			}
			return
		}
		if !next.After(now) {
			t.Fatalf("%+v of %v at %s: %s until %s", tr, points, now, present, next)
		}
		for _, moment := range []time.Time{now.Add(next.Sub(now) / 3), now.Add(next.Sub(now) / 3 * 2), next.Add(-1)} {
			if before, when := tr.at(points, int32(score), moment); before != present || !when.Equal(next) {
				t.Fatalf("%+v of %v at %s: %s until %s; at %s %s until %s", tr, points, now, present, next, moment, before, when)
			}
		}
		if after, _ := tr.at(points, int32(score), next); after == present {
			t.Fatalf("%+v of %v at %s: %s until %s, and after it", tr, points, now, present, next)
		}
	})
}
