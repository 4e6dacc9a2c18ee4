package playbook_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// hours draws a length of time.
func hours(t *rapid.T, name string, most int) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Hour
}

// changing are triggers that watch a state, or an event that is told from the account's status, each with a length of time
// that it is about.
func changing(span v1alpha1.Duration) map[string]v1alpha1.Trigger {
	metric := v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}
	stages := []v1alpha1.LifecycleStage{"Onboarding", "Adoption"}
	return map[string]v1alpha1.Trigger{
		"a band":                       {Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"AtRisk"}, From: []v1alpha1.BandName{"Healthy"}}},
		"a score":                      {Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(50))}},
		"a drop of the score":          {ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: span}},
		"a value":                      {Value: &v1alpha1.ValueTrigger{From: metric, AtLeast: ptr(v1alpha1.Decimal("2"))}},
		"a renewal":                    {Renewal: &v1alpha1.RenewalTrigger{Within: span}},
		"a time in a stage":            {Lifecycle: &v1alpha1.LifecycleTrigger{Stages: stages, LongerThan: span}},
		"an entry into a stage":        {Lifecycle: &v1alpha1.LifecycleTrigger{Enters: stages, Within: span}},
		"silence of a metric":          {NoData: &v1alpha1.NoDataTrigger{From: metric, For: span}},
		"silence of a measurement":     {NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Measurement: "mood"}, For: span}},
		"an expression of a metric":    {Expression: "metrics.support.open_p1 >= 2"},
		"an expression of the day":     {Expression: "daysUntil(account.spec.contract.renewalDate) < 10 && health.score < 90"},
		"an expression of both":        {Expression: "metrics.support.open_p1 >= 2 || today > timestamp('2026-11-09T00:00:00Z')"},
		"an expression of the account": {Expression: "account.spec.lifecycleStage == 'Onboarding'"},
	}
}

// anyView draws what a playbook sees of an account at noon.
func anyView(t *rapid.T) playbook.View {
	zone := time.FixedZone("", 3600*rapid.IntRange(-12, 14).Draw(t, "zone"))
	stage := rapid.SampledFrom([]v1alpha1.LifecycleStage{"Onboarding", "Adoption", ""}).Draw(t, "stage")
	o := fresh(fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "value")))
	o.ObservedTime, o.MaxAge = noon.Add(-hours(t, "age", 28*24)), hours(t, "max age", 28*24)
	switch rapid.IntRange(0, 4).Draw(t, "state") {
	case 0:
		o.State = v1alpha1.ValueErrored
	case 1:
		o.State, o.Value, o.ObservedTime = v1alpha1.ValueMissing, nil, time.Time{}
	}
	h := scored(int32(rapid.IntRange(30, 90).Draw(t, "score")), "AtRisk")
	h.PreviousBand, h.Model, h.ModelGeneration = rapid.SampledFrom([]v1alpha1.BandName{"", "Healthy", "Critical"}).Draw(t, "before"), "m", 1
	for ago := 30; ago > 0; ago -= rapid.IntRange(1, 15).Draw(t, "days") {
		h.History = append(h.History, fmt.Sprintf("%s %d AtRisk m/1", noon.AddDate(0, 0, -ago).Format(time.DateOnly), rapid.IntRange(30, 90).Draw(t, "score then")))
	}
	return playbook.View{
		Account: acme(func(a *v1alpha1.Account) {
			a.Spec.LifecycleStage = stage
			a.Spec.Contract = &v1alpha1.Contract{RenewalDate: v1alpha1.Date(noon.Add(hours(t, "renewal", 60*24)).Format(time.DateOnly))}
			a.Spec.Measurements = []v1alpha1.Measurement{{Name: "mood", Value: "1", ObservedTime: stamp(noon.Add(-hours(t, "entered", 28*24)))}}
		}),
		Lifecycle: &v1alpha1.LifecycleStatus{Stage: stage, Since: stamp(noon.Add(-hours(t, "since", 28*24)))},
		Health:    h, Scored: rapid.IntRange(0, 9).Draw(t, "scored") > 0, ScorePartial: rapid.IntRange(0, 9).Draw(t, "partial") == 0,
		Facts: value.Facts{openP1: o}, Location: zone,
	}
}

// Nothing is polled: who looks again at the moment that a condition names, and at no other, misses no change of it.
func TestATriggerChangesAtTheMomentThatItNames(t *testing.T) {
	for name := range changing("1d") {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				span := v1alpha1.Duration(fmt.Sprintf("%dh", rapid.IntRange(1, 28*24).Draw(t, "span")))
				if name == "a drop of the score" {
					span = v1alpha1.Duration(fmt.Sprintf("%dd", rapid.IntRange(1, 28).Draw(t, "days")))
				}
				trigger := changing(span)[name]
				trigger.Name = "it"
				p, err := playbook.Compile(spec(triggers(trigger)))
				if err != nil {
					t.Fatal(err)
				}
				watch(t, p, anyView(t))
			})
		})
	}
}

// watch looks at a trigger at noon and at each moment that it names for the sixty days that follow, and in between.
func watch(t *rapid.T, p *playbook.Playbook, v playbook.View) {
	judge := func(now time.Time) (playbook.TriggerResult, time.Time) {
		v.Now = now
		results, next := p.Conditions(v)
		return results[0], next
	}
	end := noon.AddDate(0, 0, 60)
	for now, looks := noon, 0; now.Before(end); looks++ {
		found, next := judge(now)
		if looks > 70 || !next.IsZero() && !next.After(now) {
			t.Fatalf("at %s, after %d looks, the next is to be at %s", now, looks, next)
		}
		if found.Truth != playbook.True && !found.Since.IsZero() || found.Since.After(now) {
			t.Fatalf("at %s it is %s since %s", now, found.Truth, found.Since)
		}
		until := next
		if next.IsZero() {
			until = end
		}
		before := until.Sub(now) - time.Second
		for _, later := range []time.Duration{time.Duration(rapid.Int64Range(0, int64(max(before, 0))).Draw(t, "later")), max(before, 0)} {
			at := now.Add(later)
			if again, changes := judge(at); again.Truth != found.Truth || !changes.Equal(next) {
				t.Fatalf("at %s it is %s (%s) until %s; at %s it is %s (%s) until %s",
					now, found.Truth, found.Reason, next, at, again.Truth, again.Reason, changes)
			}
		}
		now = until
	}
}
