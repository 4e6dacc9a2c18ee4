// Package sql reads rows with one query from PostgreSQL or from a SQLite file. Every read opens a connection, runs the
// query in a read-only transaction that is rolled back, and closes the connection: sources are read minutes apart, so
// that a kept connection would cost the database more than a new one, and would outlive a changed password.
package sql

import (
	"context"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// New makes the reader of a source that has spec.sql.
func New(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	if err := checkQuery(ds.Spec.SQL.Driver, ds.Spec.SQL.Query); err != nil {
		return nil, err
	}
	switch ds.Spec.SQL.Driver {
	case v1alpha1.DriverPostgres:
		if ds.Spec.SQL.DSNSecretRef == nil {
			return nil, observe.InvalidSpec("spec.sql.dsnSecretRef: required for driver Postgres")
		}
		return &postgres{ds: ds, deps: deps}, nil
	case v1alpha1.DriverSQLite:
		return newSQLite(ds, deps)
	}
	return nil, observe.InvalidSpec("spec.sql.driver: %q is not Postgres or SQLite", ds.Spec.SQL.Driver)
}

// timeLeft returns the time until a context's deadline, at least a millisecond; without a deadline, the default timeout.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return observe.DefaultTimeout
	}
	return max(time.Until(deadline), time.Millisecond)
}

// tookTooLong is the error of a query that did not end in time.
func tookTooLong(ds *v1alpha1.DataSource) error {
	return observe.ReadFailed("no result within %s (spec.timeout)", observe.Timeout(ds))
}
