// Package gitops holds what we tell GitOps tools, editors and pipelines to the truth, with the libraries that those are made
// of: Flux's apply engine and health rules, Argo CD's Lua, kubeconform's JSON Schema.
package gitops

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

const (
	root        = "../../.."
	schemaFiles = root + "/config/schemas"
)

// schemaFor compiles the schema of a kind, or the one of all for an empty kind, as kubeconform does.
func schemaFor(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	file := "perennial.json"
	if kind != "" {
		file = "perennial.dev/" + strings.ToLower(kind) + "_v1alpha1.json"
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	compiled, err := c.Compile(filepath.Join(schemaFiles, file))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// asJSON is an object as a validator of JSON sees it.
func asJSON(t *testing.T, obj *unstructured.Unstructured) any {
	t.Helper()
	text, err := json.Marshal(obj.Object)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// parse reads the objects of a YAML stream, with the integers of Kubernetes.
func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 1<<10); ; {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects
		}
		obj := &unstructured.Unstructured{}
		if err == nil {
			err = utiljson.Unmarshal(document, &obj.Object)
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(obj.Object) > 0 {
			objects = append(objects, obj)
		}
	}
}

// build is what kustomize makes of a folder.
func build(t *testing.T, folder string) []byte {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ours are the objects of the group perennial.dev in all YAML files below a folder.
func ours(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("apiVersion: "+v1alpha1.GroupVersion.String())) {
			return err
		}
		for _, obj := range parse(t, string(text)) {
			if obj.GetAPIVersion() == v1alpha1.GroupVersion.String() {
				objects = append(objects, obj)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestTheSamplesFitTheSchemas(t *testing.T) {
	all := schemaFor(t, "")
	seen := map[string]int{}
	for _, folder := range []string{"samples", "argocd/resource_customizations"} {
		for _, obj := range ours(t, filepath.Join(root, "config", folder)) {
			seen[obj.GetKind()]++
			if err := schemaFor(t, obj.GetKind()).Validate(asJSON(t, obj)); err != nil {
				t.Errorf("%s %s: %v", obj.GetKind(), obj.GetName(), err)
			}
			if err := all.Validate(asJSON(t, obj)); err != nil {
				t.Errorf("%s %s does not fit perennial.json: %v", obj.GetKind(), obj.GetName(), err)
			}
		}
	}
	for _, kind := range kinds() {
		if seen[kind] == 0 {
			t.Errorf("no sample is of the kind %s", kind)
		}
	}
}

// kinds are those that there are.
func kinds() []string {
	return []string{"Account", "AccountSet", "DataSource", "HealthScoreModel", "Notifier", "Playbook", "PlaybookRun", "Task"}
}

// goodModel is a model; the cases below break it.
const goodModel = `
apiVersion: perennial.dev/v1alpha1
kind: HealthScoreModel
metadata: {name: standard, labels: {team: cs}}
spec:
  bands: [{name: Healthy, min: 70}, {name: Critical, min: 0}]
  dimensions: [{name: usage, weight: 1}]
  measures:
  - name: wau
    dimension: usage
    weight: 1
    from: {source: usage, metric: wau}
    scale: {linear: {worst: "0.05", best: 100}}
`

// goodAccount is an account.
const goodAccount = `
apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: acme}
spec:
  displayName: Acme Corp
  touchModel: HighTouch
  owner: jo@example.com
  contract: {startDate: "2025-02-01", arr: 120000}
  externalIDs: {crm: ["0015"]}
`

func TestWhatTheSchemasRefuseTheAPIServerRefusesToo(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	strict := client.WithFieldValidation(client.NewNamespacedClient(c, "default"), "Strict")
	for name, test := range map[string]struct{ text, old, new string }{
		"a field is misspelt":                 {goodAccount, "owner:", "owmer:"},
		"a field deep inside is misspelt":     {goodModel, "linear:", "linar:"},
		"a list is a text":                    {goodAccount, `["0015"]`, `"0015"`},
		"an id is not quoted":                 {goodAccount, `["0015"]`, `[15]`},
		"money has a fraction":                {goodAccount, "arr: 120000", "arr: 120000.5"},
		"a choice is not there":               {goodAccount, "HighTouch", "Hightouch"},
		"a decimal is not quoted":             {goodModel, `"0.05"`, "0.05"},
		"a decimal is a word":                 {goodModel, `"0.05"`, `"few"`},
		"a label is a number":                 {goodModel, "{team: cs}", "{team: 7}"},
		"labels is misspelt":                  {goodModel, "labels:", "lables:"},
		"a required field is not there":       {goodModel, "    dimension: usage\n", ""},
		"spec is not there":                   {goodModel, goodModel[strings.Index(goodModel, "spec:"):], ""},
		"the name is not one":                 {goodAccount, "name: acme", "name: Acme_Corp"},
		"a list has too few entries":          {goodModel, "[{name: usage, weight: 1}]", "[]"},
		"a date is none":                      {goodAccount, `"2025-02-01"`, `"1 February 2025"`},
		"a set has an entry twice":            {goodAccount, `["0015"]`, `["0015", "0015"]`},
		"a number is out of its range":        {goodModel, "min: 70", "min: 170"},
		"a field is null that must not be":    {goodModel, "name: wau", "name: null"},
		"a name of a measure has a blank":     {goodModel, "name: wau", "name: weekly users"},
		"there is a field beside spec":        {goodModel, "spec:", "specs: {}\nspec:"},
		"a text is longer than it may be":     {goodAccount, "Acme Corp", strings.Repeat("A", 1000)},
		"a metadata annotation is no text":    {goodModel, "labels: {team: cs}", "annotations: {team: true}"},
		"an object is where a list should be": {goodModel, "[{name: usage, weight: 1}]", "{name: usage}"},
	} {
		t.Run(name, func(t *testing.T) {
			good := parse(t, test.text)[0]
			if err := strict.Create(t.Context(), good.DeepCopy(), client.DryRunAll); err != nil {
				t.Fatalf("the API server refuses what the case breaks: %v", err)
			}
			if err := schemaFor(t, good.GetKind()).Validate(asJSON(t, good)); err != nil {
				t.Fatalf("the schema refuses what the case breaks: %v", err)
			}
			text := strings.Replace(test.text, test.old, test.new, 1)
			if text == test.text {
				t.Fatalf("the case changes nothing: there is no %q", test.old)
			}
			bad := parse(t, text)[0]
			if err := schemaFor(t, bad.GetKind()).Validate(asJSON(t, bad)); err == nil {
				t.Error("the schema takes it")
			}
			if err := schemaFor(t, "").Validate(asJSON(t, bad)); err == nil {
				t.Error("the schema for editors takes it")
			}
			if err := strict.Create(t.Context(), bad, client.DryRunAll); err == nil {
				t.Error("the API server takes it")
			}
		})
	}
}

func TestTheSchemaForEditorsKnowsWhatIsOurs(t *testing.T) {
	all := schemaFor(t, "")
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"a ConfigMap beside is left alone":     {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: usage}\ndata: {a: b}", true},
		"a kind of ours that there is not":     {strings.Replace(goodAccount, "kind: Account", "kind: Acount", 1), false},
		"a kind of another group is theirs":    {"apiVersion: example.com/v1\nkind: Account\nspec: 7", true},
		"an object of ours that has no kind":   {strings.Replace(goodAccount, "kind: Account\n", "", 1), false},
		"an object of ours that is as it must": {goodAccount, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := all.Validate(asJSON(t, parse(t, test.text)[0])); (err == nil) != test.ok {
				t.Errorf("want fine: %v, got: %v", test.ok, err)
			}
		})
	}
}

// allFitsTheSchemas is about kubectl get -o yaml: with its status and metadata an object is as valid.
func (w *world) allFitsTheSchemas() {
	for _, kind := range kinds() {
		objects := w.list(kind)
		if len(objects) == 0 && kind != "Notifier" {
			w.t.Errorf("there is no %s", kind)
		}
		for i := range objects {
			if err := schemaFor(w.t, kind).Validate(asJSON(w.t, &objects[i])); err != nil {
				w.t.Errorf("%s %s: %v", kind, objects[i].GetName(), err)
			}
		}
	}
}

// TestKubeconform runs the program itself, without a network. It needs `make tools`.
func TestKubeconform(t *testing.T) {
	program, err := filepath.Abs(root + "/bin/tools/kubeconform")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("PERENNIAL_REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skipf("needs kubeconform: run `make tools`: %v", err)
	}
	run := func(input []byte) (string, error) {
		location := schemaFiles + "/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
		cmd := exec.CommandContext(t.Context(), program, "-strict", "-summary", "-skip=ConfigMap", "-schema-location="+location)
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	samples := build(t, root+"/config/samples")
	if out, err := run(samples); err != nil || !strings.Contains(out, "Invalid: 0, Errors: 0, Skipped: 4") {
		t.Errorf("the samples: %v\n%s", err, out)
	}
	broken := bytes.Replace(samples, []byte("minimumCoverage:"), []byte("minimumCoverge:"), 1)
	if out, err := run(broken); err == nil || !strings.Contains(out, "minimumCoverge") {
		t.Errorf("a misspelt field: %v\n%s", err, out)
	}
}
