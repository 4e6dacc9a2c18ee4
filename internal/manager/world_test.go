package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
	"github.com/perennial-dev/perennial/internal/testing/kstatus"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../config/crd/bases", ControllerManager: true}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(&operatorLog), zap.UseDevMode(true)))
	api.Main(m)
}

// world is a namespace with an operator over it, whose clock the test moves.
type world struct {
	t         *testing.T
	namespace string
	// clock is the operator's, for the test to move; nil in real time.
	clock *clocktesting.FakePassiveClock
	// tells the operator the time: clock, or the real one.
	tells    clock.PassiveClock
	dataRoot string
	client.Client
	// sourceWorkers is how many sources are read at once; 0 is the operator's default.
	sourceWorkers int
	// settleTime is how long a change of the configuration holds back what it starts and ends.
	settleTime time.Duration
	// location is the time zone of days; nil is UTC.
	location *time.Location
	// evaluated is called with every account that was evaluated; nil: nothing is.
	evaluated func(types.NamespacedName)

	manager *Manager
	stop    func()
}

// newWorld makes a namespace and starts an operator over it, whose clock stands still until the test moves it.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	// What the API server stamps is in real time, so the operator's clock begins there, once the test's turn has come.
	moved := clocktesting.NewFakePassiveClock(time.Now().UTC().Truncate(time.Second))
	w := newWorldWith(t, moved, 0)
	w.clock = moved
	return w
}

// newWorldInRealTime is a world in which nobody moves the clock and nobody wakes anything: what changes with the time does
// so by itself, or not at all. settle is how long a change of the configuration holds back what it starts and ends.
func newWorldInRealTime(t *testing.T, settle time.Duration) *world {
	t.Helper()
	t.Parallel()
	return newWorldWith(t, clock.RealClock{}, settle)
}

func newWorldWith(t *testing.T, tells clock.PassiveClock, settle time.Duration) *world {
	t.Helper()
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
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "world-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, namespace: ns.Name, Client: client.NewNamespacedClient(c, ns.Name), dataRoot: t.TempDir(),
		tells: tells, settleTime: settle,
	}
	w.start()
	t.Cleanup(func() {
		if !t.Failed() {
			w.quiet()
		}
		w.stop()
		if !t.Failed() {
			kstatus.CheckAll(t, c, w.namespace)
		}
	})
	return w
}

// start runs the operator.
func (w *world) start() {
	w.t.Helper()
	m, err := New(api.Get(w.t).Config(), Options{Namespaces: []string{w.namespace}, Clock: w.tells, DataRoot: w.dataRoot, AllowLoopback: true, SourceWorkers: w.sourceWorkers, Settle: w.settleTime, Location: w.location, evaluated: w.evaluated})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	w.manager = m
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the operator ended with: %v", err)
		}
	}
	if !m.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("the operator's cache did not fill")
	}
}

// restart stops the operator and starts it again.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// pass moves the clock on and has everything looked at.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.clock.SetTime(w.clock.Now().Add(d))
	if err := w.manager.Wake(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// apply makes or changes the objects of a YAML stream.
func (w *world) apply(stream string) {
	w.t.Helper()
	for doc := range strings.SplitSeq(stream, "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		obj := map[string]any{}
		if err := yaml.Unmarshal([]byte(doc), &obj); err != nil {
			w.t.Fatalf("%v in:\n%s", err, doc)
		}
		u := toUnstructured(obj)
		err := w.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership)
		if err != nil {
			w.t.Fatalf("apply %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// until waits until check returns nil.
func (w *world) until(what string, check func() error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		w.t.Fatalf("%s: still not so: %v\n%s", what, last, w.describe())
	}
}

// account reads an account.
func (w *world) account(name string) (*v1alpha1.Account, error) {
	var a v1alpha1.Account
	err := w.Get(context.Background(), client.ObjectKey{Name: name}, &a)
	return &a, err
}

// health waits until an account has a score and a band.
func (w *world) health(name string, score int32, band v1alpha1.BandName) {
	w.t.Helper()
	w.until(fmt.Sprintf("account %s at %d %s", name, score, band), func() error {
		a, err := w.account(name)
		if err != nil {
			return err
		}
		h := a.Status.Health
		if h == nil || h.Score == nil || *h.Score != score || h.Band != band {
			return fmt.Errorf("health is %s", asYAML(h))
		}
		return nil
	})
}

// episode waits until an account's episode of a playbook is in a state.
func (w *world) episode(account, playbook string, state v1alpha1.EpisodeState, sequence int64) {
	w.t.Helper()
	w.until(fmt.Sprintf("episode %s of %s in %s/%d", playbook, account, state, sequence), func() error {
		a, err := w.account(account)
		if err != nil {
			return err
		}
		for _, e := range a.Status.Playbooks {
			if e.Name == playbook && e.State == state && e.Sequence == sequence {
				return nil
			}
		}
		return fmt.Errorf("episodes are %s", asYAML(a.Status.Playbooks))
	})
}

// tasks returns the tasks by step, of all runs: "step": task. A step that is there twice is an error.
func (w *world) tasks() (map[string]v1alpha1.Task, error) {
	var list v1alpha1.TaskList
	if err := w.List(context.Background(), &list); err != nil {
		return nil, err
	}
	tasks := map[string]v1alpha1.Task{}
	for _, task := range list.Items {
		if _, ok := tasks[string(task.Spec.Step)]; ok {
			return nil, fmt.Errorf("two tasks of step %s", task.Spec.Step)
		}
		tasks[string(task.Spec.Step)] = task
	}
	return tasks, nil
}

// taskStates waits until the tasks are exactly these, by step.
func (w *world) taskStates(want map[string]v1alpha1.TaskState) map[string]v1alpha1.Task {
	w.t.Helper()
	var tasks map[string]v1alpha1.Task
	w.until(fmt.Sprintf("tasks %v", want), func() error {
		var err error
		if tasks, err = w.tasks(); err != nil {
			return err
		}
		is := map[string]v1alpha1.TaskState{}
		for step, task := range tasks {
			is[step] = task.Status.State
		}
		if fmt.Sprint(is) != fmt.Sprint(want) {
			return fmt.Errorf("tasks are %v", is)
		}
		return nil
	})
	return tasks
}

// finish does what a person does with kubectl patch.
func (w *world) finish(task v1alpha1.Task, patch string) {
	w.t.Helper()
	if err := w.Patch(context.Background(), &task, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.t.Fatal(err)
	}
}

// count returns how many objects of a kind there are.
func (w *world) count(list client.ObjectList) (int, error) {
	err := w.List(context.Background(), list)
	return meta.LenList(list), err
}

// versions are the resource versions of all that the operator writes, DataSources aside.
func (w *world) versions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for _, list := range []client.ObjectList{
		&v1alpha1.AccountList{}, &v1alpha1.AccountSetList{}, &v1alpha1.HealthScoreModelList{},
		&v1alpha1.PlaybookList{}, &v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{}, &v1alpha1.NotifierList{},
	} {
		if err := w.List(context.Background(), list); err != nil {
			w.t.Fatal(err)
		}
		if err := eachItem(list, func(obj client.Object) { versions[fmt.Sprintf("%T/%s", obj, obj.GetName())] = obj.GetResourceVersion() }); err != nil {
			w.t.Fatal(err)
		}
	}
	return versions
}

// describe writes what there is, for the message of a failed test.
func (w *world) describe() string {
	var b strings.Builder
	for _, list := range []client.ObjectList{&v1alpha1.DataSourceList{}, &v1alpha1.HealthScoreModelList{}, &v1alpha1.PlaybookList{}, &v1alpha1.PlaybookRunList{}, &v1alpha1.AccountList{}} {
		if err := w.List(context.Background(), list); err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		_ = eachItem(list, func(obj client.Object) { obj.SetManagedFields(nil) })
		b.WriteString(asYAML(list))
	}
	return b.String()
}
