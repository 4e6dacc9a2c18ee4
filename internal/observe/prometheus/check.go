package prometheus

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// check checks what can be said of a spec without a server. Whether a query is PromQL the server says: its dialect and
// version decide.
func check(ds *v1alpha1.DataSource) error {
	if err := checkServer(ds.Spec.Prometheus); err != nil {
		return err
	}
	if ds.Spec.ObservedTime != nil {
		return observe.InvalidSpec("spec.observedTime: the result of a query has no such column; leave it out: values are as of the read")
	}
	if err := checkQueries(ds); err != nil {
		return err
	}
	return checkMetrics(ds)
}

// checkServer checks who is asked, and how.
func checkServer(spec *v1alpha1.PrometheusSource) error {
	if err := web.Check(webConfig(spec)); err != nil {
		return err
	}
	u, err := url.Parse(string(spec.URL))
	if err != nil {
		return nil // web.Check has read it
	}
	path := strings.TrimRight(u.Path, "/")
	for _, end := range []string{"/api/v1", "/api/v1/query"} {
		if strings.HasSuffix(path, end) {
			return observe.InvalidSpec("spec.prometheus.url: it ends in %s, which is added by itself; leave it out", end)
		}
	}
	return nil
}

// checkQueries checks that every query gives one metric of the source, and no two the same.
func checkQueries(ds *v1alpha1.DataSource) error {
	declared := make(map[string]bool, len(ds.Spec.Metrics))
	for i := range ds.Spec.Metrics {
		declared[ds.Spec.Metrics[i].Name] = true
	}
	seen := make(map[string]bool, len(declared))
	for i, q := range ds.Spec.Prometheus.Queries {
		switch {
		case !declared[q.Metric]:
			return observe.InvalidSpec("spec.prometheus.queries[%d].metric: %q is not a metric of spec.metrics; add it there, or leave the query out", i, q.Metric)
		case seen[q.Metric]:
			return observe.InvalidSpec("%s: a second query for the same metric; a metric has one", queryPath(q.Metric))
		case strings.TrimSpace(q.Query) == "":
			return observe.InvalidSpec("%s.query: it is empty; write PromQL: sum by (%s) (...)", queryPath(q.Metric), ds.Spec.Account.Field)
		}
		seen[q.Metric] = true
	}
	return nil
}

// checkMetrics checks that every metric has a query, a type that a sample can be, and a column of its own.
func checkMetrics(ds *v1alpha1.DataSource) error {
	queried := make(map[string]bool, len(ds.Spec.Prometheus.Queries))
	for _, q := range ds.Spec.Prometheus.Queries {
		queried[q.Metric] = true
	}
	owner := make(map[string]string, len(ds.Spec.Metrics))
	for i := range ds.Spec.Metrics {
		m := &ds.Spec.Metrics[i]
		column := columnOf(m)
		switch {
		case m.Type != v1alpha1.MetricNumber && m.Type != v1alpha1.MetricTime:
			return observe.InvalidSpec("spec.metrics[%s].type: Prometheus has numbers; Number or Time is expected, not %s", m.Name, m.Type)
		case !queried[m.Name]:
			return observe.InvalidSpec("spec.metrics[%s]: no query gives it; add {metric: %s, query: ...} to spec.prometheus.queries", m.Name, m.Name)
		case column == ds.Spec.Account.Field:
			return observe.InvalidSpec("spec.metrics[%s].field: %q is the account's column (spec.account.field); give the metric another one", m.Name, column)
		case owner[column] != "":
			return observe.InvalidSpec("spec.metrics[%s].field: %q is the column of metric %s too; give each its own", m.Name, column, owner[column])
		}
		owner[column] = m.Name
	}
	return nil
}

// columnOf returns the column of a metric.
func columnOf(m *v1alpha1.Metric) string {
	if m.Field != "" {
		return m.Field
	}
	return m.Name
}

// queryPath is where the query of a metric stands in the spec.
func queryPath(metric string) string { return fmt.Sprintf("spec.prometheus.queries[%s]", metric) }
