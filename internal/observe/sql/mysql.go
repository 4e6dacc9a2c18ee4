package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/perennial-dev/perennial/internal/observe"
)

// mysqlServer is a server that speaks MySQL's protocol.
type mysqlServer struct{}

func (mysqlServer) example() string { return "user:password@tcp(host:3306)/database" }

// open implements server.
func (s mysqlServer) open(dsn string, deps observe.Dependencies) (*sql.DB, error) {
	config, err := mysqlConfig(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(&mysqlConnector{config: config, dial: deps.Dial, limit: deps.Budget().MaxBytes() + messageOverhead}), nil
}

// mysqlConfig reads a connection string. Who may connect to what is its business, how is not: whatever it says, nothing of
// the operator's is read, and values come as the server has them.
func mysqlConfig(dsn string) (*mysql.Config, error) {
	if err := checkParameters(dsn); err != nil {
		return nil, err
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil || config.User == "" || !slices.Contains([]string{"tcp", "tcp4", "tcp6", "unix"}, config.Net) {
		return nil, errNoDSN
	}
	config.Params = nil
	config.ServerPubKey = ""
	config.Logger = &mysql.NopLogger{}
	config.Loc = time.UTC
	config.ReadTimeout, config.WriteTimeout = 0, 0 // spec.timeout is for all of a read
	config.AllowAllFiles, config.MultiStatements, config.InterpolateParams = false, false, false
	config.AllowOldPasswords, config.ParseTime, config.ColumnsWithAlias = false, false, false
	config.RejectReadOnly, config.ClientFoundRows, config.CheckConnLiveness = false, false, false
	// A password goes in the clear only over a connection whose other end is known.
	config.AllowCleartextPasswords = config.AllowCleartextPasswords && verified(config)
	// In other character sets a backslash may be half of a letter, and compressed packets may be small and hold a lot.
	if err := config.Apply(mysql.Charset("utf8mb4", ""), mysql.EnableCompression(false)); err != nil {
		return nil, errNoDSN
	}
	return config, nil
}

// verified reports whether every connection has TLS, with a certificate that is checked.
func verified(config *mysql.Config) bool {
	return config.TLS != nil && !config.TLS.InsecureSkipVerify && !config.AllowFallbackToPlaintext
}

// driverParameters are those that the driver knows. Others would be set as variables of the session.
var driverParameters = []string{
	"allowAllFiles", "allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "allowOldPasswords", "charset",
	"checkConnLiveness", "clientFoundRows", "collation", "columnsWithAlias", "compress", "connectionAttributes", "interpolateParams",
	"loc", "maxAllowedPacket", "multiStatements", "parseTime", "readTimeout", "rejectReadOnly", "timeTruncate", "timeout", "tls",
	"writeTimeout", "time_zone",
}

// checkParameters refuses parameters of a connection string that mean something to a program that has registered it, and
// those that would change how the session reads a query. It names those that it knows alone: what stands behind a ? in the
// wrong place may be a part of a password.
func checkParameters(dsn string) error {
	_, parameters, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	for pair := range strings.SplitSeq(parameters, "&") {
		name, value, found := strings.Cut(pair, "=")
		switch {
		case !found:
		case name == "serverPubKey", name == "strict":
			return observe.ReadFailed("%s: the connection string has the parameter %s, which the operator does not take; remove it", dsnField, name)
		case name == "tls" && !isTLSMode(value):
			return observe.ReadFailed("%s: the connection string has another tls than true, false, preferred and skip-verify; write one of these", dsnField)
		case !slices.Contains(driverParameters, name):
			return observe.ReadFailed("%s: the connection string sets a variable of the session, which the operator does not; remove it", dsnField)
		}
	}
	return nil
}

// isTLSMode reports whether the parameter tls is one that needs nothing registered.
func isTLSMode(value string) bool {
	name, err := url.QueryUnescape(value)
	return err == nil && slices.Contains([]string{"1", "0", "true", "false", "skip-verify", "preferred"}, strings.ToLower(name))
}

// rows implements server.
func (mysqlServer) rows(ctx context.Context, conn *sql.Conn, run *run) (_ *observe.Table, err error) {
	var raw *mysqlConn
	if err := conn.Raw(func(connection any) error { raw = connection.(*mysqlConn); return nil }); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, raw.meter.failure())
		}
	}()
	if _, err := conn.ExecContext(ctx, raw.session(timeLeft(ctx))); err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	// A prepared statement is one statement, and its rows have floats that are exact.
	prepared, err := tx.PrepareContext(ctx, run.query.text)
	if err != nil {
		return nil, err
	}
	defer func() { _ = prepared.Close() }()
	rows, err := prepared.QueryContext(ctx, run.arguments...)
	if err != nil {
		return nil, err
	}
	return run.table(rows, raw.meter.reset, raw.meter.abort)
}

// session sets what must be the same for every query. Texts end where parseQuery thinks that they do only without the modes
// that give quotes and backslashes another meaning, which those named like another database include.
func (c *mysqlConn) session(limit time.Duration) string {
	modes := "@@sql_mode"
	for _, mode := range []string{"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"} {
		modes = fmt.Sprintf("REPLACE(%s, '%s', '')", modes, mode)
	}
	statement := "SET SESSION time_zone = '+00:00', SESSION sql_mode = " + modes
	// The server stops the query even if it never hears that this side went away; but later than this side gives up, since
	// SLEEP and BENCHMARK that were stopped give a result like any other.
	limit += time.Second
	switch c.timeLimit {
	case mariadbLimit:
		statement += fmt.Sprintf(", SESSION %s = %.3f", c.timeLimit, limit.Seconds())
	case mysqlLimit:
		statement += fmt.Sprintf(", SESSION %s = %d", c.timeLimit, max(limit.Milliseconds(), 1))
	}
	return statement
}

// clean implements server: what a query may leave in the session ends with the connection.
func (mysqlServer) clean(_ context.Context, _ *sql.Conn, query *statement) error {
	if query.leaves {
		return errLeft
	}
	return nil
}

var errLeft = errors.New("the query may have left a lock or a variable in the session")
