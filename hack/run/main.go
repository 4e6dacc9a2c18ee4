// Command run is what `make run` starts: a Kubernetes API on this machine, Perennial's definitions and samples in
// it, and the operator against it. It needs no cluster, no containers and no kubectl.
//
// Ctrl-C stops everything in order. The data stays for the next run.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // by convention 128 and the number of SIGINT
)

// errInterrupted means that somebody pressed Ctrl-C before everything ran. Later that is the normal end.
var errInterrupted = errors.New("interrupted while starting")

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		// The next one ends us at once, as everybody expects who presses Ctrl-C twice. What we started notices.
		signal.Stop(signals)
		cancel()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does all the work, until ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage // the flag package has said what is wrong
	case o.clean:
		return clean(o, stdout, stderr)
	}
	s := &session{options: o, screen: newScreen(stdout)}
	if err = s.run(ctx); err == nil {
		return exitOK
	}
	say(stderr, "\nError: %v\n", err)
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitFailed
}

// clean deletes the data of earlier runs.
func clean(o options, stdout, stderr io.Writer) int {
	err := controlplane.Remove(o.dataDir)
	if err == nil {
		err = os.RemoveAll(o.certificates())
	}
	if err != nil {
		say(stderr, "Error: %v\n", err)
		return exitFailed
	}
	say(stdout, "Deleted the local control plane's data in %s.\n", o.dataDir)
	if entries, err := os.ReadDir(o.dataDir); err == nil && len(entries) > 0 {
		say(stdout, "%s has other files, which stay.\n", o.dataDir)
	}
	return exitOK
}
