package observe

import (
	"maps"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Snapshot is what one complete read of a source gave, joined to the metrics that the spec declares. It does not change
// once it is made, and may be read by many at once.
type Snapshot struct {
	shape shape
	// generation of the spec that it was read by.
	generation int64
	readTime   time.Time
	count      int
	keys       []string
	rows       map[string][]row
	rejected   rejections
	// since, where it is not zero, is the time from which on the read has rows.
	since time.Time
	// incomplete are the metrics, by number, of which an account without a value may have one.
	incomplete []int
	warnings   []string
}

// shape is what a source's spec says about its rows.
type shape struct {
	accountField string
	scheme       string
	observed     string // the column that says when a row was observed; empty where none does
	perMetric    bool   // every metric is read by itself: a row may be of other metrics alone
	maxAge       time.Duration
	metrics      []v1alpha1.Metric
	byName       map[string]int
}

// row is one row of one account. values goes with the metrics of the shape; nil is no value.
type row struct {
	// observed is when the row was true; zero where the row does not say, which is then the time of the read.
	observed time.Time
	// read is when the row was read last.
	read   time.Time
	values []*value.Value
	// unreadable are the metrics, by number, whose value is not of their type.
	unreadable []int
}

// shapeOf takes from a spec what reading rows needs. The spec is not kept.
func shapeOf(ds *v1alpha1.DataSource) shape {
	s := shape{
		accountField: ds.Spec.Account.Field,
		scheme:       ds.Spec.Account.ExternalID,
		perMetric:    ds.Spec.Prometheus != nil,
		maxAge:       value.DurationOr(ds.Spec.MaxAge, 0),
		metrics:      ds.DeepCopy().Spec.Metrics,
		byName:       make(map[string]int, len(ds.Spec.Metrics)),
	}
	for i := range s.metrics {
		s.byName[s.metrics[i].Name] = i
	}
	if ds.Spec.ObservedTime != nil {
		s.observed = ds.Spec.ObservedTime.Field
	}
	return s
}

// Rows returns the number of rows that have an id.
func (s *Snapshot) Rows() int { return s.count }

// Keys returns the ids that the rows name, sorted. The caller must not change them.
func (s *Snapshot) Keys() []string { return s.keys }

// Has reports whether a row names the id.
func (s *Snapshot) Has(id string) bool { return len(s.rows[id]) > 0 }

// KeyRows returns the number of rows that name the id.
func (s *Snapshot) KeyRows(id string) int { return len(s.rows[id]) }

// ReadTime is when the source was read, in whole seconds of UTC.
func (s *Snapshot) ReadTime() time.Time { return s.readTime }

// ReadAt returns the same read with another time, for a source whose content was already read then.
func (s *Snapshot) ReadAt(t time.Time) *Snapshot {
	again := *s
	again.readTime = t.UTC().Truncate(time.Second)
	return &again
}

// Scheme is the scheme of external ids that the keys belong to; empty where they are accounts' names.
func (s *Snapshot) Scheme() string { return s.shape.scheme }

// RejectedValues is the number of values that are not of their metric's type, and of rows without an id.
func (s *Snapshot) RejectedValues() int64 { return s.rejected.count }

// RejectedExamples describes at most five of them, without the values. The caller must not change them.
func (s *Snapshot) RejectedExamples() []string { return s.rejected.examples }

// Complete reports whether the read has all that the source has: where it has not, an id that no row names may be there.
func (s *Snapshot) Complete() bool { return len(s.incomplete) == 0 }

// Warnings are those of the source itself. The caller must not change them.
func (s *Snapshot) Warnings() []string { return s.warnings }

// Counts returns how many rows have a value, readable or not, of each metric, in the order of the spec.
func (s *Snapshot) Counts() []v1alpha1.MetricCount {
	counts := make([]v1alpha1.MetricCount, len(s.shape.metrics))
	for i := range counts {
		counts[i].Name = s.shape.metrics[i].Name
	}
	for _, rows := range s.rows {
		for _, r := range rows {
			for i := range counts {
				if r.values[i] != nil || slices.Contains(r.unreadable, i) {
					counts[i].Values++
				}
			}
		}
	}
	return counts
}

// Row returns the values under one id: each metric that has one, by its name, and the id itself under the name of its
// column unless a metric has that name. It is nil where no row names the id.
func (s *Snapshot) Row(id string) map[string]value.Value {
	if !s.Has(id) {
		return nil
	}
	values := map[string]value.Value{s.shape.accountField: {Type: v1alpha1.MetricText, Text: id}}
	for name, o := range s.Lookup([]string{id}) {
		if o.Value != nil {
			values[name] = *o.Value
		}
	}
	return values
}

// Unreadable returns the names of the metrics, sorted, of which a row with this id has a value that is not of their type.
// Such a value is not in Row, and is something else than none.
func (s *Snapshot) Unreadable(id string) []string {
	var names []string
	for _, r := range s.rows[id] {
		for _, metric := range r.unreadable {
			names = append(names, s.shape.metrics[metric].Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Lookup returns what the read knows of an account with these ids, for every declared metric. Rows of several ids of
// one account are aggregated together. Where none of the ids has a row, a metric with a value for that case has it.
func (s *Snapshot) Lookup(ids []string) map[string]value.Observation {
	rows := s.rowsOf(ids)
	facts := make(map[string]value.Observation, len(s.shape.metrics))
	for i := range s.shape.metrics {
		facts[s.shape.metrics[i].Name] = s.observation(rows, i)
	}
	return facts
}

// Events returns the rows of an account with these ids that say when they were observed, the oldest first. Their times
// are as the source has them: one that lies ahead stays where it is, so that each read finds the same event.
func (s *Snapshot) Events(ids []string) []value.Event {
	var events []value.Event
	for _, r := range s.rowsOf(ids) {
		if r.observed.IsZero() {
			continue
		}
		e := value.Event{Time: r.observed.UTC().Truncate(time.Second), Values: make(map[string]value.Value, len(r.values))}
		for metric, v := range r.values {
			if v != nil {
				e.Values[s.shape.metrics[metric].Name] = *v
			}
		}
		events = append(events, e)
	}
	slices.SortStableFunc(events, func(a, b value.Event) int { return a.Time.Compare(b.Time) })
	return events
}

// rowsOf returns the rows of all ids, each id once, in the order of the ids.
func (s *Snapshot) rowsOf(ids []string) []row {
	if len(ids) == 1 {
		return s.rows[ids[0]]
	}
	var rows []row
	for i, id := range ids {
		if !slices.Contains(ids[:i], id) {
			rows = append(rows, s.rows[id]...)
		}
	}
	return rows
}

// observation returns one metric of the rows of one account.
func (s *Snapshot) observation(rows []row, metric int) value.Observation {
	m := &s.shape.metrics[metric]
	o := value.Observation{Type: m.Type, State: v1alpha1.ValueMissing, MaxAge: s.shape.maxAge}
	has := slices.ContainsFunc(rows, func(r row) bool { return r.values[metric] != nil || slices.Contains(r.unreadable, metric) })
	newest := m.Aggregate == "" || m.Aggregate == v1alpha1.AggregateNewest
	if slices.Contains(s.incomplete, metric) && (!has || !newest) {
		o.Unreadable = true // the source may have a value, or more of it, that it did not give
		return o
	}
	if len(rows) == 0 || s.shape.perMetric && !has {
		if m.Absent == nil {
			return o
		}
		v, err := value.Parse(m.Type, *m.Absent)
		if err != nil {
			return o
		}
		o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, s.readTime
		return o
	}
	if spoiled(rows, metric, m.Aggregate) {
		o.Unreadable = true
		return o
	}
	v, observed := aggregate(rows, metric, m.Aggregate)
	if v == nil {
		return o
	}
	o.Value, o.State, o.ObservedTime = v, v1alpha1.ValueFresh, s.observedAt(observed)
	return o
}

// observedAt returns a row's time in whole seconds. Nothing is observed later than it was read: a clock that runs ahead
// must not keep a value fresh.
func (s *Snapshot) observedAt(t time.Time) time.Time {
	if t.IsZero() || t.After(s.readTime) {
		return s.readTime
	}
	return t.UTC().Truncate(time.Second)
}

// Changed returns the ids whose rows differ between two reads, sorted: new ones, gone ones, other values, other times
// in the rows. The time of the read makes no difference. With no earlier read it is every id.
func Changed(before, after *Snapshot) []string {
	if before == nil {
		return slices.Clone(after.keys)
	}
	var changed []string
	for id, rows := range after.rows {
		if !slices.EqualFunc(before.rows[id], rows, row.equal) {
			changed = append(changed, id)
		}
	}
	for id := range maps.Keys(before.rows) {
		if !after.Has(id) {
			changed = append(changed, id)
		}
	}
	slices.Sort(changed)
	return changed
}

// equal reports whether two rows say the same.
func (r row) equal(other row) bool {
	return r.observed.Equal(other.observed) && slices.Equal(r.unreadable, other.unreadable) && slices.EqualFunc(r.values, other.values, func(a, b *value.Value) bool {
		return a == b || a != nil && b != nil && a.Equal(*b)
	})
}
