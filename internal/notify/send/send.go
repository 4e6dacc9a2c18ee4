// Package send delivers messages to what a Notifier names: over HTTP, with the guard of addresses that sources have, and
// with errors that hold no secret.
package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/notify"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// Dependencies are what deliveries are made with.
type Dependencies struct {
	// Keys reads Secrets, from the API server and not from a cache.
	Keys observe.KeyReader
	// Dial connects to a server, or refuses to: network.Dialer in the operator.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now tells the time at which a request is signed.
	Now func() time.Time
}

// Failure is a delivery that did not succeed.
type Failure struct {
	// Message for people, with the field and the way out.
	Message string
	// Refused means that the receiver works and did not take this event; otherwise it does not work.
	Refused bool
	// Busy means that the receiver works and wants to be left alone for a while.
	Busy bool
	// RetryAfter is how long the receiver asks to be left alone; 0 where it does not say.
	RetryAfter time.Duration
}

// Endpoint is a receiver, for some deliveries. Close it after them.
type Endpoint struct {
	field     string
	target    *web.Target
	header    http.Header
	key       []byte
	write     func(*notify.Message) ([]byte, error)
	explain   func(status int, body []byte) string
	timeout   time.Duration
	now       func() time.Time
	transport *http.Transport
}

// Open checks what a notifier says of its receiver and reads the Secrets for it. Its error is an *observe.Error, or one
// of the API server.
func Open(ctx context.Context, n *v1alpha1.Notifier, timeout time.Duration, deps Dependencies) (*Endpoint, error) {
	e := &Endpoint{timeout: timeout, now: deps.Now}
	var (
		config *tls.Config
		err    error
	)
	switch {
	case n.Spec.CloudEvents != nil:
		if err = e.openCloudEvents(ctx, n, deps.Keys); err == nil {
			config, err = e.target.TLS(ctx, "spec.cloudEvents.tls", n.Spec.CloudEvents.TLS)
		}
	case n.Spec.Slack != nil:
		if err = e.openSlack(ctx, n, deps.Keys); err == nil {
			config, err = e.target.TLS(ctx, "spec.slack.tls", n.Spec.Slack.TLS)
		}
	default:
		err = observe.InvalidSpec("spec: one of cloudEvents and slack is required")
	}
	if err != nil {
		return nil, err
	}
	e.transport = &http.Transport{
		DialContext:            deps.Dial,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        1,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return e, nil
}

// Bounds of an answer.
const (
	maxHeaderBytes = 64 << 10
	maxAnswer      = 4 << 10
)

func (e *Endpoint) openCloudEvents(ctx context.Context, n *v1alpha1.Notifier, keys observe.KeyReader) error {
	to := n.Spec.CloudEvents
	e.field = "spec.cloudEvents.url"
	reserved := []string{"Content-Type"}
	if to.SigningSecretRef != nil {
		reserved = append(reserved, "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature")
	}
	target, err := web.NewTarget(keys, n.Namespace, web.Config{Field: "spec.cloudEvents", URL: string(to.URL), Headers: to.Headers, Reserved: reserved})
	if err != nil {
		return err
	}
	if e.header, err = target.Headers(ctx, to.Headers); err != nil {
		return err
	}
	if ref := to.SigningSecretRef; ref != nil {
		const field = "spec.cloudEvents.signingSecretRef"
		secret, err := target.Secret(ctx, field, *ref)
		if err != nil {
			return err
		}
		if e.key, err = notify.SigningKey(secret); err != nil {
			return observe.ReadFailed("%s: key %q of Secret %q: %v; write whsec_ and the key in base64, or the key without whsec_", field, ref.Key, ref.Name, err)
		}
	}
	e.target, e.write, e.explain = target, notify.CloudEvent, func(int, []byte) string { return "" }
	e.header.Set("Content-Type", "application/cloudevents+json; charset=UTF-8")
	return nil
}

func (e *Endpoint) openSlack(ctx context.Context, n *v1alpha1.Notifier, keys observe.KeyReader) error {
	e.field = "spec.slack.webhookSecretRef"
	target, err := web.SecretTarget(ctx, keys, n.Namespace, e.field, n.Spec.Slack.WebhookSecretRef)
	if err != nil {
		return err
	}
	e.target, e.write, e.explain = target, notify.Slack, explainSlack
	e.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	return nil
}

// Close closes the connection.
func (e *Endpoint) Close() { e.transport.CloseIdleConnections() }

// Send delivers one message. Nil means that the receiver took it.
func (e *Endpoint) Send(ctx context.Context, m *notify.Message) *Failure {
	body, err := e.write(m)
	if err != nil {
		return &Failure{Message: fmt.Sprintf("the event cannot be written: %v", err), Refused: true}
	}
	limited, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodPost, e.target.URL.String(), bytes.NewReader(body))
	if err != nil {
		return &Failure{Message: e.field + ": the request cannot be made; check the URL"}
	}
	req.Header = e.header.Clone()
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "perennial")
	}
	if req.Header.Get("X-Idempotency-Key") == "" {
		// Not sent: it lets the transport try again at once where the receiver has closed a connection that was kept for it.
		req.Header["X-Idempotency-Key"] = nil
	}
	if e.key != nil {
		for name, text := range notify.Sign(e.key, m.ID.String(), e.now(), body) {
			req.Header.Set(name, text)
		}
	}
	// The transport alone: no redirect is followed, no cookie kept.
	resp, err := e.transport.RoundTrip(req)
	if err != nil {
		return &Failure{Message: e.field + ": " + e.unreachable(limited, err)}
	}
	e.target.Answered()
	defer func() { _ = resp.Body.Close() }()
	// What is read to its end leaves the connection for the next delivery.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return e.failed(resp, answer)
}

// unreachable says why there was no answer. The error itself may hold the URL, which may be a secret.
func (e *Endpoint) unreachable(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s (spec.timeout); check that host and port are right, and that no firewall or network policy is between", e.timeout)
	}
	problem, remedy := e.target.Explain(err)
	// The remedies are written for those who read.
	return strings.NewReplacer("reading goes on", "delivery goes on").Replace(problem + "; " + remedy)
}

// failed says what an answer means that is not 2xx.
func (e *Endpoint) failed(resp *http.Response, answer []byte) *Failure {
	status := web.StatusText(resp.StatusCode)
	f := &Failure{}
	f.RetryAfter, _ = web.RetryAfter(resp.Header, e.now())
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		f.Busy = true
		f.Message = fmt.Sprintf("the receiver asks to be left alone for a while (%s); delivery goes on by itself", status)
	case code == http.StatusRequestTimeout:
		f.Message = fmt.Sprintf("the receiver gave up waiting for the request (%s); delivery goes on by itself", status)
	case code >= 500:
		f.Message = fmt.Sprintf("the receiver, or what is before it, fails (%s); see its log: delivery goes on by itself", status)
	default:
		f.Refused = true
		f.Message = e.refusal(code, status, answer)
	}
	f.Message = e.field + ": " + f.Message
	return f
}

// refusal says why a receiver did not take an event. What it writes is not repeated: it may hold anything.
func (e *Endpoint) refusal(code int, status string, answer []byte) string {
	if known := e.explain(code, answer); known != "" {
		return fmt.Sprintf("%s (%s)", known, status)
	}
	switch {
	case code >= 300 && code < 400:
		return fmt.Sprintf("the receiver redirects, which is not followed (%s); write the URL that takes the events itself", status)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Sprintf("the receiver refuses the credentials (%s); check the headers, the signing key and their Secrets", status)
	case code == http.StatusNotFound, code == http.StatusGone, code == http.StatusMethodNotAllowed:
		return fmt.Sprintf("the receiver takes nothing at this URL (%s); check its path", status)
	}
	return fmt.Sprintf("the receiver refuses the event (%s); see its log", status)
}
