package fake_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/observe/fake"
	"github.com/perennial-dev/perennial/internal/value"
)

// source declares the columns org, wau and note; rows is YAML, as a user writes it.
func source(t *testing.T, rows string) *v1alpha1.DataSource {
	t.Helper()
	ds := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "trial"},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"},
			Metrics: []v1alpha1.Metric{
				{Name: "wau", Type: v1alpha1.MetricNumber},
				{Name: "note", Type: v1alpha1.MetricText},
			},
			Fake: &v1alpha1.FakeSource{},
		},
	}
	if err := yaml.UnmarshalStrict([]byte(rows), &ds.Spec.Fake.Rows); err != nil {
		t.Fatal(err)
	}
	return ds
}

func read(t *testing.T, ds *v1alpha1.DataSource) (*observe.Table, error) {
	t.Helper()
	reader, err := fake.New(ds, observe.Dependencies{MaxRows: 3, MaxBytes: 100})
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
	const columns = "note|org|wau"
	tests := map[string]struct {
		rows string
		want []string
	}{
		"values keep the text that was written": {
			`[{org: acme, wau: "1.10", note: " hi "}, {org: "007", wau: -12, note: é}]`, []string{columns, " hi |acme|1.10", "é|007|-12"},
		},
		"a column that a row does not have is no value": {
			"[{org: acme}, {org: bolt, wau: 1, note: x}]", []string{columns, "~|acme|~", "x|bolt|1"},
		},
		"empty text is no value": {
			`[{org: acme, wau: "", note: x}]`, []string{columns, "x|acme|~"},
		},
		"columns that are not declared are left": {
			"[{org: acme, wau: 1, note: x, more: y}]", []string{columns, "x|acme|1"},
		},
		"several rows of one account stay in their order": {
			"[{org: b, wau: 1, note: x}, {org: a, wau: 2, note: q}, {org: b, wau: 3, note: z}]", []string{columns, "x|b|1", "q|a|2", "z|b|3"},
		},
		"no rows are a complete read of none": {"[]", []string{""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, source(t, test.rows))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !got.Modified.IsZero() || !got.Since.IsZero() {
				t.Errorf("the rows of a spec are read whole, each time; got %+v", got)
			}
		})
	}
}

func TestErrorsNameTheField(t *testing.T) {
	tests := map[string]struct {
		rows   string
		reason string
		want   string
	}{
		"no row has a declared column": {
			"[{org: acme, note: secret}, {org: bolt, WAU: 1}]", v1alpha1.ReasonInvalidSpec,
			`spec.fake.rows: column "wau" (spec.metrics[wau]) is not there; the columns are: "WAU", "note", "org"`,
		},
		"no row says which account": {
			"[{wau: 1, note: secret}]", v1alpha1.ReasonInvalidSpec,
			`spec.fake.rows: column "org" (spec.account.field) is not there; the columns are: "note", "wau"`,
		},
		"more rows than the operator takes": {
			"[{org: a}, {org: b}, {org: c}, {org: secret}]", v1alpha1.ReasonReadFailed,
			"spec.fake.rows: more than 3 rows: select fewer, or raise the operator's --max-rows",
		},
		"more bytes than the operator takes": {
			"[{org: a, wau: 1, note: secret" + strings.Repeat("x", 100) + "}]", v1alpha1.ReasonReadFailed,
			"spec.fake.rows: more than 100 bytes: select less, or raise the operator's --max-bytes",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, source(t, test.rows))
			told, ok := errors.AsType[*observe.Error](err)
			if !ok || told.Reason != test.reason || told.Message != test.want {
				t.Errorf("got  %#v\nwant %s: %s", err, test.reason, test.want)
			}
			if ok && strings.Contains(told.Message, "secret") {
				t.Error("the error shows a value")
			}
		})
	}
}

// TestRowsBecomeFacts goes through the operator's own way to a snapshot.
func TestRowsBecomeFacts(t *testing.T) {
	ds := source(t, `[{org: acme, wau: "0.31", note: hi}, {org: bolt, wau: many, note: x}]`)
	registry := observe.Registry{observe.ProviderFake: observe.Factory(fake.New)}
	reader, err := registry.Open(ds, observe.Dependencies{})
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.Read(t.Context(), observe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	at := metav1.Now().Time
	snapshot, err := observe.Ingest(ds, table, at)
	if err != nil {
		t.Fatal(err)
	}
	got := snapshot.Lookup([]string{"acme"})["wau"]
	if want, err := value.Parse(v1alpha1.MetricNumber, "0.31"); err != nil || got.Value == nil || !got.Value.Equal(want) {
		t.Errorf("wau of acme is %v, want 0.31 (%v)", got, err)
	}
	if snapshot.Rows() != 2 || snapshot.RejectedValues() != 1 {
		t.Errorf("%d rows, %d values rejected; want 2 and the word that is no number", snapshot.Rows(), snapshot.RejectedValues())
	}
}
