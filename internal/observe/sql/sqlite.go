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

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// sqliteFile reads one query's rows from a SQLite file below the data root.
type sqliteFile struct{ reader }

func newSQLite(r reader) (observe.Reader, error) {
	switch file := r.ds.Spec.SQL.File; {
	case file == "":
		return nil, observe.InvalidSpec("spec.sql.file: required for driver SQLite")
	case !filepath.IsLocal(file):
		return nil, observe.InvalidSpec("spec.sql.file: %q is not a path below the operator's --data-root", file)
	case r.deps.DataRoot == "":
		return nil, observe.InvalidSpec("spec.sql.file: this operator reads no files; start it with --data-root")
	}
	return &sqliteFile{reader: r}, nil
}

// Read implements observe.Reader.
func (s *sqliteFile) Read(ctx context.Context, req observe.Request) (*observe.Table, error) {
	s.provider.Forget(s.source) // it may have used a server before
	path, err := s.path()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", s.dsn(ctx, path))
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	defer func() { _ = db.Close() }()
	t, err := s.rows(ctx, db, &run{reader: &s.reader, arguments: s.query.arguments(req.Now), budget: s.deps.Budget()})
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
		return "", observe.ReadFailed("spec.sql.file: the operator's --data-root cannot be opened; check that the folder is there and that the operator may read it")
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", s.notThere()
	case errors.Is(err, fs.ErrPermission):
		return "", observe.ReadFailed("spec.sql.file: the operator may not read %q; change its permissions", file)
	case err != nil:
		return "", observe.ReadFailed("spec.sql.file: %q cannot be opened, or leads out of the operator's --data-root; put the file itself there", file)
	case !info.Mode().IsRegular():
		return "", observe.ReadFailed("spec.sql.file: %q is not a file; name a SQLite database", file)
	}
	// SQLite opens by name, and its journal lies beside the file that a link names.
	path, err := filepath.EvalSymlinks(filepath.Join(s.deps.DataRoot, file))
	if err != nil {
		return "", s.notThere()
	}
	return filepath.Abs(path)
}

func (s *sqliteFile) notThere() error {
	return observe.ReadFailed("spec.sql.file: %q is not there; put it below the operator's --data-root, or correct the name", s.ds.Spec.SQL.File)
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

// rows runs the query in a transaction, which is rolled back.
func (s *sqliteFile) rows(ctx context.Context, db *sql.DB, run *run) (*observe.Table, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	// No second file, and no value larger than the whole read may be.
	limits := map[int]int64{
		sqlite3.SQLITE_LIMIT_ATTACHED: 0,
		sqlite3.SQLITE_LIMIT_LENGTH:   min(run.budget.MaxBytes(), 1<<30),
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
	rows, err := tx.QueryContext(ctx, run.query.text, run.arguments...)
	if err != nil {
		return nil, err
	}
	return run.table(rows, func() {}, func() {})
}

// explain says what went wrong. SQLite's own words name tables and columns of the query; they are passed on for errors in
// the query alone.
func (s *sqliteFile) explain(ctx context.Context, err error) error {
	if told, ok := errors.AsType[*observe.Error](err); ok {
		return told
	}
	if told := overTime(ctx, err, s.ds); told != nil {
		return told
	}
	file := s.ds.Spec.SQL.File
	problem, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return observe.ReadFailed("spec.sql.file: %q cannot be read; check that it is a SQLite database", file)
	}
	switch problem.Code() & 0xff {
	case sqlite3.SQLITE_ERROR:
		message := strings.TrimPrefix(strings.TrimSpace(problem.Error()), "SQL logic error: ")
		return observe.ReadFailed("spec.sql.query: SQLite says: %s; correct the query", value.Shorten(strings.TrimSuffix(message, " (1)"), messageLength))
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return observe.ReadFailed("spec.sql.file: %q is locked by somebody who writes to it; reading goes on by itself", file)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return observe.ReadFailed("spec.sql.file: %q is not a SQLite database, or is damaged; put a good one in its place", file)
	case sqlite3.SQLITE_READONLY:
		return observe.ReadFailed("spec.sql.query: it writes; sources are only read: write a query that selects")
	case sqlite3.SQLITE_TOOBIG:
		return observe.At(queryField, s.deps.Budget().TooLarge())
	}
	return observe.ReadFailed("spec.sql.file: %q cannot be read (SQLite error %d); check the file and the disk", file, problem.Code())
}
