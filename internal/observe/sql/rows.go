package sql

import (
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// queryField is the path of the field that errors of the result are about.
const queryField = "spec.sql.query"

// table returns the declared columns of a result, which it closes. It calls next before each row, and stop before it closes
// a result that it has not read to its end.
func (r *run) table(rows *sql.Rows, next, stop func()) (_ *observe.Table, err error) {
	defer func() {
		if err != nil {
			stop()
		}
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	t := &observe.Table{Columns: observe.Columns(r.ds)}
	columns, err := places(r.ds, types, t.Columns)
	if err != nil {
		return nil, observe.At(queryField, err)
	}
	values := make([]any, len(types))
	targets := make([]any, len(types))
	for i := range values {
		targets[i] = &values[i]
	}
	for next(); rows.Next(); next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		cells := make([]observe.Cell, len(columns))
		for i, column := range columns {
			cells[i] = cellOf(values[column], types[column].DatabaseTypeName())
		}
		if err := r.budget.Row(cells); err != nil {
			return nil, observe.At(queryField, err)
		}
		t.Rows = append(t.Rows, cells)
	}
	return t, rows.Err()
}

// places returns where in a result the wanted columns are.
func places(ds *v1alpha1.DataSource, types []*sql.ColumnType, wanted []string) ([]int, error) {
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].Name()
	}
	if err := observe.CheckColumns(names); err != nil {
		return nil, err
	}
	if err := observe.CheckDeclared(ds, names); err != nil {
		return nil, err
	}
	columns := make([]int, len(wanted))
	for i, name := range wanted {
		columns[i] = slices.Index(names, name)
	}
	return columns, nil
}

// cellOf writes a value as text, exactly. Bytes that are not text are written in hexadecimal.
func cellOf(v any, databaseType string) observe.Cell {
	var text string
	switch v := v.(type) {
	case nil:
		return observe.Cell{Null: true}
	case string:
		text = v
	case []byte:
		text = formatBytes(v, databaseType)
	case int64:
		text = strconv.FormatInt(v, 10)
	case float32:
		text = formatFloat(float64(v), 32)
	case float64:
		text = formatFloat(v, bits(databaseType))
	case bool:
		text = strconv.FormatBool(v)
	case time.Time:
		text = formatTime(v, databaseType)
	default:
		text = fmt.Sprint(v)
	}
	return observe.Cell{Text: text, Null: text == ""}
}

// formatBytes writes bits as the number they are.
func formatBytes(b []byte, databaseType string) string {
	switch {
	case databaseType == "BIT" && len(b) <= 8:
		return strconv.FormatUint(binary.BigEndian.Uint64(slices.Concat(make([]byte, 8-len(b)), b)), 10)
	case utf8.Valid(b):
		return string(b)
	}
	return `\x` + hex.EncodeToString(b)
}

// bits returns the size of a float, which some drivers hand over in a larger one.
func bits(databaseType string) int {
	if databaseType == "FLOAT4" {
		return 32
	}
	return 64
}

// formatFloat writes the shortest decimal that reads back as the same float. The exponent form is for numbers that would
// fill a line.
func formatFloat(f float64, bits int) string {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strconv.FormatFloat(f, 'f', -1, bits)
}

// formatTime writes a day as a day, and a moment in RFC 3339 in UTC, which is the same wherever the operator runs.
func formatTime(t time.Time, databaseType string) string {
	if databaseType == "DATE" && t.Equal(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())) {
		return t.Format(time.DateOnly)
	}
	return t.UTC().Format(time.RFC3339Nano)
}
