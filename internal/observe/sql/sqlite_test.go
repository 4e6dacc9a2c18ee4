package sql_test

import (
	stdsql "database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// makeDatabase makes a SQLite file.
func makeDatabase(t *testing.T, path string, statements string) *stdsql.DB {
	t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return db
}

const usageTable = `create table usage (org text, n integer, f real, at timestamp, day date, b blob, yes boolean);
insert into usage values
	('acme', 9007199254740993, 0.1, '2026-11-01 09:30:00', '2026-11-01', 'text', 1),
	('bolt', null, 1200000.0, 'soon', '2026-11-01', x'ff00', 0);`

func TestSQLiteReadsValuesExactly(t *testing.T) {
	root := t.TempDir()
	makeDatabase(t, filepath.Join(root, "usage.db"), usageTable)
	ds := newSource(v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "usage.db", Query: "select *, 'x' as unused from usage order by org;"},
		"n", "f", "at", "day", "b", "yes")
	got, err := readOnce(t, ds, observe.Dependencies{DataRoot: root})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"at|b|day|f|n|org|yes",
		`2026-11-01T09:30:00Z|text|2026-11-01|0.1|9007199254740993|acme|1`,
		`soon|\xff00|2026-11-01|1200000|~|bolt|0`,
	}
	if diff := cmp.Diff(want, show(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSQLiteErrors(t *testing.T) {
	const lite = v1alpha1.DriverSQLite
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.db")
	makeDatabase(t, outside, usageTable)
	makeDatabase(t, filepath.Join(root, "usage.db"), usageTable)
	for name, content := range map[string]string{"text.db": "this is not a database, whatever its name says", "folder/x": ""} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link.db")); err != nil {
		t.Fatal(err)
	}
	const failed, invalid = v1alpha1.ReasonReadFailed, v1alpha1.ReasonInvalidSpec
	tests := map[string]struct {
		file, query     string
		reason, message string
	}{
		"a file that is not there":             {"gone.db", "select org, n from usage", failed, `spec.sql.file: "gone.db" is not there; put it below the operator's --data-root, or correct the name`},
		"a link that leads outside":            {"link.db", "select org, n from usage", failed, `spec.sql.file: "link.db" cannot be opened, or leads out of the operator's --data-root; put the file itself there`},
		"a path that leads outside":            {"../outside.db", "select org, n from usage", invalid, `spec.sql.file: "../outside.db" is not a path below the operator's --data-root`},
		"an absolute path":                     {outside, "select org, n from usage", invalid, `spec.sql.file: "` + outside + `" is not a path below the operator's --data-root`},
		"no file":                              {"", "select org, n from usage", invalid, "spec.sql.file: required for driver SQLite"},
		"a folder":                             {"folder", "select org, n from usage", failed, `spec.sql.file: "folder" is not a file; name a SQLite database`},
		"a file that is no database":           {"text.db", "select org, n from usage", failed, `spec.sql.file: "text.db" is not a SQLite database, or is damaged; put a good one in its place`},
		"an unknown table":                     {"usage.db", "select org, n from use", failed, "spec.sql.query: SQLite says: no such table: use; correct the query"},
		"a column that is not there":           {"usage.db", "select org from usage", failed, `spec.sql.query: column "n" (spec.metrics[n]) is not there; the columns are: "org"`},
		"two columns of one name":              {"usage.db", "select org, n, f as n from usage", failed, `spec.sql.query: two columns are named "n"`},
		"more rows than allowed":               {"usage.db", "select org, n from usage union all select org, n from usage", failed, "spec.sql.query: more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"more bytes than allowed":              {"usage.db", "select org, printf('%600d', 1) as n from usage", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"one value larger than everything may": {"usage.db", "select org, zeroblob(100000) as n from usage", failed, "spec.sql.query: more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"a second statement":                   {"usage.db", "select org, n from usage; delete from usage", invalid, "spec.sql.query: more than one statement; write one"},
		"an account column that is gone":       {"usage.db", "select n from usage", failed, `spec.sql.query: column "org" (spec.account.field) is not there; the columns are: "n"`},
		"rows without end":                     {"usage.db", "with recursive c(i) as (select 1 union all select i+1 from c) select 'a' as org, i as n from c", failed, "spec.sql.query: more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"a write":                              {"usage.db", "with x as (select 1) delete from usage returning org, n", failed, "spec.sql.query: it writes; sources are only read: write a query that selects"},
		"a query that never ends":              {"usage.db", "with recursive c(i) as (select 1 union all select i+1 from c) select 'a' as org, count(*) as n from c", failed, "spec.timeout: no result within 1s; make the query faster, or raise the timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(v1alpha1.SQLSource{Driver: lite, File: test.file, Query: test.query}, "n")
			ds.Spec.Timeout = "1s"
			_, err := readOnce(t, ds, observe.Dependencies{DataRoot: root, MaxRows: 3, MaxBytes: 1000})
			wantError(t, err, test.reason, test.message)
		})
	}
	t.Run("an operator without a data root", func(t *testing.T) {
		_, err := readOnce(t, newSource(v1alpha1.SQLSource{Driver: lite, File: "usage.db", Query: "select 1"}), observe.Dependencies{})
		wantError(t, err, invalid, "spec.sql.file: this operator reads no files; start it with --data-root")
	})
}

func TestSQLiteReadsALinkThatStaysBelowTheRootAndAFileThatComesBack(t *testing.T) {
	root := t.TempDir()
	ds := newSource(v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "current?.db", Query: "select org, n from usage"}, "n")
	if _, err := readOnce(t, ds, observe.Dependencies{DataRoot: root}); err == nil {
		t.Fatal("a file that is not there was read")
	}
	makeDatabase(t, filepath.Join(root, "2026.db"), usageTable)
	if err := os.Symlink("2026.db", filepath.Join(root, "current?.db")); err != nil {
		t.Fatal(err)
	}
	got, err := readOnce(t, ds, observe.Dependencies{DataRoot: root})
	if err != nil || len(got.Rows) != 2 {
		t.Fatalf("got %v, %v; want two rows", got, err)
	}
}

func TestSQLiteTakesTheTimeOfTheReadAsAParameter(t *testing.T) {
	root := t.TempDir()
	makeDatabase(t, filepath.Join(root, "usage.db"), `create table event (org text, at text);
		insert into event values ('acme', '2026-10-31 12:00:00'), ('bolt', '2026-10-31 11:59:59'), ('cora', '2026-11-01 12:00:01');`)
	ds := newSource(v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "usage.db", Query: `select org, typeof(${now}) as kind, date(${now}, 'start of month', '+1 month') as next, '$${now} ?' as text
		from event where at >= datetime(${now}, '-1 day') and at <= ${now}`}, "kind", "next", "text")
	got, err := readOnce(t, ds, observe.Dependencies{DataRoot: root})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kind|next|org|text", "text|2026-12-01|acme|${now} ?"}, show(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSQLiteShowsNumbersThatAreNone(t *testing.T) {
	root := t.TempDir()
	makeDatabase(t, filepath.Join(root, "usage.db"), usageTable)
	ds := newSource(v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "usage.db", Query: "select 'a' as org, 9e999 as f, -9e999 as g, 9e999 - 9e999 as h"}, "f", "g", "h")
	got, err := readOnce(t, ds, observe.Dependencies{DataRoot: root})
	if err != nil || show(got)[1] != "+Inf|-Inf|~|a" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestSQLiteWaitsNoLongerThanItsTimeoutForAWriter(t *testing.T) {
	root := t.TempDir()
	db := makeDatabase(t, filepath.Join(root, "usage.db"), usageTable)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(t.Context(), "begin exclusive"); err != nil {
		t.Fatal(err)
	}
	ds := newSource(v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: "usage.db", Query: "select org, n from usage"}, "n")
	ds.Spec.Timeout = "1s"
	if _, err := readOnce(t, ds, observe.Dependencies{DataRoot: root}); err == nil {
		t.Fatal("a locked file was read")
	}
	if _, err := conn.ExecContext(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if _, err := readOnce(t, ds, observe.Dependencies{DataRoot: root}); err != nil {
		t.Fatal(err)
	}
}
