package sql

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// Numbers of errors that are told apart from others.
const (
	tooManyConnections  = 1040
	mayNotUseDatabase   = 1044
	accessDenied        = 1045
	noDatabaseNamed     = 1046
	unknownDatabase     = 1049
	shuttingDown        = 1053
	syntaxError         = 1064
	hostBlocked         = 1129
	hostNotAllowed      = 1130
	tableMayNot         = 1142
	columnMayNot        = 1143
	tooManyOfUser       = 1203
	lockWait            = 1205
	deadlock            = 1213
	resourcesOfUser     = 1226
	missingPrivilege    = 1227
	interrupted         = 1317
	routineMayNot       = 1370
	accessDeniedNoWord  = 1698
	readOnlyTransaction = 1792
	accountLocked       = 3118
	mariadbLocked       = 4151
	tlsRequired         = 3159
	mysqlTimeout        = 3024
	connectionKilled    = 1927
	mariadbTimeout      = 1969
)

// ofTheQuery are the numbers of errors whose messages quote only the query.
var ofTheQuery = []uint16{
	1052, 1054, 1055, 1056, 1060, 1063, 1066, 1109, 1111, 1115, 1140, 1146, 1222, 1241, 1242, 1247, 1248, 1250, 1253, 1267, 1271,
	1273, 1305, 1582, 1583, 1584, 1630,
}

// ofPrivileges are the numbers of errors of what the user may not do, whose messages name the user; those of what a
// transaction may not do name nothing.
var ofPrivileges = []uint16{
	tableMayNot, columnMayNot, routineMayNot, missingPrivilege, mayNotUseDatabase, accessDenied, noDatabaseNamed,
	readOnlyTransaction, lockWait, deadlock,
}

// explain implements server.
func (mysqlServer) explain(ctx context.Context, err error, connecting bool, run *run) error {
	if errors.Is(err, errRowTooLarge) {
		return observe.At(queryField, run.budget.TooLarge())
	}
	if server, ok := errors.AsType[*mysql.MySQLError](err); ok {
		if connecting {
			return mysqlRefusal(server)
		}
		return mysqlQueryError(ctx, server, run)
	}
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return observe.ReadFailed("%s: TLS: the server does not speak it; see tls in the connection string", dsnField)
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrUnknownPlugin):
		return observe.ReadFailed("%s: the server wants a kind of login that the operator does not do, or not without tls=true; give the user another one", dsnField)
	case errors.Is(err, errNonsense), errors.Is(err, mysql.ErrOldProtocol), errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktSyncMul):
		return observe.ReadFailed("%s: what answers there does not speak MySQL's protocol; check the port", dsnField)
	}
	return nil
}

// mysqlRefusal says why a server does not let the user in. Its own words name users, databases and hosts.
func mysqlRefusal(server *mysql.MySQLError) error {
	problem, remedy := "the server refuses the connection", "check its log, and the connection string in the Secret"
	switch server.Number {
	case accessDenied, accessDeniedNoWord:
		problem, remedy = "the server does not accept the user or the password", "correct the connection string in the Secret"
	case mayNotUseDatabase:
		problem, remedy = "the user may not use the database, or it is not there", "grant it SELECT there, or correct the connection string in the Secret"
	case unknownDatabase:
		problem, remedy = "the server has no such database", "correct the connection string in the Secret"
	case accountLocked, mariadbLocked:
		problem, remedy = "the user's account is locked", "unlock it on the server"
	case tlsRequired:
		problem, remedy = "the server does not let the user in without TLS", "write tls=true in the connection string"
	case tooManyConnections, tooManyOfUser, resourcesOfUser:
		problem, remedy = "the server has no connection left", "raise its limit; reading goes on by itself"
	case hostBlocked, hostNotAllowed:
		problem, remedy = "the server does not take connections from here", "allow the operator's address on the server"
	case shuttingDown:
		problem, remedy = "the server is shutting down", "reading goes on by itself"
	}
	return observe.ReadFailed("%s: %s (error %d); %s", dsnField, problem, server.Number, remedy)
}

// mysqlQueryError repeats what the server says of the query, as far as it is safe.
func mysqlQueryError(ctx context.Context, server *mysql.MySQLError, run *run) error {
	remedy := "run it by hand to see more"
	switch number := server.Number; {
	case number == mariadbTimeout, number == mysqlTimeout, number == interrupted:
		return canceled(ctx, run.ds)
	case number == connectionKilled, number == shuttingDown:
		return observe.ReadFailed("%s: the server ended the connection (error %d); reading goes on by itself", dsnField, number)
	case number == lockWait, number == deadlock:
		remedy = "reading goes on by itself"
	case number == readOnlyTransaction:
		remedy = "sources are only read: write a query that selects"
	case number == noDatabaseNamed:
		remedy = "name it in the connection string, or before the table"
	case slices.Contains(ofPrivileges, number):
		remedy = "grant the user what the query reads"
	case number == syntaxError, slices.Contains(ofTheQuery, number):
		remedy = "correct the query"
	case strings.HasPrefix(string(server.SQLState[:]), "22"):
		remedy = "correct the query, or the values that it reads"
	}
	if message := mysqlSafeMessage(server, run); message != "" {
		return observe.ReadFailed("spec.sql.query: the server says: %s (error %d); %s", message, server.Number, remedy)
	}
	return observe.ReadFailed("spec.sql.query: the server refuses it (error %d); %s", server.Number, remedy)
}

var (
	// nearPart finds the part of the query that a syntax error is about.
	nearPart = regexp.MustCompile(`(?s)near ('.*' at line \d+)`)
	// qualifier finds the database before a table's or function's name.
	qualifier = regexp.MustCompile("`?([\\pL\\pN_$-]+)`?\\.([`\\pL_])")
	// namedPart finds what a message quotes, and the user of whom it does.
	namedPart = regexp.MustCompile("(?:'[^']*'|\"[^\"]*\"|`[^`]*`)(?:@(?:'[^']*'|`[^`]*`))?")
)

// mysqlSafeMessage returns a server's message without what may be a customer's data or a part of the connection string.
// Messages of errors in the query quote only the query, and the database that its tables are in. Of the others what they
// quote goes unless the query has it too, and of errors in values (22) everything from the first quote.
func mysqlSafeMessage(server *mysql.MySQLError, run *run) string {
	message := server.Message
	inQuery := func(name string) bool { return strings.Contains(run.query.text, name) }
	unqualified := func(text string) string {
		return qualifier.ReplaceAllStringFunc(text, func(match string) string {
			parts := qualifier.FindStringSubmatch(match)
			if inQuery(parts[1]) {
				return match
			}
			return parts[2]
		})
	}
	switch {
	case server.Number == syntaxError:
		near := nearPart.FindStringSubmatch(message)
		if near == nil {
			return "syntax error"
		}
		return value.Shorten("syntax error near "+near[1], messageLength)
	case slices.Contains(ofTheQuery, server.Number):
		return value.Shorten(unqualified(message), messageLength)
	case strings.HasPrefix(string(server.SQLState[:]), "22"):
		if at := namedPart.FindStringIndex(message); at != nil {
			message = message[:at[0]]
		}
		message, _, _ = strings.Cut(message, ":")
		return strings.TrimSuffix(strings.TrimSpace(message), " in")
	case slices.Contains(ofPrivileges, server.Number):
		return value.Shorten(namedPart.ReplaceAllStringFunc(unqualified(message), func(match string) string {
			if inQuery(match[1 : len(match)-1]) {
				return match
			}
			return `"..."`
		}), messageLength)
	}
	return ""
}
