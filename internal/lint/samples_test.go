package lint_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
)

const samples = "../../config/samples"

func TestTheSamplesHaveNoErrors(t *testing.T) {
	for name, o := range map[string]manifest.Options{
		"as kustomize builds them": {Kustomize: []string{samples}},
		"as files":                 {Paths: []string{samples}},
		"sources to copy":          {Paths: []string{samples + "/sources"}},
		"notifiers to copy":        {Paths: []string{samples + "/notifiers"}},
		"all together":             {Kustomize: []string{samples}, Paths: []string{samples + "/notifiers", samples + "/sources"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := load(t, o)
			if len(set.Objects) < 2 {
				t.Fatalf("%d objects", len(set.Objects))
			}
			for _, f := range lint.Check(t.Context(), set, lint.Options{}) {
				if f.Severity == lint.Error || f.Severity == lint.Warning {
					t.Error(f)
				}
			}
		})
	}
}

func TestWhatLivesElsewhereIsANoteWhereThatIsSaid(t *testing.T) {
	set := load(t, manifest.Options{Paths: []string{samples + "/playbook-rescue.yaml", samples + "/model-standard.yaml", samples + "/accountset-customers.yaml"}})
	count := func(o lint.Options) map[lint.Severity]int {
		found := map[lint.Severity]int{}
		for _, f := range lint.Check(t.Context(), set, o) {
			found[f.Severity]++
		}
		return found
	}
	strict, lenient := count(lint.Options{}), count(lint.Options{AllowMissing: true})
	if strict[lint.Error] < 10 || lenient[lint.Error] > 0 || lenient[lint.Note] != strict[lint.Error]+strict[lint.Note] {
		t.Errorf("found %v, and %v with AllowMissing", strict, lenient)
	}
	if skipped := count(lint.Options{Skip: []string{lint.RuleReference}}); skipped[lint.Error] > 0 {
		t.Errorf("found %v without the rule", skipped)
	}
}

func TestOnlyTheObjectsOfANamespaceAreChecked(t *testing.T) {
	text := ""
	for _, namespace := range []string{"west", "east"} {
		text += fmt.Sprintf("---\n{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: a, namespace: %s}, spec: {parentRef: {name: %s}}}\n", namespace, namespace)
	}
	text += "---\n{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: east, namespace: west}, spec: {}}\n"
	set := load(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)})
	for namespace, want := range map[string][]string{"west": {"west"}, "east": {"east"}, "": {"west", "east"}} {
		var got []string
		for _, f := range lint.Check(t.Context(), set, lint.Options{Namespace: namespace}) {
			_, rest, _ := strings.Cut(f.Message, "there is no Account ")
			name, _, _ := strings.Cut(rest, ";")
			got = append(got, name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("in %q %v are missed, want %v", namespace, got, want)
		}
	}
}

// oddValues take the place of fields of the samples.
var oddValues = []any{
	nil, true, "", "x", " ", "${", "${row.x}", "a.b", "[0]", "0", -1, 0.5, 1e300, "99999999999999999999", "2027-02-30", "-5m", "1y1y", "no such thing",
	[]any{},
	[]any{nil},
	[]any{"x"},
	[]any{map[string]any{}},
	[]any{map[string]any{"name": "x"}},
	map[string]any{},
	map[string]any{"name": 1},
	map[string]any{"x": nil},
	strings.Repeat("x", 5000), "health.band == 1", "false", "1/2 > score",
}

// places are the paths to all fields and items of a value.
func places(v any, at []any) [][]any {
	var all [][]any
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			path := append(slices.Clone(at), key)
			all = append(append(all, path), places(v[key], path)...)
		}
	case []any:
		for i, item := range v {
			path := append(slices.Clone(at), i)
			all = append(append(all, path), places(item, path)...)
		}
	}
	return all
}

// put sets what is at a path.
func put(in any, path []any, v any) {
	for _, step := range path[:len(path)-1] {
		switch step := step.(type) {
		case string:
			in = in.(map[string]any)[step]
		case int:
			in = in.([]any)[step]
		}
	}
	switch last := path[len(path)-1].(type) {
	case string:
		in.(map[string]any)[last] = v
	case int:
		in.([]any)[last] = v
	}
}

// Whatever a field holds, lint says something of it and goes on; and what it says has a place.
func TestNoFieldOfTheSamplesStopsLint(t *testing.T) {
	set := load(t, manifest.Options{Kustomize: []string{samples}})
	random := rand.New(rand.NewPCG(1, 2))
	told := 0
	for _, o := range set.Objects {
		if !o.Ours() {
			continue
		}
		all := places(o.Raw, nil)
		for range 8 {
			path, v := all[random.IntN(len(all))], oddValues[random.IntN(len(oddValues))]
			found := lint.Check(t.Context(), changed(t, o, path, v), lint.Options{AllowMissing: true})
			for _, f := range found {
				if f.Line == 0 || f.Message == "" || strings.Contains(f.Message, "%!") || len(f.Message) > 2000 {
					t.Errorf("%s with %v = %.40q: %.300s", o, path, fmt.Sprint(v), f)
				}
			}
			if slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Severity == lint.Error }) {
				told++
			}
		}
	}
	if told < 40 {
		t.Errorf("only %d of the changes are errors", told)
	}
}

// changed is a set of one object with one field changed.
func changed(t *testing.T, o *manifest.Object, path []any, v any) *manifest.Set {
	t.Helper()
	text, err := json.Marshal(o.Raw)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	put(content, path, v)
	written, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(string(written))})
}
