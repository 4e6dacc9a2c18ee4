package gitops

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/apis/kustomize"
	fluxcel "github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	ssautil "github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manager"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/kstatus"
)

const (
	patience   = 3 * time.Minute
	fluxGroup  = "kustomize.toolkit.fluxcd.io"
	fluxName   = "customers"
	fluxExpect = root + "/config/flux/customers.yaml"
	// fluxManager is the field manager of Flux.
	fluxManager = "kustomize-controller"
	// folder is where the configuration is in the repository, as config/flux/customers.yaml says.
	folder = "customers"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: root + "/config/crd/bases", ControllerManager: true}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(api.Main(m))
}

// world is a git repository with the samples, a namespace that Flux keeps as it says, and an operator over it.
type world struct {
	t         *testing.T
	namespace string
	client.Client
	flux      *ssa.ResourceManager
	inventory object.ObjMetadataSet
	repo      string
}

// newWorld makes all of it; nothing is applied yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git: ", err)
	}
	t.Parallel()
	cfg := api.Get(t).Config()
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gitops-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, namespace: ns.Name, Client: client.NewNamespacedClient(c, ns.Name), repo: t.TempDir()}
	reader, err := fluxcel.NewStatusReader(healthRules(t))
	if err != nil {
		t.Fatal(err)
	}
	poller := polling.NewStatusPoller(c, c.RESTMapper(), polling.Options{CustomStatusReaders: []engine.StatusReader{reader(c.RESTMapper())}})
	w.flux = ssa.NewResourceManager(c, poller, ssa.Owner{Field: fluxManager, Group: fluxGroup})
	w.git("init", "--quiet", "--initial-branch=main")
	if err := os.CopyFS(filepath.Join(w.repo, folder), os.DirFS(root+"/config/samples")); err != nil {
		t.Fatal(err)
	}
	w.operate()
	return w
}

// operate runs the operator until the test ends, and then looks at what it leaves behind.
func (w *world) operate() {
	w.t.Helper()
	m, err := manager.New(api.Get(w.t).Config(), manager.Options{Namespaces: []string{w.namespace}})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the operator ended with: %v", err)
		}
		if !w.t.Failed() {
			kstatus.CheckAll(w.t, w.Client, w.namespace)
		}
	})
}

// fluxKustomization is what matters here of Flux's.
type fluxKustomization struct {
	Kind string
	Spec struct {
		Path             string
		Prune, Wait      bool
		HealthCheckExprs []kustomize.CustomHealthCheck
		PostBuild        map[string]any
	}
}

// readFlux reads the example that users copy.
func readFlux(t *testing.T) fluxKustomization {
	t.Helper()
	for _, obj := range parse(t, string(readFile(t, fluxExpect))) {
		if obj.GetKind() != "Kustomization" {
			continue
		}
		text, err := yaml.Marshal(obj.Object)
		if err != nil {
			t.Fatal(err)
		}
		var k fluxKustomization
		if err := yaml.Unmarshal(text, &k); err != nil {
			t.Fatal(err)
		}
		return k
	}
	t.Fatalf("%s has no Kustomization", fluxExpect)
	return fluxKustomization{}
}

// healthRules are those of the example.
func healthRules(t *testing.T) []kustomize.CustomHealthCheck {
	t.Helper()
	return readFlux(t).Spec.HealthCheckExprs
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// step is a part of a test: it goes on with the world as the part before left it.
func (w *world) step(name string, do func()) {
	w.t.Helper()
	whole := w.t
	defer func() { w.t = whole }()
	if !whole.Run(name, func(t *testing.T) {
		w.t = t
		do()
	}) {
		whole.FailNow() // the next would fail for the same reason
	}
}

// git runs git in the repository, whatever the user's own settings are.
func (w *world) git(args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = w.repo
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=Jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=Jo", "GIT_COMMITTER_EMAIL=jo@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// commit changes files of the repository.
func (w *world) commit(message string, change func()) {
	w.t.Helper()
	if change != nil {
		change()
	}
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message="+message)
}

// edit replaces text in a file of the repository; all of it must be there.
func (w *world) edit(file string, oldNew ...string) {
	w.t.Helper()
	path := filepath.Join(w.repo, folder, file)
	text := string(readFile(w.t, path))
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			w.t.Fatalf("%s has no %q", file, oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	w.write(file, text)
}

// write makes a file of the repository.
func (w *world) write(file, text string) {
	w.t.Helper()
	path := filepath.Join(w.repo, folder, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// desired is what the last commit says: a clone of the repository, built by kustomize, in the namespace.
func (w *world) desired() []*unstructured.Unstructured {
	w.t.Helper()
	clone := filepath.Join(w.t.TempDir(), "clone")
	w.git("clone", "--quiet", w.repo, clone)
	path := filepath.Join(clone, readFlux(w.t).Spec.Path)
	file := filepath.Join(path, "kustomization.yaml")
	text := append(readFile(w.t, file), []byte("\nnamespace: "+w.namespace+"\n")...) // targetNamespace
	if err := os.WriteFile(file, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	objects, err := ssautil.ReadObjects(bytes.NewReader(build(w.t, path)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.flux.SetOwnerLabels(objects, fluxName, "flux-system")
	if err := normalize.UnstructuredList(objects); err != nil {
		w.t.Fatal(err)
	}
	return objects
}

// applyOptions are those of Flux's kustomize-controller.
func applyOptions() ssa.ApplyOptions {
	o := ssa.DefaultApplyOptions()
	o.ExclusionSelector = map[string]string{fluxGroup + "/reconcile": "disabled", fluxGroup + "/ssa": "Ignore"}
	o.IfNotPresentSelector = map[string]string{fluxGroup + "/ssa": "IfNotPresent"}
	o.ForceSelector = map[string]string{fluxGroup + "/force": "enabled"}
	o.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		// What kubectl wrote, by whichever of its commands, becomes Flux's.
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: fluxManager, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{fluxGroup + "/ssa": "Merge"},
	}
	return o
}

// reconcile does what Flux does with a revision: apply it, and delete what the one before had and this one has not. It returns
// what became of each object: "Playbook/ns/rescue": created.
func (w *world) reconcile() map[string]ssa.Action {
	w.t.Helper()
	applied, err := w.flux.ApplyAllStaged(w.t.Context(), w.desired(), applyOptions())
	if err != nil {
		w.t.Fatal(err)
	}
	became := applied.ToMap()
	last := w.inventory
	w.inventory = applied.ToObjMetadataSet()
	var stale []*unstructured.Unstructured
	for _, id := range last.Diff(w.inventory) {
		mapping, err := w.RESTMapper().RESTMapping(id.GroupKind)
		if err != nil {
			w.t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(mapping.GroupVersionKind)
		u.SetNamespace(id.Namespace)
		u.SetName(id.Name)
		stale = append(stale, u)
	}
	deleted, err := w.flux.DeleteAll(w.t.Context(), stale, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        w.flux.GetOwnerLabels(fluxName, "flux-system"),
		Exclusions:        map[string]string{fluxGroup + "/prune": "disabled", fluxGroup + "/reconcile": "disabled"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.flux.WaitForSetTermination(deleted, ssa.WaitOptions{Interval: 50 * time.Millisecond, Timeout: patience}); err != nil {
		w.t.Fatal(err)
	}
	maps.Copy(became, deleted.ToMap())
	return became
}

// wait waits as Flux does until all that it applied is healthy by the rules of the example.
func (w *world) wait() {
	w.t.Helper()
	err := w.flux.WaitForSetWithContext(w.t.Context(), w.inventory, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: patience, FailFast: true})
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.describe())
	}
}

// until waits until check returns nil.
func (w *world) until(what string, check func() error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 50*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		w.t.Fatalf("%s: still not so: %v\n%s", what, last, w.describe())
	}
}

// list returns the objects of a kind.
func (w *world) list(kind string) []unstructured.Unstructured {
	w.t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	if err := w.List(context.Background(), list); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// get returns one object.
func (w *world) get(kind, name string) *unstructured.Unstructured {
	w.t.Helper()
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := w.Get(w.t.Context(), client.ObjectKey{Name: name}, obj); err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// generated are the kinds that the operator makes of what is in git.
var generated = []string{"Account", "PlaybookRun", "Task"}

// uids are the objects of some kinds, "Task/name": UID.
func (w *world) uids(kinds ...string) map[string]types.UID {
	w.t.Helper()
	uids := map[string]types.UID{}
	for _, kind := range kinds {
		for _, obj := range w.list(kind) {
			uids[kind+"/"+obj.GetName()] = obj.GetUID()
		}
	}
	return uids
}

// versions are the objects that the operator made, and at which version they are.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for _, kind := range slices.Concat(generated, []string{"AccountSet", "Playbook", "HealthScoreModel"}) {
		for _, obj := range w.list(kind) {
			versions[kind+"/"+obj.GetName()] = obj.GetResourceVersion()
		}
	}
	return versions
}

// quiet waits until the operator has nothing more to write.
func (w *world) quiet() map[string]string {
	w.t.Helper()
	var last map[string]string
	same := 0
	w.until("no write", func() error {
		now := w.versions()
		if !maps.Equal(now, last) {
			last, same = now, 0
		}
		if same++; same < 25 {
			return fmt.Errorf("the same for %d looks", same)
		}
		return nil
	})
	return last
}

// begin applies the samples and waits until the operator has nothing more to do.
func (w *world) begin() {
	w.t.Helper()
	w.commit("the samples", nil)
	w.reconcile()
	w.begun()
}

// begun waits until the operator has nothing more to do with what was applied.
func (w *world) begun() {
	w.t.Helper()
	w.wait()
	w.until("work has begun", func() error {
		for kind, least := range map[string]int{"Account": 40, "PlaybookRun": 5, "Task": 5} {
			if n := len(w.list(kind)); n < least {
				return fmt.Errorf("%d of kind %s", n, kind)
			}
		}
		return nil
	})
	w.quiet()
}

// unchanged checks that objects are still the same ones, and that none came.
func (w *world) unchanged(before map[string]types.UID, kinds ...string) {
	w.t.Helper()
	if diff := cmp.Diff(before, w.uids(kinds...)); diff != "" {
		w.t.Errorf("objects came or went: before -, after +:\n%s", diff)
	}
}

// only checks that Flux did nothing but this, "Playbook/rescue": deleted.
func (w *world) only(became map[string]ssa.Action, want map[string]ssa.Action) {
	w.t.Helper()
	is := map[string]ssa.Action{}
	for subject, action := range became {
		if action != ssa.UnchangedAction {
			is[strings.Replace(subject, "/"+w.namespace+"/", "/", 1)] = action
		}
	}
	if diff := cmp.Diff(want, is); diff != "" {
		w.t.Errorf("what Flux did: want -, got +:\n%s", diff)
	}
}

// describe is for the message of a test that failed.
func (w *world) describe() string {
	var b strings.Builder
	for _, kind := range []string{"DataSource", "AccountSet", "HealthScoreModel", "Playbook"} {
		for _, obj := range w.list(kind) {
			status, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
			text, err := yaml.Marshal(status)
			fmt.Fprintf(&b, "%s %s: %v\n%s", kind, obj.GetName(), err, text)
		}
	}
	return b.String()
}
