package sql

import (
	"context"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// reader is what every read of a source works with.
type reader struct {
	provider *Provider
	source   types.NamespacedName
	ds       *v1alpha1.DataSource
	deps     observe.Dependencies
	query    *statement
}

// remote reads one query's rows from a server.
type remote struct {
	reader
	server server
}

// server is what differs from one kind of server to another.
type server interface {
	// example is what a connection string looks like.
	example() string
	// open makes the pool of a connection string and connects nowhere. Its error is an *observe.Error that shows nothing of
	// the connection string, or errNoDSN.
	open(dsn string, deps observe.Dependencies) (*sql.DB, error)
	// rows runs the query on a connection, in a read-only transaction that it rolls back.
	rows(ctx context.Context, conn *sql.Conn, run *run) (*observe.Table, error)
	// clean takes from a connection what the query may have left in the session; the error means that it cannot.
	clean(ctx context.Context, conn *sql.Conn, query *statement) error
	// explain says what a server or its driver means by an error, in words that hold no host, user, password or value; nil
	// where it is not theirs. connecting is whether the query had not begun.
	explain(ctx context.Context, err error, connecting bool, run *run) error
}

// errNoDSN is the error of what cannot be read as a connection string.
var errNoDSN = errors.New("not a connection string")

// run is one run of a query.
type run struct {
	*reader
	arguments []any
	budget    *observe.Budget
}

func newRemote(r reader, s server) (observe.Reader, error) {
	if r.ds.Spec.SQL.DSNSecretRef == nil {
		return nil, observe.InvalidSpec("%s: required for driver %s", dsnField, r.ds.Spec.SQL.Driver)
	}
	return &remote{reader: r, server: s}, nil
}

// Read implements observe.Reader.
func (r *remote) Read(ctx context.Context, req observe.Request) (*observe.Table, error) {
	dsn, err := r.dsn(ctx)
	if err != nil {
		if withdrawn(err) {
			r.provider.Forget(r.source)
		}
		return nil, err
	}
	run := &run{reader: &r.reader, arguments: r.query.arguments(req.Now), budget: r.deps.Budget()}
	pool, err := r.provider.acquire(r.source, keyOf(r.query.driver, dsn, run.budget.MaxBytes()), func() (*sql.DB, error) {
		return r.server.open(dsn, r.deps)
	})
	if errors.Is(err, errNoDSN) {
		ref := r.ds.Spec.SQL.DSNSecretRef
		return nil, observe.ReadFailed("%s: key %q of Secret %q is not a connection string; write %s", dsnField, ref.Key, ref.Name, r.server.example())
	}
	if err != nil {
		return nil, err
	}
	defer r.provider.release(pool)
	conn, err := pool.db.Conn(ctx)
	if err != nil {
		return nil, r.explainConnecting(ctx, err, pool.db.Stats(), run)
	}
	defer func() { _ = conn.Close() }()
	t, err := r.server.rows(ctx, conn, run)
	if r.server.clean(ctx, conn, r.query) != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
	}
	if err != nil {
		return nil, r.explain(ctx, err, run)
	}
	return t, nil
}

// withdrawn reports whether an error says that a source has no connection string any more, and not that it cannot be read
// now.
func withdrawn(err error) bool {
	told, ok := errors.AsType[*observe.Error](err)
	return ok && (told.Reason == v1alpha1.ReasonSecretNotAllowed || told.Reason == v1alpha1.ReasonSecretNotFound)
}

// explain says what went wrong with the query. Errors of drivers hold hosts, users and values, so that nothing of their
// text is passed on but what a server's explain lets through.
func (r *remote) explain(ctx context.Context, err error, run *run) error {
	if told, ok := errors.AsType[*observe.Error](err); ok {
		return told
	}
	if told := r.server.explain(ctx, err, false, run); told != nil {
		return told
	}
	if told := overTime(ctx, err, r.ds); told != nil {
		return told
	}
	return explainNetwork(err)
}

// explainConnecting says why there is no connection.
func (r *remote) explainConnecting(ctx context.Context, err error, stats sql.DBStats, run *run) error {
	if told := r.server.explain(ctx, err, true, run); told != nil {
		return told
	}
	timeout := observe.Timeout(r.ds)
	switch {
	case ctx.Err() == nil: // though it may have taken longer than the connection string allows
		return explainNetwork(err)
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return overTime(ctx, err, r.ds)
	case stats.InUse >= maxOpen:
		return observe.ReadFailed("spec.timeout: no connection was free within %s, since %d other reads with this connection string go on; make their queries faster, or raise the timeout", timeout, maxOpen)
	}
	return observe.ReadFailed("%s: no connection within %s (spec.timeout); check that host and port are right, and that no firewall or network policy is between", dsnField, timeout)
}

// explainNetwork describes an error of the network or of TLS.
func explainNetwork(err error) error {
	problem, remedy := network.Explain(err)
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		remedy = "have the operator trust it, by SSL_CERT_FILE or SSL_CERT_DIR in its environment" // no field of the spec says so
	}
	if errors.Is(err, network.ErrAddress) {
		return observe.AddressNotAllowed("%s: %s; %s", dsnField, problem, remedy)
	}
	return observe.ReadFailed("%s: %s; %s", dsnField, problem, remedy)
}
