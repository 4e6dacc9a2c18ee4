// Command gitops writes what editors, pipelines and Argo CD read: the JSON schemas in config/schemas, made of the custom
// resource definitions, and config/argocd/argocd-cm.yaml, made of the Lua scripts beside it. `make manifests` runs it at the
// top of the repository.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run writes everything into the repository at root.
func run(root string) error {
	kinds, err := readKinds(filepath.Join(root, "config", "crd", "bases"))
	if err != nil {
		return err
	}
	made, err := schemas(kinds)
	if err != nil {
		return err
	}
	if err := writeAll(filepath.Join(root, "config", "schemas"), made); err != nil {
		return err
	}
	settings, err := argoSettings(filepath.Join(root, "config", "argocd", "resource_customizations"), kinds)
	if err != nil {
		return err
	}
	return write(filepath.Join(root, "config", "argocd", "argocd-cm.yaml"), settings)
}

// writeAll makes a folder hold exactly these files: one that a kind has left behind goes.
func writeAll(folder string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := write(filepath.Join(folder, name), files[name]); err != nil {
			return err
		}
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if _, ok := files[filepath.ToSlash(name)]; ok {
			return nil
		}
		return os.Remove(path)
	})
}

// write leaves a file alone that has this content already.
func write(path string, content []byte) error {
	is, err := os.ReadFile(path)
	if err == nil && bytes.Equal(is, content) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
