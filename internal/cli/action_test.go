package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

// actionNow is the time of these tests.
var actionNow = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

// user is somebody who types commands.
type user struct {
	name   string
	groups []string
}

// The users of these tests. jo and al are customer success managers.
var (
	jo    = user{"jo@example.com", []string{"perennial:csm"}}
	al    = user{"al@example.com", []string{"perennial:csm"}}
	admin = user{"root", []string{"system:masters"}}
	// guest may do nothing at all.
	guest = user{"guest@example.com", nil}
)

// installPolicy installs the roles and the policies, once for all tests.
var installPolicy = sync.OnceValue(func() error {
	for _, folder := range []string{"default", "policy"} {
		if _, err := actionAPI.RunKubectl(context.Background(), "apply", "-k", "../../config/"+folder, "--validate=strict"); err != nil {
			return err
		}
	}
	return nil
})

// actionAPI is the API that installPolicy installs to.
var actionAPI *controlplane.ControlPlane

// desk is a namespace in which jo and al are customer success managers, and people type commands.
type desk struct {
	t         *testing.T
	namespace string
	env       map[string]string
	// types is what is typed while a command asks; nil where nobody sits there.
	types io.Reader
}

// newDesk makes a namespace with roles and policies in force.
func newDesk(t *testing.T) *desk {
	t.Helper()
	actionAPI = api.Get(t)
	if err := installPolicy(); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, env: map[string]string{}}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "desk-"}}
	if err := d.as(admin).Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	d.namespace = ns.Name
	d.kubectl("create", "rolebinding", "perennial-csm", "--clusterrole=perennial-csm", "--group=perennial:csm")
	d.make("Account", "probe", `{spec: {owner: jo@example.com}}`)
	d.make("Task", "probe", `{spec: {accountRef: {name: probe}, title: Probe}}`)
	d.until("the policies are in force", func() error {
		account := d.get("Account", "probe")
		err := d.as(jo).Patch(t.Context(), account, mergePatch(`{"spec":{"owner":"x"}}`), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "members of perennial:csm") {
			return fmt.Errorf("a change of the account: %w", err)
		}
		task := d.get("Task", "probe")
		err = d.as(jo).Patch(t.Context(), task, mergePatch(`{"spec":{"state":"Done"}}`), client.DryRunAll)
		if by, _, _ := unstructured.NestedString(task.Object, "spec", "completedBy"); err == nil && by == "" {
			err = errors.New("the signature is not filled in")
		}
		return err
	})
	return d
}

// until waits until check returns nil.
func (d *desk) until(what string, check func() error) {
	d.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(d.t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		d.t.Fatalf("%s: still not so: %v", what, last)
	}
}

// as is a client of a user.
func (d *desk) as(u user) client.Client {
	d.t.Helper()
	c := actionAPI.Config()
	c.Impersonate = rest.ImpersonationConfig{UserName: u.name, Groups: u.groups}
	cl, err := client.New(c, client.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	return cl
}

// kubectl is what the administrator types.
func (d *desk) kubectl(args ...string) string {
	d.t.Helper()
	out, err := actionAPI.RunKubectl(d.t.Context(), append([]string{"-n", d.namespace}, args...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// make makes an object as the administrator does.
func (d *desk) make(kind, name, content string) *unstructured.Unstructured {
	d.t.Helper()
	obj := d.object(kind, name, content)
	if err := d.as(admin).Create(d.t.Context(), obj, client.FieldOwner("maker")); err != nil {
		d.t.Fatal(err)
	}
	return obj
}

// object writes an object.
func (d *desk) object(kind, name, content string) *unstructured.Unstructured {
	d.t.Helper()
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(content), &obj.Object); err != nil {
		d.t.Fatal(err)
	}
	obj.SetAPIVersion("perennial.dev/v1alpha1")
	obj.SetKind(kind)
	obj.SetName(name)
	obj.SetNamespace(d.namespace)
	return obj
}

// says sets an object's status, as the operator does.
func (d *desk) says(kind, name, status string) {
	d.t.Helper()
	d.until("the status is written", func() error {
		obj := d.get(kind, name)
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(status), &content); err != nil {
			d.t.Fatal(err)
		}
		if _, ok := content["observedGeneration"]; !ok {
			content["observedGeneration"] = obj.GetGeneration()
		}
		old, _ := obj.Object["status"].(map[string]any)
		merged := maps.Clone(old)
		if merged == nil {
			merged = map[string]any{}
		}
		maps.Copy(merged, content)
		obj.Object["status"] = merged
		err := d.as(admin).Status().Update(d.t.Context(), obj, client.FieldOwner("operator"))
		if err != nil && !apierrors.IsConflict(err) {
			d.t.Fatal(err)
		}
		return err
	})
}

// get reads an object.
func (d *desk) get(kind, name string) *unstructured.Unstructured {
	d.t.Helper()
	obj := d.object(kind, name, "{}")
	if err := d.as(admin).Get(d.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
		d.t.Fatal(err)
	}
	return obj
}

// spec reads an object's spec, as YAML in one form.
func (d *desk) spec(kind, name string, fields ...string) string {
	d.t.Helper()
	value, _, err := unstructured.NestedFieldNoCopy(d.get(kind, name).Object, append([]string{"spec"}, fields...)...)
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// typist is a terminal.
type typist struct{ io.Reader }

func (typist) IsTerminal() bool { return true }

// answers has somebody sit there who types this.
func (d *desk) answers(text string) { d.types = typist{strings.NewReader(text)} }

// mergePatch is a merge patch.
func mergePatch(patch string) client.Patch {
	return client.RawPatch("application/merge-patch+json", []byte(patch))
}

// run types a command, and returns what it says on both streams.
func (d *desk) run(u user, args ...string) (out, errOut string, code int) {
	d.t.Helper()
	return d.interrupted(u, nil, args...)
}

// interrupted types a command, and something happens between its first reading and its first writing.
func (d *desk) interrupted(u user, meanwhile func(), args ...string) (out, errOut string, code int) {
	d.t.Helper()
	var o, e bytes.Buffer
	in := d.types
	if in == nil {
		in = strings.NewReader("")
	}
	all := []string{"--kubeconfig", actionAPI.KubeconfigPath(), "-n", d.namespace, "--as", u.name}
	for _, group := range u.groups {
		all = append(all, "--as-group", group)
	}
	a := &app{flags: newConfigFlags(), Env: Env{
		IOStreams: genericiooptions.IOStreams{In: in, Out: &o, ErrOut: &e},
		Clock:     clocktesting.NewFakePassiveClock(actionNow),
		Getenv:    func(key string) string { return d.env[key] },
		Name:      "perennial",
	}}
	if meanwhile != nil {
		a.connect = func() (client.Client, error) { return interruptedClient(u, meanwhile) }
	}
	root := newRoot(a)
	root.SetArgs(append(all, args...))
	err := root.ExecuteContext(d.t.Context())
	var ended *exitError
	switch {
	case errors.As(err, &ended) && ended.err == nil:
		code = ended.code
	case err != nil:
		_, _ = fmt.Fprintln(&e, "Error:", err)
		code = ExitError
	}
	return o.String(), e.String(), code
}

// interruptedClient is a client before whose first write something happens.
func interruptedClient(u user, meanwhile func()) (client.Client, error) {
	cfg := actionAPI.Config()
	cfg.Impersonate = rest.ImpersonationConfig{UserName: u.name, Groups: u.groups}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	first := sync.OnceFunc(meanwhile)
	return interceptor.NewClient(c, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			first()
			return c.Patch(ctx, obj, patch, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			first()
			return c.Apply(ctx, obj, opts...)
		},
	}), nil
}

// ok types a command that works, and checks what it answers.
func (d *desk) ok(u user, want string, args ...string) {
	d.t.Helper()
	out, errOut, code := d.run(u, args...)
	if code != ExitOK || !strings.Contains(out, want) {
		d.t.Errorf("%s: perennial %s: exit code %d, wanted %q:\n%s%s", u.name, strings.Join(args, " "), code, want, out, errOut)
	}
}

// refused types a command that fails, and checks what it says.
func (d *desk) refused(u user, want string, args ...string) {
	d.t.Helper()
	out, errOut, code := d.run(u, args...)
	if code != ExitError || !strings.Contains(errOut, want) {
		d.t.Errorf("%s: perennial %s: exit code %d, wanted %q:\n%s%s", u.name, strings.Join(args, " "), code, want, out, errOut)
	}
}

// wants compares texts.
func (d *desk) wants(what, got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Errorf("%s is:\n%s\nwant:\n%s", what, got, want)
	}
}
