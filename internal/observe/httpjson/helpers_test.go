package httpjson

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// wantError checks the reason and the message of an error.
func wantError(t *testing.T, err error, reason, message string) {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		t.Fatalf("got %#v, want an *observe.Error", err)
	}
	if told.Reason != reason || told.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, reason, message)
	}
}

// source declares the columns org, count and note. http is spec.http in YAML, as a user writes it, with SERVER for the server.
func source(t *testing.T, server, http string) *v1alpha1.DataSource {
	t.Helper()
	ds := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "orgs"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"},
			Metrics: []v1alpha1.Metric{
				{Name: "count", Type: v1alpha1.MetricNumber},
				{Name: "note", Type: v1alpha1.MetricText},
			},
			HTTP: &v1alpha1.HTTPSource{},
		},
	}
	http = strings.ReplaceAll(http, "SERVER", server)
	if err := yaml.UnmarshalStrict([]byte(http), ds.Spec.HTTP); err != nil {
		t.Fatal(err)
	}
	return ds
}

// script is what a server answers: to each request a body, or the lines of a header, an empty line and a body.
type script map[string]string

// server answers each request that the script has, written as the method, the path and the query, and the body; another
// is an error. It keeps the requests in their order.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newServer(t *testing.T, answers script) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request := strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
		s.mu.Lock()
		s.asked = append(s.asked, request)
		s.mu.Unlock()
		answer, ok := answers[request]
		if !ok {
			http.Error(w, "no such page", http.StatusNotFound)
			return
		}
		answer = strings.ReplaceAll(answer, "SERVER", s.URL)
		if header, body, ok := strings.Cut(answer, "\n\n"); ok {
			for line := range strings.SplitSeq(header, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Add(name, value)
			}
			answer = body
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns what was asked for.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// now is the time of the reads.
var now = time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC)

// read reads a source once, which may give 5 rows and 2000 bytes.
func read(t *testing.T, ds *v1alpha1.DataSource, since time.Time) (*observe.Table, error) {
	t.Helper()
	reader, err := New(ds, observe.Dependencies{Keys: noKeys{}, MaxRows: 5, MaxBytes: 2000})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	table, err := reader.Read(ctx, observe.Request{Now: now, Since: since})
	if err != nil && table != nil {
		t.Errorf("an error and a table: %v", table)
	}
	return table, err
}

// noKeys has no Secrets and no ConfigMaps.
type noKeys struct{}

func (noKeys) ConfigMapKey(context.Context, string, string, string) ([]byte, time.Time, error) {
	return nil, time.Time{}, observe.ReferenceNotFound("there are no ConfigMaps")
}

func (noKeys) SecretKey(context.Context, string, string, string) ([]byte, map[string]string, error) {
	return nil, nil, observe.SecretNotFound("there are no Secrets")
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

// readAll reads a source once, with the limits of an operator.
func readAll(t *testing.T, ds *v1alpha1.DataSource) (*observe.Table, error) {
	t.Helper()
	reader, err := New(ds, observe.Dependencies{Keys: noKeys{}})
	if err != nil {
		return nil, err
	}
	return reader.Read(t.Context(), observe.Request{Now: now})
}
