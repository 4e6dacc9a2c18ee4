package score

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// calm is the single model with a margin and a hold.
const calm = single + "bandChange: {margin: 2, hold: 1h}\n"

// overridden puts an override on the account until the 3rd of November.
func (w *world) overridden(band v1alpha1.BandName) {
	w.input.Account.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: band, Reason: "sponsor left", By: "jo@example.com", Until: "2026-11-03"}
}

func TestAnOverrideSetsTheBandUntilItsLastDayIsOver(t *testing.T) {
	w := newWorld(t, calm)
	w.at("80")
	w.wait(time.Hour)
	w.overridden("Critical")
	h := w.at("80")
	w.wantBand("Critical")
	w.wantScore(80)
	want := &v1alpha1.AppliedOverride{By: "jo@example.com", Reason: "sponsor left", Until: "2026-11-03", ComputedBand: "Healthy"}
	if diff := cmp.Diff(want, h.Override); diff != "" || h.LastBand != "Healthy" || !h.BandSince.Time.Equal(begin().Add(time.Hour)) {
		t.Errorf("last band %s, since %s, override %s", h.LastBand, h.BandSince, diff)
	}
	end := time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)
	w.wantNext(end)
	w.input.Now = end.Add(-time.Second)
	w.at("80")
	w.wantBand("Critical")
	w.input.Now = end
	h = w.at("80")
	w.wantBand("Healthy")
	if h.Override != nil || h.LastBand != "Critical" || !h.BandSince.Time.Equal(end) {
		t.Errorf("afterwards: %+v", h)
	}
	w.wantNext(time.Time{})
}

func TestAnOverrideEndsInTheTimeZone(t *testing.T) {
	w := newWorld(t, calm)
	w.input.Location = time.FixedZone("east", 9*3600)
	w.overridden("Critical")
	w.at("80")
	w.wantNext(time.Date(2026, 11, 3, 15, 0, 0, 0, time.UTC))
}

func TestAnOverrideHoldsOnADayThatHasNoMidnight(t *testing.T) {
	santiago, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, calm)
	w.input.Location = santiago
	w.overridden("Critical")
	w.input.Account.Spec.HealthOverride.Until = "2026-09-06"
	// The clocks are put forward as the day begins: its first moment is 1 o'clock.
	for local, next := range map[string]string{"2026-09-05T23:30:00-04:00": "2026-09-07T00:00:00-03:00", "2026-09-06T12:00:00-03:00": "2026-09-07T00:00:00-03:00"} {
		if w.input.Now, err = time.Parse(time.RFC3339, local); err != nil {
			t.Fatal(err)
		}
		w.at("80")
		w.wantBand("Critical")
		if got := w.next.In(santiago).Format(time.RFC3339); got != next {
			t.Errorf("at %s it changes at %s, want %s", local, got, next)
		}
	}
}

func TestMarginAndHoldGoOnUnderAnOverride(t *testing.T) {
	w := newWorld(t, calm)
	w.at("80")
	w.overridden("Critical")
	h := w.at("50")
	w.wantBand("Critical")
	if p := h.PendingBand; p == nil || p.Band != "AtRisk" || !p.EffectiveTime.Time.Equal(begin().Add(time.Hour)) || h.Override.ComputedBand != "Healthy" {
		t.Errorf("pending %+v, computed %s", p, h.Override.ComputedBand)
	}
	w.wantNext(begin().Add(time.Hour))
	w.input.Now = w.next
	if h = w.at("50"); h.Override.ComputedBand != "AtRisk" || h.PendingBand != nil {
		t.Errorf("pending %+v, computed %s", h.PendingBand, h.Override.ComputedBand)
	}
	// 71 is within the margin of AtRisk, so the score does not call for Healthy.
	w.at("71")
	w.input.Account.Spec.HealthOverride = nil
	w.at("71")
	w.wantBand("AtRisk")
}

func TestAnOverrideHoldsWhereTheScoreIsNotKnown(t *testing.T) {
	w := newWorld(t, calm)
	w.at("80")
	w.overridden("Critical")
	w.at("80")
	h := w.at("")
	w.wantBand("Critical")
	w.wantScore(-1)
	if o := h.Override; o.ComputedBand != "Unknown" || o.ComputedLastBand != "Healthy" {
		t.Errorf("override %+v", o)
	}
	w.input.Account.Spec.HealthOverride = nil
	h = w.at("")
	w.wantBand("Unknown")
	if h.LastBand != "Healthy" {
		t.Errorf("last band %s", h.LastBand)
	}
	// Out of Unknown the band is compared with what the score last called for, not with what a person had set.
	w.at("69")
	w.wantBand("Healthy")
}

func TestAnOverrideOfABandThatTheModelDoesNotHaveHasNoEffect(t *testing.T) {
	w := newWorld(t, calm)
	w.overridden("Red")
	h := w.at("80")
	w.wantBand("Healthy")
	if h.Override != nil {
		t.Errorf("override %+v", h.Override)
	}
	for until, want := range map[v1alpha1.Date]OverrideState{"2026-11-03": OverrideUnknownBand, "2026-10-31": OverrideExpired} {
		w.input.Account.Spec.HealthOverride.Until = until
		if got := w.model.Override(w.input.Account, w.input.Now, nil); got != want {
			t.Errorf("until %s the state is %d, want %d", until, got, want)
		}
	}
	w.overridden("AtRisk")
	if got := w.model.Override(w.input.Account, w.input.Now, nil); got != OverrideHolds {
		t.Errorf("the state is %d", got)
	}
	if diff := cmp.Diff([]v1alpha1.BandName{"Healthy", "AtRisk", "Critical"}, w.model.Bands()); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryMarksWhatAPersonHadSet(t *testing.T) {
	w := newWorld(t, calm)
	w.at("80")
	w.wait(day)
	w.overridden("Critical")
	h := w.at("60")
	want := []string{"2026-11-01 80 Healthy enterprise/4", "2026-11-02 60 Critical(override) enterprise/4"}
	if diff := cmp.Diff(want, h.History); diff != "" || h.Trend != v1alpha1.TrendDeclining {
		t.Errorf("trend %s, %s", h.Trend, diff)
	}
}

func TestAnImmediateRuleUnderAnOverrideWaitsForItsEnd(t *testing.T) {
	w := newWorld(t, calm+"rules: [{name: p1, when: 'metrics.desk.p1 > 0', cap: 30, timing: Immediate}]\n")
	w.see("desk", "p1", "0")
	w.at("80")
	w.overridden("Healthy")
	w.see("desk", "p1", "1")
	if h := w.at("80"); h.Band != "Healthy" || h.Override.ComputedBand != "Critical" {
		t.Errorf("band %s, computed %s", h.Band, h.Override.ComputedBand)
	}
	w.input.Account.Spec.HealthOverride = nil
	w.at("80")
	w.wantBand("Critical")
}
