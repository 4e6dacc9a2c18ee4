package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/web"
)

// secret is in the values of these tests, and in no error.
const secret = "secret"

// specs are ways to take the same columns from a page: the records themselves one by one, the same by jq, in an object,
// by fields, and wherever they are.
var specs = []v1alpha1.HTTPSource{
	{Format: v1alpha1.HTTPFormatJSON},
	{Format: v1alpha1.HTTPFormatJSON, Records: ".[]"},
	{Format: v1alpha1.HTTPFormatJSON, Records: ".items[]"},
	{Format: v1alpha1.HTTPFormatJSON, Records: ".[]?", Fields: map[string]v1alpha1.JQ{"org": ".org", "count": ".count // (.list | length)", "note": ".note | tostring"}},
	{Format: v1alpha1.HTTPFormatJSON, Records: ".. | objects | select(.org)"},
	{Format: v1alpha1.HTTPFormatJSON, Records: "."},
	{Format: v1alpha1.HTTPFormatCSV},
}

// readersOf compiles the specs.
func readersOf(tb testing.TB) []*reader {
	tb.Helper()
	var readers []*reader
	for i := range specs {
		ds := &v1alpha1.DataSource{
			ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "orgs"},
			Spec: v1alpha1.DataSourceSpec{
				Account: v1alpha1.AccountColumn{Field: "org"},
				Metrics: []v1alpha1.Metric{{Name: "count", Type: v1alpha1.MetricNumber}, {Name: "note", Type: v1alpha1.MetricText}},
				HTTP:    &specs[i],
			},
		}
		ds.Spec.HTTP.URL = "https://api.example.com/orgs"
		r, err := New(ds, observe.Dependencies{})
		if err != nil {
			tb.Fatal(err)
		}
		readers = append(readers, r.(*reader))
	}
	return readers
}

// rowsOn reads a page.
func rowsOn(t *testing.T, r *reader, body []byte, limits observe.Dependencies, part bool) (*observe.Table, error) {
	t.Helper()
	rows := r.newRows(limits.Budget(), part)
	if err := rows.add(t.Context(), &page{number: 1, answer: &web.Response{Body: body}}); err != nil {
		return nil, err
	}
	return rows.table()
}

// columnsOf are the columns of the specs, in the order of a table.
var columnsOf = []string{"count", "note", "org"}

// listOf reads a list of objects with the standard library alone: the text of the columns' fields, and what of them some
// object has. It reports false for what is no such list.
func listOf(body []byte) (rows [][]string, seen map[string]bool, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	decoder.UseNumber()
	var list []any
	seen = map[string]bool{}
	if err := decoder.Decode(&list); err != nil || list == nil || !utf8.Valid(body) {
		return nil, nil, false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, false
	}
	for _, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, nil, false
		}
		var row []string
		for _, name := range columnsOf {
			v, has := object[name]
			seen[name] = seen[name] || has
			switch v := v.(type) {
			case nil:
				row = append(row, "")
			case string:
				row = append(row, v)
			case bool:
				row = append(row, strconv.FormatBool(v))
			case json.Number:
				row = append(row, v.String())
			default:
				return nil, nil, false
			}
		}
		rows = append(rows, row)
	}
	return rows, seen, true
}

// namesIn returns the names of the fields of JSON, wherever they are, in one text.
func namesIn(v any) string {
	var all strings.Builder
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			all.WriteString(namesIn(element))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all.WriteString(name + " " + namesIn(v[name]))
		}
	}
	return all.String()
}

// FuzzRecords checks that the records of a page of JSON are read exactly as the standard library reads them, with the
// digits that numbers are written with, or refused; one by one or by jq gives the same. A table is never larger than the
// limits. An error is one line, the same each time, and shows no value.
func FuzzRecords(f *testing.F) {
	for i, body := range []string{
		"", " ", "null", "[]", "{}", "[[]]", "[1]", "[null]", "true", `"secret"`, "[{}]", "\ufeff[]", "<html>secret</html>", "[{\"org\": \"a\xff\", \"count\": 1, \"note\": \"\"}]", `[{"org": "acme", "count": 1.50, "note": null}]`, `[{"org": "acme", "count": 12345678901234567890123, "note": true}, {"org": "", "count": "secret", "note": 1e-7}] `,
		`[{"org": "a", "count": 1, "note": ["secret"]}]`, `[{"org": "a"}, {"count": 1}]`, `[{"org": "a", "Count": 1, "note": "secret"}]`, `[{"org": "a", "count": 1, "note": "x"}`, `[{"org": "a", "count": 1, "note": "x"}] {}`, `[{"org": "a", "count": 1, "note": "x"},]`, `{"items": [{"org": "a", "count": 1, "note": {"secret": 1}}]}`,
		`{"items": "secret"}`, `{"items": [1]}`, `{"items": {"x": {"org": "a", "count": -0, "note": "é"}}}`, `[{"org": "a", "list": [1, 2], "note": {"a": 1}}]`, `{"org": "a", "count": 1, "note": "\u0000", "more": [{"org": "b", "count": 2e400}]}`, `[{"org": "a", "org": "b", "count": 0, "note": ""}]`,
		"org,count,note\nacme,1,x\n", "org,count,note\nacme,1\n", "[" + strings.Repeat(`{"org":"a","count":1,"note":""},`, 20) + "{}]", strings.Repeat("[", 100), "[" + strings.Repeat(" ", 200) + "]", `[{"org":"\ud800","count":"` + strings.Repeat("x", 300) + `","note":0}]`,
	} {
		for spec := range specs {
			f.Add([]byte(body), uint8(spec), uint8(3+100*(i%2)), uint16(200+10000*(spec%2)), i%3 == 0)
		}
	}
	readers := readersOf(f)
	f.Fuzz(func(t *testing.T, body []byte, spec, maxRows uint8, maxBytes uint16, part bool) {
		r := readers[int(spec)%len(readers)]
		limits := observe.Dependencies{MaxRows: 1 + int(maxRows), MaxBytes: 1 + int64(maxBytes)}
		got, err := rowsOn(t, r, body, limits, part)
		if again, errAgain := rowsOn(t, r, body, limits, part); fmt.Sprint(err) != fmt.Sprint(errAgain) || cmp.Diff(got, again) != "" {
			t.Fatalf("%q is read as %v, %v, and then as %v, %v", body, got, err, again, errAgain)
		}
		checkRecords(t, body, got, err, limits)
		if r != readers[0] {
			return
		}
		rows, seen, isList := listOf(body)
		size := 0
		for _, row := range rows {
			size += len(strings.Join(row, ""))
		}
		complete := len(rows) == 0 || seen["org"] && (part || seen["count"] && seen["note"])
		if isList = isList && complete && len(rows) <= limits.MaxRows && int64(size) <= limits.MaxBytes; isList {
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			for i, row := range got.Rows {
				if texts := []string{row[0].Text, row[1].Text, row[2].Text}; !slices.Equal(texts, rows[i]) {
					t.Fatalf("%q: row %d is %q, want %q", body, i, texts, rows[i])
				}
			}
			if len(got.Rows) != len(rows) {
				t.Fatalf("%q has %d rows, want %d", body, len(got.Rows), len(rows))
			}
		} else if err == nil && bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff"))), []byte("[")) {
			t.Fatalf("%q is read as %v", body, got)
		}
		// A page for which jq needs more memory than there may be is refused by its size alone.
		same, sameErr := rowsOn(t, readers[1], body, limits, part)
		if (sameErr == nil) != (err == nil) && valuesIn(body) <= limits.MaxBytes/bytesPerValue || sameErr == nil && cmp.Diff(got, same) != "" {
			t.Fatalf("%q is read as %v, %v, and by jq as %v, %v", body, got, err, same, sameErr)
		}
	})
}

// checkRecords checks what holds of any page.
func checkRecords(t *testing.T, body []byte, got *observe.Table, err error, limits observe.Dependencies) {
	t.Helper()
	if err != nil {
		told, ok := errors.AsType[*observe.Error](err)
		if !ok || told.Reason != v1alpha1.ReasonReadFailed || got != nil || strings.ContainsAny(told.Message, "\n\r") {
			t.Fatalf("%q: %#v, %v", body, err, got)
		}
		var content any
		// Names of fields, and of the columns in the first line of CSV, may be shown.
		if isJSON := json.Unmarshal(body, &content) == nil; isJSON && !strings.Contains(namesIn(content), secret) && strings.Contains(told.Message, secret) {
			t.Fatalf("%q: the error shows a value: %v", body, err)
		}
		return
	}
	if len(got.Rows) > limits.MaxRows || len(got.Rows) > 0 && !slices.Equal(got.Columns, columnsOf) {
		t.Fatalf("%q is read as %v", body, got)
	}
	size := 0
	for _, row := range got.Rows {
		if len(row) != len(columnsOf) {
			t.Fatalf("%q: a row is %v", body, row)
		}
		for _, cell := range row {
			size += len(cell.Text)
			if cell.Null != (cell.Text == "") || !utf8.ValidString(cell.Text) {
				t.Fatalf("%q: a cell is %+v", body, cell)
			}
		}
	}
	if int64(size) > limits.MaxBytes {
		t.Fatalf("%q is read as %d bytes", body, size)
	}
}
