//go:build unix && !linux

package server

import "syscall"

// childAttributes keeps Ctrl-C in the terminal from the child.
func childAttributes(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
