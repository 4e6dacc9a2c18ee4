package controllers

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// asksSince makes the source one that is asked for what is new.
func asksSince(ds *v1alpha1.DataSource) {
	ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"}
	ds.Spec.SQL = nil
	ds.Spec.HTTP = &v1alpha1.HTTPSource{URL: "https://api.example.com/?since=${since}", Format: v1alpha1.HTTPFormatJSON, Since: &v1alpha1.Since{Window: "30d"}}
}

func TestAReadOfNothingNewForgetsNothing(t *testing.T) {
	s := newSourceTest(t)
	s.database.since = true
	s.database.rows = []string{"acme 3", "bolt oops 2026-10-20T00:00:00Z", "cask 4 yesterday", "dune 5 2026-11-01T18:00:00Z", " 1 2026-10-20T00:00:00Z"}
	s.source(asksSince, "acme", "bolt", "cask", "dune")
	first, _ := s.reconcile()
	if first.Status.Rows != 4 || first.Status.RejectedValues != 3 {
		t.Fatalf("%d rows, %d rejected; want 4 with an id, and 3", first.Status.Rows, first.Status.RejectedValues)
	}

	s.database.rows = nil
	second := s.later(time.Hour)
	s.want("conditions", conditionsOf(second), wellRead)
	snapshot, _ := s.r.Store.Snapshot(s.key())
	for name, what := range map[string]string{"acme": "a row without a time", "dune": "a row whose time lies ahead"} {
		if snapshot.Lookup([]string{name})["n"].Value == nil {
			t.Errorf("%s is gone", what)
		}
	}
	for name, what := range map[string]string{"bolt": "a value that cannot be read", "cask": "a row whose time cannot be read"} {
		if !snapshot.Lookup([]string{name})["n"].Unreadable {
			t.Errorf("%s counts as none", what)
		}
	}
	if second.Status.Rows != 4 || second.Status.RejectedValues != 2 || len(second.Status.RejectedExamples) == 0 {
		t.Errorf("%d rows, %d rejected: %q; want 4, and the 2 that are still there", second.Status.Rows, second.Status.RejectedValues, second.Status.RejectedExamples)
	}

	s.database.rows = []string{"acme 7"}
	s.later(time.Hour)
	snapshot, _ = s.r.Store.Snapshot(s.key())
	if got := snapshot.KeyRows("acme"); got != 1 {
		t.Errorf("acme has %d rows without a time, want the last", got)
	}
}

func TestWhatACredentialReadsStandsInNoStatus(t *testing.T) {
	s := newSourceTest(t)
	s.database.rows = []string{"acme 1 x", "access-token 2 x"}
	s.source(func(ds *v1alpha1.DataSource) {
		ds.Spec.SQL = nil
		ds.Spec.HTTP = &v1alpha1.HTTPSource{
			URL: "https://api.example.com/token", Format: v1alpha1.HTTPFormatJSON,
			Auth: &v1alpha1.HTTPAuth{Bearer: &v1alpha1.BearerAuth{TokenSecretRef: v1alpha1.KeyReference{Name: "api", Key: "token"}}},
		}
	}, "acme")
	ds, _ := s.reconcile()
	if ds.Status.UnmatchedRows != 1 || len(ds.Status.UnmatchedKeys) > 0 {
		t.Errorf("%d rows of no account, keys %q; want 1 and none shown", ds.Status.UnmatchedRows, ds.Status.UnmatchedKeys)
	}
}
