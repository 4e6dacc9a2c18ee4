package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	crdTimeout      = time.Minute
	crdPollInterval = 50 * time.Millisecond
)

// applyCRDs applies a folder of custom resource definitions and waits until objects of these kinds can be made.
func (c *ControlPlane) applyCRDs(ctx context.Context) error {
	out, err := c.RunKubectl(ctx, append([]string{
		"apply", "--server-side", "--force-conflicts", "--field-manager=perennial-controlplane", "--output=name",
	}, ManifestArgs(c.options.CRDs)...)...)
	if err != nil {
		return err
	}
	names := strings.Fields(out)
	if len(names) == 0 {
		return fmt.Errorf("%s has no custom resource definitions", c.options.CRDs)
	}
	established := append([]string{"wait", "--for=condition=Established", "--timeout=" + crdTimeout.String()}, names...)
	if _, err := c.RunKubectl(ctx, established...); err != nil {
		return err
	}
	return c.waitServed(ctx, names)
}

// waitServed waits until each kind can be listed: discovery follows the condition a moment later.
func (c *ControlPlane) waitServed(ctx context.Context, names []string) error {
	var kinds []string
	for _, name := range names {
		if _, kind, ok := strings.Cut(name, "customresourcedefinition.apiextensions.k8s.io/"); ok {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return fmt.Errorf("%s has no custom resource definitions, only %s", c.options.CRDs, strings.Join(names, ", "))
	}
	var notServed error
	err := wait.PollUntilContextTimeout(ctx, crdPollInterval, crdTimeout, true, func(ctx context.Context) (bool, error) {
		_, notServed = c.RunKubectl(ctx, "get", strings.Join(kinds, ","), "--all-namespaces", "--output=name")
		return notServed == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait until the new kinds are served: %w: %w", err, notServed)
	}
	return nil
}

// ManifestArgs names a folder to kubectl apply, delete and the like: as a kustomization if it is one, else as files.
// The names of files are a list with commas to kubectl, and quotes keep one with a comma together.
func ManifestArgs(dir string) []string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return []string{"--kustomize=" + dir}
		}
	}
	return []string{`--filename="` + strings.ReplaceAll(dir, `"`, `""`) + `"`}
}
