package configmap

import (
	"maps"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// objects gathers the rows of formats in which each row names its fields.
type objects struct {
	ds     *v1alpha1.DataSource
	needed []string
	seen   map[string]struct{}
	rows   [][]observe.Cell
	budget *observe.Budget
}

func newObjects(ds *v1alpha1.DataSource, budget *observe.Budget) *objects {
	return &objects{ds: ds, needed: observe.Columns(ds), seen: map[string]struct{}{}, budget: budget}
}

// saw notes that a row has a field, and returns its column among those that the source declares.
func (o *objects) saw(field string) (column int, needed bool) {
	o.seen[field] = struct{}{}
	return slices.BinarySearch(o.needed, field)
}

// row returns a row without values.
func (o *objects) row() []observe.Cell {
	cells := make([]observe.Cell, len(o.needed))
	for i := range cells {
		cells[i].Null = true
	}
	return cells
}

// add takes a row.
func (o *objects) add(cells []observe.Cell) error {
	o.rows = append(o.rows, cells)
	return o.budget.Row(cells)
}

// table returns the rows. A declared field that some row has is a column; one that no row has is an error. An empty
// list cannot name its columns, and is a table of none.
func (o *objects) table() (*observe.Table, error) {
	if len(o.rows) == 0 {
		return &observe.Table{}, nil
	}
	if err := observe.CheckDeclared(o.ds, slices.Sorted(maps.Keys(o.seen))); err != nil {
		return nil, err
	}
	return &observe.Table{Columns: o.needed, Rows: o.rows}, nil
}

// nested is the error of a needed field that holds a list or an object.
func nested(row int, field string) error {
	return observe.ReadFailed("row %d: field %q is a list or an object; one value is expected", row, field)
}
