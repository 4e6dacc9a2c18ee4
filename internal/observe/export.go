package observe

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Dump is what is held of one source, in a form that can be written: by the columns that the source has, and not by the
// metrics that a spec makes of them, so that another spec can be joined to it. It holds customers' data.
type Dump struct {
	// Source is the name of the DataSource.
	Source string `json:"source"`
	// Available means that the latest read succeeded, or that the source is suspended and was read before.
	Available bool `json:"available,omitempty"`
	// Suspended means that it is not read because its spec says so.
	Suspended bool `json:"suspended,omitempty"`
	// ReadTime is when the read was made that all this is of; zero where nothing is held: there are no columns and rows then.
	ReadTime time.Time `json:"readTime,omitzero"`
	// Since, where it is not zero, is the time from which on the latest read had rows; earlier ones are of reads before it.
	Since time.Time `json:"since,omitzero"`
	// Account is the column with the accounts' ids; Observed the one that says when a row was true, empty where none does.
	Account  string `json:"account,omitempty"`
	Observed string `json:"observed,omitempty"`
	// Columns are those of the metrics. One that two metrics read as different types is there twice.
	Columns []DumpColumn `json:"columns,omitempty"`
	// Incomplete are the columns, by number, in which an account without a value may have one.
	Incomplete []int `json:"incomplete,omitempty"`
	// Warnings of the source itself.
	Warnings []string `json:"warnings,omitempty"`
	// Rows by id; those of one id are in the order of the source.
	Rows []DumpRow `json:"rows,omitempty"`
}

// DumpColumn is a column that a metric reads.
type DumpColumn struct {
	// Field is the name of the column.
	Field string `json:"field"`
	// Type that its values were read as.
	Type v1alpha1.MetricType `json:"type"`
}

// DumpRow is one row of one account.
type DumpRow struct {
	// ID is the account's in the source.
	ID string `json:"id"`
	// At is when the row was true; zero where it does not say.
	At time.Time `json:"at,omitzero"`
	// Read is when the row was read, where that is not the ReadTime.
	Read time.Time `json:"read,omitzero"`
	// Cells go with the columns, cut after the last that has a value; empty is no value.
	Cells []string `json:"cells,omitempty"`
	// Unreadable are the columns, by number, whose value is not of its type.
	Unreadable []int `json:"unreadable,omitempty"`
}

// Export returns all that a read gave.
func Export(s *Snapshot) *Dump {
	d := &Dump{
		ReadTime: s.readTime, Since: s.since, Account: s.shape.accountField, Observed: s.shape.observed, Warnings: s.warnings,
		Incomplete: s.incomplete, Columns: make([]DumpColumn, len(s.shape.metrics)), Rows: make([]DumpRow, 0, s.count),
	}
	for i := range s.shape.metrics {
		d.Columns[i] = DumpColumn{Field: metricField(&s.shape.metrics[i]), Type: s.shape.metrics[i].Type}
	}
	for _, id := range s.keys {
		for _, r := range s.rows[id] {
			d.Rows = append(d.Rows, s.export(id, r))
		}
	}
	return d
}

// FieldOf returns the column that a metric reads.
func FieldOf(m *v1alpha1.Metric) string { return metricField(m) }

// export returns one row.
func (s *Snapshot) export(id string, r row) DumpRow {
	row := DumpRow{ID: id, At: r.observed, Unreadable: r.unreadable}
	if !r.read.Equal(s.readTime) {
		row.Read = r.read
	}
	last := len(r.values)
	for last > 0 && r.values[last-1] == nil {
		last--
	}
	if last > 0 {
		row.Cells = make([]string, last)
	}
	for i, v := range r.values[:last] {
		if v != nil {
			row.Cells[i] = cellText(v)
		}
	}
	return row
}

// cellText writes a value so that it is read as the same again: a time with what a status leaves out of it.
func cellText(v *value.Value) string {
	if v.Type == v1alpha1.MetricTime && v.Time.Nanosecond() != 0 {
		return v.Time.Format(time.RFC3339Nano)
	}
	return v.String()
}

// Sources returns the names of the sources of a namespace that were read, or could not be, sorted.
func (s *Store) Sources(namespace string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for key := range maps.Keys(s.sources) {
		if key.Namespace == namespace {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Dump returns what is held of a source; nil where nobody has tried to read it.
func (s *Store) Dump(key types.NamespacedName) *Dump {
	s.mu.RLock()
	known := s.sources[key]
	s.mu.RUnlock()
	if known == nil {
		return nil
	}
	d := &Dump{}
	if known.snapshot != nil {
		d = Export(known.snapshot) // which does not change, so that nobody waits meanwhile
	}
	d.Source, d.Available, d.Suspended = key.Name, known.available, known.suspended
	return d
}
