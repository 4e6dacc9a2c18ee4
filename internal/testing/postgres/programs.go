//go:build unix

package postgres

import (
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/perennial-dev/perennial/internal/testing/internal/server"
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
	newest := debianFolders
	for _, folder := range folders {
		if version(folder) > version(newest) {
			newest = folder
		}
	}
	for name, target := range map[string]*string{"initdb": &p.initdb, "postgres": &p.postgres} {
		if *target, err = server.LookPath(name, "postgresql", newest); err != nil {
			return p, err
		}
	}
	p.credential, err = server.OtherUser("postgres", "nobody")
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
