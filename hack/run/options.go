package main

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
)

// options are the command's flags.
type options struct {
	assets, manager, cli       string
	crds, samples              string
	dataDir, dataRoot          string
	metricsAddress             string
	applySamples, fresh, clean bool
	managerArgs                []string // what comes after --
}

const usageText = `Usage: run [flags] [-- flags of the operator]

Starts a Kubernetes API on this machine, with Perennial's kinds and samples, and the operator.

`

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		say(stderr, "%s", usageText)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.assets, "assets", "", "`folder` with etcd, kube-apiserver, kube-controller-manager and kubectl (default: $KUBEBUILDER_ASSETS, else bin/controlplane)")
	flags.StringVar(&o.manager, "manager", "bin/manager", "the operator's `program`")
	flags.StringVar(&o.cli, "cli", "bin/perennial", "the command line's `program`, for the lines that are printed")
	flags.StringVar(&o.crds, "crds", "config/crd", "`folder` with the custom resource definitions")
	flags.StringVar(&o.samples, "samples", "config/samples", "kustomization `folder` with objects to begin with; empty: none")
	flags.StringVar(&o.dataDir, "data-dir", ".run", "`folder` that keeps everything between runs")
	flags.StringVar(&o.dataRoot, "data-root", "", "`folder` that SQLite data sources may read (default: files in the data folder)")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", "", "`address` of the operator's metrics (default: a free port)")
	flags.BoolVar(&o.applySamples, "apply-samples", false, "apply the samples again, over what was changed in them since")
	flags.BoolVar(&o.fresh, "fresh", false, "delete what earlier runs left, and start with nothing")
	flags.BoolVar(&o.clean, "clean", false, "delete what earlier runs left, and end")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.managerArgs = flags.Args()
	if len(o.managerArgs) > 0 && !separated(args, len(o.managerArgs)) {
		err := fmt.Errorf("unexpected argument %q", o.managerArgs[0])
		say(stderr, "%v\n", err)
		flags.Usage()
		return o, err
	}
	if o.dataRoot == "" {
		o.dataRoot = filepath.Join(o.dataDir, "files")
	}
	return o, nil
}

// separated says whether the last n arguments follow a "--": a forgotten dash must not become the operator's.
func separated(args []string, n int) bool {
	i := len(args) - n - 1
	return i >= 0 && args[i] == "--"
}
