//go:build !unix

package controlplane

import (
	"errors"
	"os"
)

// lockExclusive refuses: the servers are not built for this system either.
func lockExclusive(*os.File) error {
	return errors.New("the local control plane runs on Linux and macOS; on Windows use WSL")
}
