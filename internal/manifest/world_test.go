package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

func TestTheSamplesAreAWorld(t *testing.T) {
	s := loaded(t, manifest.Options{Kustomize: []string{"../../config/samples"}})
	same(t, summary(s, "-")[:2], "DataSource/crm ../../config/samples/datasource-crm.yaml:3:1", "DataSource/usage ../../config/samples/datasource-usage.yaml:3:1")
	w, err := s.World("default")
	if err != nil {
		t.Fatal(err)
	}
	got := []int{len(w.Accounts), len(w.AccountSets), len(w.DataSources), len(w.Models), len(w.Playbooks), len(w.Notifiers)}
	if diff := cmp.Diff([]int{0, 1, 4, 2, 12, 0}, got); diff != "" {
		t.Errorf("numbers of objects (-want +got)\n%s", diff)
	}
	if w.Models[0].Name != "enterprise" || w.Models[0].Namespace != "default" || w.Models[0].Status.ObservedGeneration != -1 {
		t.Errorf("the first model is %s/%s with generation %d", w.Models[0].Namespace, w.Models[0].Name, w.Models[0].Status.ObservedGeneration)
	}
	if w.Models[0].Labels["app.kubernetes.io/part-of"] != "perennial-samples" || len(w.Models[0].Annotations) > 0 {
		t.Errorf("labels %v, annotations %v", w.Models[0].Labels, w.Models[0].Annotations)
	}
	maps := s.ConfigMaps("default")
	if len(maps) != 4 || !strings.Contains(maps["crm"]["crm.csv"], ",") {
		t.Errorf("%d ConfigMaps, crm begins %.20q", len(maps), maps["crm"]["crm.csv"])
	}
	for _, o := range s.Objects {
		if o.Ours() != (o.Position.Line > 0) || !strings.HasPrefix(o.Position.File, "../../config/samples/") {
			t.Errorf("%s is at %s", o, o.Position)
		}
	}
}

func TestAWorldIsOfOneNamespace(t *testing.T) {
	s := read(t, account+
		"---\n{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: b, namespace: west}, spec: {}}"+
		"\n---\n{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: c, namespace: east}, spec: {}}"+
		"\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: north}}")
	for namespace, want := range map[string][]string{"west": {"acme", "b"}, "east": {"acme", "c"}, "south": {"acme"}} {
		w, err := s.World(namespace)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range w.Accounts {
			got = append(got, a.Name)
			if a.Namespace != namespace {
				t.Errorf("%s is in %s", a.Name, a.Namespace)
			}
		}
		same(t, got, want...)
	}
	same(t, s.Namespaces(), "east", "north", "west")
}

func TestWhatTheAPIServerDoesIsDone(t *testing.T) {
	o := one(t, `{apiVersion: perennial.dev/v1alpha1, kind: Task, metadata: {name: t, uid: u, creationTimestamp: "2026-01-01T00:00:00Z"},
 spec: {accountRef: {name: acme, what: x}, title: Call, note: null}, status: {state: Done}}`)
	task, isTask := o.Typed.(*v1alpha1.Task)
	if !isTask {
		t.Fatal(o.Unreadable)
	}
	if task.Spec.State != "Open" || task.Status.State != "" || task.Status.ObservedGeneration != -1 || task.UID != "" || !task.CreationTimestamp.IsZero() {
		t.Errorf("spec %+v, status %+v, metadata %+v", task.Spec, task.Status, task.ObjectMeta)
	}
	if o.Raw["status"] == nil {
		t.Error("the object as written has no status")
	}
}

func TestAWorldNamesAllThatCannotBeRead(t *testing.T) {
	s := read(t, `{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: a}, spec: {contract: {arr: many}}}
---
{apiVersion: perennial.dev/v1alpha1, kind: Accont, metadata: {name: b}}
---
{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {}}
---
[]
---
{apiVersion: perennial.dev/v1alpha1, kind: Account, metadata: {name: a, namespace: west}, spec: {contract: {arr: many}}}
`)
	_, err := s.World("east")
	if err == nil {
		t.Fatal("no error")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		got = append(got, strings.TrimSpace(line[:24]))
	}
	same(t, got, "<stdin>:7:1: this is no", "<stdin>:1:1: Account/a c", "<stdin>:3:1: Accont/b ca", "<stdin>:5:1: Account has")
}

func TestAnObjectThatNamesTheNamespaceAndOneThatDoesNotMeet(t *testing.T) {
	s := read(t, account+"---\n"+strings.Replace(account, "name: acme", "name: acme, namespace: west", 1))
	if _, err := s.World("west"); err == nil || !strings.Contains(err.Error(), "Account/acme is also at <stdin>:1:1: both are in namespace west") {
		t.Errorf("error %v", err)
	}
	if _, err := s.World("east"); err != nil {
		t.Errorf("error %v", err)
	}
}
