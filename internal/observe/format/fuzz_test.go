package format_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// secret is in the values of these tests, and in no error.
const secret = "secret"

// declared are the columns of source, in the order of a table.
var declared = []string{"n", "note", "org"}

// fit reports whether rows of text are within the limits of a read.
func fit(rows [][]string, limits observe.Dependencies) bool {
	size := 0
	for _, row := range rows {
		for _, text := range row {
			size += len(text)
		}
	}
	return len(rows) <= limits.MaxRows && int64(size) <= limits.MaxBytes
}

// checkTable checks that a table has exactly these rows, and says of empty text that it is no value.
func checkTable(t *testing.T, got *observe.Table, want [][]string) {
	t.Helper()
	if diff := cmp.Diff(declared, got.Columns); diff != "" {
		t.Fatalf("columns (-want +got):\n%s", diff)
	}
	if len(got.Rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(got.Rows), len(want))
	}
	for i, row := range got.Rows {
		var texts []string
		for _, cell := range row {
			texts = append(texts, cell.Text)
			if cell.Null != (cell.Text == "") {
				t.Fatalf("row %d: %+v", i, row)
			}
		}
		if diff := cmp.Diff(want[i], texts); diff != "" {
			t.Fatalf("row %d (-want +got):\n%s", i, diff)
		}
	}
}

// checkFailure checks that an error is one line for a user, and shows no value.
func checkFailure(t *testing.T, err error, secretive bool) {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok || told.Reason != v1alpha1.ReasonReadFailed || told.Message == "" || strings.ContainsAny(told.Message, "\n\r") {
		t.Fatalf("%#v", err)
	}
	if secretive && strings.Contains(told.Message, secret) {
		t.Fatalf("the error shows a value: %v", err)
	}
}

// rowsOf reads CSV with the standard library alone: the fields of the declared columns. It reports false for what is no
// table with these columns.
func rowsOf(data []byte) (header []string, rows [][]string, ok bool) {
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	reader.FieldsPerRecord = -1
	// The first line is the header also where a later one cannot be read.
	header, err := reader.Read()
	if err != nil {
		return nil, nil, false
	}
	lines, err := reader.ReadAll()
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	names := slices.Sorted(slices.Values(header))
	if err != nil || slices.Contains(names, "") || len(slices.Compact(names)) != len(header) {
		return header, nil, false
	}
	for _, line := range lines {
		if len(line) != len(header) {
			return header, nil, false
		}
		var row []string
		for _, name := range declared {
			at := slices.Index(header, name)
			if at < 0 {
				return header, nil, false
			}
			row = append(row, line[at])
		}
		rows = append(rows, row)
	}
	for _, name := range declared {
		if !slices.Contains(header, name) {
			return header, nil, false
		}
	}
	return header, rows, true
}

// FuzzCSV checks that CSV is read exactly as the standard library reads it, or refused: a row that is left out, or a field
// in another column, would be somebody else's number. A table is never larger than the limits. An error is the same each
// time and shows nothing that stands below the header line, and nothing of that line either where it may be none.
func FuzzCSV(f *testing.F) {
	for _, data := range []string{
		"", "\ufeff", "\n\n", "org,n,note\n", "note,org,extra,n\nsecret,acme,x,1\n", "org,n,note\r\nacme,1,a\r\nbolt,2,b", "\ufefforg,n,note\nacme,1,a\n", "org,n,\"note\"\nacme,1,\"a, \"\"b\"\"\nc\"\n",
		" org ,\tn, note\nacme, 1,x \n", "org,n,note\n\nacme,,\"\"\n\n", "org,n,note\nacme,1,x\nsecret,2\n", "org,n,note\n\n\"a\nb\",1,x\nsecret,2,x,y\n", "org,N,note\n", "org,n,note, n\nsecret,1,2,3\n",
		"org,n,,note\n", "acme,secret,5\n", "secret,secret\n", "org,n,note\nacme,1,se\"cret\n", "org,n,note\nacme,1,\"secret\n", "org,n,note\na,1,\"secret\"x\n", "org,n,note\na,1,x\nb,1,x\nc,1,x\nd,1,x\n",
		"org,n,note\na,1," + strings.Repeat("x", 100), "\"or\ng\",n\n", "org;n;note\n", "org,n,note\n\xff,\x00,\u2028\n", "\"org\",\"n\r\n\",note\n", "org,n,note,o\"rg\nsecret", "org,n\r,note\na\r,b,c\r\r\n", ",\n", "\"\n", "org,secret,x\n1,2,3\n",
	} {
		f.Add([]byte(data), uint8(3), uint8(100))
		f.Add([]byte(data), uint8(255), uint8(255))
	}
	f.Fuzz(func(t *testing.T, data []byte, maxRows, maxBytes uint8) {
		limits := observe.Dependencies{MaxRows: 1 + int(maxRows), MaxBytes: 1 + int64(maxBytes)}
		header, want, isTable := rowsOf(data)
		got, err := format.CSV(data, source(), limits.Budget())
		if isTable = isTable && fit(want, limits); isTable != (err == nil) {
			t.Fatalf("%q is a table: %t, and is read as %v, %v", data, isTable, got, err)
		}
		if err == nil {
			checkTable(t, got, want)
			return
		}
		if got != nil {
			t.Fatalf("%q is read as %v, and is not: %v", data, got, err)
		}
		isHeader := slices.ContainsFunc(declared, func(name string) bool { return slices.Contains(header, name) })
		checkFailure(t, err, !isHeader || !strings.Contains(strings.Join(header, ""), secret))
		if _, again := format.CSV(data, source(), limits.Budget()); fmt.Sprint(again) != err.Error() {
			t.Fatalf("%q: %v, and then %v", data, err, again)
		}
	})
}

// FuzzObjects checks rows that name their fields, as JSON has them: each value comes out under its name, what a row does
// not have is no value, what nobody declared is left, and a declared field that no row has is an error, unless the rows
// are only a part of them and the field is a metric's. A table is never larger than the limits.
func FuzzObjects(f *testing.F) {
	for _, data := range []string{
		`[]`, `[{}]`, `[{"org": "acme", "note": "x", "n": "1"}]`, `[{"org": "acme"}, {"n": "1", "note": "secret", "org": "bolt"}]`, `[{"org": "acme", "n": "1", "note": "", "more": "secret"}]`, `[{"org": "acme", "n": "secret"}, {"Note": "secret"}]`,
		`[{"org": "a"}, {"org": "b"}, {"org": "c"}, {"org": "secret"}, {"n": "", "note": ""}]`, `[{"org": "` + strings.Repeat(secret, 20) + `", "n": "1", "note": "x"}]`, `[{"": "secret", "org": "\u0000", "n": "\ud800", "note": "ü"}]`, `[{"n": "1"}, null]`, `[{"secret": ""}]`,
	} {
		f.Add([]byte(data), uint8(3), uint8(100), false)
		f.Add([]byte(data), uint8(255), uint8(255), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, maxRows, maxBytes uint8, part bool) {
		var rows []map[string]string
		if json.Unmarshal(data, &rows) != nil {
			return
		}
		limits := observe.Dependencies{MaxRows: 1 + int(maxRows), MaxBytes: 1 + int64(maxBytes)}
		seen := map[string]bool{"n": part, "note": part}
		var want [][]string
		for _, row := range rows {
			want = append(want, []string{row["n"], row["note"], row["org"]})
			for name := range row {
				seen[name] = true
			}
		}
		got, err := gather(rows, limits, part)
		if isTable := fit(want, limits) && (len(rows) == 0 || seen["org"] && seen["n"] && seen["note"]); isTable != (err == nil) {
			t.Fatalf("%s is a table: %t, and is read as %v, %v", data, isTable, got, err)
		}
		switch {
		case err != nil:
			checkFailure(t, err, !strings.Contains(strings.Join(slices.Collect(maps.Keys(seen)), " "), secret))
			if _, again := gather(rows, limits, part); fmt.Sprint(again) != err.Error() {
				t.Fatalf("%s: %v, and then %v", data, err, again)
			}
		case len(rows) == 0:
			if len(got.Columns) != 0 || len(got.Rows) != 0 {
				t.Fatalf("%s is read as %v", data, got)
			}
		default:
			checkTable(t, got, want)
		}
	})
}

// gather makes a table of rows that name their fields.
func gather(rows []map[string]string, limits observe.Dependencies, part bool) (*observe.Table, error) {
	list := format.NewObjects(source(), limits.Budget())
	for _, row := range rows {
		cells := list.Row()
		for name, text := range row {
			if column, needed := list.Saw(name); needed {
				cells[column] = observe.Cell{Text: text, Null: text == ""}
			}
		}
		if err := list.Add(cells); err != nil {
			return nil, err
		}
	}
	if part {
		return list.Part()
	}
	return list.Table()
}
