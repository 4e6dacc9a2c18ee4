package explain_test

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestWhatIsSaidOfAnAccount(t *testing.T) {
	for name, c := range map[string]struct {
		account  func(a *v1alpha1.Account) // of one that is AtRisk at 50
		world    func(w *fleet.World)
		headline string
		// says is what one of the other texts begins with.
		says string
	}{
		"it fell": {
			account: func(a *v1alpha1.Account) {
				a.Status.Health.PreviousBand = "Healthy"
				a.Status.Health.History = []string{"2026-11-01 71 Healthy standard/1", "2026-11-19 50 AtRisk standard/1"}
			},
			headline: "Acme is AtRisk at 50 (was Healthy at 71 until 2026-11-19), coverage 100%",
		},
		"a person overrides it": {
			account: func(a *v1alpha1.Account) {
				a.Status.Health.Override = &v1alpha1.AppliedOverride{By: "jo", Reason: "sponsor left", Until: "2026-12-01", ComputedBand: "Healthy"}
			},
			headline: "Acme is AtRisk (set by jo) at 50, coverage 100%",
			says:     "jo set the band to AtRisk until 2026-12-01: sponsor left; by its score the account would be Healthy",
		},
		"a band waits": {
			account: func(a *v1alpha1.Account) {
				a.Status.Health.PendingBand = &v1alpha1.PendingBand{Band: "Critical", Since: *stamp(-value.Day), EffectiveTime: stamp(2 * value.Day)}
			},
			headline: "Acme is AtRisk at 50, coverage 100%",
			says:     "the score has called for Critical since 2026-11-21 12:00 (24h ago); the account becomes Critical on 2026-11-24 12:00 (in 2d), if it stays so",
		},
		"the way down and up": {
			headline: "Acme is AtRisk at 50, coverage 100%", says: "Critical at 37 or less for 24h: 13 points to lose",
		},
		"what lifts it": {
			headline: "Acme is AtRisk at 50, coverage 100%", says: "if wau were at its best (100): 100",
		},
		"no operator has looked yet": {
			account: func(a *v1alpha1.Account) { a.Status = v1alpha1.AccountStatus{} }, headline: "Acme is Unknown",
			says: "HealthScoreModel standard applies, and the operator has not scored the account yet",
		},
		"no model selects it": {
			account: func(a *v1alpha1.Account) { a.Status = v1alpha1.AccountStatus{} },
			world: func(w *fleet.World) {
				w.Models[0].Spec.AccountSelector.TouchModels = []v1alpha1.TouchModel{"TechTouch"}
			},
			headline: "Acme is Unknown", says: "no HealthScoreModel selects the account",
		},
		"the model is gone": {
			world: func(w *fleet.World) { w.Models = nil }, headline: "Acme is AtRisk at 50, coverage 100%", says: "the model is gone",
		},
		"the model is stalled": {
			world: func(w *fleet.World) {
				w.Models[0].Spec.Rules = []v1alpha1.Rule{{Name: "x", When: "scor > 1", Cap: ptr.To[int32](3)}}
			},
			headline: "Acme is AtRisk at 50, coverage 100%", says: "the model is stalled, so that the account keeps the health that it had: spec.rules[x].when",
		},
		"the model has changed": {
			world: func(w *fleet.World) { w.Models[0].Generation = 2 }, headline: "Acme is AtRisk at 50, coverage 100%",
			says: "the model has changed since (it is standard/2 now)",
		},
		"a rule is held": {
			account: func(a *v1alpha1.Account) {
				a.Status.Health.RulesApplied = []v1alpha1.AppliedRule{{Name: "p1", Effect: "cap 60", Held: true}}
			},
			headline: "Acme is AtRisk at 50, coverage 100%", says: "rule p1 cannot be evaluated now, and keeps its last effect (cap 60)",
		},
		"a source is down for long": {
			account: func(a *v1alpha1.Account) {
				m := &a.Status.Health.Measures[0]
				m.State, m.Score, m.Points, m.From = v1alpha1.ValueErrored, nil, "", "usage.wau"
			},
			headline: "Acme is AtRisk at 50, coverage 100%",
			says:     "wau is Errored (usage.wau): its source cannot be read, so that its weight is out of the score, and the band stands",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := inBand("acme", "AtRisk", 50)
			if c.account != nil {
				c.account(a)
			}
			w := world(t, rescue, a)
			if c.world != nil {
				c.world(w)
			}
			e, err := explain.Account(w, "acme", noon)
			if err != nil {
				t.Fatal(err)
			}
			texts := append([]string{e.Unscored}, e.Notes...)
			if e.Model != nil {
				texts = append(texts, e.Model.Note)
			}
			if e.Override != nil {
				texts = append(texts, e.Override.Text)
			}
			if e.Pending != nil {
				texts = append(texts, e.Pending.Text)
			}
			for _, m := range e.Moves {
				texts = append(append(texts, m.Text), m.By...)
			}
			said := c.says == ""
			for _, text := range texts {
				said = said || strings.HasPrefix(text, c.says)
			}
			if e.Headline != c.headline || !said {
				t.Errorf("%s, and not %s; %q does not say %q", e.Headline, c.headline, texts, c.says)
			}
		})
	}
}

func TestHowFarATriggerIs(t *testing.T) {
	for name, c := range map[string]struct{ trigger, says string }{
		"a worse band":               {`band: {in: [Critical]}`, "Critical at 37 or less: 13 points away"},
		"a better band":              {`band: {in: [Healthy]}`, "Healthy at 72 or more: 22 points away"},
		"the nearer of two bands":    {`band: {in: [Healthy, Critical]}`, "Healthy or Critical at 37 or less: 13 points away"},
		"a lower score":              {`score: {atMost: 45}`, "score at 45 or less: 5 points away"},
		"a higher score":             {`score: {atLeast: 51}`, "score at 51 or more: 1 point away"},
		"a drop":                     {`scoreDrop: {points: 15, within: 14d}`, "score at 41 or less, 15 below the highest within 14d: 9 points away"},
		"a lower value":              {`value: {from: {source: usage, metric: wau}, atMost: "40"}`, "usage.wau is 50, and must be at most 40: 10 away"},
		"a higher value":             {`value: {from: {source: usage, metric: wau}, atLeast: "50.5"}`, "usage.wau is 50, and must be at least 50.5: 0.5 away"},
		"what people entered":        {`value: {from: {measurement: mood}, atMost: "2"}`, "mood is 5, and must be at most 2: 3 away"},
		"a renewal":                  {`renewal: {within: 90d}`, "renewal on 2027-06-01 (in 191d): it holds from 2027-03-03 (in 100d) on"},
		"a stage for long":           {`lifecycle: {stages: [Adoption], longerThan: 22d}`, "in stage Adoption for 22d on 2026-12-04 (in 12d)"},
		"another stage":              {`lifecycle: {stages: [Onboarding]}`, ""},
		"silence of a source":        {`noData: {from: {source: usage, metric: wau}, for: 14d}`, "if nothing of usage.wau comes until 2026-12-04 (in 12d)"},
		"silence of people":          {`noData: {from: {measurement: mood}, for: 14d}`, "if nothing of mood comes until 2026-12-01 (in 9d)"},
		"a period":                   {`every: 90d`, "the next period begins on 2026-12-30 (in 37d)"},
		"a band from another":        {`band: {in: [Critical], from: [Healthy]}`, ""},
		"a band from the present":    {`band: {in: [Critical], from: [AtRisk]}`, "Critical at 37 or less: 13 points away"},
		"an expression has no scale": {`expression: "health.score < 40"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := inBand("acme", "AtRisk", 50)
			a.Status.Health.History = []string{"2026-11-12 56 AtRisk standard/1", "2026-11-19 50 AtRisk standard/1"}
			a.Spec.Measurements = []v1alpha1.Measurement{{Name: "mood", Value: "5", ObservedTime: stamp(-5 * value.Day)}}
			e, err := explain.PlaybookOn(world(t, "p: {triggers: [{name: t, "+c.trigger+"}]}", a), "p", "acme", noon)
			if err != nil {
				t.Fatal(err)
			}
			says := ""
			if e.Nearest != nil {
				says = e.Nearest.Text
			}
			if says != c.says || e.State != explain.Clear {
				t.Errorf("%s: %q, and not %q", e.State, says, c.says)
			}
		})
	}
}

func TestTheNearestComeFirstAndNoMoreThanTen(t *testing.T) {
	var all []*v1alpha1.Account
	for i := range int32(15) {
		all = append(all, inBand(string('a'+i)+"x", "AtRisk", 40+i))
	}
	e, err := explain.Playbook(world(t, rescue, all...), "rescue", noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Close) != 10 || e.Close[0].Name != "ax" || e.Close[9].Name != "jx" {
		t.Errorf("%d are close: %+v", len(e.Close), e.Close)
	}
}
