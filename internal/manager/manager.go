// Package manager puts the operator together: what cmd/manager and the tests start.
package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/controllers"
	"github.com/perennial-dev/perennial/internal/notify/send"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
	"github.com/perennial-dev/perennial/internal/observe/fake"
	"github.com/perennial-dev/perennial/internal/observe/httpjson"
	"github.com/perennial-dev/perennial/internal/observe/network"
	"github.com/perennial-dev/perennial/internal/observe/prometheus"
	"github.com/perennial-dev/perennial/internal/observe/sql"
)

// Options are the operator's settings. The zero value watches every namespace and serves nothing.
type Options struct {
	// Namespaces to watch; none means all.
	Namespaces []string
	// LeaderElection makes one of several replicas the active one.
	LeaderElection bool
	// LeaderElectionNamespace holds the lease; empty means the operator's own.
	LeaderElectionNamespace string
	// MetricsAddress serves metrics; empty or "0" means not at all.
	MetricsAddress string
	// MetricsSecure serves metrics over TLS, to those who may read them, and beside them what the sources gave.
	MetricsSecure bool
	// MetricsCertDir is the folder of the certificate that metrics are served with, tls.crt and tls.key; empty: the operator
	// makes one that nobody can check.
	MetricsCertDir string
	// MetricsObjectNames adds metrics of each account and each source, with its name as a label.
	MetricsObjectNames bool
	// Registerer of the operator's own metrics; nil registers none. What MetricsAddress serves is controller-runtime's.
	Registerer prometheusclient.Registerer
	// ProbeAddress serves /healthz and /readyz; empty or "0" means not at all.
	ProbeAddress string
	// DataRoot is the only folder that SQLite files are read from; empty means that none are.
	DataRoot string
	// Settle is how long nothing in a namespace's configuration may have changed before runs start.
	Settle time.Duration
	// Location is the time zone of days; nil means UTC.
	Location *time.Location
	// AllowLoopback lets sources be read from this machine itself.
	AllowLoopback bool
	// SourceWorkers is how many sources are read at the same time; 0 means controllers.DefaultSourceWorkers.
	SourceWorkers int
	// MaxRows of one read of a source; 0 means observe.DefaultMaxRows.
	MaxRows int
	// MaxBytes of one read of a source; 0 means observe.DefaultMaxBytes.
	MaxBytes int64
	// Clock tells the time; nil means the real one.
	Clock clock.PassiveClock

	// evaluated is called with every account that was evaluated: tests count with it.
	evaluated func(types.NamespacedName)
}

// workers is how many objects of a kind are worked on at the same time. Most of the time goes to waiting for the API server.
const workers = 8

// Manager is the operator.
type Manager struct {
	manager.Manager
	wake []func(context.Context) error
}

// New puts the operator together. Start runs it.
func New(cfg *rest.Config, o Options) (*Manager, error) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	cfg = rest.CopyConfig(cfg)
	if cfg.QPS == 0 {
		cfg.QPS = -1 // The API server's own priority and fairness decides, not a guess made here.
	}
	store := observe.NewStore()
	snapshots := newSnapshots(o, store)
	mgr, err := ctrl.NewManager(cfg, managerOptions(scheme, o, snapshots.handlers(o)))
	if err != nil {
		return nil, err
	}
	if err := controllers.SetupIndexes(context.Background(), mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("index the cache: %w", err)
	}
	snapshots.elected = mgr.Elected
	m := &Manager{Manager: mgr}
	if err := m.setup(o, store); err != nil {
		return nil, err
	}
	for _, add := range []func(string, healthz.Checker) error{mgr.AddHealthzCheck, mgr.AddReadyzCheck} {
		if err := add("ping", healthz.Ping); err != nil {
			return nil, err
		}
	}
	return m, mgr.AddReadyzCheck("caches", m.cachesFilled)
}

// managerOptions translates the options. The handlers are served beside the metrics.
func managerOptions(scheme *runtime.Scheme, o Options, handlers map[string]http.Handler) manager.Options {
	options := manager.Options{
		Scheme:                        scheme,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              "perennial-manager.perennial.dev",
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        o.ProbeAddress,
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddress, SecureServing: o.MetricsSecure, CertDir: o.MetricsCertDir, ExtraHandlers: handlers},
		// Several operators in one process, as in tests, have controllers of the same names.
		Controller: config.Controller{SkipNameValidation: new(true)},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			// Whether an AccountSet owns a field is read off the account's managed fields.
			ByObject: map[client.Object]cache.ByObject{&v1alpha1.Account{}: {Transform: keep}},
		},
	}
	if o.MetricsAddress == "" {
		options.Metrics.BindAddress = "0"
	}
	if o.MetricsSecure {
		options.Metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	if len(o.Namespaces) > 0 {
		options.Cache.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range o.Namespaces {
			options.Cache.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return options
}

// keep is the transformation that changes nothing.
func keep(obj any) (any, error) { return obj, nil }

// setup adds the reconcilers.
func (m *Manager) setup(o Options, store *observe.Store) error {
	sqlProvider := sql.NewProvider()
	registry := observe.Registry{
		observe.ProviderConfigMap:  observe.Factory(configmap.New),
		observe.ProviderSQL:        sqlProvider,
		observe.ProviderPrometheus: observe.Factory(prometheus.New),
		observe.ProviderHTTP:       observe.Factory(httpjson.New),
		observe.ProviderFake:       observe.Factory(fake.New),
	}
	activity, err := m.serveMetrics(o, registry, store)
	if err != nil {
		return err
	}
	c := activity.CountStatusWrites(m.GetClient())
	catalog := controllers.NewCatalog(c)
	accounts := &controllers.AccountWaker{Client: c}
	sources, sets, playbooks := &controllers.Waker{}, &controllers.Waker{}, &controllers.Waker{}
	runs, tasks, notifiers := &controllers.Waker{}, &controllers.Waker{}, &controllers.Waker{}
	outbox := &controllers.Outbox{Reader: c, Clock: o.Clock, Catalog: catalog, Notifiers: notifiers}
	progress := &controllers.Progress{Playbooks: playbooks, Evaluated: o.evaluated}
	gatherer := controllers.Gatherer{Client: c, Clock: o.Clock, Location: o.Location, Store: store, Catalog: catalog}
	recorder := m.GetEventRecorder("perennial")
	settle := &controllers.Settle{Reader: c, Delay: o.Settle}
	if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		sqlProvider.Close()
		return nil
	})); err != nil {
		return err
	}

	for _, reconciler := range []interface{ SetupWithManager(ctrl.Manager) error }{
		&controllers.DataSourceReconciler{
			Client: c, Clock: o.Clock, Store: store, Accounts: accounts, Waker: sources, Sets: sets, Recorder: recorder, Workers: o.SourceWorkers,
			Metrics: activity, Registry: registry,
			Dependencies: observe.Dependencies{
				Keys: observe.KeysFrom(m.GetAPIReader()), Dial: network.Dialer{AllowLoopback: o.AllowLoopback}.DialContext,
				DataRoot: o.DataRoot, MaxRows: o.MaxRows, MaxBytes: o.MaxBytes,
			},
		},
		&controllers.AccountSetReconciler{
			Client: c, Reader: m.GetAPIReader(), Clock: o.Clock, Location: o.Location, Store: store, Waker: sets, Recorder: recorder,
		},
		&controllers.HealthScoreModelReconciler{Client: c, Clock: o.Clock, Catalog: catalog, Accounts: accounts},
		&controllers.AccountReconciler{Gatherer: gatherer, Progress: progress, Waker: accounts, Settle: settle, Runs: runs, Recorder: recorder, Outbox: outbox, Metrics: activity, Workers: workers},
		&controllers.PlaybookReconciler{
			Gatherer: gatherer, Accounts: accounts, Progress: progress, Waker: playbooks, Recorder: recorder,
			Settle: settle,
		},
		&controllers.PlaybookRunReconciler{Gatherer: gatherer, Reader: m.GetAPIReader(), Waker: runs, Recorder: recorder, Outbox: outbox, Workers: workers},
		&controllers.TaskReconciler{Client: c, Clock: o.Clock, Waker: tasks, Outbox: outbox, Workers: workers, Location: o.Location},
		&controllers.NotifierReconciler{
			Client: c, Clock: o.Clock, Outbox: outbox, Waker: notifiers, Accounts: accounts, Runs: runs, Tasks: tasks, Recorder: recorder,
			Dependencies: send.Dependencies{Keys: observe.KeysFrom(m.GetAPIReader()), Dial: network.Dialer{AllowLoopback: o.AllowLoopback}.DialContext, Now: o.Clock.Now},
		},
	} {
		if err := reconciler.SetupWithManager(m.Manager); err != nil {
			return fmt.Errorf("set up %T: %w", reconciler, err)
		}
	}
	m.wake = []func(context.Context) error{
		wakeAll(c, &v1alpha1.DataSourceList{}, sources),
		wakeAll(c, &v1alpha1.AccountSetList{}, sets),
		wakeAll(c, &v1alpha1.AccountList{}, &accounts.Waker),
		wakeAll(c, &v1alpha1.PlaybookList{}, playbooks),
		wakeAll(c, &v1alpha1.PlaybookRunList{}, runs),
		wakeAll(c, &v1alpha1.TaskList{}, tasks),
		wakeAll(c, &v1alpha1.NotifierList{}, notifiers),
	}
	return nil
}

// Wake looks at everything whose state depends on the time, as if its time had come. Call it after the clock has jumped.
func (m *Manager) Wake(ctx context.Context) error {
	for _, wake := range m.wake {
		if err := wake(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wakeAll returns a function that puts every object of a kind on its controller's queue.
func wakeAll(c client.Reader, list client.ObjectList, waker *controllers.Waker) func(context.Context) error {
	return func(ctx context.Context) error {
		all := list.DeepCopyObject().(client.ObjectList)
		if err := c.List(ctx, all); err != nil {
			return err
		}
		return meta.EachListItem(all, func(obj runtime.Object) error {
			waker.Wake(client.ObjectKeyFromObject(obj.(client.Object)))
			return nil
		})
	}
}

// cachesFilled is ready once the operator knows what there is.
func (m *Manager) cachesFilled(req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), time.Second)
	defer cancel()
	if !m.GetCache().WaitForCacheSync(ctx) {
		return errors.New("the caches are not filled yet")
	}
	return nil
}
