package metrics

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// counted keeps the series that have counted something.
func counted(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return strings.HasSuffix(line, " 0") || strings.Contains(line, "_bucket")
	})
}

func TestWhatHappensIsCounted(t *testing.T) {
	a := NewActivity([]string{"http", "sql"})
	sql := &v1alpha1.DataSource{Spec: v1alpha1.DataSourceSpec{SQL: &v1alpha1.SQLSource{}}}
	a.SourceRead(sql, v1alpha1.ReasonReadSucceeded, 2*time.Second)
	a.SourceRead(sql, v1alpha1.ReasonReadSucceeded, 3*time.Second)
	a.SourceRead(sql, v1alpha1.ReasonRowsDropped, time.Second)
	a.SourceRead(sql, "password=hunter2", 0) // a reason that nobody has thought of adds one series, not one each
	a.SourceRead(sql, "password=hunter3", -time.Hour)
	a.SourceRead(&v1alpha1.DataSource{}, v1alpha1.ReasonInvalidSpec, 0)
	a.AccountEvaluated(2*time.Millisecond, true)
	a.AccountEvaluated(time.Millisecond, false)
	a.AccountEvaluated(-time.Hour, false) // the clock went back
	want := []string{
		`perennial_account_evaluation_duration_seconds_sum 0.003`,
		`perennial_account_evaluation_duration_seconds_count 3`,
		`perennial_account_evaluations_total{result="changed"} 1`,
		`perennial_account_evaluations_total{result="unchanged"} 2`,
		`perennial_source_read_duration_seconds_count{provider="none"} 1`,
		`perennial_source_read_duration_seconds_sum{provider="sql"} 6`,
		`perennial_source_read_duration_seconds_count{provider="sql"} 5`,
		`perennial_source_reads_total{provider="none",result="InvalidSpec"} 1`,
		`perennial_source_reads_total{provider="sql",result="Other"} 2`,
		`perennial_source_reads_total{provider="sql",result="RowsDropped"} 1`,
		`perennial_source_reads_total{provider="sql",result="success"} 2`,
	}
	if diff := cmp.Diff(want, counted(scrapeOf(t, a))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatHasNotHappenedYetIsThereAsNothing(t *testing.T) {
	lines := scrapeOf(t, NewActivity([]string{"http", "sql"}))
	for _, line := range []string{
		`perennial_source_reads_total{provider="http",result="ReadFailed"} 0`,
		`perennial_source_reads_total{provider="sql",result="success"} 0`,
		`perennial_account_evaluations_total{result="changed"} 0`,
		`perennial_status_writes_total{kind="Task",result="conflict"} 0`,
		`perennial_status_writes_total{kind="DataSource",result="error"} 0`,
	} {
		if !slices.Contains(lines, line) {
			t.Errorf("there is no %s", line)
		}
	}
}

// writer is a client that writes statuses with an error.
type writer struct {
	client.Client
	err error
}

func (w writer) Status() client.SubResourceWriter { return statusWriter{err: w.err} }

func (w writer) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return schema.GroupVersionKind{}, err
	}
	return apiutil.GVKForObject(obj, scheme)
}

type statusWriter struct {
	client.SubResourceWriter
	err error
}

func (w statusWriter) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return w.err
}

func TestStatusWritesAreCountedByKindAndResult(t *testing.T) {
	a := NewActivity(nil)
	resource := schema.GroupResource{Group: "perennial.dev", Resource: "accounts"}
	for _, err := range []error{
		nil, nil, nil,
		apierrors.NewConflict(resource, "acme", errors.New("it is newer")), apierrors.NewConflict(resource, "acme", errors.New("it is newer")),
		apierrors.NewNotFound(resource, "acme"),
		errors.New("connection refused"),
	} {
		if got := a.CountStatusWrites(writer{err: err}).Status().Update(t.Context(), &v1alpha1.Account{}); !errors.Is(got, err) {
			t.Errorf("the writer says %v, the counting one %v", err, got)
		}
	}
	if err := a.CountStatusWrites(writer{}).Status().Update(t.Context(), &v1alpha1.Task{}); err != nil {
		t.Error(err)
	}
	want := []string{
		`perennial_status_writes_total{kind="Account",result="conflict"} 2`,
		`perennial_status_writes_total{kind="Account",result="error"} 1`,
		`perennial_status_writes_total{kind="Account",result="gone"} 1`,
		`perennial_status_writes_total{kind="Account",result="success"} 3`,
		`perennial_status_writes_total{kind="Task",result="success"} 1`,
	}
	if diff := cmp.Diff(want, linesOf(counted(scrapeOf(t, a)), "perennial_status")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingIsCountedWhereNobodyListens(t *testing.T) {
	var a *Activity
	a.SourceRead(&v1alpha1.DataSource{}, v1alpha1.ReasonReadSucceeded, time.Second)
	a.AccountEvaluated(time.Second, true)
	if c := a.CountStatusWrites(writer{}); c != client.Client(writer{}) {
		t.Errorf("the client became a %T", c)
	}
}

// running starts a registration, and returns once it says so or has failed.
func running(t *testing.T, registry prometheus.Registerer, collectors ...prometheus.Collector) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	registered := make(chan struct{})
	go func() {
		done <- Registration{Registerer: registry, Collectors: append(collectors, signal{registered})}.Start(ctx)
	}()
	select {
	case <-registered:
	case err := <-done:
		done <- err
	}
	return func() error {
		cancel()
		return <-done
	}
}

// signal is a collector that closes a channel when it is registered.
type signal struct{ registered chan struct{} }

func (s signal) Describe(out chan<- *prometheus.Desc) {
	out <- prometheus.NewDesc("test_signal", "Nothing.", nil, nil)
	select {
	case <-s.registered:
	default:
		close(s.registered)
	}
}

func (s signal) Collect(chan<- prometheus.Metric) {}

func TestMetricsAreRegisteredWhileTheOperatorRuns(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	count := func() int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return len(families)
	}
	first, second := NewActivity(nil), NewActivity(nil)
	for _, a := range []*Activity{first, second} {
		stop := running(t, registry, a, fleet(nil))
		if count() == 0 {
			t.Error("nothing is registered while it runs")
		}
		if err := running(t, registry, second, fleet(nil))(); err == nil || !strings.Contains(err.Error(), "register the metrics: ") {
			t.Errorf("two operators share a registry, and the second one says %v", err)
		}
		if count() == 0 {
			t.Error("who came second took away what the first one has")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := count(); n != 0 {
			t.Errorf("%d metrics are registered after it has ended", n)
		}
	}
	if err := (Registration{Collectors: []prometheus.Collector{first}}).Start(t.Context()); err != nil {
		t.Errorf("without a registerer: %v", err)
	}
}
