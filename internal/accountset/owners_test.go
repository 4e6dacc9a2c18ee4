package accountset

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"
)

// owned is an object, and who owns what of it.
const owned = `
object:
  metadata: {annotations: {note: x, other: y}}
  spec:
    owner: jo
    touchModel: HighTouch
    externalIDs: {crm: ["1", "2", "3"]}
    parentRef: {}
    measurements:
    - {name: mood, value: Good, by: jo, observedTime: "2026-11-01T00:00:00Z"}
    - {name: sponsors, value: "2", by: al}
fields:
- manager: person
  operation: Apply
  fieldsV1:
    f:metadata: {f:annotations: {f:note: {}}}
    f:spec:
      f:externalIDs: {f:crm: {'v:"1"': {}, 'v:"3"': {}, 'v:"9"': {}}}
      f:gone: {}
      f:parentRef: {}
      f:measurements:
        'k:{"name":"gone"}': {.: {}, f:name: {}, f:value: {}}
        'k:{"name":"mood"}': {.: {}, f:by: {}, f:name: {}, f:value: {}}
- manager: person
  operation: Update
  fieldsV1: {f:spec: {f:measurements: {'k:{"name":"sponsors"}': {.: {}, f:name: {}, f:value: {}}}}}
- manager: person
  operation: Apply
  subresource: status
  fieldsV1: {f:spec: {f:owner: {}}}
- manager: git
  operation: Apply
  fieldsV1: {f:spec: {f:owner: {}, f:measurements: {'k:{"name":"mood"}': {f:observedTime: {}}}}}
- manager: hand
  operation: Update
  fieldsV1: {f:spec: {f:touchModel: {}, f:measurements: {'k:{"name":"mood"}': {.: {}}}}}
`

// readOwned reads the object and its managers.
func readOwned(t *testing.T) (map[string]any, []metav1.ManagedFieldsEntry) {
	t.Helper()
	var all struct {
		Object map[string]any              `json:"object"`
		Fields []metav1.ManagedFieldsEntry `json:"fields"`
	}
	if err := yaml.Unmarshal([]byte(owned), &all); err != nil {
		t.Fatal(err)
	}
	return all.Object, all.Fields
}

func TestApplied(t *testing.T) {
	object, fields := readOwned(t)
	want := map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"note": "x"}},
		"spec": map[string]any{
			"externalIDs":  map[string]any{"crm": []any{"1", "3"}},
			"parentRef":    map[string]any{},
			"measurements": []any{map[string]any{"name": "mood", "value": "Good", "by": "jo"}},
		},
	}
	got := Applied(object, fields, "person")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the person applied (- want, + got):\n%s", diff)
	}
	got["spec"].(map[string]any)["measurements"].([]any)[0].(map[string]any)["value"] = "Bad"
	again, _ := readOwned(t)
	if diff := cmp.Diff(again, object); diff != "" {
		t.Errorf("the object changed:\n%s", diff)
	}
	if got := Applied(object, fields, "nobody"); len(got) != 0 {
		t.Errorf("nobody applied %v", got)
	}
}

func TestManagersAt(t *testing.T) {
	_, fields := readOwned(t)
	measurement := func(name string) fieldpath.Path {
		return fieldpath.MakePathOrDie("spec", "measurements", fieldpath.KeyByFields("name", name))
	}
	for name, tt := range map[string]struct {
		path         fieldpath.Path
		apply, wrote []string
	}{
		"an item that three share":       {measurement("mood"), []string{"git", "person"}, []string{"hand"}},
		"an item of one":                 {measurement("sponsors"), nil, []string{"person"}},
		"an item that is not there":      {measurement("other"), nil, nil},
		"a field, but not of the status": {fieldpath.MakePathOrDie("spec", "owner"), []string{"git"}, nil},
		"everything below":               {fieldpath.MakePathOrDie("spec"), []string{"git", "person"}, []string{"hand", "person"}},
	} {
		t.Run(name, func(t *testing.T) {
			apply, wrote := ManagersAt(fields, tt.path)
			if diff := cmp.Diff([][]string{tt.apply, tt.wrote}, [][]string{apply, wrote}); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
		})
	}
}
