// Package prometheus reads instant queries of a Prometheus server, or of one that speaks its API. Each query gives one
// column; a label of its series says whose they are.
package prometheus

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// reader reads one Prometheus source.
type reader struct {
	ds      *v1alpha1.DataSource
	deps    observe.Dependencies
	queries []query
}

// query is one query of a spec that was checked.
type query struct {
	// metric that it gives, of a type; column is that metric's.
	metric     string
	metricType v1alpha1.MetricType
	column     string
	// text in PromQL.
	text string
	// label that holds the id; labelGiven: the query itself names it, not spec.account.field.
	label      string
	labelGiven bool
}

// path is where the query stands in the spec.
func (q *query) path() string { return queryPath(q.metric) }

// New makes the reader of a source that has spec.prometheus.
func New(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	if err := check(ds); err != nil {
		return nil, err
	}
	metrics := make(map[string]*v1alpha1.Metric, len(ds.Spec.Metrics))
	for i := range ds.Spec.Metrics {
		metrics[ds.Spec.Metrics[i].Name] = &ds.Spec.Metrics[i]
	}
	r := &reader{ds: ds, deps: deps}
	for _, q := range ds.Spec.Prometheus.Queries {
		m := metrics[q.Metric]
		label := q.Label
		if label == "" {
			label = ds.Spec.Account.Field
		}
		r.queries = append(r.queries, query{
			metric: m.Name, metricType: m.Type, column: columnOf(m), text: q.Query, label: label, labelGiven: q.Label != "",
		})
	}
	return r, nil
}

// webConfig is what a spec says of its server.
func webConfig(spec *v1alpha1.PrometheusSource) web.Config {
	return web.Config{Field: "spec.prometheus", URL: string(spec.URL), Headers: spec.Headers, Auth: spec.Auth, TLS: spec.TLS}
}

// Read asks the queries one after the other. A table with a column missing would look like accounts that have nothing, so
// that one query that fails is a read that fails.
func (r *reader) Read(ctx context.Context, _ observe.Request) (*observe.Table, error) {
	budget := r.deps.Budget()
	config := webConfig(r.ds.Spec.Prometheus)
	client, err := web.New(ctx, r.ds, r.deps, budget, config)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	sent := newSentHeaders(client, config.URL)
	server, err := api.NewClient(api.Config{Address: config.URL, RoundTripper: sent})
	if err != nil {
		return nil, client.Explain(ctx, err)
	}
	strict := &strictClient{Client: server, deps: r.deps}
	s := &session{client: client, api: promv1.NewAPI(strict), answered: strict, sent: sent, rows: newRows(r.ds, budget)}
	for i := range r.queries {
		if err := s.ask(ctx, &r.queries[i]); err != nil {
			return nil, err
		}
	}
	s.table.Columns, s.table.Rows = s.rows.columns, s.rows.sorted()
	return &s.table, nil
}

// session is one read.
type session struct {
	client   *web.Client
	api      promv1.API
	answered *strictClient
	sent     *sentHeaders
	rows     *rows
	table    observe.Table
}

// ask asks one query and adds its result to the rows.
//
// The time of evaluation is left to the server: its samples have its time, and the operator's clock may be another. Ahead
// of the server's, it would ask for what is not yet there; behind it, for what was.
func (s *session) ask(ctx context.Context, q *query) error {
	result, warnings, _, err := s.api.Query(ctx, q.text, time.Time{}, promv1.WithTimeout(timeLeft(ctx)))
	if err != nil {
		return s.explain(ctx, q, err)
	}
	series, err := q.vector(result)
	if err != nil {
		return err
	}
	if s.answered.partial {
		warnings = append(warnings, "the result is partial")
	}
	s.warn(q, warnings)
	return s.rows.add(q, series)
}

// timeLeft is what a query may take on the server: what is left of the read, in a form that Prometheus reads. That is
// whole seconds, or less than a second in milliseconds. 0, which is not sent, is the server's own limit.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(deadline)
	if left < time.Second {
		return left.Truncate(time.Millisecond)
	}
	return left.Truncate(time.Second)
}

// Bounds of what warnings are repeated.
const (
	maxWarnings     = 5
	maxReadWarnings = 100
	maxTextLength   = 200
)

// warn keeps a server's warnings that a result may not be all. Its infos, which are about the query's style, the client
// keeps apart.
func (s *session) warn(q *query, warnings promv1.Warnings) {
	if len(warnings) == 0 {
		return
	}
	s.table.Incomplete = append(s.table.Incomplete, q.column)
	var texts []string
	for _, warning := range warnings[:min(len(warnings), maxReadWarnings)] {
		text := s.sent.scrub(warning)
		if text == "" {
			text = "the server warns, and does not say of what"
		}
		texts = append(texts, q.metric+": "+text)
	}
	slices.Sort(texts) // the order of those who were asked at once is another one with every read
	texts = slices.Compact(texts)
	room := maxWarnings - len(s.table.Warnings)
	s.table.Warnings = append(s.table.Warnings, texts[:min(len(texts), room)]...)
}
