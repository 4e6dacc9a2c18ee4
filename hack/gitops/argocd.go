package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// anyKind is the folder whose scripts are for every kind of the group, as Argo CD names it.
const anyKind = "_"

// argoHead is the beginning of argocd-cm.yaml.
const argoHead = `# Made by make manifests of the scripts in resource_customizations: edit those.
#
# What Argo CD has to know of Perennial. It adds to the settings that are there:
#
#   kubectl patch configmap argocd-cm -n argocd --patch-file config/argocd/argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels: {app.kubernetes.io/name: argocd-cm, app.kubernetes.io/part-of: argocd}
data:
`

// argoSettings makes the settings of every kind: Argo CD's own layout has a script a file, its ConfigMap a key for each kind.
func argoSettings(folder string, kinds []kindSchema) ([]byte, error) {
	var b strings.Builder
	b.WriteString(argoHead)
	seen := map[string]bool{}
	for _, k := range kinds {
		group, _, _ := strings.Cut(k.apiVersion, "/")
		if seen[k.kind] {
			continue // at another version
		}
		seen[k.kind] = true
		if err := settingsOf(&b, filepath.Join(folder, group), group, k.kind); err != nil {
			return nil, fmt.Errorf("%s: %w", k.kind, err)
		}
	}
	return []byte(b.String()), nil
}

// settingsOf writes the keys of one kind. A key of Argo CD's cannot stand for several kinds, so the script of all is in each.
func settingsOf(b *strings.Builder, folder, group, kind string) error {
	own := filepath.Join(folder, kind)
	health, err := os.ReadFile(filepath.Join(own, "health.lua"))
	if errors.Is(err, fs.ErrNotExist) {
		health, err = os.ReadFile(filepath.Join(folder, anyKind, "health.lua"))
	}
	if err != nil {
		return err
	}
	key := func(setting string) { fmt.Fprintf(b, "  resource.customizations.%s.%s_%s: |\n", setting, group, kind) }
	key("health")
	indent(b, "    ", string(health))
	ignore, err := os.ReadFile(filepath.Join(own, "ignoreDifferences.yaml"))
	switch {
	case err == nil:
		key("ignoreDifferences")
		indent(b, "    ", string(ignore))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	actions, err := actionsOf(filepath.Join(own, "actions"))
	if err != nil || actions == "" {
		return err
	}
	key("actions")
	indent(b, "    ", actions)
	return nil
}

// actionsOf puts the scripts of a kind's actions together.
func actionsOf(folder string) (string, error) {
	discovery, err := os.ReadFile(filepath.Join(folder, "discovery.lua"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	scripts, err := filepath.Glob(filepath.Join(folder, "*", "action.lua"))
	if err != nil {
		return "", err
	}
	slices.Sort(scripts)
	var b strings.Builder
	b.WriteString("discovery.lua: |\n")
	indent(&b, "  ", string(discovery))
	b.WriteString("definitions:\n")
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "- name: %s\n  action.lua: |\n", filepath.Base(filepath.Dir(script)))
		indent(&b, "    ", string(text))
	}
	return b.String(), nil
}

// indent writes text below a key.
func indent(b *strings.Builder, by, text string) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			b.WriteString("\n")
			continue
		}
		b.WriteString(by + strings.TrimSuffix(line, "\n") + "\n")
	}
}
