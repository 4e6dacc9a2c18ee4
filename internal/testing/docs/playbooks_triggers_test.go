//go:build unix

package docs

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// triggerOf makes a playbook of one trigger that the page shows.
func triggerOf(t *testing.T, written string) *v1alpha1.Playbook {
	t.Helper()
	pb := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "shown"}}
	trigger := v1alpha1.Trigger{}
	strictYAML(t, written, &trigger)
	trigger.Name = "shown"
	pb.Spec.Triggers = []v1alpha1.Trigger{trigger}
	pb.Spec.Steps = []v1alpha1.PlaybookStep{{Name: "call", Title: "Call"}}
	return pb
}

// morning is when the examples of the page look.
func morning() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }

// acme is an account of which everything that the triggers of the page ask holds.
func acme() playbook.View {
	score, before, seats := int32(31), int32(55), int64(120)
	since := metav1.NewTime(morning().AddDate(0, 0, -100))
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: namespace, UID: "1", CreationTimestamp: since}}
	a.Spec = v1alpha1.AccountSpec{
		Owner: "jo@example.com", LifecycleStage: "Onboarding",
		Contract:     &v1alpha1.Contract{StartDate: "2026-02-01", RenewalDate: "2027-02-01", Seats: &seats},
		Measurements: []v1alpha1.Measurement{{Name: "sponsor", Value: "Left"}},
	}
	a.Status.Health = &v1alpha1.Health{
		Score: &score, Band: "Critical", PreviousBand: "AtRisk", LastBand: "AtRisk", Model: "standard", ModelGeneration: 1,
		PreviousScore: &before, ModelSince: &since, History: []string{"2026-11-20 55 AtRisk standard/1", "2026-11-23 31 Critical standard/1"},
	}
	four := value.Number(value.DecimalFromInt(4))
	facts := value.Facts{
		{Source: "usage", Metric: "wau"}:    {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueFresh, Value: &four, ObservedTime: morning().AddDate(0, 0, -20), MaxAge: 30 * value.Day},
		{Source: "usage", Metric: "logins"}: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing},
	}
	return playbook.View{
		Account: a, Health: a.Status.Health, Scored: true, Facts: facts, Now: morning(), Location: time.UTC,
		Lifecycle: &v1alpha1.LifecycleStatus{Stage: a.Spec.LifecycleStage, Since: &since},
	}
}

// wau gives the metric wau another state, or another value.
func wau(v *playbook.View, change func(o *value.Observation)) {
	ref := v1alpha1.MetricReference{Source: "usage", Metric: "wau"}
	o := v.Facts[ref]
	change(&o)
	v.Facts[ref] = o
}

// doubts are changes of acme after which a trigger of the page is not True any more, by the trigger as it is written.
var doubts = map[string]struct {
	// no makes it False, and unknown Unknown; nil where the page says never.
	no, unknown func(v *playbook.View)
	// yes makes acme such that it holds; nil where it is so already.
	yes func(v *playbook.View)
}{
	"band: {in: [Critical], from: [AtRisk]}": {
		no:      func(v *playbook.View) { v.Health.PreviousBand = "Healthy" },
		unknown: func(v *playbook.View) { v.Health.Band = v1alpha1.BandUnknown },
	},
	"score: {atMost: 40}": {
		no:      func(v *playbook.View) { *v.Health.Score = 41 },
		unknown: func(v *playbook.View) { v.ScorePartial = true },
	},
	"scoreDrop: {points: 15, within: 7d}": {
		no:      func(v *playbook.View) { *v.Health.PreviousScore, v.Health.History = 40, v.Health.History[1:] },
		unknown: func(v *playbook.View) { v.ScorePartial = true },
	},
	`value: {from: {source: usage, metric: wau}, atMost: "5"}`: {
		no: func(v *playbook.View) {
			wau(v, func(o *value.Observation) { six := value.Number(value.DecimalFromInt(6)); o.Value = &six })
		},
		unknown: func(v *playbook.View) { wau(v, func(o *value.Observation) { o.MaxAge = value.Day }) },
	},
	"value: {from: {measurement: sponsor}, in: [Left]}": {
		no:      func(v *playbook.View) { v.Account.Spec.Measurements[0].Value = "There" },
		unknown: func(v *playbook.View) { v.Account.Spec.Measurements = nil },
	},
	"renewal: {within: 90d}":                             {no: func(v *playbook.View) { v.Account.Spec.Contract.RenewalDate = "2027-12-01" }},
	"lifecycle: {stages: [Onboarding]}":                  {no: func(v *playbook.View) { v.Account.Spec.LifecycleStage = "Adoption" }},
	"lifecycle: {stages: [Onboarding], longerThan: 90d}": {no: func(v *playbook.View) { v.Lifecycle.Since = &metav1.Time{Time: morning()} }},
	"lifecycle: {enters: [Adoption], within: 14d}": {
		yes: func(v *playbook.View) {
			v.Account.Spec.LifecycleStage, v.Lifecycle.Stage = "Adoption", "Adoption"
			v.Lifecycle.Since = &metav1.Time{Time: morning().AddDate(0, 0, -13)}
		},
		no: func(v *playbook.View) { v.Lifecycle.Since = &metav1.Time{Time: morning().AddDate(0, 0, -14)} },
	},
	"noData: {from: {source: usage, metric: wau}, for: 14d}": {
		no: func(v *playbook.View) {
			wau(v, func(o *value.Observation) { o.ObservedTime = morning().AddDate(0, 0, -13) })
		},
		unknown: func(v *playbook.View) { wau(v, func(o *value.Observation) { o.State = v1alpha1.ValueErrored }) },
	},
	"noData: {from: {source: usage, metric: logins}, for: 14d}": {},
	`expression: "metrics.usage.wau < 0.1 * account.spec.contract.seats"`: {
		no:      func(v *playbook.View) { few := int64(40); v.Account.Spec.Contract.Seats = &few },
		unknown: func(v *playbook.View) { v.Account.Spec.Contract = nil },
	},
}

// judged returns what a trigger finds of acme after some changes, and when that may change by itself.
func judged(t *testing.T, written string, changes ...func(v *playbook.View)) (playbook.TriggerResult, time.Time) {
	t.Helper()
	v := acme()
	for _, change := range changes {
		if change != nil {
			change(&v)
		}
	}
	results, next := compiled(t, triggerOf(t, written)).Conditions(v)
	if len(results) != 1 {
		t.Fatalf("%s: %d results", written, len(results))
	}
	return results[0], next
}

func TestTriggersAreAsThePageSays(t *testing.T) {
	shown := map[string]bool{}
	for _, row := range tableOf(t, part(t, "Triggers"), "trigger", "True", "False", "Unknown", "is about", "by itself it changes") {
		written := code(t, row[0])
		kind, _, _ := strings.Cut(written, ":")
		shown[kind] = true
		if kind == "every" {
			if names := compiled(t, triggerOf(t, written)).PeriodTriggers(); len(names) != 1 || row[4] != "an event" {
				t.Errorf("%s is about %s, and has the periods %v", written, row[4], names)
			}
			continue
		}
		t.Run(written, func(t *testing.T) {
			d, ok := doubts[written]
			if !ok {
				t.Fatal("nothing here tries it")
			}
			checkTruths(t, written, row, d.yes, d.no, d.unknown)
		})
	}
	trigger := schemaOf(t, "playbooks").at(t, "spec.triggers").Items
	for field := range trigger.Properties {
		if !shown[field] && !slices.Contains([]string{"name", "for", "per", "from"}, field) {
			t.Errorf("the page does not show the trigger %s", field)
		}
	}
}

// checkTruths compares one row of the table with what the operator judges.
func checkTruths(t *testing.T, written string, row []string, yes, no, unknown func(v *playbook.View)) {
	t.Helper()
	results := map[playbook.Truth]playbook.TriggerResult{}
	var next time.Time
	note := func(want playbook.Truth, changes ...func(v *playbook.View)) {
		result, changesAt := judged(t, written, changes...)
		results[want], next = result, value.Earliest(next, changesAt)
		if result.Truth != want {
			t.Errorf("it is %s, not %s: %s", result.Truth, want, result.Reason)
		}
	}
	note(playbook.True, yes)
	note(playbook.False, yes, no)
	if (unknown == nil) != (row[3] == "never") {
		t.Errorf("the page says that it is Unknown: %s", row[3])
	}
	if unknown != nil {
		note(playbook.Unknown, yes, unknown)
	}
	if says := map[bool]string{true: "an event", false: "a state"}[results[playbook.True].Event]; says != row[4] {
		t.Errorf("the page says that it is about %s, the operator %s", row[4], says)
	}
	if next.IsZero() != (row[5] == "never") {
		t.Errorf("the page says that it changes by itself: %s; the operator: %s", row[5], next)
	}
}

func TestReasonsAreAsThePageSays(t *testing.T) {
	for _, row := range tableOf(t, part(t, "Triggers"), "trigger", "reason") {
		written := code(t, row[0])
		d, ok := doubts[written]
		if !ok {
			t.Errorf("nothing here tries %s", written)
		}
		if result, _ := judged(t, written, d.yes); result.Reason != code(t, row[1]) {
			t.Errorf("%s: the page says %s, the operator %q", written, row[1], result.Reason)
		}
	}
}
