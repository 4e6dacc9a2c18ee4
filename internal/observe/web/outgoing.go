package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Target is one URL that something is sent to, and the Secrets that may be sent along. Its errors are of type
// *observe.Error.
type Target struct {
	// URL to send to.
	URL *url.URL

	keys *keyring
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
	notAllowed := observe.SecretNotAllowed("%s: Secret %q does not allow the host of the URL in it; to allow it, with that host in the place of HOST: %s",
		field, ref.Name, observe.AllowCommand(namespace, ref.Name, v1alpha1.AnnotationAllowHost, allowed, "HOST"))
	if strings.TrimSpace(allowed) == "" {
		return nil, notAllowed // nor does it tell which keys it has
	}
	if err != nil {
		return nil, observe.At(field, err)
	}
	text := strings.TrimSpace(string(data))
	u, err := url.Parse(text)
	if err != nil || checkURL(field, text) != nil {
		return nil, observe.ReadFailed("%s: key %q of Secret %q does not hold a URL like https://host/path; write the webhook's there, and nothing else", field, ref.Key, ref.Name)
	}
	o := originOf(u)
	if !o.allowedBy(allowed) {
		return nil, notAllowed
	}
	return &Target{URL: u, keys: &keyring{keys: keys, namespace: namespace, field: field, origins: []origin{o}}}, nil
}

// RetryAfter reads how long a server asks to be left alone, an hour at the most; false where it does not say.
func RetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	return parseRetryAfter(header, now)
}

// StatusText writes a status: 404 Not Found. What a server writes beside the code is not repeated.
func StatusText(code int) string { return statusText(code) }
