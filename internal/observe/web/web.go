// Package web is what sources that speak HTTP have in common: requests with credentials from Secrets that go to one host
// alone, bounded bodies, and errors that a person can act on and that hold no secret and no customer's data.
package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"golang.org/x/oauth2"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// Config is what a source's spec says of its server.
type Config struct {
	// Field is the path of the provider in the spec, for errors: spec.http.
	Field string
	// URL of the server. Credentials go to its scheme, host and port alone.
	URL string
	// Headers, Auth and TLS are those of the spec.
	Headers []v1alpha1.HTTPHeader
	Auth    *v1alpha1.HTTPAuth
	TLS     *v1alpha1.TLSOptions
	// Reserved are further headers, in canonical form, that the operator sets itself.
	Reserved []string
}

// Client asks one source's server, for one read. It is an http.RoundTripper for those who need one, and may be used by
// several goroutines.
type Client struct {
	ds     *v1alpha1.DataSource
	config Config
	budget *observe.Budget

	// origin is the only place that header, tokens and the client certificate of own go to; other is for every other
	// place.
	origin     origin
	header     http.Header
	tokens     oauth2.TokenSource
	own, other *http.Transport

	// connected says that there was a connection.
	connected atomic.Bool
	handshake handshake

	bytes atomic.Int64
	waits atomic.Int32
}

// New reads the Secrets and the CA of a source and returns the client for one read. Close it after the read.
func New(ctx context.Context, ds *v1alpha1.DataSource, deps observe.Dependencies, budget *observe.Budget, config Config) (*Client, error) {
	if err := Check(config); err != nil {
		return nil, err
	}
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, observe.InvalidSpec("%s.url: %s", config.Field, notAURL)
	}
	c := &Client{ds: ds, config: config, budget: budget, origin: originOf(u)}
	keys := &keyring{keys: deps.Keys, namespace: ds.Namespace, field: config.Field, origins: []origin{c.origin}}
	own, other, err := c.handshake.tlsConfigs(ctx, keys, config.Field+".tls", config.TLS)
	if err != nil {
		return nil, err
	}
	dial := deps.Dial
	if dial == nil {
		dial = network.Dialer{AllowLoopback: true}.DialContext
	}
	c.own, c.other = c.transport(dial, own), c.transport(dial, other)
	if c.header, err = headers(ctx, keys, config.Headers); err != nil {
		return nil, err
	}
	if err := c.authorize(ctx, keys, config.Auth); err != nil {
		return nil, err
	}
	return c, nil
}

// Response is an answer with status 2xx, whole.
type Response struct {
	// URL that answered, after redirects.
	URL *url.URL
	// Header of the answer.
	Header http.Header
	// Body of the answer.
	Body []byte
}

// Do sends a request and returns its answer; the error is an *observe.Error. A URL of another origin than the source's
// is asked without credentials and headers.
func (c *Client) Do(ctx context.Context, method string, u *url.URL, body []byte) (*Response, error) {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, observe.ReadFailed("%s.url: a URL that the reading leads to is not one of http or https, with a host; check where it comes from", c.config.Field)
	}
	asked := *u
	asked.User, asked.Fragment, asked.RawFragment = nil, "", ""
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, asked.String(), content)
	if err != nil {
		return nil, observe.ReadFailed("%s.url: %s", c.config.Field, notAURL)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	follow := &http.Client{Transport: roundTripper(c.exchange), CheckRedirect: c.checkRedirect}
	resp, err := c.answer(req, follow.Do, func(*http.Response) bool { return false })
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.Explain(ctx, err)
	}
	return &Response{URL: resp.Request.URL, Header: resp.Header, Body: data}, nil
}

// RoundTrip implements http.RoundTripper, with the client's credentials, limits and guard; it follows no redirect. An
// answer that is not 2xx is an error, except 400, 422 and 503 with a JSON body, by which Prometheus says what is wrong,
// and 403, 405 and 501 to a POST, after which its client tries a GET. Where the server asks to wait a moment it waits
// and asks again, as Do does.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	return c.answer(req, c.exchange, forPrometheus)
}

// SameOrigin reports whether a URL has the scheme, host and port that the client's credentials are for.
func (c *Client) SameOrigin(u *url.URL) bool { return originOf(u) == c.origin }

// Close closes the client's connections.
func (c *Client) Close() {
	c.own.CloseIdleConnections()
	c.other.CloseIdleConnections()
}

// Bounds of one connection.
const (
	maxHeaderBytes  = 256 << 10
	connsPerHost    = 8
	maxRedirects    = 5
	maxWaits        = 5
	maxTokenBytes   = 256 << 10
	maxErrorBytes   = 64 << 10
	maxDrainedBytes = 4 << 10
)

// roundTripper is a function that is an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// dialFunc connects to a server.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)
