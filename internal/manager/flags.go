package manager

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/perennial-dev/perennial/controllers"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Flags are what the operator's command line says.
type Flags struct {
	Options
	// Log says how to log.
	Log zap.Options
}

// DefaultSettle is the default of --settle.
const DefaultSettle = 30 * time.Second

// maxVerbosity is the highest level at which the client library logs no bodies of requests and answers.
const maxVerbosity = 7

// ParseFlags reads the operator's command line.
func ParseFlags(args []string) (*Flags, error) {
	f := &Flags{}
	var namespaces, zone string
	set := flag.NewFlagSet("manager", flag.ContinueOnError)
	set.StringVar(&namespaces, "namespaces", "", "Namespaces to watch, separated by commas. Empty: all.")
	set.BoolVar(&f.LeaderElection, "leader-elect", false, "Let one of several replicas be the active one.")
	set.StringVar(&f.LeaderElectionNamespace, "leader-election-namespace", "", "Namespace of the lease. Empty: the operator's own.")
	set.StringVar(&f.MetricsAddress, "metrics-bind-address", "0", "Address that serves metrics, for example :8443. 0: none.")
	set.BoolVar(&f.MetricsSecure, "metrics-secure", true, "Serve metrics over TLS, to those who may get /metrics, and what the sources gave to those who may get /snapshot/NAMESPACE.")
	set.StringVar(&f.MetricsCertDir, "metrics-cert-dir", "", "Folder with the certificate to serve metrics with: tls.crt and tls.key. Empty: the operator makes one that nobody can check.")
	set.BoolVar(&f.MetricsObjectNames, "metrics-object-names", false, "Serve metrics of each account and each source too, with its name as a label. Two series an account, three a source.")
	set.StringVar(&f.ProbeAddress, "health-probe-bind-address", ":8081", "Address that serves /healthz and /readyz. 0: none.")
	set.StringVar(&f.DataRoot, "data-root", "", "The only folder that SQLite files are read from. Empty: none are.")
	set.BoolVar(&f.AllowLoopback, "allow-loopback", false, "Let sources be read from this machine itself: 127.0.0.0/8, ::1 and unix sockets. For trying it out.")
	set.IntVar(&f.SourceWorkers, "source-workers", controllers.DefaultSourceWorkers, "How many sources are read at the same time.")
	set.DurationVar(&f.Settle, "settle", DefaultSettle, "How long nothing in a namespace's models, playbooks and sources may have changed before runs start.")
	set.StringVar(&zone, "time-zone", "UTC", "Time zone in which days begin, for example Europe/Berlin.")
	set.IntVar(&f.MaxRows, "max-rows", observe.DefaultMaxRows, "Most rows of one read of a source; a larger one is refused.")
	set.Int64Var(&f.MaxBytes, "max-bytes", observe.DefaultMaxBytes, "Most bytes of one read of a source; a larger one is refused.")
	f.Log.BindFlags(set)
	config.RegisterFlags(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: every setting is a flag, see --help", set.Arg(0))
	}
	for namespace := range strings.SplitSeq(namespaces, ",") {
		if namespace = strings.TrimSpace(namespace); namespace != "" {
			f.Namespaces = append(f.Namespaces, namespace)
		}
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("--time-zone: %q is not a time zone, write one like Europe/Berlin: %w", zone, err)
	}
	f.Location = location
	return f, f.check()
}

// check refuses settings that cannot work.
func (f *Flags) check() error {
	var errs []error
	if f.Settle < 0 {
		errs = append(errs, fmt.Errorf("--settle: %s is negative", f.Settle))
	}
	if folder := f.MetricsCertDir; folder != "" {
		// Without the files it would serve a certificate of its own, and nobody would know why it is not trusted.
		if _, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")); err != nil {
			errs = append(errs, fmt.Errorf("--metrics-cert-dir: %w", err))
		}
	}
	if f.MaxRows < 1 {
		errs = append(errs, fmt.Errorf("--max-rows: %d is less than 1", f.MaxRows))
	}
	if level := f.Log.Level; level != nil && level.Enabled(zapcore.Level(-maxVerbosity-1)) {
		errs = append(errs, fmt.Errorf("--zap-log-level: at most %d: beyond it what the API server answers is logged whole, Secrets and customers' words with it", maxVerbosity))
	}
	if f.SourceWorkers < 1 {
		errs = append(errs, fmt.Errorf("--source-workers: %d is less than 1", f.SourceWorkers))
	}
	if f.MaxBytes < 1 {
		errs = append(errs, fmt.Errorf("--max-bytes: %d is less than 1", f.MaxBytes))
	}
	return errors.Join(errs...)
}
