package manager

import (
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// snapshots serves what the operator holds of the sources of a namespace, to who may get the path.
//
// It is served beside the metrics where those are secured, and nowhere else: what the sources gave is customers' data, and
// without TLS and the API server's word on who asks it would be anybody's. A role allows one namespace by its path,
// /snapshot/team-a, or all of them by /snapshot/*.
type snapshots struct {
	store    *observe.Store
	clock    clock.PassiveClock
	timeZone string
	settle   string
	// namespaces that are watched; none means all.
	namespaces []string
	// elected is closed once this is the replica that reads the sources.
	elected func() <-chan struct{}
}

// handlers are what the metrics server serves besides the metrics.
func (s *snapshots) handlers(o Options) map[string]http.Handler {
	if !o.MetricsSecure {
		return nil
	}
	return map[string]http.Handler{snapshot.Path + "{namespace}": s}
}

// newSnapshots prepares the handler. Who was elected is known later.
func newSnapshots(o Options, store *observe.Store) *snapshots {
	return &snapshots{store: store, clock: o.Clock, timeZone: o.Location.String(), settle: o.Settle.String(), namespaces: o.Namespaces}
}

// ServeHTTP implements http.Handler.
func (s *snapshots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace := r.PathValue("namespace")
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "a snapshot can be read, and nothing else", http.StatusMethodNotAllowed)
		return
	case len(content.IsDNS1123Label(namespace)) > 0:
		http.Error(w, "the path ends in the name of a namespace: "+snapshot.Path+"NAMESPACE", http.StatusNotFound)
		return
	case len(s.namespaces) > 0 && !slices.Contains(s.namespaces, namespace):
		http.Error(w, fmt.Sprintf("this operator does not watch the namespace %s: its --namespaces has others", namespace), http.StatusNotFound)
		return
	case !s.active():
		http.Error(w, "this replica is not the active one: it has read nothing; ask the other", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	var out io.Writer = w
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		compressed := gzip.NewWriter(w)
		defer func() { _ = compressed.Close() }() // the reader misses the last line where this fails
		out = compressed
	}
	header := snapshot.Header{Time: s.clock.Now(), Namespace: namespace, TimeZone: s.timeZone, Settle: s.settle}
	if err := snapshot.WriteFacts(out, header, s.dumps(namespace)); err != nil {
		ctrl.Log.WithName("snapshot").V(1).Info("A snapshot was not read to its end", "namespace", namespace, "reason", err.Error())
	}
}

// active reports whether this replica reads the sources.
func (s *snapshots) active() bool {
	select {
	case <-s.elected():
		return true
	default:
		return false
	}
}

// dumps makes what is held of each source when it is asked for: one at a time.
func (s *snapshots) dumps(namespace string) iter.Seq[*observe.Dump] {
	return func(yield func(*observe.Dump) bool) {
		for _, source := range s.store.Sources(namespace) {
			// A source that was deleted meanwhile is not there.
			if d := s.store.Dump(types.NamespacedName{Namespace: namespace, Name: source}); d != nil && !yield(d) {
				return
			}
		}
	}
}

// acceptsGzip reports whether an answer may be compressed.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(weight, " ", "") != "q=0"
		}
	}
	return false
}
