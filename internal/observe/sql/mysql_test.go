//go:build unix

package sql_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/testing/mariadb"
)

func newMySQL(query string, columns ...string) *v1alpha1.DataSource {
	return newRemote(v1alpha1.DriverMySQL, query, columns...)
}

func TestMySQL(t *testing.T) {
	server := mariadb.Start(t)
	server.Exec("create table `usage` (org varchar(20), n decimal(30,2), f4 float, f8 double, i bigint, u bigint unsigned, yes boolean, at timestamp(6) null, plain datetime(1), day date, clock time, y year, b blob, bits bit(12), j json, word enum('good','bad'));" +
		`set time_zone = '+02:00', sql_mode = '';
		insert into ` + "`usage`" + ` values
		('acme', 12345678901234567890.10, 0.1, 1200000, 9007199254740993, 18446744073709551615, true, '2026-11-01 09:30:00.25', '2026-11-01 09:30:00.5', '2026-11-01', '08:00:00', 2026, 'text', b'101000000001', '{"a": 1}', 'good'),
		('bolt', null, 16777217, 1e-7, null, null, false, null, '0000-00-00', '0000-00-00', null, null, x'ff00', null, null, null);
		create sequence counter; set sql_mode = default;
		create function shout() returns text begin signal sqlstate '45000' set message_text = 'customer acme is locked'; return ''; end;
		create function store() returns int begin insert into ` + "`usage`" + ` (org) values ('eve'); return 1; end;
		create user reader@'127.0.0.1' identified by 'reader-word';
		grant select (org) on warehouse.` + "`usage`" + ` to reader@'127.0.0.1';`)
	deps := func(dsn string) observe.Dependencies {
		return observe.Dependencies{Keys: &fakeKeys{dsn: dsn, allowed: "usage"}, MaxRows: 3, MaxBytes: 1000}
	}

	t.Run("values are read exactly", func(t *testing.T) {
		got, err := readOnce(t, newMySQL("select * from `usage` order by org;", "n", "f4", "f8", "i", "u", "yes", "at", "plain", "day", "clock", "y", "b", "bits", "j", "word"), deps(server.DSN()))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"at|b|bits|clock|day|f4|f8|i|j|n|org|plain|u|word|y|yes",
			`2026-11-01 07:30:00.250000|text|2561|08:00:00|2026-11-01|0.1|1200000|9007199254740993|{"a": 1}|12345678901234567890.10|acme|2026-11-01 09:30:00.5|18446744073709551615|good|2026|1`,
			`~|\xff00|~|~|0000-00-00|16777216|1e-07|~|~|~|bolt|0000-00-00 00:00:00.0|~|~|~|0`,
		}
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	const failed, invalid = v1alpha1.ReasonReadFailed, v1alpha1.ReasonInvalidSpec
	const writes = "spec.sql.query: the server says: Cannot execute statement in a READ ONLY transaction (error 1792); sources are only read: write a query that selects"
	tests := map[string]struct{ query, reason, message string }{
		"an unknown table":                        {"select org, n from use_", failed, "spec.sql.query: the server says: Table 'use_' doesn't exist (error 1146); correct the query"},
		"an unknown table of another database":    {"select org, n from crm.use_", failed, "spec.sql.query: the server says: Table 'crm.use_' doesn't exist (error 1146); correct the query"},
		"an unknown column":                       {"select org, m as n from `usage`", failed, "spec.sql.query: the server says: Unknown column 'm' in 'SELECT' (error 1054); correct the query"},
		"an unknown function":                     {"select 'a' as org, nosuch(1) as n", failed, "spec.sql.query: the server says: FUNCTION nosuch does not exist (error 1305); correct the query"},
		"a syntax error":                          {"select org, n, from `usage`", failed, "spec.sql.query: the server says: syntax error near 'from `usage`' at line 1 (error 1064); correct the query"},
		"several rows for one":                    {"select org, (select org from `usage`) as n from `usage`", failed, "spec.sql.query: the server says: Subquery returns more than 1 row (error 1242); correct the query"},
		"a column is not there":                   {"select org from `usage`", failed, `spec.sql.query: column "n" (spec.metrics[n]) is not there; the columns are: "org"`},
		"an account column that is gone":          {"select n from `usage`", failed, `spec.sql.query: column "org" (spec.account.field) is not there; the columns are: "n"`},
		"two columns of one name":                 {"select org, n, f8 as n from `usage`", failed, `spec.sql.query: two columns are named "n"`},
		"more rows than allowed":                  {"select 'a' as org, seq as n from seq_1_to_4", failed, "spec.sql.query: more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"more bytes than allowed":                 {"select 'a' as org, repeat('x', 600) as n from seq_1_to_2", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"one value larger than everything may be": {"select 'a' as org, repeat('x', 4000000) as n", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"two statements":                          {"select org, n from `usage`; delete from `usage`", invalid, "spec.sql.query: more than one statement; write one"},
		"a delete":                                {"delete from `usage`", invalid, "spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES"},
		"a file that is written":                  {"select org, n from `usage` into outfile '/tmp/x'", invalid, "spec.sql.query: INTO writes; sources are only read: write the query without it"},
		"a write by a function":                   {"select 'a' as org, store() as n", failed, writes},
		"a write to a sequence":                   {"select 'a' as org, nextval(counter) as n", failed, writes},
		"a lock of rows":                          {"select org, n from `usage` for update", failed, writes},
		"what a function signals":                 {"select 'a' as org, shout() as n", failed, "spec.sql.query: the server refuses it (error 1644); run it by hand to see more"},
		"a number that is out of range":           {"select 'a' as org, cast(1 as unsigned) - 2 as n", failed, "spec.sql.query: the server says: BIGINT UNSIGNED value is out of range (error 1690); correct the query, or the values that it reads"},
		"an infinite number":                      {"select 'a' as org, exp(1000) as n", failed, "spec.sql.query: the server says: DOUBLE value is out of range (error 1690); correct the query, or the values that it reads"},
		"a query that never ends":                 {"select 'a' as org, sleep(600) as n", failed, "spec.timeout: no result within 2s; make the query faster, or raise the timeout"},
		"a time limit of its own":                 {"select 'a' as org, benchmark(1000000000000, md5('x')) as n", failed, "spec.timeout: no result within 2s; make the query faster, or raise the timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOnce(t, newMySQL(test.query, "n"), deps(server.DSN()))
			wantError(t, err, test.reason, test.message)
		})
	}

	t.Run("a connection string may not loosen the protocol", func(t *testing.T) {
		got, err := readOnce(t, newMySQL("select org, day from `usage` where org = 'acme'", "day"), deps(server.DSN()+"?multiStatements=true&interpolateParams=true&parseTime=true&loc=Asia%2FTokyo&charset=latin1&compress=true&columnsWithAlias=true"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"day|org", "2026-11-01|acme"}, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("the time of the read is a parameter", func(t *testing.T) {
		server.Exec("create table event (org varchar(20), at timestamp); set time_zone = '+00:00'; " +
			"insert into event values ('acme', '2026-10-31 12:00:00'), ('bolt', '2026-10-31 11:59:59'), ('cora', '2026-11-01 12:00:01'), ('dora', '2026-11-01 12:00:00')")
		query := "select org, ${now} as at, info like concat('%CAST(', '? AS DATETIME(6))%') as bound, '? $${now}' as words\n" +
			"from event join information_schema.processlist on id = connection_id() where at >= ${now} - interval 1 day and at <= ${now}-- and now\norder by org"
		got, err := readOnce(t, newMySQL(query, "at", "bound", "words"), deps(server.DSN()))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"at|bound|org|words", "2026-11-01 12:00:00.000000|1|acme|? ${now}", "2026-11-01 12:00:00.000000|1|dora|? ${now}"}
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a user who may not select is told so", func(t *testing.T) {
		reader := strings.Replace(server.DSN(), "perennial:"+server.Password(), "reader:reader-word", 1)
		_, err := readOnce(t, newMySQL("select org, n from `usage`", "n"), deps(reader))
		wantError(t, err, failed, "spec.sql.query: the server says: SELECT command denied to user \"...\" for column 'n' in table 'usage' (error 1143); grant the user what the query reads")
		_, err = readOnce(t, newMySQL("select org, 1 as n from event", "n"), deps(reader))
		wantError(t, err, failed, "spec.sql.query: the server says: SELECT command denied to user \"...\" for table `event` (error 1142); grant the user what the query reads")
	})
	t.Run("a query that a person ends", func(t *testing.T) {
		done := make(chan error)
		ds := newMySQL("select 'a' as org, sleep(600) as n", "n")
		ds.Spec.Timeout = "1m"
		go func() {
			_, err := readOnce(t, ds, deps(server.DSN()))
			done <- err
		}()
		running := newMySQL("select 'a' as org, id as n from information_schema.processlist where state = 'User sleep' and info like '%sleep(600)%'", "n")
		var err error
		killed := map[string]bool{}
		eventually(t, "the query ends", func() bool {
			select {
			case err = <-done:
				return true
			default:
			}
			got, readErr := readOnce(t, running, deps(server.DSN()))
			if readErr != nil {
				return false
			}
			// The driver may ask anew on another connection, of which the query is ended too.
			for _, row := range got.Rows {
				if id := row[0].Text; !killed[id] {
					killed[id] = true
					server.Exec("kill connection " + id)
				}
			}
			return false
		})
		if told, ok := errors.AsType[*observe.Error](err); !ok || told.Reason != failed || !strings.HasSuffix(told.Message, "reading goes on by itself") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMySQLConnectionErrorsShowNothingOfTheConnectionString(t *testing.T) {
	server := mariadb.Start(t)
	server.Exec("create user reader@'127.0.0.1' identified by 'reader-word'; create user closed@'127.0.0.1' identified by 'closed-word' account lock")
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	const field = "spec.sql.dsnSecretRef: "
	address := server.Address()
	tests := map[string]struct{ dsn, message string }{
		"not a connection string":        {"mysql://jo:hunter2@warehouse.internal/db", `key "dsn" of Secret "warehouse" is not a connection string; write user:password@tcp(host:3306)/database`},
		"an empty key":                   {"", `key "dsn" of Secret "warehouse" is empty; write user:password@tcp(host:3306)/database`},
		"a wrong password":               {"perennial:hunter2@tcp(" + address + ")/crm-database", "the server does not accept the user or the password (error 1045); correct the connection string in the Secret"},
		"an unknown user":                {"jo:hunter2@tcp(" + address + ")/crm-database", "the server does not accept the user or the password (error 1045); correct the connection string in the Secret"},
		"an account that is locked":      {"closed:closed-word@tcp(" + address + ")/crm-database", "the user's account is locked (error 4151); unlock it on the server"},
		"a database that is not there":   {"perennial:" + server.Password() + "@tcp(" + address + ")/crm-database", "the server has no such database (error 1049); correct the connection string in the Secret"},
		"a database of others":           {"reader:reader-word@tcp(" + address + ")/warehouse-2", "the user may not use the database, or it is not there (error 1044); grant it SELECT there, or correct the connection string in the Secret"},
		"a server without TLS":           {"perennial:hunter2@tcp(" + address + ")/crm-database?tls=true", "TLS: the server does not speak it; see tls in the connection string"},
		"a host that is not there":       {"jo:hunter2@tcp(warehouse.invalid:3306)/crm-database", "the name of the server cannot be resolved; check its spelling; a Service in another namespace is NAME.NAMESPACE"},
		"a server that does not answer":  {"jo:hunter2@tcp(" + silent.Addr().String() + ")/crm-database", "no connection within 2s (spec.timeout); check that host and port are right, and that no firewall or network policy is between"},
		"a server that is not listening": {"jo:hunter2@tcp(127.0.0.1:1)/crm-database", "the server does not accept connections (connection refused); check that it runs and that host and port are right"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOnce(t, newMySQL("select 1 as org", "n"), withSecret(test.dsn))
			wantError(t, err, v1alpha1.ReasonReadFailed, field+test.message)
			for _, part := range []string{"jo:", "'jo'", "hunter2", "perennial", "reader-word", "warehouse.", "crm-database", "warehouse-2", "127.0.0.1"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows %q", part)
				}
			}
		})
	}
}
