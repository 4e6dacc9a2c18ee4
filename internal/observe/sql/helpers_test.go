package sql_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/sql"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the moment of every read.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// newSource declares the column org and metrics of the given columns.
func newSource(source v1alpha1.SQLSource, columns ...string) *v1alpha1.DataSource {
	ds := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "usage"},
		Spec:       v1alpha1.DataSourceSpec{Account: v1alpha1.AccountColumn{Field: "org"}, SQL: &source},
	}
	for _, c := range columns {
		ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: c, Type: v1alpha1.MetricText})
	}
	return ds
}

// newRemote declares a source that reads from a server, with two seconds for that.
func newRemote(driver v1alpha1.SQLDriver, query string, columns ...string) *v1alpha1.DataSource {
	ds := newSource(v1alpha1.SQLSource{Driver: driver, Query: query, DSNSecretRef: &v1alpha1.KeyReference{Name: "warehouse", Key: "dsn"}}, columns...)
	ds.Spec.Timeout = "2s"
	return ds
}

// fakeKeys holds the one Secret.
type fakeKeys struct {
	observe.KeyReader
	mu           sync.Mutex
	dsn, allowed string
}

// set changes the Secret.
func (k *fakeKeys) set(dsn, allowed string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dsn, k.allowed = dsn, allowed
}

func (k *fakeKeys) SecretKey(_ context.Context, _, name, key string) ([]byte, map[string]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	annotations := map[string]string{v1alpha1.AnnotationAllowDataSource: k.allowed}
	switch {
	case name != "warehouse":
		return nil, nil, observe.SecretNotFound("Secret %q is not there", name)
	case key != "dsn":
		return nil, annotations, observe.SecretNotFound("Secret %q has no key %q", name, key)
	}
	return []byte(k.dsn + "\n"), annotations, nil
}

// withSecret are dependencies with a Secret that allows every source.
func withSecret(dsn string) observe.Dependencies {
	return observe.Dependencies{Keys: &fakeKeys{dsn: dsn, allowed: "*"}}
}

// newProvider returns a provider that is closed with the test.
func newProvider(t *testing.T) *sql.Provider {
	provider := sql.NewProvider()
	t.Cleanup(provider.Close)
	return provider
}

// readOnce reads a source with a provider of its own.
func readOnce(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies) (*observe.Table, error) {
	t.Helper()
	provider := sql.NewProvider()
	defer provider.Close()
	return read(t.Context(), provider, ds, deps)
}

// read reads a source as its reconciler does, with its timeout.
func read(ctx context.Context, provider *sql.Provider, ds *v1alpha1.DataSource, deps observe.Dependencies) (*observe.Table, error) {
	reader, err := provider.Open(ds, deps)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, observe.Timeout(ds))
	defer cancel()
	return reader.Read(ctx, observe.Request{Now: now})
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
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		t.Fatalf("got %#v, want an *observe.Error", err)
	}
	if told.Reason != reason || told.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, reason, message)
	}
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	const limit = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
