//go:build unix

package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

const playbooksPage = "../../../docs/playbooks.md"

// part returns the part of the page about playbooks below a heading.
func part(t *testing.T, heading string) string {
	t.Helper()
	return below(t, fileText(t, playbooksPage), heading)
}

// shownPlaybook returns a playbook of the page.
func shownPlaybook(t *testing.T, name string) *v1alpha1.Playbook {
	t.Helper()
	pb := &v1alpha1.Playbook{}
	decode(t, objectsIn(t, fileText(t, playbooksPage)), "Playbook", pb, name)
	pb.Generation = 1
	return pb
}

// compiled compiles a playbook.
func compiled(t *testing.T, pb *v1alpha1.Playbook) *playbook.Playbook {
	t.Helper()
	p, err := playbook.Compile(pb)
	if err != nil {
		t.Fatalf("playbook %s: %v", pb.Name, err)
	}
	return p
}

func apiClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(api.Get(t).Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, "Strict")
}

func TestTheAPIServerAndTheOperatorAcceptThePlaybooksOfThePage(t *testing.T) {
	c := apiClient(t)
	objects := objectsIn(t, fileText(t, playbooksPage))
	for _, obj := range objects {
		t.Run(obj.GetName(), func(t *testing.T) {
			if err := c.Create(t.Context(), obj.DeepCopy(), client.DryRunAll); err != nil {
				t.Errorf("refused: %v", err)
			}
			compiled(t, shownPlaybook(t, obj.GetName()))
		})
	}
	if len(objects) != 4 {
		t.Errorf("%d playbooks were found on the page", len(objects))
	}
}

// strictYAML decodes as the API server does.
func strictYAML(t *testing.T, text string, into any) {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%s: %v", text, err)
	}
}

// wauOf is what a source says of the metric wau: a number, or that it cannot be read.
func wauOf(t *testing.T, text string, now time.Time) value.Facts {
	t.Helper()
	o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}
	if text != string(o.State) {
		val, err := value.Parse(o.Type, text)
		if err != nil {
			t.Fatal(err)
		}
		o = value.Observation{Type: o.Type, State: v1alpha1.ValueFresh, Value: &val, ObservedTime: now}
	}
	return value.Facts{{Source: "usage", Metric: "wau"}: o}
}

// TestTheEpisodesOfThePageHappen plays the playbook quiet, day after day. Between two rows of the table the value stays.
func TestTheEpisodesOfThePageHappen(t *testing.T) {
	company, name := fleet.New(time.UTC), acme().Account.Name
	company.SetAccount(acme().Account)
	if err := company.SetPlaybook(shownPlaybook(t, "quiet")); err != nil {
		t.Fatal(err)
	}
	rows := tableOf(t, part(t, "Episodes"), "day", "`wau`", "episode", "run", "task", "because")
	last := rows[0]
	for day := 1; len(rows) > 0; day++ {
		row := rows[0]
		now := morning().AddDate(0, 0, day)
		if row[0] == fmt.Sprint(day) {
			rows, last = rows[1:], row
		} else {
			row = nil
		}
		if row != nil && row[4] == "Done" {
			company.Work(fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) { task.Spec.State = v1alpha1.WorkDone }), now)
		}
		if err := errors.Join(company.SetFacts(name, wauOf(t, last[1], now), nil), company.Step(now)); err != nil {
			t.Fatal(err)
		}
		if row != nil {
			compareDay(t, company, name, row)
		}
	}
}

// compareDay compares a row of the table with what became of the account.
func compareDay(t *testing.T, company *fleet.Fleet, name string, row []string) {
	t.Helper()
	run, task := "-", "-"
	var latest int64
	for _, r := range company.Runs() {
		if r.Spec.Sequence > latest {
			latest = r.Spec.Sequence
			run, task = fmt.Sprint(latest), string(company.Tasks(r.Name)[0].Status.State)
		}
	}
	state := playbook.StateEpisodeOf(company.Account(name), "quiet").State
	if got, want := []string{string(state), run, task}, row[2:5]; !slices.Equal(got, want) {
		t.Errorf("day %s: the page says %q, it is %q", row[0], want, got)
	}
}

func TestTheTimesOfThePageAreRight(t *testing.T) {
	const written = "Monday 2006-01-02 15:04"
	for _, row := range tableOf(t, part(t, "Steps"), "the task opened", "`due`", "is") {
		opened, err := time.Parse(written, row[0])
		if err != nil {
			t.Fatal(err)
		}
		due := &v1alpha1.StepTime{}
		strictYAML(t, code(t, row[1]), due)
		run := &v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: "run", CreationTimestamp: metav1.NewTime(opened)}}
		run.Spec.Steps = []v1alpha1.PlaybookStep{{Name: "ask", Title: "Ask", Due: due}}
		run.Spec.Calendar = &v1alpha1.WorkCalendar{Holidays: []v1alpha1.Date{"2026-12-25"}}
		plan, err := playbook.PlanRun(playbook.PlanInput{Run: run, View: acme(), Now: opened})
		if err != nil {
			t.Fatal(err)
		}
		status := plan.Tasks[plan.Create[0].Name]
		if status.DueTime == nil || status.DueTime.UTC().Format(written) != row[2] {
			t.Errorf("%s of %s is %v, the page says %s", row[1], row[0], status.DueTime, row[2])
		}
	}
}

var patch = regexp.MustCompile(`(?m)^kubectl patch (\w+) NAME --type=merge -p '(.*)'$`)

// TestTheAPIServerAcceptsThePatchesOfThePage types what the page says to type.
func TestTheAPIServerAcceptsThePatchesOfThePage(t *testing.T) {
	c := apiClient(t)
	step := shownPlaybook(t, "seats").Spec.Steps[1]
	objects := map[string]client.Object{
		"task": &v1alpha1.Task{
			ObjectMeta: metav1.ObjectMeta{Name: "shown", Namespace: namespace},
			Spec:       v1alpha1.TaskSpec{AccountRef: v1alpha1.LocalReference{Name: "acme"}, Title: "Ask", State: v1alpha1.WorkOpen, Outcomes: step.Outcomes},
		},
		"playbookrun": &v1alpha1.PlaybookRun{
			ObjectMeta: metav1.ObjectMeta{Name: "shown", Namespace: namespace},
			Spec: v1alpha1.PlaybookRunSpec{
				AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "seats"}, PlaybookGeneration: 1,
				Sequence: 1, Trigger: "unused", Steps: []v1alpha1.PlaybookStep{step},
			},
		},
	}
	for _, obj := range objects {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	patches := patch.FindAllStringSubmatch(fileText(t, playbooksPage), -1)
	for _, m := range patches {
		obj, ok := objects[m[1]]
		if !ok {
			t.Fatalf("nothing here patches a %s", m[1])
		}
		if err := c.Patch(t.Context(), obj, client.RawPatch(types.MergePatchType, []byte(m[2]))); err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	if len(patches) < 6 {
		t.Errorf("only %d patches were found", len(patches))
	}
	wrong := []byte(`{"spec": {"state": "Done", "outcome": null}}`)
	if err := c.Patch(t.Context(), objects["task"], client.RawPatch(types.MergePatchType, wrong)); err == nil || !strings.Contains(err.Error(), "PlanAgreed, TooMany") {
		t.Errorf("the page says that Done without an outcome is refused, and that the message has them: %v", err)
	}
}

func TestEverySampleIsOnThePage(t *testing.T) {
	files, err := filepath.Glob("../../../config/samples/playbook-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, shown := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "playbook-"), ".yaml")
		want[fmt.Sprintf("[%s](../config/samples/playbook-%s.yaml)", name, name)] = true
	}
	for _, row := range tableOf(t, fileText(t, playbooksPage), "sample", "begins when", "look here for") {
		shown[row[0]] = true
	}
	if !maps.Equal(want, shown) {
		t.Errorf("the page has %v, there are %v", slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(want)))
	}
}
