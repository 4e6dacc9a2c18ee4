package manager

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// certificates are a server's: a good one and one that has expired, of one authority.
type certificates struct {
	authority     string // PEM
	good, expired *tls.Certificate
}

func newCertificates(t *testing.T) certificates {
	t.Helper()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0),
	}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rootKey := key()
	sign := func(template *x509.Certificate, k *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, root, k.Public(), rootKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	leaf := func(until time.Time) *tls.Certificate {
		k := key()
		return &tls.Certificate{PrivateKey: k, Certificate: [][]byte{sign(&x509.Certificate{
			SerialNumber: big.NewInt(until.Unix()), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			NotBefore: until.AddDate(-1, 0, 0), NotAfter: until,
		}, k)}}
	}
	return certificates{
		authority: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(root, rootKey)})),
		good:      leaf(time.Now().AddDate(0, 6, 0)), expired: leaf(time.Now().Add(-time.Hour)),
	}
}

func TestBadDayTheCertificateExpires(t *testing.T) {
	certs := newCertificates(t)
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(certs.good)
	server := newFeedServer(t, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
	})
	b := newBadDay(t, server.address, badDayHTTP(server, "JSON", "tls: {caConfigMapRef: {name: feed-ca, key: ca.crt}}"), func(b *badDay, orgs []org) {
		b.apply(fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: feed-ca}\ndata: {ca.crt: %q}\n", certs.authority))
		server.gives(orgsJSON(orgs))
	})
	b.have(outage{
		breaks:  func() { shown.Store(certs.expired) },
		reason:  "ReadFailed",
		message: "spec.http.url: TLS: the server's certificate has expired; have it renewed on the server; reading goes on by itself",
		repairs: func() { shown.Store(certs.good) },
	})
	b.counts()
	b.ends()
}

// tokenServer wants a token.
func tokenServer(server *feedServer, token string) {
	server.does(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who is that?", http.StatusUnauthorized)
			return
		}
		server.answer(w, r)
	})
}

// setToken writes the Secret as a person does who applies it from a file.
func (b *badDay) setToken(token, allowed string) {
	b.t.Helper()
	annotations := ""
	if allowed != "" {
		annotations = fmt.Sprintf(", annotations: {%s: %q}", v1alpha1.AnnotationAllowHost, allowed)
	}
	b.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: feed-token%s}\nstringData: {token: %s}\n", annotations, token))
}

// allowCommandIn is the command at the end of a message, which a person runs as it stands.
var allowCommandIn = regexp.MustCompile(`; to allow it: kubectl annotate secret -n (\S+) feed-token 'perennial\.dev/allow-host=([^']*)'$`)

// null takes an annotation away.
const null = "null"

// allow annotates the Secret, as kubectl annotate does, with JSON.
func (b *badDay) allow(value string) {
	b.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "feed-token"}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, v1alpha1.AnnotationAllowHost, value)
	if err := b.Patch(context.Background(), secret, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		b.t.Fatal(err)
	}
}

// obey does what the message of Available says.
func (b *badDay) obey() {
	b.t.Helper()
	found := allowCommandIn.FindStringSubmatch(b.feed().Status.LastError)
	if found == nil || found[1] != b.namespace {
		b.t.Fatalf("no command in %q", b.feed().Status.LastError)
	}
	b.allow(strconv.Quote(found[2]))
}

// tokenAuth takes the token from the Secret.
const tokenAuth = "auth: {bearer: {tokenSecretRef: {name: feed-token, key: token}}}"

// newTokenDay is a bad day of a server that wants a token from a Secret.
func newTokenDay(t *testing.T) (*badDay, *feedServer) {
	t.Helper()
	server := newFeedServer(t, nil)
	tokenServer(server, "first-token")
	secret := true
	b := newBadDay(t, server.address, badDayHTTP(server, "JSON", tokenAuth), func(b *badDay, orgs []org) {
		if secret {
			b.setToken("first-token", server.address)
			secret = false
		}
		server.gives(orgsJSON(orgs))
	})
	return b, server
}

const (
	noToken      = `spec.http.auth.bearer.tokenSecretRef: Secret "feed-token" is not there; make it, or correct the name`
	tokenRefused = `spec.http.auth: the server refuses the credentials (401 Unauthorized); check the token in Secret "feed-token", and that it may read this URL`
	tokenIsNot   = `spec.http.auth.bearer.tokenSecretRef: Secret "feed-token" does not allow the host HOST; to allow it: kubectl annotate secret -n NAMESPACE feed-token 'perennial.dev/allow-host=HOST'`
)

func TestBadDayOfASecret(t *testing.T) {
	b, server := newTokenDay(t)
	b.haveAll([]day{
		{"it goes and comes back", outage{
			breaks: func() {
				if err := b.Delete(context.Background(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "feed-token"}}); err != nil {
					b.t.Fatal(err)
				}
			},
			reason:  "SecretNotFound",
			message: noToken,
			repairs: func() {
				// Somebody makes it anew and forgets the annotation; the operator says so by itself, and its command heals it.
				told := len(b.told("SourceUnreachable"))
				b.setToken("first-token", "")
				b.pass(2 * time.Minute)
				b.wants(v1alpha1.ConditionAvailable, metav1.ConditionFalse, "SecretNotAllowed", tokenIsNot)
				b.tells("SourceUnreachable", told, tokenIsNot)
				b.lastValues()
				b.obey()
				b.pass(2 * time.Minute)
			},
		}},
		{"the token rotates", outage{
			breaks:  func() { tokenServer(server, "second-token") },
			reason:  "ReadFailed",
			message: tokenRefused,
			repairs: func() { b.setToken("second-token", server.address) },
		}},
		{"it is no longer allowed", outage{
			breaks:  func() { b.allow(null) },
			reason:  "SecretNotAllowed",
			message: tokenIsNot,
			repairs: b.obey,
		}},
	})
	b.ends()
}

// TestBadDayTheSecretIsNotThereYet has a source whose Secret comes late, and then does not say that it may be used.
func TestBadDayTheSecretIsNotThereYet(t *testing.T) {
	server := newFeedServer(t, nil)
	tokenServer(server, "first-token")
	server.gives(orgsJSON(badDayOrgs()))
	b := &badDay{world: newWorld(t), host: server.address}
	b.begin(badDayHTTP(server, "JSON", tokenAuth))
	waits := func(available, ready, message string) {
		b.t.Helper()
		b.wants(v1alpha1.ConditionAvailable, metav1.ConditionFalse, available, message)
		b.wants(v1alpha1.ConditionReady, metav1.ConditionFalse, ready, message)
		b.wants(v1alpha1.ConditionReconciling, metav1.ConditionTrue, ready, message)
		b.unknown()
	}
	waits("SecretNotFound", "ReferenceNotFound", noToken)
	b.setToken("first-token", "")
	b.pass(2 * time.Minute)
	waits("SecretNotAllowed", "SecretNotAllowed", tokenIsNot)
	if asked := server.requests(); asked > 0 {
		t.Errorf("asked %d times without a token", asked)
	}
	b.obey()
	b.pass(2 * time.Minute)
	b.stands()
}
