package score

import (
	"testing"

	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// group is a model whose score is that of the children.
func group(mode string) string {
	return `
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
dimensions: [{name: all, weight: 1}]
measures:
- {name: subsidiaries, dimension: all, weight: 1, from: {children: ` + mode + `}}
`
}

func child(name string, score int32, arr int64) Child {
	return Child{Name: name, Score: ptr.To(score), ARR: arr}
}

func TestAGroupIsScoredByItsChildren(t *testing.T) {
	unscored := Child{Name: "new", ARR: 900}
	for name, test := range map[string]struct {
		mode     string
		children []Child
		score    int32
		value    string
		message  string
	}{
		"by their average":                         {"Average", []Child{child("a", 80, 1), child("b", 51, 999), child("c", 60, 0)}, 64, "63.667", ""},
		"by the worst of them":                     {"Worst", []Child{child("a", 80, 1), child("b", 51, 999), child("c", 60, 0)}, 51, "51", ""},
		"by their average weighted by ARR":         {"ARRWeighted", []Child{child("a", 80, 100), child("b", 40, 300)}, 50, "50", ""},
		"by large ARR":                             {"ARRWeighted", []Child{child("a", 100, 1e12), child("b", 100, 1e12), child("c", 99, 1e12)}, 100, "99.667", ""},
		"without those that have no score":         {"Average", []Child{child("a", 80, 1), unscored}, 80, "80", ""},
		"by ARR without those that have none":      {"ARRWeighted", []Child{child("a", 80, 10), child("b", 10, 0)}, 80, "80", ""},
		"a half is rounded up":                     {"Average", []Child{child("a", 80, 1), child("b", 81, 1)}, 81, "80.5", ""},
		"not where there are none":                 {"Average", nil, -1, "", "no account below this one has a score"},
		"not where none has a score":               {"Worst", []Child{unscored}, -1, "", "no account below this one has a score"},
		"not by ARR where none of them has an ARR": {"ARRWeighted", []Child{child("a", 80, 0), unscored}, -1, "", "no account below this one that has a score has an ARR"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, group(test.mode))
			w.input.Children = test.children
			m := measureOf(t, w.evaluate(), "subsidiaries")
			w.wantScore(test.score)
			if m.Value != test.value || m.Message != test.message || (m.State == v1alpha1.ValueFresh) != (test.score >= 0) {
				t.Errorf("the measure is %+v", m)
			}
		})
	}
}

func TestAGroupKeepsItsScoreWhileAChildIsPartial(t *testing.T) {
	w := newWorld(t, group("Average"))
	w.input.Children = []Child{child("a", 80, 1), child("b", 60, 1)}
	w.evaluate()
	w.wantScore(70)
	partial := child("b", 10, 1)
	partial.Partial = true
	w.input.Children[1] = partial
	for range 2 {
		h := w.evaluate()
		w.wantScore(70)
		if m := measureOf(t, h, "subsidiaries"); m.State != v1alpha1.ValueErrored || m.Value != "70" {
			t.Errorf("the measure is %+v", m)
		}
	}
	w.input.Children[1] = child("b", 40, 1)
	w.evaluate()
	w.wantScore(60)
}

func TestAGroupThatWasNeverScoredTakesWhatThereIs(t *testing.T) {
	w := newWorld(t, group("Worst"))
	partial := child("a", 30, 1)
	partial.Partial = true
	w.input.Children = []Child{partial}
	w.evaluate()
	w.wantScore(30)
}

func TestAGroupKeepsItsScoreWhileAChildHasNoneBecauseOfAnOutage(t *testing.T) {
	lost := Child{Name: "a", ARR: 1, Partial: true}
	for _, mode := range []string{"Average", "Worst"} {
		w := newWorld(t, group(mode))
		w.input.Children = []Child{child("a", 20, 1), child("b", 90, 1)}
		want := w.evaluate()
		for _, children := range [][]Child{{lost, child("b", 90, 1)}, {lost, lost}} {
			w.input.Children = children
			h := w.evaluate()
			if shownScore(h.Score) != shownScore(want.Score) || h.Band != want.Band {
				t.Errorf("%s: score %d, band %s, want %d, %s", mode, shownScore(h.Score), h.Band, shownScore(want.Score), want.Band)
			}
		}
	}
	w := newWorld(t, group("Worst"))
	w.input.Children = []Child{lost}
	h := w.evaluate()
	if w.wantBand("Unknown"); !w.model.Partial(h) {
		t.Errorf("never scored, it is %+v", h)
	}
}
