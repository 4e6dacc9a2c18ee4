package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

func TestTheFirstReadOfASource(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1", "bolt secret", "nobody 3", "nobody 4"}
	s.source(nil, "acme", "bolt", "cask")

	ds, next := s.reconcile()

	s.want("conditions", conditionsOf(ds), wellRead)
	at := metav1.NewTime(s.clock.Now())
	want := v1alpha1.DataSourceStatus{
		ObservedGeneration: 1, LastReadTime: &at, Rows: 4, ReadDigest: readDigest(&ds.Spec), Metrics: []v1alpha1.MetricCount{{Name: "n", Values: 4}}, AccountsMatched: 2, UnmatchedRows: 2, UnmatchedKeys: []string{"nobody"},
		RejectedValues: 1, RejectedExamples: []string{`row 2, column "n": expected Number, got 6 characters: not a number`},
		Conditions: ds.Status.Conditions,
	}
	if diff := cmp.Diff(want, ds.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	s.want("accounts woken", s.woken(), "acme bolt cask")
	s.want("events", s.told(), "ValuesRejected")
	if next < 270*time.Second || next > 331*time.Second {
		t.Errorf("the next read is in %s, want 5m and at most a tenth more or less", next)
	}
}

func TestASourceIsReadByItsInterval(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1", "bolt 2"}
	s.source(func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "1h" }, "acme", "bolt", "cask")
	first, _ := s.reconcile()
	s.woken()

	if again := s.later(50 * time.Minute); s.database.reads != 1 || again.ResourceVersion != first.ResourceVersion {
		t.Errorf("before its time: %d reads, want 1 and no write", s.database.reads)
	}
	s.database.rows = []string{"acme 1", "bolt 3", "cask 1"}
	second := s.later(17 * time.Minute)
	if s.database.reads != 2 || !second.Status.LastReadTime.After(first.Status.LastReadTime.Time) {
		t.Errorf("%d reads, the last at %s; want 2", s.database.reads, second.Status.LastReadTime)
	}
	s.want("accounts woken", s.woken(), "bolt cask")
	s.later(2 * time.Hour)
	s.want("accounts woken by a read without a change", s.woken(), "")
}

func TestExternalIDsFindTheAccounts(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"org_1 1", "org_2 2", "acme 3"}
	for name, ids := range map[string]v1alpha1.ExternalIDList{"acme": {"org_1", "org_2"}, "bolt": {"org_2"}} {
		s.create(&v1alpha1.Account{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
			Spec:       v1alpha1.AccountSpec{ExternalIDs: map[string]v1alpha1.ExternalIDList{"product": ids}},
		})
	}
	s.source(func(ds *v1alpha1.DataSource) { ds.Spec.Account.ExternalID = "product" })
	ds, _ := s.reconcile()
	if ds.Status.AccountsMatched != 2 || ds.Status.UnmatchedRows != 1 {
		t.Errorf("%d accounts matched, %d rows not; want 2 and 1", ds.Status.AccountsMatched, ds.Status.UnmatchedRows)
	}
	s.woken()
	s.database.rows = []string{"org_1 1", "org_2 3", "acme 3"}
	s.later(time.Hour)
	s.want("accounts woken", s.woken(), "acme bolt")
}

func TestASourceThatCannotBeReadAtFirst(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"a database that is down":    {observe.ReadFailed("down"), "Ready=False ReadFailed, Reconciling=True ReadFailed, Available=False ReadFailed"},
		"a Secret that is not there": {observe.SecretNotFound("gone"), "Ready=False ReferenceNotFound, Reconciling=True ReferenceNotFound, Available=False SecretNotFound"},
		"a Secret that is not meant": {observe.SecretNotAllowed("no"), "Ready=False SecretNotAllowed, Reconciling=True SecretNotAllowed, Available=False SecretNotAllowed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSourceTest(t)
			s.database.err = test.err
			s.source(nil, "acme")
			failed, next := s.reconcile()
			s.want("conditions", conditionsOf(failed), test.want)
			s.want("last error", failed.Status.LastError, test.err.Error())
			s.want("events", s.told(), "SourceUnreachable")
			s.want("accounts woken by the first attempt", s.woken(), "acme")
			if next < 5*time.Second || next > 6*time.Second {
				t.Errorf("tried again after %s, want about 5s", next)
			}
			if again := s.later(6 * time.Second); again.ResourceVersion != failed.ResourceVersion || s.database.reads != 2 {
				t.Errorf("%d reads, want 2 and no write", s.database.reads)
			}
			s.want("events, when nothing changed", s.told(), "")

			s.database.err, s.database.rows = nil, []string{"acme 1"}
			well := s.later(12 * time.Second)
			s.want("conditions", conditionsOf(well), wellRead)
			s.want("last error", well.Status.LastError, "")
			s.want("events", s.told(), "SourceRecovered")
			s.want("accounts woken", s.woken(), "acme")
		})
	}
}

func TestAnOutageIsNotAvailableAndNoMore(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(nil, "acme")
	s.reconcile()
	s.woken()

	s.database.err = observe.ReadFailed("down")
	out := s.later(time.Hour)
	s.want("conditions", conditionsOf(out), unavailable)
	s.want("accounts woken", s.woken(), "acme")
	s.want("events", s.told(), "SourceUnreachable")
	if out.Status.Rows != 1 || out.Status.AccountsMatched != 1 {
		t.Errorf("%d rows, %d accounts: the last read must stand", out.Status.Rows, out.Status.AccountsMatched)
	}
	if snapshot, available := s.r.Store.Snapshot(s.key()); available || snapshot == nil {
		t.Errorf("available %t, last values %v", available, snapshot)
	}
	if again := s.later(time.Hour); again.ResourceVersion != out.ResourceVersion {
		t.Error("a write without a change")
	}
	s.want("accounts woken, when nothing changed", s.woken(), "")
	s.database.err = nil
	s.want("conditions", conditionsOf(s.later(time.Hour)), wellRead)
	s.want("accounts woken", s.woken(), "acme")
	s.want("events", s.told(), "SourceRecovered")
}

func TestAReadThatFailsIsTriedAgainAtGrowingTimes(t *testing.T) {
	want := []time.Duration{5, 10, 20, 40, 60, 60}
	for i, seconds := range want {
		if got := backoff(i+1, time.Minute); got != seconds*time.Second {
			t.Errorf("after %d failures: got %s, want %s", i+1, got, seconds*time.Second)
		}
	}
	if got := backoff(1000, time.Second); got != minRetry {
		t.Errorf("with an interval shorter than the shortest retry: got %s, want %s", got, minRetry)
	}
}

func TestWaitsVaryByATenthAndNoMore(t *testing.T) {
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	seen := map[time.Duration]bool{}
	for i := range 1000 {
		moment := at.Add(time.Duration(i) * time.Second)
		wait := jittered(time.Hour, "uid", moment)
		if wait < 54*time.Minute || wait > 66*time.Minute {
			t.Fatalf("got %s, want one hour and at most a tenth more or less", wait)
		}
		if wait != jittered(time.Hour, "uid", moment) {
			t.Fatal("the same source at the same time waits differently")
		}
		seen[wait] = true
	}
	if len(seen) < 900 {
		t.Errorf("%d different waits of 1000", len(seen))
	}
}

func TestASpecThatCannotWorkStallsUntilItIsChanged(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "1s" }, "acme")
	stalled, next := s.reconcile()
	s.want("conditions", conditionsOf(stalled), "Ready=False InvalidSpec, Stalled=True InvalidSpec, Available=False InvalidSpec")
	s.want("message", meta.FindStatusCondition(stalled.Status.Conditions, v1alpha1.ConditionStalled).Message,
		`spec.interval: Invalid value: "1s": must be at least 5s`)
	if next != 0 || s.database.reads != 0 || stalled.Status.ObservedGeneration != 1 {
		t.Errorf("next %s, %d reads, observed generation %d; want none, none, 1", next, s.database.reads, stalled.Status.ObservedGeneration)
	}
	if !s.r.Store.Attempted(s.key(), stalled.UID) {
		t.Error("accounts would wait forever for this source")
	}
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "5s" })
	well, _ := s.reconcile()
	s.want("conditions", conditionsOf(well), wellRead)
}

func TestARequestReadsNow(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(nil, "acme")
	s.reconcile()
	s.annotate(v1alpha1.AnnotationRequestedAt, "2026-11-01T09:00:01Z")
	ds, _ := s.reconcile()
	s.want("the request that was handled", ds.Status.LastHandledRequestedAt, "2026-11-01T09:00:01Z")
	s.reconcile()
	if s.database.reads != 2 {
		t.Errorf("%d reads, want 2: one a request", s.database.reads)
	}
}

func TestASuspendedSourceIsNotRead(t *testing.T) {
	s := newSourceTest(t)
	s.database.many(100)
	s.source(nil, "acme")
	s.reconcile()
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = true })
	suspended, next := s.reconcile()
	s.want("conditions", conditionsOf(suspended), "Ready=True Suspended, Available=True ReadSucceeded")
	s.later(time.Hour)
	if s.database.reads != 1 || next != 0 || suspended.Status.ObservedGeneration != 2 {
		t.Errorf("%d reads, next %s, observed generation %d; want 1, none, 2", s.database.reads, next, suspended.Status.ObservedGeneration)
	}
	if _, available := s.r.Store.Snapshot(s.key()); !available {
		t.Error("the last values must stand")
	}
	s.database.many(10)
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = false })
	resumed, _ := s.reconcile()
	if got := conditionsOf(resumed); !strings.Contains(got, "Available=False RowsDropped") {
		t.Errorf("a table that is half loaded when the source is resumed: %s", got)
	}

	s.restart()
	s.edit(func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = true })
	s.reconcile()
	if _, available := s.r.Store.Snapshot(s.key()); available || !s.r.Store.Attempted(s.key(), resumed.UID) {
		t.Error("suspended since start: there are no values, and nobody waits for any")
	}
}

func TestADeletedSourceIsForgotten(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1"}
	s.source(nil, "acme")
	ds, _ := s.reconcile()
	s.woken()
	if err := s.client.Delete(t.Context(), ds); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := s.r.Reconcile(t.Context(), reconcileRequest(s.key()))
		if err == nil && s.r.Store.Attempted(s.key(), ds.UID) {
			return errStill
		}
		return err
	})
	s.want("accounts woken", s.woken(), "acme")
}
