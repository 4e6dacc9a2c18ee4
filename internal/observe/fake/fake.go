// Package fake gives the rows that stand in a DataSource's own spec, for trying a model or a playbook without a system
// to read from.
package fake

import (
	"context"
	"errors"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// reader reads one source whose rows are in its spec.
type reader struct {
	ds   *v1alpha1.DataSource
	deps observe.Dependencies
}

// New makes the reader of a source that has spec.fake.
func New(ds *v1alpha1.DataSource, deps observe.Dependencies) (observe.Reader, error) {
	return &reader{ds: ds, deps: deps}, nil
}

// Read returns the rows as they stand in the spec.
func (r *reader) Read(_ context.Context, _ observe.Request) (*observe.Table, error) {
	rows := format.NewObjects(r.ds, r.deps.Budget())
	for _, values := range r.ds.Spec.Fake.Rows {
		if err := rows.Add(row(rows, values)); err != nil {
			return nil, inRows(err, v1alpha1.ReasonReadFailed) // a limit of the operator, which another flag raises
		}
	}
	t, err := rows.Table()
	if err != nil {
		return nil, inRows(err, v1alpha1.ReasonInvalidSpec) // a column is not there, and nothing but this spec has columns
	}
	return t, nil
}

// row returns one row's declared columns. Empty text is no value, as in every other source.
func row(rows *format.Objects, values v1alpha1.FakeRow) []observe.Cell {
	cells := rows.Row()
	for name, value := range values {
		if column, needed := rows.Saw(name); needed && value != "" {
			cells[column] = observe.Cell{Text: string(value)}
		}
	}
	return cells
}

// inRows says of an error that it is about the rows of the spec.
func inRows(err error, reason string) error {
	told, ok := errors.AsType[*observe.Error](err)
	if !ok {
		return err
	}
	return &observe.Error{Reason: reason, Message: "spec.fake.rows: " + told.Message}
}
