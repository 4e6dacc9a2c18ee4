//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// programs is what to run, and as whom.
type programs struct {
	initdb, postgres string
	// credential of the user that the server runs as; nil: the user of this process.
	credential *syscall.Credential
}

// debianFolders is where Debian and its relatives put the server's programs, outside of the PATH.
const debianFolders = "/usr/lib/postgresql/*/bin"

// findPrograms looks on the PATH, then in Debian's folders, for the newest.
func findPrograms() (programs, error) {
	var p programs
	folders, err := filepath.Glob(debianFolders)
	if err != nil {
		return p, err
	}
	newest := ""
	for _, folder := range folders {
		if newest == "" || version(folder) > version(newest) {
			newest = folder
		}
	}
	for name, target := range map[string]*string{"initdb": &p.initdb, "postgres": &p.postgres} {
		path, err := exec.LookPath(name)
		if err != nil {
			path, err = exec.LookPath(filepath.Join(newest, name))
		}
		if err != nil {
			return p, fmt.Errorf("%s is neither on the PATH nor in %s; install the package postgresql", name, debianFolders)
		}
		*target = path
	}
	p.credential, err = otherUser()
	return p, err
}

// version returns the major version in one of Debian's folders.
func version(folder string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return n
}

// otherUser returns an unprivileged user where this process is root, as which PostgreSQL does not run.
func otherUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
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
	return nil, errors.New("this process is root, as which PostgreSQL does not run, and there is no user postgres or nobody")
}
