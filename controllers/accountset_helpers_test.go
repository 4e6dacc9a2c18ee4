package controllers

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/testing/kstatus"
)

// countingClient counts the requests that write.
type countingClient struct {
	client.Client
	writes atomic.Int64
}

func (c *countingClient) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	c.writes.Add(1)
	return c.Client.Apply(ctx, obj, opts...)
}

func (c *countingClient) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	c.writes.Add(1)
	return c.Client.Patch(ctx, obj, patch, opts...)
}

func (c *countingClient) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	c.writes.Add(1)
	return c.Client.Delete(ctx, obj, opts...)
}

// Status is only asked for to write it.
func (c *countingClient) Status() client.SubResourceWriter {
	c.writes.Add(1)
	return c.Client.Status()
}

// setWorld is one namespace of a real API server with a set, its source, and a reconciler that the test calls.
type setWorld struct {
	t          *testing.T
	live       client.Client
	cached     *countingClient
	namespace  string
	clock      *clocktesting.FakePassiveClock
	store      *observe.Store
	source     *v1alpha1.DataSource
	reconciler *AccountSetReconciler
	mgr        ctrl.Manager
	stop       func()
}

var setStart = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newSetWorld(t *testing.T) *setWorld {
	t.Helper()
	w := &setWorld{t: t, clock: clocktesting.NewFakePassiveClock(setStart)}
	w.live, w.namespace = testClient(t)
	w.source = &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "crm"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "id"},
			Metrics: []v1alpha1.Metric{
				{Name: "name", Type: v1alpha1.MetricText},
				{Name: "owner", Type: v1alpha1.MetricText},
				{Name: "arr", Type: v1alpha1.MetricNumber},
				{Name: "nps", Type: v1alpha1.MetricNumber},
			},
			ConfigMap: &v1alpha1.ConfigMapSource{Name: "crm", Key: "rows", Format: v1alpha1.FormatCSV},
		},
	}
	w.must(w.live.Create(t.Context(), w.source))
	w.start()
	return w
}

// start starts the operator, as after a restart: with an empty memory.
func (w *setWorld) start() {
	w.t.Helper()
	if w.stop != nil {
		w.stop()
	}
	w.store = observe.NewStore()
	w.stop = startManager(w.t, w.namespace, func(mgr ctrl.Manager) error {
		w.mgr = mgr
		w.cached = &countingClient{Client: mgr.GetClient()}
		w.reconciler = &AccountSetReconciler{
			Client: w.cached, Reader: mgr.GetAPIReader(), Clock: w.clock, Location: time.UTC, Store: w.store, Waker: &Waker{},
		}
		for _, obj := range []client.Object{&v1alpha1.Account{}, &v1alpha1.AccountSet{}, &v1alpha1.DataSource{}} {
			if _, err := mgr.GetCache().GetInformer(w.t.Context(), obj); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *setWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

const testSpec = `{
  "displayName": "${row.name}", "owner": "${row.owner}", "externalIDs": {"crm": ["${row.id}", "org-${row.id}"]},
  "team": [{"role": "AccountExecutive", "user": "${row.owner}"}],
  "contract": {"arr": "${row.arr}", "startDate": "2026-01-01"},
  "measurements": [{"name": "nps", "value": "${string(row.nps)}", "observedTime": "2026-11-01"}]
}`

func (w *setWorld) create(name string, change func(*v1alpha1.AccountSetSpec)) {
	w.t.Helper()
	set := &v1alpha1.AccountSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: v1alpha1.AccountSetSpec{
			SourceRef: v1alpha1.LocalReference{Name: "crm"},
			Template: v1alpha1.AccountTemplate{
				Key: "${row.id}", Name: "${slug(row.name)}", Labels: map[string]string{"csm": "${row.owner}"},
				Spec: runtime.RawExtension{Raw: []byte(testSpec)},
			},
		},
	}
	if change != nil {
		change(&set.Spec)
	}
	w.must(w.live.Create(w.t.Context(), set))
}

// publish has the source give these rows: id, name, owner, arr.
func (w *setWorld) publish(rows ...[4]string) {
	w.t.Helper()
	table := &observe.Table{Columns: []string{"id", "name", "owner", "arr", "nps"}}
	for _, row := range rows {
		table.Rows = append(table.Rows, []observe.Cell{{Text: row[0]}, {Text: row[1]}, {Text: row[2]}, {Text: row[3]}, {Text: "9"}})
	}
	snapshot, err := observe.Ingest(w.source, table, w.clock.Now())
	w.must(err)
	w.store.Accept(client.ObjectKeyFromObject(w.source), w.source, snapshot)
}

func rowsOf(from, to int) [][4]string {
	var rows [][4]string
	for i := from; i < to; i++ {
		rows = append(rows, [4]string{fmt.Sprint(100 + i), fmt.Sprintf("Customer %d", 100+i), "jo@example.com", "1200"})
	}
	return rows
}

// reconcile works on a set until there is nothing left to do, and returns it.
func (w *setWorld) reconcile(name string) *v1alpha1.AccountSet {
	w.t.Helper()
	key := types.NamespacedName{Namespace: w.namespace, Name: name}
	for round := 0; ; round++ {
		w.catchUp()
		before := w.cached.writes.Load()
		var result ctrl.Result
		eventually(w.t, func() error {
			var err error
			if result, err = w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: key}); err == nil && result.RequeueAfter == cacheDelay {
				err = fmt.Errorf("the cache is still behind")
			}
			return err
		})
		if w.cached.writes.Load() == before {
			break
		}
		if round == 10 {
			w.t.Fatal("it never stops writing")
		}
	}
	set := &v1alpha1.AccountSet{}
	w.must(client.IgnoreNotFound(w.live.Get(w.t.Context(), key, set)))
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(set)
	w.must(err)
	if set.Name != "" {
		w.must(kstatus.Check(&unstructured.Unstructured{Object: object}))
	}
	return set
}

// catchUp waits until the cache shows what the API server has.
func (w *setWorld) catchUp() {
	w.t.Helper()
	eventually(w.t, func() error {
		for _, list := range []client.ObjectList{&v1alpha1.AccountList{}, &v1alpha1.AccountSetList{}, &v1alpha1.DataSourceList{}} {
			want, err := versions(w.t.Context(), w.live, list, w.namespace)
			if err != nil {
				return err
			}
			got, err := versions(w.t.Context(), w.cached, list, w.namespace)
			if err != nil || !maps.Equal(want, got) {
				return fmt.Errorf("the cache has %v, the API server %v: %w", got, want, err)
			}
		}
		return nil
	})
}

func versions(ctx context.Context, c client.Reader, list client.ObjectList, namespace string) (map[string]string, error) {
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := map[string]string{}
	err := meta.EachListItem(list, func(obj runtime.Object) error {
		o := obj.(client.Object)
		out[o.GetName()] = o.GetResourceVersion()
		return nil
	})
	return out, err
}

func (w *setWorld) accounts() map[string]*v1alpha1.Account {
	w.t.Helper()
	var list v1alpha1.AccountList
	w.must(w.live.List(w.t.Context(), &list, client.InNamespace(w.namespace)))
	out := map[string]*v1alpha1.Account{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

func (w *setWorld) update(obj client.Object, name string, change func()) {
	w.t.Helper()
	w.must(w.live.Get(w.t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, obj))
	change()
	w.must(w.live.Update(w.t.Context(), obj, client.FieldOwner("kubectl-edit")))
}

func condition(set *v1alpha1.AccountSet, conditionType string) string {
	c := meta.FindStatusCondition(set.Status.Conditions, conditionType)
	if c == nil {
		return ""
	}
	return string(c.Status) + " " + c.Reason
}

// planned returns the change that makes an account of a row.
func (w *setWorld) planned(row [4]string) *accountset.Change {
	w.t.Helper()
	set := &v1alpha1.AccountSet{}
	w.must(w.live.Get(w.t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "customers"}, set))
	template, err := accountset.Compile(set.Spec.Template)
	w.must(err)
	w.publish(row)
	snapshot, _ := w.store.Snapshot(client.ObjectKeyFromObject(w.source))
	plan := template.Plan(accountset.Input{
		Set:  &v1alpha1.AccountSet{ObjectMeta: metav1.ObjectMeta{Name: "customers"}, Spec: set.Spec},
		Rows: []accountset.SourceRow{{ID: row[0], Values: snapshot.Row(row[0])}}, Now: w.clock.Now(), Location: time.UTC,
	})
	return &plan.Changes[0]
}
