package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/perennial-dev/perennial/internal/testing/operator"
)

// startOperator runs the operator's program and waits until it is ready.
//
// Its log goes to a file. The terminal shows the events that it records instead: they say what happened to which
// account in one line each, where the log says how, for whoever debugs the operator.
func (s *session) startOperator(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dataRoot, 0o700); err != nil {
		return fmt.Errorf("make the folder for SQLite files: %w", err)
	}
	if err := s.allowReaders(ctx); err != nil {
		return err
	}
	s.operator, err = operator.Start(ctx, operator.Options{
		Program: s.manager, Kubeconfig: s.api.KubeconfigPath(), LogFile: filepath.Join(s.api.LogDir(), "manager.log"),
		DataRoot: absolute(s.dataRoot), MetricsAddress: s.metricsAddress,
		CertDir: absolute(s.certificates()),
		// Who looks at it for the first time waits for tasks, and no commit comes in parts here. A database or an API to
		// try it with runs on this machine, as everything else here does.
		Args: append([]string{"--settle=5s", "--allow-loopback"}, s.managerArgs...),
	})
	return err
}
