package format_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/format"
)

// limits are small, so that a test can break them.
var limits = observe.Dependencies{MaxRows: 3, MaxBytes: 100}

// source declares the columns org, n and note.
func source() *v1alpha1.DataSource {
	return &v1alpha1.DataSource{Spec: v1alpha1.DataSourceSpec{
		Account: v1alpha1.AccountColumn{Field: "org"},
		Metrics: []v1alpha1.Metric{
			{Name: "n", Type: v1alpha1.MetricNumber},
			{Name: "note", Type: v1alpha1.MetricText},
		},
	}}
}

// show writes a table, one line a row; ~ is no value.
func show(t *observe.Table) []string {
	lines := []string{strings.Join(t.Columns, "|")}
	for _, row := range t.Rows {
		var cells []string
		for _, cell := range row {
			if cell.Null {
				cell.Text += "~"
			}
			cells = append(cells, cell.Text)
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

// checkError checks what a user is told, and that it holds no value: those are the word secret here.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	told, ok := errors.AsType[*observe.Error](err)
	if !ok || told.Reason != v1alpha1.ReasonReadFailed || told.Message != want {
		t.Errorf("got  %#v\nwant %s: %s", err, v1alpha1.ReasonReadFailed, want)
	}
	if ok && strings.Contains(told.Message, "secret") {
		t.Error("the error shows a value")
	}
}

func TestCSV(t *testing.T) {
	const columns = "n|note|org"
	tests := map[string]struct {
		data string
		want []string
	}{
		"columns in any order, others are left":                        {"note,org,extra,n\nhi,acme,x,1\n", []string{columns, "1|hi|acme"}},
		"CRLF, and no end of the last line":                            {"org,n,note\r\nacme,1,a\r\nbolt,2,b", []string{columns, "1|a|acme", "2|b|bolt"}},
		"a byte-order mark":                                            {"\ufefforg,n,note\nacme,1,a\n", []string{columns, "1|a|acme"}},
		"quoted fields hold commas, quotes and lines":                  {"org,n,\"note\"\nacme,1,\"a, \"\"b\"\"\nc\"\n", []string{columns, "1|a, \"b\"\nc|acme"}},
		"white space around names of columns goes, in fields it stays": {" org ,\tn, note\nacme, 1,x \n", []string{columns, " 1|x |acme"}},
		"an empty field is no value, an empty line no row":             {"org,n,note\n\nacme,,\"\"\n\n", []string{columns, "~|~|acme"}},
		"a header line alone is a complete read of no rows":            {"org,n,note\n", []string{columns}},
		"a table as large as it may be":                                {"org,n,note\na,1," + strings.Repeat("x", 94) + "\nb,2,\nc,,\n", []string{columns, "1|" + strings.Repeat("x", 94) + "|a", "2|~|b", "~|~|c"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := format.CSV([]byte(test.data), source(), limits.Budget())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCSVErrorsNameTheLineAndNotWhatStandsThere(t *testing.T) {
	tests := map[string]struct{ data, want string }{
		"nothing at all":                     {"", "there is no header line with the names of the columns"},
		"too few fields":                     {"org,n,note\nacme,1,x\nsecret,2\n", "line 3 has 2 fields, the header line has 3"},
		"too many fields":                    {"org,n,note\n\n\"a\nb\",1,x\nsecret,2,x,y\n", "line 5 has 4 fields, the header line has 3"},
		"a column is not there":              {"org,N,note\n", `column "n" (spec.metrics[n]) is not there; the columns are: "org", "N", "note"`},
		"two columns of one name":            {"org,n,note, n\n", `two columns are named "n"`},
		"a column without a name":            {"org,n,,note\n", "column 3 has no name"},
		"no header line":                     {"acme,secret,5\n", `none of the declared columns, such as "org" (spec.account.field), is among the 3 in the first line; check that the file begins with a line that names its columns`},
		"no header line, and the same twice": {"secret,secret\n", `none of the declared columns, such as "org" (spec.account.field), is among the 2 in the first line; check that the file begins with a line that names its columns`},
		"a quote in a field":                 {"org,n,note\nacme,1,se\"cret\n", `line 2: a quote (") inside a field that is not quoted`},
		"a quote that never ends":            {"org,n,note\nacme,1,x\nacme,1,\"secret\n", `line 3: a quote (") is not closed, or something follows it before the comma`},
		"too many rows":                      {"org,n,note\na,1,x\nb,1,x\nc,1,x\nd,1,x\n", "more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"too many bytes":                     {"org,n,note\na,1," + strings.Repeat("x", 100), "more than 100 bytes: select less, or raise the operator's --max-bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := format.CSV([]byte(test.data), source(), limits.Budget())
			checkError(t, err, test.want)
		})
	}
}

// objects builds a table of rows that each name their fields.
func objects(t *testing.T, rows ...map[string]string) (*observe.Table, error) {
	t.Helper()
	list := format.NewObjects(source(), limits.Budget())
	for _, fields := range rows {
		cells := list.Row()
		for name, text := range fields {
			if column, needed := list.Saw(name); needed {
				cells[column] = observe.Cell{Text: text}
			}
		}
		if err := list.Add(cells); err != nil {
			return nil, err
		}
	}
	return list.Table()
}

type fields = map[string]string

func TestObjects(t *testing.T) {
	const columns = "n|note|org"
	tests := map[string]struct {
		rows []fields
		want []string
	}{
		"columns are in the order of their names": {[]fields{{"org": "acme", "note": "x", "n": "1"}}, []string{columns, "1|x|acme"}},
		"a field that a row does not have":        {[]fields{{"org": "acme"}, {"n": "1", "note": "x", "org": "bolt"}}, []string{columns, "~|~|acme", "1|x|bolt"}},
		"a field that nobody needs":               {[]fields{{"org": "acme", "n": "1", "note": "x", "more": "secret"}}, []string{columns, "1|x|acme"}},
		"no rows have no columns":                 {nil, []string{""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := objects(t, test.rows...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestObjectsErrors(t *testing.T) {
	tests := map[string]struct {
		rows []fields
		want string
	}{
		"no row has a declared field": {[]fields{{"org": "acme", "n": "1"}, {"org": "bolt", "Note": "secret"}}, `column "note" (spec.metrics[note]) is not there; the columns are: "Note", "n", "org"`},
		"too many rows":               {[]fields{{"org": "a"}, {"org": "b"}, {"org": "c"}, {"org": "secret"}}, "more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"too many bytes":              {[]fields{{"org": strings.Repeat("secret", 20)}}, "more than 100 bytes: select less, or raise the operator's --max-bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := objects(t, test.rows...)
			checkError(t, err, test.want)
		})
	}
}

func TestNested(t *testing.T) {
	checkError(t, format.Nested(3, "n"), `row 3: field "n" is a list or an object; one value is expected`)
}
