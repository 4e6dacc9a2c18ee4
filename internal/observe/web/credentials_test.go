package web_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// recorder keeps what a server was asked.
type recorder struct {
	mu       sync.Mutex
	requests []*http.Request
	// next handles the request after that; nil answers 200.
	next http.HandlerFunc
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req)
	r.mu.Unlock()
	if r.next != nil {
		r.next(w, req)
	}
}

// all returns what was asked so far.
func (r *recorder) all() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// last returns the last request.
func (r *recorder) last(t *testing.T) *http.Request {
	t.Helper()
	all := r.all()
	if len(all) == 0 {
		t.Fatal("nothing was asked")
	}
	return all[len(all)-1]
}

func TestCredentialsAreSentAsTheSpecSays(t *testing.T) {
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	tests := map[string]struct {
		change func(*source)
		want   map[string]string
	}{
		"nothing":                     {func(*source) {}, map[string]string{"Authorization": "", "User-Agent": "perennial", "Cookie": "", "Accept": "", "Content-Type": ""}},
		"a token":                     {func(s *source) { s.bearer() }, map[string]string{"Authorization": "Bearer " + theToken}},
		"a user and a password":       {func(s *source) { s.basic() }, map[string]string{"Authorization": basic(theUser, thePassword)}},
		"a user alone":                {func(s *source) { s.basic().config.Auth.Basic.PasswordSecretRef = nil }, map[string]string{"Authorization": basic(theUser, "")}},
		"a header from a Secret":      {func(s *source) { s.header("X-Api-Key") }, map[string]string{"X-Api-Key": theKey}},
		"Authorization from a Secret": {func(s *source) { s.header("authorization") }, map[string]string{"Authorization": theKey}},
		"a header of the spec":        {plain("X-Tenant", "north"), map[string]string{"X-Tenant": "north"}},
		"another User-Agent":          {plain("user-agent", "crm-reader"), map[string]string{"User-Agent": "crm-reader"}},
		"what is asked for":           {plain("Accept", "text/csv"), map[string]string{"Accept": "text/csv"}},
		"a token and a header":        {func(s *source) { s.bearer().header("X-Api-Key") }, map[string]string{"Authorization": "Bearer " + theToken, "X-Api-Key": theKey}},
		"a body, which is JSON":       {func(s *source) { s.method, s.body = http.MethodPost, []byte("{}") }, map[string]string{"Content-Type": "application/json", "Content-Length": "2"}},
		"a body that is something else": {func(s *source) {
			plain("content-type", "text/x-query")(s)
			s.method, s.body = http.MethodPost, []byte("q")
		}, map[string]string{"Content-Type": "text/x-query"}},
		"a POST with a body of no bytes": {func(s *source) { s.method, s.body = http.MethodPost, []byte{} }, map[string]string{"Content-Type": "application/json", "Content-Length": "0"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			server := serve(t, r.ServeHTTP)
			source := newSource(server.URL + "/orgs?q=1")
			test.change(source)
			source.mustRead(t)
			got := r.last(t)
			for header, want := range test.want {
				if header == "Content-Length" {
					if fmt.Sprint(got.ContentLength) != want {
						t.Errorf("a body of %d bytes, want %s", got.ContentLength, want)
					}
				} else if got.Header.Get(header) != want {
					t.Errorf("%s: got %q, want %q", header, got.Header.Get(header), want)
				}
			}
		})
	}
}

func plain(name, value string) func(*source) {
	return func(s *source) {
		s.config.Headers = append(s.config.Headers, v1alpha1.HTTPHeader{Name: name, Value: value})
	}
}

func TestARotatedSecretIsInTheNextRead(t *testing.T) {
	r := &recorder{}
	source := newSource(serve(t, r.ServeHTTP).URL).bearer()
	source.mustRead(t)
	source.keys.secrets["success/api"].data["token"] = "another-one"
	source.mustRead(t)
	if got := r.last(t).Header.Get("Authorization"); got != "Bearer another-one" {
		t.Errorf("got %q", got)
	}
}

// everything is a source with every kind of credential that one request can have.
func everything(t *testing.T, a *authority, rawURL string) *source {
	s := newSource(rawURL).bearer().header("X-Api-Key")
	plain("X-Tenant", "north")(s)
	plain("Cookie", "c="+theKey)(s)
	s.keys.configMaps["success/ca/ca.crt"] = a.pem
	certPEM, keyPEM := a.issue(t, nil)
	s.keys.secrets["success/client"] = secret{allowed: hostOf(rawURL), data: map[string]string{"tls.crt": certPEM, "tls.key": keyPEM}}
	s.config.TLS = &v1alpha1.TLSOptions{
		CAConfigMapRef:             &v1alpha1.KeyReference{Name: "ca", Key: "ca.crt"},
		ClientCertificateSecretRef: &v1alpha1.LocalReference{Name: "client"},
	}
	return s
}

// credentialsIn lists what a request proves who asks with, or tells of the URL before.
func credentialsIn(r *http.Request) []string {
	var found []string
	for _, name := range []string{"Authorization", "Cookie", "Referer", "X-Api-Key", "X-Tenant"} {
		if r.Header.Get(name) != "" {
			found = append(found, name)
		}
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		found = append(found, "certificate")
	}
	return found
}

// TestCredentialsStayWithTheirOrigin lets the source's server redirect to every other kind of place, and sees that
// nothing that proves who asks comes along.
func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	a := newAuthority(t)
	names := startNameServer(t)
	for _, name := range []string{"api.test", "sub.api.test", "test", "other.test"} {
		names.set(name, []string{"127.0.0.1"})
	}
	all := []string{"Authorization", "Cookie", "X-Api-Key", "X-Tenant", "certificate"}
	withoutTLS := all[:4]
	https := func(h http.HandlerFunc) *httptest.Server {
		return a.serve(t, h, func(c *x509.Certificate) { c.DNSNames = []string{"api.test", "sub.api.test", "test", "other.test"} }, nil)
	}
	tests := map[string]struct {
		// from is the scheme of the source, to is where it redirects to: PORT is its own port, OTHER one of another server.
		from, to string
		want     []string
	}{
		"the same place":               {"https", "https://api.test:PORT/x", all},
		"the same place, relative":     {"https", "/x", all},
		"the same place in upper case": {"https", "HTTPS://API.test:PORT/x", all},
		"another port":                 {"https", "https://api.test:OTHER/x", nil},
		"a host below":                 {"https", "https://sub.api.test:PORT/x", nil},
		"the host above":               {"https", "https://test:PORT/x", nil},
		"another host":                 {"https", "https://other.test:PORT/x", nil},
		"its address":                  {"https", "https://127.0.0.1:PORT/x", nil},
		"the host with a dot":          {"https", "https://api.test.:PORT/x", nil},
		"the same place without TLS":   {"http", "http://api.test:PORT/x", withoutTLS},
		"another port without TLS":     {"http", "http://api.test:OTHER/x", nil},
		"from http to https":           {"http", "https://api.test:TLS/x", nil},
		"a user in the URL":            {"http", "http://jo:word@other.test:PORT/x", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			first, other := &recorder{}, &recorder{}
			start := map[string]func(http.HandlerFunc) *httptest.Server{"https": https, "http": func(h http.HandlerFunc) *httptest.Server { return serve(t, h) }}
			ports := map[string]string{}
			first.next = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/x" {
					to := test.to
					for word, port := range ports {
						to = strings.ReplaceAll(to, word, port)
					}
					w.Header().Set("Location", to)
					w.WriteHeader(http.StatusFound)
				}
			}
			own := start[test.from](first.ServeHTTP)
			ports["PORT"] = portOf(own.URL)
			ports["OTHER"] = portOf(start[test.from](other.ServeHTTP).URL)
			ports["TLS"] = portOf(https(other.ServeHTTP).URL)
			source := everything(t, a, test.from+"://api.test:"+ports["PORT"]+"/orgs?key="+theQuery)
			source.dialer = network.Dialer{AllowLoopback: true, Resolver: names.resolver()}
			source.mustRead(t)

			asked := append(first.all(), other.all()...)
			if len(asked) != 2 {
				t.Fatalf("%d requests arrived, want 2", len(asked))
			}
			for i, want := range [][]string{map[string][]string{"https": all, "http": withoutTLS}[test.from], test.want} {
				if diff := cmp.Diff(want, credentialsIn(asked[i])); diff != "" {
					t.Errorf("request %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}

func portOf(rawURL string) string {
	_, port, _ := net.SplitHostPort(hostOf(rawURL))
	return port
}

func TestAURLOfAnotherOriginIsAskedWithoutCredentials(t *testing.T) {
	a := newAuthority(t)
	r := &recorder{}
	own, other := a.serve(t, r.ServeHTTP, nil, nil), a.serve(t, r.ServeHTTP, nil, nil)
	source := everything(t, a, own.URL)
	source.mustRead(t, other.URL)
	if got := credentialsIn(r.last(t)); got != nil {
		t.Errorf("it got %v", got)
	}
	source.mustRead(t, strings.Replace(other.URL, "//", "//jo:word@", 1))
	if got := credentialsIn(r.last(t)); got != nil {
		t.Errorf("with a user in the URL it got %v", got)
	}
	client, err := source.open(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	for rawURL, want := range map[string]bool{own.URL: true, own.URL + "/x?y#z": true, other.URL: false, strings.Replace(own.URL, "https", "http", 1): false, "/x": false} {
		u, _ := url.Parse(rawURL)
		if client.SameOrigin(u) != want {
			t.Errorf("%s is of the same origin: %t, want %t", rawURL, !want, want)
		}
	}
}

func TestSecretsMustAllowTheHost(t *testing.T) {
	const api = "https://api.hubapi.com/orgs"
	const notAllowed, notFound, failed = v1alpha1.ReasonSecretNotAllowed, v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonReadFailed
	kubectl := func(list string) string {
		return "kubectl annotate secret -n success api 'perennial.dev/allow-host=" + list
	}
	tests := map[string]struct {
		url, allowed    string
		change          func(*source)
		reason, message string
	}{
		"nobody is allowed": {
			api, "", func(s *source) { s.bearer() }, notAllowed,
			`spec.http.auth.bearer.tokenSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("api.hubapi.com'"),
		},
		"others are allowed": {
			api, "crm.test, *.crm.test", func(s *source) { s.header("X-Key") }, notAllowed,
			`spec.http.headers[X-Key].valueSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("crm.test, *.crm.test,api.hubapi.com' --overwrite"),
		},
		"a list that ends the quotes": {
			api, "x'; rm y; '", func(s *source) { s.bearer() }, notAllowed,
			`spec.http.auth.bearer.tokenSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl(`x'\''; rm y; '\'',api.hubapi.com' --overwrite`),
		},
		"another port": {
			"https://api.hubapi.com:8443", "api.hubapi.com", func(s *source) { s.basic() }, notAllowed,
			`spec.http.auth.basic.usernameSecretRef: Secret "api" does not allow the host api.hubapi.com:8443; to allow it: ` + kubectl("api.hubapi.com,api.hubapi.com:8443' --overwrite"),
		},
		"an address of IPv6": {
			"http://[FD12::1]:9090", "", func(s *source) { s.bearer() }, notAllowed,
			`spec.http.auth.bearer.tokenSecretRef: Secret "api" does not allow the host [fd12::1]:9090; to allow it: ` + kubectl("[fd12::1]:9090'"),
		},
		"a client certificate": {
			api, "", func(s *source) {
				s.config.TLS = &v1alpha1.TLSOptions{ClientCertificateSecretRef: &v1alpha1.LocalReference{Name: "api"}}
			}, notAllowed,
			`spec.http.tls.clientCertificateSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("api.hubapi.com'"),
		},
		"a token URL alone": {
			api, "api.hubapi.com", func(s *source) { s.oauth2("https://login.hubapi.com/token") }, notAllowed,
			`spec.http.auth.oauth2.clientIDSecretRef: Secret "api" does not allow the host login.hubapi.com; to allow it: ` + kubectl("api.hubapi.com,login.hubapi.com' --overwrite"),
		},
		"not the API that the token is for": {
			api, "login.hubapi.com", func(s *source) { s.oauth2("https://login.hubapi.com/token") }, notAllowed,
			`spec.http.auth.oauth2.clientIDSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("login.hubapi.com,api.hubapi.com' --overwrite"),
		},
		"neither of both": {
			api, "", func(s *source) { s.oauth2("https://login.hubapi.com/token") }, notAllowed,
			`spec.http.auth.oauth2.clientIDSecretRef: Secret "api" does not allow the host login.hubapi.com and the host api.hubapi.com; to allow it: ` + kubectl("login.hubapi.com,api.hubapi.com'"),
		},
		"one server that is both": {
			api, "", func(s *source) { s.oauth2("https://api.hubapi.com/token") }, notAllowed,
			`spec.http.auth.oauth2.clientIDSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("api.hubapi.com'"),
		},
		"a Secret that is not there": {
			api, "", func(s *source) { s.bearer().config.Auth.Bearer.TokenSecretRef.Name = "gone" }, notFound,
			`spec.http.auth.bearer.tokenSecretRef: Secret "gone" is not there`,
		},
		"a key that is not there": {
			api, "api.hubapi.com", func(s *source) { s.basic().config.Auth.Basic.PasswordSecretRef.Key = "other" }, notFound,
			`spec.http.auth.basic.passwordSecretRef: Secret "api" has no key "other"`,
		},
		"a key that is not there, and nobody is allowed": {
			api, "", func(s *source) { s.bearer().config.Auth.Bearer.TokenSecretRef.Key = "other" }, notAllowed,
			`spec.http.auth.bearer.tokenSecretRef: Secret "api" does not allow the host api.hubapi.com; to allow it: ` + kubectl("api.hubapi.com'"),
		},
		"a key without a value": {
			api, "api.hubapi.com", func(s *source) { s.bearer().config.Auth.Bearer.TokenSecretRef.Key = "empty" }, failed,
			`spec.http.auth.bearer.tokenSecretRef: key "empty" of Secret "api" is empty; fill it`,
		},
		"a token of several lines": {
			api, "api.hubapi.com", func(s *source) { s.bearer().config.Auth.Bearer.TokenSecretRef.Key = "lines" }, failed,
			`spec.http.auth.bearer.tokenSecretRef: key "lines" of Secret "api" holds a character that no header can have, such as a line break in the middle; write it on one line`,
		},
		"a header with a control character": {
			api, "api.hubapi.com", func(s *source) { s.header("X-Key").config.Headers[0].ValueSecretRef.Key = "control" }, failed,
			`spec.http.headers[X-Key].valueSecretRef: key "control" of Secret "api" holds a character that no header can have, such as a line break in the middle; write it on one line`,
		},
		"a user with a colon": {
			api, "api.hubapi.com", func(s *source) { s.basic().config.Auth.Basic.UsernameSecretRef.Key = "colon" }, failed,
			`spec.http.auth.basic.usernameSecretRef: key "colon" of Secret "api" holds a colon, which a user name cannot have; the password has a key of its own`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(test.url)
			source.keys.secrets["success/api"] = secret{allowed: test.allowed, data: source.keys.secrets["success/api"].data}
			test.change(source)
			_, err := source.open(t.Context(), t)
			wantError(t, err, test.reason, test.message)
		})
	}
}

func TestWhatTheAPIServerSaysIsPassedOn(t *testing.T) {
	source := newSource("https://api.test").bearer()
	source.keys.err = errors.New("the API server is away")
	_, err := source.open(t.Context(), t)
	if !errors.Is(err, source.keys.err) {
		t.Errorf("got %v, want what the API server says", err)
	}
}
