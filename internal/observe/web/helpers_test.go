package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What no error may show: every secret of these tests, and what servers say in bodies and headers.
const (
	theToken    = "tok-4711-of-hubspot"
	theUser     = "user-0815"
	thePassword = "pa55-hunter2"
	theKey      = "key-9f8e7d"
	clientID    = "client-id-1234"
	clientWord  = "client-word-5678"
	accessToken = "access-token-abcd"
	theQuery    = "query-of-acme"
	theBody     = "body-of-acme"
)

var neverShown = []string{theToken, theUser, thePassword, theKey, clientID, clientWord, accessToken, theQuery, theBody, "PRIVATE KEY"}

// noSecret checks every error that these tests see.
func noSecret(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%s %+v", err, err)
	for _, secret := range neverShown {
		if strings.Contains(text, secret) {
			t.Errorf("the error shows %q: %s", secret, text)
		}
	}
}

// fakeKeys holds Secrets and ConfigMaps.
type fakeKeys struct {
	secrets    map[string]secret
	configMaps map[string]string
	// err is what the API server says to everything.
	err error
}

type secret struct {
	allowed string
	data    map[string]string
}

func (k *fakeKeys) SecretKey(_ context.Context, namespace, name, key string) ([]byte, map[string]string, error) {
	if k.err != nil {
		return nil, nil, k.err
	}
	s, ok := k.secrets[namespace+"/"+name]
	if !ok {
		return nil, nil, observe.SecretNotFound("Secret %q is not there", name)
	}
	annotations := map[string]string{v1alpha1.AnnotationAllowHost: s.allowed}
	data, ok := s.data[key]
	if !ok {
		return nil, annotations, observe.SecretNotFound("Secret %q has no key %q", name, key)
	}
	return []byte(data), annotations, nil
}

func (k *fakeKeys) ConfigMapKey(_ context.Context, namespace, name, key string) ([]byte, time.Time, error) {
	if data, ok := k.configMaps[namespace+"/"+name+"/"+key]; ok {
		return []byte(data), time.Time{}, nil
	}
	return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q is not there", name)
}

// source is one that is read by a test; it is where a test begins, and holds what most do not change.
type source struct {
	config   web.Config
	keys     *fakeKeys
	maxBytes int64
	timeout  time.Duration
	dialer   network.Dialer
	body     []byte
	method   string
}

// newSource has a Secret named api with every kind of credential, for the hosts of some URLs.
func newSource(rawURL string, others ...string) *source {
	hosts := []string{hostOf(rawURL)}
	for _, other := range others {
		hosts = append(hosts, hostOf(other))
	}
	return &source{
		config: web.Config{Field: "spec.http", URL: rawURL},
		keys: &fakeKeys{secrets: map[string]secret{"success/api": {
			allowed: strings.Join(hosts, ","),
			data: map[string]string{
				"token": theToken + "\n", "user": theUser, "password": thePassword, "key": theKey,
				"id": clientID, "word": clientWord, "empty": " \n", "lines": theToken + "\nx: y", "colon": "a:b", "control": theKey + "\x00",
			},
		}}, configMaps: map[string]string{}},
		maxBytes: 1 << 20,
		timeout:  30 * time.Second,
		dialer:   network.Dialer{AllowLoopback: true},
		method:   http.MethodGet,
	}
}

func (s *source) bearer() *source {
	s.config.Auth = &v1alpha1.HTTPAuth{Bearer: &v1alpha1.BearerAuth{TokenSecretRef: *key("token")}}
	return s
}

func (s *source) basic() *source {
	s.config.Auth = &v1alpha1.HTTPAuth{Basic: &v1alpha1.BasicAuth{UsernameSecretRef: *key("user"), PasswordSecretRef: key("password")}}
	return s
}

func (s *source) header(name string) *source {
	s.config.Headers = append(s.config.Headers, v1alpha1.HTTPHeader{Name: name, ValueSecretRef: key("key")})
	return s
}

func (s *source) oauth2(tokenURL string) *source {
	s.config.Auth = &v1alpha1.HTTPAuth{OAuth2: &v1alpha1.OAuth2Auth{
		TokenURL: v1alpha1.URL(tokenURL), ClientIDSecretRef: *key("id"), ClientSecretRef: *key("word"),
	}}
	return s
}

func key(name string) *v1alpha1.KeyReference { return &v1alpha1.KeyReference{Name: "api", Key: name} }

// dataSource is the object that the source belongs to.
func (s *source) dataSource() *v1alpha1.DataSource {
	ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "crm"}}
	ds.Spec.Timeout = v1alpha1.Duration(fmt.Sprintf("%ds", int(s.timeout.Seconds())))
	return ds
}

func (s *source) open(ctx context.Context, t *testing.T) (*web.Client, error) {
	t.Helper()
	deps := observe.Dependencies{Keys: s.keys, MaxBytes: s.maxBytes, Dial: s.dialer.DialContext}
	client, err := web.New(ctx, s.dataSource(), deps, deps.Budget(), s.config)
	if err != nil {
		noSecret(t, err)
		return nil, err
	}
	t.Cleanup(client.Close)
	return client, nil
}

// read opens the source and asks for its URL, or another.
func (s *source) read(t *testing.T, rawURL ...string) (*web.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.timeout)
	defer cancel()
	client, err := s.open(ctx, t)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(slices.Concat(rawURL, []string{s.config.URL})[0])
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(ctx, s.method, u, s.body)
	if err != nil {
		noSecret(t, err)
	}
	return resp, err
}

// mustRead is read where nothing is expected to go wrong.
func (s *source) mustRead(t *testing.T, rawURL ...string) *web.Response {
	t.Helper()
	resp, err := s.read(t, rawURL...)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// wantError checks an error's reason and message.
func wantError(t *testing.T, err error, reason, message string) {
	t.Helper()
	told := asTold(t, err)
	if told.Reason != reason || told.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, reason, message)
	}
}

// asTold is an error as a user is told it.
func asTold(t *testing.T, err error) *observe.Error {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *observe.Error", err)
	}
	noSecret(t, err)
	return told
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}

// serve starts a server that is stopped with the test.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// answers is a handler that always gives the same.
func answers(code int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			w.Header().Set(name, header[name])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// quiet keeps what servers of tests say to themselves.
var quiet = log.New(io.Discard, "", 0)

// listen opens a port of loopback on which a test speaks for itself.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("this machine cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
