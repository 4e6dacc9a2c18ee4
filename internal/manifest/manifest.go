// Package manifest reads the configuration as it is in git: YAML files of Kubernetes objects, each remembering where in
// which file every field stands.
package manifest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Position is a place in a file. Line and Column count from 1; 0 is not known.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String writes a position as compilers do: file:line:column.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Object is one object of a file.
type Object struct {
	// Typed is the object as its Go type, as the API server would return it: with the defaults of its definition, and
	// without a status. It is nil where the kind is not one of ours, nor a ConfigMap, or where it cannot be read.
	Typed client.Object
	// GVK, Namespace and Name as the file says; Namespace is empty where the file says none.
	GVK       schema.GroupVersionKind
	Namespace string
	Name      string
	// Raw is the object as it is written, with JSON's types.
	Raw map[string]any
	// Position is where it begins.
	Position Position
	// Unreadable says why Typed is nil though the kind is one that should have it: a text where a number belongs, say.
	Unreadable error

	// node is the object in its file; nil where that is not known.
	node *yaml.Node
	// line is the number of lines of the file before the document.
	line int
}

// String names an object as kubectl does: Playbook/rescue. Of one without a name it is the kind.
func (o *Object) String() string {
	if o.Name == "" {
		return o.GVK.Kind
	}
	return o.GVK.Kind + "/" + o.Name
}

// Ours reports whether the object is of one of our kinds.
func (o *Object) Ours() bool { return o.GVK.Group == v1alpha1.GroupVersion.Group }

// Problem is something about a file that keeps it from being read.
type Problem struct {
	Position
	Message string
}

// String writes a problem as compilers do.
func (p Problem) String() string { return p.Position.String() + ": " + p.Message }

// Set is all objects of some files, in the order of the files.
type Set struct {
	Objects []*Object
	// Problems are files, and objects in them, that cannot be read.
	Problems []Problem
	// loaded are the files that were named one by one, or by their folder.
	loaded map[string]bool
}

// Options say what to read.
type Options struct {
	// Paths are files, folders, which are read with all below them, and "-" for Stdin.
	Paths []string
	// Kustomize are folders with a kustomization.yaml, which is built.
	Kustomize []string
	// Stdin is what "-" reads.
	Stdin io.Reader
}

// Load reads the files. The error is for what is not there, or cannot be opened; what is wrong inside is a Problem.
//
// Of a folder, hidden files and folders, those called testdata, kustomizations, what these take as data or patches, and files
// whose name ends in _test.yaml are not read.
func Load(ctx context.Context, o Options) (*Set, error) {
	s := &Set{}
	for _, path := range o.Paths {
		if err := s.loadPath(ctx, path, o.Stdin); err != nil {
			return nil, err
		}
	}
	for _, folder := range o.Kustomize {
		if err := s.loadKustomization(ctx, folder); err != nil {
			return nil, err
		}
	}
	s.refuseTwice()
	return s, nil
}

// Namespaces are those that the objects name, sorted.
func (s *Set) Namespaces() []string {
	var names []string
	for _, o := range s.Objects {
		if o.Namespace != "" {
			names = append(names, o.Namespace)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// problem adds a problem.
func (s *Set) problem(at Position, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{Position: at, Message: fmt.Sprintf(format, args...)})
}

// identity is what must differ between the objects of a namespace.
type identity struct{ group, kind, namespace, name string }

// compare orders identities by kind and name.
func (id identity) compare(other identity) int {
	return cmp.Or(cmp.Compare(id.kind, other.kind), cmp.Compare(id.name, other.name),
		cmp.Compare(id.group, other.group), cmp.Compare(id.namespace, other.namespace))
}

// refuseTwice refuses objects that are there twice: one of them would win by chance.
func (s *Set) refuseTwice() {
	seen := map[identity]*Object{}
	for _, o := range s.Objects {
		if o.Name == "" {
			continue
		}
		id := identity{o.GVK.Group, o.GVK.Kind, o.Namespace, o.Name}
		if first := seen[id]; first != nil {
			s.problem(o.Position, "%s is also at %s: delete or rename one of them", o, first.Position)
			continue
		}
		seen[id] = o
	}
}
