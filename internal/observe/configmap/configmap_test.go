package configmap_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/configmap"
)

// fakeKeys holds the content of the one ConfigMap.
type fakeKeys struct {
	observe.KeyReader
	data string
}

var modified = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

func (k fakeKeys) ConfigMapKey(_ context.Context, namespace, name, key string) ([]byte, time.Time, error) {
	if namespace+"/"+name+"/"+key != "success/usage/data" {
		return nil, time.Time{}, observe.ReferenceNotFound("ConfigMap %q is not there", name)
	}
	return []byte(k.data), modified, nil
}

// source declares the columns org, n and note.
func source(format v1alpha1.DataFormat) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "usage"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"},
			Metrics: []v1alpha1.Metric{
				{Name: "n", Type: v1alpha1.MetricNumber},
				{Name: "note", Type: v1alpha1.MetricText},
			},
			ConfigMap: &v1alpha1.ConfigMapSource{Name: "usage", Key: "data", Format: format},
		},
	}
}

func read(t *testing.T, format v1alpha1.DataFormat, data string) (*observe.Table, error) {
	t.Helper()
	reader, err := configmap.New(source(format), observe.Dependencies{Keys: fakeKeys{data: data}, MaxRows: 3, MaxBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	return reader.Read(t.Context(), observe.Request{})
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

func TestRead(t *testing.T) {
	const columns = "n|note|org"
	tests := map[string]struct {
		format v1alpha1.DataFormat
		data   string
		want   []string
	}{
		"CSV: columns in any order, others are left": {
			v1alpha1.FormatCSV, "note,org,extra,n\nhi,acme,x,1\n", []string{columns, "1|hi|acme"},
		},
		"CSV: a byte-order mark, CRLF and no end of the last line": {
			v1alpha1.FormatCSV, "\ufefforg,n,note\r\nacme,1,a\r\nbolt,2,b", []string{columns, "1|a|acme", "2|b|bolt"},
		},
		"JSON: numbers keep their digits, null and empty text are no value": {
			v1alpha1.FormatJSON, `[{"org":"acme","n":1.10,"note":null},{"org":7,"n":12345678901234567890,"note":""},{"org":"b","n":true,"note":"\u00e9"}]`,
			[]string{columns, "1.10|~|acme", "12345678901234567890|~|7", "true|é|b"},
		},
		"JSON: a field that a row does not have is no value": {
			v1alpha1.FormatJSON, `[{"org":"acme"},{"org":"bolt","n":1,"note":"x"}]`, []string{columns, "~|~|acme", "1|x|bolt"},
		},
		"JSON: nested values do not matter where nobody needs them": {
			v1alpha1.FormatJSON, `[{"org":"acme","n":1,"note":"x","more":{"n":[2]}}]`, []string{columns, "1|x|acme"},
		},
		"JSON: an empty list is a complete read of no rows": {
			v1alpha1.FormatJSON, "\ufeff [ ] \n", []string{""},
		},
		"YAML: scalars keep the text that was written": {
			v1alpha1.FormatYAML, "- org: 007\n  n: 1.10\n  note: 2026-11-01\n- {org: \"yes\", n: 1_000, note: no}\n",
			[]string{columns, "1.10|2026-11-01|007", "1_000|no|yes"},
		},
		"YAML: null, ~ and nothing are no value": {
			v1alpha1.FormatYAML, "- {org: a, n: null, note: x}\n- {org: b, n: ~, note: \"\"}\n- org: c\n  n:\n", []string{columns, "~|x|a", "~|~|b", "~|~|c"},
		},
		"YAML: aliases are followed": {
			v1alpha1.FormatYAML, "- &row {org: &id a, n: 1, note: *id}\n- *row\n", []string{columns, "1|a|a", "1|a|a"},
		},
		"YAML: nested values do not matter where nobody needs them": {
			v1alpha1.FormatYAML, "- {org: a, n: 1, note: x, more: [1, {b: 2}]}\n", []string{columns, "1|x|a"},
		},
		"YAML: an empty list is a complete read of no rows": {
			v1alpha1.FormatYAML, "[]\n", []string{""},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, test.format, test.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got.Modified.Equal(modified) {
				t.Errorf("modified %s, want %s", got.Modified, modified)
			}
		})
	}
}

func TestReadErrorsNameThePlaceAndNotWhatStandsThere(t *testing.T) {
	const csv, json, yaml = v1alpha1.FormatCSV, v1alpha1.FormatJSON, v1alpha1.FormatYAML
	tests := map[string]struct {
		format v1alpha1.DataFormat
		data   string
		want   string
	}{
		"CSV: nothing at all":           {csv, "", "there is no header line with the names of the columns"},
		"CSV: a column is not there":    {csv, "org,N,note\n", `column "n" (spec.metrics[n]) is not there; the columns are: "org", "N", "note"`},
		"CSV: too many rows":            {csv, "org,n,note\na,1,x\nb,1,x\nc,1,x\nd,1,x\n", "more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"CSV: not UTF-8":                {csv, "org,n,note\na,1,\xff\n", `not UTF-8 text`},
		"JSON: no list":                 {json, `{"org":"secret"}`, "line 1: a JSON list of objects is expected"},
		"JSON: nothing at all":          {json, "", "line 1: a JSON list of objects is expected"},
		"JSON: a row that is no object": {json, "[{\"org\":\"a\"},\n\"secret\"]", "row 2, at line 2, is not an object"},
		"JSON: a row that is null":      {json, "[null]", "row 1, at line 1, is not an object"},
		"JSON: a broken row":            {json, "[\n{\"org\": secret}]", "row 1, at line 2, is not JSON"},
		"JSON: the end is missing":      {json, `[{"org":"a","n":1,"note":"x"}`, "line 1: the list does not end"},
		"JSON: something after the end": {json, "[]\n[]", "line 2: something follows the list"},
		"JSON: a nested value":          {json, `[{"org":"a","n":{"secret":1},"note":"x"}]`, `row 1: field "n" is a list or an object; one value is expected`},
		"JSON: a list as a value":       {json, `[{"org":"a","n":["secret"],"note":"x"}]`, `row 1: field "n" is a list or an object; one value is expected`},
		"JSON: a field is nowhere":      {json, `[{"org":"a","note":"x"}]`, `column "n" (spec.metrics[n]) is not there; the columns are: "note", "org"`},
		"JSON: too many rows":           {json, `[{"org":1},{"org":1},{"org":1},{"org":1}]`, "more than 3 rows: select fewer, or raise the operator's --max-rows"},
		"YAML: no list":                 {yaml, "org: secret\n", "line 1: a YAML list of objects is expected"},
		"YAML: nothing at all":          {yaml, "# nothing\n", "line 1: a YAML list of objects is expected"},
		"YAML: a row that is no object": {yaml, "- {org: a}\n- secret\n", "row 2, at line 2, is not an object"},
		"YAML: broken":                  {yaml, "- {org: a}\n- {secret\n", "line 1: not YAML"},
		"YAML: a second document":       {yaml, "[]\n---\n[]\n", "a second YAML document follows the list"},
		"YAML: a nested value":          {yaml, "- {org: a, n: [secret], note: x}\n", `row 1: field "n" is a list or an object; one value is expected`},
		"YAML: a field twice":           {yaml, "- {org: a, n: 1, n: 2}\n", "row 1: a field, at line 1, stands there twice"},
		"YAML: a merge key":             {yaml, "- &x {org: a}\n- {<<: *x, n: 1}\n", "row 2: merge keys (<<), at line 2, are not read"},
		"YAML: a name that is a list":   {yaml, "- {[secret]: 1}\n", "row 1: the name of a field, at line 1, is not text"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, test.format, test.data)
			told, ok := errors.AsType[*observe.Error](err)
			if !ok {
				t.Fatalf("got %#v, want an *observe.Error", err)
			}
			if want := `spec.configMap: key "data": ` + test.want; told.Reason != v1alpha1.ReasonReadFailed || told.Message != want {
				t.Errorf("got  %s: %s\nwant %s: %s", told.Reason, told.Message, v1alpha1.ReasonReadFailed, want)
			}
			if strings.Contains(told.Message, "secret") {
				t.Error("the error shows a value")
			}
		})
	}
}

func TestAConfigMapThatIsNotThereIsAReferenceThatMayCome(t *testing.T) {
	ds := source(v1alpha1.FormatCSV)
	ds.Spec.ConfigMap.Name = "other"
	reader, err := configmap.New(ds, observe.Dependencies{Keys: fakeKeys{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Read(t.Context(), observe.Request{})
	if told, ok := errors.AsType[*observe.Error](err); !ok || told.Reason != v1alpha1.ReasonReferenceNotFound {
		t.Errorf("got %#v, want ReferenceNotFound", err)
	}
}

func TestAFormatThatDoesNotExistIsRefused(t *testing.T) {
	_, err := configmap.New(source("XML"), observe.Dependencies{})
	if told, ok := errors.AsType[*observe.Error](err); !ok || told.Reason != v1alpha1.ReasonInvalidSpec {
		t.Errorf("got %#v, want InvalidSpec", err)
	}
}
