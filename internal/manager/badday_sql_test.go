//go:build unix

package manager

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/mariadb"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
)

// database is a real server with a database, which a test stops, starts and fills.
type database interface {
	DSN() string
	Address() string
	Exec(statements string, args ...any)
	Stop()
	Restart()
}

// goodView is what the feed reads; its rows are those of the table orgs.
const goodView = "create view feed as select id, wau, tickets, seats from orgs"

// setOrgs fills the table in one transaction.
func setOrgs(db database, orgs []org) {
	var rows []string
	for _, o := range orgs {
		rows = append(rows, fmt.Sprintf("('%s', %s, %s, %s)", o.id, o.wau, o.tickets, o.seats))
	}
	db.Exec("begin; delete from orgs; insert into orgs values " + strings.Join(rows, ", ") + "; commit")
}

// newSQLDay is a bad day of a view in a database.
func newSQLDay(t *testing.T, driver v1alpha1.SQLDriver, db database) *badDay {
	t.Helper()
	db.Exec("create table orgs (id varchar(40), wau integer, tickets integer, seats integer); " + goodView)
	secret := false
	provider := fmt.Sprintf(`
  interval: 5m
  timeout: 10s
  sql:
    driver: %s
    dsnSecretRef: {name: feed-dsn, key: dsn}
    query: select * from feed
`, driver)
	return newBadDay(t, db.Address(), provider, func(b *badDay, orgs []org) {
		if !secret {
			b.apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: feed-dsn, annotations: {perennial.dev/allow-datasource: feed}}
stringData: {dsn: %q}
`, db.DSN()))
			secret = true
		}
		setOrgs(db, orgs)
	})
}

// replaceView has the feed read something else.
func replaceView(db database, view string) { db.Exec("drop view if exists feed; " + view) }

// sqlDays are the days that every database has. sleep is a condition that takes half a minute, and noView what the server
// says of a view that is not there.
func sqlDays(b *badDay, db database, sleep, noView string) []day {
	viewed := func(view string) func() { return func() { replaceView(db, view) } }
	well := viewed(goodView)
	whole := func() { setOrgs(db, badDayOrgs()) }
	failed := func(name, message string, breaks, repairs func()) day {
		return day{name: name, outage: outage{breaks: breaks, reason: "ReadFailed", message: message, repairs: repairs}}
	}
	slow := failed("slow", tooSlow, nil, well)
	// Little time, from the moment on that it takes more.
	slow.breaks = func() {
		b.patchSource("feed", `{"spec": {"timeout": "1s"}}`)
		b.read()
		replaceView(db, "create view feed as select id, wau, tickets, seats from orgs where "+sleep)
	}
	slow.after = func() { b.patchSource("feed", `{"spec": {"timeout": "10s"}}`) }
	slow.brief = true
	endless := failed("endless", tooMany, nil, well)
	endless.with = func(o *Options) { o.MaxRows = 1000 }
	endless.breaks = func() {
		b.stop()
		b.startWith(endless.with)
		replaceView(db, "create view feed as select a.id, a.wau, a.tickets, a.seats from orgs a, orgs b, orgs c, orgs d, orgs e, orgs f")
	}
	endless.after = b.restart
	return []day{
		failed("down at the start", noServer, func() { b.stop(); db.Stop(); b.start() }, db.Restart),
		failed("goes down", noServer, db.Stop, db.Restart),
		slow,
		failed("the account's column is gone", noColumn, viewed("create view feed as select wau, tickets, seats from orgs"), well),
		failed("the view is gone", noView, func() { db.Exec("drop view feed") }, well),
		{name: "half loaded", outage: outage{
			breaks: func() {
				// As a load does that commits each statement, up to where it is now.
				db.Exec("delete from orgs")
				setOrgs(db, badDayOrgs()[11:])
			},
			reason: "RowsDropped", message: "9" + dropped, event: "RowsDropped", repairs: whole,
		}},
		{name: "empty", outage: outage{
			breaks: func() { db.Exec("delete from orgs") },
			reason: "RowsDropped", message: "0" + dropped, event: "RowsDropped", repairs: whole,
		}},
		endless,
	}
}

// noServer and noColumn are what every database says.
const (
	noServer = "spec.sql.dsnSecretRef: " + refused
	noColumn = `spec.sql.query: column "id" (spec.account.field) is not there; the columns are: "wau", "tickets", "seats"`
	tooSlow  = "spec.timeout: no result within 1s; make the query faster, or raise the timeout"
	tooMany  = "spec.sql.query: more than 1000 rows: select fewer, or raise the operator's --max-rows"
)

func TestBadDayOfPostgres(t *testing.T) {
	db := postgres.Start(t)
	b := newSQLDay(t, v1alpha1.DriverPostgres, db)
	b.haveAll(sqlDays(b, db, "pg_sleep(30) is not null", `spec.sql.query: the server says: relation "feed" does not exist (SQLSTATE 42P01); correct the query`))
	b.loadInOne(db, "pgx")
	b.ends()
}

func TestBadDayOfMariaDB(t *testing.T) {
	db := mariadb.Start(t)
	b := newSQLDay(t, v1alpha1.DriverMySQL, db)
	b.haveAll(sqlDays(b, db, "sleep(30) = 0", "spec.sql.query: the server says: Table 'feed' doesn't exist (error 1146); correct the query"))
	b.loadInOne(db, "mysql")
	b.ends()
}

// loadInOne loads the table in one transaction, which is open while the source is read: the read sees all of what was there.
func (b *badDay) loadInOne(db database, driver string) {
	b.t.Helper()
	b.settled()
	before := b.standing()
	conn, err := sql.Open(driver, db.DSN())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{"delete from orgs", "insert into orgs values ('acme', 1, 9, 1)"} {
		if _, err := tx.ExecContext(context.Background(), statement); err != nil {
			b.t.Fatal(err)
		}
	}
	b.read()
	b.wants(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
	b.unmoved(before, "while the table was loaded in one transaction")
}
