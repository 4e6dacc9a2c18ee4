// Command e2e does what a user does, without one: a fresh control plane in a temporary folder, the samples, the operator,
// a change of data, a task and its completion, a deletion, an API that goes away, a restart. It prints the tables that a user would see, and ends
// with an error at the first thing that is not as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/operator"
)

// limit is how long everything together may take.
const limit = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
	fmt.Println("PASS")
}

// run does everything in a folder that it removes at the end.
func run(ctx context.Context, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %s", limit))
	defer cancel()
	dir, err := os.MkdirTemp("", "perennial-e2e-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	api, err := controlplane.Start(ctx, controlplane.Options{DataDir: filepath.Join(dir, "api"), CRDs: "config/crd", ControllerManager: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, api.Stop()) }()
	s := &session{out: out, api: api, dir: dir, began: time.Now()}
	defer func() { err = errors.Join(err, s.stopOperator()) }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the samples are applied, and the operator starts", s.begin},
		{"every account is scored, and work has begun", s.firstLook},
		{"a branch changes the rules: what the plan foretells is what happens", s.previewChange},
		{"a customer comes whose usage is fine", s.newCustomer},
		{"its usage drops, and its task appears", s.usageDrops},
		{"somebody finishes the task, and the next one opens", s.finishTask},
		{"the account is deleted, and its work goes with it", s.deleteAccount},
		{"an API is read, once its Secret allows it, and goes away for a while", s.readAPI},
		{"the operator is restarted, and writes nothing", s.restart},
	} {
		s.say("\n== %s", step.name)
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.name, err, s.log())
		}
		s.say("-- %.1f s", time.Since(began).Seconds())
	}
	return nil
}

// startOperator runs the operator's program.
func (s *session) startOperator(ctx context.Context) (err error) {
	s.operator, err = operator.Start(ctx, operator.Options{
		Program: filepath.Join("bin", "manager"), Kubeconfig: s.api.KubeconfigPath(), DataRoot: s.dir,
		LogFile: s.logFile(), Args: []string{"--settle=2s", "--allow-loopback"},
	})
	return err
}

// stopOperator ends the operator, if it runs.
func (s *session) stopOperator() error {
	if s.operator == nil {
		return nil
	}
	defer func() { s.operator = nil }()
	return s.operator.Stop()
}
