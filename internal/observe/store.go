package observe

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Store keeps the last accepted read of every source. It is safe for concurrent use; its zero value is not: use NewStore.
type Store struct {
	mu      sync.RWMutex
	sources map[types.NamespacedName]*source
}

// source is what the Store knows of one DataSource.
type source struct {
	uid types.UID
	// shape is what the spec of the latest attempt declares; the snapshot may be of an older one.
	shape     shape
	available bool
	suspended bool
	snapshot  *Snapshot
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{sources: map[types.NamespacedName]*source{}} }

// Accept keeps a read of a source, which is available from now on.
func (s *Store) Accept(key types.NamespacedName, ds *v1alpha1.DataSource, snapshot *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[key] = &source{uid: ds.UID, shape: shapeOf(ds), available: true, snapshot: snapshot}
}

// Fail notes that a source cannot be read now. Its last read stands, and its values are Errored.
func (s *Store) Fail(key types.NamespacedName, ds *v1alpha1.DataSource) { s.note(key, ds, false) }

// Suspend notes that a source is not read because its spec says so. Its last read stands and its values grow old as
// usual; without one they are Errored.
func (s *Store) Suspend(key types.NamespacedName, ds *v1alpha1.DataSource) { s.note(key, ds, true) }

func (s *Store) note(key types.NamespacedName, ds *v1alpha1.DataSource, available bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &source{uid: ds.UID, shape: shapeOf(ds), suspended: available}
	// An object of the same name made anew is another source.
	if last := s.sources[key]; last != nil && last.uid == ds.UID {
		next.snapshot = last.snapshot
	}
	next.available = available && next.snapshot != nil
	s.sources[key] = next
}

// Forget drops everything about a source that was deleted.
func (s *Store) Forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sources, key)
}

// Attempted reports whether the source with this uid was read, or could not be, at least once since start.
func (s *Store) Attempted(key types.NamespacedName, uid types.UID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.sources[key]
	return known != nil && known.uid == uid
}

// Snapshot returns the last accepted read of a source, nil where there is none in memory, and whether the source is
// available: the latest read succeeded, or the source is suspended.
func (s *Store) Snapshot(key types.NamespacedName) (*Snapshot, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.sources[key]
	if known == nil {
		return nil, false
	}
	return known.snapshot, known.available
}

// Facts returns what is known of an account, one observation for each read. What cannot be read now, and what no source
// declares, is Errored.
func (s *Store) Facts(namespace string, a *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	facts := make(value.Facts, len(reads))
	for _, ref := range reads {
		known := s.sources[types.NamespacedName{Namespace: namespace, Name: ref.Source}]
		facts[ref] = known.observation(a, ref.Metric)
	}
	return facts
}

// Events returns the rows of an account in a source, each an event. They are known where the source is available and its
// rows say when they were observed.
func (s *Store) Events(namespace string, a *v1alpha1.Account, name string) value.Events {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.sources[types.NamespacedName{Namespace: namespace, Name: name}]
	if known == nil || known.snapshot == nil || !known.available || known.snapshot.shape.observed == "" {
		return value.Events{}
	}
	snapshot := known.snapshot
	return value.Events{Known: true, Rows: snapshot.Events(snapshot.shape.idsOf(a)), MaxAge: known.shape.maxAge}
}

// observation returns one metric of an account. The receiver may be nil: a source that nobody has tried to read.
func (s *source) observation(a *v1alpha1.Account, metric string) value.Observation {
	errored := value.Observation{State: v1alpha1.ValueErrored}
	if s == nil {
		return errored
	}
	declared, ok := s.shape.byName[metric]
	if !ok {
		return errored
	}
	errored.Type, errored.MaxAge = s.shape.metrics[declared].Type, s.shape.maxAge
	if s.snapshot == nil {
		errored.Suspended = s.suspended
		return errored
	}
	// A read under an earlier spec says nothing of a metric that was not declared then, or was of another type.
	read, ok := s.snapshot.shape.byName[metric]
	if !ok || s.snapshot.shape.metrics[read].Type != errored.Type {
		return errored
	}
	o := s.snapshot.observation(s.snapshot.rowsOf(s.snapshot.shape.idsOf(a)), read)
	o.MaxAge = s.shape.maxAge
	o.Suspended = s.suspended && !o.Unreadable
	if s.available {
		return o
	}
	errored.Value, errored.ObservedTime = o.Value, o.ObservedTime
	return errored
}

// IDs returns the ids by which a source knows an account, in the order of its spec: those of the scheme that the source
// uses, or the account's name.
func IDs(a *v1alpha1.Account, scheme string) []string {
	if scheme == "" {
		return []string{a.Name}
	}
	external := a.Spec.ExternalIDs[scheme]
	ids := make([]string, len(external))
	for i := range external {
		ids[i] = string(external[i])
	}
	return ids
}

func (s *shape) idsOf(a *v1alpha1.Account) []string { return IDs(a, s.scheme) }
