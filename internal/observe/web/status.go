package web

import (
	"fmt"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// maxRetryAfter bounds how long a server can keep a source from being read.
const maxRetryAfter = time.Hour

// forPrometheus reports whether an answer that is not 2xx is one that Prometheus's client knows how to read.
func forPrometheus(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return isJSON(resp)
	case http.StatusServiceUnavailable:
		return isJSON(resp) && resp.Header.Get("Retry-After") == ""
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return resp.Request.Method == http.MethodPost
	}
	return false
}

func isJSON(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// statusText writes a status: 404 Not Found. What a server writes beside the code is not repeated.
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return strconv.Itoa(code)
}

// refused says what an answer means that is not 2xx.
func (c *Client) refused(resp *http.Response) error {
	status := statusText(resp.StatusCode)
	failed := func(format string, args ...any) error {
		return observe.ReadFailed(c.config.Field+".url: "+format, args...)
	}
	switch code := resp.StatusCode; {
	case isBusy(resp), code >= 500:
		return observe.At(c.config.Field+".url", trouble(resp))
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return c.unauthorized(resp)
	case code == http.StatusNotFound, code == http.StatusGone:
		return failed("the server has nothing at this URL (%s); check its path", status)
	case code == http.StatusMethodNotAllowed:
		return failed("the server does not take a %s there (%s); check the path, and the method", resp.Request.Method, status)
	case code == http.StatusRequestTimeout:
		return failed("the server gave up waiting for the request (%s); reading goes on by itself", status)
	case code == http.StatusNotAcceptable:
		return failed("the server does not have the answer in the form that is asked for (%s); check the header Accept", status)
	case code == http.StatusUnsupportedMediaType:
		return failed("the server does not take the body in this form (%s); check the header Content-Type", status)
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return failed("the server does not understand the request (%s); check the URL and its parameters, the headers and the body, and that an https server is not asked with http", status)
	case code >= 300 && code < 400:
		return failed("the server redirects, and that cannot be followed (%s); write the URL that gives the answer itself", status)
	}
	return failed("the server does not answer the request (%s); check the URL, the headers and the body", status)
}

// isBusy reports whether a server asks to be left alone for a while. Some say so with 403.
func isBusy(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusServiceUnavailable, http.StatusForbidden:
		return resp.Header.Get("Retry-After") != ""
	}
	return false
}

// trouble says what is wrong with a server that cannot answer, or not now. The message has no time in it: it would be
// another one with every read.
func trouble(resp *http.Response) error {
	status := statusText(resp.StatusCode)
	switch {
	case isBusy(resp):
		retryAfter, _ := parseRetryAfter(resp.Header, time.Now())
		return observe.RateLimited(retryAfter, "the server asks to be left alone for a while (%s); it is read again then: if that happens often, raise spec.interval or ask for less", status)
	case resp.StatusCode == http.StatusNotImplemented:
		return observe.ReadFailed("the server does not know this kind of request (%s); check the URL", status)
	case resp.StatusCode >= http.StatusBadGateway && resp.StatusCode <= http.StatusGatewayTimeout:
		return observe.ReadFailed("the server, or what is behind it, is not available (%s); reading goes on by itself", status)
	}
	return observe.ReadFailed("the server failed (%s); see its log: reading goes on by itself", status)
}

// pauseAfter returns how long to wait after an answer before it is worth asking again in the same read; false: it is not.
func pauseAfter(resp *http.Response) (time.Duration, bool) {
	if !isBusy(resp) {
		return 0, false
	}
	if pause, ok := parseRetryAfter(resp.Header, time.Now()); ok {
		return pause, true
	}
	return time.Second, true
}

// unauthorized says what to do about credentials that are not there or not good.
func (c *Client) unauthorized(resp *http.Response) error {
	status, field := statusText(resp.StatusCode), c.config.Field
	if !c.SameOrigin(resp.Request.URL) {
		return observe.ReadFailed("%s.url: the server redirects to another one, which refuses the request (%s); credentials go to the host of this URL alone: if the other one wants them, write its URL here", field, status)
	}
	check := func(at, what string) error {
		return observe.ReadFailed("%s.%s: the server refuses the credentials (%s); check %s, and that it may read this URL", field, at, status, what)
	}
	switch auth := c.config.Auth; {
	case auth == nil:
	case auth.Bearer != nil:
		return check("auth", "the token in "+secretNames(&auth.Bearer.TokenSecretRef))
	case auth.Basic != nil:
		return check("auth", "the user and the password in "+secretNames(&auth.Basic.UsernameSecretRef, auth.Basic.PasswordSecretRef))
	default:
		return check("auth", "the client in "+secretNames(&auth.OAuth2.ClientIDSecretRef, &auth.OAuth2.ClientSecretRef)+", its scopes and params")
	}
	var refs []*v1alpha1.KeyReference
	for i := range c.config.Headers {
		refs = append(refs, c.config.Headers[i].ValueSecretRef)
	}
	if names := secretNames(refs...); names != noSecrets {
		return check("headers", "what is in "+names)
	}
	if c.config.TLS != nil && c.config.TLS.ClientCertificateSecretRef != nil {
		return check("tls.clientCertificateSecretRef", fmt.Sprintf("the certificate in Secret %q", c.config.TLS.ClientCertificateSecretRef.Name))
	}
	return observe.ReadFailed("%s.url: the server wants credentials (%s); give them with auth or headers, from a Secret", field, status)
}

// parseRetryAfter reads how long a server asks to be left alone: seconds, or a date, which is compared with the server's
// own clock where it tells.
func parseRetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := header.Get("Retry-After")
	// More digits than a number has are an infinite one, and an error.
	if seconds, err := strconv.ParseFloat(text, 64); (err == nil || math.IsInf(seconds, 0)) && !math.IsNaN(seconds) {
		bounded := min(max(seconds, 0), maxRetryAfter.Seconds())
		return time.Duration(math.Ceil(bounded)) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}
