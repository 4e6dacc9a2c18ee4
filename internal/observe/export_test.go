package observe_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// answers is all that a read says.
type answers struct {
	Lookup         map[string]map[string]value.Observation
	Events         map[string][]value.Event
	Row            map[string]map[string]value.Value
	Unreadable     map[string][]string
	Keys, Warnings []string
	Rows           int
	Counts         []v1alpha1.MetricCount
	Complete       bool
	ReadTime       time.Time
	Scheme         string
}

func answersOf(s *observe.Snapshot, ids ...string) answers {
	a := answers{
		Lookup: map[string]map[string]value.Observation{}, Events: map[string][]value.Event{}, Row: map[string]map[string]value.Value{}, Unreadable: map[string][]string{},
		Keys: s.Keys(), Warnings: s.Warnings(), Rows: s.Rows(), Counts: s.Counts(), Complete: s.Complete(), ReadTime: s.ReadTime(), Scheme: s.Scheme(),
	}
	for i, id := range ids {
		for _, of := range [][]string{{id}, ids[:i+1], {id, ids[0]}} {
			key := fmt.Sprint(of)
			a.Lookup[key], a.Events[key] = s.Lookup(of), s.Events(of)
		}
		a.Row[id], a.Unreadable[id] = s.Row(id), s.Unreadable(id)
	}
	return a
}

// written is a dump after it was written and read.
func written(t interface{ Fatal(...any) }, d *observe.Dump) *observe.Dump {
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again := &observe.Dump{}
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	return again
}

var (
	drawField = rapid.SampledFrom([]string{"org", "as_of", "a", "b", "c", "d"})
	drawType  = rapid.SampledFrom([]v1alpha1.MetricType{v1alpha1.MetricNumber, v1alpha1.MetricCategory, v1alpha1.MetricTime, v1alpha1.MetricText})
	drawID    = rapid.SampledFrom([]string{"acme", " bolt", "cray", "", "dyn\té"})
	drawText  = rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "0", "-7.250", "1e3", "0.0000015", "999999999999.999999", "1000000000000", "NaN", "Good", " good ", "2026-10-30", "2026-10-30T00:00:00Z",
			"2026-10-30T07:30:00.123456789+02:00", "2027-01-01", "0001-01-01", "x\nü\"", "0042",
		}), rapid.StringN(0, 12, -1), rapid.StringOfN(rapid.RuneFrom([]rune("aé")), 120, 140, -1),
	)
)

// drawSource draws a source over the columns org, as_of and a to d.
func drawSource(t *rapid.T) *v1alpha1.DataSource {
	ds := newSource()
	for i := range rapid.IntRange(1, 5).Draw(t, "metrics") {
		m := v1alpha1.Metric{Name: fmt.Sprintf("m%d", i), Field: drawField.Draw(t, "field"), Type: drawType.Draw(t, "type")}
		switch m.Type {
		case v1alpha1.MetricNumber:
			m.Aggregate = rapid.SampledFrom([]v1alpha1.Aggregate{"", "Newest", "Sum", "Min", "Max", "Average"}).Draw(t, "aggregate")
		case v1alpha1.MetricTime:
			m.Aggregate = rapid.SampledFrom([]v1alpha1.Aggregate{"", "Min", "Max"}).Draw(t, "aggregate")
		}
		if rapid.Bool().Draw(t, "absent") {
			m.Absent = new("0")
		}
		ds.Spec.Metrics = append(ds.Spec.Metrics, m)
	}
	if rapid.Bool().Draw(t, "timed") {
		ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	}
	if rapid.Bool().Draw(t, "aged") {
		ds.Spec.MaxAge = "7d"
	}
	if rapid.Bool().Draw(t, "by query") {
		ds.Spec.ConfigMap, ds.Spec.Prometheus = nil, &v1alpha1.PrometheusSource{}
	}
	ds.Spec.Account.ExternalID = rapid.SampledFrom([]string{"", "product"}).Draw(t, "scheme")
	return ds
}

func drawTable(t *rapid.T, text *rapid.Generator[string]) *observe.Table {
	rows := &observe.Table{Columns: []string{"org", "as_of", "a", "b", "c", "d"}}
	for range rapid.IntRange(0, 8).Draw(t, "rows") {
		cells := []observe.Cell{{Text: drawID.Draw(t, "id")}}
		for range rows.Columns[1:] {
			cells = append(cells, observe.Cell{Text: text.Draw(t, "cell"), Null: rapid.Bool().Draw(t, "null")})
		}
		rows.Rows = append(rows.Rows, cells)
	}
	if rapid.Bool().Draw(t, "warns") {
		rows.Warnings, rows.Incomplete = []string{"not all"}, rapid.SliceOfNDistinct(drawField, 1, 3, rapid.ID[string]).Draw(t, "incomplete")
	}
	return rows
}

var ids = []string{"acme", "bolt", "cray", "dyn\té", "nobody"}

func TestWhatIsHeldIsWhatWasRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := drawSource(t)
		want, err := observe.Ingest(ds, drawTable(t, drawText), readTime)
		if err != nil {
			t.Fatal(err)
		}
		got, unknown := observe.Import(ds, written(t, observe.Export(want)))
		if len(unknown) > 0 {
			t.Fatalf("not known: %q", unknown)
		}
		if diff := cmp.Diff(answersOf(want, ids...), answersOf(got, ids...)); diff != "" {
			t.Fatalf("(-read +held):\n%s", diff)
		}
		if changed := slices.Concat(observe.Changed(want, got), observe.Changed(got, want)); len(changed) > 0 {
			t.Fatalf("changed: %q", changed)
		}
	})
}

// TestWhatIsHeldGoesWithAnotherSpec: what one spec read and another declares is what that one would have read.
func TestWhatIsHeldGoesWithAnotherSpec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawSource(t)
		// Every column is held as the source wrote it, besides what the spec reads.
		for _, column := range []string{"a", "b", "c", "d"} {
			before.Spec.Metrics = append(before.Spec.Metrics, v1alpha1.Metric{Name: "text_" + column, Field: column, Type: v1alpha1.MetricText})
		}
		before.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
		rows := drawTable(t, drawText)
		rows.Warnings, rows.Incomplete = nil, nil
		for _, cells := range rows.Rows {
			cells[1] = observe.Cell{Text: rapid.SampledFrom([]string{"", "2026-10-30", "2026-10-30T07:30:00.5Z"}).Draw(t, "as of")}
		}
		read, err := observe.Ingest(before, rows, readTime)
		if err != nil {
			t.Fatal(err)
		}
		after := drawSource(t)
		after.Spec.Metrics = slices.DeleteFunc(after.Spec.Metrics, func(m v1alpha1.Metric) bool {
			// Words about a time are not held as they were written, and an id without the white space around it.
			return m.Field == "as_of" && m.Type != v1alpha1.MetricTime || m.Field == "org" && m.Type == v1alpha1.MetricText
		})
		want, err := observe.Ingest(after, rows, readTime)
		if err != nil {
			t.Fatal(err)
		}
		got, unknown := observe.Import(after, observe.Export(read))
		if len(unknown) > 0 {
			t.Fatalf("not known: %q", unknown)
		}
		if diff := cmp.Diff(answersOf(want, ids...), answersOf(got, ids...)); diff != "" {
			t.Fatalf("(-would have been read +held):\n%s", diff)
		}
	})
}

func TestImport(t *testing.T) {
	rows := table(
		"org   | as_of      | n   | tier | slug | since",
		"org_1 | 2026-10-01 | 3   | Gold | acme | 2026-01-01",
		"org_2 | 2026-10-02 | bad | -    | bolt | -",
	)
	base := newSource(number("n"), v1alpha1.Metric{Name: "tier", Type: v1alpha1.MetricCategory}, v1alpha1.Metric{Name: "slug", Type: v1alpha1.MetricText}, v1alpha1.Metric{Name: "since", Type: v1alpha1.MetricTime})
	base.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	tests := map[string]struct {
		change  func(*v1alpha1.DataSource)
		ids     []string
		metric  string
		want    string
		unknown []string
	}{
		"a metric that is as it was": {nil, []string{"org_1"}, "n", "Fresh 3 2026-10-01T00:00:00Z", nil},
		"a metric of another name reads the same column": {func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[0] = v1alpha1.Metric{Name: "users", Field: "n", Type: v1alpha1.MetricNumber}
		}, []string{"org_1"}, "users", "Fresh 3 2026-10-01T00:00:00Z", nil},
		"a column that no metric read is not known":        {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Field = "m" }, []string{"org_1"}, "tier", "Fresh Gold 2026-10-01T00:00:00Z", []string{"n"}},
		"a number read as a word":                          {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Type = v1alpha1.MetricCategory }, []string{"org_1"}, "n", "Fresh 3 2026-10-01T00:00:00Z", nil},
		"a word read as a number":                          {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Type = v1alpha1.MetricNumber }, []string{"org_1"}, "tier", "Missing unreadable", nil},
		"what was no number is not known to be a word":     {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Type = v1alpha1.MetricCategory }, []string{"org_2"}, "n", "Missing unreadable", nil},
		"another value for who has no row":                 {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Absent = new("9") }, []string{"nobody"}, "n", "Fresh 9 2026-11-01T09:00:00Z", nil},
		"several rows are added up":                        {func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Aggregate = v1alpha1.AggregateSum }, []string{"org_1", "nobody"}, "n", "Fresh 3 2026-10-01T00:00:00Z", nil},
		"without a time of the row it is that of the read": {func(ds *v1alpha1.DataSource) { ds.Spec.ObservedTime = nil }, []string{"org_1"}, "n", "Fresh 3 2026-11-01T09:00:00Z", nil},
		"the time is in a column that a metric read":       {func(ds *v1alpha1.DataSource) { ds.Spec.ObservedTime.Field = "since" }, []string{"org_1"}, "n", "Fresh 3 2026-01-01T00:00:00Z", nil},
		"the time is in a column that is not held":         {func(ds *v1alpha1.DataSource) { ds.Spec.ObservedTime.Field = "at" }, []string{"org_1"}, "", "", []string{"n", "tier", "slug", "since"}},
		"a metric reads the time": {func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[0] = v1alpha1.Metric{Name: "as_of", Type: v1alpha1.MetricTime}
		}, []string{"org_1"}, "as_of", "Fresh 2026-10-01 2026-10-01T00:00:00Z", nil},
		"a metric reads the id": {func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[0] = v1alpha1.Metric{Name: "org", Type: v1alpha1.MetricCategory}
		}, []string{"org_1"}, "org", "Fresh org_1 2026-10-01T00:00:00Z", nil},
		"the id is in a column that a metric read":    {func(ds *v1alpha1.DataSource) { ds.Spec.Account.Field = "slug" }, []string{"acme"}, "n", "Fresh 3 2026-10-01T00:00:00Z", nil},
		"who is in no such column may have had no id": {func(ds *v1alpha1.DataSource) { ds.Spec.Account.Field = "slug" }, []string{"nobody"}, "n", "Missing unreadable", nil},
		"an id is not made of a number":               {func(ds *v1alpha1.DataSource) { ds.Spec.Account.Field = "n" }, []string{"3"}, "", "", []string{"n", "tier", "slug", "since"}},
		"an id is not made of a time":                 {func(ds *v1alpha1.DataSource) { ds.Spec.Account.Field = "since" }, []string{"2026-01-01"}, "", "", []string{"n", "tier", "slug", "since"}},
		"the id is in a column that is not held":      {func(ds *v1alpha1.DataSource) { ds.Spec.Account.Field = "account" }, []string{"org_1"}, "", "", []string{"n", "tier", "slug", "since"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ds := base.DeepCopy()
			if test.change != nil {
				test.change(ds)
			}
			s, unknown := observe.Import(ds, written(t, observe.Export(ingest(t, base, rows))))
			if diff := cmp.Diff(test.unknown, unknown); diff != "" {
				t.Errorf("not known (-want +got):\n%s", diff)
			}
			for _, metric := range unknown {
				if s.Holds(metric) {
					t.Errorf("%s is held", metric)
				}
			}
			if test.metric == "" {
				return
			}
			o := s.Lookup(test.ids)[test.metric]
			got := show(o)
			if o.Unreadable {
				got += " unreadable"
			}
			if got != test.want || !s.Holds(test.metric) {
				t.Errorf("got %s, held: %t; want %s", got, s.Holds(test.metric), test.want)
			}
		})
	}
}

func TestRowsWhoseTimeOrIDIsNotHeld(t *testing.T) {
	long := strings.Repeat("x", 200)
	rows := table(
		"org   | as_of | n   | slug",
		"org_1 | soon  | 3   | acme",
		"org_2 | -     | bad | bolt",
		"org_3 | -     | 4   | "+long,
	)
	base := newSource(number("n"), v1alpha1.Metric{Name: "slug", Type: v1alpha1.MetricCategory})
	base.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	d := written(t, observe.Export(ingest(t, base, rows)))

	timed := base.DeepCopy()
	timed.Spec.Metrics = append(timed.Spec.Metrics, v1alpha1.Metric{Name: "as_of", Type: v1alpha1.MetricTime})
	s, _ := observe.Import(timed, d)
	for id, want := range map[string][]string{"org_1": {"as_of", "n", "slug"}, "org_2": {"n"}, "org_3": {"slug"}} {
		if got := s.Unreadable(id); !slices.Equal(got, want) {
			t.Errorf("%s: %q cannot be read, want %q", id, got, want)
		}
	}
	// An account is not gone because its id was no word.
	keyed := base.DeepCopy()
	keyed.Spec.Account.Field = "slug"
	if s, unknown := observe.Import(keyed, d); len(unknown) != 2 || s.Rows() > 0 {
		t.Errorf("by another id there are %d rows, and %q are not known", s.Rows(), unknown)
	}
}

// TestADumpIsHeldAsItIs: what was imported is exported as what it was, the times of earlier reads and parts of seconds too.
func TestADumpIsHeldAsItIs(t *testing.T) {
	at := readTime.Add(-time.Hour + 250*time.Millisecond)
	want := &observe.Dump{
		ReadTime: readTime, Since: readTime.Add(-time.Hour), Account: "org", Observed: "as_of", Warnings: []string{"not all"}, Incomplete: []int{1},
		Columns: []observe.DumpColumn{{Field: "n", Type: v1alpha1.MetricNumber}, {Field: "day", Type: v1alpha1.MetricTime}},
		Rows: []observe.DumpRow{
			{ID: "acme", At: at, Read: readTime.Add(-2 * time.Hour), Cells: []string{"-3.25", "2026-10-30T07:30:00.123456789Z"}},
			{ID: "acme", At: readTime, Cells: []string{"4"}, Unreadable: []int{1}},
			{ID: "bolt"},
		},
	}
	ds := newSource(number("n"), v1alpha1.Metric{Name: "day", Type: v1alpha1.MetricTime})
	ds.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	s, _ := observe.Import(ds, written(t, want))
	if diff := cmp.Diff(want, observe.Export(s)); diff != "" {
		t.Errorf("(-held +held again):\n%s", diff)
	}
}

func TestTheStoreDumpsWhatItHolds(t *testing.T) {
	store, ds := observe.NewStore(), newSource(number("n"))
	if d := store.Dump(usage); d != nil || len(store.Sources("success")) > 0 {
		t.Errorf("nobody has read it: %+v", d)
	}
	state := func() string {
		d := store.Dump(usage)
		return fmt.Sprintf("%s %t %t %d", d.Source, d.Available, d.Suspended, len(d.Rows))
	}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { store.Fail(usage, ds) }, "usage false false 0"},
		{func() { store.Suspend(usage, ds) }, "usage false true 0"},
		{func() { store.Accept(usage, ds, ingest(t, ds, table("org | n", "acme | 3"))) }, "usage true false 1"},
		{func() { store.Fail(usage, ds) }, "usage false false 1"},
		{func() { store.Suspend(usage, ds) }, "usage true true 1"},
	} {
		if step.do(); state() != step.want {
			t.Errorf("got %s, want %s", state(), step.want)
		}
	}
	store.Fail(types.NamespacedName{Namespace: "success", Name: "crm"}, ds)
	store.Fail(types.NamespacedName{Namespace: "other", Name: "crm"}, ds)
	if got := store.Sources("success"); !slices.Equal(got, []string{"crm", "usage"}) {
		t.Errorf("sources %q", got)
	}
}
