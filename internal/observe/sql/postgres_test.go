//go:build unix

package sql_test

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
)

func newPostgres(query string, columns ...string) *v1alpha1.DataSource {
	return newRemote(v1alpha1.DriverPostgres, query, columns...)
}

func TestPostgres(t *testing.T) {
	server := postgres.Start(t)
	server.Exec(`create table usage (org text, n numeric, f4 real, f8 double precision, i bigint, yes boolean, at timestamptz, plain timestamp, day date, b bytea, j jsonb, words text[], big timestamp);
		insert into usage values
		('acme', 12345678901234567890.10, 0.1, 1200000, 9007199254740993, true, '2026-11-01 09:30:00+02', '2026-11-01 09:30:00.5', '2026-11-01', 'text', '{"a": 1}', '{a,b}', 'infinity'),
		('bolt', 'NaN', 'NaN', 'Infinity', null, null, null, null, null, '\xff00', null, null, null);
		create sequence counter;
		create function shout(code text default 'P0001') returns text language plpgsql as $$ begin raise exception 'customer acme is locked' using errcode = code; end $$;
		create role reader login password 'reader-word'`)
	deps := func(dsn string) observe.Dependencies {
		return observe.Dependencies{Keys: &fakeKeys{dsn: dsn, allowed: "usage"}, MaxRows: 3, MaxBytes: 1000}
	}

	t.Run("values are read exactly", func(t *testing.T) {
		got, err := readOnce(t, newPostgres("select * from usage order by org;", "n", "f4", "f8", "i", "yes", "at", "plain", "day", "b", "j", "words", "big"), deps(server.DSN()))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"at|b|big|day|f4|f8|i|j|n|org|plain|words|yes",
			`2026-11-01T07:30:00Z|text|infinity|2026-11-01|0.1|1200000|9007199254740993|{"a": 1}|12345678901234567890.10|acme|2026-11-01T09:30:00.5Z|{a,b}|true`,
			`~|\xff00|~|~|NaN|+Inf|~|~|NaN|bolt|~|~|~`,
		}
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	const failed, invalid = v1alpha1.ReasonReadFailed, v1alpha1.ReasonInvalidSpec
	tests := map[string]struct{ query, reason, message string }{
		"an unknown table":                        {"select org, n from use_", failed, `spec.sql.query: the server says: relation "use_" does not exist (SQLSTATE 42P01); correct the query`},
		"an unknown column":                       {"select org, m as n from usage", failed, `spec.sql.query: the server says: column "m" does not exist (SQLSTATE 42703); correct the query`},
		"a column is not there":                   {"select org from usage", failed, `spec.sql.query: column "n" (spec.metrics[n]) is not there; the columns are: "org"`},
		"two columns of one name":                 {"select org, n, f8 as n from usage", failed, `spec.sql.query: two columns are named "n"`},
		"more rows than allowed":                  {"select 'a' as org, i as n from generate_series(1, 4) as i", failed, "spec.sql.query: more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"more bytes than allowed":                 {"select 'a' as org, repeat('x', 600) as n from generate_series(1, 2)", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"one value larger than everything may be": {"select 'a' as org, repeat('x', 4000000) as n", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"two statements":                          {"select org, n from usage; delete from usage", failed, "spec.sql.query: the server says: cannot insert multiple commands into a prepared statement (SQLSTATE 42601); correct the query"},
		"a write in a query":                      {"with d as (delete from usage returning org, n) select org, n from d", failed, "spec.sql.query: the server says: cannot execute SELECT in a read-only transaction (SQLSTATE 25006); sources are only read: write a query that selects"},
		"a write by a function":                   {"select 'a' as org, nextval('counter') as n", failed, "spec.sql.query: the server says: cannot execute nextval() in a read-only transaction (SQLSTATE 25006); sources are only read: write a query that selects"},
		"leaving read-only":                       {"select 'a' as org, set_config('transaction_read_only', 'off', false) as n", failed, "spec.sql.query: the server says: transaction read-write mode must be set before any query (SQLSTATE 25001); run it by hand to see more"},
		"a delete":                                {"delete from usage", invalid, "spec.sql.query: one statement is expected that begins with SELECT, WITH or VALUES"},
		"a value that is no number":               {"select org, b::text::int as n from usage", failed, "spec.sql.query: the server says: invalid input syntax for type integer (SQLSTATE 22P02); correct the query, or the values that it reads"},
		"an account column that is gone":          {"select n from usage", failed, `spec.sql.query: column "org" (spec.account.field) is not there; the columns are: "n"`},
		"what a function raises as another error": {"select 'a' as org, shout('42P01') as n", failed, "spec.sql.query: the server refuses it (SQLSTATE 42P01); correct the query"},
		"a lock of rows":                          {"select org, n from usage for update", failed, "spec.sql.query: the server says: cannot execute SELECT FOR UPDATE in a read-only transaction (SQLSTATE 25006); sources are only read: write a query that selects"},
		"a new table":                             {"select org, n into temp x from usage", failed, "spec.sql.query: the server says: cannot execute SELECT INTO in a read-only transaction (SQLSTATE 25006); sources are only read: write a query that selects"},
		"what a function raises":                  {"select 'a' as org, shout() as n", failed, "spec.sql.query: the server refuses it (SQLSTATE P0001); run it by hand to see more"},
		"a query that never ends":                 {"select 'a' as org, pg_sleep(600) as n", failed, "spec.timeout: no result within 2s; make the query faster, or raise the timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOnce(t, newPostgres(test.query, "n"), deps(server.DSN()))
			wantError(t, err, test.reason, test.message)
		})
	}

	t.Run("a connection string may not loosen the protocol", func(t *testing.T) {
		_, err := readOnce(t, newPostgres("select org, n from usage; commit; delete from usage", "n"), deps(server.DSN()+"&default_query_exec_mode=simple_protocol"))
		wantError(t, err, failed, "spec.sql.query: the server says: cannot insert multiple commands into a prepared statement (SQLSTATE 42601); correct the query")
	})
	t.Run("the time of the read is a parameter", func(t *testing.T) {
		server.Exec(`create table event (org text, at timestamptz); grant select on event to reader;
			insert into event values ('acme', '2026-10-31 12:00:00Z'), ('bolt', '2026-10-31 11:59:59Z'), ('cora', '2026-11-01 12:00:01Z'), ('dora', '2026-11-01 12:00:00Z')`)
		query := `select org, pg_typeof(${now})::text as kind, (current_query() like '%($1::timestamptz)%' and current_query() not like '%20' || '26%')::text as bound, $$ $1 $$ || '$${now}' as words
			from event where at >= ${now} - interval '1 day' and at <= ${now}-- and now
			order by org`
		got, err := readOnce(t, newPostgres(query, "kind", "bound", "words"), deps(server.DSN()))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"bound|kind|org|words", "true|timestamp with time zone|acme| $1 ${now}", "true|timestamp with time zone|dora| $1 ${now}"}
		if diff := cmp.Diff(want, show(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a role that may not select is told so", func(t *testing.T) {
		_, err := readOnce(t, newPostgres("select org, n from usage", "n"), deps(strings.Replace(server.DSN(), "perennial:"+server.Password(), "reader:reader-word", 1)))
		wantError(t, err, failed, "spec.sql.query: the server says: permission denied for table usage (SQLSTATE 42501); grant the user what the query reads")
	})
}

func TestPostgresConnectionErrorsShowNothingOfTheConnectionString(t *testing.T) {
	server := postgres.Start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	const failed = v1alpha1.ReasonReadFailed
	dsn := func(change func(*url.URL)) string {
		u, err := url.Parse(server.DSN())
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	tests := map[string]struct{ dsn, message string }{
		"not a connection string":       {"postgres://jo:hunter2@warehouse.internal:port/db", `spec.sql.dsnSecretRef: key "dsn" of Secret "warehouse" is not a connection string; write postgres://user:password@host:5432/database`},
		"a wrong password":              {dsn(func(u *url.URL) { u.User = url.UserPassword("perennial", "hunter2") }), "spec.sql.dsnSecretRef: the server does not accept the user or the password (SQLSTATE 28P01); correct the connection string in the Secret"},
		"a database that is not there":  {dsn(func(u *url.URL) { u.Path = "/nowhere" }), "spec.sql.dsnSecretRef: the server has no such database (SQLSTATE 3D000); correct the connection string in the Secret"},
		"a server without TLS":          {dsn(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "spec.sql.dsnSecretRef: TLS: the server does not speak it; see sslmode in the connection string"},
		"a host that is not there":      {dsn(func(u *url.URL) { u.Host = "warehouse.invalid:5432" }), "spec.sql.dsnSecretRef: the name of the server cannot be resolved; check its spelling; a Service in another namespace is NAME.NAMESPACE"},
		"a server that does not answer": {dsn(func(u *url.URL) { u.Host = silent.Addr().String() }), "spec.sql.dsnSecretRef: no connection within 2s (spec.timeout); check that host and port are right, and that no firewall or network policy is between"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newPostgres("select 1 as org", "n")
			_, err := readOnce(t, ds, observe.Dependencies{Keys: &fakeKeys{dsn: test.dsn, allowed: "*"}})
			wantError(t, err, failed, test.message)
			u, parseErr := url.Parse(test.dsn)
			if parseErr != nil {
				return
			}
			secret, _ := u.User.Password()
			for _, part := range []string{secret, u.User.Username(), u.Hostname()} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows %q", part)
				}
			}
		})
	}
}

func TestASecretMustAllowTheSource(t *testing.T) {
	const command = "spec.sql.dsnSecretRef: Secret \"warehouse\" does not allow this DataSource; to allow it: kubectl annotate secret -n success warehouse "
	tests := map[string]struct {
		allowed, secret, key string
		reason, message      string
	}{
		"a Secret that allows nobody": {"", "warehouse", "dsn", v1alpha1.ReasonSecretNotAllowed, command + "'perennial.dev/allow-datasource=usage'"},
		"a Secret that allows others": {"crm", "warehouse", "dsn", v1alpha1.ReasonSecretNotAllowed, command + "'perennial.dev/allow-datasource=crm,usage' --overwrite"},
		"a Secret that allows nobody does not say which keys it has": {
			"", "warehouse", "other", v1alpha1.ReasonSecretNotAllowed, command + "'perennial.dev/allow-datasource=usage'",
		},
		"a key that is not there":    {"*", "warehouse", "other", v1alpha1.ReasonSecretNotFound, `spec.sql.dsnSecretRef: Secret "warehouse" has no key "other"`},
		"a Secret that is not there": {"*", "gone", "dsn", v1alpha1.ReasonSecretNotFound, `spec.sql.dsnSecretRef: Secret "gone" is not there`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newPostgres("select 1", "n")
			ds.Spec.SQL.DSNSecretRef = &v1alpha1.KeyReference{Name: test.secret, Key: test.key}
			_, err := readOnce(t, ds, observe.Dependencies{Keys: &fakeKeys{dsn: fmt.Sprint("postgres://", name), allowed: test.allowed}})
			wantError(t, err, test.reason, test.message)
		})
	}
}

func TestASourceWithoutWhatItsDriverNeedsIsRefused(t *testing.T) {
	tests := map[string]struct {
		source v1alpha1.SQLSource
		want   string
	}{
		"Postgres without a Secret": {v1alpha1.SQLSource{Driver: v1alpha1.DriverPostgres, Query: "select 1"}, "spec.sql.dsnSecretRef: required for driver Postgres"},
		"MySQL without a Secret":    {v1alpha1.SQLSource{Driver: v1alpha1.DriverMySQL, Query: "select 1"}, "spec.sql.dsnSecretRef: required for driver MySQL"},
		"another driver":            {v1alpha1.SQLSource{Driver: "Oracle", Query: "select 1"}, `spec.sql.driver: "Oracle" is not known; it is Postgres, MySQL or SQLite`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOnce(t, newSource(test.source), observe.Dependencies{})
			wantError(t, err, v1alpha1.ReasonInvalidSpec, test.want)
		})
	}
}
