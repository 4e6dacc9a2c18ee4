//go:build unix

// Package prometheus starts a real Prometheus server for a test, on a free loopback port, with its data in a temporary
// folder. It scrapes what the test says there is. The server ends with the test, and with the process.
package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/internal/testing/internal/server"
)

const (
	// awaitTimeout bounds how long a query may take to have its answer; a scrape needs a fraction of a second.
	awaitTimeout = 30 * time.Second
	// pollInterval is how often is asked whether it has.
	pollInterval = 50 * time.Millisecond
)

// Options say how a server differs from one that anybody may ask over http.
type Options struct {
	// Auth asks for a user and a password: User and Password.
	Auth bool
	// TLS serves https alone, with a certificate of an authority that nobody knows: CA.
	TLS bool
	// Flags of the program, after the ones that every server has.
	Flags []string
	// Config is YAML at the end of the configuration file, such as remote_read.
	Config string
}

// Server is a Prometheus server that can be stopped and started again on the same port, with the same data.
type Server struct {
	server.Restartable
	t       testing.TB
	options Options
	program string
	folder  string

	// exposed is what there is to scrape, target who says so.
	exposed atomic.Pointer[string]
	target  *httptest.Server
	ca      []byte
	client  *http.Client
}

// kind is what is to know of the server's program.
var kind = server.Kind{Name: "Prometheus", Ready: "Server is ready to receive web requests", Stop: syscall.SIGTERM, Kill: syscall.SIGKILL}

// Start starts a server and stops it at the end of the test. Where Prometheus is not installed the test is skipped, or
// fails if PERENNIAL_REQUIRE_SERVERS is 1.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	program, err := server.LookPath("prometheus", "prometheus", "/usr/bin")
	if err != nil {
		server.Missing(t, "Prometheus", err)
	}
	s := &Server{t: t, options: options, program: program, folder: server.Folder(t, "perennial-prometheus-", nil)}
	s.Expose("")
	s.target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, *s.exposed.Load())
	}))
	t.Cleanup(s.target.Close)
	s.writeConfig()
	s.client = s.newClient()
	t.Cleanup(s.client.CloseIdleConnections)
	s.Serve(t, s.run)
	return s
}

// URL is where the server answers.
func (s *Server) URL() string {
	scheme := "http"
	if s.options.TLS {
		scheme = "https"
	}
	return scheme + "://" + s.Address()
}

// CA is the certificate of the authority that signed the server's, in PEM.
func (s *Server) CA() []byte { return s.ca }

// Expose replaces what there is to scrape, in Prometheus's text format: one line a series, name{label="value"} 1.5.
// Series that are not in it any more end with the next scrape. Await waits for that. A server makes its first scrape
// five seconds after its start: a query that needs none, such as vector(1), needs no waiting.
func (s *Server) Expose(lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	s.exposed.Store(&text)
}

// Await waits until the answer to a query has just these values, in any order.
func (s *Server) Await(query string, values ...string) {
	s.t.Helper()
	slices.Sort(values)
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		got, err := s.query(ctx, query)
		if err == nil && slices.Equal(got, values) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("%s is %q, %v after %s; want %q", query, got, err, awaitTimeout, values)
		}
	}
}

// run starts the server and returns when it answers.
func (s *Server) run(int) (*server.Process, error) {
	args := []string{
		"--config.file=" + s.path("prometheus.yml"), "--web.config.file=" + s.path("web.yml"),
		"--storage.tsdb.path=" + s.path("data"), "--web.listen-address=" + s.Address(),
	}
	p, err := server.Start(kind, server.Command(s.folder, nil, kind.Kill, s.program, slices.Concat(args, s.options.Flags)...))
	if err == nil {
		err = s.ready()
	}
	return p, err
}

// ready asks the server itself: the port may be another program's, which was faster.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), awaitTimeout)
	defer cancel()
	if body, err := s.get(ctx, "/-/ready", nil); err != nil {
		return fmt.Errorf("the Prometheus server is not ready: %w: %s", err, body)
	}
	return nil
}

// query returns the values of a query's answer, sorted.
func (s *Server) query(ctx context.Context, query string) ([]string, error) {
	body, err := s.get(ctx, "/api/v1/query", url.Values{"query": {query}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var values []string
	for _, sample := range answer.Data.Result {
		values = append(values, fmt.Sprint(sample.Value[1]))
	}
	slices.Sort(values)
	return values, nil
}

// get returns what the server has under a path.
func (s *Server) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if s.options.Auth {
		req.SetBasicAuth(User, Password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answers %s: %s", resp.Status, body)
	}
	return body, err
}

// newClient makes the client that trusts the server.
func (s *Server) newClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

func (s *Server) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}
