package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// again says that there is nothing to do here.
const again = "reading goes on by itself"

// Explain describes an error of the network or of TLS in words that hold no host, address, user, password or value: what
// is wrong, and what to do about it. Both are never empty.
func Explain(err error) (problem, remedy string) {
	if errors.Is(err, ErrAddress) {
		return "the server's address is link-local, loopback or otherwise not one that the operator connects to",
			"use an address of the network; for a server on this machine start the operator with --allow-loopback"
	}
	for _, explain := range []func(error) (string, string){explainName, explainTLS, explainConnection} {
		if problem, remedy = explain(err); problem != "" {
			return problem, remedy
		}
	}
	return "the connection to the server failed", "check that host and port are right, that the server runs, and what is between"
}

// explainName describes errors of names and addresses.
func explainName(err error) (problem, remedy string) {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "the name of the server cannot be resolved", "check its spelling; a Service in another namespace is NAME.NAMESPACE"
		}
		return "the name of the server could not be looked up: the name server does not answer, or fails", "check the DNS of the cluster; " + again
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return "the address of the server is not a host and a port", "write it as host:port"
	}
	if _, ok := errors.AsType[*net.ParseError](err); ok {
		return "the address of the server is not a host and a port", "write it as host:port"
	}
	return "", ""
}

// explainConnection describes errors of connections that are not made, or do not last.
func explainConnection(err error) (problem, remedy string) {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case is(syscall.ECONNREFUSED):
		return "the server does not accept connections (connection refused)", "check that it runs and that host and port are right"
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL):
		return "there is no route to the server", "check its address, and the network between the operator and it"
	case is(syscall.EACCES, syscall.EPERM):
		return "the operator's machine does not let it connect to the server", "check its firewall and the network policies"
	case is(context.DeadlineExceeded), timeout != nil && timeout.Timeout():
		return "the server does not answer", "check that host and port are right, and that no firewall or network policy is between"
	case is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed):
		return "the server closed the connection", "check the server's log, and that the port is right; " + again
	}
	return "", ""
}

// explainTLS describes errors of TLS.
func explainTLS(err error) (problem, remedy string) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the server's certificate is signed by an unknown authority", "give the certificate of that authority, or have the server send its whole chain"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: the server's certificate is for another host", "use a host that the certificate is for, or have it issued for this one too"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return explainCertificate(invalid)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: the server's certificate cannot be verified", "have a valid one installed on the server"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return explainAlert(op.Err)
	}
	_, noRecord := errors.AsType[tls.RecordHeaderError](err)
	switch text := err.Error(); {
	case noRecord, errors.Is(err, http.ErrSchemeMismatch):
		return "TLS: the server does not speak it on this port", "check the port, or connect without TLS"
	case strings.Contains(text, "tls: server selected unsupported protocol version"):
		return oldTLS()
	case strings.Contains(text, "tls: "):
		return "TLS: the handshake with the server failed", "check the server's TLS settings and its log"
	}
	return "", ""
}

// explainCertificate describes a certificate that is not valid.
func explainCertificate(invalid x509.CertificateInvalidError) (problem, remedy string) {
	switch {
	case invalid.Reason == x509.Expired && invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore):
		return "TLS: the server's certificate is not valid yet", "check the clocks of the server and of the operator's machine; " + again
	case invalid.Reason == x509.Expired:
		return "TLS: the server's certificate has expired", "have it renewed on the server; " + again
	}
	return "TLS: the server's certificate is not valid for this use", "have a valid one installed on the server"
}

// Alerts of TLS (RFC 8446, section 6.2) by which a server says what it does not like.
const (
	alertBadCertificate      uint8 = 42
	alertUnknownCertificate  uint8 = 46
	alertUnknownCA           uint8 = 48
	alertAccessDenied        uint8 = 49
	alertProtocolVersion     uint8 = 70
	alertUnrecognizedName    uint8 = 112
	alertCertificateRequired uint8 = 116
)

// explainAlert describes what a server says to end a handshake. The error is of a type that has no name outside of
// crypto/tls, and is known by its text.
func explainAlert(err error) (problem, remedy string) {
	says := func(alert uint8) bool { return err != nil && err.Error() == tls.AlertError(alert).Error() }
	switch {
	case says(alertCertificateRequired):
		return "TLS: the server wants a client certificate", "give one that the server trusts"
	case says(alertUnknownCA), says(alertAccessDenied):
		return notAccepted, "give one of an authority that the server trusts"
	case says(alertProtocolVersion):
		return oldTLS()
	case says(alertUnrecognizedName):
		return "TLS: the server does not know the host that it is asked for", "check the host"
	}
	for alert := alertBadCertificate; alert <= alertUnknownCertificate; alert++ {
		if says(alert) {
			return notAccepted, "check that there is one, that it is valid, and that the server trusts its authority"
		}
	}
	return "TLS: the server ended the handshake", "check its log: it may want a client certificate, or other ciphers"
}

const notAccepted = "TLS: the server does not accept the client certificate"

// oldTLS is the explanation of a server that speaks old versions alone.
func oldTLS() (problem, remedy string) {
	return "TLS: the server does not speak version 1.2 or later", "update it"
}
