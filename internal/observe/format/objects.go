package format

import (
	"cmp"
	"maps"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Objects gathers the rows of formats in which each row names its fields.
type Objects struct {
	ds     *v1alpha1.DataSource
	needed []string
	seen   map[string]struct{}
	rows   [][]observe.Cell
	budget *observe.Budget
}

// NewObjects starts an empty list of rows of a source.
func NewObjects(ds *v1alpha1.DataSource, budget *observe.Budget) *Objects {
	return &Objects{ds: ds, needed: observe.Columns(ds), seen: map[string]struct{}{}, budget: budget}
}

// Saw notes that a row has a field, and returns its column among those that the source declares.
func (o *Objects) Saw(field string) (column int, needed bool) {
	o.seen[field] = struct{}{}
	return slices.BinarySearch(o.needed, field)
}

// Row returns a row without values.
func (o *Objects) Row() []observe.Cell {
	cells := make([]observe.Cell, len(o.needed))
	for i := range cells {
		cells[i].Null = true
	}
	return cells
}

// Add takes a row.
func (o *Objects) Add(cells []observe.Cell) error {
	o.rows = append(o.rows, cells)
	return o.budget.Row(cells)
}

// Table returns the rows. A declared field that some row has is a column; one that no row has is an error. An empty
// list cannot name its columns, and is a table of none.
func (o *Objects) Table() (*observe.Table, error) {
	if len(o.rows) == 0 {
		return &observe.Table{}, nil
	}
	if err := observe.CheckDeclared(o.ds, slices.Sorted(maps.Keys(o.seen))); err != nil {
		return nil, err
	}
	return &observe.Table{Columns: o.needed, Rows: o.rows}, nil
}

// Part returns the rows of a read that has only a part of them, in which a metric may have no value.
func (o *Objects) Part() (*observe.Table, error) {
	for i := range o.ds.Spec.Metrics {
		m := &o.ds.Spec.Metrics[i]
		o.seen[cmp.Or(m.Field, m.Name)] = struct{}{}
	}
	return o.Table()
}

// Nested is the error of a needed field that holds a list or an object.
func Nested(row int, field string) error {
	return observe.ReadFailed("row %d: field %q is a list or an object; one value is expected", row, field)
}
