package configmap

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// parseJSON reads a list of objects. Numbers keep their digits, null is no value.
func parseJSON(data []byte, rows *format.Objects) (*observe.Table, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	at := func() int { return 1 + bytes.Count(data[:min(decoder.InputOffset(), int64(len(data)))], []byte("\n")) }
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, observe.ReadFailed("line %d: a JSON list of objects is expected", at())
	}
	for n := 1; decoder.More(); n++ {
		var fields map[string]json.RawMessage
		if err := decoder.Decode(&fields); err != nil || fields == nil {
			return nil, jsonError(err, n, at())
		}
		cells, err := jsonRow(rows, n, fields)
		if err != nil {
			return nil, err
		}
		if err := rows.Add(cells); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, observe.ReadFailed("line %d: the list does not end", at())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, observe.ReadFailed("line %d: something follows the list", at())
	}
	return rows.Table()
}

// jsonError names the place of what is wrong, and not what stands there.
func jsonError(err error, row, line int) error {
	var wrongType *json.UnmarshalTypeError
	if err == nil || errors.As(err, &wrongType) {
		return observe.ReadFailed("row %d, at line %d, is not an object", row, line)
	}
	return observe.ReadFailed("row %d, at line %d, is not JSON", row, line)
}

// jsonRow returns an object's needed fields.
func jsonRow(rows *format.Objects, n int, fields map[string]json.RawMessage) ([]observe.Cell, error) {
	cells := rows.Row()
	for field, raw := range fields {
		column, needed := rows.Saw(field)
		if !needed {
			continue
		}
		switch text := string(raw); {
		case text == "null":
		case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
			return nil, format.Nested(n, field)
		case strings.HasPrefix(text, `"`):
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, observe.ReadFailed("row %d: field %q is not JSON", n, field)
			}
			cells[column] = observe.Cell{Text: s, Null: s == ""}
		default:
			cells[column] = observe.Cell{Text: text} // a number or a bool, digit for digit
		}
	}
	return cells, nil
}
