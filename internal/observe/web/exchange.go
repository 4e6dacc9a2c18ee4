package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/observe"
)

// transport makes connections with the guard, and with nothing of the operator's surroundings: no proxy, no cookies.
func (c *Client) transport(dial dialFunc, config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err == nil {
				c.connected.Store(true)
			}
			return conn, err
		},
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        connsPerHost,
		MaxIdleConnsPerHost:    connsPerHost,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// exchange sends one request and returns its answer, whatever it is. What proves who asks is added here, by where the
// request goes and by nothing else, so that there is no other way for it to get anywhere.
func (c *Client) exchange(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Del("Referer") // of a redirect: it may hold the query of the URL before
	if !c.SameOrigin(req.URL) {
		return c.transmit(c.other, out)
	}
	maps.Copy(out.Header, c.header)
	if c.tokens != nil {
		token, err := c.token(req.Context())
		if err != nil {
			closeBody(out)
			return nil, err
		}
		out.Header.Set("Authorization", "Bearer "+token)
	}
	return c.transmit(c.own, out)
}

// exchangeForToken sends a request for a token. The source's headers may be needed where the server is the same, but not
// those that say what is sent and asked for.
func (c *Client) exchangeForToken(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	if !c.SameOrigin(req.URL) {
		return c.transmit(c.other, out)
	}
	for name, values := range c.header {
		if _, ok := out.Header[name]; !ok && name != "Accept" {
			out.Header[name] = values
		}
	}
	return c.transmit(c.own, out)
}

// transmit sends a request as it is.
func (c *Client) transmit(transport *http.Transport, req *http.Request) (*http.Response, error) {
	if len(req.Header.Values("User-Agent")) == 0 {
		req.Header.Set("User-Agent", "perennial")
	}
	resp, err := transport.RoundTrip(req)
	switch {
	case err != nil && req.Response != nil:
		return nil, redirectedError{err}
	case err != nil:
		return nil, err
	case transport == c.own:
		c.handshake.answered.Store(true)
	}
	return resp, nil
}

// redirectedError is an error of a server that another one redirected to.
type redirectedError struct{ error }

// Unwrap returns the error itself.
func (e redirectedError) Unwrap() error { return e.error }

// answer sends a request until there is an answer that is not "later", as long as there is time, and returns it if its
// status is 2xx or it passes. The error is an *observe.Error.
func (c *Client) answer(req *http.Request, send func(*http.Request) (*http.Response, error), passes func(*http.Response) bool) (*http.Response, error) {
	ctx := req.Context()
	if req.GetBody != nil {
		closeBody(req) // every attempt has its own
	}
	for {
		attempt := req.Clone(ctx)
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, c.Explain(ctx, err)
			}
			attempt.Body = body
		}
		resp, err := send(attempt)
		if err != nil {
			return nil, c.Explain(ctx, err)
		}
		if resp.StatusCode/100 == 2 || passes(resp) {
			return c.accept(ctx, resp)
		}
		drop(resp)
		pause, later := pauseAfter(resp)
		repeatable := req.Body == nil || req.GetBody != nil
		if !later || !repeatable || !c.wait(ctx, pause) {
			return nil, c.refused(resp)
		}
	}
}

// accept returns an answer whose body counts, and is not longer than allowed.
func (c *Client) accept(ctx context.Context, resp *http.Response) (*http.Response, error) {
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		drop(resp)
		return nil, observe.ReadFailed("%s.url: the answer is compressed in a way that was not asked for; check what stands before the server", c.config.Field)
	}
	if resp.StatusCode/100 != 2 {
		resp.Body = shortBody{io.LimitReader(resp.Body, maxErrorBytes), resp.Body}
	}
	resp.Body = &body{ReadCloser: resp.Body, client: c, ctx: ctx}
	return resp, nil
}

// wait waits before the next attempt, if there are attempts left in this read, and time after them.
func (c *Client) wait(ctx context.Context, pause time.Duration) bool {
	left := observe.Timeout(c.ds)
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	if pause+time.Second > left || c.waits.Add(1) > maxWaits {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// checkRedirect refuses redirects that lose a request's body, its protection, or their way.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	last, status := via[len(via)-1], statusText(req.Response.StatusCode)
	refuse := func(what string) error {
		return observe.ReadFailed("%s.url: the server redirects %s (%s); write the URL that gives the answer itself", c.config.Field, what, status)
	}
	req.URL.User = nil
	switch {
	case len(via) > maxRedirects:
		return observe.ReadFailed("%s.url: the server redirects more than %d times; write the URL that gives the answer itself", c.config.Field, maxRedirects)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https", req.URL.Hostname() == "":
		return refuse("to what is not http or https")
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return refuse("from https to http, which is not followed")
	case req.Method != http.MethodGet && originOf(req.URL) != originOf(last.URL):
		return refuse("a " + req.Method + " to another host, which is not followed")
	case req.Method != last.Method && req.Response.StatusCode != http.StatusSeeOther:
		return refuse("a " + last.Method + " in a way that loses its body")
	}
	return nil
}

// body is the body of an answer, which counts against what one read may give.
type body struct {
	io.ReadCloser
	client *Client
	ctx    context.Context
}

// Read reads, and closes the connection where there is more than allowed.
func (b *body) Read(p []byte) (int, error) {
	limit := b.client.budget.MaxBytes()
	n, err := b.ReadCloser.Read(p)
	if b.client.bytes.Add(int64(n)) > limit {
		_ = b.Close()
		return 0, observe.At(b.client.config.Field, b.client.budget.TooLarge())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, b.client.brokeOff(b.ctx, err)
	}
	return n, err
}

// shortBody is the beginning of a body.
type shortBody struct {
	io.Reader
	io.Closer
}

// drop ends an answer that nobody reads. What says that it is short is read, so that the connection can be used again.
func drop(resp *http.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= maxDrainedBytes {
		_, _ = io.CopyN(io.Discard, resp.Body, resp.ContentLength)
	}
	_ = resp.Body.Close()
}

// closeBody closes the body of a request that is not sent.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
