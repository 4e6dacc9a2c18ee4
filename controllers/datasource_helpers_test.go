package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
)

// fakeDatabase is a source that gives what the test says.
type fakeDatabase struct {
	rows  []string // "id value", or "id value time"
	err   error
	reads int
	// asked is what the last read was for.
	asked observe.Request
	// warnings and since are said of what is read.
	warnings []string
	since    bool
	// forgotten counts how often it was told to let go.
	forgotten int
}

// Open implements observe.Provider.
func (f *fakeDatabase) Open(*v1alpha1.DataSource, observe.Dependencies) (observe.Reader, error) {
	return f, nil
}

// Forget implements observe.Provider.
func (f *fakeDatabase) Forget(types.NamespacedName) { f.forgotten++ }

func (f *fakeDatabase) Read(_ context.Context, req observe.Request) (*observe.Table, error) {
	f.reads++
	f.asked = req
	if f.err != nil {
		return nil, f.err
	}
	t := &observe.Table{Columns: []string{"org", "n", "at"}, Warnings: f.warnings}
	if len(f.warnings) > 0 {
		t.Incomplete = []string{"n"}
	}
	if f.since {
		t.Since = req.Since
	}
	for _, r := range f.rows {
		fields := append(strings.Split(r, " "), "")
		t.Rows = append(t.Rows, []observe.Cell{{Text: fields[0]}, {Text: fields[1]}, {Text: fields[2]}})
	}
	return t, nil
}

// many sets a number of rows.
func (f *fakeDatabase) many(n int) {
	f.rows = nil
	for i := range n {
		f.rows = append(f.rows, fmt.Sprintf("org%d 1", i))
	}
}

// sourceTest drives a reconciler by hand, on a real API server and a clock that stands still.
type sourceTest struct {
	*testing.T
	client    client.Client // without a cache
	namespace string
	clock     *clocktesting.FakePassiveClock
	database  *fakeDatabase
	mgr       ctrl.Manager
	r         *DataSourceReconciler
	accounts  workqueue.TypedRateLimitingInterface[reconcile.Request]
	events    *events.FakeRecorder
}

func newSourceTest(t *testing.T) *sourceTest {
	t.Helper()
	c, ns := testClient(t)
	s := &sourceTest{
		T: t, client: c, namespace: ns, database: &fakeDatabase{},
		clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)),
	}
	startManager(t, ns, func(mgr ctrl.Manager) error {
		s.mgr = mgr
		// What the reconciler reads is in the cache once the cache has started.
		for _, obj := range []client.Object{&v1alpha1.DataSource{}, &v1alpha1.Account{}, &v1alpha1.AccountSet{}} {
			if _, err := mgr.GetCache().GetInformer(t.Context(), obj); err != nil {
				return err
			}
		}
		return nil
	})
	s.restart()
	return s
}

// restart begins with a new reconciler, as the operator does: nothing is in memory.
func (s *sourceTest) restart() {
	s.Helper()
	s.accounts = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	s.Cleanup(s.accounts.ShutDown)
	waker := &AccountWaker{Client: s.mgr.GetClient()}
	if err := waker.Source().Start(s.Context(), s.accounts); err != nil {
		s.Fatal(err)
	}
	s.events = events.NewFakeRecorder(100)
	s.r = &DataSourceReconciler{
		Client: s.mgr.GetClient(), Clock: s.clock, Store: observe.NewStore(), Accounts: waker, Recorder: s.events,
		Registry: observe.Registry{
			observe.ProviderConfigMap:  observe.Factory(configmap.New),
			observe.ProviderSQL:        s.database,
			observe.ProviderHTTP:       s.database,
			observe.ProviderPrometheus: s.database,
		},
		Dependencies: observe.Dependencies{Keys: observe.KeysFrom(s.client)},
	}
}

// newDataSource is a source that the fake database answers.
func newDataSource(namespace string) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usage"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"},
			Metrics: []v1alpha1.Metric{{Name: "n", Type: v1alpha1.MetricNumber}},
			SQL: &v1alpha1.SQLSource{
				Driver: v1alpha1.DriverPostgres, Query: "select org, n from usage", DSNSecretRef: &v1alpha1.KeyReference{Name: "warehouse", Key: "dsn"},
			},
		},
	}
}

// source creates the source and accounts of the given names.
func (s *sourceTest) source(change func(*v1alpha1.DataSource), accounts ...string) {
	s.Helper()
	for _, name := range accounts {
		s.create(&v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}})
	}
	ds := newDataSource(s.namespace)
	if change != nil {
		change(ds)
	}
	s.create(ds)
}

// create makes an object and waits until the cache has it.
func (s *sourceTest) create(obj client.Object) {
	s.Helper()
	if err := s.client.Create(s.Context(), obj); err != nil {
		s.Fatal(err)
	}
	s.cached(obj)
}

// cached waits until the cache has this version of an object.
func (s *sourceTest) cached(obj client.Object) {
	s.Helper()
	eventually(s.T, func() error {
		known := obj.DeepCopyObject().(client.Object)
		if err := s.mgr.GetClient().Get(s.Context(), client.ObjectKeyFromObject(obj), known); err != nil {
			return err
		}
		if known.GetResourceVersion() != obj.GetResourceVersion() {
			return fmt.Errorf("the cache has version %s, not %s", known.GetResourceVersion(), obj.GetResourceVersion())
		}
		return nil
	})
}

// get returns the source as the API server has it.
func (s *sourceTest) get() *v1alpha1.DataSource {
	s.Helper()
	var ds v1alpha1.DataSource
	if err := s.client.Get(s.Context(), s.key(), &ds); err != nil {
		s.Fatal(err)
	}
	return &ds
}

func (s *sourceTest) key() client.ObjectKey {
	return client.ObjectKey{Namespace: s.namespace, Name: "usage"}
}

// edit changes the source as a person does.
func (s *sourceTest) edit(change func(*v1alpha1.DataSource)) {
	s.Helper()
	ds := s.get()
	change(ds)
	if err := s.client.Update(s.Context(), ds); err != nil {
		s.Fatal(err)
	}
}

// annotate sets an annotation of the source.
func (s *sourceTest) annotate(name, value string) {
	s.Helper()
	s.edit(func(ds *v1alpha1.DataSource) { metav1.SetMetaDataAnnotation(&ds.ObjectMeta, name, value) })
}

// reconcile makes one pass and returns the source as it is then, and the time until the next pass.
func (s *sourceTest) reconcile() (*v1alpha1.DataSource, time.Duration) {
	s.Helper()
	s.cached(s.get())
	result, err := s.r.Reconcile(s.Context(), ctrl.Request{NamespacedName: s.key()})
	if err != nil {
		s.Fatal(err)
	}
	return s.get(), result.RequeueAfter
}

// later moves the clock and makes one pass.
func (s *sourceTest) later(d time.Duration) *v1alpha1.DataSource {
	s.Helper()
	s.clock.SetTime(s.clock.Now().Add(d))
	ds, _ := s.reconcile()
	return ds
}

// woken returns the accounts that were woken since it was last called, with spaces between them.
func (s *sourceTest) woken() string {
	names := map[string]struct{}{}
	for s.accounts.Len() > 0 {
		request, _ := s.accounts.Get()
		names[request.Name] = struct{}{}
		s.accounts.Done(request)
	}
	return strings.Join(sortedNames(names), " ")
}

// told returns the reasons of the events since it was last called, with spaces between them.
func (s *sourceTest) told() string {
	var reasons []string
	for len(s.events.Events) > 0 {
		reasons = append(reasons, strings.Fields(<-s.events.Events)[1])
	}
	return strings.Join(reasons, " ")
}

// conditionsOf writes the conditions of a source: "Ready=True Ready".
func conditionsOf(ds *v1alpha1.DataSource) string {
	var all []string
	for _, name := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionAvailable} {
		if c := meta.FindStatusCondition(ds.Status.Conditions, name); c != nil {
			all = append(all, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
		}
	}
	return strings.Join(all, ", ")
}

// want fails the test where two texts differ.
func (s *sourceTest) want(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got %q, want %q", what, got, want)
	}
}

const (
	wellRead    = "Ready=True Ready, Available=True ReadSucceeded"
	unavailable = "Ready=True Ready, Available=False ReadFailed"
	rowsDropped = "Ready=True Ready, Available=False RowsDropped"
)
