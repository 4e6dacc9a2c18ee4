package observe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxExamples bounds the rejected values that are described.
const maxExamples = 5

// rejections counts values that could not be read and describes the first of them, never the values.
type rejections struct {
	count    int64
	examples []string
}

func (r *rejections) add(line int, column string, want v1alpha1.MetricType, text string, err error) {
	r.count++
	if len(r.examples) < maxExamples {
		r.examples = append(r.examples, fmt.Sprintf("row %d, column %s: expected %s, got %d characters: %v",
			line, strconv.Quote(column), want, utf8.RuneCountInString(text), err))
	}
}

// errNoID is for a row whose id is empty.
var errNoID = errors.New("a row without an id belongs to no account")

// joined is where in a table the declared columns are.
type joined struct {
	account  int
	observed int // -1: rows do not say
	metrics  []int
}

// Ingest joins a table's columns to the metrics that a source declares and reads the values. A value that is not of its
// metric's type is no value, and counted. readTime is the time of values whose rows have none. The error, of type
// *Error, is for a declared column that is not there.
func Ingest(ds *v1alpha1.DataSource, t *Table, readTime time.Time) (*Snapshot, error) {
	s := &Snapshot{
		shape:      shapeOf(ds),
		generation: ds.Generation,
		readTime:   readTime.UTC().Truncate(time.Second),
		count:      len(t.Rows),
		rows:       make(map[string][]row, len(t.Rows)),
		since:      t.Since,
		warnings:   slices.Clone(t.Warnings),
	}
	for i := range ds.Spec.Metrics {
		if slices.Contains(t.Incomplete, metricField(&ds.Spec.Metrics[i])) {
			s.incomplete = append(s.incomplete, i)
		}
	}
	if len(t.Rows) == 0 && len(t.Columns) == 0 {
		return s, nil // an empty list has no objects that could name columns
	}
	at, err := join(ds, t.Columns)
	if err != nil {
		return nil, err
	}
	for i, cells := range t.Rows {
		id := strings.TrimSpace(cells[at.account].Text)
		if id == "" {
			s.rejected.add(i+1, t.Columns[at.account], "id", "", errNoID)
			s.count--
			continue
		}
		s.rows[id] = append(s.rows[id], s.readRow(i+1, cells, at, t.Columns))
	}
	s.keys = slices.Sorted(maps.Keys(s.rows))
	return s, nil
}

// join finds the declared columns.
func join(ds *v1alpha1.DataSource, columns []string) (joined, error) {
	at := joined{account: slices.Index(columns, ds.Spec.Account.Field), observed: -1}
	if err := CheckDeclared(ds, columns); err != nil {
		return at, err
	}
	if ds.Spec.ObservedTime != nil {
		at.observed = slices.Index(columns, ds.Spec.ObservedTime.Field)
	}
	for i := range ds.Spec.Metrics {
		at.metrics = append(at.metrics, slices.Index(columns, metricField(&ds.Spec.Metrics[i])))
	}
	return at, nil
}

// readRow reads one row's values. A row whose time cannot be read has no values: nobody knows when they were true.
func (s *Snapshot) readRow(line int, cells []Cell, at joined, columns []string) row {
	r := row{read: s.readTime, values: make([]*value.Value, len(at.metrics))}
	if at.observed >= 0 && !empty(cells[at.observed]) {
		text := cells[at.observed].Text
		t, err := value.ParseTime(text)
		if err != nil {
			s.rejected.add(line, columns[at.observed], v1alpha1.MetricTime, text, err)
			for i := range at.metrics {
				r.unreadable = append(r.unreadable, i)
			}
			return r
		}
		r.observed = t
	}
	for i, column := range at.metrics {
		if empty(cells[column]) {
			continue
		}
		m := &s.shape.metrics[i]
		v, err := value.Parse(m.Type, cells[column].Text)
		if err != nil {
			s.rejected.add(line, columns[column], m.Type, cells[column].Text, err)
			r.unreadable = append(r.unreadable, i)
			continue
		}
		r.values[i] = &v
	}
	return r
}

// empty reports whether a cell has no value.
func empty(c Cell) bool { return c.Null || strings.TrimSpace(c.Text) == "" }
