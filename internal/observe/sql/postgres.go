package sql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// postgres reads one query's rows from a PostgreSQL server.
type postgres struct {
	ds   *v1alpha1.DataSource
	deps observe.Dependencies
}

// Read implements observe.Reader.
func (p *postgres) Read(ctx context.Context) (*observe.Table, error) {
	dsn, err := p.dsn(ctx)
	if err != nil {
		return nil, err
	}
	budget := p.deps.Budget()
	config, err := p.config(dsn, budget)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	t, err := p.query(ctx, db, budget)
	if err != nil {
		return nil, p.explain(ctx, err, budget)
	}
	return t, nil
}

// query runs the source's query in a read-only transaction, which is rolled back so that nothing a function set in the
// session stays.
func (p *postgres) query(ctx context.Context, db *sql.DB, budget *observe.Budget) (*observe.Table, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	// The server stops the query even if it never hears that this side went away.
	timeout := fmt.Sprintf("SET LOCAL statement_timeout = %d", max(timeLeft(ctx).Milliseconds(), 1))
	if _, err := tx.ExecContext(ctx, timeout); err != nil {
		return nil, err
	}
	return selectRows(ctx, tx, p.ds, budget)
}

// config reads the connection string.
func (p *postgres) config(dsn string, budget *observe.Budget) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		ref := p.ds.Spec.SQL.DSNSecretRef
		return nil, observe.ReadFailed("key %q of Secret %q is not a connection string: write postgres://user:password@host:5432/database", ref.Key, ref.Name)
	}
	// The extended protocol, which takes one statement only. Nothing is prepared under a name: poolers lose such.
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	// One row larger than the whole read may be is refused before it is in memory.
	config.MaxProtocolMessageBodyLen = int(min(budget.MaxBytes()+messageOverhead, 1<<30))
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "perennial"
	}
	return config, nil
}

// messageOverhead is room for lengths and column descriptions around the values of one row.
const messageOverhead = 1 << 20

// dsn reads the connection string from the Secret, if the Secret says that this source may use it.
func (p *postgres) dsn(ctx context.Context) (string, error) {
	ref := p.ds.Spec.SQL.DSNSecretRef
	data, annotations, err := p.deps.Keys.SecretKey(ctx, p.ds.Namespace, ref.Name, ref.Key)
	if annotations == nil && err != nil {
		return "", err
	}
	// A Secret that does not allow this source does not even tell it which keys it has.
	allowed := annotations[v1alpha1.AnnotationAllowDataSource]
	if !allows(allowed, p.ds.Name) {
		return "", observe.SecretNotAllowed("Secret %q does not allow this DataSource; to allow it: %s",
			ref.Name, allowCommand(p.ds.Namespace, ref.Name, allowed, p.ds.Name))
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// allows reports whether a list of names, separated by commas, has a name or *.
func allows(list, name string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.TrimSpace(entry)
		return entry == "*" || entry == name
	})
}

// allowCommand writes the command that adds a name to a Secret's list.
func allowCommand(namespace, secret, allowed, name string) string {
	list, overwrite := name, ""
	if strings.TrimSpace(allowed) != "" {
		list, overwrite = allowed+","+name, " --overwrite"
	}
	return fmt.Sprintf("kubectl annotate secret -n %s %s '%s=%s'%s", namespace, secret, v1alpha1.AnnotationAllowDataSource, list, overwrite)
}
