package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// trusting is a source that trusts an authority, and has the client certificate that another one signed.
func trusting(t *testing.T, rawURL string, ca, client *authority) *source {
	t.Helper()
	s := newSource(rawURL)
	s.config.TLS = &v1alpha1.TLSOptions{}
	if ca != nil {
		s.keys.configMaps["success/ca/ca.crt"] = ca.pem
		s.config.TLS.CAConfigMapRef = &v1alpha1.KeyReference{Name: "ca", Key: "ca.crt"}
	}
	if client != nil {
		certPEM, keyPEM := client.issue(t, nil)
		s.keys.secrets["success/client"] = secret{allowed: hostOf(rawURL), data: map[string]string{"tls.crt": certPEM, "tls.key": keyPEM}}
		s.config.TLS.ClientCertificateSecretRef = &v1alpha1.LocalReference{Name: "client"}
	}
	return s
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	demands := func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert }
	tests := map[string]struct {
		change    func(*x509.Certificate)
		configure func(*tls.Config)
		source    func(*source)
		// ca and client are the authorities of the source.
		ca, client *authority
		want       string
	}{
		"the authority of the spec is trusted": {ca: ours},
		"an unknown authority": {
			want: "TLS: the server's certificate is signed by an unknown authority; give the certificate of that authority, or have the server send its whole chain",
		},
		"another authority": {
			ca:   others,
			want: "TLS: the server's certificate is signed by an unknown authority; give the certificate of that authority, or have the server send its whole chain",
		},
		"a certificate of another host": {
			ca: ours, change: func(c *x509.Certificate) { c.IPAddresses = nil },
			want: "TLS: the server's certificate is for another host; use a host that the certificate is for, or have it issued for this one too",
		},
		"a certificate of another host, whose name the spec gives": {
			ca: ours, change: func(c *x509.Certificate) { c.IPAddresses = nil },
			source: func(s *source) { s.config.TLS.ServerName = "api.test" },
		},
		"a name that the certificate is not for": {
			ca: ours, source: func(s *source) { s.config.TLS.ServerName = "other.test" },
			want: "TLS: the server's certificate is for another host; use a host that the certificate is for, or have it issued for this one too",
		},
		"a certificate that has expired": {
			ca: ours, change: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) },
			want: "TLS: the server's certificate has expired; have it renewed on the server; reading goes on by itself",
		},
		"a certificate that is not valid yet": {
			ca: ours, change: func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) },
			want: "TLS: the server's certificate is not valid yet; check the clocks of the server and of the operator's machine; reading goes on by itself",
		},
		"a certificate for clients": {
			ca: ours, change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
			want: "TLS: the server's certificate is not valid for this use; have a valid one installed on the server",
		},
		"a server of old": {
			ca: ours, configure: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 },
			want: "TLS: the server does not speak version 1.2 or later; update it",
		},
		"a client certificate that the server trusts": {ca: ours, client: ours, configure: demands},
		"a client certificate that is wanted and not given": {
			ca: ours, configure: demands, want: "TLS: the server asked for a client certificate, got none, and closed the connection; give one with tls.clientCertificateSecretRef",
		},
		"a client certificate of another authority": {
			ca: ours, client: others, configure: demands, want: "TLS: the server asked for a client certificate, got the one of the Secret, and closed the connection; check that it is valid, and of an authority that the server trusts",
		},
		"a client certificate of another authority, with TLS 1.2": {
			ca: ours, client: others, configure: func(c *tls.Config) { demands(c); c.MaxVersion = tls.VersionTLS12 },
			want: "TLS: the server asked for a client certificate, got the one of the Secret, and closed the connection; check that it is valid, and of an authority that the server trusts",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			server := ours.serve(t, r.ServeHTTP, test.change, test.configure)
			source := trusting(t, server.URL, test.ca, test.client)
			if test.source != nil {
				test.source(source)
			}
			_, err := source.read(t)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if proto := r.last(t).Proto; proto != "HTTP/2.0" {
					t.Errorf("spoke %s, want HTTP/2", proto)
				}
				return
			}
			wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: "+test.want)
			if len(r.all()) != 0 {
				t.Error("the request was sent")
			}
		})
	}
	for name, protocols := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/2": {"h2"}} {
		t.Run("a server that answers, and hangs up after that, with "+name, func(t *testing.T) {
			var asked atomic.Int32
			server := ours.serve(t, func(http.ResponseWriter, *http.Request) {
				if asked.Add(1) > 1 {
					panic(http.ErrAbortHandler)
				}
			}, nil, func(c *tls.Config) { c.NextProtos = protocols })
			source := trusting(t, server.URL, ours, nil)
			client, err := source.open(t.Context(), t)
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(server.URL)
			if _, err = client.Do(t.Context(), http.MethodGet, u, nil); err != nil {
				t.Fatal(err)
			}
			_, err = client.Do(t.Context(), http.MethodPost, u, []byte("{}"))
			wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server closed the connection; check the server's log, and that the port is right; reading goes on by itself")
		})
	}
	t.Run("TLS to a server without it", func(t *testing.T) {
		source := newSource(strings.Replace(serve(t, answers(200, nil, "")).URL, "http", "https", 1))
		_, err := source.read(t)
		wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: TLS: the server does not speak it on this port; check the port, or connect without TLS")
	})
	t.Run("no TLS to a server with it", func(t *testing.T) {
		server := ours.serve(t, answers(200, nil, ""), nil, func(c *tls.Config) { c.NextProtos = nil })
		source := newSource(strings.Replace(server.URL, "https", "http", 1))
		_, err := source.read(t)
		wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: the server does not understand the request (400 Bad Request); check the URL and its parameters, the headers and the body, and that an https server is not asked with http")
	})
}

// TestTheSpecsAuthorityIsTrustedWhereAServerRedirects, but its name and its certificate are those of one server.
func TestTheSpecsAuthorityIsTrustedWhereAServerRedirects(t *testing.T) {
	a := newAuthority(t)
	names := startNameServer(t)
	names.set("store.test", []string{"127.0.0.1"})
	r := &recorder{}
	store := a.serve(t, r.ServeHTTP, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"store.test"}, nil }, nil)
	server := a.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://store.test:"+portOf(store.URL)+"/signed?"+theQuery)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}, func(c *x509.Certificate) { c.IPAddresses = nil }, nil)
	source := trusting(t, server.URL, a, a)
	source.config.TLS.ServerName = "api.test"
	source.dialer = network.Dialer{AllowLoopback: true, Resolver: names.resolver()}
	resp := source.mustRead(t)
	if resp.URL.Hostname() != "store.test" || credentialsIn(r.last(t)) != nil {
		t.Errorf("%s answered, and got %v", resp.URL.Hostname(), credentialsIn(r.last(t)))
	}
}

func TestTLSOptionsThatCannotBeUsed(t *testing.T) {
	a := newAuthority(t)
	const rawURL = "https://127.0.0.1:9"
	tests := map[string]struct {
		change          func(*source)
		reason, message string
	}{
		"a ConfigMap that is not there": {
			func(s *source) { s.config.TLS.CAConfigMapRef.Name = "gone" }, v1alpha1.ReasonReferenceNotFound,
			`spec.http.tls.caConfigMapRef: ConfigMap "gone" is not there`,
		},
		"a ConfigMap without a certificate": {
			func(s *source) { s.keys.configMaps["success/ca/ca.crt"] = "-----BEGIN NOTHING-----" }, v1alpha1.ReasonReadFailed,
			`spec.http.tls.caConfigMapRef: key "ca.crt" of ConfigMap "ca" holds no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----`,
		},
		"a Secret without a key": {
			func(s *source) { delete(s.keys.secrets["success/client"].data, "tls.key") }, v1alpha1.ReasonSecretNotFound,
			`spec.http.tls.clientCertificateSecretRef: Secret "client" has no key "tls.key"`,
		},
		"a certificate that is none": {
			func(s *source) { s.keys.secrets["success/client"].data["tls.crt"] = theKey }, v1alpha1.ReasonReadFailed,
			`spec.http.tls.clientCertificateSecretRef: tls.crt and tls.key of Secret "client" are not a certificate and its key in PEM; see kubectl create secret tls`,
		},
		"the key of another certificate": {
			func(s *source) { _, s.keys.secrets["success/client"].data["tls.key"] = a.issue(t, nil) }, v1alpha1.ReasonReadFailed,
			`spec.http.tls.clientCertificateSecretRef: tls.crt and tls.key of Secret "client" are not a certificate and its key in PEM; see kubectl create secret tls`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := trusting(t, rawURL, a, a)
			test.change(source)
			_, err := source.open(t.Context(), t)
			wantError(t, err, test.reason, test.message)
		})
	}
}

func TestConnectionsThatAreNotMade(t *testing.T) {
	hangUp := listen(t, "127.0.0.1:0")
	speak := listen(t, "127.0.0.1:0")
	silent := listen(t, "127.0.0.1:0")
	closed := listen(t, "127.0.0.1:0")
	_ = closed.Close()
	go serveRaw(hangUp, "")
	go serveRaw(speak, "SSH-2.0-OpenSSH_9.9\r\n")
	names := startNameServer(t)
	tests := map[string]struct{ url, want string }{
		"a server that is not there":        {"http://" + closed.Addr().String(), "the server does not accept connections (connection refused); check that it runs and that host and port are right"},
		"a name that is not there":          {"http://api.test", "the name of the server cannot be resolved; check its spelling; a Service in another namespace is NAME.NAMESPACE"},
		"a server that hangs up":            {"http://" + hangUp.Addr().String(), "the server closed the connection; check the server's log, and that the port is right; reading goes on by itself"},
		"a server that speaks otherwise":    {"http://" + speak.Addr().String(), "what answers there does not speak HTTP; check the port"},
		"a server that does not answer":     {"http://" + silent.Addr().String(), "no answer within 1s (spec.timeout); raise it, or ask for less"},
		"a server that does not answer TLS": {"https://" + silent.Addr().String(), "no answer within 1s (spec.timeout); raise it, or ask for less"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(test.url + "/" + theQuery + "?" + theQuery)
			source.dialer.Resolver = names.resolver()
			if strings.HasPrefix(test.want, "no answer") {
				source.timeout = time.Second
			}
			_, err := source.read(t)
			wantError(t, err, v1alpha1.ReasonReadFailed, "spec.http.url: "+test.want)
		})
	}
}

// serveRaw says something to whoever connects and asks, and hangs up.
func serveRaw(l net.Listener, text string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write([]byte(text))
		_ = conn.Close()
	}
}
