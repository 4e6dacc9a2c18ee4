// Package samples holds config/samples to what its comments say: each playbook is played here, on accounts of the sample
// company, with the functions that the operator decides with.
package samples

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

const folder = "../../../config/samples"

// samples are the objects of the folder.
type samples struct {
	sources   []*v1alpha1.DataSource
	models    []*v1alpha1.HealthScoreModel
	playbooks []*v1alpha1.Playbook
	set       *v1alpha1.AccountSet
	// files are the contents of the ConfigMaps that the kustomization makes, by name and key.
	files map[string]map[string]string
}

// kustomization is what matters here of one.
type kustomization struct {
	Resources          []string
	ConfigMapGenerator []struct {
		Name  string
		Files []string
	}
}

// read returns a file of the folder.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// load reads everything that the kustomization has, strictly.
func load(t *testing.T) *samples {
	t.Helper()
	s := &samples{files: map[string]map[string]string{}}
	for _, file := range resources(t) {
		text := read(t, file)
		var kind struct{ Kind string }
		if err := yaml.Unmarshal(text, &kind); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var err error
		switch kind.Kind {
		case "DataSource":
			s.sources, err = add(s.sources, text)
		case "HealthScoreModel":
			s.models, err = add(s.models, text)
		case "Playbook":
			s.playbooks, err = add(s.playbooks, text)
		case "AccountSet":
			s.set = &v1alpha1.AccountSet{}
			err = decode(text, s.set)
		default:
			t.Errorf("%s: nothing here knows the kind %q", file, kind.Kind)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	var k kustomization
	if err := yaml.Unmarshal(read(t, "kustomization.yaml"), &k); err != nil {
		t.Fatal(err)
	}
	for _, g := range k.ConfigMapGenerator {
		s.files[g.Name] = map[string]string{}
		for _, file := range g.Files {
			s.files[g.Name][filepath.Base(file)] = string(read(t, file))
		}
	}
	return s
}

// add decodes an object, as the first generation of it.
func add[T any](to []*T, text []byte) ([]*T, error) {
	obj := new(T)
	return append(to, obj), decode(text, obj)
}

// decode is as strict as the API server: no unknown field, and a number is no text.
func decode(text []byte, into any) error {
	content, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, into, true)
}

// resources are the files of the kustomization.
func resources(t *testing.T) []string {
	t.Helper()
	var k kustomization
	if err := yaml.Unmarshal(read(t, "kustomization.yaml"), &k); err != nil {
		t.Fatal(err)
	}
	return k.Resources
}

// ConfigMapKey reads a file as if it were the key of a ConfigMap.
func (s *samples) ConfigMapKey(_ context.Context, _, name, key string) (content []byte, changed time.Time, err error) {
	text, ok := s.files[name][key]
	if !ok {
		return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q has no key %q", name, key)
	}
	return []byte(text), time.Time{}, nil
}

// SecretKey has none: the samples need no Secret.
func (*samples) SecretKey(context.Context, string, string, string) (value []byte, annotations map[string]string, err error) {
	return nil, nil, errors.New("the samples have no Secret")
}

// names of the playbooks, sorted.
func (s *samples) names() []string {
	var names []string
	for _, pb := range s.playbooks {
		names = append(names, pb.Name)
	}
	slices.Sort(names)
	return names
}

func TestEveryFileIsInTheKustomization(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	listed := resources(t)
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" && !slices.Contains(listed, name) {
			t.Errorf("%s is not in the kustomization", name)
		}
	}
}

func TestSamplesWithVariablesAreLeftAloneByFlux(t *testing.T) {
	for _, file := range resources(t) {
		text := string(read(t, file))
		if strings.Contains(text, "${") && !strings.Contains(text, "kustomize.toolkit.fluxcd.io/substitute: disabled") {
			t.Errorf("%s has ${} and no annotation kustomize.toolkit.fluxcd.io/substitute: disabled", file)
		}
	}
}
