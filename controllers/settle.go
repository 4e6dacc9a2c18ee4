package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Settle holds runs back for a while after a model, playbook or source of the namespace has changed: one commit changes
// several objects, and is one change. It is safe for concurrent use.
type Settle struct {
	// Reader reads from the cache.
	Reader client.Reader
	// Delay is how long nothing may have changed.
	Delay time.Duration

	mu    sync.Mutex
	seen  map[types.UID]int64
	until map[string]time.Time
	last  map[string]string
}

// over returns the moment from which runs may start in a namespace.
func (s *Settle) over(ctx context.Context, namespace string, now time.Time) (time.Time, error) {
	var (
		models    v1alpha1.HealthScoreModelList
		playbooks v1alpha1.PlaybookList
		sources   v1alpha1.DataSourceList
	)
	for _, list := range []client.ObjectList{&models, &playbooks, &sources} {
		if err := s.Reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return time.Time{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range models.Items {
		s.look(&models.Items[i], models.Items[i].Status.ObservedGeneration, now)
	}
	for i := range playbooks.Items {
		s.look(&playbooks.Items[i], playbooks.Items[i].Status.ObservedGeneration, now)
	}
	for i := range sources.Items {
		s.look(&sources.Items[i], sources.Items[i].Status.ObservedGeneration, now)
	}
	return s.until[namespace], nil
}

// changing names what changed last in a namespace, as far as over has seen, where that has not settled; else it is empty.
func (s *Settle) changing(namespace string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.until[namespace]) {
		return ""
	}
	return s.last[namespace]
}

// look notes when an object changed. Of one that was not seen since the operator started: when it was made, or now
// where nobody has acted on its present generation.
func (s *Settle) look(obj client.Object, observed int64, now time.Time) {
	if s.seen == nil {
		s.seen, s.until, s.last = map[types.UID]int64{}, map[string]time.Time{}, map[string]string{}
	}
	generation, known := s.seen[obj.GetUID()]
	s.seen[obj.GetUID()] = obj.GetGeneration()
	changedAt := now
	switch {
	case known && generation == obj.GetGeneration():
		return
	case !known && observed == obj.GetGeneration() && obj.GetCreationTimestamp().Time.Before(now):
		changedAt = obj.GetCreationTimestamp().Time
	}
	if until := changedAt.Add(s.Delay); until.After(s.until[obj.GetNamespace()]) {
		s.until[obj.GetNamespace()] = until
		s.last[obj.GetNamespace()] = strings.TrimPrefix(fmt.Sprintf("%T ", obj), "*v1alpha1.") + obj.GetName()
	}
}
