//go:build unix

// Package server is what the packages that start a real database server for a test have in common: a free port, a folder
// and a user for the server, and a process that ends with the test, or with this process.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// requireEnv is set to 1 where a skipped test would go unnoticed: in CI.
const requireEnv = "PERENNIAL_REQUIRE_SERVERS"

// portAttempts is how often another port is tried when somebody was faster.
const portAttempts = 4

// Missing skips a test that needs what is not there, or fails it if PERENNIAL_REQUIRE_SERVERS is 1.
func Missing(t testing.TB, name string, err error) {
	t.Helper()
	if os.Getenv(requireEnv) == "1" {
		t.Fatalf("needs %s: %v", name, err)
	}
	t.Skipf("needs %s: %v", name, err)
}

// LookPath looks for a program on the PATH, then in other folders.
func LookPath(name, instead string, folders ...string) (string, error) {
	path, err := exec.LookPath(name)
	for _, folder := range folders {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(folder, name))
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s is neither on the PATH nor in %s; install the package %s", name, strings.Join(folders, ", "), instead)
	}
	return path, nil
}

// OtherUser returns the first of some unprivileged users where this process is root, as which a database server does not
// run, and nil elsewhere.
func OtherUser(names ...string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range names {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("this process is root, as which the server does not run, and there is no user " + strings.Join(names, " or "))
}

// Folder makes a temporary folder that belongs to a user and goes away with the test. t.TempDir would not do: its parents
// may be closed to that user.
func Folder(t testing.TB, pattern string, owner *syscall.Credential) string {
	t.Helper()
	folder, err := os.MkdirTemp("", pattern) //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	Own(t, folder, owner)
	return folder
}

// Own gives a file or folder to a user; nil leaves it.
func Own(t testing.TB, path string, owner *syscall.Credential) {
	t.Helper()
	if owner == nil {
		return
	}
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}

// Command makes the command of a program that runs as a user, in a folder that is its home.
func Command(folder string, user *syscall.Credential, kill syscall.Signal, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+folder)
	cmd.SysProcAttr = childAttributes(kill)
	cmd.SysProcAttr.Credential = user
	return cmd
}

// OnFreePort calls a function that starts a server with free ports, until nobody else was faster, and returns the port.
func OnFreePort(t testing.TB, run func(port int) error) int {
	t.Helper()
	for attempt := 1; ; attempt++ {
		port := freePort(t)
		err := run(port)
		if err == nil {
			return port
		}
		if attempt == portAttempts || !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			t.Fatal(err)
		}
	}
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
