//go:build unix

package ravenstack

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manager"
	"github.com/perennial-dev/perennial/internal/testing/kstatus"
)

// now is the moment at which everything happens: the data ends on this day.
var now = time.Date(2024, time.December, 31, 9, 0, 0, 0, time.UTC)

// patience bounds the wait for a condition. All accounts at once take some seconds on a machine that does nothing else.
const patience = 2 * time.Minute

// world is a namespace with the objects of testdata/objects.yaml over one database, and the operator.
type world struct {
	client.Client
	t        *testing.T
	database *database

	namespace string
	requests  int
	// cache is the operator's view, for checks that look at every account again and again.
	cache client.Reader
	stop  func()
}

// newWorld loads the database and makes the namespace with what is in it. No operator runs yet.
func newWorld(t *testing.T, d *database, tables map[string]table) *world {
	t.Helper()
	d.load(tables)
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
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ravenstack-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w := &world{
		Client: client.NewNamespacedClient(c, namespace.Name), t: t, database: d, namespace: namespace.Name, stop: func() {},
	}
	t.Cleanup(func() {
		w.stop()
		if !t.Failed() {
			kstatus.CheckAll(t, c, w.namespace)
		}
	})
	if d.secret != nil {
		if err := w.Create(t.Context(), d.secret); err != nil {
			t.Fatal(err)
		}
	}
	w.declare()
	return w
}

// declare applies the objects.
func (w *world) declare() {
	w.t.Helper()
	for doc := range strings.SplitSeq(readFile(w.t, "objects.yaml"), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			w.t.Fatal(err)
		}
		if u.GetKind() == "DataSource" {
			from := w.database.source
			from.Query = readFile(w.t, u.GetName()+".sql")
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&from)
			if err != nil {
				w.t.Fatal(err)
			}
			if err := unstructured.SetNestedMap(u.Object, content, "spec", "sql"); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := w.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test")); err != nil {
			w.t.Fatalf("apply %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// start runs an operator until stop is called.
func (w *world) start() {
	w.t.Helper()
	m, err := manager.New(api.Get(w.t).Config(), manager.Options{
		Namespaces: []string{w.namespace}, DataRoot: w.database.dataRoot, AllowLoopback: true,
		Clock: clocktesting.NewFakePassiveClock(now),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.cache = m.GetClient()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Start(ctx) }()
	w.stop = func() {
		cancel()
		w.stop = func() {}
		if err := <-done; err != nil {
			w.t.Errorf("the operator ended with: %v", err)
		}
	}
	if !m.GetCache().WaitForCacheSync(ctx) {
		w.t.Fatal("the operator's cache did not fill")
	}
}

// until waits until check returns nil.
func (w *world) until(what string, check func() error) {
	w.t.Helper()
	began := time.Now()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 100*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		w.t.Fatalf("%s: still not so: %v\n%s", what, last, w.conditions())
	}
	w.t.Logf("%s: after %s", what, time.Since(began).Round(time.Millisecond))
}

// conditions describes what was declared, for the message of a test that failed.
func (w *world) conditions() string {
	var b strings.Builder
	for _, kind := range []string{"DataSourceList", "AccountSetList", "HealthScoreModelList", "PlaybookList"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		if err := w.List(context.Background(), list); err != nil {
			fmt.Fprintln(&b, err)
			continue
		}
		for i := range list.Items {
			text, err := yaml.Marshal(list.Items[i].Object["status"])
			fmt.Fprintf(&b, "%s %s: %v\n%s", list.Items[i].GetKind(), list.Items[i].GetName(), err, text)
		}
	}
	return b.String()
}

// difference is what cmp.Diff says, cut to what a person reads.
func difference(want, got any) string {
	const most = 80
	lines := strings.SplitAfterN(cmp.Diff(want, got), "\n", most+1)
	if len(lines) > most {
		lines[most] = "and more\n"
	}
	return strings.Join(lines, "")
}

// readSources has every source read now, and waits until each was, with or without success.
func (w *world) readSources(available metav1.ConditionStatus, reason string) {
	w.t.Helper()
	w.requests++
	request := fmt.Sprint(w.requests)
	for _, name := range sources {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRequestedAt, request)
		ds := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := w.Patch(w.t.Context(), ds, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
			w.t.Fatal(err)
		}
	}
	w.until("the sources were read again", func() error { return w.sourcesAre(available, reason, request) })
}

// sourcesAre checks that every source has acted on a request, and how its latest read went.
func (w *world) sourcesAre(available metav1.ConditionStatus, reason, request string) error {
	var list v1alpha1.DataSourceList
	if err := w.List(w.t.Context(), &list); err != nil {
		return err
	}
	for i := range list.Items {
		ds := &list.Items[i]
		if ds.Status.LastHandledRequestedAt != request {
			return fmt.Errorf("source %s has not acted on the request", ds.Name)
		}
		for _, c := range ds.Status.Conditions {
			if c.Type == v1alpha1.ConditionAvailable && (c.Status != available || c.Reason != reason) {
				return fmt.Errorf("source %s: Available is %s, %s: %s", ds.Name, c.Status, c.Reason, c.Message)
			}
		}
	}
	return nil
}
