package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// decision is who changes a field.
type decision int

const (
	theirs   decision = iota // customer success managers, among others
	declared                 // whoever declares the object; no customer success manager
	fixed                    // nobody: the schema refuses it
)

// field is another value of a field, and who may write it.
type field struct {
	who decision
	to  string
	// required: the schema lets nobody remove it.
	required bool
}

// fields are all fields of the specs: each is somebody's decision.
var fields = map[string]map[string]field{
	"account": {
		"displayName":    {who: declared, to: `"Other"`},
		"externalIDs":    {who: declared, to: `{"crm":["2"]}`},
		"touchModel":     {who: declared, to: `"TechTouch"`},
		"lifecycleStage": {who: declared, to: `"Churned"`},
		"owner":          {who: declared, to: `"al@example.com"`},
		"team":           {who: declared, to: `[{"role":"Sponsor","user":"jo@example.com"}]`},
		"contract":       {who: declared, to: `{"arr":1}`},
		"measurements":   {who: theirs, to: `[{"name":"sentiment","value":"Bad","by":"jo@example.com"}]`},
		"healthOverride": {who: theirs, to: `{"band":"Healthy","by":"jo@example.com"}`},
		"parentRef":      {who: declared, to: `{"name":"other"}`},
	},
	"task": {
		"accountRef":  {who: fixed, to: `{"name":"beta"}`, required: true},
		"runRef":      {who: fixed, to: `{"name":"other"}`},
		"step":        {who: fixed, to: `"other"`},
		"title":       {who: theirs, to: `"Write to them"`, required: true},
		"description": {who: theirs, to: `"Other"`},
		"state":       {who: theirs, to: `"Open"`},
		"outcome":     {who: theirs, to: `"NoReply"`},
		"outcomes":    {who: fixed, to: `["Reached"]`},
		"note":        {who: theirs, to: `"Other"`},
		"checklist":   {who: theirs, to: `[{"name":"listen","done":true}]`},
		"assignee":    {who: theirs, to: `"al@example.com"`},
		"priority":    {who: theirs, to: `"Low"`},
		"dueTime":     {who: theirs, to: `"2027-01-01T00:00:00Z"`},
		"snooze":      {who: theirs, to: `{"until":"2027-01-01T00:00:00Z"}`},
		"completedBy": {who: theirs, to: `"jo@example.com"`},
		"input":       {who: fixed, to: `{"template":"other"}`},
	},
}

// schemas are the files with the fields.
var schemas = map[string]string{"account": "perennial.dev_accounts.yaml", "task": "perennial.dev_tasks.yaml"}

// specFields reads the fields of a kind's spec from its definition.
func specFields(t *testing.T, resource string) []string {
	t.Helper()
	versions, _, err := unstructured.NestedSlice(readObject(t, config+"/crd/bases/"+schemas[resource]), "spec", "versions")
	if err != nil || len(versions) != 1 {
		t.Fatalf("%d versions of the %s: %v", len(versions), resource, err)
	}
	properties, _, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties")
	if err != nil || len(properties) == 0 {
		t.Fatalf("%d fields of the %s: %v", len(properties), resource, err)
	}
	return slices.Sorted(maps.Keys(properties))
}

// readObject reads a file with one object.
func readObject(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var obj map[string]any
	if err := yaml.Unmarshal(text, &obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

// TestEveryFieldIsSomebodysDecision: a new field is refused by the policies, and here somebody says whether it should be.
func TestEveryFieldIsSomebodysDecision(t *testing.T) {
	for resource, decided := range fields {
		there := specFields(t, resource)
		for _, name := range there {
			if _, ok := decided[name]; !ok {
				t.Errorf("spec.%s of the %s: who changes it? Say so here and, if it is customer success managers, in config/policy", name, resource)
			}
		}
		for name := range decided {
			if !slices.Contains(there, name) {
				t.Errorf("spec.%s of the %s is no more", name, resource)
			}
		}
	}
}

func TestEveryFieldIsGuardedAsDecided(t *testing.T) {
	w := newWorld(t)
	for resource, decided := range fields {
		for name, f := range decided {
			t.Run(resource+" "+name, func(t *testing.T) {
				w := &world{t: t, namespace: w.namespace}
				w.guarded(resource, name, fmt.Sprintf(`{"spec":{%q:%s}}`, name, f.to), f.who)
				if remove := fmt.Sprintf(`{"spec":{%q:null}}`, name); f.required {
					w.invalid(resource, remove)
				} else {
					w.guarded(resource, name, remove, f.who)
				}
			})
		}
	}
}

// guarded checks a change of a field by everybody.
func (w *world) guarded(resource, name, patch string, who decision) {
	w.t.Helper()
	switch who {
	case theirs:
		w.allowed(jo, resource, patch)
	case declared:
		for _, u := range []user{jo, al} {
			w.refused(u, resource, patch, "spec."+name+": members of perennial:csm change spec.measurements and spec.healthOverride")
		}
	case fixed:
		w.invalid(resource, patch)
		return
	}
	for _, u := range []user{editor, gitOps, admin} {
		w.allowed(u, resource, patch)
	}
}

// invalid checks that the schema refuses a change, whoever makes it.
func (w *world) invalid(resource, patch string) {
	w.t.Helper()
	for _, u := range []user{jo, admin} {
		if err := w.try(u, resource, patch); !apierrors.IsInvalid(err) {
			w.t.Errorf("%s changes the %s by %s: %v", u.name, resource, patch, err)
		}
	}
}

// TestAFieldOfTomorrowIsGuardedToday gives both kinds a field that no policy knows.
func TestAFieldOfTomorrowIsGuardedToday(t *testing.T) {
	w := newWorld(t)
	for resource, crd := range map[string]string{"account": "accounts.perennial.dev", "task": "tasks.perennial.dev"} {
		path := "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tomorrow"
		w.must(w.kubectl(admin, "patch", "crd", crd, "--type=json", "-p", `[{"op":"add","path":"`+path+`","value":{"type":"string"}}]`))
		w.until("the new field is served", func() error {
			obj := w.object(resource)
			if err := w.as(admin).Patch(t.Context(), obj, merge(`{"spec":{"tomorrow":"one"}}`)); err != nil {
				return err
			}
			if obj.Object["spec"].(map[string]any)["tomorrow"] != "one" {
				return fmt.Errorf("it was pruned")
			}
			return nil
		})
		for _, patch := range []string{`{"spec":{"tomorrow":"two"}}`, `{"spec":{"tomorrow":null}}`} {
			w.refused(jo, resource, patch, "spec.tomorrow: members of perennial:csm")
			w.allowed(editor, resource, patch)
		}
		w.must(w.kubectl(admin, "patch", resource, w.object(resource).GetName(), "--type=merge", "-p", `{"spec":{"tomorrow":null}}`))
		w.refused(jo, resource, `{"spec":{"tomorrow":"three"}}`, "spec.tomorrow: members of perennial:csm")
		w.must(w.kubectl(admin, "patch", "crd", crd, "--type=json", "-p", `[{"op":"remove","path":"`+path+`"}]`))
	}
}

func TestMetadataIsNotTheirs(t *testing.T) {
	w := newWorld(t)
	for resource := range fields {
		for name, patch := range map[string]string{
			"labels":          `{"labels":{"industry":"retail"}}`,
			"annotations":     `{"annotations":{"perennial.dev/churned-by":"jo"}}`,
			"ownerReferences": `{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"y"}]}`,
			"finalizers":      `{"finalizers":["example.com/never"]}`,
			"managedFields":   `{"managedFields":[{}]}`,
		} {
			patch = `{"metadata":` + patch + `}`
			w.refused(jo, resource, patch, "metadata."+name+": members of perennial:csm")
			w.allowed(editor, resource, patch)
		}
		for name, patch := range map[string]string{"labels": `{"labels":null}`, "annotations": `{"annotations":null}`} {
			w.refused(jo, resource, `{"metadata":`+patch+`}`, "metadata."+name+": members of perennial:csm")
		}
		// Several at once are named at once.
		w.refused(jo, resource, `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"},"finalizers":["a.b/c"]}}`, "metadata.labels", "metadata.annotations", "metadata.finalizers")
	}
}

// TestThePageSaysWhatIsTheirs holds the documentation to what is decided here, and to what these tests type.
func TestThePageSaysWhatIsTheirs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Who may write what\n")
	section, _, _ = strings.Cut(section, "\n## ")
	row := ""
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| customer success managers |") {
			row = line
		}
	}
	if !strings.Contains(section, "kubectl create rolebinding perennial-csm -n NAMESPACE --clusterrole=perennial-csm --group=perennial:csm\n") {
		t.Error("the section does not say how the role is given")
	}
	for resource, decided := range fields {
		for name, f := range decided {
			says := strings.Contains(row, "`"+name+"`") || strings.Contains(row, "`spec."+name+"`")
			if says != (f.who == theirs) {
				t.Errorf("spec.%s of the %s: that it is theirs is %v, and the page says %v", name, resource, f.who == theirs, says)
			}
		}
	}
}
