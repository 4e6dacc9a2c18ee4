//go:build unix

package server

import (
	"net"
	"strconv"
	"testing"
)

// Restartable is a server that can be stopped and started again on its port. What starts a server embeds it, and calls
// Serve.
type Restartable struct {
	t       testing.TB
	port    int
	process *Process
	run     func(port int) (*Process, error)
}

// Serve starts the server on a free port, with a function that returns once it answers, and stops it at the end of the
// test. Address is known to that function.
func (r *Restartable) Serve(t testing.TB, run func(port int) (*Process, error)) {
	t.Helper()
	r.t, r.run = t, run
	OnFreePort(t, r.start)
	t.Cleanup(r.Stop)
}

func (r *Restartable) start(port int) (err error) {
	r.port = port
	r.process, err = r.run(port)
	return err
}

// Address is the server's host and port.
func (r *Restartable) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// Stop stops the server and ends its connections. It can be called again.
func (r *Restartable) Stop() {
	r.t.Helper()
	if r.process == nil {
		return
	}
	if err := r.process.Stop(); err != nil {
		r.t.Errorf("stop: %v", err)
	}
	r.process = nil
}

// Restart starts the server again after Stop, on the same port and with the data that it had.
func (r *Restartable) Restart() {
	r.t.Helper()
	r.Stop()
	if err := r.start(r.port); err != nil {
		r.t.Fatal(err)
	}
}
