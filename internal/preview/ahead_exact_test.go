package preview_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// How far one looks ahead says nothing of when something happens: a band that the model holds back for an hour moves after
// an hour, also where somebody looks a quarter ahead.
func TestLookingFurtherAheadMovesNothingLater(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) { m.Spec.Bands[1].Min = 55 })
	day, quarter := foretell(t, w, h, 24*time.Hour), foretell(t, w, h, 90*24*time.Hour)
	at := map[string]time.Time{}
	for _, m := range day.Moves {
		if m.At != nil {
			at[m.Name] = *m.At
		}
	}
	if len(at) == 0 {
		t.Fatal("nothing is held back")
	}
	for _, m := range quarter.Moves {
		if was, ok := at[m.Name]; ok && m.At != nil && m.At.Sub(was).Abs() > 30*time.Minute {
			t.Errorf("%s moves at %s looking a day ahead, and at %s looking 90 days ahead", m.Name, was.Format(time.DateTime), m.At.Format(time.DateTime))
		}
	}
	starts := map[string]time.Time{}
	for _, r := range day.Runs {
		if r.Action == "Started" && r.At != nil {
			starts[r.Run] = *r.At
		}
	}
	for _, r := range quarter.Runs {
		if was, ok := starts[r.Run]; ok && r.At != nil && r.At.Sub(was).Abs() > 30*time.Minute {
			t.Errorf("%s starts at %s looking a day ahead, and at %s looking 90 days ahead", r.Run, was.Format(time.DateTime), r.At.Format(time.DateTime))
		}
	}
}
