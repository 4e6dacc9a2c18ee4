package snapshot

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/offline"
	"github.com/perennial-dev/perennial/internal/value"
)

// sources answer as some DataSources declare. They may be asked by many at once.
type sources struct {
	namespace string
	declared  map[string]*v1alpha1.DataSource
	// tables are what is held as rows, made when somebody first asks.
	tables func() *tables
	// remembered are what the statuses say; nil where the operator gave all it has.
	remembered *statuses
	// before are the sources as they were read last; nil where nobody knows.
	before *sources
}

// tables are rows, under some declarations.
type tables struct {
	store *observe.Store
	// unknown are the metrics of a source whose column is not held.
	unknown map[string][]string
	// fromFiles are the sources that were read from files.
	fromFiles map[string]bool
	// refused are those whose file has so few rows that the operator would not take them.
	refused []string
}

// imported is what was held of a source, under one declaration.
type imported struct {
	snapshot *observe.Snapshot
	unknown  []string
}

// own returns what the sources gave, as the snapshot's own DataSources declare it.
func (s *Snapshot) own() fleet.Sources {
	s.shared = make(map[string]func() imported, len(s.World.DataSources))
	for _, ds := range s.World.DataSources {
		if d := s.dump(ds.Name); d != nil {
			s.shared[ds.Name] = sync.OnceValue(func() imported { return importDump(ds, d) })
		}
	}
	return newSources(s, s.World.DataSources, nil)
}

func newSources(s *Snapshot, declared []*v1alpha1.DataSource, configMaps map[string]map[string]string) fleet.Sources {
	all := &sources{namespace: s.World.Namespace, declared: make(map[string]*v1alpha1.DataSource, len(declared))}
	for _, ds := range declared {
		all.declared[ds.Name] = ds
	}
	if s.From == Statuses {
		all.remembered = newStatuses(s.World, all.declared)
	}
	all.tables = sync.OnceValue(func() *tables { return s.tablesOf(declared, configMaps, all.before) })
	return all
}

// After says that sources are read after others, so that a file which has lost most of its rows is told from one that never
// had more. Call it before anybody asks them. Refused returns the names of the sources whose rows the operator would refuse
// for that, sorted: the rows before stand.
func After(later, before fleet.Sources) (refused func() []string) {
	all, ok := later.(*sources)
	was, known := before.(*sources)
	if !ok {
		return func() []string { return nil }
	}
	if known {
		all.before = was
	}
	return func() []string { return slices.Sorted(slices.Values(all.tables().refused)) }
}

// tablesOf joins what is held of each source to its declaration.
func (s *Snapshot) tablesOf(declared []*v1alpha1.DataSource, configMaps map[string]map[string]string, before *sources) *tables {
	t := &tables{store: observe.NewStore(), unknown: map[string][]string{}, fromFiles: map[string]bool{}}
	gotten := make([]imported, len(declared))
	var work sync.WaitGroup
	for i, ds := range declared {
		work.Go(func() { gotten[i] = s.importAs(ds) })
	}
	work.Wait()
	for i, ds := range declared {
		key := types.NamespacedName{Namespace: s.World.Namespace, Name: ds.Name}
		d, held := s.dump(ds.Name), gotten[i].snapshot
		if held != nil {
			t.store.Accept(key, ds, held)
			t.unknown[ds.Name] = gotten[i].unknown
		}
		switch {
		case ds.Spec.Suspend:
			t.store.Suspend(key, ds)
		case offline.Reads(ds, configMaps):
			t.fromFiles[ds.Name] = true
			t.readFile(key, ds, configMaps, s.lastRead(ds, before), s.Time)
		case held == nil || !d.Available:
			t.store.Fail(key, ds) // what nobody has read yet is as one that cannot be read
		}
	}
	return t
}

// lastRead is the read of a source before this one; nil where nobody knows of any.
func (s *Snapshot) lastRead(ds *v1alpha1.DataSource, before *sources) *observe.Snapshot {
	if before != nil {
		last, _ := before.tables().store.Snapshot(before.key(ds.Name))
		return last
	}
	if held := s.shared[ds.Name]; held != nil {
		return held().snapshot
	}
	return nil
}

// readFile reads a source whose rows are at hand. What is as it was when the operator read it, it would not read again: it
// keeps its time. What has far fewer rows it would refuse: the last ones stand.
func (t *tables) readFile(key types.NamespacedName, ds *v1alpha1.DataSource, configMaps map[string]map[string]string, last *observe.Snapshot, now time.Time) {
	read, err := offline.Read(context.Background(), ds, configMaps, now)
	if err != nil {
		t.store.Fail(key, ds)
		return
	}
	if last != nil && len(observe.Changed(last, read)) == 0 {
		read = read.ReadAt(last.ReadTime())
	}
	delete(t.unknown, ds.Name)
	if last != nil && observe.TooFew(ds, int64(last.Rows()), int64(read.Rows())) {
		t.refused = append(t.refused, ds.Name)
		t.store.Accept(key, ds, last)
		t.store.Fail(key, ds)
		return
	}
	t.store.Accept(key, ds, read)
}

// importAs joins what the operator held of a source to a declaration. What is declared as it was is joined once.
func (s *Snapshot) importAs(ds *v1alpha1.DataSource) imported {
	i := slices.IndexFunc(s.World.DataSources, func(was *v1alpha1.DataSource) bool { return was.Name == ds.Name })
	d := s.dump(ds.Name)
	switch {
	case d == nil || d.ReadTime.IsZero():
		return imported{}
	case i < 0:
		return importDump(ds, d)
	case equality.Semantic.DeepEqual(s.World.DataSources[i].Spec, ds.Spec):
		return s.shared[ds.Name]()
	}
	return importDump(ds, defined(d, &s.World.DataSources[i].Spec, &ds.Spec))
}

func importDump(ds *v1alpha1.DataSource, d *observe.Dump) imported {
	if d.ReadTime.IsZero() {
		return imported{}
	}
	snapshot, unknown := observe.Import(ds, d)
	return imported{snapshot, unknown}
}

// defined returns the dump without the columns that another spec takes from somewhere else: of those, nothing was read yet.
// Where a source as a whole changes, as a query of a database does, a column of the same name counts as the same.
func defined(d *observe.Dump, was, is *v1alpha1.DataSourceSpec) *observe.Dump {
	before, after := definitions(was), definitions(is)
	same := func(column string) bool { return before == nil || after == nil || before(column) == after(column) }
	changed := *d
	changed.Columns = slices.Clone(d.Columns)
	for i := range changed.Columns {
		if !same(changed.Columns[i].Field) {
			changed.Columns[i].Field = ""
		}
	}
	if !same(d.Account) {
		changed.Account = ""
	}
	if !same(d.Observed) {
		changed.Observed = ""
	}
	return &changed
}

// definitions returns what says where a column comes from; nil where the source as a whole does.
func definitions(spec *v1alpha1.DataSourceSpec) func(column string) string {
	switch {
	case spec.Prometheus != nil:
		queries := map[string]string{}
		for i := range spec.Metrics {
			for _, q := range spec.Prometheus.Queries {
				if q.Metric == spec.Metrics[i].Name {
					queries[observe.FieldOf(&spec.Metrics[i])] = q.Label + "\x00" + q.Query
				}
			}
		}
		return func(column string) string { return queries[column] }
	case spec.HTTP != nil:
		return func(column string) string { return string(spec.HTTP.Fields[column]) }
	}
	return nil
}

// Facts implements fleet.Sources.
func (s *sources) Facts(a *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	t := s.tables()
	facts := t.store.Facts(s.namespace, a, reads)
	if s.remembered == nil {
		return facts
	}
	for ref, o := range facts {
		then, ok := s.remembered.observation(a.Name, ref)
		switch {
		case !ok:
		case !t.fromFiles[ref.Source]:
			facts[ref] = then
		case s.declared[ref.Source].Spec.ObservedTime == nil && o.Value != nil && then.Value != nil && o.Value.Equal(*then.Value):
			// What a file says and was said before is no news.
			o.ObservedTime = then.ObservedTime
			facts[ref] = o
		}
	}
	return facts
}

// Events implements fleet.Sources.
func (s *sources) Events(a *v1alpha1.Account, source string) value.Events {
	return s.tables().store.Events(s.namespace, a, source)
}

// Known implements fleet.Sources.
func (s *sources) Known(a *v1alpha1.Account, ref v1alpha1.MetricReference) bool {
	t := s.tables()
	if held, _ := t.store.Snapshot(s.key(ref.Source)); held != nil {
		return held.Holds(ref.Metric)
	}
	if s.remembered == nil || t.fromFiles[ref.Source] {
		return false
	}
	_, ok := s.remembered.observation(a.Name, ref)
	return ok
}

// Rows implements fleet.Sources. A column that is not held counts as one that cannot be read: what is made of it stays.
func (s *sources) Rows(source string) ([]accountset.SourceRow, bool) {
	t := s.tables()
	held, available := t.store.Snapshot(s.key(source))
	if held == nil || !available || !held.Complete() {
		return nil, false
	}
	rows := make([]accountset.SourceRow, 0, len(held.Keys()))
	for _, id := range held.Keys() {
		row := accountset.SourceRow{ID: id, Values: held.Row(id), Unreadable: held.Unreadable(id)}
		if unknown := t.unknown[source]; len(unknown) > 0 {
			row.Unreadable = slices.Sorted(slices.Values(slices.Concat(row.Unreadable, unknown)))
		}
		rows = append(rows, row)
	}
	return rows, true
}

// ReadTime implements fleet.Sources.
func (s *sources) ReadTime(source string) time.Time {
	if held, _ := s.tables().store.Snapshot(s.key(source)); held != nil {
		return held.ReadTime()
	}
	return time.Time{}
}

func (s *sources) key(source string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace, Name: source}
}
