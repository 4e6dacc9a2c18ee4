// Command perennial checks, previews and tests configuration, explains scores and playbooks, and takes what people say of
// tasks. Installed as kubectl-perennial it is kubectl's plugin.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	// Days are counted in the cluster's time zone also where the machine has no time zone files.
	_ "time/tzdata"

	"github.com/mattn/go-isatty"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	"github.com/perennial-dev/perennial/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who interrupts twice waits for nothing more
	name := "perennial"
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-") {
		name = "kubectl perennial"
	}
	code := cli.Run(ctx, cli.Env{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Clock:     clock.RealClock{},
		Getenv:    os.Getenv,
		Name:      name,
		Color:     isatty.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Progress:  isatty.IsTerminal(os.Stderr.Fd()),
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
