package playbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestExpressionTrigger(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	wau := v1alpha1.MetricReference{Source: "product-usage", Metric: "wau"}
	health := func(changes ...func(*v1alpha1.Health)) playbook.View {
		h := scored(55, "AtRisk")
		h.Measures = []v1alpha1.MeasureScore{
			{Name: "dau-mau", State: v1alpha1.ValueFresh, Value: "0.18", Score: ptr(int32(37))},
			{Name: "sentiment", State: v1alpha1.ValueStale, Value: "Good", Score: ptr(int32(100))},
		}
		for _, change := range changes {
			change(h)
		}
		return playbook.View{Scored: true, Health: h, Account: acme(func(a *v1alpha1.Account) {
			a.Spec.Contract = &v1alpha1.Contract{ARR: ptr(int64(120000)), RenewalDate: "2026-12-01"}
		})}
	}
	with := func(v playbook.View, change func(*playbook.View)) playbook.View {
		change(&v)
		return v
	}
	facts := func(p1 value.Observation, changes ...func(*value.Observation)) playbook.View {
		for _, change := range changes {
			change(&p1)
		}
		return playbook.View{Facts: value.Facts{openP1: p1, wau: fresh("7")}}
	}
	read := func(namesAndValues ...string) (reads []v1alpha1.NamedValue) {
		for i := 0; i < len(namesAndValues); i += 2 {
			reads = append(reads, v1alpha1.NamedValue{Name: namesAndValues[i], Value: namesAndValues[i+1]})
		}
		return reads
	}
	const p1, low, weekly = "metrics.support.open_p1 > 2", "health.score < 60 && account.spec.contract.arr > 50000", "metrics.support.open_p1 > metrics['product-usage'].wau"
	partial := with(health(), func(v *playbook.View) { v.ScorePartial = true })
	unscored := with(health(), func(v *playbook.View) { v.Scored = false })
	unknownBand := health(func(h *v1alpha1.Health) { h.Band, h.Score = v1alpha1.BandUnknown, nil })
	for name, c := range map[string]struct {
		expression v1alpha1.Expression
		conditionCase
	}{
		"holds of a metric": {p1, conditionCase{
			view: facts(fresh("3")), truth: playbook.True,
			reason: "expression holds: metrics.support.open_p1 > 2 (metrics.support.open_p1 3)", reads: read("metrics.support.open_p1", "3"),
		}},
		"does not hold of another value": {p1, conditionCase{
			view: facts(fresh("2")), truth: playbook.False,
			reason: "expression does not hold: metrics.support.open_p1 > 2 (metrics.support.open_p1 2)", reads: read("metrics.support.open_p1", "2"),
		}},
		"compares two metrics": {weekly, conditionCase{
			view: facts(fresh("8")), truth: playbook.True,
			reason: "expression holds: metrics.support.open_p1 > metrics['product-usage'].wau (metrics['product-usage'].wau 7, metrics.support.open_p1 8)",
			reads:  read("metrics['product-usage'].wau", "7", "metrics.support.open_p1", "8"),
		}},
		"holds of health and the account": {low, conditionCase{
			view: health(), truth: playbook.True,
			reason: "expression holds: " + low + " (health.band AtRisk, health.score 55)", reads: read("health.band", "AtRisk", "health.score", "55"),
		}},
		"reads a band alone while part of the score is out": {"health.band == 'AtRisk'", conditionCase{
			view: partial, truth: playbook.True, reason: "expression holds: health.band == 'AtRisk' (health.band AtRisk)", reads: read("health.band", "AtRisk"),
		}},
		"reads measures": {"measures['dau-mau'].score < 40 && measures['dau-mau'].value < 1", conditionCase{
			view: health(), truth: playbook.True,
			reason: "expression holds: measures['dau-mau'].score < 40 && measures['dau-mau'].value < 1 (measures['dau-mau'].value 0.18, measures['dau-mau'].score 37)",
			reads:  read("measures['dau-mau'].value", "0.18", "measures['dau-mau'].score", "37"),
		}},
		"needs no model for an account alone": {"account.spec.owner == 'jo@example.com'", conditionCase{
			truth: playbook.True, reason: "expression holds: account.spec.owner == 'jo@example.com'",
		}},
		"is written in one line": {"account.spec.owner ==\n  'jo@example.com'", conditionCase{
			truth: playbook.True, reason: "expression holds: account.spec.owner == 'jo@example.com'",
		}},
		"changes when its metric grows old": {p1, conditionCase{
			view: facts(fresh("3"), func(o *value.Observation) { o.MaxAge = time.Hour }), truth: playbook.True, next: noon.Add(time.Hour + time.Second),
			reason: "expression holds: metrics.support.open_p1 > 2 (metrics.support.open_p1 3)", reads: read("metrics.support.open_p1", "3"),
		}},
		"changes at the next midnight where it reads the day": {"daysUntil(account.spec.contract.renewalDate) < 30", conditionCase{
			view: health(), truth: playbook.True, next: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
			reason: "expression holds: daysUntil(account.spec.contract.renewalDate) < 30",
		}},
		"changes at midnight in the time zone": {"daysUntil(account.spec.contract.renewalDate) < 29", conditionCase{
			view: with(health(), func(v *playbook.View) { v.Location = berlin }), truth: playbook.False, next: time.Date(2026, 11, 2, 23, 0, 0, 0, time.UTC),
			reason: "expression does not hold: daysUntil(account.spec.contract.renewalDate) < 29",
		}},
		"changes at the first of several moments": {"metrics.support.open_p1 > 2 && today > timestamp('2026-01-01T00:00:00Z')", conditionCase{
			view: facts(fresh("3"), func(o *value.Observation) { o.MaxAge = 24 * time.Hour }), truth: playbook.True, next: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
			reason: "expression holds: metrics.support.open_p1 > 2 && today > timestamp('2026-01-01T00:00:00Z') (metrics.support.open_p1 3)", reads: read("metrics.support.open_p1", "3"),
		}},
		"is Unknown once a metric is Stale": {p1, conditionCase{
			view:   facts(fresh("3"), func(o *value.Observation) { o.MaxAge, o.ObservedTime = time.Hour, noon.Add(-2*time.Hour) }),
			reason: "metrics.support.open_p1 is Stale",
		}},
		"is Unknown where a metric is Missing, also if it only asks for that": {"!has(metrics.support.open_p1)", conditionCase{
			view: facts(value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}), reason: "metrics.support.open_p1 is Missing",
		}},
		"is Unknown while a source cannot be read, whatever is remembered": {p1, conditionCase{
			view: facts(fresh("3"), func(o *value.Observation) { o.State = v1alpha1.ValueErrored }), reason: "metrics.support.open_p1 is Errored",
		}},
		"is Unknown although what is known would do": {"metrics['product-usage'].wau == 7 || " + p1, conditionCase{
			view: facts(fresh("3"), func(o *value.Observation) { o.State = v1alpha1.ValueErrored }), reason: "metrics.support.open_p1 is Errored",
		}},
		"is Unknown where nobody read a metric":                          {p1, conditionCase{reason: "metrics.support.open_p1 was not read"}},
		"is Unknown of health while no model scores the account":         {"health.band == 'AtRisk'", conditionCase{view: unscored, reason: "no model scores the account now"}},
		"is Unknown of health while the band is":                         {"health.band == 'Unknown'", conditionCase{view: unknownBand, reason: "the band is Unknown"}},
		"is Unknown of the score while part of it is out":                {low, conditionCase{view: partial, reason: "part of the score is out because its source cannot be read"}},
		"is Unknown of the trend while part of the score is out":         {"health.trend == 'Declining'", conditionCase{view: partial, reason: "part of the score is out because its source cannot be read"}},
		"is Unknown of a measure while no model scores the account":      {"measures['dau-mau'].score < 40", conditionCase{view: unscored, reason: "no model scores the account now"}},
		"is Unknown of a measure that is not Fresh":                      {"measures.sentiment.score > 40", conditionCase{view: health(), reason: "measures['sentiment'] is Stale"}},
		"is Unknown of a measure that the account's model does not have": {"measures.nps.score > 40", conditionCase{view: health(), reason: "the account's model has no measure nps"}},
		"is Unknown where it cannot be evaluated": {"account.spec.contract.seats > 10", conditionCase{
			view: health(), reason: "expression cannot be judged: account.spec.contract.seats > 10: account.spec.contract.seats has no value",
		}},
		"is Unknown where it cannot be evaluated today, and may be tomorrow": {"account.spec.contract.seats / daysUntil('2026-11-02') > 10", conditionCase{
			view: health(), next: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
			reason: "expression cannot be judged: account.spec.contract.seats / daysUntil('2026-11-02') > 10: account.spec.contract.seats has no value",
		}},
	} {
		c.trigger = v1alpha1.Trigger{Expression: c.expression}
		t.Run(name, c.run)
	}
}

func TestTheReasonOfALongExpressionIsShort(t *testing.T) {
	long := "account.spec.owner != '" + strings.Repeat("x", 300) + "' && metrics.crm.note != ''"
	note := value.Value{Type: v1alpha1.MetricText, Text: strings.Repeat("é", 300)}
	v := playbook.View{Account: acme(), Now: noon, Facts: value.Facts{
		{Source: "crm", Metric: "note"}: {Type: v1alpha1.MetricText, Value: &note, State: v1alpha1.ValueFresh},
	}}
	results, _ := compiled(t, spec(triggers(v1alpha1.Trigger{Name: "it", Expression: v1alpha1.Expression(long)}))).Conditions(v)
	want := "expression holds: account.spec.owner != '" + strings.Repeat("x", 134) + "... (metrics.crm.note " + strings.Repeat("é", 37) + "...)"
	same(t, "reason", want, results[0].Reason)
}
