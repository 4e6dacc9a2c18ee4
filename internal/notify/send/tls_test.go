package send

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// inHouse is a server with a certificate that only those know who are told of it, and what it is told of.
type inHouse struct {
	*httptest.Server
	keys keys
	got  atomic.Int32
}

// newInHouse starts one that is in the Secrets and ConfigMaps of a company: slack/url leads to it, ca/ca.crt is its own
// authority, and the Secret client holds a certificate that it knows.
func newInHouse(t *testing.T, clients tls.ClientAuthType) *inHouse {
	t.Helper()
	s := &inHouse{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.got.Add(1) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{ClientAuth: clients, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	certificate, host := encode("CERTIFICATE", s.Certificate().Raw), strings.TrimPrefix(s.URL, "https://")
	s.keys = keys{
		values:     map[string]string{"slack/url": s.URL + "/services/" + secret, "client/tls.crt": certificate, "client/tls.key": encode("PRIVATE KEY", key)},
		allow:      map[string]string{"slack": host, "client": host},
		configMaps: map[string]string{"ca/ca.crt": certificate},
	}
	return s
}

// notifiers are one of each kind with these options, by the field that the options stand at.
func (s *inHouse) notifiers(options *v1alpha1.TLSOptions) map[string]*v1alpha1.Notifier {
	cloudEvents, slack := &v1alpha1.Notifier{}, &v1alpha1.Notifier{}
	cloudEvents.Spec.CloudEvents = &v1alpha1.CloudEventsTarget{URL: v1alpha1.URL(s.URL), TLS: options}
	slack.Spec.Slack = &v1alpha1.SlackTarget{WebhookSecretRef: v1alpha1.KeyReference{Name: "slack", Key: "url"}, TLS: options}
	return map[string]*v1alpha1.Notifier{"spec.cloudEvents": cloudEvents, "spec.slack": slack}
}

// trust is a ConfigMap's authority; identify a client certificate with it.
var (
	trust    = &v1alpha1.TLSOptions{CAConfigMapRef: &v1alpha1.KeyReference{Name: "ca", Key: "ca.crt"}}
	identify = &v1alpha1.TLSOptions{CAConfigMapRef: trust.CAConfigMapRef, ClientCertificateSecretRef: &v1alpha1.LocalReference{Name: "client"}}
)

func TestDeliveriesToAServerOfThePrivateAuthorityOfACompany(t *testing.T) {
	named := func(name string) *v1alpha1.TLSOptions {
		return &v1alpha1.TLSOptions{CAConfigMapRef: trust.CAConfigMapRef, ServerName: name}
	}
	tests := map[string]struct {
		clients tls.ClientAuthType
		options *v1alpha1.TLSOptions
		want    string // of the failure; empty: taken
	}{
		"its authority is not known":                    {tls.NoClientCert, nil, "TLS: the server's certificate is signed by an unknown authority; give the certificate of that authority"},
		"its authority is given":                        {tls.NoClientCert, trust, ""},
		"it has a certificate for the name that is set": {tls.NoClientCert, named("example.com"), ""},
		"it has none for the name that is set":          {tls.NoClientCert, named("other.test"), "TLS: the server's certificate is for another host"},
		"it wants to know who asks, and is not told":    {tls.RequireAnyClientCert, trust, "TLS: the server asked for a client certificate, got none, and closed the connection; give one with tls.clientCertificateSecretRef"},
		"it wants to know who asks, and is told":        {tls.RequireAnyClientCert, identify, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newInHouse(t, test.clients)
			for field, n := range s.notifiers(test.options) {
				e, err := Open(t.Context(), n, 10*time.Second, dependencies(s.keys))
				if err != nil {
					t.Fatal(err)
				}
				s.got.Store(0)
				f := e.Send(t.Context(), message())
				e.Close()
				switch {
				case test.want == "" && (f != nil || s.got.Load() != 1):
					t.Errorf("%s: it came %d times: %v", field, s.got.Load(), f)
				case test.want != "" && (f == nil || f.Refused || s.got.Load() != 0 || !strings.HasPrefix(f.Message, field) || !strings.Contains(f.Message, test.want)):
					t.Errorf("%s: it came %d times: %+v, want %s", field, s.got.Load(), f, test.want)
				case f != nil && (strings.Contains(f.Message, "XyZ") || strings.Contains(f.Message, "127.0.0.1")):
					t.Errorf("%s: it says where: %s", field, f.Message)
				}
			}
		})
	}
}

func TestTLSOptionsThatCannotBeUsed(t *testing.T) {
	tests := map[string]struct {
		change       func(keys)
		reason, want string
	}{
		"no ConfigMap":                         {func(k keys) { clear(k.configMaps) }, v1alpha1.ReasonReferenceNotFound, `.tls.caConfigMapRef: ConfigMap "ca" is not there`},
		"no certificate in it":                 {func(k keys) { k.configMaps["ca/ca.crt"] = "x" }, v1alpha1.ReasonReadFailed, `.tls.caConfigMapRef: key "ca.crt" of ConfigMap "ca" holds no certificate in PEM`},
		"no key of the client's certificate":   {func(k keys) { delete(k.values, "client/tls.key") }, v1alpha1.ReasonSecretNotFound, `.tls.clientCertificateSecretRef: Secret "client" has no key "tls.key"`},
		"a client's certificate for elsewhere": {func(k keys) { k.allow["client"] = "example.com" }, v1alpha1.ReasonSecretNotAllowed, `.tls.clientCertificateSecretRef: Secret "client" does not allow the host `},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newInHouse(t, tls.NoClientCert)
			test.change(s.keys)
			for field, n := range s.notifiers(identify) {
				_, err := Open(t.Context(), n, time.Second, dependencies(s.keys))
				told, ok := errors.AsType[*observe.Error](err)
				if !ok || told.Reason != test.reason || !strings.HasPrefix(told.Message, field+test.want) {
					t.Fatalf("it says %v, want %s", err, field+test.want)
				}
				if n.Spec.Slack != nil && strings.Contains(told.Message, "127.0.0.1") {
					t.Errorf("it says where: %s", told.Message)
				}
			}
		})
	}
}
