package manager

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/perennial-dev/perennial/internal/observe"
)

// TestTheHandlerOfSnapshots is about what it does by itself: who may ask is the filter's before it.
func TestTheHandlerOfSnapshots(t *testing.T) {
	active, waiting := make(chan struct{}), make(chan struct{})
	close(active)
	for name, c := range map[string]struct {
		method, path, accepts string
		elected               <-chan struct{}
		status                int
		encoding, says        string
	}{
		"the replica that reads the sources":     {http.MethodGet, "/snapshot/team-a", "", active, http.StatusOK, "", `"kind":"End","lines":2`},
		"one that waits":                         {http.MethodGet, "/snapshot/team-a", "", waiting, http.StatusServiceUnavailable, "", "not the active one"},
		"another namespace":                      {http.MethodGet, "/snapshot/team-b", "", active, http.StatusNotFound, "", "does not watch the namespace team-b"},
		"what is no name":                        {http.MethodGet, "/snapshot/team-a%2F..%2Fteam-b", "", active, http.StatusNotFound, "", "ends in the name of a namespace"},
		"who wants to change it":                 {http.MethodPost, "/snapshot/team-a", "", active, http.StatusMethodNotAllowed, "", "can be read"},
		"who takes it compressed":                {http.MethodGet, "/snapshot/team-a", "br, GZIP", active, http.StatusOK, "gzip", ""},
		"who does not":                           {http.MethodGet, "/snapshot/team-a", "gzip; q=0, *", active, http.StatusOK, "", `"kind":"End"`},
		"and says so for all but another coding": {http.MethodGet, "/snapshot/team-a", "br", active, http.StatusOK, "", `"kind":"End"`},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{MetricsSecure: true, Clock: clocktesting.NewFakePassiveClock(time.Now()), Location: time.UTC, Namespaces: []string{"team-a"}}
			s := newSnapshots(o, observe.NewStore())
			s.elected = func() <-chan struct{} { return c.elected }
			mux := http.NewServeMux()
			for path, handler := range s.handlers(o) {
				mux.Handle(path, handler)
			}
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody)
			r.Header.Set("Accept-Encoding", c.accepts)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("Content-Encoding") != c.encoding || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("got %d, %q: %s", w.Code, w.Header().Get("Content-Encoding"), w.Body)
			}
		})
	}
}
