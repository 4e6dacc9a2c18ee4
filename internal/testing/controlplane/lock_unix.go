//go:build unix

package controlplane

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusive locks an open file for this process, or returns ErrInUse.
func lockExclusive(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}
