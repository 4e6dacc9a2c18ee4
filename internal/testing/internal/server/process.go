//go:build unix

package server

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startTimeout and stopTimeout bound how long the server may take; a loaded machine needs seconds.
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
)

// Kind is what is to know of a server's program.
type Kind struct {
	// Name that messages call it.
	Name string
	// Ready is in the line of its log by which it takes connections.
	Ready string
	// Stop asks it to end without waiting for its connections; Kill ends it at once.
	Stop, Kill syscall.Signal
}

// Process is a running server.
type Process struct {
	kind Kind
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Start starts a server and waits for the line of its log that says it is ready.
func Start(kind Kind, cmd *exec.Cmd) (*Process, error) {
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p := &Process{kind: kind, cmd: cmd, done: make(chan struct{})}
	started, ready, tail := make(chan error), make(chan struct{}), &lastLines{}
	go func() {
		// Linux kills the child when the thread that started it ends, so that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		tail.follow(log, kind.Ready, ready)
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	select {
	case <-ready:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("the %s server ended: %s", kind.Name, tail)
	case <-time.After(startTimeout):
		_ = p.Stop()
		return nil, fmt.Errorf("the %s server was not ready after %s: %s", kind.Name, startTimeout, tail)
	}
}

// Stop ends the server.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(p.kind.Stop)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Signal(p.kind.Kill)
		<-p.done
		return fmt.Errorf("the %s server did not end within %s", p.kind.Name, stopTimeout)
	}
}

// lastLines keeps the end of a log.
type lastLines struct {
	mu    sync.Mutex
	lines []string
}

// follow reads a log to its end and closes found at the first line with the text.
func (l *lastLines) follow(log io.Reader, text string, found chan<- struct{}) {
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		if found != nil && strings.Contains(scanner.Text(), text) {
			close(found)
			found = nil
		}
		l.mu.Lock()
		l.lines = append(l.lines[max(0, len(l.lines)-20):], scanner.Text())
		l.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, log) // after a line too long to scan: the server must not wait for a reader
}

// String returns the lines.
func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
