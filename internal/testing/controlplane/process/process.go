// Package process runs a program as a child: it waits until the program is ready, notices when it ends on its
// own, stops it, and shows the end of its log when something went wrong. A child does not outlive us.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	defaultStartTimeout = 2 * time.Minute // one that cannot work ends; this is for slow machines
	defaultStopTimeout  = 30 * time.Second
	readyPollInterval   = 50 * time.Millisecond
)

// parentEnv tells a child which process it belongs to. The programs of hack/controlplane end when that one is
// gone, also where the kernel cannot do it for us.
const parentEnv = "CONTROLPLANE_PARENT"

// Spec says which program to run, and how to tell that it is ready.
type Spec struct {
	// Name is what messages call the program; default: the last part of Path.
	Name string
	// Path is the program's file, Args what it is called with, Env what it gets in addition to our environment.
	Path string
	Args []string
	Env  []string
	// LogFile receives all the program prints. What an earlier run wrote there is replaced.
	LogFile string
	// Ready is asked again and again until it returns no error. Nil: ready as soon as it runs.
	Ready func(ctx context.Context) error
	// StartTimeout is how long it may take to be ready (default two minutes), StopTimeout how long to end after it
	// was asked to, before it is killed (default half a minute).
	StartTimeout time.Duration
	StopTimeout  time.Duration
}

// Process is a running child.
type Process struct {
	spec Spec
	cmd  *exec.Cmd

	done    chan struct{} // closed when the program has ended
	exitErr error         // how it ended; read it after done

	stopOnce sync.Once
	stopErr  error
}

// Start runs the program and returns when it is ready. When it is not ready in time, ends early or ctx is done
// first, it is killed and the error has the last lines of its log. ctx does not end the program later: Stop does.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	p, err := launch(ctx, withDefaults(spec))
	if err != nil {
		return nil, err
	}
	if err := p.waitReady(ctx); err != nil {
		return nil, errors.Join(err, p.Kill()) // what was never ready has nothing to finish
	}
	return p, nil
}

func withDefaults(spec Spec) Spec {
	if spec.Name == "" {
		spec.Name = filepath.Base(spec.Path)
	}
	if spec.StartTimeout == 0 {
		spec.StartTimeout = defaultStartTimeout
	}
	if spec.StopTimeout == 0 {
		spec.StopTimeout = defaultStopTimeout
	}
	return spec
}

// launch starts the program and the goroutine that waits for its end.
func launch(ctx context.Context, spec Spec) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(spec.LogFile), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for the log of %s: %w", spec.Name, err)
	}
	log, err := os.OpenFile(spec.LogFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", spec.Name, err)
	}
	defer func() { _ = log.Close() }() // the child has a copy of its own

	// The end of the start is not the end of the program.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), spec.Path, spec.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(append(os.Environ(), spec.Env...), parentEnv+"="+strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = childAttributes()

	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run starts the program and waits for its end on one OS thread. Linux kills the child when the thread that
// started it ends, not the process, so that thread must live as long as the child.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.exitErr = p.cmd.Wait()
	close(p.done)
}

// waitReady asks until the program is ready, has ended, or there is no time left.
func (p *Process) waitReady(ctx context.Context) error {
	if p.spec.Ready == nil {
		return nil
	}
	late, cancel := context.WithTimeout(ctx, p.spec.StartTimeout)
	defer cancel()
	tick := time.NewTicker(readyPollInterval)
	defer tick.Stop()

	for {
		notReady := p.spec.Ready(late)
		if notReady == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.Err()
		case <-late.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("starting %s was given up: %w", p.spec.Name, context.Cause(ctx))
			}
			return fmt.Errorf("%s was not ready after %s: %w%s", p.spec.Name, p.spec.StartTimeout, notReady, p.logTail())
		}
	}
}

// Done is closed when the program has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how a program that nobody asked to stop has ended, with the last lines of its log. It waits for the
// program's end.
func (p *Process) Err() error {
	<-p.done
	how := "exit status 0"
	if p.exitErr != nil {
		how = p.exitErr.Error()
	}
	return fmt.Errorf("%s ended on its own (%s)%s", p.spec.Name, how, p.logTail())
}

// Stop asks the program to end, waits, and kills it when it does not listen. It can be called again, and for a
// program that has already ended.
func (p *Process) Stop() error {
	p.stopOnce.Do(func() { p.stopErr = p.stop() })
	return p.stopErr
}

// Kill ends the program at once, without asking. It can be called again, and instead of Stop.
func (p *Process) Kill() error {
	p.stopOnce.Do(func() { p.stopErr = p.kill() })
	return p.stopErr
}

func (p *Process) stop() error {
	// An error here means that it has ended already, and then done is closed.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(p.spec.StopTimeout)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-late.C:
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not stop within %s and was killed%s", p.spec.Name, p.spec.StopTimeout, p.logTail())
}

func (p *Process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s (process %d): %w", p.spec.Name, p.PID(), err)
	}
	<-p.done
	return nil
}

// PID is the program's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// LogFile is the file that has all the program printed.
func (p *Process) LogFile() string { return p.spec.LogFile }
