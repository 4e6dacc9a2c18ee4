// Package operator runs the operator's program against a local control plane, for make run and the end-to-end test.
package operator

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/controlplane/process"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 45 * time.Second // it gives its own reconcilers 30 to finish
)

// Options say what to run.
type Options struct {
	// Program is the file of the operator's program.
	Program string
	// Kubeconfig says which API to work on.
	Kubeconfig string
	// LogFile receives what it prints.
	LogFile string
	// DataRoot is the folder of SQLite files; it must be there.
	DataRoot string
	// MetricsAddress serves metrics. Empty: a free port of this machine.
	MetricsAddress string
	// CertDir is the folder of the certificate that metrics, and what the sources gave, are served with to those who may read
	// them. A new one is put there. Empty: metrics are served to everybody who reaches them, and nothing else is.
	CertDir string
	// Args are flags in addition.
	Args []string
}

// Operator is a running operator.
type Operator struct {
	*process.Process
	// URL is the address of the server of metrics and snapshots.
	URL string
	// MetricsURL is where it serves its metrics.
	MetricsURL string
	// CA is a file with the certificate to trust it by; empty where metrics are served plainly.
	CA string
}

// Start runs the operator and returns when it is ready. Stop ends it.
func Start(ctx context.Context, o Options) (*Operator, error) {
	probes, err := loopbackAddress(ctx)
	if err != nil {
		return nil, err
	}
	if o.MetricsAddress == "" {
		if o.MetricsAddress, err = loopbackAddress(ctx); err != nil {
			return nil, err
		}
	}
	scheme, serving := "http://", []string{"--metrics-secure=false"} // readable with a browser; only this machine reaches the address
	ca := ""
	if o.CertDir != "" {
		scheme, serving = "https://", []string{"--metrics-secure", "--metrics-cert-dir=" + o.CertDir}
		if ca, err = certificate(o.CertDir); err != nil {
			return nil, fmt.Errorf("make the certificate of the metrics: %w", err)
		}
	}
	p, err := process.Start(ctx, process.Spec{
		Name:    "the operator",
		Path:    o.Program,
		LogFile: o.LogFile,
		Args: slices.Concat([]string{
			"--kubeconfig=" + o.Kubeconfig,
			"--leader-elect=false", // it is alone, and a restart need not wait for a lease to run out
			"--data-root=" + o.DataRoot,
			"--metrics-bind-address=" + o.MetricsAddress,
			"--health-probe-bind-address=" + probes,
		}, serving, o.Args),
		Ready: func(ctx context.Context) error {
			for _, probe := range []string{"/healthz", "/readyz"} {
				if _, err := get(ctx, "http://"+probes+probe); err != nil {
					return err
				}
			}
			return nil
		},
		StartTimeout: startTimeout,
		StopTimeout:  stopTimeout,
	})
	if err != nil {
		return nil, err
	}
	url := scheme + o.MetricsAddress
	return &Operator{Process: p, URL: url, MetricsURL: url + "/metrics", CA: ca}, nil
}

// Metrics returns the operator's metrics in the Prometheus text format, where they are served plainly.
func (o *Operator) Metrics(ctx context.Context) (string, error) { return get(ctx, o.MetricsURL) }

func loopbackAddress(ctx context.Context) (string, error) {
	port, err := controlplane.FreePort(ctx)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// get returns the body of a URL that is answered with 200.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return string(body), nil
}
