// Package sql reads rows with one query from PostgreSQL, from MySQL or MariaDB, or from a SQLite file. Every query runs in
// a read-only transaction that is rolled back.
//
// Connections to servers are kept from read to read and shared by the sources that have the same driver and connection
// string; see Provider. A SQLite file is opened for each read, which costs nothing and finds the file that is there now.
package sql

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/network"
)

// Open implements observe.Provider.
func (p *Provider) Open(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	query, err := parseQuery(ds.Spec.SQL.Driver, ds.Spec.SQL.Query)
	if err != nil {
		return nil, err
	}
	if deps.Dial == nil {
		deps.Dial = network.Dialer{AllowLoopback: true}.DialContext
	}
	r := reader{provider: p, source: client.ObjectKeyFromObject(ds), ds: ds, deps: deps, query: query}
	switch ds.Spec.SQL.Driver {
	case v1alpha1.DriverPostgres:
		return newRemote(r, postgres{})
	case v1alpha1.DriverMySQL:
		return newRemote(r, mysqlServer{})
	}
	return newSQLite(r)
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
	return observe.ReadFailed("spec.timeout: no result within %s; make the query faster, or raise the timeout", observe.Timeout(ds))
}

// overTime is the error of a read whose time is over, or that was stopped; nil where it is neither.
func overTime(ctx context.Context, err error, ds *v1alpha1.DataSource) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return tookTooLong(ds)
	case ctx.Err() != nil:
		return observe.ReadFailed("spec.sql: the read was stopped; it is made again")
	}
	return nil
}

// canceled is the error of a query that the server broke off: because its time was over, or because somebody asked it to.
func canceled(ctx context.Context, ds *v1alpha1.DataSource) error {
	if timeLeft(ctx) < time.Second {
		return tookTooLong(ds)
	}
	return observe.ReadFailed("spec.sql.query: somebody canceled it on the server; reading goes on by itself")
}
