package observe

import (
	"maps"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// DefaultOverlap is how far before the last read a read asks, where the spec does not say.
const DefaultOverlap = 10 * time.Minute

// SinceLast returns the time from which on a source is to be asked, where it only asks for what is new: the last read,
// less the overlap. It is zero where everything is wanted: the source does not ask so, or nothing is in memory that was
// read by the same spec.
func SinceLast(ds *v1alpha1.DataSource, last *Snapshot) time.Time {
	if ds.Spec.HTTP == nil || ds.Spec.HTTP.Since == nil || last == nil || last.generation != ds.Generation {
		return time.Time{}
	}
	return last.ReadTime().Add(-value.DurationOr(ds.Spec.HTTP.Since.Overlap, DefaultOverlap))
}

// Merge adds to a read of what is new the rows of the read before that are older, as far as they lie within the window
// that the spec keeps. What is new replaces what was known of the same account and time: a row that was changed since,
// where the source is asked for what changed. The error is for more rows, or more text, than one read may have.
func Merge(ds *v1alpha1.DataSource, last, news *Snapshot, deps Dependencies) (*Snapshot, error) {
	from := news.readTime.Add(-value.DurationOr(ds.Spec.HTTP.Since.Window, 0))
	// A source that takes the time to mean after it gives nothing of that very second again.
	asked := news.since.Add(time.Second)
	merged := *news
	merged.rows = maps.Clone(news.rows)
	for id, rows := range last.rows {
		kept := slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
			// What lies in the time that was asked for would have come again if it were still there; a time that lies ahead
			// of the reads says nothing of that.
			gone := !r.observed.Before(asked) && !r.observed.After(last.readTime)
			return r.when().Before(from) || gone || slices.ContainsFunc(news.rows[id], func(n row) bool { return n.observed.Equal(r.observed) })
		})
		if len(kept) > 0 {
			merged.rows[id] = append(kept, news.rows[id]...)
		}
		for _, r := range kept {
			merged.rejected.count += int64(len(r.unreadable))
		}
	}
	if merged.rejected.count > 0 && len(merged.rejected.examples) == 0 {
		merged.rejected.examples = last.rejected.examples
	}
	var text int64
	merged.count, text = sizeOf(merged.rows)
	switch limit := deps.Budget(); {
	case merged.count > limit.maxRows:
		return nil, ReadFailed("spec.http.since.window: more than %d rows within it; shorten it, or raise the operator's --max-rows", limit.maxRows)
	case text > limit.maxBytes:
		return nil, ReadFailed("spec.http.since.window: more than %d bytes within it; shorten it, or raise the operator's --max-bytes", limit.maxBytes)
	}
	merged.keys = slices.Sorted(maps.Keys(merged.rows))
	return &merged, nil
}

// when is when a row was true: where it does not say, when it was read.
func (r row) when() time.Time {
	if r.observed.IsZero() {
		return r.read
	}
	return r.observed
}

// sizeOf counts rows, and the bytes of the words and texts in them.
func sizeOf(rows map[string][]row) (count int, text int64) {
	for _, of := range rows {
		count += len(of)
		for _, r := range of {
			for _, v := range r.values {
				if v != nil {
					text += int64(len(v.Text))
				}
			}
		}
	}
	return count, text
}
