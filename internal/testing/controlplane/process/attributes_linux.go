package process

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C in the terminal reaches only us
// and we stop the children in order; and has the kernel kill it when we are killed ourselves.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
