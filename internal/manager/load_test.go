package manager

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// slowServer answers a request only when the test lets it, and counts how many are under way.
type slowServer struct {
	*httptest.Server
	release chan struct{}

	mu             sync.Mutex
	now, most      int
	bySource       map[string]int
	twice          bool
	answered, seen map[string]int
}

func newSlowServer(t *testing.T) *slowServer {
	s := &slowServer{release: make(chan struct{}), bySource: map[string]int{}, answered: map[string]int{}, seen: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		s.begin(name)
		defer s.end(name)
		select {
		case <-s.release:
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprint(w, `[{"org": "acme", "wau": 1}]`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *slowServer) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	s.most = max(s.most, s.now)
	s.bySource[name]++
	s.seen[name]++
	s.twice = s.twice || s.bySource[name] > 1
}

func (s *slowServer) end(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	s.bySource[name]--
	s.answered[name]++
}

func (s *slowServer) look(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func TestSourcesShareABoundedNumberOfReads(t *testing.T) {
	const sources, workers = 12, 3
	server := newSlowServer(t)
	w := newWorld(t)
	w.stop()
	w.sourceWorkers = workers
	w.start()
	for i := range sources {
		w.apply(fmt.Sprintf(`
kind: DataSource
metadata: {name: source-%d}
spec:
  account: {field: org}
  metrics: [{name: wau, type: Number}]
  http: {url: "%s/source-%d", format: JSON}
`, i, server.URL, i))
	}
	w.until("as many reads as there are workers", func() (err error) {
		server.look(func() {
			if server.now != workers {
				err = fmt.Errorf("%d reads are under way", server.now)
			}
		})
		return err
	})
	// Asking again for what is being read makes no second read beside it.
	for i := range sources {
		w.request(fmt.Sprintf("source-%d", i), "first")
	}
	close(server.release)
	for i := range sources {
		w.handled(fmt.Sprintf("source-%d", i), "first")
	}
	server.look(func() {
		if server.most != workers || server.twice {
			t.Errorf("%d reads at once, one source twice at once: %t; want %d and never", server.most, server.twice, workers)
		}
	})

	// A request reads now, although the next read is minutes away.
	var before int
	server.look(func() { before = server.seen["source-1"] })
	w.request("source-1", "second")
	w.handled("source-1", "second")
	server.look(func() {
		if got := server.seen["source-1"]; got != before+1 {
			t.Errorf("%d reads after a request, want %d", got, before+1)
		}
	})

	// Suspended is acknowledged, and reads no more, whatever is asked.
	w.patchSource("source-2", `{"spec": {"suspend": true}}`)
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "source-2"}}
	w.condition(ds, func() []metav1.Condition { return ds.Status.Conditions }, "Ready", "True", "Suspended", "the last values stand")
	if ds.Status.ObservedGeneration != ds.Generation {
		t.Errorf("observedGeneration is %d, generation %d", ds.Status.ObservedGeneration, ds.Generation)
	}
	server.look(func() { before = server.seen["source-2"] })
	w.request("source-2", "third")
	w.handled("source-2", "third")
	w.pass(24 * time.Hour)
	w.quiet()
	server.look(func() {
		if got := server.seen["source-2"]; got != before {
			t.Errorf("a suspended source was read %d times", got-before)
		}
	})
	w.patchSource("source-2", `{"spec": {"suspend": false}}`)
	w.condition(ds, func() []metav1.Condition { return ds.Status.Conditions }, "Ready", "True", "Ready", "was read")
}

// request asks for a read now.
func (w *world) request(name, id string) {
	w.t.Helper()
	w.patchSource(name, fmt.Sprintf(`{"metadata": {"annotations": {%q: %q}}}`, v1alpha1.AnnotationRequestedAt, id))
}

// patchSource changes a source as kubectl patch does.
func (w *world) patchSource(name, patch string) {
	w.t.Helper()
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := w.Patch(w.t.Context(), ds, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.t.Fatal(err)
	}
}

// handled waits until a request was acted on.
func (w *world) handled(name, id string) {
	w.t.Helper()
	w.until(fmt.Sprintf("source %s handled %s", name, id), func() error {
		var ds v1alpha1.DataSource
		err := w.Get(w.t.Context(), client.ObjectKey{Name: name}, &ds)
		if err == nil && ds.Status.LastHandledRequestedAt != id {
			err = fmt.Errorf("the last handled is %q", ds.Status.LastHandledRequestedAt)
		}
		return err
	})
}

func TestAReadUnderWayEndsWithItsSource(t *testing.T) {
	server := newSlowServer(t)
	defer close(server.release)
	w := newWorld(t)
	w.stop()
	w.sourceWorkers = 1
	w.start()
	source := func(name string) {
		w.apply(fmt.Sprintf(`
kind: DataSource
metadata: {name: %s}
spec:
  account: {field: org}
  timeout: 10m
  metrics: [{name: wau, type: Number}]
  http: {url: "%s/%[1]s", format: JSON}
`, name, server.URL))
	}
	reads := func(name string) {
		w.until(name+" is being read", func() (err error) {
			server.look(func() {
				if server.bySource[name] != 1 {
					err = fmt.Errorf("%d reads of it are under way", server.bySource[name])
				}
			})
			return err
		})
	}
	source("first")
	reads("first")
	w.patchSource("first", `{"spec": {"suspend": true}}`)
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "first"}}
	w.condition(ds, func() []metav1.Condition { return ds.Status.Conditions }, "Ready", "True", "Suspended", "")
	w.condition(ds, func() []metav1.Condition { return ds.Status.Conditions }, "Available", "Unknown", "Suspended", "the source was never read")

	source("second")
	reads("second")
	if err := w.Delete(t.Context(), &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "second"}}); err != nil {
		t.Fatal(err)
	}
	source("third")
	reads("third") // by the only worker
	if err := w.Delete(t.Context(), &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "third"}}); err != nil {
		t.Fatal(err)
	}
}
