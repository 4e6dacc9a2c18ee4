package sql

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// sqliteFile reads one query's rows from a SQLite file below the data root.
type sqliteFile struct {
	ds   *v1alpha1.DataSource
	deps observe.Dependencies
}

func newSQLite(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	switch file := ds.Spec.SQL.File; {
	case file == "":
		return nil, observe.InvalidSpec("spec.sql.file: required for driver SQLite")
	case !filepath.IsLocal(file):
		return nil, observe.InvalidSpec("spec.sql.file: %q is not a path below the operator's --data-root", file)
	case deps.DataRoot == "":
		return nil, observe.InvalidSpec("spec.sql.file: this operator reads no files; start it with --data-root")
	}
	return &sqliteFile{ds: ds, deps: deps}, nil
}

// Read implements observe.Reader.
func (s *sqliteFile) Read(ctx context.Context) (*observe.Table, error) {
	path, err := s.path()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", s.dsn(ctx, path))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer func() { _ = db.Close() }()
	t, err := s.query(ctx, db)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return t, nil
}

// path returns the file's real path. A symbolic link may not lead out of the data root.
func (s *sqliteFile) path() (string, error) {
	file := s.ds.Spec.SQL.File
	root, err := os.OpenRoot(s.deps.DataRoot)
	if err != nil {
		return "", observe.ReadFailed("the operator's --data-root cannot be opened")
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", observe.ReadFailed("file %q is not there, below the operator's --data-root", file)
	case errors.Is(err, fs.ErrPermission):
		return "", observe.ReadFailed("the operator may not read file %q", file)
	case err != nil:
		return "", observe.ReadFailed("file %q cannot be opened, or leads out of the operator's --data-root", file)
	case !info.Mode().IsRegular():
		return "", observe.ReadFailed("%q is not a file", file)
	}
	// SQLite opens by name, and its journal lies beside the file that a link names.
	path, err := filepath.EvalSymlinks(filepath.Join(s.deps.DataRoot, file))
	if err != nil {
		return "", observe.ReadFailed("file %q is not there, below the operator's --data-root", file)
	}
	return filepath.Abs(path)
}

// dsn opens the file for reading only. While somebody writes to it, a read waits for as long as it has.
func (s *sqliteFile) dsn(ctx context.Context, path string) string {
	options := url.Values{
		"mode":          {"ro"},
		"_query_only":   {"true"},
		"_busy_timeout": {strconv.FormatInt(timeLeft(ctx).Milliseconds(), 10)},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}

// query runs the source's query in a transaction, which is rolled back.
func (s *sqliteFile) query(ctx context.Context, db *sql.DB) (*observe.Table, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	budget := s.deps.Budget()
	// No second file, and no value larger than the whole read may be.
	limits := map[int]int64{
		sqlite3.SQLITE_LIMIT_ATTACHED: 0,
		sqlite3.SQLITE_LIMIT_LENGTH:   min(budget.MaxBytes(), 1<<30),
	}
	for id, limit := range limits {
		if _, err := sqlite.Limit(conn, id, int(limit)); err != nil {
			return nil, err
		}
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	return selectRows(ctx, tx, s.ds, budget)
}

// explain says what went wrong. SQLite's own words name tables and columns of the query; they are passed on for errors in
// the query alone.
func (s *sqliteFile) explain(ctx context.Context, err error) error {
	var told *observe.Error
	if errors.As(err, &told) {
		return told
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return tookTooLong(s.ds)
	}
	file := s.ds.Spec.SQL.File
	var problem *sqlite.Error
	if !errors.As(err, &problem) {
		return observe.ReadFailed("file %q cannot be read", file)
	}
	switch problem.Code() & 0xff {
	case sqlite3.SQLITE_ERROR:
		return observe.ReadFailed("SQLite says: %s", strings.TrimSpace(problem.Error()))
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return observe.ReadFailed("file %q is locked by somebody who writes to it", file)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return observe.ReadFailed("file %q is not a SQLite database, or is damaged", file)
	case sqlite3.SQLITE_READONLY:
		return observe.ReadFailed("the query writes; sources are only read")
	case sqlite3.SQLITE_TOOBIG:
		return s.deps.Budget().TooLarge()
	}
	return observe.ReadFailed("file %q cannot be read (SQLite error %d)", file, problem.Code())
}
