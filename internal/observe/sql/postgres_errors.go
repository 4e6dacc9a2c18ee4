package sql

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// SQLSTATEs that are told apart from others of their class.
const (
	queryCanceled      = "57014"
	readOnly           = "25006"
	mayNot             = "42501"
	unknownParameter   = "42704"
	noSuchDatabase     = "3D000"
	notWithoutTLSText  = "server refused TLS connection"
	certificateRefused = "28000"
)

// explain implements server.
func (postgres) explain(ctx context.Context, err error, connecting bool, run *run) error {
	if _, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		if connecting {
			return observe.ReadFailed("%s: what answers there does not speak PostgreSQL's protocol; check the port", dsnField)
		}
		return observe.At(queryField, run.budget.TooLarge())
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		if connecting {
			return refusal(server)
		}
		return queryError(ctx, server, run)
	}
	if strings.Contains(err.Error(), notWithoutTLSText) {
		return observe.ReadFailed("%s: TLS: the server does not speak it; see sslmode in the connection string", dsnField)
	}
	return nil
}

// refusal says why a server does not let the user in. Its own words name users, databases and hosts.
func refusal(server *pgconn.PgError) error {
	problem, remedy := "the server refuses the connection", "check its log, and the connection string in the Secret"
	switch class := class(server.Code); {
	case server.Code == noSuchDatabase:
		problem, remedy = "the server has no such database", "correct the connection string in the Secret"
	case server.Code == unknownParameter:
		problem, remedy = "the connection string has a parameter that the server does not know", "remove it"
	case server.Code == mayNot:
		problem, remedy = "the user may not connect to the database", "grant it CONNECT"
	case server.Code == certificateRefused && strings.Contains(server.Message, "no encryption"):
		problem, remedy = "the server does not let the user in without TLS, or not from here", "see sslmode in the connection string, and the server's pg_hba.conf"
	case class == "28":
		problem, remedy = "the server does not accept the user or the password", "correct the connection string in the Secret"
	case class == "53":
		problem, remedy = "the server has no connection left", "raise its limit; reading goes on by itself"
	case class == "57":
		problem, remedy = "the server is starting or shutting down", "reading goes on by itself"
	}
	return observe.ReadFailed("%s: %s (SQLSTATE %s); %s", dsnField, problem, server.Code, remedy)
}

// queryError repeats what the server says of the query, as far as it is safe.
func queryError(ctx context.Context, server *pgconn.PgError, run *run) error {
	remedy := "run it by hand to see more"
	switch class := class(server.Code); {
	case server.Code == queryCanceled:
		return canceled(ctx, run.ds)
	case server.Code == readOnly:
		remedy = "sources are only read: write a query that selects"
	case server.Code == mayNot:
		remedy = "grant the user what the query reads"
	case class == "42":
		remedy = "correct the query"
	case class == "22":
		remedy = "correct the query, or the values that it reads"
	case class == "57":
		return observe.ReadFailed("%s: the server ended the connection (SQLSTATE %s); reading goes on by itself", dsnField, server.Code)
	}
	if message := safeMessage(server); message != "" {
		return observe.ReadFailed("spec.sql.query: the server says: %s (SQLSTATE %s); %s", message, server.Code, remedy)
	}
	return observe.ReadFailed("spec.sql.query: the server refuses it (SQLSTATE %s); %s", server.Code, remedy)
}

// class returns the class of an SQLSTATE.
func class(code string) string { return code[:min(len(code), 2)] }

// quotedPart finds what a server's message quotes, in whatever language: a name or a value.
var quotedPart = regexp.MustCompile(`"[^"]*"|'[^']*'|«[^»]*»|»[^«]*«|„[^“”]*[“”]|“[^”]*”|「[^」]*」`)

// messageLength is how many characters of a server's message are passed on.
const messageLength = 200

// safeMessage returns a server's message without what may be a customer's data or a credential. Messages of class 42
// (syntax, unknown names) quote only the query, which is no secret. Of the others the quoted parts go, and of errors in
// values (22) everything from the first of them. Other classes may hold anything, and so may every message of a function:
// what it raises, and what it puts together and runs.
func safeMessage(server *pgconn.PgError) string {
	message, _, _ := strings.Cut(server.Message, "\n")
	message = value.Shorten(message, messageLength)
	if server.Where != "" && class(server.Code) != "25" {
		return ""
	}
	switch class(server.Code) {
	case "42":
		return message
	case "22":
		if at := quotedPart.FindStringIndex(message); at != nil {
			message = message[:at[0]]
		}
		message, _, _ = strings.Cut(message, ":")
		return strings.TrimSpace(message)
	case "08", "0A", "25", "28", "3F", "40", "53", "54", "55":
		return quotedPart.ReplaceAllString(message, `"..."`)
	}
	return ""
}
