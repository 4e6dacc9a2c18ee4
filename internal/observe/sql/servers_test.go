//go:build unix

package sql_test

import (
	stdsql "database/sql"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/sql"
	"github.com/perennial-dev/perennial/internal/testing/mariadb"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
)

// database is one kind of server, for what is the same with all of them.
type database struct {
	driver v1alpha1.SQLDriver
	start  func(t *testing.T) testServer
	// connection is the id of the connection that runs it, others the number of other connections, running the number of
	// queries that sleep.
	connection, others, running string
	// sleep is a query that sleeps for so many seconds, limited one that says whether the server ends it after about 30.
	sleep, limited string
	// endless is a query whose rows do not end, huge one with one huge value.
	endless, huge string
	// leave is a query that leaves a lock in its session, left one that shows how many there are. leftovers are queries
	// that show what else is left, with what they show if nothing is.
	prepare, leave, left string
	leftovers            map[string]string
	// facts makes a table that lock locks, against readers too, and unlock unlocks, on the same connection; waiting is the
	// number of queries that wait for a lock.
	facts        string
	lock, unlock []string
	waiting      string
	// user makes the user who reads.
	user string
}

// testServer is a server that was started.
type testServer interface {
	DSN() string
	Password() string
	Address() string
	Exec(statements string, args ...any)
	Stop()
	Restart()
}

var databases = map[string]database{
	"PostgreSQL": {
		driver:     v1alpha1.DriverPostgres,
		start:      func(t *testing.T) testServer { return postgres.Start(t) },
		connection: "select 'a' as org, pg_backend_pid() as n",
		others:     "select 'a' as org, count(*) as n from pg_stat_activity where usename = 'reader' and pid <> pg_backend_pid()",
		running:    "select 'a' as org, count(*) as n from pg_stat_activity where query like '%sleep%' and state = 'active' and pid <> pg_backend_pid()",
		sleep:      "select 'a' as org, pg_sleep(%d)::text as n",
		limited:    "select 'a' as org, case when current_setting('statement_timeout')::interval between '1s' and '30s' then 'yes' else current_setting('statement_timeout') end as n",
		endless:    "select 'a' as org, generate_series(1, 1000000000000) as n",
		huge:       "select 'a' as org, repeat('x', 40000000) as n",
		leave:      "select 'a' as org, pg_advisory_lock(7)::text || set_config('application_name', 'left', false) || set_config('search_path', 'left', false) as n",
		left:       "select 'a' as org, count(*) as n from pg_locks where locktype = 'advisory'",
		leftovers: map[string]string{
			"select 'a' as org, current_setting('application_name') || current_setting('search_path') as n":            `perennial"$user", public`,
			"select 'a' as org, current_setting('application_name') || set_config('application_name', 'b', true) as n": "perennialb",
		},
		prepare: "select 1",
		facts:   "create table facts (org text, n int); insert into facts values ('acme', 1), ('bolt', 2); grant select on facts to reader",
		lock:    []string{"begin", "create temp table old on commit drop as select * from facts", "truncate facts", "insert into facts select * from old"},
		unlock:  []string{"commit"},
		waiting: "select 'a' as org, count(*) as n from pg_stat_activity where wait_event_type = 'Lock'",
		user:    "create role reader login password '%s'",
	},
	"MariaDB": {
		driver:     v1alpha1.DriverMySQL,
		start:      func(t *testing.T) testServer { return mariadb.Start(t) },
		connection: "select 'a' as org, connection_id() as n",
		others:     "select 'a' as org, count(*) as n from information_schema.processlist where user = 'reader' and id <> connection_id()",
		running:    "select 'a' as org, count(*) as n from information_schema.processlist where info like '%sleep%' and id <> connection_id()",
		sleep:      "select 'a' as org, sleep(%d) as n",
		limited:    "select 'a' as org, if(@@max_statement_time between 1 and 31, 'yes', @@max_statement_time) as n",
		endless:    "select 'a' as org, seq as n from seq_1_to_1000000000000",
		huge:       "select 'a' as org, repeat('x', 40000000) as n",
		leave:      "select 'a' as org, get_lock('left', 5) as n",
		left:       "select 'a' as org, is_used_lock('left') is not null as n",
		leftovers: map[string]string{
			"select 'a' as org, @n := coalesce(@n, 0) + 1 as n":                                             "1",
			"select 'a' as org, last_insert_id(last_insert_id() + 1) as n":                                  "1",
			"select 'a' as org, concat(@@time_zone, loosen()) as n":                                         "+00:001",
			"select 'a' as org, concat(@@sql_mode, '\\'', \"; '\", `org`) as n from (select 1 as org) as x": "PIPES_AS_CONCAT'; '1",
		},
		prepare: `set global sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,ANSI_QUOTES';
			create function loosen() returns int begin set session time_zone = '+05:00'; return 1; end; grant execute on *.* to reader@'127.0.0.1'`,
		facts:   "create table facts (org varchar(20), n int); insert into facts values ('acme', 1), ('bolt', 2)",
		lock:    []string{"lock tables facts write"},
		unlock:  []string{"unlock tables"},
		waiting: "select 'a' as org, count(*) as n from information_schema.processlist where state like 'Waiting for table%'",
		user:    "create user reader@'127.0.0.1' identified by '%s'; grant select on *.* to reader@'127.0.0.1'",
	},
}

// readerWord is the password of the user that sources read as; the test itself looks on as another.
const readerWord = "reader-word"

// TestServers shows what is the same with each kind of server, with a user who reads.
func TestServers(t *testing.T) {
	behaviours := map[string]func(*testing.T, *bench){
		"connections are kept and shared":                                     connectionsAreKeptAndShared,
		"a source whose connection string changes lets go of its connections": aSourceWhoseConnectionStringChangesLetsGoOfItsConnections,
		"nothing is left in the session":                                      nothingIsLeftInTheSession,
		"a table that is being reloaded is read whole":                        aTableThatIsBeingReloadedIsReadWhole,
		"a server that stops and comes back":                                  aServerThatStopsAndComesBack,
		"a connection that was cut off without a word is replaced":            aConnectionThatWasCutOffWithoutAWordIsReplaced,
		"a query that takes too long is stopped on the server too":            aQueryThatTakesTooLongIsStoppedOnTheServerToo,
		"a read that runs is not disturbed":                                   aReadThatRunsIsNotDisturbed,
		"sources wait for each other within their timeout":                    sourcesWaitForEachOtherWithinTheirTimeout,
		"nothing is taken in that is larger than a read may be":               nothingIsTakenInThatIsLargerThanAReadMayBe,
	}
	for kind, d := range databases {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := d.start(t)
			server.Exec(fmt.Sprintf(d.user, readerWord))
			server.Exec(d.facts)
			for name, behaviour := range behaviours {
				t.Run(name, func(t *testing.T) {
					behaviour(t, &bench{database: d, t: t, server: server, dsn: asReader(server)})
				})
			}
		})
	}
}

// asReader is the connection string of the user who reads.
func asReader(server testServer) string {
	return strings.Replace(server.DSN(), "perennial:"+server.Password(), "reader:"+readerWord, 1)
}

// bench is a server and what is read of it.
type bench struct {
	database
	t      *testing.T
	server testServer
	dsn    string
}

// source declares a source of its own name, with the time that a loaded machine needs.
func (b *bench) source(name, query string) *v1alpha1.DataSource {
	ds := newRemote(b.driver, query, "n")
	ds.Name, ds.Spec.Timeout = name, "30s"
	return ds
}

// number reads the one number of a query, and fails the test if it cannot.
func (b *bench) number(provider *sql.Provider, ds *v1alpha1.DataSource, deps observe.Dependencies) string {
	b.t.Helper()
	got, err := read(b.t.Context(), provider, ds, deps)
	if err != nil {
		b.t.Fatal(err)
	}
	return got.Rows[0][0].Text
}

// look runs a query as another user, on a connection of its own.
func (b *bench) look(query string) string {
	provider := sql.NewProvider()
	defer provider.Close()
	return b.number(provider, b.source("look", query), withSecret(b.server.DSN()))
}

// wantOthers waits until so many connections of the user who reads are open.
func (b *bench) wantOthers(n string) {
	b.t.Helper()
	got := ""
	eventually(b.t, n+" connections", func() bool { got = b.look(b.others); return got == n })
}

func name(source string) types.NamespacedName {
	return types.NamespacedName{Namespace: "success", Name: source}
}

// otherConnection returns a function that runs statements on one connection.
func (b *bench) otherConnection() func(statement string) {
	name := map[v1alpha1.SQLDriver]string{v1alpha1.DriverPostgres: "pgx", v1alpha1.DriverMySQL: "mysql"}[b.driver]
	db, err := stdsql.Open(name, b.server.DSN())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return func(statement string) {
		b.t.Helper()
		if _, err := conn.ExecContext(b.t.Context(), statement); err != nil {
			b.t.Fatalf("%s: %v", statement, err)
		}
	}
}
