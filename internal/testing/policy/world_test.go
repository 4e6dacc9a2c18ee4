// Package policy tests who may write what: config/policy as it is installed, on a real API server, for real users.
package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

const config = "../../../config"

var api controlplane.Shared

func TestMain(m *testing.M) { os.Exit(api.Main(m)) }

// user is somebody who asks the API server for something.
type user struct {
	name   string
	groups []string
}

// The users of these tests.
var (
	jo       = user{"jo@example.com", []string{"perennial:csm"}}
	al       = user{"al@example.com", []string{"perennial:csm", "dev:all"}}
	editor   = user{"ed@example.com", []string{"dev:all"}}
	gitOps   = user{"system:serviceaccount:flux-system:kustomize-controller", []string{"system:serviceaccounts", "system:serviceaccounts:flux-system"}}
	operator = user{"system:serviceaccount:perennial-system:perennial-manager", []string{"system:serviceaccounts", "system:serviceaccounts:perennial-system"}}
	admin    = user{"root", []string{"system:masters"}}
)

// acme has every field of an account, and a task every field of a task.
const (
	acme = `
apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: acme, labels: {industry: fintech}, annotations: {example.com/from: git}}
spec:
  displayName: Acme Corp
  externalIDs: {crm: ["1"]}
  touchModel: HighTouch
  lifecycleStage: Adoption
  owner: jo@example.com
  team: [{role: Sponsor, user: pat@example.com}]
  contract: {startDate: "2025-02-01", arr: 120000, seats: 200}
  measurements:
  - {name: sentiment, value: Good, by: al@example.com}
  - {name: champion, value: "1"}
  healthOverride: {band: Critical, reason: sponsor left, by: al@example.com, until: "2026-12-01"}
  parentRef: {name: group}
`
	call = `
apiVersion: perennial.dev/v1alpha1
kind: Task
metadata: {name: call, labels: {perennial.dev/account: acme}, annotations: {example.com/from: playbook}}
spec:
  accountRef: {name: acme}
  runRef: {name: acme-detractor-0123456789}
  step: call
  title: Call them
  description: Ask what happened.
  state: InProgress
  outcome: Reached
  outcomes: [Reached, NoReply]
  note: They were away.
  checklist: [{name: listen}, {name: promise nothing}]
  assignee: jo@example.com
  priority: High
  dueTime: "2026-12-01T00:00:00Z"
  snooze: {until: "2026-11-20T00:00:00Z", reason: holidays}
  completedBy: al@example.com
  input: {template: winback}
`
)

// install does what the documentation says, once for all tests.
var install = sync.OnceValue(func() error {
	for _, args := range [][]string{
		{"apply", "-k", config + "/default", "--validate=strict"},
		{"wait", "crd", "--all", "--for=condition=Established", "--timeout=1m"},
		{"apply", "-k", config + "/policy", "--validate=strict"},
	} {
		if _, err := control.RunKubectl(context.Background(), args...); err != nil {
			return err
		}
	}
	return nil
})

// control is the control plane that all tests share.
var control *controlplane.ControlPlane

// world is a namespace in which jo and al are customer success managers, and ed may edit.
type world struct {
	t         *testing.T
	namespace string
}

// newWorld makes a namespace, with acme and a call in it, and waits until the policies are in force.
func newWorld(t *testing.T) *world {
	t.Helper()
	control = api.Get(t)
	if err := install(); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "policy-"}}
	if err := w.as(admin).Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w.namespace = ns.Name
	w.must(w.kubectl(admin, "create", "rolebinding", "perennial-csm", "--clusterrole=perennial-csm", "--group=perennial:csm"))
	w.must(w.kubectl(admin, "create", "rolebinding", "editors", "--clusterrole=perennial-editor", "--group=dev:all"))
	w.must(w.kubectl(admin, "create", "rolebinding", "viewers", "--clusterrole=perennial-viewer", "--group=dev:all"))
	w.must(w.kubectl(admin, "create", "rolebinding", "gitops", "--clusterrole=perennial-editor", "--group=system:serviceaccounts:flux-system"))
	w.must(w.kubectl(admin, "create", "rolebinding", "gitops-view", "--clusterrole=perennial-viewer", "--group=system:serviceaccounts:flux-system"))
	w.make(acme)
	w.make(call)
	w.until("the policies are in force", func() error {
		for resource, patch := range map[string]string{"account": `{"spec":{"owner":"x"}}`, "task": `{"metadata":{"labels":{"a":"b"}}}`} {
			if err := w.try(jo, resource, patch); err == nil || !strings.Contains(err.Error(), "members of perennial:csm") {
				return fmt.Errorf("a change of the %s: %w", resource, err)
			}
			if err := w.as(al).Delete(t.Context(), w.object(resource), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "members of perennial:csm") {
				return fmt.Errorf("to delete the %s: %w", resource, err)
			}
		}
		return w.try(editor, "task", `{"spec":{"note":"x"}}`)
	})
	w.until("the signature is filled in", func() error {
		task := w.object("task")
		err := w.as(jo).Patch(t.Context(), task, merge(`{"spec":{"state":"Done","completedBy":null}}`), client.DryRunAll)
		if by, _, _ := unstructured.NestedString(task.Object, "spec", "completedBy"); err == nil && by == "" {
			err = errors.New("it is not there")
		}
		return err
	})
	return w
}

// until waits until check returns nil.
func (w *world) until(what string, check func() error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		w.t.Fatalf("%s: still not so: %v", what, last)
	}
}

// as is a client of a user.
func (w *world) as(u user) client.Client {
	w.t.Helper()
	c := control.Config()
	c.Impersonate = rest.ImpersonationConfig{UserName: u.name, Groups: u.groups}
	cl, err := client.New(c, client.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.namespace == "" {
		return cl
	}
	return client.NewNamespacedClient(cl, w.namespace)
}

// kubectl is what a user types.
func (w *world) kubectl(u user, args ...string) (string, error) {
	w.t.Helper()
	who := []string{"-n", w.namespace, "--as=" + u.name}
	for _, group := range u.groups {
		who = append(who, "--as-group="+group)
	}
	return control.RunKubectl(w.t.Context(), append(who, args...)...)
}

func (w *world) must(out string, err error) string {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// make makes an object as the administrator does.
func (w *world) make(manifest string) *unstructured.Unstructured {
	w.t.Helper()
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &obj.Object); err != nil {
		w.t.Fatal(err)
	}
	if err := w.as(admin).Create(w.t.Context(), obj); err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// object names acme or the call.
func (w *world) object(resource string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(v1alpha1.GroupVersion.String())
	switch resource {
	case "account":
		obj.SetKind("Account")
		obj.SetName("acme")
	case "task":
		obj.SetKind("Task")
		obj.SetName("call")
	default:
		w.t.Fatalf("there is no %s here", resource)
	}
	return obj
}

// merge is a merge patch.
func merge(patch string) client.Patch {
	return client.RawPatch("application/merge-patch+json", []byte(patch))
}

// try asks whether a user may patch acme or the call, and changes nothing.
func (w *world) try(u user, resource, patch string) error {
	w.t.Helper()
	return w.as(u).Patch(w.t.Context(), w.object(resource), merge(patch), client.DryRunAll)
}

// allowed checks that a user may do something.
func (w *world) allowed(u user, resource, patch string) {
	w.t.Helper()
	if err := w.try(u, resource, patch); err != nil {
		w.t.Errorf("%s may not change the %s by %s: %v", u.name, resource, patch, err)
	}
}

// refused checks that a user may not do something, and that the policy's words say which field it is about.
func (w *world) refused(u user, resource, patch string, words ...string) {
	w.t.Helper()
	err := w.try(u, resource, patch)
	if !apierrors.IsForbidden(err) {
		w.t.Errorf("%s changes the %s by %s: %v", u.name, resource, patch, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("%s changes the %s by %s: no %q in: %v", u.name, resource, patch, word, err)
		}
	}
}

// read returns a field of acme or the call, as text.
func (w *world) read(resource, path string) string {
	w.t.Helper()
	return w.must(w.kubectl(admin, "get", resource, w.object(resource).GetName(), "-o", "jsonpath={"+path+"}"))
}
