package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// generations remembers the generation of each object, so that a reconciler can tell a change of a spec from any other
// reason to run. The zero value is ready, and safe for concurrent use.
type generations struct {
	mu   sync.Mutex
	seen map[types.NamespacedName]seenGeneration
}

type seenGeneration struct {
	uid        types.UID
	generation int64
}

// changed reports whether an object's spec is not the one that was last seen. Of an object that was not seen since the
// operator started, the observedGeneration in its status tells.
func (g *generations) changed(obj client.Object, observed int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = map[types.NamespacedName]seenGeneration{}
	}
	key := client.ObjectKeyFromObject(obj)
	now := seenGeneration{obj.GetUID(), obj.GetGeneration()}
	before, known := g.seen[key]
	g.seen[key] = now
	if !known {
		return observed != now.generation
	}
	return before != now
}

// forget drops an object that is gone, and reports whether it was there.
func (g *generations) forget(key types.NamespacedName) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.seen[key]
	delete(g.seen, key)
	return known
}
