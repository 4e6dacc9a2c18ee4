package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// handshake is what became of the server's wish for a client certificate.
type handshake struct {
	// given says that there is one to send.
	given bool
	// asked and answered say how far any request came: to the server's asking for one, to an answer.
	asked, answered atomic.Bool
}

// tlsConfigs returns how TLS is spoken to the server of a spec, and to others: those that it redirects to, and the one
// that gives tokens. Others see no client certificate. The spec's own authority is trusted there too, beside those of the
// system: a redirect may stay in the house or lead to a public store.
func (h *handshake) tlsConfigs(ctx context.Context, keys *keyring, field string, options *v1alpha1.TLSOptions) (own, other *tls.Config, err error) {
	own, other = &tls.Config{MinVersion: tls.VersionTLS12}, &tls.Config{MinVersion: tls.VersionTLS12}
	certificate := &tls.Certificate{} // none
	if options != nil {
		own.ServerName = options.ServerName
		if ref := options.CAConfigMapRef; ref != nil {
			if own.RootCAs, other.RootCAs, err = authorities(ctx, keys, field+".caConfigMapRef", *ref); err != nil {
				return nil, nil, err
			}
		}
		if ref := options.ClientCertificateSecretRef; ref != nil {
			if certificate, err = clientCertificate(ctx, keys, field+".clientCertificateSecretRef", ref.Name); err != nil {
				return nil, nil, err
			}
			h.given = true
		}
	}
	// The certificate is sent even if the server says that it wants one of other authorities: then it says what is wrong.
	own.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		h.asked.Store(true)
		return certificate, nil
	}
	return own, other, nil
}

// authorities reads the certificates to trust.
func authorities(ctx context.Context, keys *keyring, field string, ref v1alpha1.KeyReference) (own, other *x509.CertPool, err error) {
	data, _, err := keys.keys.ConfigMapKey(ctx, keys.namespace, ref.Name, ref.Key)
	if err != nil {
		return nil, nil, observe.At(field, err)
	}
	own = x509.NewCertPool()
	if !own.AppendCertsFromPEM(data) {
		return nil, nil, observe.ReadFailed("%s: key %q of ConfigMap %q holds no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----", field, ref.Key, ref.Name)
	}
	if other, err = x509.SystemCertPool(); err != nil {
		other = x509.NewCertPool() // a system without any
	}
	other.AppendCertsFromPEM(data)
	return own, other, nil
}

// clientCertificate reads the certificate that proves who asks, and its key.
func clientCertificate(ctx context.Context, keys *keyring, field, secret string) (*tls.Certificate, error) {
	certPEM, err := keys.secret(ctx, field, v1alpha1.KeyReference{Name: secret, Key: "tls.crt"})
	if err != nil {
		return nil, err
	}
	keyPEM, err := keys.secret(ctx, field, v1alpha1.KeyReference{Name: secret, Key: "tls.key"})
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
	if err != nil {
		// The error is about the key: nothing of it is shown.
		return nil, observe.ReadFailed("%s: tls.crt and tls.key of Secret %q are not a certificate and its key in PEM; see kubectl create secret tls", field, secret)
	}
	return &certificate, nil
}

// explain describes the end of a connection on which the server asked for a client certificate and
// gave no answer. With TLS 1.3 the server says what it does not like only when the client has begun to speak, so that
// this is heard at times and at others is not: both are told in the same words.
func (h *handshake) explain(err error) (problem, remedy string) {
	if !h.asked.Load() || h.answered.Load() {
		return "", ""
	}
	said, _ := network.Explain(err)
	hungUp := strings.Contains(err.Error(), "http2: client conn") ||
		errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case !hungUp && !strings.Contains(said, "client certificate"):
		return "", ""
	case !h.given:
		return "TLS: the server asked for a client certificate, got none, and closed the connection", "give one with tls.clientCertificateSecretRef"
	}
	return "TLS: the server asked for a client certificate, got the one of the Secret, and closed the connection",
		"check that it is valid, and of an authority that the server trusts"
}
