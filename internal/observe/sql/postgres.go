package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/perennial-dev/perennial/internal/observe"
)

// postgres is a server that speaks PostgreSQL's protocol.
type postgres struct{}

func (postgres) example() string { return "postgres://user:password@host:5432/database" }

// messageOverhead is room for lengths and column descriptions around the values of one row.
const messageOverhead = 1 << 20

// open implements server.
func (postgres) open(dsn string, deps observe.Dependencies) (*sql.DB, error) {
	config, err := postgresConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.DialFunc = deps.Dial
	// Names are resolved when they are dialled, where the address is checked.
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	// The extended protocol, which takes one statement only. Nothing is prepared under a name: poolers lose such.
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	// One row larger than the whole read may be is refused before it is in memory.
	config.MaxProtocolMessageBodyLen = int(min(deps.Budget().MaxBytes()+messageOverhead, 1<<30))
	return stdlib.OpenDB(*config,
		stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }),
		stdlib.OptionResetSession(func(ctx context.Context, conn *pgx.Conn) error {
			// A connection whose server has gone without a word must not take all the time that the read has.
			ctx, cancel := context.WithTimeout(ctx, pingTimeout)
			defer cancel()
			if conn.Ping(ctx) != nil {
				return driver.ErrBadConn
			}
			return nil
		})), nil
}

// rows implements server.
func (postgres) rows(ctx context.Context, conn *sql.Conn, run *run) (*observe.Table, error) {
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	// The server stops the query even if it never hears that this side went away.
	timeout := fmt.Sprintf("SET LOCAL statement_timeout = %d", max(timeLeft(ctx).Milliseconds(), 1))
	if _, err := tx.ExecContext(ctx, timeout); err != nil {
		return nil, err
	}
	// A result that is not wanted to its end is broken off, or closing it would wait for the end.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := tx.QueryContext(ctx, run.query.text, run.arguments...)
	if err != nil {
		return nil, err
	}
	return run.table(rows, func() {}, cancel)
}

// clean implements server: a rollback leaves locks of pg_advisory_lock. A server or pooler that does not know the
// statement is connected to anew for each read.
func (postgres) clean(ctx context.Context, conn *sql.Conn, _ *statement) error {
	_, err := conn.ExecContext(ctx, "DISCARD ALL")
	return err
}
