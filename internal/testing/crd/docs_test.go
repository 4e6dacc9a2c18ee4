package crd

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
	"github.com/perennial-dev/perennial/internal/observe/fake"
	"github.com/perennial-dev/perennial/internal/observe/httpjson"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
	"github.com/perennial-dev/perennial/internal/observe/sql"
)

const (
	sourcesPage   = "../../../docs/sources.md"
	sampleSources = "../../../config/samples/sources/*.yaml"
	sourcesCRD    = "../../../config/crd/bases/perennial.dev_datasources.yaml"
)

// providers are those that the operator has.
var providers = observe.Registry{
	observe.ProviderConfigMap:  observe.Factory(configmap.New),
	observe.ProviderSQL:        sql.NewProvider(),
	observe.ProviderPrometheus: observe.Factory(prometheus.New),
	observe.ProviderHTTP:       observe.Factory(httpjson.New),
	observe.ProviderFake:       observe.Factory(fake.New),
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// objectsIn reads the objects of a text of YAML, in the namespace default where they name none.
func objectsIn(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 1<<10); ; {
		obj := &unstructured.Unstructured{}
		err := decoder.Decode(&obj.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(obj.Object) == 0 || obj.GetKind() == "Kustomization" {
			continue
		}
		obj.SetNamespace("default")
		objects = append(objects, obj)
	}
}

// checkExample checks that the API server accepts an object, and the operator a DataSource.
func checkExample(t *testing.T, obj *unstructured.Unstructured) {
	t.Helper()
	if err := tryCreate(t, obj.DeepCopy()); err != nil {
		t.Errorf("%s %s: refused: %v", obj.GetKind(), obj.GetName(), err)
	}
	if obj.GetKind() != "DataSource" {
		return
	}
	var ds v1alpha1.DataSource
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(obj.Object, &ds, true); err != nil {
		t.Fatal(err)
	}
	if _, err := providers.Open(&ds, observe.Dependencies{DataRoot: t.TempDir()}); err != nil {
		t.Errorf("DataSource %s: the operator would say: %v", ds.Name, err)
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestExamplesOfThePage are what users copy.
func TestExamplesOfThePage(t *testing.T) {
	shown := map[string]bool{}
	for _, block := range yamlBlock.FindAllStringSubmatch(readText(t, sourcesPage), -1) {
		for _, obj := range objectsIn(t, block[1]) {
			t.Run(obj.GetKind()+" "+obj.GetName(), func(t *testing.T) { checkExample(t, obj) })
			spec, _, _ := unstructured.NestedMap(obj.Object, "spec")
			for provider := range providers {
				if _, ok := spec[provider]; ok && obj.GetKind() == "DataSource" {
					shown[provider] = true
				}
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(providers)); !slices.Equal(got, want) {
		t.Errorf("the page has examples of %v, the operator has %v", got, want)
	}
}

// TestSampleSources are what users copy too.
func TestSampleSources(t *testing.T) {
	files, err := filepath.Glob(sampleSources)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", sampleSources, err)
	}
	for _, file := range files {
		for _, obj := range objectsIn(t, readText(t, file)) {
			t.Run(filepath.Base(file)+" "+obj.GetName(), func(t *testing.T) { checkExample(t, obj) })
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinksOfThePage follows those to files of the repository.
func TestLinksOfThePage(t *testing.T) {
	for _, m := range link.FindAllStringSubmatch(readText(t, sourcesPage), -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(sourcesPage), m[1])); err != nil {
			t.Errorf("the page links to %s: %v", m[1], err)
		}
	}
}

var (
	tableHead  = regexp.MustCompile(`^\| field of (.*?) \|`)
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	listMarker = strings.NewReplacer("[]", "")
)

// documented returns the paths below spec that the tables of the page are about, such as http.pagination.next.
func documented(page string) map[string]bool {
	fields := map[string]bool{}
	var roots []string // those of the table that a line is in
	for line := range strings.SplitSeq(page, "\n") {
		if !strings.HasPrefix(line, "|") {
			roots = nil
			continue
		}
		if head := tableHead.FindStringSubmatch(line); head != nil {
			for _, span := range codeSpan.FindAllStringSubmatch(head[1], -1) {
				roots = append(roots, strings.TrimPrefix(span[1]+".", "spec."))
			}
			continue
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, span := range codeSpan.FindAllStringSubmatch(first, -1) {
			for _, root := range roots {
				fields[root+listMarker.Replace(span[1])] = true
			}
		}
	}
	return fields
}

// schema is what matters here of a field's schema.
type schema struct {
	Properties map[string]*schema
	Items      *schema
}

// fieldsOf returns the paths of all fields of a schema, and those that have no fields of their own. A reference to a
// Secret or ConfigMap counts as one field.
func (s *schema) fieldsOf(path string, all, leaves map[string]bool) {
	if s.Items != nil {
		s = s.Items
	}
	if path != "" {
		all[path] = true
		path += "."
	}
	if len(s.Properties) == 0 || strings.HasSuffix(path, "Ref.") {
		leaves[strings.TrimSuffix(path, ".")] = true
		return
	}
	for name, property := range s.Properties {
		property.fieldsOf(path+name, all, leaves)
	}
}

// specSchema returns the schema of a DataSource's spec.
func specSchema(t *testing.T) *schema {
	t.Helper()
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, sourcesCRD)), &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}

// TestThePageHasEveryField holds the tables of the page and the API to each other.
func TestThePageHasEveryField(t *testing.T) {
	page := documented(readText(t, sourcesPage))
	all, leaves := map[string]bool{}, map[string]bool{}
	specSchema(t).fieldsOf("", all, leaves)
	var unknown, missing []string
	for field := range page {
		if !all[field] {
			unknown = append(unknown, field)
		}
	}
	for field := range leaves {
		if !page[field] {
			missing = append(missing, field)
		}
	}
	slices.Sort(unknown)
	slices.Sort(missing)
	if len(unknown) > 0 {
		t.Errorf("the page has fields that the API does not have: %v", unknown)
	}
	if len(missing) > 0 {
		t.Errorf("the API has fields that the page does not have: %v", missing)
	}
}

// TestDocumented checks the check.
func TestDocumented(t *testing.T) {
	const page = "| field of `spec.http` and `spec.prometheus` | what |\n|---|---|\n| `url` | `not.this` |\n| `headers`, `tls.ca` | x |\n| `list[].name` | x |\n\n| other | table |\n|---|---|\n| `nothing` | x |\n" +
		"| field of `spec` | what |\n|---|---|\n| `interval` | x |\n"
	want := []string{
		"http.headers", "http.list.name", "http.tls.ca", "http.url", "interval",
		"prometheus.headers", "prometheus.list.name", "prometheus.tls.ca", "prometheus.url",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(documented(page)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
