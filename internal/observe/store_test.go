package observe_test

import (
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

var usage = types.NamespacedName{Namespace: "success", Name: "usage"}

func account(name string, product ...v1alpha1.ExternalID) *v1alpha1.Account {
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: name}}
	if len(product) > 0 {
		a.Spec.ExternalIDs = map[string]v1alpha1.ExternalIDList{"product": product}
	}
	return a
}

func TestFacts(t *testing.T) {
	const fresh, stands, errored = "Fresh 3 2026-11-01T09:00:00Z", "Errored 3 2026-11-01T09:00:00Z", "Errored"
	read := func(t *testing.T, ds *v1alpha1.DataSource) *observe.Snapshot {
		return ingest(t, ds, table("org | n", "acme | 3", "org_1 | 4", "org_2 | 5"))
	}
	tests := map[string]struct {
		happens func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource)
		account *v1alpha1.Account
		want    string
	}{
		"before the source was read everything is Errored": {
			func(*testing.T, *observe.Store, *v1alpha1.DataSource) {}, account("acme"), errored,
		},
		"after a read the account's row counts": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Accept(usage, ds, read(t, ds)) }, account("acme"), fresh,
		},
		"an account without a row is Missing": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Accept(usage, ds, read(t, ds)) }, account("bolt"), "Missing",
		},
		"with a scheme, the account's ids of that scheme count and its name does not": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				ds.Spec.Account.ExternalID = "product"
				s.Accept(usage, ds, read(t, ds))
			}, account("acme", "org_2"), "Fresh 5 2026-11-01T09:00:00Z",
		},
		"an outage keeps the last value": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				s.Fail(usage, ds)
			}, account("acme"), stands,
		},
		"an outage of a source that has no value for the account has none either": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				s.Fail(usage, ds)
			}, account("bolt"), errored,
		},
		"an outage from the start has no value": {
			func(_ *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Fail(usage, ds) }, account("acme"), errored,
		},
		"a read after an outage is Fresh": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Fail(usage, ds)
				s.Accept(usage, ds, read(t, ds))
			}, account("acme"), fresh,
		},
		"a suspended source's values stay as they are": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				s.Suspend(usage, ds)
			}, account("acme"), fresh,
		},
		"a source suspended since start has no values": {
			func(_ *testing.T, s *observe.Store, ds *v1alpha1.DataSource) { s.Suspend(usage, ds) }, account("acme"), errored,
		},
		"a deleted source's values are gone": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				s.Forget(usage)
			}, account("acme"), errored,
		},
		"a source made anew under the name has nothing of the old one": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				anew := ds.DeepCopy()
				anew.UID = "u2"
				s.Fail(usage, anew)
			}, account("acme"), errored,
		},
		"a metric whose type changed has no value until it is read again": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				edited := ds.DeepCopy()
				edited.Spec.Metrics[0].Type = v1alpha1.MetricCategory
				s.Fail(usage, edited)
			}, account("acme"), errored,
		},
		"a metric that is no longer declared is Errored": {
			func(t *testing.T, s *observe.Store, ds *v1alpha1.DataSource) {
				s.Accept(usage, ds, read(t, ds))
				edited := ds.DeepCopy()
				edited.Spec.Metrics[0].Name = "m"
				s.Fail(usage, edited)
			}, account("acme"), errored,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds, store := newSource(number("n")), observe.NewStore()
			ds.Spec.MaxAge = "7d"
			test.happens(t, store, ds)
			ref := v1alpha1.MetricReference{Source: "usage", Metric: "n"}
			if got := show(store.Facts("success", test.account, []v1alpha1.MetricReference{ref})[ref]); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			other := v1alpha1.MetricReference{Source: "elsewhere", Metric: "n"}
			if got := show(store.Facts("success", test.account, []v1alpha1.MetricReference{other})[other]); got != errored {
				t.Errorf("a source that is not there: got %s, want %s", got, errored)
			}
		})
	}
}

func TestAttemptedIsAboutOneObject(t *testing.T) {
	store, ds := observe.NewStore(), newSource(number("n"))
	if store.Attempted(usage, ds.UID) {
		t.Error("attempted before anything happened")
	}
	store.Fail(usage, ds)
	if !store.Attempted(usage, ds.UID) {
		t.Error("a read that failed is an attempt")
	}
	if store.Attempted(usage, "u2") {
		t.Error("the attempt of another object of this name counts")
	}
}

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.DataSource)
		want   string
	}{
		"a spec that works":               {func(*v1alpha1.DataSource) {}, ""},
		"an interval that is no duration": {func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "5x" }, `spec.interval: Invalid value: "5x": not a duration: write 30s, 36h, 90d or 12w`},
		"an interval that is too short":   {func(ds *v1alpha1.DataSource) { ds.Spec.Interval = "1s" }, `spec.interval: Invalid value: "1s": must be at least 5s`},
		"a timeout of nothing":            {func(ds *v1alpha1.DataSource) { ds.Spec.Timeout = "0" }, `spec.timeout: Invalid value: "0": must be at least 1s`},
		"a maxAge of nothing":             {func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "0" }, `spec.maxAge: Invalid value: "0": must be at least 1s`},
		"absent of another type":          {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Absent = new("none") }, `spec.metrics[n].absent: Invalid value: "none": not a number`},
		"an aggregate that does not fit": {func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[0] = v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricTime, Aggregate: v1alpha1.AggregateSum}
		}, `spec.metrics[n].aggregate: Invalid value: "Sum": Sum, Min, Max and Average are for type Number; Min and Max for type Time too`},
		"two metrics of one name":          {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics = append(ds.Spec.Metrics, number("n")) }, `spec.metrics[n]: Duplicate value: "n"`},
		"a type that does not exist":       {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Type = "Word" }, `spec.metrics[n].type: Unsupported value: "Word": supported values: "Number", "Category", "Time", "Text"`},
		"an aggregate that does not exist": {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Aggregate = "Median" }, `spec.metrics[n].aggregate: Invalid value: "Median": Sum, Min, Max and Average are for type Number; Min and Max for type Time too`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(number("n"))
			test.change(ds)
			got := ""
			if errs := observe.Validate(ds); len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestOpenNeedsOneProviderThatExists(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.DataSource)
		want   string
	}{
		"none":                  {func(ds *v1alpha1.DataSource) { ds.Spec.ConfigMap = nil }, "spec: one of configMap, sql, prometheus, http, fake is required"},
		"two":                   {func(ds *v1alpha1.DataSource) { ds.Spec.SQL = &v1alpha1.SQLSource{} }, "spec: exactly one of configMap, sql, prometheus, http, fake, not configMap and sql"},
		"one that is not there": {func(*v1alpha1.DataSource) {}, "spec.configMap: this operator has no such provider"},
		"a bad duration":        {func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "x" }, `spec.maxAge: Invalid value: "x": not a duration: write 30s, 36h, 90d or 12w`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(number("n"))
			test.change(ds)
			_, err := observe.Registry{}.Open(ds, observe.Dependencies{})
			wantError(t, err, v1alpha1.ReasonInvalidSpec, test.want)
		})
	}
}

// wantError checks the reason and the message of an error.
func wantError(t *testing.T, err error, reason, message string) {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok || told.Reason != reason || told.Message != message {
		t.Errorf("got %#v, want %s: %s", err, reason, message)
	}
}

// What has no new value because nobody reads it is no silence of the customer.
func TestWhatIsSuspendedSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		happens string
		account *v1alpha1.Account
		want    bool
	}{
		"a source that is read":                      {"read", account("acme"), false},
		"one that is suspended later":                {"read suspend", account("acme"), true},
		"one that is suspended later, without a row": {"read suspend", account("bolt"), true},
		"one that was suspended from the start":      {"suspend", account("acme"), true},
		"one that cannot be read":                    {"read fail", account("acme"), false},
		"one that is read again":                     {"suspend read", account("acme"), false},
	} {
		t.Run(name, func(t *testing.T) {
			ds, store := newSource(number("n")), observe.NewStore()
			for event := range strings.FieldsSeq(c.happens) {
				switch event {
				case "read":
					store.Accept(usage, ds, ingest(t, ds, table("org | n", "acme | 3")))
				case "suspend":
					store.Suspend(usage, ds)
				case "fail":
					store.Fail(usage, ds)
				}
			}
			ref := v1alpha1.MetricReference{Source: "usage", Metric: "n"}
			if got := store.Facts("success", c.account, []v1alpha1.MetricReference{ref})[ref].Suspended; got != c.want {
				t.Errorf("suspended: %t", got)
			}
		})
	}
}
