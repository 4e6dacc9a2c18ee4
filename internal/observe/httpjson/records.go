package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// field is one of spec.http.fields.
type field struct {
	*expression
	name string
}

// compileFields compiles those of spec.http.fields that the source declares as columns. All of these must be among them.
func compileFields(ds *v1alpha1.DataSource) ([]*field, error) {
	spec := ds.Spec.HTTP.Fields
	if len(spec) == 0 {
		return nil, nil
	}
	names := slices.Sorted(maps.Keys(spec))
	if err := observe.CheckDeclared(ds, names); err != nil {
		return nil, observe.InvalidSpec("spec.http.fields: %v", err)
	}
	var fields []*field
	for _, name := range names {
		e, err := compile(fmt.Sprintf("spec.http.fields[%s]", name), string(spec[name]))
		if err != nil {
			return nil, err
		}
		if slices.Contains(observe.Columns(ds), name) {
			fields = append(fields, &field{expression: e, name: name})
		}
	}
	return fields, nil
}

// rows gathers the rows of all pages.
type rows struct {
	*reader
	columns []string
	budget  *observe.Budget
	objects *format.Objects
	csv     *observe.Table
	// part means that only what is new is read: none of a few records need have every field.
	part bool
}

func (r *reader) newRows(budget *observe.Budget, part bool) *rows {
	return &rows{reader: r, part: part, columns: observe.Columns(r.ds), budget: budget, objects: format.NewObjects(r.ds, budget)}
}

// table returns the rows.
func (r *rows) table() (*observe.Table, error) {
	if r.csv != nil {
		return r.csv, nil
	}
	gather := r.objects.Table
	if r.part {
		gather = r.objects.Part
	}
	t, err := gather()
	return t, observe.At("spec.http.records", err)
}

// byteOrderMark is what some programs write before UTF-8 text.
var byteOrderMark = []byte("\ufeff")

// add takes the rows of a page.
func (r *rows) add(ctx context.Context, p *page) error {
	body := p.answer.Body
	if !utf8.Valid(body) {
		return observe.ReadFailed("spec.http.url: %s is not UTF-8 text", p)
	}
	body = bytes.TrimPrefix(body, byteOrderMark)
	if r.ds.Spec.HTTP.Format == v1alpha1.HTTPFormatCSV {
		return r.addCSV(p, body)
	}
	for record, err := range r.recordsOf(ctx, p, body) {
		if err != nil {
			return err
		}
		p.rows++
		cells, err := r.row(ctx, p, record)
		if err != nil {
			return err
		}
		if err := r.objects.Add(cells); err != nil {
			return observe.At("spec.http", err)
		}
	}
	return nil
}

// addCSV takes the rows of a page of CSV, which begins with its own header line.
func (r *rows) addCSV(p *page, body []byte) error {
	t, err := format.CSV(body, r.ds, r.budget)
	if err != nil {
		return observe.At("spec.http: "+p.String(), err)
	}
	p.rows = len(t.Rows)
	if r.csv == nil {
		r.csv = t
		return nil
	}
	r.csv.Rows = append(r.csv.Rows, t.Rows...)
	return nil
}

// row makes a row of a record.
func (r *rows) row(ctx context.Context, p *page, record any) ([]observe.Cell, error) {
	if len(r.fields) == 0 {
		return r.ownFields(p, record)
	}
	cells := r.objects.Row()
	for _, f := range r.fields {
		v, err := f.first(ctx, baseSteps, record)
		if err != nil {
			return nil, r.failed(ctx, f.expression, p.record(), err)
		}
		column, _ := r.objects.Saw(f.name)
		var ok bool
		if cells[column], ok = cellOf(v); !ok {
			return nil, observe.ReadFailed("%s: gives a list or an object on %s; one value is expected", f.path, p.record())
		}
	}
	return cells, nil
}

// ownFields makes a row of a record's own fields.
func (r *rows) ownFields(p *page, record any) ([]observe.Cell, error) {
	object, ok := record.(map[string]any)
	if !ok {
		return nil, observe.ReadFailed("spec.http.records: %s is not an object but %s; name the columns in spec.http.fields, or give objects",
			p.record(), gojq.TypeOf(record))
	}
	for name := range object {
		r.objects.Saw(name)
	}
	cells := r.objects.Row()
	for column, name := range r.columns { // in their order, so that the same page has the same error each time
		if cells[column], ok = cellOf(object[name]); !ok {
			return nil, observe.ReadFailed("spec.http.records: %s: field %q is a list or an object; one value is expected: say which in spec.http.fields",
				p.record(), name)
		}
	}
	return cells, nil
}

// cellOf writes a value of jq as text. A number that jq only passed on has the digits of the API.
func cellOf(v any) (observe.Cell, bool) {
	var text string
	switch v := v.(type) {
	case nil:
		return observe.Cell{Null: true}, true
	case string:
		text = strings.ToValidUTF8(v, "\ufffd") // jq can decode base64
	case bool:
		text = strconv.FormatBool(v)
	case json.Number:
		text = v.String()
	case int:
		text = strconv.Itoa(v)
	case *big.Int:
		text = v.String()
	case float64:
		text = formatFloat(v)
	default:
		return observe.Cell{}, false
	}
	return observe.Cell{Text: text, Null: text == ""}, true
}

// formatFloat writes the shortest decimal that reads back as the same float. The exponent form is for numbers that would
// fill a line.
func formatFloat(f float64) string {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
