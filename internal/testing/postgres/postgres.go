//go:build unix

// Package postgres starts a real PostgreSQL server for a test, on a free loopback port, with its data in a temporary
// folder. The server ends with the test, and with the process.
package postgres

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	// The driver "pgx", for DB.
	_ "github.com/jackc/pgx/v5/stdlib"
)

const (
	user     = "perennial"
	password = "not-a-secret-7f3a"
	// startTimeout and stopTimeout bound how long the server may take; a loaded machine needs seconds.
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
	// portAttempts is how often another port is tried when somebody was faster.
	portAttempts = 4
)

// requireEnv is set to 1 where a skipped test would go unnoticed: in CI.
const requireEnv = "PERENNIAL_REQUIRE_SERVERS"

// Server is a PostgreSQL server that can be stopped and started again on the same port, with the same data.
type Server struct {
	t        testing.TB
	programs programs
	folder   string
	port     int
	process  *process
}

// Start starts a server and stops it at the end of the test. Where PostgreSQL is not installed, or cannot run as the
// users there are, the test is skipped, or fails if PERENNIAL_REQUIRE_SERVERS is 1.
func Start(t testing.TB) *Server {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		if os.Getenv(requireEnv) == "1" {
			t.Fatalf("needs PostgreSQL: %v", err)
		}
		t.Skipf("needs PostgreSQL: %v", err)
	}
	s := &Server{t: t, programs: programs}
	s.makeFolder()
	for attempt := 1; ; attempt++ {
		s.port = freePort(t)
		err := s.run()
		if err == nil {
			break
		}
		if attempt == portAttempts || !strings.Contains(err.Error(), "Address already in use") {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Stop)
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

// Address is the server's host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

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

// Stop stops the server and ends its connections. It can be called again.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.stop(); err != nil {
		s.t.Errorf("stop PostgreSQL: %v", err)
	}
	s.process = nil
}

// Restart starts the server again after Stop, on the same port.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.run(); err != nil {
		s.t.Fatal(err)
	}
}

// makeFolder makes the data folder, owned by the user that the server runs as. t.TempDir would not do: its parents may
// be closed to that user.
func (s *Server) makeFolder() {
	s.t.Helper()
	folder, err := os.MkdirTemp("", "perennial-postgres-")
	if err != nil {
		s.t.Fatal(err)
	}
	s.folder = folder
	s.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	passwordFile := filepath.Join(folder, "password")
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if c := s.programs.credential; c != nil {
		for _, path := range []string{folder, passwordFile} {
			if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	initdb := s.command(s.programs.initdb, "--pgdata", s.data(), "--username", user, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		s.t.Fatalf("initdb: %v\n%s", err, out)
	}
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// command runs a program as the server's user. The data is thrown away, so that nothing waits for the disk.
func (s *Server) command(path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+s.folder)
	cmd.SysProcAttr = childAttributes()
	cmd.SysProcAttr.Credential = s.programs.credential
	return cmd
}

// run starts the server and returns when it takes connections.
func (s *Server) run() error {
	cmd := s.command(s.programs.postgres, "-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=40", "-c", "logging_collector=off", "-c", "log_destination=stderr")
	p, err := startProcess(cmd)
	if err != nil {
		return err
	}
	s.process = p
	return nil
}

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startProcess starts a server and waits for the line of its log that says it is ready.
func startProcess(cmd *exec.Cmd) (*process, error) {
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started, ready, tail := make(chan error), make(chan struct{}), &lastLines{}
	go func() {
		// Linux kills the child when the thread that started it ends, so that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		tail.follow(log, "ready to accept connections", ready)
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	select {
	case <-ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("the PostgreSQL server ended: %s", tail)
	case <-time.After(startTimeout):
		_ = p.stop()
		return nil, fmt.Errorf("the PostgreSQL server was not ready after %s: %s", startTimeout, tail)
	}
}

// stop ends the server: SIGINT is its fast shutdown.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.done
		return fmt.Errorf("it did not end within %s", stopTimeout)
	}
}

// lastLines keeps the end of a log.
type lastLines struct {
	mu    sync.Mutex
	lines []string
}

// follow reads a log to its end and closes found at the first line with the text.
func (l *lastLines) follow(log io.Reader, text string, found chan<- struct{}) {
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		if found != nil && strings.Contains(scanner.Text(), text) {
			close(found)
			found = nil
		}
		l.mu.Lock()
		l.lines = append(l.lines[max(0, len(l.lines)-20):], scanner.Text())
		l.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, log) // after a line too long to scan: the server must not wait for a reader
}

// String returns the lines.
func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
