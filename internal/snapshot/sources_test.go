package snapshot_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/snapshot"
)

// configMaps is the ConfigMap usage, with the rows of a file.
func configMaps(lines ...string) map[string]map[string]string {
	return map[string]map[string]string{"usage": {"usage.csv": strings.Join(append([]string{"org,users,plan"}, lines...), "\n")}}
}

// fromFile has a source read the ConfigMap usage.
func fromFile(ds *v1alpha1.DataSource) {
	ds.Spec.SQL, ds.Spec.ConfigMap = nil, &v1alpha1.ConfigMapSource{Name: "usage", Key: "usage.csv", Format: v1alpha1.FormatCSV}
}

func TestFactsOfTheOperator(t *testing.T) {
	const acme = "Fresh 3 08:34 within 1w"
	gold := []string{"acme,3,Gold", "bolt,much,"}
	tests := map[string]struct {
		happens func(b *base)
		change  func(ds *v1alpha1.DataSource)
		files   map[string]map[string]string
		account string
		metric  string
		want    string
	}{
		"a value that was read":                           {account: "acme", metric: "users", want: acme},
		"a value that was read as nothing":                {account: "bolt", metric: "plan", want: "Missing within 1w"},
		"a value that could not be read":                  {account: "bolt", metric: "users", want: "Missing unreadable within 1w"},
		"an account without a row":                        {account: "cray", metric: "users", want: "Missing within 1w"},
		"an account that is new":                          {account: "dyn", metric: "users", want: "Missing within 1w"},
		"a metric that nobody declares":                   {account: "acme", metric: "seats", want: "Errored, not known"},
		"a value of a source that cannot be read":         {happens: func(b *base) { b.store.Fail(b.key(), b.source) }, account: "acme", metric: "users", want: "Errored 3 08:34 within 1w"},
		"a value of a source that is suspended":           {happens: func(b *base) { b.suspend() }, account: "acme", metric: "users", want: acme[:len(acme)-10] + " suspended within 1w"},
		"a source that was never read":                    {happens: func(b *base) { b.store.Forget(b.key()) }, account: "acme", metric: "users", want: "Errored within 1w, not known"},
		"a source that could never be read":               {happens: func(b *base) { b.store.Forget(b.key()); b.store.Fail(b.key(), b.source) }, account: "acme", metric: "users", want: "Errored within 1w, not known"},
		"a source that was suspended from the start":      {happens: func(b *base) { b.store.Forget(b.key()); b.suspend() }, account: "acme", metric: "users", want: "Errored suspended within 1w, not known"},
		"the change suspends the source":                  {change: func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = true }, account: "acme", metric: "users", want: "Fresh 3 08:34 suspended within 1w"},
		"the change has the source read again":            {happens: func(b *base) { b.suspend() }, change: func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = false }, account: "acme", metric: "users", want: acme},
		"the change lets values grow older":               {change: func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "30d" }, account: "acme", metric: "users", want: "Fresh 3 08:34 within 30d"},
		"the change gives those without a row a value":    {change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Absent = new("0") }, account: "cray", metric: "users", want: "Fresh 0 08:34 within 1w"},
		"the change takes the metric from another column": {change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Field = "seats" }, account: "acme", metric: "users", want: "Errored within 1w, not known"},
		"the change adds a metric of a column that is held": {change: func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[1] = v1alpha1.Metric{Name: "tier", Field: "plan", Type: v1alpha1.MetricText}
		}, account: "acme", metric: "tier", want: "Fresh Gold 08:34 within 1w"},
		"the change reads another query": {change: func(ds *v1alpha1.DataSource) { ds.Spec.SQL.Query = "select 1" }, account: "acme", metric: "users", want: acme},
		"a file that is at hand": {
			change: fromFile, files: configMaps("acme,9,Gold"), account: "acme", metric: "users", want: "Fresh 9 09:00 within 1w",
		},
		"a file that says what was read before": {
			change: fromFile, files: configMaps("acme,3,Gold", "bolt,much,"), account: "acme", metric: "users", want: acme,
		},
		"a file that is not at hand":   {change: fromFile, account: "acme", metric: "users", want: acme},
		"a file that cannot be read":   {change: fromFile, files: map[string]map[string]string{"usage": {"usage.txt": ""}}, account: "acme", metric: "users", want: "Errored 3 08:34 within 1w"},
		"a file of a suspended source": {change: func(ds *v1alpha1.DataSource) { fromFile(ds); ds.Spec.Suspend = true }, files: configMaps("acme,9,Gold"), account: "acme", metric: "users", want: "Fresh 3 08:34 suspended within 1w"},
		"rows that stand in the spec": {
			change: func(ds *v1alpha1.DataSource) {
				ds.Spec.SQL, ds.Spec.Fake = nil, &v1alpha1.FakeSource{Rows: []v1alpha1.FakeRow{{"org": "acme", "users": "5", "plan": "x"}}}
			}, account: "acme", metric: "users", want: "Fresh 5 09:00 within 1w",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBase(t, gold...)
			if test.happens != nil {
				test.happens(b)
			}
			s := b.take()
			ds := b.source.DeepCopy()
			if test.change == nil && test.files == nil {
				if got := says(s.World.Sources, newAccount(test.account), "usage", test.metric); got != test.want {
					t.Errorf("as it is declared: got %s, want %s", got, test.want)
				}
			} else if test.change != nil {
				test.change(ds)
			}
			if got := says(s.Sources([]*v1alpha1.DataSource{ds}, test.files), newAccount(test.account), "usage", test.metric); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func (b *base) suspend() {
	b.source.Spec.Suspend = true
	b.store.Suspend(b.key(), b.source)
}

// TestAColumnThatIsDefinedAnewIsNotKnown: a query of Prometheus and a field of an API say what a column is.
func TestAColumnThatIsDefinedAnewIsNotKnown(t *testing.T) {
	b := newBase(t)
	b.source.Spec.SQL, b.source.Spec.HTTP = nil, &v1alpha1.HTTPSource{Fields: map[string]v1alpha1.JQ{"org": ".id", "users": ".n"}}
	b.read(rows("acme,3,Gold"))
	s := b.take()
	ds := b.source.DeepCopy()
	for _, step := range []struct {
		change      func()
		users, plan string
	}{
		{func() { ds.Spec.HTTP.URL = "https://example.com/" }, "Fresh 3 08:34 within 1w", "Fresh Gold 08:34 within 1w"},
		{func() { ds.Spec.HTTP.Fields["users"] = ".active" }, "Errored within 1w, not known", "Fresh Gold 08:34 within 1w"},
		{func() { ds.Spec.HTTP.Fields["org"] = ".name" }, "Errored within 1w, not known", "Errored within 1w, not known"},
	} {
		step.change()
		sources := s.Sources([]*v1alpha1.DataSource{ds.DeepCopy()}, nil)
		if users, plan := says(sources, newAccount("acme"), "usage", "users"), says(sources, newAccount("acme"), "usage", "plan"); users != step.users || plan != step.plan {
			t.Errorf("users: %s, plan: %s; want %s, %s", users, plan, step.users, step.plan)
		}
	}
	query := func(text string) *v1alpha1.DataSource {
		ds := newSource("usage")
		ds.Spec.SQL, ds.Spec.Prometheus = nil, &v1alpha1.PrometheusSource{Queries: []v1alpha1.PrometheusQuery{{Metric: "users", Query: text}, {Metric: "plan", Query: "p"}}}
		return ds
	}
	b = newBase(t)
	b.source = query("u")
	b.world.DataSources[0] = b.source
	b.read(rows("acme,3,Gold"))
	sources := b.take().Sources([]*v1alpha1.DataSource{query("other")}, nil)
	if users, plan := says(sources, newAccount("acme"), "usage", "users"), says(sources, newAccount("acme"), "usage", "plan"); users != "Errored within 1w, not known" || plan != "Fresh Gold 08:34 within 1w" {
		t.Errorf("users: %s, plan: %s", users, plan)
	}
}

func TestRows(t *testing.T) {
	tests := map[string]struct {
		happens func(b *base)
		change  func(ds *v1alpha1.DataSource)
		want    string
	}{
		"a complete read":                       {want: "acme plan=Gold users=3; bolt [users], true"},
		"a source that cannot be read":          {happens: func(b *base) { b.store.Fail(b.key(), b.source) }, want: ", false"},
		"a source that was never read":          {happens: func(b *base) { b.store.Forget(b.key()) }, want: ", false"},
		"a read that may not be all":            {happens: func(b *base) { t := rows("acme,3,Gold"); t.Incomplete = []string{"users"}; b.read(t) }, want: ", false"},
		"a suspended source":                    {happens: func(b *base) { b.suspend() }, want: "acme plan=Gold users=3; bolt [users], true"},
		"a column that is not held stays as is": {change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[1].Field = "tier" }, want: "acme users=3 [plan]; bolt [plan users], true"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBase(t, "acme,3,Gold", "bolt,much,")
			if test.happens != nil {
				test.happens(b)
			}
			s, ds := b.take(), b.source.DeepCopy()
			if test.change != nil {
				test.change(ds)
			}
			if got := showRows(s.Sources([]*v1alpha1.DataSource{ds}, nil)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestAColumnThatAFileHasIsKnown, whether or not the operator read it.
func TestAColumnThatAFileHasIsKnown(t *testing.T) {
	s, ds := newBase(t, "acme,3,Gold").take(), newSource("usage")
	fromFile(ds)
	ds.Spec.Metrics[1].Field = "tier"
	files := map[string]map[string]string{"usage": {"usage.csv": "org,users,tier\nacme,3,Silver\n"}}
	if got := showRows(s.Sources([]*v1alpha1.DataSource{ds}, files)); got != "acme plan=Silver users=3, true" {
		t.Errorf("rows %s", got)
	}
}

func showRows(s fleet.Sources) string {
	all, complete := s.Rows("usage")
	var lines []string
	for _, row := range all {
		line := row.ID
		for _, column := range []string{"plan", "users"} {
			if v, ok := row.Values[column]; ok {
				line += " " + column + "=" + v.String()
			}
		}
		if len(row.Unreadable) > 0 {
			line += fmt.Sprintf(" %v", row.Unreadable)
		}
		lines = append(lines, line)
	}
	return fmt.Sprintf("%s, %t", strings.Join(lines, "; "), complete)
}

func TestReadTimesAndEvents(t *testing.T) {
	b := newBase(t)
	b.source.Spec.ObservedTime = &v1alpha1.TimeColumn{Field: "as_of"}
	b.read(&observe.Table{Columns: []string{"org", "users", "plan", "as_of"}, Rows: [][]observe.Cell{
		{{Text: "acme"}, {Text: "3"}, {}, {Text: "2026-11-20"}}, {{Text: "acme"}, {Text: "2"}, {}, {Text: "2026-11-19"}},
	}})
	s := b.take()
	if got := s.World.Sources.ReadTime("usage"); !got.Equal(readTime) {
		t.Errorf("read at %s", got)
	}
	if got := s.World.Sources.ReadTime("crm"); !got.IsZero() {
		t.Errorf("read at %s", got)
	}
	events := s.World.Sources.Events(newAccount("acme"), "usage")
	if !events.Known || len(events.Rows) != 2 || events.Rows[0].Values["users"].String() != "2" {
		t.Errorf("events %+v", events)
	}
	if events := s.World.Sources.Events(newAccount("acme"), "crm"); events.Known {
		t.Errorf("events %+v", events)
	}
}

// remembering gives acme a status.
func (b *base) remembering(health *v1alpha1.Health) *base {
	b.from = snapshot.Statuses
	b.world.Accounts[0].Status.Health = health
	return b
}

func TestFactsOfStatuses(t *testing.T) {
	at := metav1.NewTime(readTime)
	measure := func(from, text string, state v1alpha1.ValueState) *v1alpha1.Health {
		return &v1alpha1.Health{Measures: []v1alpha1.MeasureScore{
			{Name: "other", From: "measurement users", Value: "1", State: v1alpha1.ValueFresh}, {Name: "m", From: from, Value: text, State: state, ObservedTime: &at},
		}}
	}
	fact := func(text string, state v1alpha1.ValueState) *v1alpha1.Health {
		return &v1alpha1.Health{Facts: []v1alpha1.Fact{{Metric: "users", Value: "1"}, {Source: "usage", Metric: "users", Value: text, State: state, ObservedTime: &at}}}
	}
	const known = "Fresh 3 08:34 within 1w"
	tests := map[string]struct {
		health  *v1alpha1.Health
		change  func(ds *v1alpha1.DataSource)
		files   map[string]map[string]string
		account string
		want    string
	}{
		"a measure's value":                   {health: measure("usage.users", "3", v1alpha1.ValueFresh), want: known},
		"a fact":                              {health: fact("3", ""), want: known},
		"one that was too old: age decides":   {health: measure("usage.users", "3", v1alpha1.ValueStale), want: known},
		"one that the source has none of":     {health: measure("usage.users", "", v1alpha1.ValueMissing), want: "Missing within 1w"},
		"one that the model keeps":            {health: measure("usage.users", "3", v1alpha1.ValueMissing), want: "Missing within 1w"},
		"one of a source that is down":        {health: measure("usage.users", "3", v1alpha1.ValueErrored), want: "Errored 3 08:34 within 1w"},
		"none of a source that is down":       {health: measure("usage.users", "", v1alpha1.ValueErrored), want: "Errored within 1w, not known"},
		"one of another source":               {health: measure("old.usage.users", "3", v1alpha1.ValueFresh), want: "Errored within 1w, not known"},
		"one that nothing reads":              {health: measure("usage.plan", "Gold", v1alpha1.ValueFresh), want: "Errored within 1w, not known"},
		"an account that was never evaluated": {want: "Errored within 1w, not known"},
		"an account that is new":              {health: fact("3", ""), account: "dyn", want: "Errored within 1w, not known"},
		"what is now another type":            {health: measure("usage.users", "3", v1alpha1.ValueFresh), change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Type = v1alpha1.MetricCategory }, want: known},
		"what is not of its type now":         {health: measure("usage.users", "much", v1alpha1.ValueFresh), want: "Errored within 1w, not known"},
		"what may grow older now":             {health: fact("3", ""), change: func(ds *v1alpha1.DataSource) { ds.Spec.MaxAge = "30d" }, want: "Fresh 3 08:34 within 30d"},
		"what is added up now":                {health: fact("3", ""), change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Aggregate = v1alpha1.AggregateSum }, want: "Errored within 1w, not known"},
		"what is written out now": {health: fact("3", ""), change: func(ds *v1alpha1.DataSource) {
			ds.Spec.Metrics[0].Aggregate = v1alpha1.AggregateNewest
			ds.Spec.Metrics[0].Field = "users"
		}, want: known},
		"what has another column":       {health: fact("3", ""), change: func(ds *v1alpha1.DataSource) { ds.Spec.Metrics[0].Field = "n" }, want: "Errored within 1w, not known"},
		"what has other ids":            {health: fact("3", ""), change: func(ds *v1alpha1.DataSource) { ds.Spec.Account.ExternalID = "crm" }, want: "Errored within 1w, not known"},
		"what is suspended now":         {health: measure("usage.users", "3", v1alpha1.ValueErrored), change: func(ds *v1alpha1.DataSource) { ds.Spec.Suspend = true }, want: "Fresh 3 08:34 suspended within 1w"},
		"what a file has":               {health: fact("3", ""), change: fromFile, files: configMaps("acme,9,Gold"), want: "Fresh 9 09:00 within 1w"},
		"what a file has as it was":     {health: fact("3", ""), change: fromFile, files: configMaps("acme,3,Gold"), want: known},
		"what a file has of who is new": {health: fact("3", ""), change: fromFile, files: configMaps("dyn,3,Gold"), account: "dyn", want: "Fresh 3 09:00 within 1w"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newBase(t).remembering(test.health).take()
			ds := newSource("usage")
			if test.account == "" {
				test.account = "acme"
			}
			if test.change != nil {
				test.change(ds)
			}
			sources := s.Sources([]*v1alpha1.DataSource{ds}, test.files)
			if got := says(sources, newAccount(test.account), "usage", "users"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if rows, complete := sources.Rows("usage"); test.files == nil && (complete || len(rows) > 0) {
				t.Errorf("rows %v, complete: %t", rows, complete)
			}
		})
	}
}

func TestSourcesOfFilesAlone(t *testing.T) {
	file, database := newSource("usage"), newSource("warehouse")
	fromFile(file)
	sources := snapshot.SourcesOf([]*v1alpha1.DataSource{file, database}, configMaps("acme,9,Gold"), now)
	for source, want := range map[string]string{"usage": "Fresh 9 09:00 within 1w", "warehouse": "Errored within 1w, not known", "crm": "Errored, not known"} {
		if got := says(sources, newAccount("acme"), source, "users"); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
	if got := showRows(sources); got != "acme plan=Gold users=9, true" {
		t.Errorf("rows %s", got)
	}
}
