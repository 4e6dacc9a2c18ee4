package snapshot

import (
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// compactor makes what was decoded small: thousands of accounts say the same few words, and each said them in memory of its
// own. A nil one changes nothing.
type compactor map[string]string

const (
	// maxWord is the longest text that is likely to be there more than once.
	maxWord = 64
	// maxWords bounds what is remembered of texts.
	maxWords = 1 << 16
)

// words replaces texts by those that were seen before.
func (c compactor) words(texts ...*string) {
	for _, text := range texts {
		if len(*text) == 0 || len(*text) > maxWord {
			continue
		}
		seen, ok := c[*text]
		if !ok && len(c) < maxWords {
			// A copy of its own: it must not keep more than itself in memory.
			seen = strings.Clone(*text)
			c[seen] = seen
		}
		if ok {
			*text = seen
		}
	}
}

// compact makes an object, or what is held of a source, small.
func (c compactor) compact(decoded any) {
	switch decoded := decoded.(type) {
	case *observe.Dump:
		for i := range decoded.Rows {
			cells := decoded.Rows[i].Cells
			for j := range cells {
				c.words(&cells[j])
			}
			decoded.Rows[i].Cells = clip(cells)
		}
		decoded.Rows = clip(decoded.Rows)
	case *found:
		if a, ok := decoded.object.(*v1alpha1.Account); ok && a.Status.Health != nil {
			c.health(a.Status.Health)
		}
	}
}

// health makes a status small.
func (c compactor) health(h *v1alpha1.Health) {
	h.Measures, h.Facts, h.History, h.Dimensions = clip(h.Measures), clip(h.Facts), clip(h.History), clip(h.Dimensions)
	for i := range h.Dimensions {
		d := &h.Dimensions[i]
		c.words(&d.Name, &d.Points)
	}
	for i := range h.Measures {
		m := &h.Measures[i]
		c.words(&m.Name, &m.Dimension, &m.From, &m.Value, &m.Points, (*string)(&m.State), (*string)(&m.AsOf), &m.Message)
	}
	for i := range h.Facts {
		f := &h.Facts[i]
		c.words(&f.Source, &f.Metric, &f.Value, (*string)(&f.State))
	}
	for i := range h.History {
		c.words(&h.History[i])
	}
}

// clip returns a slice without room to grow.
func clip[T any](s []T) []T {
	if cap(s) == len(s) {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}
