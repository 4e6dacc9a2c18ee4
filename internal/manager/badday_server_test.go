package manager

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// feedServer is an HTTP server that gives what it is told to, until it is told to be in trouble.
type feedServer struct {
	t       *testing.T
	address string
	config  *tls.Config
	server  *http.Server

	mu sync.Mutex
	// bodies are what it gives, by the query of the URL.
	bodies  map[string]string
	trouble http.HandlerFunc
	asked   int
}

// newFeedServer starts a server on a free port; with a configuration of TLS it speaks that.
func newFeedServer(t *testing.T, config *tls.Config) *feedServer {
	t.Helper()
	s := &feedServer{t: t, address: "127.0.0.1:0", config: config, bodies: map[string]string{}}
	s.up()
	t.Cleanup(s.down)
	return s
}

// up starts the server, the second time on the port that it had.
func (s *feedServer) up() {
	s.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	server := &http.Server{Handler: s, TLSConfig: s.config, ErrorLog: log.New(io.Discard, "", 0)}
	s.server = server
	go func() {
		if s.config != nil {
			_ = server.ServeTLS(listener, "", "")
			return
		}
		_ = server.Serve(listener)
	}()
}

// down stops the server and ends its connections.
func (s *feedServer) down() { _ = s.server.Close() }

// ServeHTTP implements http.Handler.
func (s *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	trouble := s.trouble
	s.asked++
	s.mu.Unlock()
	if trouble != nil {
		trouble(w, r)
		return
	}
	s.answer(w, r)
}

// answer gives what the server gives when it is in no trouble.
func (s *feedServer) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	body := s.bodies[r.URL.RawQuery]
	s.mu.Unlock()
	_, _ = io.WriteString(w, body)
}

// gives has the server give a body.
func (s *feedServer) gives(body string) { s.givesPages(map[string]string{"": body}) }

// givesPages has the server give a body for each query of the URL.
func (s *feedServer) givesPages(bodies map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = bodies
}

// does has the server do something else; nil is nothing else.
func (s *feedServer) does(trouble http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = trouble
}

// well ends the trouble.
func (s *feedServer) well() { s.does(nil) }

// requests returns how often the server was asked.
func (s *feedServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// badDayHTTP is the rest of the spec of a source that is read from a server, with more of spec.http.
func badDayHTTP(s *feedServer, format, more string) string {
	scheme := "http"
	if s.config != nil {
		scheme = "https"
	}
	spec := "  interval: 5m\n  timeout: 10s\n  http:\n    url: " + scheme + "://" + s.address + "/orgs\n    format: " + format + "\n"
	for line := range strings.SplitSeq(strings.TrimSpace(more), "\n") {
		spec += "    " + line + "\n"
	}
	return spec
}

// newHTTPDay is a bad day of a server that gives a list of JSON.
func newHTTPDay(t *testing.T) (*badDay, *feedServer) {
	t.Helper()
	s := newFeedServer(t, nil)
	return newBadDay(t, s.address, badDayHTTP(s, "JSON", ""), func(_ *badDay, orgs []org) { s.gives(orgsJSON(orgs)) }), s
}

// newPagesDay is a bad day of a server that gives three pages of JSON.
func newPagesDay(t *testing.T) (*badDay, *feedServer) {
	t.Helper()
	s := newFeedServer(t, nil)
	const more = "records: .rows[]\npagination: {type: NextURL, next: .next}"
	return newBadDay(t, s.address, badDayHTTP(s, "JSON", more), func(_ *badDay, orgs []org) {
		s.givesPages(map[string]string{
			"":       `{"next": "?page=2", "rows": ` + orgsJSON(orgs[:7]) + `}`,
			"page=2": `{"next": "?page=3", "rows": ` + orgsJSON(orgs[7:14]) + `}`,
			"page=3": `{"rows": ` + orgsJSON(orgs[14:]) + `}`,
		})
	}), s
}
