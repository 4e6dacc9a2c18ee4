package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/perennial-dev/perennial/internal/snapshot"
)

// The environment variables with the operator's address, and the file of the certificates to trust it by.
const (
	operatorVariable   = "PERENNIAL_OPERATOR"
	operatorCAVariable = "PERENNIAL_OPERATOR_CA"
)

// factsOptions say where the facts come from that a command works with: a snapshot file, the operator, or the statuses in
// the cluster.
type factsOptions struct {
	app *app
	// file is a snapshot file; with it nothing is asked.
	file string
	// operator is the address of the operator's metrics server.
	operator string
	// tokenFile holds the token to show it; ca the certificates to trust it by, and insecure trusts it whatever it shows.
	tokenFile, ca string
	insecure      bool
	// serviceAccount is whose token is asked for where there is no other.
	serviceAccount string
	// command has the flags; nil where no operator is asked.
	command *cobra.Command
}

// addFactsFlags adds the flags that say where facts come from, --snapshot among them.
func (a *app) addFactsFlags(c *cobra.Command) *factsOptions {
	o := a.addOperatorFlags(c)
	c.Flags().StringVar(&o.file, "snapshot", "", "Snapshot file to work with instead of a cluster, as perennial snapshot writes one; - is the standard input.")
	return o
}

// addOperatorFlags adds the flags that say how to ask the operator.
func (a *app) addOperatorFlags(c *cobra.Command) *factsOptions {
	f := c.Flags()
	o := &factsOptions{app: a, command: c}
	// The environment is what a flag begins with, so that help does not show what is in it. A flag without a value says: none.
	f.StringVar(&o.operator, "operator", "", "Address of the operator's metrics server, such as https://127.0.0.1:8443, which knows what every source gave. Default: $"+operatorVariable+". Without it, facts are those that the accounts' statuses remember.")
	f.StringVar(&o.tokenFile, "operator-token-file", "", "File with the token to show the operator. Default: the token of the kubeconfig's user, else a short one of --operator-service-account.")
	f.StringVar(&o.ca, "operator-ca", "", "File with the certificates to trust the operator by. Default: $"+operatorCAVariable+", else those of the machine.")
	f.BoolVar(&o.insecure, "operator-insecure-skip-tls-verify", false, "Trust the operator whatever certificate it shows. The token of the kubeconfig's user is then not shown to it.")
	f.StringVar(&o.serviceAccount, "operator-service-account", "perennial-system/perennial-snapshot-reader", "Service account, as NAMESPACE/NAME, to ask the cluster for a token of where there is no other.")
	if a.Getenv != nil {
		o.operator, o.ca = a.Getenv(operatorVariable), a.Getenv(operatorCAVariable)
	}
	return o
}

// said reports whether a person has typed a flag.
func (o *factsOptions) said(names ...string) bool {
	return o.command != nil && slices.ContainsFunc(names, o.command.Flags().Changed)
}

// operatorName is how errors call the address of the operator.
func (o *factsOptions) operatorName() string {
	if o.said("operator") {
		return "--operator"
	}
	return "$" + operatorVariable
}

// take returns the customer base of a namespace: from the file that --snapshot names, else from the cluster, with the facts
// that the operator has where its address is known. An empty namespace is that of the kubeconfig. That of a file is its own:
// look at the snapshot's World for it.
func (o *factsOptions) take(ctx context.Context, namespace string) (*snapshot.Snapshot, error) {
	if o.file != "" {
		if o.operator != "" && o.said("operator") {
			return nil, errors.New("--snapshot, --operator: the facts are in the file, and the operator is not asked: leave one of them out")
		}
		return o.read() //nolint:contextcheck // a file is read without one
	}
	if namespace == "" {
		var err error
		if namespace, err = o.app.namespace(); err != nil {
			return nil, err
		}
	}
	c, err := o.app.client()
	if err != nil {
		return nil, err
	}
	s, err := snapshot.FromCluster(ctx, c, namespace, o.app.Clock.Now())
	if err != nil || o.operator == "" {
		return s, err
	}
	return s, o.addFacts(ctx, c, s)
}

// read reads the snapshot file.
func (o *factsOptions) read() (*snapshot.Snapshot, error) {
	in := o.app.In
	if o.file != "-" {
		file, err := os.Open(o.file)
		if err != nil {
			return nil, fmt.Errorf("--snapshot: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	s, err := snapshot.Read(in)
	if err != nil {
		return nil, fmt.Errorf("--snapshot %s: %w", o.file, err)
	}
	if asked := o.app.flags.Namespace; asked != nil && *asked != "" && *asked != s.World.Namespace {
		return nil, fmt.Errorf("--snapshot %s is of namespace %s, not of %s: leave -n out, or take another file", o.file, s.World.Namespace, *asked)
	}
	return s, nil
}
