package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/unittest"
)

// isTestFile reports whether a file's name says that it holds tests.
func isTestFile(path string) bool {
	return strings.HasSuffix(path, "_test.yaml") || strings.HasSuffix(path, "_test.yml")
}

// findTests returns the files of tests among paths: folders are searched with all below them. A file is one whatever its
// name.
func findTests(ctx context.Context, paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%w; name a folder or a file of tests", err)
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(path))
			continue
		}
		err = filepath.WalkDir(path, func(found string, entry fs.DirEntry, err error) error {
			hidden := found != path && strings.HasPrefix(entry.Name(), ".")
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case entry.IsDir() && hidden:
				return filepath.SkipDir
			case !entry.IsDir() && !hidden && isTestFile(found):
				files = append(files, found)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// testConfigs are the configurations under test, so that files that test the same read it once.
type testConfigs map[string]*unittest.Config

// of returns the configuration that a file of tests is about.
func (c testConfigs) of(ctx context.Context, f *unittest.File) (*unittest.Config, error) {
	options, err := testedPaths(f)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%q %q %q %q", options.Paths, options.Kustomize, f.Namespace, f.TimeZone)
	if config, ok := c[key]; ok {
		return config, nil
	}
	location, err := time.LoadLocation(f.TimeZone) // the empty name is UTC
	if err != nil || f.TimeZone == "Local" {
		return nil, fmt.Errorf("%s: timeZone: there is no time zone %q: write Europe/Berlin, or UTC", f.Name, f.TimeZone)
	}
	set, err := manifest.Load(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("%s: files: %w", f.Name, err)
	}
	namespace := f.Namespace
	if names := set.Namespaces(); namespace == "" && len(names) > 1 {
		return nil, fmt.Errorf("%s: the files under test have objects of the namespaces %s: say which with namespace: %s", f.Name, strings.Join(names, ", "), names[0])
	} else if namespace == "" && len(names) == 1 {
		namespace = names[0]
	}
	world, err := set.World(namespace)
	if err != nil {
		return nil, err
	}
	config, err := unittest.NewConfig(world, location)
	if err != nil {
		if found := testedFaults(ctx, set, namespace); found != nil {
			err = found
		}
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	c[key] = config
	return config, nil
}

// testedFaults says where in the files under test what cannot work stands; nil where that is not known.
func testedFaults(ctx context.Context, set *manifest.Set, namespace string) error {
	var found []error
	for _, f := range lint.Check(ctx, set, lint.Options{Namespace: namespace, AllowMissing: true}) {
		if f.Rule == lint.RuleCompile && f.Severity == lint.Error {
			found = append(found, errors.New(f.String()))
		}
	}
	return errors.Join(found[:min(len(found), 10)]...)
}

// testedPaths says which files a file of tests is about. A folder that has a kustomization is built.
func testedPaths(f *unittest.File) (manifest.Options, error) {
	folder := filepath.Dir(f.Name)
	var options manifest.Options
	if len(f.Files) == 0 {
		options.Paths = []string{folder}
		return options, nil
	}
	for _, written := range f.Files {
		path := written
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, written)
		}
		found, err := filepath.Glob(path)
		switch {
		case err != nil:
			return options, fmt.Errorf("%s: files: %q is not a pattern: %w", f.Name, written, err)
		case len(found) == 0:
			return options, fmt.Errorf("%s: files: there is no %s", f.Name, path)
		}
		for _, path := range found {
			switch builds, err := hasKustomization(path); {
			case err != nil:
				return options, err
			case builds:
				options.Kustomize = append(options.Kustomize, path)
			case !isTestFile(path):
				options.Paths = append(options.Paths, path)
			}
		}
	}
	slices.Sort(options.Paths)
	options.Paths = slices.Compact(options.Paths) // two patterns may find one file
	return options, nil
}

// hasKustomization reports whether a path is a folder that kustomize builds.
func hasKustomization(path string) (bool, error) {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		_, err := os.Stat(filepath.Join(path, name))
		switch {
		case err == nil:
			return true, nil
		case !errors.Is(err, fs.ErrNotExist) && !isNotAFolder(path):
			return false, err
		}
	}
	return false, nil
}

// isNotAFolder reports whether a path is a file.
func isNotAFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
