package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stdinName is how positions name what was read from Stdin.
const stdinName = "<stdin>"

// kustomizationNames are the files that kustomize builds a folder from.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// loadPath reads a file, a folder or Stdin.
func (s *Set) loadPath(ctx context.Context, path string, stdin io.Reader) error {
	if path == "-" {
		if stdin == nil {
			return errors.New("-: there is no standard input here")
		}
		text, err := io.ReadAll(stdin)
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		s.read(stdinName, text)
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w; name a file, a folder or - for standard input", err)
	}
	if info.IsDir() {
		return s.loadFolder(ctx, path)
	}
	if isKustomization(path) {
		return fmt.Errorf("%s is a kustomization and no object: build its folder with -k %s", path, filepath.Dir(path))
	}
	return s.loadFile(path)
}

// loadFile reads one file.
func (s *Set) loadFile(path string) error {
	// Who names a file twice, or a folder and a file in it, means it once.
	if s.loaded[filepath.Clean(path)] {
		return nil
	}
	if s.loaded == nil {
		s.loaded = map[string]bool{}
	}
	s.loaded[filepath.Clean(path)] = true
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !isTest(path) {
		s.read(filepath.Clean(path), text)
	}
	return nil
}

// loadFolder reads the files of a folder and of all folders below it, in the order of their names.
func (s *Set) loadFolder(ctx context.Context, root string) error {
	var files []string
	data := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		hidden := path != root && strings.HasPrefix(entry.Name(), ".")
		switch {
		case entry.IsDir() && (hidden || path != root && entry.Name() == "testdata"):
			return filepath.SkipDir
		case entry.IsDir() || hidden:
		case isKustomization(path):
			markData(data, path)
		case isManifest(path) && isFile(path):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, file := range files {
		if data[filepath.Clean(file)] {
			continue
		}
		if err := s.loadFile(file); err != nil {
			return err
		}
	}
	return nil
}

// isFile reports whether a path is a file, or a link to one.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// isManifest reports whether a file's name says that it holds objects.
func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// isKustomization reports whether a file is what kustomize builds its folder from.
func isKustomization(path string) bool {
	return slices.Contains(kustomizationNames, filepath.Base(path))
}

// isTest reports whether a file holds tests of playbooks: perennial test reads these.
func isTest(path string) bool {
	name := filepath.Base(path)
	return strings.HasSuffix(name, "_test.yaml") || strings.HasSuffix(name, "_test.yml")
}

// byteOrderMark may begin a file that some editors wrote.
var byteOrderMark = []byte("\xef\xbb\xbf")

// read reads the objects of one file.
func (s *Set) read(file string, text []byte) {
	text = bytes.TrimPrefix(text, byteOrderMark)
	if at, valid := validText(text); !valid {
		s.problem(Position{File: file, Line: at}, "the file is not UTF-8 text: save it as UTF-8")
		return
	}
	for _, document := range split(file, text) {
		s.add(document)
	}
}

// validText reports whether text is UTF-8 without NUL bytes, and else the line in which it is not.
func validText(text []byte) (int, bool) {
	line := 0
	for part := range bytes.Lines(text) {
		line++
		if bytes.ContainsRune(part, 0) || !bytes.Equal(bytes.ToValidUTF8(part, nil), part) {
			return line, false
		}
	}
	return 0, true
}
