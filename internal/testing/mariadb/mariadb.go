//go:build unix

// Package mariadb starts a real MariaDB server for a test, on a free loopback port, with its data in a temporary folder.
// The server ends with the test, and with the process.
package mariadb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	// The driver "mysql", for DB.
	_ "github.com/go-sql-driver/mysql"

	"github.com/perennial-dev/perennial/internal/testing/internal/server"
)

const (
	user     = "perennial"
	password = "not-a-secret-91bc"
	database = "warehouse"
)

// Server is a MariaDB server that can be stopped and started again on the same port, with the same data.
type Server struct {
	server.Restartable
	t        testing.TB
	programs programs
	folder   string
}

// programs is what to run, and as whom.
type programs struct {
	install, mariadbd string
	// credential of the user that the server runs as; nil: the user of this process.
	credential *syscall.Credential
}

// findPrograms looks on the PATH, then where Debian and its relatives put programs that are not for everybody.
func findPrograms() (programs, error) {
	var p programs
	var err error
	if p.install, err = server.LookPath("mariadb-install-db", "mariadb-server", "/usr/bin"); err != nil {
		return p, err
	}
	if p.mariadbd, err = server.LookPath("mariadbd", "mariadb-server", "/usr/sbin"); err != nil {
		return p, err
	}
	p.credential, err = server.OtherUser("mysql", "nobody")
	return p, err
}

// Start starts a server and stops it at the end of the test. Where MariaDB is not installed, or cannot run as the users
// there are, the test is skipped, or fails if PERENNIAL_REQUIRE_SERVERS is 1.
func Start(t testing.TB) *Server {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		server.Missing(t, "MariaDB", err)
	}
	s := &Server{t: t, programs: programs}
	s.makeFolder()
	s.Serve(t, s.run)
	return s
}

// DSN is the connection string of a user who may do everything, with its password.
func (s *Server) DSN() string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s", user, password, s.Address(), database)
}

// Password is the password in the DSN.
func (s *Server) Password() string { return password }

// Exec runs statements, several in one text if they have no arguments.
func (s *Server) Exec(statements string, args ...any) {
	s.t.Helper()
	db, err := sql.Open("mysql", s.DSN()+"?multiStatements=true")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statements, args...); err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
}

// makeFolder makes the data folder, owned by the user that the server runs as, and the file that makes the user of the DSN.
func (s *Server) makeFolder() {
	s.t.Helper()
	owner := s.programs.credential
	s.folder = server.Folder(s.t, "perennial-mariadb-", owner)
	statements := fmt.Sprintf("create database if not exists %s;\ncreate user if not exists '%s'@'127.0.0.1' identified by '%s';\n"+
		"grant all on *.* to '%s'@'127.0.0.1' with grant option;\n", database, user, password, user)
	if err := os.WriteFile(s.initFile(), []byte(statements), 0o600); err != nil {
		s.t.Fatal(err)
	}
	server.Own(s.t, s.initFile(), owner)
	install := server.Command(s.folder, owner, kind.Kill, s.programs.install, "--no-defaults", "--datadir="+s.data(),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-flush-method=nosync")
	if out, err := install.CombinedOutput(); err != nil {
		s.t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
}

func (s *Server) data() string     { return filepath.Join(s.folder, "data") }
func (s *Server) initFile() string { return filepath.Join(s.folder, "init.sql") }

// kind is what is to know of the server's program.
var kind = server.Kind{Name: "MariaDB", Ready: "ready for connections", Stop: syscall.SIGTERM, Kill: syscall.SIGKILL}

// run starts the server and returns when it takes connections. The data is thrown away, so that nothing waits for the
// disk.
func (s *Server) run(port int) (*server.Process, error) {
	cmd := server.Command(s.folder, s.programs.credential, kind.Kill, s.programs.mariadbd, "--no-defaults",
		"--datadir="+s.data(), "--init-file="+s.initFile(), "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--socket="+filepath.Join(s.folder, "socket"), "--pid-file="+filepath.Join(s.folder, "pid"), "--skip-name-resolve",
		"--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--innodb-use-native-aio=0",
		"--max-connections=40", "--max-allowed-packet=256M", "--skip-log-bin")
	return server.Start(kind, cmd)
}
