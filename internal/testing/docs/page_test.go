//go:build unix

// Package docs holds docs/scoring.md and docs/playbooks.md to the truth: what they show is applied, computed, played and
// read from real servers here, and the results are compared with what they say.
package docs

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/fake"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
	"github.com/perennial-dev/perennial/internal/observe/sql"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/value"
)

const (
	page      = "../../../docs/scoring.md"
	namespace = "default"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases"}}

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }

// fileText returns a file whole.
func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readPage returns the whole page.
func readPage(t *testing.T) string {
	t.Helper()
	return fileText(t, page)
}

// section returns the part of the page below a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	return below(t, readPage(t), heading)
}

// below returns the part of a page below a heading.
func below(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the page has no section %q", heading)
	}
	under, _, _ := strings.Cut(rest, "\n## ")
	return under
}

// blocksOf returns the code blocks of a language.
func blocksOf(text, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// tableOf returns the cells of the table with this first line, without the lines of its head.
func tableOf(t *testing.T, text string, head ...string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(text, "| "+strings.Join(head, " | ")+" |\n")
	if !found {
		t.Fatalf("the section has no table with the columns %v", head)
	}
	var rows [][]string
	for i, line := range strings.Split(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if i == 0 {
			continue // the line below the head
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != len(head) {
			t.Fatalf("this line has %d cells, its table %d columns: %s", len(cells), len(head), line)
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		t.Fatalf("the table with the columns %v is empty", head)
	}
	return rows
}

// code returns what stands in a cell as code.
func code(t *testing.T, cell string) string {
	t.Helper()
	m := regexp.MustCompile("^`([^`]+)`$").FindStringSubmatch(cell)
	if m == nil {
		t.Fatalf("%q is not one piece of code", cell)
	}
	return m[1]
}

// objectsIn returns the Perennial objects of a text, in the order of the page.
func objectsIn(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, block := range blocksOf(text, "yaml") {
		for decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(block), 1<<10); ; {
			obj := &unstructured.Unstructured{}
			err := decoder.Decode(&obj.Object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, block)
			}
			if obj.GetAPIVersion() == v1alpha1.GroupVersion.String() {
				obj.SetNamespace(namespace)
				objects = append(objects, obj)
			}
		}
	}
	return objects
}

// decode reads the one object of a kind, and of a name where one is given.
func decode(t *testing.T, objects []*unstructured.Unstructured, kind string, into client.Object, name ...string) {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool {
		return o.GetKind() != kind || len(name) > 0 && o.GetName() != name[0]
	})
	if len(found) != 1 {
		t.Fatalf("there are %d objects of kind %s %v, not one", len(found), kind, name)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(found[0].Object, into, true); err != nil {
		t.Fatal(err)
	}
}

// compileModel compiles the model of a section, as the first generation.
func compileModel(t *testing.T, objects []*unstructured.Unstructured, change ...func(*v1alpha1.HealthScoreModel)) *score.Model {
	t.Helper()
	m := &v1alpha1.HealthScoreModel{}
	decode(t, objects, "HealthScoreModel", m)
	m.Generation = 1
	for _, c := range change {
		c(m)
	}
	compiled, err := score.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// providers are those that the page shows.
func providers(t *testing.T) observe.Registry {
	databases := sql.NewProvider()
	t.Cleanup(databases.Close)
	return observe.Registry{
		observe.ProviderSQL: databases, observe.ProviderFake: observe.Factory(fake.New), observe.ProviderPrometheus: observe.Factory(prometheus.New),
	}
}

// factsOf reads a source and returns what an account's score sees of it.
func factsOf(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies, now time.Time, accounts ...*v1alpha1.Account) map[string]value.Facts {
	t.Helper()
	reader, err := providers(t).Open(ds, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), observe.Timeout(ds))
	defer cancel()
	table, err := reader.Read(ctx, observe.Request{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := observe.Ingest(ds, table, now)
	if err != nil {
		t.Fatal(err)
	}
	if examples := snapshot.RejectedExamples(); len(examples) > 0 {
		t.Fatalf("values were rejected: %v", examples)
	}
	store := observe.NewStore()
	store.Accept(types.NamespacedName{Namespace: namespace, Name: ds.Name}, ds, snapshot)
	reads := make([]v1alpha1.MetricReference, len(ds.Spec.Metrics))
	for i, m := range ds.Spec.Metrics {
		reads[i] = v1alpha1.MetricReference{Source: ds.Name, Metric: m.Name}
	}
	facts := map[string]value.Facts{}
	for _, a := range accounts {
		facts[a.Name] = store.Facts(namespace, a, reads)
	}
	return facts
}

// throughYAML returns what is left of a health after the API server kept it.
func throughYAML(t *testing.T, h *v1alpha1.Health) *v1alpha1.Health {
	t.Helper()
	text, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	kept := &v1alpha1.Health{}
	if err := yaml.UnmarshalStrict(text, kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestTheAPIServerAndTheOperatorAcceptWhatThePageShows is about what users copy.
func TestTheAPIServerAndTheOperatorAcceptWhatThePageShows(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	objects := objectsIn(t, readPage(t))
	for i, obj := range objects {
		t.Run(obj.GetKind()+" "+obj.GetName(), func(t *testing.T) {
			if err := client.WithFieldValidation(c, "Strict").Create(t.Context(), obj.DeepCopy(), client.DryRunAll); err != nil {
				t.Errorf("refused: %v", err)
			}
			switch obj.GetKind() {
			case "HealthScoreModel":
				compileModel(t, objects[i:i+1])
			case "DataSource":
				ds := &v1alpha1.DataSource{}
				decode(t, objects[i:i+1], "DataSource", ds)
				if _, err := providers(t).Open(ds, observe.Dependencies{}); err != nil {
					t.Errorf("the operator would say: %v", err)
				}
			case "Account":
			default:
				t.Errorf("nothing checks a %s here", obj.GetKind())
			}
		})
	}
	if len(objects) < 10 {
		t.Errorf("only %d objects were found on the page", len(objects))
	}
}

// TestLinksLeadSomewhere follows links to files of the repository and to headings of the page.
func TestLinksLeadSomewhere(t *testing.T) {
	text := readPage(t)
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		headings[strings.ReplaceAll(words, " ", "-")] = true
	}
	for _, m := range regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(text, -1) {
		if m[1] == "" {
			if !headings[m[2]] {
				t.Errorf("the page has no heading #%s", m[2])
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
			t.Errorf("the page links to %s: %v", m[1], err)
		}
	}
}
