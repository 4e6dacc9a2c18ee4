package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/operator"
)

// session is one run, from its start to its end.
type session struct {
	options
	screen *screen
	began  time.Time

	api        *controlplane.ControlPlane
	operator   *operator.Operator
	stopEvents func()
}

// run starts everything, waits until somebody or something ends it, and stops everything.
func (s *session) run(ctx context.Context) error {
	s.began = time.Now()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = errInterrupted // which of the steps it was does not matter
		}
		return errors.Join(err, s.stop())
	}
	s.instructions(ctx)
	if err := s.followEvents(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	return errors.Join(s.wait(ctx), s.stop())
}

func (s *session) start(ctx context.Context) error {
	if _, err := os.Stat(s.manager); err != nil {
		return fmt.Errorf("look for the operator's program (make run builds it, and --manager names another): %w", err)
	}
	s.screen.printf("Perennial on this machine, data in %s\n", s.dataDir)
	var err error
	s.api, err = controlplane.Start(ctx, controlplane.Options{
		Assets: s.assets, DataDir: s.dataDir, Fresh: s.fresh, CRDs: s.crds,
		ControllerManager: true, OnStep: s.begin,
	})
	if err != nil {
		return err
	}
	if err := s.bringSamples(ctx); err != nil {
		return err
	}
	end := s.begin("operator")
	err = s.startOperator(ctx)
	end(err)
	return err
}

// begin says that a part of the start begins.
func (s *session) begin(name string) func(error) { return s.screen.step(name, "ready") }

// wait returns when somebody presses Ctrl-C, or with an error when a program ends on its own.
func (s *session) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.operator.Done():
		return s.operator.Err()
	case err := <-s.api.Failed():
		return err
	}
}

// stop stops what was started, the last first. It is there for a start that failed halfway too.
func (s *session) stop() error {
	if s.api == nil {
		return nil
	}
	s.screen.printf("\nStopping\n")
	if s.stopEvents != nil {
		s.stopEvents()
	}
	var errs []error
	if s.operator != nil {
		errs = append(errs, s.stopOne("operator", s.operator.Stop))
	}
	errs = append(errs, s.stopOne("Kubernetes API", s.api.Stop))
	s.screen.printf("Stopped. The data stays in %s: make run goes on from there, make clean-run deletes it.\n", s.dataDir)
	return errors.Join(errs...)
}

func (s *session) stopOne(name string, stop func() error) error {
	end := s.screen.step(name, "stopped")
	err := stop()
	end(err)
	return err
}

// absolute is a path that works from other folders, for lines that a person copies.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
