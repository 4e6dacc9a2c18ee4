package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// assetsEnv is the variable that envtest has for the same folder.
const assetsEnv = "KUBEBUILDER_ASSETS"

// ErrNoAssets means that the programs of the control plane are not built, or not where they were looked for.
var ErrNoAssets = errors.New("the programs of the local control plane are not there: run `make controlplane`")

// assets is the folder with the control plane's programs.
type assets string

func (a assets) etcd() string      { return filepath.Join(string(a), "etcd") }
func (a assets) apiServer() string { return filepath.Join(string(a), "kube-apiserver") }
func (a assets) controllerManager() string {
	return filepath.Join(string(a), "kube-controller-manager")
}
func (a assets) kubectl() string { return filepath.Join(string(a), "kubectl") }

// findAssets finds the folder and checks that it has what these options need.
func findAssets(o Options) (assets, error) {
	dir, err := assetsDir(o.Assets)
	if err != nil {
		return "", err
	}
	a := assets(dir)
	needed := []string{a.etcd(), a.apiServer()}
	if o.ControllerManager {
		needed = append(needed, a.controllerManager())
	}
	if o.CRDs != "" {
		needed = append(needed, a.kubectl())
	}
	for _, program := range needed {
		if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w (no %s in %s%s)", ErrNoAssets, filepath.Base(program), dir, origin(o.Assets))
		} else if err != nil {
			return "", fmt.Errorf("look for the control plane's programs: %w", err)
		}
	}
	return a, nil
}

// origin helps whoever has forgotten the variable in his shell's profile.
func origin(named string) string {
	if named == "" && os.Getenv(assetsEnv) != "" {
		return ", which " + assetsEnv + " names; unset it to use bin/controlplane"
	}
	return ""
}

// assetsDir decides which folder to look into: the named one, else the variable's, else the module's own.
func assetsDir(named string) (string, error) {
	if named == "" {
		named = os.Getenv(assetsEnv)
	}
	if named != "" {
		return filepath.Abs(named)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module's folder: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		built := filepath.Join(dir, "bin", "controlplane")
		if exists(filepath.Join(dir, "go.mod")) && exists(built) {
			return built, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w (no bin/controlplane beside a go.mod in %s or above, and %s is not set)", ErrNoAssets, wd, assetsEnv)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
