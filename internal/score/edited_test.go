package score

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// What a model remembers of a value is of no use to a measure that takes its value from elsewhere since an edit.
func TestAnEditedMeasureDoesNotTakeTheValueOfAnother(t *testing.T) {
	edited := strings.NewReplacer("crm, metric: points", "usage, metric: logins", "best: 100", "best: 1000").Replace(single)
	t.Run("in an outage", func(t *testing.T) {
		w := newWorld(t, single)
		w.at("80")
		w.remodel(edited)
		h := w.evaluate()
		w.wantBand("Unknown")
		if m := measureOf(t, h, "points"); m.Value != "" || m.From != "usage.logins" || !w.model.Partial(h) {
			t.Errorf("the measure is %+v", m)
		}
	})
	t.Run("as the last known value", func(t *testing.T) {
		w := newWorld(t, single)
		w.at("80")
		w.remodel(strings.Replace(edited, "scale:", "whenMissing: LastKnown, scale:", 1))
		w.miss("usage", "logins")
		if m := measureOf(t, w.evaluate(), "points"); m.Value != "" || m.Score != nil {
			t.Errorf("the measure is %+v", m)
		}
	})
	t.Run("but the same measure does, whatever else was edited", func(t *testing.T) {
		w := newWorld(t, single)
		w.at("80")
		w.restart()
		w.remodel(single + "trend: {threshold: 6}\n")
		w.evaluate()
		w.wantScore(80)
	})
	t.Run("nor are the changes put on the data", func(t *testing.T) {
		w := newWorld(t, single)
		w.at("80")
		w.remodel(edited)
		w.see("usage", "logins", "30")
		if diff := cmp.Diff([]string{"model enterprise/4 -> enterprise/5: -77.0"}, w.evaluate().Changes); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARuleThatIsHeldOutlivesAnEditOfTheModel(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"while its source cannot be read": func(w *world) { w.restart() },
		"while what it reads is Missing":  func(w *world) { w.miss("desk", "p1") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, capped)
			w.see("crm", "points", "80")
			w.see("desk", "p1", "1")
			w.expire("desk", "p1", day)
			w.evaluate()
			lose(w)
			w.wait(2 * day)
			w.see("crm", "points", "80")
			before := w.evaluate()
			w.remodel(capped + "trend: {threshold: 6}\n")
			after := w.evaluate()
			if diff := cmp.Diff(before.RulesApplied, after.RulesApplied); diff != "" || len(after.RulesApplied) != 1 || !after.RulesApplied[0].Held {
				t.Errorf("the rules are %+v: %s", after.RulesApplied, diff)
			}
			w.wantScore(shownScore(before.Score))
		})
	}
}

// While weight is out because a source cannot be read, the score is that of a part: no point to compare with.
func TestAPartialScoreIsNoHistory(t *testing.T) {
	w := newWorld(t, `
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: a, dimension: all, weight: 1, from: {source: one, metric: a}, scale: {linear: {worst: 0, best: 100}}}
- {name: b, dimension: all, weight: 1, from: {source: two, metric: b}, scale: {linear: {worst: 0, best: 100}}}
`)
	w.see("one", "a", "90")
	w.see("two", "b", "10")
	w.expire("two", "b", day)
	want := w.evaluate()
	w.wantScore(50)
	w.fail("two")
	w.wait(2 * day)
	h := w.evaluate()
	w.wantScore(90)
	w.wantBand("AtRisk")
	if diff := cmp.Diff(want.History, h.History); diff != "" || h.Trend != v1alpha1.TrendStable || h.PreviousScore != nil {
		t.Errorf("trend %s, previous score %d, history %s", h.Trend, shownScore(h.PreviousScore), diff)
	}
	w.see("two", "b", "10")
	h = w.evaluate()
	if diff := cmp.Diff(want.History, h.History); diff != "" || h.Trend != v1alpha1.TrendStable || h.PreviousScore != nil {
		t.Errorf("afterwards: trend %s, previous score %d, history %s", h.Trend, shownScore(h.PreviousScore), diff)
	}
	w.fail("two")
	w.wait(2 * day)
	w.evaluate()
	w.see("two", "b", "30")
	h = w.evaluate()
	if sum := sumOfChanges(t, h); shownScore(h.PreviousScore) != 50 || *h.Score != 60 || sum != 10*milli {
		t.Errorf("from %d to %d, and the changes are %q", shownScore(h.PreviousScore), *h.Score, h.Changes)
	}
}

func TestAWordThatReadsAsANumberIsNoNumberWithoutItsSource(t *testing.T) {
	w := newWorld(t, computedModel(`{source: crm, metric: tier}`, `{expression: "value == '5' ? 100 : 0"}`))
	w.observe("crm", "tier", value.Category("5"))
	w.evaluate()
	w.wantScore(100)
	w.input.Facts = value.Facts{}
	h := w.evaluate()
	w.wantBand("Unknown")
	if !w.model.Partial(h) {
		t.Errorf("the measure is %+v", measureOf(t, h, "ratio"))
	}
}

func TestAnAccountThatComesBackIsScoredAgain(t *testing.T) {
	w := newWorld(t, single)
	w.at("80")
	w.model.uid = "the account was not scored, and its status does not name the model any more"
	w.input.Previous = &v1alpha1.Health{Band: v1alpha1.BandUnknown, LastBand: "Healthy", Model: "enterprise", ModelGeneration: 4, History: w.health.History}
	if diff := cmp.Diff([]string{"scored again, by model enterprise/4"}, w.at("70").Changes); diff != "" {
		t.Error(diff)
	}
}
