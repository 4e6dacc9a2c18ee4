//go:build unix

// Package postgres starts a real PostgreSQL server for a test, on a free loopback port, with its data in a temporary
// folder. The server ends with the test, and with the process.
package postgres

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	// The driver "pgx", for DB.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/perennial-dev/perennial/internal/testing/internal/server"
)

const (
	user     = "perennial"
	password = "not-a-secret-7f3a"
)

// Server is a PostgreSQL server that can be stopped and started again on the same port, with the same data.
type Server struct {
	server.Restartable
	t        testing.TB
	programs programs
	folder   string
}

// Start starts a server and stops it at the end of the test. Where PostgreSQL is not installed, or cannot run as the
// users there are, the test is skipped, or fails if PERENNIAL_REQUIRE_SERVERS is 1.
func Start(t testing.TB) *Server {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		server.Missing(t, "PostgreSQL", err)
	}
	s := &Server{t: t, programs: programs}
	s.makeFolder()
	s.Serve(t, s.run)
	return s
}

// DSN is the connection string of a user who may do everything, with its password.
func (s *Server) DSN() string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Host: s.Address(), Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
}

// Password is the password in the DSN.
func (s *Server) Password() string { return password }

// Exec runs statements, several in one text if they have no arguments.
func (s *Server) Exec(statements string, args ...any) {
	s.t.Helper()
	db, err := sql.Open("pgx", s.DSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statements, args...); err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
}

// makeFolder makes the data folder, owned by the user that the server runs as.
func (s *Server) makeFolder() {
	s.t.Helper()
	owner := s.programs.credential
	s.folder = server.Folder(s.t, "perennial-postgres-", owner)
	passwordFile := filepath.Join(s.folder, "password")
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	server.Own(s.t, passwordFile, owner)
	initdb := server.Command(s.folder, owner, kind.Kill, s.programs.initdb, "--pgdata", s.data(), "--username", user, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		s.t.Fatalf("initdb: %v\n%s", err, out)
	}
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// kind is what is to know of the server's program; SIGINT is its fast shutdown.
var kind = server.Kind{Name: "PostgreSQL", Ready: "ready to accept connections", Stop: syscall.SIGINT, Kill: syscall.SIGQUIT}

// run starts the server and returns when it takes connections. The data is thrown away, so that nothing waits for the
// disk.
func (s *Server) run(port int) (*server.Process, error) {
	cmd := server.Command(s.folder, s.programs.credential, kind.Kill, s.programs.postgres, "-D", s.data(), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=40", "-c", "logging_collector=off", "-c", "log_destination=stderr")
	return server.Start(kind, cmd)
}
