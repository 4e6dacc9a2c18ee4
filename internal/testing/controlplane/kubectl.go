package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// RunKubectl runs the control plane's kubectl against this API and returns what it printed. What it printed to
// standard error is in the error.
func (c *ControlPlane) RunKubectl(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Kubectl(), args...)
	cmd.Env = c.kubectlEnv()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// kubectlEnv is the environment of a kubectl that talks to this API whatever the user's own settings are, and leaves
// no cache of a temporary API's kinds in his home folder.
func (c *ControlPlane) kubectlEnv() []string {
	return append(os.Environ(), "KUBECONFIG="+c.KubeconfigPath(), "KUBECACHEDIR="+c.folder.kubectlCache(), "KUBECTL_KUBERC=false")
}
