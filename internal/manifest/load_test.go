package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/internal/manifest"
)

// account is an Account of one line.
const account = "{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: acme}, spec: {}}\n"

// folder writes files and returns the folder that they are in.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// loaded reads what the options name.
func loaded(t *testing.T, o manifest.Options) *manifest.Set {
	t.Helper()
	s, err := manifest.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read reads one text.
func read(t *testing.T, text string) *manifest.Set {
	t.Helper()
	return loaded(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
}

// one reads the only object of a text.
func one(t *testing.T, text string) *manifest.Object {
	t.Helper()
	s := read(t, text)
	if len(s.Problems) > 0 || len(s.Objects) != 1 {
		t.Fatalf("%d objects, problems %v", len(s.Objects), s.Problems)
	}
	return s.Objects[0]
}

// summary is the objects and problems of a set, a line each. root is cut off the paths.
func summary(s *manifest.Set, root string) []string {
	var lines []string
	for _, o := range s.Objects {
		lines = append(lines, o.String()+" "+o.Position.String())
	}
	for _, p := range s.Problems {
		lines = append(lines, p.String())
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, root+string(filepath.Separator), "")
	}
	return lines
}

// same compares lines.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAFolderIsReadWithAllBelowIt(t *testing.T) {
	named := func(name string) string { return strings.ReplaceAll(account, "acme", name) }
	root := folder(t, map[string]string{
		"b.yaml": named("b"), "a/c.yml": "# a comment\n---\n" + named("c") + "---\n# nothing\n--- # more\n" + named("d"),
		"a/d.json":    "{\n\t\"apiVersion\": \"perennial.dev/v1alpha1\", \"kind\": \"Account\",\n\t\"metadata\": {\"name\": \"e\"}\n}",
		".git/x.yaml": named("hidden"), ".hidden.yaml": named("hidden"), "README.md": "words", "empty.yaml": "", "a/testdata/x.yaml": named("data"), "rescue_test.yaml": "cases: []",
		"k/kustomization.yaml": "configMapGenerator:\n- {name: a, files: [rows.yaml, other.json=data/rows.json]}\npatches:\n- path: patch.yaml\n",
		"k/rows.yaml":          "- {id: 1}", "k/data/rows.json": "[]", "k/patch.yaml": named("patched"), "k/f.yaml": named("f"),
	})
	got := loaded(t, manifest.Options{Paths: []string{root}})
	same(t, summary(got, root), "Account/c a/c.yml:3:1", "Account/d a/c.yml:7:1", "Account/e a/d.json:1:1", "Account/b b.yaml:1:1", "Account/f k/f.yaml:1:1")
}

func TestPathsStayAsTheyAreGiven(t *testing.T) {
	root := folder(t, map[string]string{"config/a.yaml": account})
	t.Chdir(root)
	same(t, summary(loaded(t, manifest.Options{Paths: []string{"config"}}), root), "Account/acme config/a.yaml:1:1")
	same(t, summary(loaded(t, manifest.Options{Paths: []string{"./config/a.yaml"}}), root), "Account/acme config/a.yaml:1:1")
}

func TestAListIsItsItems(t *testing.T) {
	got := read(t, `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: rows}
- apiVersion: perennial.dev/v1alpha1
  kind: AccountList
  items:
  - apiVersion: perennial.dev/v1alpha1
    kind: Account
    metadata: {name: acme}
`)
	same(t, summary(got, "-"), "ConfigMap/rows <stdin>:4:3", "Account/acme <stdin>:10:5")
}

func TestWhatCannotBeReadIsSaidWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a document that is no object": {account + "---\n- 1\n", []string{
			"Account/acme <stdin>:1:1",
			"<stdin>:3:1: this is no Kubernetes object: it needs apiVersion, kind and metadata.name; keep data and tests in files of other names (.csv, _test.yaml)",
		}},
		"a field that is there twice": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n", []string{
			`<stdin>:5: key "name" already set in map`,
		}},
		"an object that is there twice": {account + "---\n" + account, []string{
			"Account/acme <stdin>:1:1", "Account/acme <stdin>:3:1", "<stdin>:3:1: Account/acme is also at <stdin>:1:1: delete or rename one of them",
		}},
		"a tab before a field":   {account + "---\nb:\n\tc: 1\n", []string{"Account/acme <stdin>:1:1", "<stdin>:4: found character that cannot start any token: indent with spaces, not with tabs"}},
		"text that is not UTF-8": {"a: 1\nb: \xff\n", []string{"<stdin>:2: the file is not UTF-8 text: save it as UTF-8"}},
		"UTF-16":                 {"\xff\xfea\x00:\x00", []string{"<stdin>:1: the file is not UTF-8 text: save it as UTF-8"}},
		"nothing":                {"", nil},
		"comments alone":         {"# a\n---\n# b\n...\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, summary(read(t, c.text), "-"), c.want...)
		})
	}
}

func TestAFileOfOddFormIsReadAllTheSame(t *testing.T) {
	for name, text := range map[string]string{
		"a byte order mark":      "\xef\xbb\xbf" + account,
		"lines that end in CRLF": "---\r\napiVersion: perennial.dev/v1alpha1\r\nkind: Account\r\nmetadata:\r\n  name: acme\r\n---\r\n",
		"a directive":            "%YAML 1.1\n---\n" + account,
		"an anchor and a merge":  "x: &x {name: acme}\napiVersion: perennial.dev/v1alpha1\nkind: Account\nmetadata:\n  <<: *x\n",
		"an end mark":            account + "...\n",
		"JSON":                   `{"apiVersion": "perennial.dev/v1alpha1", "kind": "Account", "metadata": {"name": "acme"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if o := one(t, text); o.String() != "Account/acme" || o.Typed == nil || o.Typed.GetName() != "acme" {
				t.Errorf("read as %v: %v", o, o.Typed)
			}
		})
	}
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	root := folder(t, map[string]string{"kustomization.yaml": "resources: [gone.yaml]\n"})
	for name, c := range map[string]struct {
		options manifest.Options
		want    string
	}{
		"a file":                   {manifest.Options{Paths: []string{filepath.Join(root, "gone.yaml")}}, "name a file, a folder or - for standard input"},
		"a kustomization as file":  {manifest.Options{Paths: []string{filepath.Join(root, "kustomization.yaml")}}, "build its folder with -k " + root},
		"a folder to build":        {manifest.Options{Kustomize: []string{filepath.Join(root, "gone")}}, "gone: there is no such folder"},
		"a resource of kustomize":  {manifest.Options{Kustomize: []string{root}}, "gone.yaml"},
		"an input that is not one": {manifest.Options{Paths: []string{"-"}}, "no standard input"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := manifest.Load(t.Context(), c.options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}
