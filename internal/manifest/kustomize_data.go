package manifest

import (
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// kustomization is what of a kustomization names files that hold no objects of their own.
type kustomization struct {
	ConfigMapGenerator []generator `json:"configMapGenerator"`
	SecretGenerator    []generator `json:"secretGenerator"`
	Patches            []struct {
		Path string `json:"path"`
	} `json:"patches"`
	PatchesStrategicMerge []string `json:"patchesStrategicMerge"`
	Configurations        []string `json:"configurations"`
}

// generator makes ConfigMaps or Secrets of files.
type generator struct {
	Files []string `json:"files"`
	Envs  []string `json:"envs"`
}

// markData marks the files that a kustomization takes as data or patches: they are no objects.
func markData(data map[string]bool, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	var k kustomization
	if yaml.Unmarshal(text, &k) != nil {
		return // what does not fit is kustomize's to say
	}
	mark := func(file string) { data[filepath.Join(filepath.Dir(path), file)] = true }
	for _, g := range append(k.ConfigMapGenerator, k.SecretGenerator...) {
		for _, file := range append(g.Files, g.Envs...) {
			if _, value, named := strings.Cut(file, "="); named {
				file = value
			}
			mark(file)
		}
	}
	for _, patch := range k.Patches {
		mark(patch.Path)
	}
	for _, file := range append(k.PatchesStrategicMerge, k.Configurations...) {
		mark(file)
	}
}
