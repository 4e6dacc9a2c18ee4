//go:build !unix

package process

import "syscall"

// childAttributes has nothing to ask of this system.
func childAttributes() *syscall.SysProcAttr { return nil }
