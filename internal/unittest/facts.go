package unittest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// declared is what the configuration says of one source.
type declared struct {
	name string
	// inferred means that no DataSource of this name is under test: its metrics are those that something reads.
	inferred bool
	// timed means that the rows of the source say when they were observed.
	timed  bool
	maxAge time.Duration
	// metrics by name. The type of an inferred one is empty.
	metrics map[string]v1alpha1.Metric
}

// declaredBy collects the sources of a configuration, by name.
func declaredBy(w *fleet.World) (map[string]*declared, error) {
	all := map[string]*declared{}
	for _, ds := range w.DataSources {
		maxAge, err := value.ParseDuration(ds.Spec.MaxAge)
		if err != nil {
			return nil, fmt.Errorf("data source %s: spec.maxAge: %w", ds.Name, err)
		}
		d := &declared{name: ds.Name, timed: ds.Spec.ObservedTime != nil, maxAge: maxAge, metrics: map[string]v1alpha1.Metric{}}
		for _, m := range ds.Spec.Metrics {
			d.metrics[m.Name] = m
		}
		all[ds.Name] = d
	}
	reads, err := readsOf(w)
	if err != nil {
		return nil, err
	}
	for _, ref := range reads {
		d := all[ref.Source]
		if d == nil {
			d = &declared{name: ref.Source, inferred: true, timed: true, metrics: map[string]v1alpha1.Metric{}}
			all[ref.Source] = d
		}
		if d.inferred {
			d.metrics[ref.Metric] = v1alpha1.Metric{Name: ref.Metric}
		}
	}
	return all, nil
}

// readsOf are the metrics that models and playbooks read.
func readsOf(w *fleet.World) ([]v1alpha1.MetricReference, error) {
	var reads []v1alpha1.MetricReference
	for _, m := range w.Models {
		compiled, err := score.Compile(m)
		if err != nil {
			return nil, fmt.Errorf("health score model %s: %w", m.Name, err)
		}
		reads = append(reads, compiled.Reads()...)
	}
	for _, pb := range w.Playbooks {
		compiled, err := playbook.Compile(pb)
		if err != nil {
			return nil, fmt.Errorf("playbook %s: %w", pb.Name, err)
		}
		reads = append(reads, compiled.Reads()...)
	}
	return value.DistinctMetrics(reads), nil
}

// typeOf is a metric's type; of an inferred one what the value looks like.
func (d *declared) typeOf(metric, written string) v1alpha1.MetricType {
	if m := d.metrics[metric]; m.Type != "" {
		return m.Type
	}
	for _, t := range []v1alpha1.MetricType{v1alpha1.MetricNumber, v1alpha1.MetricTime} {
		if _, err := value.Parse(t, written); err == nil {
			return t
		}
	}
	return v1alpha1.MetricCategory
}

// fresh reports whether a value is as old as the read, which is never long ago: rows that say when they were observed are as
// old as that, and nobody says it for a source that is only inferred.
func (d *declared) fresh() bool { return !d.timed || d.inferred }

// said is what a source says of an account.
type said struct {
	*declared
	// unavailable means that it cannot be read; read is when it was read last, zero where it never was.
	unavailable bool
	read        time.Time
	// values by metric; one without a value is Missing.
	values map[string]saidValue
	// rows are those that said when they were observed, the oldest first.
	rows []value.Event
}

// saidValue is one value and, where it does not grow younger with each read, when it was observed.
type saidValue struct {
	value    *value.Value
	observed time.Time
}

// saying is what all sources say of one account, by name.
type saying map[string]*said

// newSaying says nothing yet.
func newSaying(sources map[string]*declared) saying {
	s := saying{}
	for name, d := range sources {
		s[name] = &said{declared: d, values: map[string]saidValue{}}
	}
	return s
}

// read reads all sources that can be read.
func (s saying) read(now time.Time) {
	for _, source := range s {
		if !source.unavailable {
			source.read = now
		}
	}
}

// change takes what sources say from a moment on.
func (s saying) change(f facts, now time.Time, location *time.Location) error {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		of := f[name]
		source, ok := s[name]
		if !ok {
			return failedAt(of.line, "facts: there is no source %s; there is %s", name, listOf(s))
		}
		if of.state.said {
			source.unavailable = of.state.text == unavailable
			continue
		}
		source.unavailable = false
		if err := source.change(of, now, location); err != nil {
			return err
		}
	}
	return nil
}

// change takes what one source says.
func (s *said) change(of sourceFacts, now time.Time, location *time.Location) error {
	rows := map[time.Time]map[string]value.Value{}
	for _, metric := range slices.Sorted(maps.Keys(of.values)) {
		f := of.values[metric]
		if _, ok := s.metrics[metric]; !ok {
			return failedAt(f.value.line, "facts: source %s has no metric %s; it has %s", s.name, metric, listOf(s.metrics))
		}
		if f.value.null {
			s.values[metric] = saidValue{}
			continue
		}
		typ := s.typeOf(metric, f.value.text)
		val, err := value.Parse(typ, f.value.text)
		if err != nil {
			return failedAt(f.value.line, "facts: %s.%s is a %s, and %q is %w", s.name, metric, typ, f.value.text, err)
		}
		observed, err := s.observed(f.observed, now, location)
		if err != nil {
			return err
		}
		at := observed
		if at.IsZero() {
			at = now
		}
		if rows[at] == nil {
			rows[at] = map[string]value.Value{}
		}
		rows[at][metric] = val
		if last, ok := s.values[metric]; !ok || last.value == nil || !last.observed.After(at) {
			s.values[metric] = saidValue{&val, observed}
		}
	}
	if s.timed {
		s.add(rows)
	}
	return nil
}

// observed is when a value was observed; zero is whenever the source is read.
func (s *said) observed(t text, now time.Time, location *time.Location) (time.Time, error) {
	switch {
	case !t.said && s.fresh():
		return time.Time{}, nil
	case !t.said:
		return now, nil
	case !s.timed:
		return time.Time{}, failedAt(t.line, "observed: the DataSource %s has no observedTime, so its values are as old as the read; for an outage write %s: %s", s.name, s.name, unavailable)
	}
	at := now
	if isDuration(t.text) {
		ago, err := value.ParseDuration(v1alpha1.Duration(t.text))
		if err != nil {
			return time.Time{}, failedAt(t.line, "observed: %w", err)
		}
		at = now.Add(-ago)
	} else {
		moment, err := momentIn(t.text, location)
		if err != nil {
			return time.Time{}, failedAt(t.line, "observed: %w, or how long ago: 10d", err)
		}
		at = moment
	}
	if at.After(now) {
		return time.Time{}, failedAt(t.line, "observed: %s lies ahead of the step, which is at %s", t.text, now.Format(time.RFC3339))
	}
	return at.Truncate(time.Second), nil
}

// add adds rows, and keeps all in the order of their times.
func (s *said) add(rows map[time.Time]map[string]value.Value) {
	for at, values := range rows {
		s.rows = append(s.rows, value.Event{Time: at, Values: values})
	}
	slices.SortStableFunc(s.rows, func(a, b value.Event) int { return a.Time.Compare(b.Time) })
}

// observations are what is known of the account at a moment, and the rows by source.
func (s saying) observations() (value.Facts, map[string]value.Events) {
	all, events := value.Facts{}, map[string]value.Events{}
	for name, source := range s {
		for metric := range source.metrics {
			all[v1alpha1.MetricReference{Source: name, Metric: metric}] = source.observation(metric)
		}
		if source.timed {
			events[name] = value.Events{Known: !source.unavailable, Rows: slices.Clone(source.rows), MaxAge: source.maxAge}
		}
	}
	return all, events
}

// observation is what is known of one metric, as of the last read.
func (s *said) observation(metric string) value.Observation {
	m := s.metrics[metric]
	o := value.Observation{Type: m.Type, State: v1alpha1.ValueMissing, MaxAge: s.maxAge}
	last, ok := s.values[metric]
	switch {
	case s.read.IsZero():
	case ok && last.value != nil:
		o.Type, o.Value, o.ObservedTime, o.State = last.value.Type, last.value, last.observed, v1alpha1.ValueFresh
	case !ok && m.Absent != nil:
		if val, err := value.Parse(m.Type, *m.Absent); err == nil {
			o.Value, o.State = &val, v1alpha1.ValueFresh
		}
	}
	if o.Type == "" {
		o.Type = v1alpha1.MetricNumber // nothing was said of an inferred metric: any type is as good
	}
	if o.Value != nil && o.ObservedTime.IsZero() {
		o.ObservedTime = s.read
	}
	if s.unavailable {
		o.State = v1alpha1.ValueErrored
	}
	return o
}

// listOf names the keys, sorted: a, b, c.
func listOf[T any](m map[string]T) string {
	if len(m) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
