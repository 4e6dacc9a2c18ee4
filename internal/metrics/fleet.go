package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// scrapeTimeout bounds how long a scrape waits for the cache, which answers at once unless it is being filled.
const scrapeTimeout = 5 * time.Second

// The kinds, as they stand in labels.
const (
	kindAccount    = "Account"
	kindAccountSet = "AccountSet"
	kindSource     = "DataSource"
	kindModel      = "HealthScoreModel"
	kindNotifier   = "Notifier"
	kindPlaybook   = "Playbook"
	kindRun        = "PlaybookRun"
	kindTask       = "Task"
)

// declaredKinds are those of the objects that people declare.
func declaredKinds() []string {
	return []string{kindAccount, kindAccountSet, kindSource, kindModel, kindNotifier, kindPlaybook}
}

// Options say what a Fleet is collected from.
type Options struct {
	// Reader reads from the cache.
	Reader client.Reader
	// Active is closed once this replica is the active one. Before that it has nothing to say of the fleet, so that sums
	// over replicas count everything once.
	Active <-chan struct{}
	// LastRead returns when a source was last read with success since the operator started; the zero time is never.
	LastRead func(source types.NamespacedName) time.Time
	// ObjectNames adds series for each account and each source.
	ObjectNames bool
}

// Fleet collects how accounts, sources and work stand, from the cache, at each scrape.
type Fleet struct {
	Options
	families
}

// NewFleet returns a collector.
func NewFleet(o Options) *Fleet { return &Fleet{Options: o, families: newFamilies()} }

// Describe implements prometheus.Collector.
func (f *Fleet) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range f.all(f.ObjectNames) {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (f *Fleet) Collect(out chan<- prometheus.Metric) {
	s := &scrape{Fleet: f, values: sheet{}, models: map[modelKey]*modelTally{}, seen: map[string]struct{}{}}
	select {
	case <-f.Active:
		s.values.add(f.active, 1)
	default:
		s.values.add(f.active, 0)
		s.values.collect(out)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, look := range []func(context.Context) error{s.lookAtModels, s.lookAtAccounts, s.lookAtSets, s.lookAtSources, s.lookAtPlaybooks, s.lookAtRuns, s.lookAtTasks, s.lookAtNotifiers} {
		if err := look(ctx); err != nil {
			// A scrape that fails is seen. Sums that lack a part would be believed.
			out <- prometheus.NewInvalidMetric(f.active.Desc, err)
			return
		}
	}
	s.collectModels(out)
	s.values.collect(out)
}

// scrape is one look at everything.
type scrape struct {
	*Fleet
	values sheet
	models map[modelKey]*modelTally
	// seen are the namespaces in which there is something.
	seen map[string]struct{}
}

// list reads all objects of a kind. They are the cache's own and must not be changed.
func (s *scrape) list(ctx context.Context, list client.ObjectList) error {
	return s.Reader.List(ctx, list, client.UnsafeDisableDeepCopy)
}

// begin gives a namespace in which there is something a series of each kind, so that the first one that is not well is
// seen as a change.
func (s *scrape) begin(namespace string) {
	if _, ok := s.seen[namespace]; ok {
		return
	}
	s.seen[namespace] = struct{}{}
	s.model(namespace, "").band(v1alpha1.BandUnknown)
	for _, g := range []*gauge{s.churned, s.overdue, s.pendingChanges, s.downNotifiers, s.waitingEvents} {
		s.values.add(g, 0, namespace)
	}
	for _, kind := range declaredKinds() {
		s.values.add(s.stalled, 0, namespace, kind)
		s.values.add(s.notReady, 0, namespace, kind)
	}
	for _, reason := range []string{v1alpha1.ReasonLimitReached, v1alpha1.ReasonInhibited, v1alpha1.ReasonSuspended, v1alpha1.ReasonAccountsNotEvaluated, v1alpha1.ReasonConfigurationChanging} {
		s.values.add(s.heldRuns, 0, namespace, reason)
	}
	for _, state := range []v1alpha1.RunState{v1alpha1.RunActive, v1alpha1.RunCompleted, v1alpha1.RunCanceled} {
		s.values.add(s.runs, 0, namespace, string(state))
	}
	for _, state := range []v1alpha1.TaskState{v1alpha1.TaskBlocked, v1alpha1.TaskOpen, v1alpha1.TaskInProgress, v1alpha1.TaskSnoozed, v1alpha1.TaskDone, v1alpha1.TaskCanceled} {
		s.values.add(s.tasks, 0, namespace, string(state))
	}
}

// declared counts an object that is stalled, or not ready. One that was never looked at is not ready.
func (s *scrape) declared(namespace, kind string, conditions []metav1.Condition) {
	s.begin(namespace)
	if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) {
		s.values.add(s.stalled, 1, namespace, kind)
	}
	if !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
		s.values.add(s.notReady, 1, namespace, kind)
	}
}
