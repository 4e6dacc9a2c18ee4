//go:build unix

package prometheus_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
	server "github.com/perennial-dev/perennial/internal/testing/prometheus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	failed, invalid = v1alpha1.ReasonReadFailed, v1alpha1.ReasonInvalidSpec

	theToken = "tok-4711-of-monitoring"
)

// fakeKeys holds one Secret, which may be sent to one host, and one ConfigMap.
type fakeKeys struct{ host, ca string }

func (k fakeKeys) SecretKey(_ context.Context, _, name, key string) ([]byte, map[string]string, error) {
	values := map[string]string{"user": server.User, "password": server.Password + "\n", "token": theToken}
	annotations := map[string]string{v1alpha1.AnnotationAllowHost: k.host}
	switch {
	case name != "monitoring":
		return nil, nil, observe.SecretNotFound("Secret %q is not there", name)
	case values[key] == "":
		return nil, annotations, observe.SecretNotFound("Secret %q has no key %q", name, key)
	}
	return []byte(values[key]), annotations, nil
}

func (k fakeKeys) ConfigMapKey(_ context.Context, _, name, key string) ([]byte, time.Time, error) {
	if name+"/"+key != "trust/ca.crt" {
		return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q is not there", name)
	}
	return []byte(k.ca), time.Time{}, nil
}

func key(name string) v1alpha1.KeyReference {
	return v1alpha1.KeyReference{Name: "monitoring", Key: name}
}

func bearer() *v1alpha1.HTTPAuth {
	return &v1alpha1.HTTPAuth{Bearer: &v1alpha1.BearerAuth{TokenSecretRef: key("token")}}
}

func basic() *v1alpha1.HTTPAuth {
	password := key("password")
	return &v1alpha1.HTTPAuth{Basic: &v1alpha1.BasicAuth{UsernameSecretRef: key("user"), PasswordSecretRef: &password}}
}

// newSource reads queries, each written as the metric, a space and the query: the label is org, the type Number, unless
// the metric ends in _at.
func newSource(url string, queries ...string) *v1alpha1.DataSource {
	ds := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "usage"},
		Spec: v1alpha1.DataSourceSpec{
			Account:    v1alpha1.AccountColumn{Field: "org"},
			Timeout:    "30s",
			Prometheus: &v1alpha1.PrometheusSource{URL: v1alpha1.URL(url)},
		},
	}
	for _, q := range queries {
		metric, query, _ := strings.Cut(q, " ")
		metricType := v1alpha1.MetricNumber
		if strings.HasSuffix(metric, "_at") {
			metricType = v1alpha1.MetricTime
		}
		ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: metric, Type: metricType})
		ds.Spec.Prometheus.Queries = append(ds.Spec.Prometheus.Queries, v1alpha1.PrometheusQuery{Metric: metric, Query: query})
	}
	return ds
}

// read reads a source once, within its timeout.
func read(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies) (*observe.Table, error) {
	t.Helper()
	reader, err := prometheus.New(ds, deps)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), observe.Timeout(ds))
	defer cancel()
	table, err := reader.Read(ctx, observe.Request{Now: time.Now().UTC().Truncate(time.Second)})
	if err != nil && strings.Contains(err.Error(), theToken) {
		t.Errorf("the error shows the token: %v", err)
	}
	return table, err
}

// mustRead is read where nothing is expected to go wrong.
func mustRead(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies) *observe.Table {
	t.Helper()
	table, err := read(t, ds, deps)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// show writes a table, one line a row; ~ is no value.
func show(t *observe.Table) []string {
	lines := []string{strings.Join(t.Columns, "|")}
	for _, row := range t.Rows {
		var cells []string
		for _, cell := range row {
			if cell.Null {
				cell.Text += "~"
			}
			cells = append(cells, cell.Text)
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

func wantError(t *testing.T, err error, reason, message string) {
	t.Helper()
	if told := asError(t, err); told.Reason != reason || told.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, reason, message)
	}
}

// serve starts a server that is stopped with the test.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// answers is a handler that always gives the same JSON.
func answers(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// vectorOf is an answer with these series.
func vectorOf(series ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

// before is what stands before a real server and forwards to it.
func before(t *testing.T, s *server.Server) *httputil.ReverseProxy {
	t.Helper()
	target, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Accept-Encoding", "identity") // for those who change the answer
		},
		Transport: transport,
	}
}

// hostOf returns the host and port of a URL.
func hostOf(rawURL string) string { return rawURL[strings.Index(rawURL, "://")+3:] }

// asError returns an error as what a user is told.
func asError(t *testing.T, err error) *observe.Error {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *observe.Error", err)
	}
	return told
}
