//go:build unix

package docs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/testing/postgres"
	"github.com/perennial-dev/perennial/internal/testing/prometheus"
	"github.com/perennial-dev/perennial/internal/value"
)

const compareHeading = "The account's own past, and its peers"

// customer is a row of the page's table of what there is.
type customer struct {
	name  string
	seats int
	weeks []int // active users: four weeks, then the last
}

// customers reads that table.
func customers(t *testing.T) []customer {
	t.Helper()
	number := func(text string) int {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var all []customer
	for _, row := range tableOf(t, section(t, compareHeading), "account", "seats", "active users in the four weeks before", "last week") {
		c := customer{name: row[0], seats: number(row[1])}
		for users := range strings.SplitSeq(row[2], ",") {
			c.weeks = append(c.weeks, number(users))
		}
		if len(c.weeks) != 4 {
			t.Fatalf("%s has %d weeks before the last, not four", c.name, len(c.weeks))
		}
		c.weeks = append(c.weeks, number(row[3]))
		all = append(all, c)
	}
	return all
}

// source returns the section's source of a provider.
func source(t *testing.T, provider string) *v1alpha1.DataSource {
	t.Helper()
	objects := objectsIn(t, section(t, compareHeading))
	for i, obj := range objects {
		spec, _ := obj.Object["spec"].(map[string]any)
		if _, ok := spec[provider]; ok {
			ds := &v1alpha1.DataSource{}
			decode(t, objects[i:i+1], "DataSource", ds)
			return ds
		}
	}
	t.Fatalf("the section has no source with %s", provider)
	return nil
}

// wantTheTable reads the source, scores every account by the model of the page, and compares the page's table.
func wantTheTable(t *testing.T, ds *v1alpha1.DataSource, deps observe.Dependencies, now time.Time) {
	t.Helper()
	text := section(t, compareHeading)
	model := compileModel(t, objectsIn(t, text))
	rows := tableOf(t, text, "account", "`usual_users`", "`seat_use`", "`seat_use_of_plan`", "own-past", "among-peers", "score")
	if len(rows) != len(customers(t)) {
		t.Fatalf("the page has %d accounts in one table, and %d in the other", len(customers(t)), len(rows))
	}
	for _, row := range rows {
		a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: row[0]}}
		facts := factsOf(t, ds, deps, now, a)[a.Name]
		shown := []string{a.Name}
		for _, metric := range []string{"usual_users", "seat_use", "seat_use_of_plan"} {
			shown = append(shown, textOf(facts[v1alpha1.MetricReference{Source: ds.Name, Metric: metric}]))
		}
		health := model.Evaluate(score.Input{Account: a, Facts: facts, Now: now}).Health
		for _, m := range health.Measures {
			if m.Score == nil {
				t.Fatalf("%s: %s has no score: %s %s", a.Name, m.Name, m.State, m.Message)
			}
			shown = append(shown, fmt.Sprintf("%s, scores %d", m.Value, *m.Score))
		}
		shown = append(shown, strconv.Itoa(int(*health.Score)))
		if got, want := strings.Join(shown, " | "), strings.Join(row, " | "); got != want {
			t.Errorf("the page says\n  %s\nit is\n  %s", want, got)
		}
	}
}

func textOf(o value.Observation) string {
	if o.Value == nil {
		return string(o.State)
	}
	return o.Value.String()
}

// keys holds the one Secret of the page.
type keys struct {
	observe.KeyReader
	ds  *v1alpha1.DataSource
	dsn string
}

func (k keys) SecretKey(_ context.Context, _, name, key string) ([]byte, map[string]string, error) {
	if ref := k.ds.Spec.SQL.DSNSecretRef; name != ref.Name || key != ref.Key {
		return nil, nil, observe.SecretNotFound("Secret %q is not there", name)
	}
	return []byte(k.dsn), map[string]string{v1alpha1.AnnotationAllowDataSource: k.ds.Name}, nil
}

func TestTheSQLOfThePageGivesItsNumbers(t *testing.T) {
	server := postgres.Start(t)
	server.Exec("create table usage_by_week (org_id text, plan text, seats int, week date, active_users int)")
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for _, c := range customers(t) {
		for i, users := range c.weeks {
			week := now.AddDate(0, 0, -1-7*(len(c.weeks)-1-i))
			server.Exec("insert into usage_by_week values ($1, 'Team', $2, $3, $4)", c.name, c.seats, week.Format(time.DateOnly), users)
		}
		// Neither what is long over nor what is to come counts.
		server.Exec("insert into usage_by_week values ($1, 'Team', $2, $3, 1000)", c.name, c.seats, now.AddDate(0, 0, -70).Format(time.DateOnly))
		server.Exec("insert into usage_by_week values ($1, 'Team', $2, $3, 1000)", c.name, c.seats, now.AddDate(0, 0, 6).Format(time.DateOnly))
	}
	// Others have another plan; one of them pays for no seats.
	server.Exec("insert into usage_by_week values ('dune', 'Enterprise', 10, '2026-11-23', 10), ('elm', 'Enterprise', 0, '2026-11-23', 10)")

	ds := source(t, observe.ProviderSQL)
	deps := observe.Dependencies{Keys: keys{ds: ds, dsn: server.DSN()}}
	wantTheTable(t, ds, deps, now)

	wantSentence(t, section(t, compareHeading), "An account in its first week has no past: `usual_users` is Missing, and so is `own-past`.")
	young := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dune"}}
	health := compileModel(t, objectsIn(t, section(t, compareHeading))).Evaluate(score.Input{
		Account: young, Facts: factsOf(t, ds, deps, now, young)["dune"], Now: now,
	}).Health
	if m := health.Measures[0]; m.State != v1alpha1.ValueMissing || m.Message != "metrics.usage.usual_users has no value" {
		t.Errorf("%s of an account without a past is %s: %s", m.Name, m.State, m.Message)
	}
}

func TestThePromQLOfThePageGivesItsNumbers(t *testing.T) {
	server := prometheus.Start(t, prometheus.Options{
		Flags:  []string{"--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=40d"},
		Config: "storage:\n  tsdb:\n    out_of_order_time_window: 50d\n",
	})
	now := time.Now().UTC().Truncate(time.Second)
	// Each series has its samples in the order of time: every twelve hours of five weeks, and now.
	const inAWeek = 14
	request := [][]byte{series("seats", "dune", "Enterprise", sample{now, 10}), series("weekly_active_users", "dune", "Enterprise", sample{now, 10})}
	for _, c := range customers(t) {
		request = append(request, series("seats", c.name, "Team", sample{now, float64(c.seats)}))
		var samples []sample
		for i := range inAWeek * len(c.weeks) {
			at := now.Add(time.Duration(i-inAWeek*len(c.weeks))*12*time.Hour + time.Hour)
			samples = append(samples, sample{at, float64(c.weeks[i/inAWeek])})
		}
		samples = append(samples, sample{now, float64(c.weeks[len(c.weeks)-1])})
		request = append(request, series("weekly_active_users", c.name, "Team", samples...))
	}
	remoteWrite(t, server.URL(), request...)

	ds := source(t, observe.ProviderPrometheus)
	ds.Spec.Prometheus.URL = v1alpha1.URL(server.URL())
	wantTheTable(t, ds, observe.Dependencies{}, now)
}
