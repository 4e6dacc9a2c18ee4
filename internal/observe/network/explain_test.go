package network_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/internal/observe/network"
)

// What an error may hold and an explanation may not.
const (
	host     = "warehouse.internal"
	password = "hunter2"
)

func TestExplain(t *testing.T) {
	call := func(name string, number syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5432}, Err: os.NewSyscallError(name, number)}
	}
	remote := func(alert uint8) error { return &net.OpError{Op: "remote error", Err: tls.AlertError(alert)} }
	leaf := func(from, to int) *x509.Certificate {
		return &x509.Certificate{NotBefore: time.Now().AddDate(0, 0, from), NotAfter: time.Now().AddDate(0, 0, to), DNSNames: []string{host}}
	}
	const (
		notAccepted = "TLS: the server does not accept the client certificate; "
		hungUp      = "the server closed the connection; check the server's log, and that the port is right; reading goes on by itself"
		noRoute     = "there is no route to the server; check its address, and the network between the operator and it"
		noAddress   = "the address of the server is not a host and a port; write it as host:port"
		noAnswer    = "the server does not answer; check that host and port are right, and that no firewall or network policy is between"
		noNames     = "the name of the server could not be looked up: the name server does not answer, or fails; check the DNS of the cluster; reading goes on by itself"
		unspoken    = "TLS: the server does not speak it on this port; check the port, or connect without TLS"
	)
	tests := map[string]struct {
		err  error
		want string
	}{
		"an address that is refused": {
			&net.OpError{Op: "dial", Err: fmt.Errorf("%w: it is a unix socket", network.ErrAddress)},
			"the server's address is link-local, loopback or otherwise not one that the operator connects to; use an address of the network; for a server on this machine start the operator with --allow-loopback",
		},
		"a name that is not there":             {&net.DNSError{Name: host, IsNotFound: true}, "the name of the server cannot be resolved; check its spelling; a Service in another namespace is NAME.NAMESPACE"},
		"a name server that does not answer":   {&net.DNSError{Name: host, IsTimeout: true}, noNames},
		"a name server that fails":             {&net.DNSError{Name: host, IsTemporary: true}, noNames},
		"an address that is none":              {&net.AddrError{Err: "missing port in address", Addr: host}, noAddress},
		"an address with a zone that is none":  {&net.ParseError{Type: "address", Text: host}, noAddress},
		"refused":                              {call("connect", syscall.ECONNREFUSED), "the server does not accept connections (connection refused); check that it runs and that host and port are right"},
		"no route to the host":                 {call("connect", syscall.EHOSTUNREACH), noRoute},
		"no route to the network":              {call("connect", syscall.ENETUNREACH), noRoute},
		"a firewall of this machine":           {call("connect", syscall.EPERM), "the operator's machine does not let it connect to the server; check its firewall and the network policies"},
		"a time-out of the system":             {call("connect", syscall.ETIMEDOUT), noAnswer},
		"a time-out of a connection":           {os.ErrDeadlineExceeded, noAnswer},
		"a time-out of a context":              {context.DeadlineExceeded, noAnswer},
		"reset":                                {call("read", syscall.ECONNRESET), hungUp},
		"a broken pipe":                        {call("write", syscall.EPIPE), hungUp},
		"the end":                              {fmt.Errorf("read %s: %w", host, io.EOF), hungUp},
		"the end in the middle":                {io.ErrUnexpectedEOF, hungUp},
		"an unknown authority":                 {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{Cert: leaf(-1, 1)}}, "TLS: the server's certificate is signed by an unknown authority; give the certificate of that authority, or have the server send its whole chain"},
		"another host":                         {x509.HostnameError{Certificate: leaf(-1, 1), Host: host}, "TLS: the server's certificate is for another host; use a host that the certificate is for, or have it issued for this one too"},
		"expired":                              {x509.CertificateInvalidError{Cert: leaf(-2, -1), Reason: x509.Expired, Detail: host}, "TLS: the server's certificate has expired; have it renewed on the server; reading goes on by itself"},
		"not valid yet":                        {x509.CertificateInvalidError{Cert: leaf(1, 2), Reason: x509.Expired, Detail: host}, "TLS: the server's certificate is not valid yet; check the clocks of the server and of the operator's machine; reading goes on by itself"},
		"a certificate of another use":         {x509.CertificateInvalidError{Cert: leaf(-1, 1), Reason: x509.IncompatibleUsage}, "TLS: the server's certificate is not valid for this use; have a valid one installed on the server"},
		"a certificate of an unknown fault":    {&tls.CertificateVerificationError{Err: errors.New(host)}, "TLS: the server's certificate cannot be verified; have a valid one installed on the server"},
		"no TLS":                               {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, unspoken},
		"no TLS, but HTTP":                     {http.ErrSchemeMismatch, unspoken},
		"an old version, as the client says":   {errors.New("tls: server selected unsupported protocol version 301"), "TLS: the server does not speak version 1.2 or later; update it"},
		"an old version, as the server says":   {remote(70), "TLS: the server does not speak version 1.2 or later; update it"},
		"a client certificate is wanted":       {remote(116), "TLS: the server wants a client certificate; give one that the server trusts"},
		"a client certificate is bad":          {remote(42), notAccepted + "check that there is one, that it is valid, and that the server trusts its authority"},
		"a client certificate has expired":     {remote(45), notAccepted + "check that there is one, that it is valid, and that the server trusts its authority"},
		"a client certificate is unknown":      {remote(46), notAccepted + "check that there is one, that it is valid, and that the server trusts its authority"},
		"a client certificate of others":       {remote(48), notAccepted + "give one of an authority that the server trusts"},
		"a name that the server has not":       {remote(112), "TLS: the server does not know the host that it is asked for; check the host"},
		"another alert":                        {remote(40), "TLS: the server ended the handshake; check its log: it may want a client certificate, or other ciphers"},
		"a handshake that fails":               {errors.New("tls: server sent an incorrect legacy version"), "TLS: the handshake with the server failed; check the server's TLS settings and its log"},
		"something else":                       {errors.New("the password " + password + " is wrong"), "the connection to the server failed; check that host and port are right, that the server runs, and what is between"},
		"several errors, of which one is told": {errors.Join(errors.New(host), call("connect", syscall.ECONNREFUSED)), "the server does not accept connections (connection refused); check that it runs and that host and port are right"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			problem, remedy := network.Explain(fmt.Errorf("connect as jo with %s to %s: %w", password, host, test.err))
			got := problem + "; " + remedy
			if got != test.want || problem == "" || remedy == "" {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			for _, hidden := range []string{host, password, "10.1.2.3"} {
				if strings.Contains(got, hidden) {
					t.Errorf("it shows %q", hidden)
				}
			}
		})
	}
}
