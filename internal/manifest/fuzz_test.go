package manifest_test

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/internal/manifest"
)

// odd are texts that YAML readers stumble over.
var odd = []string{
	"", "---", "--- |", "...", "\t", "a: *a", "a: &a [*a]", "&a a: *a", "<<: *x", "<<: &a {<<: *a}", "? a\n: b", "? [a]\n: b", "{a, b: }", "[", "{", "\"", "- - - -", "!!binary x", "!!float 1",
	"a: !!set {a}", "%TAG ! x\n---\na: 1", "1: 2", "null: null", "~: ~", "true: 1", "1e999: .inf", "a: .nan", "a: 1e400", "a: 99999999999999999999999",
	"apiVersion: v1\nkind: List\nitems: 5\n", "apiVersion: v1\nkind: List\nitems: [null, 5, {}]\n", "apiVersion: v1\nkind: List\nitems: &i [{apiVersion: v1, kind: List, items: []}]\n",
	"apiVersion: a/b/c\nkind: X\n", "apiVersion: 1\nkind: 2\n", "apiVersion: perennial.dev/v1alpha1\nkind: Account\nmetadata: 5\nspec: [1]\n",
	"apiVersion: perennial.dev/v1alpha1\nkind: Account\nmetadata: {name: 5, labels: [x], annotations: {config.kubernetes.io/origin: 1}}\nspec: null\nstatus: 1\n",
	"apiVersion: perennial.dev/v1alpha1\nkind: HealthScoreModel\nmetadata: {name: a}\nspec: {bands: {a: b}, measures: [1, null, [2]], rules: x}\n",
	"a:\r\n  b: |\r\n    c\r\n---\r\nd", "\xef\xbb\xbf\xef\xbb\xbfa: 1", "a: \x00", "a: \xc3\x28", placed,
	strings.Repeat("[", 20_000), strings.Repeat("{a: ", 20_000), strings.Repeat("- ", 5_000) + "a", "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]",
}

func FuzzNoTextStopsTheReader(f *testing.F) {
	for _, text := range odd {
		f.Add(text, "spec.a[b].c")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		s, err := manifest.Load(t.Context(), manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range s.Objects {
			o.At(path)
			for _, scalar := range o.Scalars() {
				if at, _ := o.Find(scalar.Path); at.Line < 0 {
					t.Errorf("%s is at %s", scalar.Path, at)
				}
			}
		}
		_, _ = s.World("default")
		s.ConfigMaps("default")
		s.Namespaces()
	})
}
