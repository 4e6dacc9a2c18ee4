package metrics

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Registration has collectors registered while the operator runs, so that another one in the same process can have its
// own after that. It is a runnable of the manager, on active replicas and on those that wait.
type Registration struct {
	// Registerer of the collectors; nil registers none.
	Registerer prometheus.Registerer
	// Collectors to register.
	Collectors []prometheus.Collector
}

// Start registers the collectors until the context ends.
func (r Registration) Start(ctx context.Context) error {
	if r.Registerer == nil {
		return nil
	}
	for _, c := range r.Collectors {
		if err := r.Registerer.Register(c); err != nil {
			return fmt.Errorf("register the metrics: %w", err)
		}
		defer r.Registerer.Unregister(c)
	}
	<-ctx.Done()
	return nil
}

// NeedLeaderElection says that replicas which wait register too.
func (r Registration) NeedLeaderElection() bool { return false }
