package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/manifest/schema"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases"}}

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }

// odd values take the place of fields, one after the other.
var odd = []string{
	`null`, `true`, `""`, `"x"`, `"A b"`, `-1`, `0.5`, `101`, `"0.40"`, `"1e5"`, `"2027-02-30"`, `"-5m"`, `"${x}"`, `[]`, `[null]`, `["x", "x"]`, `[{}]`,
	`[{"name": "x"}, {"name": "x"}]`, `{}`, `{"x": 1}`, `{"name": 1}`,
}

// places are the paths to all fields and items of a value.
func places(v any, at []any) [][]any {
	var all [][]any
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			path := append(slices.Clone(at), key)
			all = append(append(all, path), places(v[key], path)...)
		}
	case []any:
		for i := range v {
			path := append(slices.Clone(at), i)
			all = append(append(all, path), places(v[i], path)...)
		}
	}
	return all
}

// put sets what is at a path.
func put(in any, path []any, v any) {
	for _, step := range path[:len(path)-1] {
		if key, isKey := step.(string); isKey {
			in = in.(map[string]any)[key]
		} else {
			in = in.([]any)[step.(int)]
		}
	}
	if key, isKey := path[len(path)-1].(string); isKey {
		in.(map[string]any)[key] = v
	} else {
		in.([]any)[path[len(path)-1].(int)] = v
	}
}

// objects are those of the samples, and of the files that lint is tried with.
func objects(t *testing.T) []map[string]any {
	t.Helper()
	files, err := filepath.Glob("../../lint/testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := manifest.Load(t.Context(), manifest.Options{
		Kustomize: []string{"../../../config/samples"}, Paths: append(files, "../../../config/samples/sources", "../../../config/samples/notifiers"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, o := range set.Objects {
		// What the API server cannot even decode is no question for a schema, and one without a name has no path.
		if kind, err := schema.Of(o.GVK); err == nil && kind != nil && o.Name != "" && !strings.Contains(o.Name, " ") {
			all = append(all, o.Raw)
		}
	}
	if len(all) < 50 {
		t.Fatalf("%d objects", len(all))
	}
	return all
}

func TestTheAPIServerSaysTheSame(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c = client.WithFieldValidation(c, "Strict")
	refused, tried := 0, 0
	for n, o := range objects(t) {
		check := func(object map[string]any, what string) {
			tried++
			if !same(t, c, object, what) {
				refused++
			}
		}
		check(o, "as it is")
		all := places(o["spec"], []any{"spec"})
		slices.SortFunc(all, func(a, b []any) int { return strings.Compare(text(t, a), text(t, b)) })
		for i := range min(len(all), 12) {
			// Spread over the fields and the values without chance.
			path, value := all[(i*7919+n*31)%len(all)], odd[(i*5+n)%len(odd)]
			changed := runtime.DeepCopyJSON(o)
			var v any
			if err := json.Unmarshal([]byte(value), &v); err != nil {
				t.Fatal(err)
			}
			put(changed, path, normal(v))
			check(changed, text(t, path)+" = "+value)
		}
	}
	if refused < tried/8 || tried-refused < tried/8 {
		t.Errorf("of %d objects %d are refused: the changes try too little", tried, refused)
	}
}

// normal makes whole numbers of JSON what the API's decoder makes of them.
func normal(v any) any {
	if f, isFloat := v.(float64); isFloat && f == float64(int64(f)) {
		return int64(f)
	}
	if m, isMap := v.(map[string]any); isMap {
		for key := range m {
			m[key] = normal(m[key])
		}
	}
	if list, isList := v.([]any); isList {
		for i := range list {
			list[i] = normal(list[i])
		}
	}
	return v
}

// text writes a value as JSON.
func text(t *testing.T, v any) string {
	t.Helper()
	written, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(written)
}

// same compares what is said of an object, and what is made of it, and reports whether it is accepted.
func same(t *testing.T, c client.Client, object map[string]any, what string) bool {
	t.Helper()
	u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)}
	kind, err := schema.Of(u.GroupVersionKind())
	if err != nil || kind == nil {
		t.Fatalf("%s: %v", u.GroupVersionKind(), err)
	}
	name := u.GetKind() + "/" + u.GetName() + " " + what
	found := kind.Check(t.Context(), object)
	errs := slices.Concat(found.Schema, found.Rules)
	u.SetNamespace("default")
	answer := c.Create(t.Context(), u, client.DryRunAll)
	if accepted := len(errs)+len(found.Unknown) == 0; accepted != (answer == nil) {
		t.Errorf("%s: the API server says %v; found %v, %v", name, answer, found.Unknown, errs)
		return answer == nil
	}
	if answer != nil {
		for _, unknown := range found.Unknown {
			if !strings.Contains(answer.Error(), unknown.Path) {
				t.Errorf("%s: the API server does not name %s: %v", name, unknown.Path, answer)
			}
			errs = nil // it says no more than that there are unknown fields
		}
		for _, e := range errs {
			if !strings.Contains(answer.Error(), e.Field) && e.Field != "<nil>" {
				t.Errorf("%s: the API server does not name %s: %v", name, e.Field, answer)
			}
		}
		return false
	}
	ours := runtime.DeepCopyJSON(object)
	kind.Default(ours)
	for _, content := range []map[string]any{ours, u.Object} {
		delete(content, "metadata")
	}
	if diff := cmp.Diff(u.Object, ours); diff != "" {
		t.Errorf("%s: the API server makes something else of it (-API +here)\n%s", name, diff)
	}
	return true
}
