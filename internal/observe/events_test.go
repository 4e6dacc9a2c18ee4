package observe_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// surveys is a source of answers that say when they were given.
func surveys(changes ...func(*v1alpha1.DataSource)) *v1alpha1.DataSource {
	ds := newSource(number("nps"), v1alpha1.Metric{Name: "said", Type: v1alpha1.MetricText})
	ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"}
	for _, change := range changes {
		change(ds)
	}
	return ds
}

// showEvents writes events for a comparison: "09:00 nps=3 said=slow".
func showEvents(events []value.Event) []string {
	lines := []string{}
	for _, e := range events {
		line := e.Time.Format("01-02 15:04:05")
		for _, metric := range slices.Sorted(maps.Keys(e.Values)) {
			line += fmt.Sprintf(" %s=%s", metric, e.Values[metric])
		}
		lines = append(lines, line)
	}
	return lines
}

func TestEventsAreTheRowsThatSayWhen(t *testing.T) {
	tests := map[string]struct {
		rows []string
		ids  []string
		want []string
	}{
		"the oldest comes first, whatever the order of the source": {
			rows: []string{"acme | 2026-10-31T09:00:00Z | 3 | slow", "acme | 2026-10-30 | 9 | fine", "acme | 2026-10-31T08:59:59Z | 0 | -"},
			want: []string{"10-30 00:00:00 nps=9 said=fine", "10-31 08:59:59 nps=0", "10-31 09:00:00 nps=3 said=slow"},
		},
		"those of one second keep the order of the source": {
			rows: []string{"acme | 2026-10-31T09:00:00.9Z | 3 | b", "acme | 2026-10-31T09:00:00.1Z | 4 | a"},
			want: []string{"10-31 09:00:00 nps=3 said=b", "10-31 09:00:00 nps=4 said=a"},
		},
		"a time of another zone is the same moment in UTC": {
			rows: []string{"acme | 2026-10-31T09:00:00+09:00 | 3 | -"}, want: []string{"10-31 00:00:00 nps=3"},
		},
		"one that lies ahead stays where it is": {
			rows: []string{"acme | 2027-01-01T00:00:00Z | 3 | -"}, want: []string{"01-01 00:00:00 nps=3"},
		},
		"a row without a time is none": {rows: []string{"acme | - | 3 | -"}, want: []string{}},
		"a row whose time cannot be read is none": {
			rows: []string{"acme | soon | 3 | -", "acme | 2026-10-31 | 4 | -"}, want: []string{"10-31 00:00:00 nps=4"},
		},
		"a value that is not there or cannot be read is left out": {
			rows: []string{"acme | 2026-10-30 | - | a", "acme | 2026-10-31 | many | b"},
			want: []string{"10-30 00:00:00 said=a", "10-31 00:00:00 said=b"},
		},
		"rows of other accounts do not count": {rows: []string{"bolt | 2026-10-31 | 3 | -"}, want: []string{}},
		"rows of all ids of an account count, each id once": {
			rows: []string{"a | 2026-10-31 | 1 | -", "b | 2026-10-30 | 2 | -"}, ids: []string{"a", "b", "a"},
			want: []string{"10-30 00:00:00 nps=2", "10-31 00:00:00 nps=1"},
		},
		"an account without ids has none": {rows: []string{"acme | 2026-10-31 | 3 | -"}, ids: []string{}, want: []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			snapshot := ingest(t, surveys(), table(append([]string{"org | at | nps | said"}, test.rows...)...))
			ids := test.ids
			if ids == nil {
				ids = []string{"acme"}
			}
			if diff := cmp.Diff(test.want, showEvents(snapshot.Events(ids))); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
			again := snapshot.ReadAt(readTime.Add(time.Hour))
			if diff := cmp.Diff(test.want, showEvents(again.Events(ids))); diff != "" {
				t.Errorf("events of the same rows read later differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsOfTheStore(t *testing.T) {
	const known, unknown = "known 10-31 00:00:00 nps=3", "unknown"
	read := func(t *testing.T, ds *v1alpha1.DataSource) *observe.Snapshot {
		return ingest(t, ds, table("org | at | nps | said", "acme | 2026-10-31 | 3 | -", "org_1 | 2026-10-30 | 9 | -"))
	}
	accept := func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Accept(usage, ds, read(t, ds)) }
	tests := map[string]struct {
		happens func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource)
		account *v1alpha1.Account
		want    string
	}{
		"before the source was read nothing is known": {
			func(*testing.T, *observe.Store, *v1alpha1.DataSource) {}, account("acme"), unknown,
		},
		"after a read they are known": {accept, account("acme"), known},
		"of an account without a row it is known that there are none": {
			accept, account("bolt"), "known",
		},
		"with a scheme, the account's ids of that scheme count": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				ds.Spec.Account.ExternalID = "product"
				accept(t, s, ds)
			}, account("acme", "org_1"), "known 10-30 00:00:00 nps=9",
		},
		"during an outage nothing is known, though the rows are in memory": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				accept(t, s, ds)
				s.Fail(usage, ds)
			}, account("acme"), unknown,
		},
		"after an outage they are known again": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Fail(usage, ds)
				accept(t, s, ds)
			}, account("acme"), known,
		},
		"those of a suspended source stand": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				accept(t, s, ds)
				s.Suspend(usage, ds)
			}, account("acme"), known,
		},
		"of a source suspended since start nothing is known": {
			func(_ *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Suspend(usage, ds) }, account("acme"), unknown,
		},
		"of a deleted source nothing is known": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				accept(t, s, ds)
				s.Forget(usage)
			}, account("acme"), unknown,
		},
		"of a source whose rows say no time nothing is known": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				ds.Spec.ObservedTime = nil
				accept(t, s, ds)
			}, account("acme"), unknown,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds, store := surveys(), observe.NewStore()
			ds.Spec.MaxAge = "7d"
			test.happens(t, store, ds)
			events := store.Events("success", test.account, "usage")
			got := unknown
			if events.Known {
				got = strings.TrimSpace("known " + strings.Join(showEvents(events.Rows), ", "))
				if events.MaxAge != 7*24*time.Hour {
					t.Errorf("maxAge is %s", events.MaxAge)
				}
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if !events.Known && len(events.Rows) > 0 {
				t.Errorf("unknown, with rows %v", showEvents(events.Rows))
			}
			if other := store.Events("elsewhere", test.account, "usage"); other.Known {
				t.Error("known in another namespace")
			}
		})
	}
}
