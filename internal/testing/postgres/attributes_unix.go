//go:build unix && !linux

package postgres

import "syscall"

// childAttributes keeps Ctrl-C in the terminal from the child.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
