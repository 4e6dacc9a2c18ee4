package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestScoreDropTrigger(t *testing.T) {
	// remembered is a score of model m/2, with the lines of its history and the score before.
	remembered := func(score, before int32, history ...string) playbook.View {
		h := scored(score, "AtRisk")
		h.Model, h.ModelGeneration, h.History = "m", 2, history
		if before > 0 {
			h.PreviousScore = &before
		}
		return playbook.View{Scored: true, Health: h}
	}
	fell := remembered(54, 71, "2026-10-20 71 Healthy m/2", "2026-10-31 54 AtRisk m/2")
	partial := fell
	partial.ScorePartial = true
	unscored := fell
	unscored.Scored = false
	unknownBand := remembered(54, 71, fell.Health.History...)
	unknownBand.Health.Band = v1alpha1.BandUnknown
	noScore := playbook.View{Scored: true, Health: &v1alpha1.Health{Band: "AtRisk", Model: "m", ModelGeneration: 2, History: fell.Health.History}}
	read := func(score string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "health.score", Value: score}}
	}
	// The last day of a score of 71 was the 31st of October: seven days after it is over, 71 is out of the window.
	left := time.Date(2026, 11, 8, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]conditionCase{
		"holds where the score fell by more": {
			view: fell, truth: playbook.True, reason: "score fell by 17 points within 7d (to 54)", reads: read("54"), next: left,
		},
		"holds where it fell by just as much": {
			view: remembered(56, 71, "2026-10-20 71 Healthy m/2", "2026-10-31 56 AtRisk m/2"), truth: playbook.True,
			reason: "score fell by 15 points within 7d (to 56)", reads: read("56"), next: left,
		},
		"does not hold where it fell by less": {
			view: remembered(57, 71, "2026-10-20 71 Healthy m/2", "2026-10-31 57 AtRisk m/2"), truth: playbook.False,
			reason: "score fell by 14 points within 7d (to 57), not by 15", reads: read("57"), next: left,
		},
		"does not hold where it rose": {
			view: remembered(80, 50, "2026-10-20 50 AtRisk m/2", "2026-10-31 80 Healthy m/2"), truth: playbook.False,
			reason: "score did not fall within 7d (it is 80)", reads: read("80"),
		},
		"does not hold where it fell before the window": {
			view: remembered(54, 71, "2026-10-01 71 Healthy m/2", "2026-10-10 54 AtRisk m/2"), truth: playbook.False,
			reason: "score did not fall within 7d (it is 54)", reads: read("54"),
		},
		"does not hold where the model was changed": {
			view: remembered(54, 0, "2026-10-20 71 Healthy m/1", "2026-10-31 54 AtRisk m/2"), truth: playbook.False,
			reason: "score did not fall within 7d (it is 54)", reads: read("54"),
		},
		"is Unknown while no model scores the account":  {view: unscored, reason: "no model scores the account now"},
		"is Unknown where the account was never scored": {view: playbook.View{Scored: true}, reason: "the band is Unknown"},
		"is Unknown while the band is":                  {view: unknownBand, reason: "the band is Unknown"},
		"is Unknown without a score":                    {view: noScore, reason: "the score is not known"},
		"is Unknown while a source of part of it cannot be read": {
			view: partial, reason: "part of the score is out because its source cannot be read",
		},
	} {
		c.trigger = v1alpha1.Trigger{ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: "7d"}}
		c.event = true
		t.Run(name, c.run)
	}
}

func TestADropIsOverWhenItsNextChangeComes(t *testing.T) {
	h := scored(54, "AtRisk")
	h.Model, h.ModelGeneration, h.PreviousScore = "m", 2, ptr(int32(71))
	h.History = []string{"2026-10-20 71 Healthy m/2", "2026-10-31 54 AtRisk m/2"}
	p := compiled(t, spec(triggers(v1alpha1.Trigger{Name: "fell", ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: "7d"}})))
	v := playbook.View{Account: acme(), Scored: true, Health: h, Now: noon}
	_, next := p.Conditions(v)
	v.Now = next.Add(-time.Second)
	before, _ := p.Conditions(v)
	v.Now = next
	after, never := p.Conditions(v)
	if before[0].Truth != playbook.True || after[0].Truth != playbook.False || !never.IsZero() {
		t.Errorf("a second before %s, then %s, and again at %v", before[0].Truth, after[0].Truth, never)
	}
}
