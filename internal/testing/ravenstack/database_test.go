//go:build unix

package ravenstack

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
)

// database is a warehouse with the data in it.
type database struct {
	t *testing.T
	// driver and dsn are the test's own way to it.
	driver, dsn string
	// placeholder writes the n-th argument of a statement, from 1.
	placeholder func(n int) string
	// transform is the file with the statements that make tables of the raw ones.
	transform string
	// stop makes the database unreachable, start brings it back.
	stop, start func()

	// source is the operator's way to it, without a query.
	source v1alpha1.SQLSource
	// dataRoot is the operator's folder for SQLite files.
	dataRoot string
	// secret has the connection string; nil where none is needed.
	secret *corev1.Secret
}

// newSQLite makes a SQLite file. It is stopped by moving it away.
func newSQLite(t *testing.T) *database {
	t.Helper()
	root := t.TempDir()
	const name = "warehouse.db"
	file, away := filepath.Join(root, name), filepath.Join(t.TempDir(), name)
	move := func(from, to string) func() {
		return func() {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	return &database{
		t: t, driver: "sqlite", dsn: "file:" + file, transform: "tables_sqlite.sql",
		placeholder: func(int) string { return "?" },
		stop:        move(file, away), start: move(away, file),
		source: v1alpha1.SQLSource{Driver: v1alpha1.DriverSQLite, File: name}, dataRoot: root,
	}
}

// newPostgres starts a PostgreSQL server.
func newPostgres(t *testing.T) *database {
	t.Helper()
	server := postgres.Start(t)
	const secret, key = "warehouse", "dsn"
	return &database{
		t: t, driver: "pgx", dsn: server.DSN(), transform: "tables_postgres.sql",
		placeholder: func(n int) string { return fmt.Sprintf("$%d", n) },
		stop:        server.Stop, start: server.Restart,
		source: v1alpha1.SQLSource{
			Driver:       v1alpha1.DriverPostgres,
			DSNSecretRef: &v1alpha1.KeyReference{Name: secret, Key: key},
		},
		secret: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name:        secret,
				Annotations: map[string]string{v1alpha1.AnnotationAllowDataSource: strings.Join(sources, ",")},
			},
			StringData: map[string]string{key: server.DSN()},
		},
	}
}

// do runs something with a connection of its own: the server may have been stopped since the last one.
func (d *database) do(what func(*sql.DB) error) {
	d.t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := what(db); err != nil {
		d.t.Fatal(err)
	}
}

// exec runs statements that take no arguments.
func (d *database) exec(statements string) {
	d.t.Helper()
	d.do(func(db *sql.DB) error {
		_, err := db.ExecContext(d.t.Context(), statements)
		return err
	})
}

// load fills the raw tables, all of text, and makes the warehouse's tables of them.
func (d *database) load(tables map[string]table) {
	d.t.Helper()
	d.do(func(db *sql.DB) error {
		tx, err := db.BeginTx(d.t.Context(), nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		for name, content := range tables {
			if err := d.fill(tx, name, content); err != nil {
				return fmt.Errorf("load %s: %w", name, err)
			}
		}
		return tx.Commit()
	})
	d.exec(d.transformation())
}

// fill makes one raw table.
func (d *database) fill(tx *sql.Tx, name string, content table) error {
	create := fmt.Sprintf("create table %s (%s text)", name, strings.Join(content.columns, " text, "))
	if _, err := tx.ExecContext(d.t.Context(), create); err != nil {
		return err
	}
	for rows := range slices.Chunk(content.rows, 500) {
		var groups []string
		var arguments []any
		for _, row := range rows {
			places := make([]string, len(row))
			for i, text := range row {
				arguments = append(arguments, text)
				places[i] = d.placeholder(len(arguments))
			}
			groups = append(groups, "("+strings.Join(places, ", ")+")")
		}
		insert := "insert into " + name + " values " + strings.Join(groups, ", ")
		if _, err := tx.ExecContext(d.t.Context(), insert, arguments...); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) transformation() string { return readFile(d.t, d.transform) }

// loseMost leaves about a quarter of the accounts in the tables, as if a load had come so far.
func (d *database) loseMost() {
	d.t.Helper()
	for _, name := range []string{"accounts", "subscriptions", "tickets"} {
		d.exec("delete from " + name + " where account_id >= 'A-4'")
	}
}

// reload makes the warehouse's tables anew.
func (d *database) reload() {
	d.t.Helper()
	for _, name := range []string{"accounts", "subscriptions", "feature_usage", "tickets"} {
		d.exec("drop table " + name)
	}
	d.exec(d.transformation())
}

// addUsageBefore adds to what an account used the product in the thirty days before the last thirty.
func (d *database) addUsageBefore(accountID string, uses int) {
	d.t.Helper()
	d.exec(fmt.Sprintf(`update feature_usage set usage_count = usage_count + %d
		where usage_date > '2024-11-01' and usage_date <= '2024-12-01'
		and subscription_id in (select subscription_id from subscriptions where account_id = '%s')`, uses, accountID))
}

// readFile reads a file of testdata.
func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
