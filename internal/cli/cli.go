// Package cli is the command line, perennial: it checks configuration, previews and tests a change of it, explains scores
// and playbooks, shows the customer base and the work on it, and takes what people say of it. One file a command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Exit codes, as the help says.
const (
	// ExitOK means that all went well, and of plan that nothing changes.
	ExitOK = 0
	// ExitError means that something is wrong: what was asked for, or what was found.
	ExitError = 1
	// ExitChanges is of plan alone: the change does something.
	ExitChanges = 2
)

// Env is the world outside the program.
type Env struct {
	genericiooptions.IOStreams
	// Clock tells the time.
	Clock clock.PassiveClock
	// Getenv reads the environment.
	Getenv func(string) string
	// Name is what the program was called as: "perennial", or "kubectl perennial" where it is kubectl's plugin.
	Name string
	// Color means that Out is a terminal that shows colours.
	Color bool
	// Progress means that ErrOut is a terminal: long work shows how far it is.
	Progress bool
}

// exitError ends the program with a code and, where it has any, a message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit ends the program with a code and without a word: the command has said all.
func exit(code int) error { return &exitError{code: code} }

// Run runs the program and returns its exit code.
func Run(ctx context.Context, env Env, args []string) int {
	root := New(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var ended *exitError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &ended) && ended.err == nil:
		return ended.code
	}
	_, _ = fmt.Fprintln(env.ErrOut, "Error:", strings.TrimSpace(err.Error()))
	if ended != nil {
		return ended.code
	}
	return ExitError
}

// app is what all commands share.
type app struct {
	Env
	// flags say which cluster, namespace and user, as kubectl's do.
	flags *genericclioptions.ConfigFlags
	// connect, where it is set, stands in for the cluster that the flags name. For tests.
	connect func() (client.Client, error)
}

// New puts the commands together.
func New(env Env) *cobra.Command { return newRoot(&app{Env: env, flags: newConfigFlags()}) }

// newConfigFlags are kubectl's flags, less those that say nothing here.
func newConfigFlags() *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.CacheDir, flags.Timeout = nil, nil
	return flags
}

// namespace is the one that -n names, else that of the kubeconfig's context.
func (a *app) namespace() (string, error) {
	namespace, _, err := a.flags.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// client returns a client for the cluster that the flags name.
func (a *app) client() (client.Client, error) {
	if a.connect != nil {
		return a.connect()
	}
	cfg, err := a.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to ask: %w", err)
	}
	if err := a.noKubeconfig(cfg.Host); err != nil {
		return nil, err
	}
	cfg.QPS = -1 // the API server's own fairness decides
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return client.New(cfg, client.Options{Scheme: scheme})
}

// noKubeconfig refuses the address that stands in where nobody names a cluster: nobody means it.
func (a *app) noKubeconfig(host string) error {
	config, err := a.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return fmt.Errorf("no cluster to ask: %w", err)
	}
	asked := a.flags.APIServer != nil && *a.flags.APIServer != ""
	if len(config.Clusters) > 0 || asked || host != "http://localhost:8080" {
		return nil
	}
	return errors.New("no cluster to ask: there is no kubeconfig; name one with the environment variable KUBECONFIG or with --kubeconfig FILE")
}

// newScheme knows Kubernetes' own kinds and ours.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}
