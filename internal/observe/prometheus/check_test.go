//go:build unix

package prometheus_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
)

func TestASpecThatCannotWorkIsRefused(t *testing.T) {
	url := func(url string) func(*v1alpha1.DataSource) {
		return func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.URL = v1alpha1.URL(url) }
	}
	tests := map[string]struct {
		change  func(ds *v1alpha1.DataSource)
		message string
	}{
		"as it is": {func(*v1alpha1.DataSource) {}, ""},
		"a URL with a path that ends like the API's": {url("https://a/api/v1/x"), ""},
		"an aggregate":       {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Aggregate = v1alpha1.AggregateSum }, ""},
		"a label of its own": {func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.Queries[0].Label = "e" }, ""},
		"a URL that web refuses": {
			url("ftp://a"), "spec.prometheus.url: the scheme is not http or https; write https://host/path",
		},
		"a URL with the path of the API": {
			url("http://a:9090/x/api/v1/"), "spec.prometheus.url: it ends in /api/v1, which is added by itself; leave it out",
		},
		"a URL with the path of a query": {
			url("http://a/api/v1/query?a=b"), "spec.prometheus.url: it ends in /api/v1/query, which is added by itself; leave it out",
		},
		"a column with the time": {
			func(ds *v1alpha1.DataSource) { ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"} },
			"spec.observedTime: the result of a query has no such column; leave it out: values are as of the read",
		},
		"a query for no metric": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.Queries[1].Metric = "t" },
			`spec.prometheus.queries[1].metric: "t" is not a metric of spec.metrics; add it there, or leave the query out`,
		},
		"two queries for a metric": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.Queries[1].Metric = "e" },
			"spec.prometheus.queries[e]: a second query for the same metric; a metric has one",
		},
		"a metric without a query": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.Queries = ds.Spec.Prometheus.Queries[1:] },
			"spec.metrics[e]: no query gives it; add {metric: e, query: ...} to spec.prometheus.queries",
		},
		"an empty query": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Prometheus.Queries[0].Query = " \n" },
			"spec.prometheus.queries[e].query: it is empty; write PromQL: sum by (org) (...)",
		},
		"a category": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Type = v1alpha1.MetricCategory },
			"spec.metrics[s].type: Prometheus has numbers; Number or Time is expected, not Category",
		},
		"a text": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Type = v1alpha1.MetricText },
			"spec.metrics[s].type: Prometheus has numbers; Number or Time is expected, not Text",
		},
		"a metric in the account's column": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Field = "org" },
			`spec.metrics[s].field: "org" is the account's column (spec.account.field); give the metric another one`,
		},
		"two metrics in one column": {
			func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Field = "e" },
			`spec.metrics[s].field: "e" is the column of metric e too; give each its own`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource("http://prometheus:9090", "e sum by (org) (errors)", "s seats")
			test.change(ds)
			_, err := prometheus.New(ds, observe.Dependencies{})
			if test.message != "" {
				wantError(t, err, invalid, test.message)
			} else if err != nil {
				t.Errorf("got %v, want no error", err)
			}
		})
	}
}
