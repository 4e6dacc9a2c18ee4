package playbook

import (
	"sync"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

// maxCached is how many texts and conditions a Cache holds.
const maxCached = 4096

// Cache keeps the compiled texts and conditions of steps: many runs have the same ones, and compiling is most of the work of
// planning a run. What it gives is what compiling anew gives. Its zero value is ready, nil compiles every time, and it is
// safe for concurrent use.
type Cache struct {
	mu    sync.Mutex //nolint:forbidigo // guards what is computed once for each text; the answers depend on nothing else
	parts map[cacheKey]stepPart
}

// cacheKey is a condition, or a text.
type cacheKey struct {
	condition bool
	source    string
}

// part returns a compiled condition or text.
func (c *Cache) part(key cacheKey, compile func() stepPart) stepPart {
	if c == nil {
		return compile()
	}
	c.mu.Lock()         //nolint:forbidigo // see mu
	defer c.mu.Unlock() //nolint:forbidigo // see mu
	if part, ok := c.parts[key]; ok {
		return part
	}
	part := compile()
	if c.parts == nil || len(c.parts) >= maxCached {
		c.parts = map[cacheKey]stepPart{} // what is still in use comes back by itself
	}
	c.parts[key] = part
	return part
}

// expression compiles a condition of a step.
func (c *Cache) expression(field string, e v1alpha1.Expression) stepPart {
	part := c.part(cacheKey{condition: true, source: string(e)}, func() (part stepPart) {
		if part.program, part.err = expr.CompileBool(expr.ContextStep, e); part.err == nil {
			part.reads = part.program.Reads()
		}
		return part
	})
	part.field = field
	return part
}

// text compiles a text of a step.
func (c *Cache) text(field, text string) stepPart {
	part := c.part(cacheKey{source: text}, func() (part stepPart) {
		if part.text, part.err = expr.CompileText(expr.ContextStep, text); part.err == nil {
			part.reads = part.text.Reads()
		}
		return part
	})
	part.field = field
	return part
}
