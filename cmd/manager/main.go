// Command manager is the operator: it keeps every account's health current and makes tasks when a threshold is crossed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	// Days are counted in the --time-zone also where the machine has no time zone files.
	_ "time/tzdata"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/perennial-dev/perennial/internal/manager"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "perennial:", err)
		os.Exit(1)
	}
}

// run starts the operator and returns when a signal ends it.
func run(args []string) error {
	flags, err := manager.ParseFlags(args)
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&flags.Log)))
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster to work on: %w; pass --kubeconfig or set KUBECONFIG", err)
	}
	flags.Registerer = metrics.Registry
	mgr, err := manager.New(cfg, flags.Options)
	if err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
