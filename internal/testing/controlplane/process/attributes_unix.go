//go:build unix && !linux

package process

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C in the terminal reaches only us
// and we stop the children in order. That a child ends with us is up to the child here, see parentEnv.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
