// Package format makes tables of the formats in which sources write rows.
package format

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// byteOrderMark is what some programs write before UTF-8 text.
var byteOrderMark = []byte("\ufeff")

// CSV reads comma separated values whose first line has the names of the columns, and of each row the declared
// columns. An empty field is no value.
func CSV(data []byte, ds *v1alpha1.DataSource, budget *observe.Budget) (*observe.Table, error) {
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, byteOrderMark)))
	lines.FieldsPerRecord = -1 // counted below, for an error that a person understands
	lines.ReuseRecord = true
	header, err := lines.Read()
	if errors.Is(err, io.EOF) {
		return nil, observe.ReadFailed("there is no header line with the names of the columns")
	}
	if err != nil {
		return nil, csvError(err)
	}
	columns := make([]string, len(header))
	for i, name := range header {
		columns[i] = strings.Clone(strings.TrimSpace(name))
	}
	if err := checkHeader(ds, columns); err != nil {
		return nil, err
	}
	if err := observe.CheckColumns(columns); err != nil {
		return nil, err
	}
	t := &observe.Table{Columns: observe.Columns(ds)}
	at := make([]int, len(t.Columns))
	for i, name := range t.Columns {
		at[i] = slices.Index(columns, name)
	}
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, csvError(err)
		}
		if len(record) != len(columns) {
			line, _ := lines.FieldPos(0)
			return nil, observe.ReadFailed("line %d has %d fields, the header line has %d", line, len(record), len(columns))
		}
		cells := make([]observe.Cell, len(at))
		for i, field := range at {
			cells[i] = observe.Cell{Text: strings.Clone(record[field]), Null: record[field] == ""}
		}
		if err := budget.Row(cells); err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, cells)
	}
}

// checkHeader refuses a first line that does not name the declared columns. Where it names none of them it may be no header
// at all, but a customer's data, which no error shows.
func checkHeader(ds *v1alpha1.DataSource, columns []string) error {
	if !slices.ContainsFunc(observe.Columns(ds), func(name string) bool { return slices.Contains(columns, name) }) {
		return observe.ReadFailed("none of the declared columns, such as %q (spec.account.field), is among the %d in the first line; check that the file begins with a line that names its columns",
			ds.Spec.Account.Field, len(columns))
	}
	return observe.CheckDeclared(ds, columns)
}

// csvError names the line of what is wrong, and not what stands there.
func csvError(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return observe.ReadFailed("not CSV")
	}
	what := "not CSV"
	switch {
	case errors.Is(parse.Err, csv.ErrQuote):
		what = `a quote (") is not closed, or something follows it before the comma`
	case errors.Is(parse.Err, csv.ErrBareQuote):
		what = `a quote (") inside a field that is not quoted`
	}
	return observe.ReadFailed("line %d: %s", parse.StartLine, what)
}
