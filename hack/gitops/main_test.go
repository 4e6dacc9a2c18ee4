package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// TestWhatIsCommittedIsWhatIsMade makes everything anew beside, and compares.
func TestWhatIsCommittedIsWhatIsMade(t *testing.T) {
	copied := t.TempDir()
	for _, folder := range []string{"config/crd/bases", "config/argocd", "config/schemas"} {
		if err := os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(copied, "config/schemas/perennial.dev/gone_v1alpha1.json")
	if err := os.WriteFile(left, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(copied); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"config/argocd", "config/schemas"} {
		is, made := contents(t, filepath.Join(root, folder)), contents(t, filepath.Join(copied, folder))
		if diff := cmp.Diff(is, made); diff != "" {
			t.Errorf("%s is behind: run make manifests", folder)
		}
	}
	before := times(t, copied)
	if err := run(copied); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, times(t, copied)); diff != "" {
		t.Errorf("a second run wrote something: %s", diff)
	}
}

// contents are the files of a folder.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	walk(t, folder, func(path string, _ fs.FileInfo) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	})
	return files
}

// times are when the files of a folder were written.
func times(t *testing.T, folder string) map[string]string {
	t.Helper()
	at := map[string]string{}
	walk(t, folder, func(path string, info fs.FileInfo) { at[path] = info.ModTime().String() })
	return at
}

func walk(t *testing.T, folder string, do func(string, fs.FileInfo)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			do(path, info)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConvert(t *testing.T) {
	for name, c := range map[string]struct{ kubernetes, want string }{
		"an object drops what it does not know": {
			`{"type":"object","properties":{"a":{"type":"string"}}}`,
			`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`,
		},
		"one that keeps it is open": {
			`{"type":"object","properties":{"a":{"type":"object","x-kubernetes-preserve-unknown-fields":true}},"x-kubernetes-preserve-unknown-fields":true}`,
			`{"type":"object","properties":{"a":{"type":"object"}}}`,
		},
		"a map is bounded by its values": {
			`{"type":"object","additionalProperties":{"type":"object","properties":{"a":{"type":"integer"}}}}`,
			`{"type":"object","additionalProperties":{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}}`,
		},
		"a number or a text": {
			`{"x-kubernetes-int-or-string":true,"pattern":"^[0-9]+$"}`,
			`{"anyOf":[{"type":"integer"},{"type":"string"}],"pattern":"^[0-9]+$"}`,
		},
		"a number or a text, as controller-gen writes it elsewhere": {
			`{"anyOf":[{"type":"integer"},{"type":"string"}],"x-kubernetes-int-or-string":true}`,
			`{"anyOf":[{"type":"integer"},{"type":"string"}]}`,
		},
		"a value that may be null":            {`{"type":"string","nullable":true}`, `{"type":["string","null"]}`},
		"a choice that may be null":           {`{"type":"string","nullable":true,"enum":["a"]}`, `{"type":["string","null"],"enum":["a",null]}`},
		"a number or a text that may be null": {`{"x-kubernetes-int-or-string":true,"nullable":true}`, `{"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]}`},
		"a value that may not":                {`{"type":"string","nullable":false}`, `{"type":"string"}`},
		"a set has nothing twice":             {`{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"}`, `{"type":"array","items":{"type":"string"},"uniqueItems":true}`},
		"rules of Kubernetes are no schema":   {`{"type":"string","x-kubernetes-validations":[{"rule":"true"}]}`, `{"type":"string"}`},
		"what is below a list and a choice": {
			`{"type":"array","items":{"x-kubernetes-int-or-string":true},"allOf":[{"properties":{"a":{"x-kubernetes-int-or-string":true}}}]}`,
			`{"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"string"}]},"allOf":[{"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"string"}]}}}]}`,
		},
		"a field that is called as a keyword is": {
			`{"type":"object","properties":{"items":{"type":"string"},"nullable":{"type":"string","nullable":true}}}`,
			`{"type":"object","properties":{"items":{"type":"string"},"nullable":{"type":["string","null"]}},"additionalProperties":false}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			is, want := decode(t, c.kubernetes), decode(t, c.want)
			convert(is)
			if diff := cmp.Diff(want, is); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, text string) schema {
	t.Helper()
	var s schema
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}
