package server

import "syscall"

// childAttributes keeps Ctrl-C in the terminal from the child, and has the kernel end it if this process is killed.
func childAttributes(kill syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: kill}
}
