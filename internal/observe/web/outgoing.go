package web

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// Target is one URL that something is sent to, and the Secrets that may be sent along. Its errors are of type
// *observe.Error.
type Target struct {
	// URL to send to.
	URL *url.URL

	keys      *keyring
	handshake handshake
}

// NewTarget checks a URL and the headers that go with it. Nothing is read.
func NewTarget(keys observe.KeyReader, namespace string, config Config) (*Target, error) {
	if err := Check(config); err != nil {
		return nil, err
	}
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, observe.InvalidSpec("%s.url: %s", config.Field, notAURL)
	}
	return &Target{URL: u, keys: &keyring{keys: keys, namespace: namespace, field: config.Field, origins: []origin{originOf(u)}}}, nil
}

// Headers reads the headers of a spec.
func (t *Target) Headers(ctx context.Context, list []v1alpha1.HTTPHeader) (http.Header, error) {
	return headers(ctx, t.keys, list)
}

// TLS reads the options that stand at a field, and returns how TLS is spoken to the target.
func (t *Target) TLS(ctx context.Context, field string, options *v1alpha1.TLSOptions) (*tls.Config, error) {
	own, _, err := t.handshake.tlsConfigs(ctx, t.keys, field, options)
	return own, err
}

// Answered notes that the target has given an answer.
func (t *Target) Answered() { t.handshake.answered.Store(true) }

// Explain says why there was no answer, and what to do, without anything of the URL.
func (t *Target) Explain(err error) (problem, remedy string) {
	for _, explain := range []func(error) (string, string){t.handshake.explain, explainHTTP, network.Explain} {
		if problem, remedy = explain(err); problem != "" {
			break
		}
	}
	return problem, remedy
}

// Secret returns what a key of a Secret holds that allows the target's host.
func (t *Target) Secret(ctx context.Context, field string, ref v1alpha1.KeyReference) (string, error) {
	return t.keys.secret(ctx, field, ref)
}

// SecretTarget returns the target whose URL is itself in a Secret, which must allow the URL's host. Nothing of the URL is
// in an error, its host neither: who reads the error may not be one who reads the Secret.
func SecretTarget(ctx context.Context, keys observe.KeyReader, namespace, field string, ref v1alpha1.KeyReference) (*Target, error) {
	data, annotations, err := keys.SecretKey(ctx, namespace, ref.Name, ref.Key)
	if annotations == nil && err != nil {
		return nil, observe.At(field, err)
	}
	allowed := annotations[v1alpha1.AnnotationAllowHost]
	ring := &keyring{keys: keys, namespace: namespace, field: field, hiddenIn: ref.Name}
	if strings.TrimSpace(allowed) == "" {
		return nil, ring.hostNotAllowed(field, ref.Name, allowed) // nor does it tell which keys it has
	}
	if err != nil {
		return nil, observe.At(field, err)
	}
	text := strings.TrimSpace(string(data))
	u, err := url.Parse(text)
	if err != nil || checkURL(field, text) != nil {
		return nil, observe.ReadFailed("%s: key %q of Secret %q does not hold a URL like https://host/path; write the webhook's there, and nothing else", field, ref.Key, ref.Name)
	}
	ring.origins = []origin{originOf(u)}
	if err := ring.allowed(field, ref.Name, allowed); err != nil {
		return nil, err
	}
	return &Target{URL: u, keys: ring}, nil
}

// RetryAfter reads how long a server asks to be left alone, an hour at the most; false where it does not say.
func RetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	return parseRetryAfter(header, now)
}

// StatusText writes a status: 404 Not Found. What a server writes beside the code is not repeated.
func StatusText(code int) string { return statusText(code) }
