package controllers

import (
	"context"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// errSuperseded ends a read whose source was changed, suspended or deleted meanwhile. It says nothing about the source.
var errSuperseded = errors.New("the source is another one by now")

// readsInFlight are the reads that are under way, so that a source that is changed or deleted does not occupy a worker
// until its timeout. The zero value is ready, and safe for concurrent use.
type readsInFlight struct {
	mu   sync.Mutex
	stop map[types.NamespacedName]context.CancelCauseFunc
}

// begin returns the context of a read, and a function to call when it is over.
func (f *readsInFlight) begin(ctx context.Context, source types.NamespacedName) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop == nil {
		f.stop = map[types.NamespacedName]context.CancelCauseFunc{}
	}
	f.stop[source] = stop // one source is read by one worker at a time
	return ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.stop, source)
		stop(nil)
	}
}

// supersede ends the read of a source, if one is under way.
func (f *readsInFlight) supersede(source types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stop := f.stop[source]; stop != nil {
		stop(errSuperseded)
	}
}

// superseding is a predicate that ends reads of what was changed or deleted, and lets through what another one does.
func (f *readsInFlight) superseding(next predicate.Predicate) predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  next.Create,
		GenericFunc: next.Generic,
		UpdateFunc: func(e event.UpdateEvent) bool {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || !e.ObjectNew.GetDeletionTimestamp().IsZero() {
				f.supersede(client.ObjectKeyFromObject(e.ObjectNew))
			}
			return next.Update(e)
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			f.supersede(client.ObjectKeyFromObject(e.Object))
			return next.Delete(e)
		},
	}
}
