package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"
)

// Variables of the session that limit the time of a query.
const (
	mariadbLimit = "max_statement_time" // in seconds
	mysqlLimit   = "max_execution_time" // in milliseconds, of SELECT alone
)

// mysqlConnector makes connections whose bytes are counted.
type mysqlConnector struct {
	config *mysql.Config
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	limit  int64 // bytes of one row
}

// driverConn is what the driver's connections are.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// mysqlConn is a connection of the driver's, and what is to know of it.
type mysqlConn struct {
	driverConn
	meter *meter
	// timeLimit is the variable that limits the time of a query; empty where the server has none.
	timeLimit string
}

// errNonsense is the error of a server that does not speak MySQL's protocol.
var errNonsense = errors.New("the server does not speak MySQL's protocol")

// Driver implements driver.Connector.
func (c *mysqlConnector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// Connect implements driver.Connector.
func (c *mysqlConnector) Connect(ctx context.Context) (_ driver.Conn, err error) {
	m := &meter{limit: c.limit}
	defer func() {
		// The driver trusts the server to send all the fields of what it sends.
		if recover() != nil {
			err = errNonsense
		}
		if err != nil {
			err = errors.Join(err, m.failure())
			m.abort()
		}
	}()
	config := c.config.Clone()
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := c.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		m.connect(conn)
		return m, nil
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	connected, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn := &mysqlConn{meter: m}
	var ok bool
	if conn.driverConn, ok = connected.(driverConn); !ok {
		return nil, errors.Join(errors.New("the driver's connections are not what they were"), connected.Close())
	}
	return conn, conn.findTimeLimit(ctx)
}

// findTimeLimit finds the variable that limits the time of a query.
func (c *mysqlConn) findTimeLimit(ctx context.Context) error {
	for _, name := range []string{mariadbLimit, mysqlLimit} {
		_, err := c.ExecContext(ctx, "SET SESSION "+name+" = 0", nil)
		if err == nil {
			c.timeLimit = name
			return nil
		}
		if _, ok := errors.AsType[*mysql.MySQLError](err); !ok {
			return errors.Join(err, c.Close())
		}
	}
	return nil
}

// ResetSession implements driver.SessionResetter: a connection that does not answer is not used again.
func (c *mysqlConn) ResetSession(ctx context.Context) error {
	if err := c.driverConn.ResetSession(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if c.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}
