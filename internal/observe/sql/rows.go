package sql

import (
	"context"
	"database/sql"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
)

// selectRows runs a source's query and returns the declared columns of what it gives.
func selectRows(ctx context.Context, tx *sql.Tx, ds *v1alpha1.DataSource, budget *observe.Budget) (_ *observe.Table, err error) {
	rows, err := tx.QueryContext(ctx, ds.Spec.SQL.Query)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	t := &observe.Table{Columns: observe.Columns(ds)}
	at, err := places(ds, types, t.Columns)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(types))
	targets := make([]any, len(types))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		cells := make([]observe.Cell, len(at))
		for i, column := range at {
			cells[i] = cellOf(values[column], types[column].DatabaseTypeName())
		}
		if err := budget.Row(cells); err != nil {
			return nil, err
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
	at := make([]int, len(wanted))
	for i, name := range wanted {
		at[i] = slices.Index(names, name)
	}
	return at, nil
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
		text = string(v)
		if !utf8.Valid(v) {
			text = `\x` + hex.EncodeToString(v)
		}
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = formatFloat(v, databaseType)
	case bool:
		text = strconv.FormatBool(v)
	case time.Time:
		text = formatTime(v, databaseType)
	}
	return observe.Cell{Text: text, Null: text == ""}
}

// formatFloat writes the shortest decimal that reads back as the same float, of four bytes or of eight. The exponent
// form is for numbers that would fill a line.
func formatFloat(f float64, databaseType string) string {
	bits := 64
	if databaseType == "FLOAT4" {
		bits = 32
	}
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
