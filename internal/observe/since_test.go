package observe_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// api is a source that asks an API for what is new, and keeps a day of it.
func api(changes ...func(*v1alpha1.DataSource)) *v1alpha1.DataSource {
	ds := surveys(func(ds *v1alpha1.DataSource) {
		ds.Spec.ConfigMap = nil
		ds.Spec.HTTP = &v1alpha1.HTTPSource{URL: "https://api.example.com/answers?since=${since}", Since: &v1alpha1.Since{Window: "1d"}}
	})
	for _, change := range changes {
		change(ds)
	}
	return ds
}

// answersRead makes a read of rows "org | at | nps | said"; since is zero for a read of everything.
func answersRead(t *testing.T, ds *v1alpha1.DataSource, at, since time.Time, rows ...string) *observe.Snapshot {
	t.Helper()
	content := table(append([]string{"org | at | nps | said"}, rows...)...)
	content.Since = since
	s, err := observe.Ingest(ds, content, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSinceLast(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.DataSource)
		// later is the spec that is read by after the last read.
		later  func(*v1alpha1.DataSource)
		unread bool
		want   time.Time
	}{
		"the last read, less ten minutes": {want: readTime.Add(-10 * time.Minute)},
		"the last read, less the overlap": {
			change: func(ds *v1alpha1.DataSource) { ds.Spec.HTTP.Since.Overlap = "2h" }, want: readTime.Add(-2 * time.Hour),
		},
		"the last read where the overlap is nothing": {
			change: func(ds *v1alpha1.DataSource) { ds.Spec.HTTP.Since.Overlap = "0s" }, want: readTime,
		},
		"everything where nothing is in memory":          {unread: true},
		"everything where the source does not ask so":    {change: func(ds *v1alpha1.DataSource) { ds.Spec.HTTP.Since = nil }},
		"everything of a source that is no API":          {change: func(ds *v1alpha1.DataSource) { ds.Spec.HTTP = nil }},
		"everything where another spec was read by last": {later: func(ds *v1alpha1.DataSource) { ds.Generation++ }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := api()
			if test.change != nil {
				test.change(ds)
			}
			last := answersRead(t, ds, readTime, time.Time{})
			if test.unread {
				last = nil
			}
			if test.later != nil {
				test.later(ds)
			}
			if got := observe.SinceLast(ds, last); !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	// The read before was at 09:00. This one is at 09:05, and asks from 08:50 on.
	now, since := readTime.Add(5*time.Minute), readTime.Add(-10*time.Minute)
	tests := map[string]struct {
		last, news []string
		want       []string
		keys       string
	}{
		"what is new joins what is there": {
			last: []string{"acme | 2026-11-01T08:00:00Z | 1 | a"}, news: []string{"acme | 2026-11-01T09:01:00Z | 2 | b"},
			want: []string{"11-01 08:00:00 nps=1 said=a", "11-01 09:01:00 nps=2 said=b"}, keys: "acme",
		},
		"nothing new leaves what is there": {
			last: []string{"acme | 2026-11-01T08:00:00Z | 1 | a"}, want: []string{"11-01 08:00:00 nps=1 said=a"}, keys: "acme",
		},
		"an account that has nothing new keeps what it has": {
			last: []string{"acme | 2026-11-01T08:00:00Z | 1 | a"}, news: []string{"bolt | 2026-11-01T09:01:00Z | 2 | b"},
			want: []string{"11-01 08:00:00 nps=1 said=a"}, keys: "acme, bolt",
		},
		"what is given again is there once": {
			last: []string{"acme | 2026-11-01T08:55:00Z | 1 | a"}, news: []string{"acme | 2026-11-01T08:55:00Z | 1 | a"},
			want: []string{"11-01 08:55:00 nps=1 said=a"}, keys: "acme",
		},
		"an old row that changed replaces what it was": {
			last: []string{"acme | 2026-11-01T07:00:00Z | 1 | a", "acme | 2026-11-01T08:00:00Z | 2 | b"},
			news: []string{"acme | 2026-11-01T07:00:00Z | 9 | better"},
			want: []string{"11-01 07:00:00 nps=9 said=better", "11-01 08:00:00 nps=2 said=b"}, keys: "acme",
		},
		"a row of the same moment of another account stays": {
			last: []string{"acme | 2026-11-01T07:00:00Z | 1 | a"}, news: []string{"bolt | 2026-11-01T07:00:00Z | 9 | c"},
			want: []string{"11-01 07:00:00 nps=1 said=a"}, keys: "acme, bolt",
		},
		"a row from the time asked for that is not given again is gone": {
			last: []string{"acme | 2026-11-01T08:00:00Z | 1 | a", "acme | 2026-11-01T08:50:01Z | 2 | b"},
			want: []string{"11-01 08:00:00 nps=1 said=a"}, keys: "acme",
		},
		"a row of the very second asked from stays: a source may give only what comes after it": {
			last: []string{"acme | 2026-11-01T08:50:00Z | 1 | a", "acme | 2026-11-01T08:50:00.7Z | 2 | b"},
			want: []string{"11-01 08:50:00 nps=1 said=a", "11-01 08:50:00 nps=2 said=b"}, keys: "acme",
		},
		"a row as old as the window stays, and one older is gone": {
			last: []string{"acme | 2026-10-31T09:05:00Z | 1 | a", "acme | 2026-10-31T09:04:59Z | 2 | b"},
			want: []string{"10-31 09:05:00 nps=1 said=a"}, keys: "acme",
		},
		"an account all of whose rows are too old has none": {
			last: []string{"acme | 2026-10-31T09:00:00Z | 1 | a"}, want: []string{}, keys: "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := api()
			last, news := answersRead(t, ds, readTime, time.Time{}, test.last...), answersRead(t, ds, now, since, test.news...)
			merged, err := observe.Merge(ds, last, news, observe.Dependencies{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, showEvents(merged.Events([]string{"acme"}))); diff != "" {
				t.Errorf("rows differ (-want +got):\n%s", diff)
			}
			rows := 0
			for _, key := range merged.Keys() {
				rows += merged.KeyRows(key)
			}
			if got := strings.Join(merged.Keys(), ", "); got != test.keys || merged.Rows() != rows || !merged.ReadTime().Equal(now) {
				t.Errorf("keys %q, want %q; %d rows, want %d; read at %s", got, test.keys, merged.Rows(), rows, merged.ReadTime())
			}
			if len(last.Events([]string{"acme"})) != len(test.last) || news.Rows() != len(test.news) {
				t.Error("the reads that were merged have changed")
			}
		})
	}
}

func TestMergeAgainAndAgainGivesWhatOneReadGives(t *testing.T) {
	ds := api()
	var all []string
	at := func(minutes int) time.Time { return readTime.Add(time.Duration(minutes) * time.Minute) }
	merged := answersRead(t, ds, readTime, time.Time{})
	for minute := 7; minute <= 3000; minute += 7 {
		now := at(minute)
		all = append(all, fmt.Sprintf("acme | %s | %d | -", now.Add(-time.Minute).Format(time.RFC3339), minute%11))
		since := observe.SinceLast(ds, merged)
		var given []string
		for _, line := range all {
			if written := strings.Split(line, " | ")[1]; written >= since.Format(time.RFC3339) {
				given = append(given, line)
			}
		}
		var err error
		if merged, err = observe.Merge(ds, merged, answersRead(t, ds, now, since, given...), observe.Dependencies{}); err != nil {
			t.Fatal(err)
		}
		var within []string
		for _, line := range all {
			if written := strings.Split(line, " | ")[1]; written >= now.Add(-24*time.Hour).Format(time.RFC3339) {
				within = append(within, line)
			}
		}
		if changed := observe.Changed(answersRead(t, ds, now, time.Time{}, within...), merged); len(changed) > 0 {
			t.Fatalf("after %d minutes the rows are %v", minute, showEvents(merged.Events([]string{"acme"})))
		}
	}
}

func TestMergeIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := map[string]struct {
		deps observe.Dependencies
		want string
	}{
		"by rows": {
			observe.Dependencies{MaxRows: 2}, "spec.http.since.window: more than 2 rows within it; shorten it, or raise the operator's --max-rows",
		},
		"by bytes": {
			observe.Dependencies{MaxBytes: 250}, "spec.http.since.window: more than 250 bytes within it; shorten it, or raise the operator's --max-bytes",
		},
		"and takes what is just within": {observe.Dependencies{MaxRows: 3, MaxBytes: 300}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := api()
			last := answersRead(t, ds, readTime, time.Time{}, "acme | 2026-11-01T07:00:00Z | 1 | "+long, "bolt | 2026-11-01T08:00:00Z | 1 | "+long)
			news := answersRead(t, ds, readTime.Add(5*time.Minute), readTime.Add(-10*time.Minute), "acme | 2026-11-01T09:00:00Z | 1 | "+long)
			_, err := observe.Merge(ds, last, news, test.deps)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, new(*observe.Error)) {
				t.Fatalf("got %v", err)
			}
			wantError(t, err, v1alpha1.ReasonReadFailed, test.want)
		})
	}
}
