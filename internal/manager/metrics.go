package manager

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/internal/metrics"
	"github.com/perennial-dev/perennial/internal/observe"
)

// serveMetrics has the operator's metrics registered while it runs, and returns what counts its activity.
func (m *Manager) serveMetrics(o Options, registry observe.Registry, store *observe.Store) (*metrics.Activity, error) {
	activity := metrics.NewActivity(slices.Sorted(maps.Keys(registry)))
	fleet := metrics.NewFleet(metrics.Options{
		Reader: m.GetClient(), Active: m.Elected(), ObjectNames: o.MetricsObjectNames,
		LastRead: func(source types.NamespacedName) time.Time {
			if last, _ := store.Snapshot(source); last != nil {
				return last.ReadTime()
			}
			return time.Time{}
		},
	})
	return activity, m.Add(metrics.Registration{Registerer: o.Registerer, Collectors: []prometheus.Collector{activity, fleet}})
}
