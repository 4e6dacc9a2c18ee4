package manifest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// originAnnotation is where kustomize says which file an object comes from, if it is told to.
const originAnnotation = "config.kubernetes.io/origin"

// originAnnotations is what tells it to.
const originAnnotations = "originAnnotations"

// loadKustomization builds a folder. An object's fields stand where they are in the file that it comes from; what a patch
// changes is at the file that it changes.
func (s *Set) loadKustomization(ctx context.Context, folder string) error {
	if info, err := os.Stat(folder); os.IsNotExist(err) || err == nil && !info.IsDir() {
		return fmt.Errorf("-k %s: there is no such folder", folder)
	}
	disk := filesys.MakeFsOnDisk()
	root, _, err := disk.CleanedAbs(folder)
	if err != nil {
		return fmt.Errorf("-k %s: %w", folder, err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(askOrigin{FileSystem: disk, root: root.String()}, folder)
	if err != nil {
		return fmt.Errorf("-k %s: %w", folder, err)
	}
	sources := &origins{folder: folder, files: map[string]*Set{}}
	for _, resource := range built.Resources() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text, err := resource.AsYAML()
		if err != nil {
			return fmt.Errorf("-k %s: %s: %w", folder, resource.CurId(), err)
		}
		part := &Set{}
		part.read(folder, text)
		for _, p := range part.Problems {
			s.problem(Position{File: folder}, "%s: %s", resource.CurId(), p.Message)
		}
		for _, o := range part.Objects {
			sources.place(o)
			s.Objects = append(s.Objects, o)
		}
	}
	return nil
}

// askOrigin is a file system whose kustomization in one folder asks kustomize to say where objects come from.
type askOrigin struct {
	filesys.FileSystem
	root string
}

// ReadFile reads a file, and adds the question to the kustomization.
func (a askOrigin) ReadFile(path string) ([]byte, error) {
	text, err := a.FileSystem.ReadFile(path)
	if err != nil || filepath.Dir(path) != a.root || !isKustomization(path) {
		return text, err
	}
	content := map[string]any{}
	if yaml.Unmarshal(text, &content) != nil {
		return text, nil // kustomize says what is wrong with it
	}
	options, _ := content["buildMetadata"].([]any)
	if slices.Contains(options, any(originAnnotations)) {
		return text, nil
	}
	content["buildMetadata"] = append(options, originAnnotations)
	return yaml.Marshal(content)
}

// origin is what kustomize says of an object.
type origin struct {
	// Path of the file that the object stands in, seen from the folder that was built.
	Path string `json:"path"`
	// Repo of the file, where it is not in this one.
	Repo string `json:"repo"`
	// ConfiguredIn is the file of the generator that made the object.
	ConfiguredIn string `json:"configuredIn"`
}

// origins are the files that the objects of one build come from.
type origins struct {
	folder string
	files  map[string]*Set
}

// place says of a built object where in its file it stands, and takes the note of kustomize off it.
func (s *origins) place(o *Object) {
	o.node, o.line, o.Position = nil, 0, Position{File: filepath.Clean(s.folder)}
	from, found := takeOrigin(o)
	switch {
	case !found || from.Repo != "":
		return
	case from.Path == "":
		o.Position.File = filepath.Join(s.folder, from.ConfiguredIn)
		return
	}
	file := filepath.Join(s.folder, from.Path)
	o.Position.File = file
	if written := s.file(file).written(o); written != nil {
		o.node, o.line, o.Position = written.node, written.line, written.Position
	}
}

// file reads a file once.
func (s *origins) file(path string) *Set {
	if s.files[path] == nil {
		s.files[path] = &Set{}
		if text, err := os.ReadFile(path); err == nil {
			s.files[path].read(path, text)
		}
	}
	return s.files[path]
}

// written finds the object of a file that kustomize made another of: it may have added to the name.
func (s *Set) written(built *Object) *Object {
	var found *Object
	for _, o := range s.Objects {
		switch {
		case o.GVK.GroupKind() != built.GVK.GroupKind():
		case o.Name == built.Name:
			return o
		case o.Name != "" && strings.Contains(built.Name, o.Name) && (found == nil || len(o.Name) > len(found.Name)):
			found = o
		}
	}
	return found
}

// takeOrigin reads the note of kustomize and takes it off the object.
func takeOrigin(o *Object) (origin, bool) {
	var from origin
	meta, _ := o.Raw["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	note, found := annotations[originAnnotation].(string)
	if !found || yaml.Unmarshal([]byte(note), &from) != nil {
		return from, false
	}
	delete(annotations, originAnnotation)
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
	if o.Typed != nil {
		typed := o.Typed.GetAnnotations()
		delete(typed, originAnnotation)
		if len(typed) == 0 {
			typed = nil
		}
		o.Typed.SetAnnotations(typed)
	}
	return from, true
}
