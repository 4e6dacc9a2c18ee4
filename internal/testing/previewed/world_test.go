// Package previewed holds perennial plan to what it promises: what it foretells of a change is what the operator does when
// the change is made, on a real API server, object by object.
package previewed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/cli"
	"github.com/perennial-dev/perennial/internal/manager"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/preview"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

const (
	samples = "../../../config/samples"
	// settle is how long nothing of the configuration may have changed before runs start. It is short: the API server stamps
	// what the operator makes in real time, which the clock of the test must not leave far behind.
	settle = 2 * time.Second
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases", ControllerManager: true}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(log.Log.WithSink(log.NullLogSink{}))
	os.Exit(api.Main(m))
}

// world is the sample company in a namespace, with an operator over it whose clock the test moves.
type world struct {
	t         *testing.T
	namespace string
	clock     *clocktesting.FakePassiveClock
	manager   *manager.Manager
	operator  string
	// folder is a clone of the samples, which a change edits.
	folder string
	client.Client
}

// newWorld applies the samples and lets the operator work.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(api.Get(t).Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "previewed-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, namespace: ns.Name, Client: client.NewNamespacedClient(c, ns.Name), folder: t.TempDir(),
		// What the API server stamps is in real time, so the operator's clock begins there.
		clock: clocktesting.NewFakePassiveClock(time.Now().UTC().Truncate(time.Second)),
	}
	if err := os.CopyFS(w.folder, os.DirFS(samples)); err != nil {
		t.Fatal(err)
	}
	w.allow(c)
	w.start()
	w.apply()
	w.quiet()
	w.pass(settle)
	w.quiet()
	return w
}

// allow lets a service account read what the operator holds.
func (w *world) allow(c client.Client) {
	w.t.Helper()
	name := "reader-" + w.namespace
	for _, obj := range []client.Object{
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: w.namespace}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/snapshot/" + w.namespace}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "reader", Namespace: w.namespace}},
		},
	} {
		if err := c.Create(w.t.Context(), obj); err != nil {
			w.t.Fatal(err)
		}
	}
}

// start runs the operator.
func (w *world) start() {
	w.t.Helper()
	port, err := controlplane.FreePort(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	w.operator = "https://" + address
	w.manager, err = manager.New(api.Get(w.t).Config(), manager.Options{
		Namespaces: []string{w.namespace}, Clock: w.clock, Settle: settle, MetricsAddress: address, MetricsSecure: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.manager.Start(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the operator ended with: %v", err)
		}
	})
	if !w.manager.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("the operator's cache did not fill")
	}
}

// load reads the folder.
func (w *world) load() *manifest.Set {
	w.t.Helper()
	set, err := manifest.Load(w.t.Context(), manifest.Options{Kustomize: []string{w.folder}})
	if err != nil || len(set.Problems) > 0 {
		w.t.Fatalf("the samples cannot be read: %v %v", err, set)
	}
	return set
}

// apply applies the folder, and deletes what an earlier one had, as GitOps does.
func (w *world) apply(before ...*manifest.Set) {
	w.t.Helper()
	there := map[string]bool{}
	for _, o := range w.load().Objects {
		there[o.String()] = true
		u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(o.Raw)}
		u.SetNamespace(w.namespace)
		if err := w.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("git"), client.ForceOwnership); err != nil {
			w.t.Fatalf("apply %s: %v", o, err)
		}
	}
	for _, set := range before {
		for _, o := range set.Objects {
			if there[o.String()] {
				continue
			}
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(o.GVK)
			u.SetName(o.Name)
			if err := w.Delete(w.t.Context(), u); err != nil {
				w.t.Fatalf("delete %s: %v", o, err)
			}
		}
	}
}

// follow moves the clock on to the real time, which the API server's stamps are of.
func (w *world) follow() {
	w.t.Helper()
	if behind := time.Now().UTC().Truncate(time.Second).Sub(w.clock.Now()); behind > 0 {
		w.pass(behind)
		w.quiet()
	}
}

// pass moves the clock on and has everything looked at.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.clock.SetTime(w.clock.Now().Add(d))
	if err := w.manager.Wake(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// kinds are all that the operator writes.
func kinds() []client.ObjectList {
	return []client.ObjectList{
		&v1alpha1.AccountList{}, &v1alpha1.AccountSetList{}, &v1alpha1.HealthScoreModelList{}, &v1alpha1.PlaybookList{},
		&v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{}, &v1alpha1.DataSourceList{},
	}
}

// quiet waits until nothing was written for a while that is long against a reconcile.
func (w *world) quiet() {
	w.t.Helper()
	last, same := "", 0
	err := wait.PollUntilContextTimeout(w.t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var versions []string
		for _, list := range kinds() {
			if err := w.List(ctx, list); err != nil {
				return false, err
			}
			if err := meta.EachListItem(list, func(o runtime.Object) error {
				versions = append(versions, fmt.Sprintf("%T/%s %s", o, o.(client.Object).GetName(), o.(client.Object).GetResourceVersion()))
				return nil
			}); err != nil {
				return false, err
			}
		}
		if now := strings.Join(versions, "\n"); now != last {
			last, same = now, 0
		}
		same++
		return same > 10, nil
	})
	if err != nil {
		w.t.Fatalf("the operator does not come to rest: %v", err)
	}
}

// edit changes a file of the folder, as a branch does.
func (w *world) edit(file, before, after string) {
	w.t.Helper()
	path := filepath.Join(w.folder, file)
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	if n := strings.Count(string(text), before); n != 1 {
		w.t.Fatalf("%s: %q is there %d times", file, before, n)
	}
	w.write(file, strings.Replace(string(text), before, after, 1))
}

// write writes a file of the folder.
func (w *world) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, file), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// plan runs the command as a person does, and returns its exit code with what it printed.
func (w *world) plan(args ...string) (code int, out, errOut string) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	env := cli.Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}, Clock: w.clock,
		Getenv: func(string) string { return "" }, Name: "perennial",
	}
	code = cli.Run(w.t.Context(), env, slices.Concat([]string{
		"plan", "--kubeconfig", api.Get(w.t).KubeconfigPath(), "-n", w.namespace, "-k", w.folder, "--operator", w.operator,
		"--operator-insecure-skip-tls-verify", "--operator-service-account", w.namespace + "/reader",
	}, args))
	return code, stdout.String(), stderr.String()
}

// foretold is the plan as data.
func (w *world) foretold(args ...string) *preview.Preview {
	w.t.Helper()
	code, out, errOut := w.plan(append(args, "-o", "json")...)
	p := &preview.Preview{}
	if code == cli.ExitError || errOut != "" {
		w.t.Fatalf("plan ends with %d: %s", code, errOut)
	}
	if err := json.Unmarshal([]byte(out), p); err != nil {
		w.t.Fatalf("%v in\n%s", err, out)
	}
	if changes := p.Changes(); changes != (code == cli.ExitChanges) {
		w.t.Errorf("plan ends with %d, and something changes: %t", code, changes)
	}
	return p
}
