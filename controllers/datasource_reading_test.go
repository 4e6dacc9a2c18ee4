package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

func TestASourceThatGivesTheSameIsNotWrittenAtEachRead(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(nil, "acme")
	first, _ := s.reconcile()
	second := s.later(30 * time.Minute)
	if s.database.reads != 2 || second.ResourceVersion != first.ResourceVersion {
		t.Errorf("%d reads, version %s after %s: want 2 and no write", s.database.reads, second.ResourceVersion, first.ResourceVersion)
	}
	third := s.later(31 * time.Minute)
	if s.database.reads != 3 || !third.Status.LastReadTime.Time.Equal(s.clock.Now()) {
		t.Errorf("%d reads, the last at %s: want 3, and an hour later the time", s.database.reads, third.Status.LastReadTime)
	}
	s.later(30 * time.Minute)
	s.database.err = observe.ReadFailed("down")
	out := s.later(10 * time.Minute)
	if want := s.clock.Now().Add(-10 * time.Minute); !out.Status.LastReadTime.Time.Equal(want) {
		t.Errorf("in the outage the last read was at %s, want %s", out.Status.LastReadTime, want)
	}
}

// perMetric gives the source a second metric, in the third column.
func perMetric(ds *v1alpha1.DataSource) {
	ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: "m", Field: "at", Type: v1alpha1.MetricNumber})
}

// orgs makes rows of a number of accounts, org0 and so on; one in lacks has no value of the second metric.
func orgs(accounts int, lacks func(int) bool) []string {
	var rows []string
	for i := range accounts {
		row := fmt.Sprintf("org%d 1", i)
		if !lacks(i) {
			row += " 2"
		}
		rows = append(rows, row)
	}
	return rows
}

func everyone(int) bool { return true }
func nobody(int) bool   { return false }

func TestAReadThatLostMoreThanRowsIsRefused(t *testing.T) {
	prometheus := func(ds *v1alpha1.DataSource) {
		perMetric(ds)
		ds.Spec.SQL = nil
		ds.Spec.Prometheus = &v1alpha1.PrometheusSource{URL: "http://prometheus:9090", Queries: []v1alpha1.PrometheusQuery{{Metric: "n", Query: "a"}, {Metric: "m", Query: "b"}}}
	}
	tests := map[string]struct {
		change func(*v1alpha1.DataSource)
		after  []string
		want   string // the beginning of the message; empty: accepted
	}{
		"a query of Prometheus gives nothing":      {prometheus, orgs(40, everyone), "query m gave 0 series, after 40 in the last accepted read: that is more than 50 percent fewer"},
		"a query of Prometheus gives half and one": {prometheus, orgs(40, func(i int) bool { return i < 19 }), ""},
		"a query of Prometheus gives less":         {prometheus, orgs(40, func(i int) bool { return i < 21 }), "query m gave 19 series, after 40 in the last accepted read"},
		"a column of a query is empty":             {perMetric, orgs(40, everyone), "metric m has 0 values, after 40 in the last accepted read"},
		"a column has one value left":              {perMetric, orgs(40, func(i int) bool { return i > 0 }), "metric m has 1 values, after 40 in the last accepted read"},
		"a column has half of its values":          {perMetric, orgs(40, func(i int) bool { return i < 20 }), ""},
		"no row has an id":                         {perMetric, slices.Repeat([]string{" 1 2"}, 40), "0 rows, after 40 in the last accepted read"},
		"every id is written another way":          {perMetric, slices.Repeat([]string{"ORG-1 1 2", "ORG-2 1 2"}, 20), "rows of 0 accounts, after 2 in the last accepted read"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSourceTest(t)
			s.database.rows = orgs(40, nobody)
			s.source(test.change, "org0", "org39")
			s.reconcile()
			s.database.rows = test.after
			got := s.later(time.Hour)
			if test.want == "" {
				s.want("conditions", conditionsOf(got), wellRead)
				return
			}
			for range 2 {
				s.want("conditions", conditionsOf(got), rowsDropped)
				if !strings.HasPrefix(got.Status.LastError, test.want) {
					t.Errorf("got %q, want %q", got.Status.LastError, test.want)
				}
				s.restart()
				got = s.later(time.Hour)
			}
			s.annotate(v1alpha1.AnnotationApprove, s.approvalIn(s.get()))
			accepted, _ := s.reconcile()
			s.want("conditions once approved", conditionsOf(accepted), wellRead)
		})
	}
}

func TestAccountsThatAreDeletedAreMissedByNoRead(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = orgs(40, nobody)
	s.source(nil, "org0", "org1", "org2")
	s.reconcile()
	for _, name := range []string{"org0", "org1"} {
		if err := s.client.Delete(s.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(s.T, func() error {
		if _, err := s.r.Reconcile(s.Context(), reconcileRequest(s.key())); err != nil {
			return err
		}
		if s.get().Status.AccountsMatched != 1 {
			return errStill
		}
		return nil
	})
	s.database.rows = s.database.rows[2:]
	s.want("conditions", conditionsOf(s.later(time.Hour)), wellRead)
}

func TestTheNumberOfRowsOutlivesAnEditDuringAnOutageAndARestart(t *testing.T) {
	s := newSourceTest(t)
	s.database.many(100)
	s.source(nil, "org0")
	s.reconcile()
	s.database.err = observe.ReadFailed("down")
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "7d" })
	s.later(time.Hour)
	s.restart()
	s.later(time.Hour)

	s.database.err = nil
	s.database.many(30)
	half := s.later(time.Hour)
	if got := meta.FindStatusCondition(half.Status.Conditions, v1alpha1.ConditionAvailable); got.Reason != v1alpha1.ReasonRowsDropped {
		t.Errorf("Available is %s: %s; want the table to be refused", got.Reason, got.Message)
	}
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.SQL.Query = "select org, n from usage where big" })
	other := s.later(time.Hour)
	s.want("conditions of another query", conditionsOf(other), wellRead)
}

func TestASourceThatAsksToBeLeftAloneIs(t *testing.T) {
	s := newSourceTest(t)
	s.database.err = observe.RateLimited(20*time.Minute, "spec.http.url: too many requests")
	s.source(nil, "acme")
	limited, next := s.reconcile()
	s.want("conditions", conditionsOf(limited), "Ready=False RateLimited, Reconciling=True RateLimited, Available=False RateLimited")
	if next < 20*time.Minute || next > 20*time.Minute+time.Second {
		t.Errorf("tried again after %s, want 20m", next)
	}
}

func TestASecretThatIsNotThereIsAskedForEveryMinute(t *testing.T) {
	s := newSourceTest(t)
	s.database.err = observe.SecretNotFound("gone")
	s.source(func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "1d" }, "acme")
	_, next := s.reconcile()
	for range 8 {
		s.clock.SetTime(s.clock.Now().Add(next))
		_, next = s.reconcile()
	}
	if next < 50*time.Second || next > 70*time.Second {
		t.Errorf("after nine attempts the next is in %s, want about a minute", next)
	}
}

func TestASourceThatWarns(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1", "bolt 2"}
	s.source(nil, "acme", "bolt")
	s.reconcile()

	s.database.rows, s.database.warnings = []string{"acme 3"}, []string{"n: a store did not answer"}
	warned := s.later(time.Hour)
	got := meta.FindStatusCondition(warned.Status.Conditions, v1alpha1.ConditionWarnings)
	if got == nil || got.Message != "the source warns that this may not be all, and an account without a value keeps the last one: n: a store did not answer" {
		t.Fatalf("condition %v", got)
	}
	s.want("events", s.told(), "SourceWarns")
	s.woken()
	snapshot, available := s.r.Store.Snapshot(s.key())
	if o := snapshot.Lookup([]string{"bolt"})["n"]; !available || snapshot.Complete() || !o.Unreadable {
		t.Errorf("available %t, complete %t, %+v: want an account without a row to keep its value", available, snapshot.Complete(), o)
	}
	if o := snapshot.Lookup([]string{"acme"})["n"]; o.State != v1alpha1.ValueFresh {
		t.Errorf("acme has %+v, want a fresh value", o)
	}

	s.database.rows, s.database.warnings = []string{"acme 3", "bolt 2"}, nil
	well := s.later(time.Hour)
	if meta.FindStatusCondition(well.Status.Conditions, v1alpha1.ConditionWarnings) != nil {
		t.Error("the condition stays when the source warns no more")
	}
	s.want("accounts woken", s.woken(), "acme bolt")
}

func TestASourceThatGivesWhatIsNew(t *testing.T) {
	s := newSourceTest(t)
	s.database.since = true
	s.database.rows = []string{"acme 1 2026-10-20T00:00:00Z", "acme 2 2026-11-01T08:59:00Z"}
	s.source(func(ds *v1alpha1.DataSource) {
		ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"}
		ds.Spec.SQL = nil
		ds.Spec.HTTP = &v1alpha1.HTTPSource{
			URL: "https://api.example.com/?since=${since}", Format: v1alpha1.HTTPFormatJSON, Since: &v1alpha1.Since{Window: "30d", Overlap: "5m"},
		}
	}, "acme", "bolt")
	read := s.clock.Now()
	s.reconcile()
	if !s.database.asked.Since.IsZero() {
		t.Errorf("the first read asks since %s, want for all", s.database.asked.Since)
	}

	// The answer of 08:59 was changed; a new one came.
	s.database.rows = []string{"acme 3 2026-11-01T08:59:00Z", "bolt 9 2026-11-01T09:30:00Z"}
	second := s.later(time.Hour)
	if want := read.Add(-5 * time.Minute); !s.database.asked.Since.Equal(want) {
		t.Errorf("the second read asks since %s, want %s", s.database.asked.Since, want)
	}
	if second.Status.Rows != 3 {
		t.Errorf("%d rows, want the old one, the changed one and the new one", second.Status.Rows)
	}
	snapshot, _ := s.r.Store.Snapshot(s.key())
	if got := snapshot.Lookup([]string{"acme"})["n"].Value.String(); got != "3" {
		t.Errorf("the newest value is %s, want 3", got)
	}

	s.database.rows = nil
	if later := s.later(20 * 24 * time.Hour); later.Status.Rows != 2 {
		t.Errorf("%d rows, want those of the last 30 days", later.Status.Rows)
	}
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "90d" })
	s.later(time.Hour)
	if !s.database.asked.Since.IsZero() {
		t.Error("a new spec asks for what is new, want for all")
	}
}

func TestConnectionsAreLetGoWithTheSource(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(nil, "acme")
	s.reconcile()
	before := s.database.forgotten
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = true })
	s.reconcile()
	if s.database.forgotten == before {
		t.Error("a suspended source keeps its connections")
	}
	before = s.database.forgotten
	if err := s.client.Delete(s.Context(), s.get()); err != nil {
		t.Fatal(err)
	}
	eventually(s.T, func() error {
		if _, err := s.r.Reconcile(s.Context(), reconcileRequest(s.key())); err != nil {
			return err
		}
		if s.database.forgotten == before {
			return errStill
		}
		return nil
	})
}
