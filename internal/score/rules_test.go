package score

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestRules(t *testing.T) {
	applied := func(pairs ...string) []v1alpha1.AppliedRule {
		var rules []v1alpha1.AppliedRule
		for i := 0; i < len(pairs); i += 2 {
			rules = append(rules, v1alpha1.AppliedRule{Name: pairs[i], Effect: pairs[i+1]})
		}
		return rules
	}
	for name, test := range map[string]struct {
		rules string
		score int32
		want  []v1alpha1.AppliedRule
	}{
		"a cap lowers the score":               {"[{name: a, when: 'true', cap: 39}]", 39, applied("a", "cap 39")},
		"a cap above the score is still shown": {"[{name: a, when: 'true', cap: 90}]", 80, applied("a", "cap 90")},
		"a floor lifts the score":              {"[{name: a, when: 'true', floor: 85}]", 85, applied("a", "floor 85")},
		"set replaces the score":               {"[{name: a, when: 'true', set: 0}]", 0, applied("a", "set 0")},
		"a rule that does not hold is not shown": {
			"[{name: a, when: 'score < 80', cap: 1}]", 80, nil,
		},
		"rules work in their order": {
			"[{name: a, when: 'true', cap: 30}, {name: b, when: 'true', floor: 50}, {name: c, when: 'true', cap: 45}]", 45,
			applied("a", "cap 30", "b", "floor 50", "c", "cap 45"),
		},
		"a rule sees the score that the rules before it left": {
			"[{name: a, when: 'score == 80', cap: 60}, {name: b, when: 'score == 60', set: 7}]", 7, applied("a", "cap 60", "b", "set 7"),
		},
		"a rule reads the value and score of a measure": {
			`[{name: a, when: "measures['points'].value == 80.0 && measures['points'].score == 80", set: 1}]`, 1, applied("a", "set 1"),
		},
		"a rule reads the account": {`[{name: a, when: "account.spec.owner == 'jo@example.com'", set: 2}]`, 2, applied("a", "set 2")},
		"a rule can ask whether a metric has a value": {
			`[{name: a, when: "!has(metrics.desk.p1)", set: 3}, {name: b, when: "has(metrics.crm.points)", floor: 4}]`, 4,
			applied("a", "set 3", "b", "floor 4"),
		},
		"a rule that fails on a value that is missing does not hold": {`[{name: a, when: "metrics.desk.p1 == 0", set: 3}]`, 80, nil},
		"a rule can ask whether a measure has a value": {
			`[{name: a, when: "!has(measures['p1'].value) && !has(measures['p1'].score)", set: 5}]`, 5, applied("a", "set 5"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, single+"- {name: p1, dimension: all, weight: 1, from: {source: desk, metric: p1}, scale: {linear: {worst: 9, best: 0}}}\nrules: "+test.rules)
			w.see("crm", "points", "80")
			w.miss("desk", "p1")
			w.input.Account.Spec.Owner = "jo@example.com"
			h := w.evaluate()
			w.wantScore(test.score)
			// The points are held to the score in TestPropertyTheScoreIsInRangeAndCanBeRecomputed.
			if diff := cmp.Diff(test.want, h.RulesApplied, cmpopts.IgnoreFields(v1alpha1.AppliedRule{}, "Points")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// capped is the single model with a rule on a metric that no measure holds.
const capped = single + `
rules:
- {name: p1, when: "metrics.desk.p1 > 0", cap: 39}
`

func TestARuleThatCannotBeEvaluatedKeepsItsLastEffect(t *testing.T) {
	for name, test := range map[string]struct {
		p1     string // before
		happen func(*world)
		score  int32
		held   bool
	}{
		"held while its source cannot be read":         {"1", func(w *world) { w.fail("desk") }, 39, true},
		"held after a restart":                         {"1", func(w *world) { w.restart() }, 39, true},
		"held whatever the value is that memory has":   {"1", func(w *world) { w.see("desk", "p1", "0"); w.fail("desk") }, 39, true},
		"held while the value is stale":                {"1", func(w *world) { w.expire("desk", "p1", time.Hour); w.wait(2 * time.Hour) }, 39, true},
		"held while its expression fails":              {"1", func(w *world) { w.miss("desk", "p1") }, 39, true},
		"not begun while its source cannot be read":    {"0", func(w *world) { w.see("desk", "p1", "1"); w.fail("desk") }, 80, false},
		"not begun after a restart":                    {"0", func(w *world) { w.restart() }, 80, false},
		"not begun while the value is stale":           {"0", func(w *world) { w.expire("desk", "p1", time.Hour); w.wait(2 * time.Hour) }, 80, false},
		"ended when the source is read again":          {"1", func(w *world) { w.fail("desk"); w.evaluate(); w.see("desk", "p1", "0") }, 80, false},
		"no longer held when the source is read again": {"1", func(w *world) { w.fail("desk"); w.evaluate(); w.see("desk", "p1", "2") }, 39, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, capped)
			w.see("crm", "points", "80")
			w.see("desk", "p1", test.p1)
			w.evaluate()
			test.happen(w)
			h := w.evaluate()
			w.wantScore(test.score)
			if held := len(h.RulesApplied) == 1 && h.RulesApplied[0].Held; held != test.held {
				t.Errorf("rules applied = %v, want held: %v", h.RulesApplied, test.held)
			}
			again := w.evaluate()
			if diff := cmp.Diff(h, again); diff != "" {
				t.Errorf("evaluated again it is another: %s", diff)
			}
		})
	}
}

func TestARuleOnAMeasureIsHeldAsTheMeasureIs(t *testing.T) {
	w := newWorld(t, single+"rules: [{name: low, when: \"measures['points'].value < 50\", set: 7}]")
	w.see("crm", "points", "40")
	w.evaluate()
	w.wantScore(7)
	w.see("crm", "points", "90")
	w.fail("crm")
	h := w.evaluate()
	w.wantScore(7)
	if !h.RulesApplied[0].Held {
		t.Errorf("rules applied = %v, want one held", h.RulesApplied)
	}
}

func TestARuleThatIsNewDuringAnOutageGoesByTheLastValues(t *testing.T) {
	newRules := single + `
rules:
- {name: p1, when: "metrics.desk.p1 > 0", cap: 38}
- {name: other, when: "metrics.desk.never_seen > 0 || true", cap: 10}
- {name: absent, when: "!has(metrics.desk.never_seen)", cap: 10}
`
	w := newWorld(t, capped)
	w.see("crm", "points", "80")
	w.see("desk", "p1", "1")
	w.evaluate()
	w.restart()
	w.remodel(newRules)
	h := w.evaluate()
	w.wantScore(38)
	want := []v1alpha1.AppliedRule{{Name: "p1", Effect: "cap 38", Points: -42, Held: true}}
	if diff := cmp.Diff(want, h.RulesApplied); diff != "" {
		t.Error(diff)
	}
	if again := w.evaluate(); !cmp.Equal(want, again.RulesApplied) {
		t.Errorf("evaluated again: %v", again.RulesApplied)
	}
}

func TestARuleThatIsNewDuringAnOutageGoesByTheLastValueOfAMeasure(t *testing.T) {
	w := newWorld(t, single)
	w.see("crm", "points", "80")
	w.evaluate()
	w.restart()
	w.remodel(single + "rules: [{name: high, when: 'metrics.crm.points > 70', cap: 60}]\n")
	w.evaluate()
	w.wantScore(60)
}

func TestARuleChangesWhenItsMetricGrowsOldAlsoWhereAMeasureShowsIt(t *testing.T) {
	w := newWorld(t, `
bands: [{name: Fine, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: points, dimension: all, weight: 1, maxAge: 1h, whenMissing: Best, from: {source: crm, metric: points}, scale: {linear: {worst: 0, best: 100}}}
rules: [{name: high, when: "metrics.crm.points > 70", cap: 60}]
`)
	w.see("crm", "points", "80")
	w.expire("crm", "points", 2*time.Hour)
	w.evaluate()
	w.wantNext(begin().Add(time.Hour + time.Second))
	w.input.Now = w.next
	w.evaluate()
	w.wantNext(begin().Add(2*time.Hour + time.Second))
	w.input.Now = w.next
	if h := w.evaluate(); !h.RulesApplied[0].Held {
		t.Errorf("rules applied = %v, want one held", h.RulesApplied)
	}
}

func TestARuleThatIsNewDoesNotGoByStaleValues(t *testing.T) {
	w := newWorld(t, capped)
	w.see("crm", "points", "80")
	w.see("desk", "p1", "1")
	w.expire("desk", "p1", time.Hour)
	w.wait(2 * time.Hour)
	w.evaluate()
	w.wantScore(80)
	w.fail("desk")
	w.input.Previous = nil
	w.evaluate()
	w.wantScore(80)
}

func TestRulesAreNotForgottenWhileThereIsNoScore(t *testing.T) {
	w := newWorld(t, capped+"- {name: high, when: 'score > 10', cap: 70}\n- {name: low, when: 'score < 10', cap: 5}\n")
	w.see("crm", "points", "80")
	w.see("desk", "p1", "1")
	w.evaluate()
	w.miss("crm", "points")
	w.fail("desk")
	h := w.evaluate()
	w.wantScore(-1)
	want := []v1alpha1.AppliedRule{{Name: "p1", Effect: "cap 39", Held: true}, {Name: "high", Effect: "cap 70", Held: true}}
	if diff := cmp.Diff(want, h.RulesApplied); diff != "" {
		t.Error(diff)
	}
	w.see("crm", "points", "80")
	w.evaluate()
	w.wantScore(39)
}

func TestARuleOnTheDayChangesAtMidnightInItsTimeZone(t *testing.T) {
	zone := time.FixedZone("test", 5*60*60)
	w := newWorld(t, single+"rules: [{name: renewal, when: \"daysUntil(account.spec.contract.renewalDate) <= 30\", cap: 60}]\n")
	w.input.Location = zone
	w.input.Account.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2026-12-02"}
	w.see("crm", "points", "80")
	w.evaluate()
	w.wantScore(80)
	midnight := time.Date(2026, 11, 2, 0, 0, 0, 0, zone)
	w.wantNext(midnight)
	w.input.Now = midnight.Add(-time.Second)
	w.evaluate()
	w.wantScore(80)
	w.input.Now = midnight
	w.evaluate()
	w.wantScore(60)
	w.wantNext(midnight.AddDate(0, 0, 1))
	w.input.Location = nil
	w.evaluate()
	w.wantNext(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
}

func TestFactsHoldWhatRulesAndTriggersReadAndNoMeasureShows(t *testing.T) {
	w := newWorld(t, capped)
	w.see("crm", "points", "80")
	w.see("desk", "p1", "1")
	w.expire("desk", "p1", 2*time.Hour)
	w.observe("desk", "mood", value.Category("Angry"))
	w.observe("desk", "summary", value.Value{Type: v1alpha1.MetricText, Text: "a long story"})
	w.expire("desk", "mood", time.Hour)
	w.miss("desk", "nps")
	w.input.Extra = []v1alpha1.MetricReference{
		ref("usage", "wau"), ref("desk", "nps"), ref("crm", "points"), ref("desk", "mood"), ref("desk", "summary"), ref("desk", "p1"), ref("desk", "mood"),
	}
	at := new(slab).time(begin())
	h := w.evaluate()
	if diff := cmp.Diff([]v1alpha1.Fact{
		{Source: "desk", Metric: "mood", Value: "Angry", ObservedTime: at},
		{Source: "desk", Metric: "nps", State: v1alpha1.ValueMissing},
		{Source: "desk", Metric: "p1", Value: "1", ObservedTime: at},
		{Source: "usage", Metric: "wau", State: v1alpha1.ValueErrored},
	}, h.Facts); diff != "" {
		t.Error(diff)
	}
	w.wantNext(begin().Add(time.Hour + time.Second))

	w.input.Now = w.next
	if f := w.evaluate().Facts[0]; f.State != v1alpha1.ValueStale || f.Value != "Angry" {
		t.Errorf("after its maxAge: %v", f)
	}
	w.wantNext(begin().Add(2*time.Hour + time.Second))
	w.input.Now = w.next
	w.evaluate()
	w.wantNext(time.Time{})

	w.restart()
	h = w.evaluate()
	if diff := cmp.Diff([]v1alpha1.Fact{
		{Source: "desk", Metric: "mood", Value: "Angry", State: v1alpha1.ValueErrored, ObservedTime: at},
		{Source: "desk", Metric: "nps", State: v1alpha1.ValueMissing},
		{Source: "desk", Metric: "p1", Value: "1", State: v1alpha1.ValueErrored, ObservedTime: at},
		{Source: "usage", Metric: "wau", State: v1alpha1.ValueErrored},
	}, h.Facts); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
}

func TestAStatusHoldsAtMost64FactsTheModelsOwnFirst(t *testing.T) {
	w := newWorld(t, single+`rules: [{name: z, when: "metrics.zoo.z > 0", cap: 1}]`)
	w.see("crm", "points", "80")
	w.see("zoo", "z", "0")
	for i := range 100 {
		w.input.Extra = append(w.input.Extra, ref("extra", fmt.Sprintf("m%d", i)))
	}
	h := w.evaluate()
	if len(h.Facts) != 64 || h.Facts[63].Source != "zoo" {
		t.Errorf("%d facts, the last of %s", len(h.Facts), h.Facts[len(h.Facts)-1].Source)
	}
}
