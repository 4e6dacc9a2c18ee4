package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/perennial-dev/perennial/internal/observe"
)

// explain says what went wrong in words that hold no host, user, password or value. Errors of the driver hold such, so
// that nothing of their text is passed on but what safeMessage lets through.
func (p *postgres) explain(ctx context.Context, err error, budget *observe.Budget) error {
	var told *observe.Error
	if errors.As(err, &told) {
		return told
	}
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &tooLong) {
		return budget.TooLarge()
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return p.serverError(server)
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return tookTooLong(p.ds)
	}
	return observe.ReadFailed("%s", connectionError(err))
}

// queryCanceled is the SQLSTATE of a statement that ran out of time.
const queryCanceled = "57014"

// serverError repeats what the server said, as far as it is safe.
func (p *postgres) serverError(server *pgconn.PgError) error {
	if server.Code == queryCanceled {
		return tookTooLong(p.ds)
	}
	if message := safeMessage(server.Code, server.Message); message != "" {
		return observe.ReadFailed("the server says: %s (SQLSTATE %s)", message, server.Code)
	}
	return observe.ReadFailed("the server refused the query (SQLSTATE %s)", server.Code)
}

// quoted finds what a server's message quotes: a name or a value.
var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// safeMessage returns a server's message without what may be a customer's data or a credential. Messages of class 42
// (syntax, unknown names) quote only the query, which is no secret. Of the others the quoted parts go, and of errors in
// values (22) everything from the first of them. Other classes may hold anything: RAISE in a function, say.
func safeMessage(code, message string) string {
	message, _, _ = strings.Cut(message, "\n")
	switch code[:min(len(code), 2)] {
	case "42":
		return message
	case "22":
		if at := quoted.FindStringIndex(message); at != nil {
			message = message[:at[0]]
		}
		message, _, _ = strings.Cut(message, ":")
		return strings.TrimSpace(message)
	case "08", "0A", "25", "28", "3D", "3F", "40", "53", "54", "55", "57":
		return quoted.ReplaceAllString(message, `"..."`)
	}
	return ""
}

// connectionError describes an error of the network or of TLS.
func connectionError(err error) string {
	var dns *net.DNSError
	var unknownAuthority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "the name of the server in the connection string cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the server does not accept connections: connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the server"
	case errors.As(err, &unknownAuthority):
		return "TLS: the server's certificate is signed by an unknown authority"
	case errors.As(err, &hostname):
		return "TLS: the server's certificate is for another host"
	case errors.As(err, &invalid):
		return "TLS: the server's certificate is not valid"
	case errors.As(err, &record), strings.Contains(err.Error(), "server refused TLS connection"):
		return "TLS: the server does not speak it; see sslmode in the connection string"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the server does not answer"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection"
	}
	return "the connection failed"
}
