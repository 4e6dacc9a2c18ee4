package sql_test

import (
	"context"
	stdsql "database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/sql"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSource declares the column org and metrics of the given columns.
func newSource(source v1alpha1.SQLSource, columns ...string) *v1alpha1.DataSource {
	ds := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "usage"},
		Spec:       v1alpha1.DataSourceSpec{Account: v1alpha1.AccountColumn{Field: "org"}, SQL: &source},
	}
	for _, c := range columns {
		ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: c, Type: v1alpha1.MetricText})
	}
	return ds
}

// show writes a table, one line a row; ~ is no value.
func show(t *observe.Table) []string {
	lines := []string{strings.Join(t.Columns, "|")}
	for _, row := range t.Rows {
		var cells []string
		for _, cell := range row {
			if cell.Null {
				cell.Text += "~"
			}
			cells = append(cells, cell.Text)
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

// readOnce reads a source as its reconciler does, with its timeout.
func readOnce(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies) (*observe.Table, error) {
	t.Helper()
	reader, err := sql.New(ds, deps)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), observe.Timeout(ds))
	defer cancel()
	return reader.Read(ctx)
}

func wantError(t *testing.T, err error, reason, message string) {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		t.Fatalf("got %#v, want an *observe.Error", err)
	}
	if told.Reason != reason || told.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, reason, message)
	}
}

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
		"a file that is not there":             {"gone.db", "select org, n from usage", failed, `file "gone.db" is not there, below the operator's --data-root`},
		"a link that leads outside":            {"link.db", "select org, n from usage", failed, `file "link.db" cannot be opened, or leads out of the operator's --data-root`},
		"a path that leads outside":            {"../outside.db", "select org, n from usage", invalid, `spec.sql.file: "../outside.db" is not a path below the operator's --data-root`},
		"an absolute path":                     {outside, "select org, n from usage", invalid, `spec.sql.file: "` + outside + `" is not a path below the operator's --data-root`},
		"no file":                              {"", "select org, n from usage", invalid, "spec.sql.file: required for driver SQLite"},
		"a folder":                             {"folder", "select org, n from usage", failed, `"folder" is not a file`},
		"a file that is no database":           {"text.db", "select org, n from usage", failed, `file "text.db" is not a SQLite database, or is damaged`},
		"an unknown table":                     {"usage.db", "select org, n from use", failed, "SQLite says: SQL logic error: no such table: use (1)"},
		"a column that is not there":           {"usage.db", "select org from usage", failed, `column "n" (spec.metrics[n]) is not there; the columns are: "org"`},
		"two columns of one name":              {"usage.db", "select org, n, f as n from usage", failed, `two columns are named "n"`},
		"more rows than allowed":               {"usage.db", "select org, n from usage union all select org, n from usage", failed, "more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"more bytes than allowed":              {"usage.db", "select org, printf('%600d', 1) as n from usage", failed, "more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"one value larger than everything may": {"usage.db", "select org, zeroblob(100000) as n from usage", failed, "more than 1000 bytes: select less, or raise the operator's --max-bytes"},
		"a second statement":                   {"usage.db", "select org, n from usage; delete from usage", invalid, "spec.sql.query: more than one statement"},
		"a write":                              {"usage.db", "with x as (select 1) delete from usage returning org, n", failed, "the query writes; sources are only read"},
		"a query that never ends":              {"usage.db", "with recursive c(i) as (select 1 union all select i+1 from c) select 'a' as org, count(*) as n from c", failed, "no result within 1s (spec.timeout)"},
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
