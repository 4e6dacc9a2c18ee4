package observe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

var readTime = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// newSource returns a source keyed by the column org, with metrics.
func newSource(metrics ...v1alpha1.Metric) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: "success", Name: "usage", UID: "u1", Generation: 1},
		Spec: v1alpha1.DataSourceSpec{
			Account: v1alpha1.AccountColumn{Field: "org"}, Metrics: metrics,
			ConfigMap: &v1alpha1.ConfigMapSource{Name: "usage", Key: "usage.csv", Format: v1alpha1.FormatCSV},
		},
	}
}

func number(name string) v1alpha1.Metric {
	return v1alpha1.Metric{Name: name, Type: v1alpha1.MetricNumber}
}

// table makes a table of text: the first line has the columns; fields are separated by | and spaces around them go; -
// is no value.
func table(lines ...string) *observe.Table {
	split := func(line string) []string {
		fields := strings.Split(line, "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		return fields
	}
	t := &observe.Table{Columns: split(lines[0])}
	for _, line := range lines[1:] {
		var cells []observe.Cell
		for _, text := range split(line) {
			cells = append(cells, observe.Cell{Text: strings.TrimPrefix(text, "-"), Null: text == "-"})
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

func ingest(t *testing.T, ds *v1alpha1.DataSource, rows *observe.Table) *observe.Snapshot {
	t.Helper()
	s, err := observe.Ingest(ds, rows, readTime)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// show writes an observation for a comparison.
func show(o value.Observation) string {
	text := string(o.State)
	if o.Value != nil {
		text += " " + o.Value.String()
	}
	if !o.ObservedTime.IsZero() {
		text += " " + o.ObservedTime.Format(time.RFC3339)
	}
	return text
}

func TestAggregates(t *testing.T) {
	const at9 = " 2026-11-01T09:00:00Z" // the time of the read
	rows := table(
		"org | as_of                | n       | word  | day",
		"a   | 2026-10-30T00:00:00Z | 2       | old   | 2026-01-03",
		"a   | 2026-10-31T00:00:00Z | 5       | new   | 2026-01-01",
		"a   | 2026-10-29T00:00:00Z | 6       | older | 2026-01-02",
		"b   | 2026-10-31T00:00:00Z | 1       | first | 2026-01-01",
		"b   | 2026-10-31T00:00:00Z | 2       | last  | 2026-01-01",
		"c   | -                    | 7       | undated | -",
		"c   | 2020-01-01           | 8       | dated   | -",
		"d   | 2026-10-31T00:00:00Z | -       | -     | -",
		"d   | 2026-10-01T00:00:00Z | 4       | -     | -",
		"e   | 2030-01-01T00:00:00Z | 1       | ahead | -",
		"f   | -                    | 999999999999 | x | -",
		"f   | -                    | 999999999999 | x | -",
	)
	tests := map[string]struct {
		metric v1alpha1.Metric
		ids    []string
		want   string
	}{
		"the newest row wins, wherever it stands":             {v1alpha1.Metric{Name: "word", Type: v1alpha1.MetricCategory}, []string{"a"}, "Fresh new 2026-10-31T00:00:00Z"},
		"Newest is the default and may be said":               {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateNewest}, []string{"a"}, "Fresh 5 2026-10-31T00:00:00Z"},
		"the last row wins among equal times":                 {number("n"), []string{"b"}, "Fresh 2 2026-10-31T00:00:00Z"},
		"a dated row wins over one without a time":            {v1alpha1.Metric{Name: "word", Type: v1alpha1.MetricText}, []string{"c"}, "Fresh dated 2020-01-01T00:00:00Z"},
		"a newer row without a value does not count":          {number("n"), []string{"d"}, "Fresh 4 2026-10-01T00:00:00Z"},
		"nothing is observed later than it was read":          {number("n"), []string{"e"}, "Fresh 1" + at9},
		"Sum is as of the newest row":                         {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateSum}, []string{"a"}, "Fresh 13 2026-10-31T00:00:00Z"},
		"Min is as of the row that it is from":                {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateMin}, []string{"a"}, "Fresh 2 2026-10-30T00:00:00Z"},
		"Max is as of the row that it is from":                {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateMax}, []string{"a"}, "Fresh 6 2026-10-29T00:00:00Z"},
		"Average is exact to six digits":                      {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateAverage}, []string{"a"}, "Fresh 4.333333 2026-10-31T00:00:00Z"},
		"Average rounds half away from zero":                  {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateAverage}, []string{"b"}, "Fresh 1.5 2026-10-31T00:00:00Z"},
		"Min of times is the earliest":                        {v1alpha1.Metric{Name: "day", Type: v1alpha1.MetricTime, Aggregate: v1alpha1.AggregateMin}, []string{"a"}, "Fresh 2026-01-01 2026-10-31T00:00:00Z"},
		"Max of times is the latest":                          {v1alpha1.Metric{Name: "day", Type: v1alpha1.MetricTime, Aggregate: v1alpha1.AggregateMax}, []string{"a"}, "Fresh 2026-01-03 2026-10-30T00:00:00Z"},
		"rows of several ids of an account count together":    {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateSum}, []string{"a", "b", "zz"}, "Fresh 16 2026-10-31T00:00:00Z"},
		"an id that is given twice counts once":               {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateSum}, []string{"b", "b"}, "Fresh 3 2026-10-31T00:00:00Z"},
		"a sum that is too large for a number is no value":    {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateSum}, []string{"f"}, "Missing"},
		"the average of numbers with a sum that is too large": {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Aggregate: v1alpha1.AggregateAverage}, []string{"f"}, "Fresh 999999999999" + at9},
		"an account whose rows have no value is Missing":      {v1alpha1.Metric{Name: "word", Type: v1alpha1.MetricCategory}, []string{"d"}, "Missing"},
		"an account without a row is Missing":                 {number("n"), []string{"zz"}, "Missing"},
		"an account without an id is Missing":                 {number("n"), nil, "Missing"},
		"absent is the value of an account without a row":     {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Absent: new("0")}, []string{"zz"}, "Fresh 0" + at9},
		"absent is the value of an account without an id":     {v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Absent: new("0")}, nil, "Fresh 0" + at9},
		"absent says nothing of a row without a value":        {v1alpha1.Metric{Name: "word", Type: v1alpha1.MetricCategory, Absent: new("none")}, []string{"d"}, "Missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(test.metric)
			ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
			got := ingest(t, ds, rows).Lookup(test.ids)[test.metric.Name]
			if show(got) != test.want {
				t.Errorf("got %s, want %s", show(got), test.want)
			}
			if got.Type != test.metric.Type {
				t.Errorf("type %s, want %s", got.Type, test.metric.Type)
			}
		})
	}
}

func TestIngestCountsWhatItCannotReadAndNeverShowsIt(t *testing.T) {
	ds := newSource(number("n"), v1alpha1.Metric{Name: "plan", Field: "Plan name", Type: v1alpha1.MetricCategory})
	ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	long := strings.Repeat("x", 129)
	s := ingest(t, ds, table(
		"org | as_of      | n       | Plan name",
		"a   | 2026-10-01 | secret1 | Gold",
		"b   | 2026-10-01 | NaN     | -",
		"c   | 2026-10-01 | Inf     | "+long,
		"d   | yesterday  | 4       | Gold",
		"-   | 2026-10-01 | 5       | Gold",
		"e   | 2026-10-01 | 1e400   | Gold",
	))
	want := []string{
		`row 1, column "n": expected Number, got 7 characters: not a number`,
		`row 2, column "n": expected Number, got 3 characters: not a number`,
		`row 3, column "n": expected Number, got 3 characters: not a number`,
		`row 3, column "Plan name": expected Category, got 129 characters: longer than 128 bytes; a longer text is a metric of type Text`,
		`row 4, column "as_of": expected Time, got 9 characters: not a time: RFC 3339, 2006-01-02 15:04:05 and 2006-01-02 are read`,
	}
	if diff := cmp.Diff(want, s.RejectedExamples()); diff != "" {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
	if s.RejectedValues() != 7 || s.Rows() != 5 {
		t.Errorf("%d rejected of %d rows with an id, want 7 of 5", s.RejectedValues(), s.Rows())
	}
	for id, want := range map[string][]string{"a": {"n"}, "c": {"n", "plan"}, "d": {"n", "plan"}, "zz": nil} {
		if diff := cmp.Diff(want, s.Unreadable(id)); diff != "" {
			t.Errorf("unreadable of %s (-want +got):\n%s", id, diff)
		}
	}
	if o := s.Lookup([]string{"a"})["n"]; !o.Unreadable || o.State != v1alpha1.ValueMissing {
		t.Errorf("a value that cannot be read is %+v", o)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, s.Keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for id, want := range map[string]string{"a": "Missing", "d": "Missing", "e": "Missing"} {
		if got := show(s.Lookup([]string{id})["n"]); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}

func TestIngestRefusesATableWithoutADeclaredColumn(t *testing.T) {
	many := make([]string, 30)
	for i := range many {
		many[i] = "c" + strings.Repeat("x", i)
	}
	tests := map[string]struct {
		columns string
		change  func(*v1alpha1.DataSource)
		want    string
	}{
		"the account's": {"id | n", nil, `column "org" (spec.account.field) is not there; the columns are: "id", "n"`},
		"a metric's":    {"org | m", nil, `column "n" (spec.metrics[n]) is not there; the columns are: "org", "m"`},
		"a metric's field": {
			"org | n", func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Field = "N" },
			`column "N" (spec.metrics[n]) is not there; the columns are: "org", "n"`,
		},
		"the time's": {
			"org | n", func(ds *v1alpha1.DataSource) { ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "at"} },
			`column "at" (spec.observedTime.field) is not there; the columns are: "org", "n"`,
		},
		"a file without a header line shows none of its data": {
			"acme@example.com | 17.5", nil,
			`column "org" (spec.account.field) is not there; the columns are: (a name of 16 characters), (a name of 4 characters)`,
		},
		"a wide table": {strings.Join(many, "|"), nil, "and 10 more"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := newSource(number("n"))
			if test.change != nil {
				test.change(ds)
			}
			_, err := observe.Ingest(ds, table(test.columns), readTime)
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestRowGivesAnAccountSetTheValuesUnderAnId(t *testing.T) {
	ds := newSource(number("n"), v1alpha1.Metric{Name: "name", Type: v1alpha1.MetricText})
	s := ingest(t, ds, table("org | n | name", " a | 3 | Acme", "b | - | Bolt"))
	got := map[string]string{}
	for name, v := range s.Row("a") {
		got[name] = string(v.Type) + " " + v.String()
	}
	if diff := cmp.Diff(map[string]string{"org": "Text a", "n": "Number 3", "name": "Text Acme"}, got); diff != "" {
		t.Errorf("row a (-want +got):\n%s", diff)
	}
	if _, ok := s.Row("b")["n"]; ok {
		t.Error("a value that is not there is in the row")
	}
	if s.Row("zz") != nil {
		t.Error("an id without a row has one")
	}
}

func TestChangedFindsTheIdsWhoseRowsDiffer(t *testing.T) {
	ds := newSource(number("n"))
	before := ingest(t, ds, table("org | n", "same | 1", "moved | 1", "gone | 1", "twice | 1", "lost | 1"))
	after := ingest(t, ds, table("org | n", "new | 1", "moved | 2", "same | 1.0", "twice | 1", "twice | 1", "lost | -"))
	if diff := cmp.Diff([]string{"gone", "lost", "moved", "new", "twice"}, observe.Changed(before, after)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if got := observe.Changed(before, before.ReadAt(readTime.Add(time.Hour))); len(got) != 0 {
		t.Errorf("a later read of the same rows changed %v", got)
	}
	if diff := cmp.Diff(before.Keys(), observe.Changed(nil, before)); diff != "" {
		t.Errorf("after no read (-want +got):\n%s", diff)
	}
}

func TestAnEmptyListIsACompleteRead(t *testing.T) {
	s := ingest(t, newSource(v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Absent: new("0")}), &observe.Table{})
	if s.Rows() != 0 || show(s.Lookup([]string{"a"})["n"]) != "Fresh 0 2026-11-01T09:00:00Z" {
		t.Errorf("%d rows, %s", s.Rows(), show(s.Lookup([]string{"a"})["n"]))
	}
}

func TestARowThatSaysNothingOfAMetricHidesNoUnreadableValue(t *testing.T) {
	s := ingest(t, newSource(number("n"), number("m")), table(
		"org | n | m",
		"a   | 1 | NaN",
		"a   | 2 | -",
	))
	if o := s.Lookup([]string{"a"})["m"]; !o.Unreadable {
		t.Errorf("got %+v, want a value that cannot be read: none of the rows says that there is none", o)
	}
	if got := show(s.Lookup([]string{"a"})["n"]); !strings.HasPrefix(got, "Fresh 2") {
		t.Errorf("got %s, want the last of the rows", got)
	}
}

func TestEachQueryOfPrometheusIsReadByItself(t *testing.T) {
	ds := newSource(v1alpha1.Metric{Name: "n", Type: v1alpha1.MetricNumber, Absent: new("0"), Aggregate: v1alpha1.AggregateSum}, number("m"))
	ds.Spec.ConfigMap, ds.Spec.Prometheus = nil, &v1alpha1.PrometheusSource{}
	rows := table("org | n | m", "acme | - | 100", "bolt | 50 | 100")
	if got := show(ingest(t, ds, rows).Lookup([]string{"acme"})["n"]); !strings.HasPrefix(got, "Fresh 0") {
		t.Errorf("an account of which another query has a series is %s, want the value for those without one", got)
	}
	rows.Warnings, rows.Incomplete = []string{"n: a store did not answer"}, []string{"n"}
	s := ingest(t, ds, rows)
	for _, id := range []string{"acme", "bolt"} {
		if o := s.Lookup([]string{id})["n"]; !o.Unreadable {
			t.Errorf("%s: a part of a sum is %+v, want a value that cannot be read", id, o)
		}
	}
}
