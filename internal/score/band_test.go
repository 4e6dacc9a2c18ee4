package score

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// bandStep is one moment of a story of bands.
type bandStep struct {
	after   time.Duration
	score   string // empty: not known
	band    v1alpha1.BandName
	pending v1alpha1.BandName
	next    time.Duration // from now; 0: never
}

func TestBands(t *testing.T) {
	for name, test := range map[string]struct {
		change string
		steps  []bandStep
	}{
		"the first band is at once": {"{margin: 5, hold: 1h}", []bandStep{
			{score: "70", band: "Healthy"},
		}},
		"the lower bound belongs to the band": {"{}", []bandStep{
			{score: "40", band: "AtRisk"},
			{score: "39", band: "Critical"},
			{score: "70", band: "Healthy"},
			{score: "69", band: "AtRisk"},
		}},
		"a score within the margin below the boundary stays": {"{margin: 2}", []bandStep{
			{score: "70", band: "Healthy"},
			{score: "68", band: "Healthy"},
			{score: "67", band: "AtRisk"},
		}},
		"a score within the margin above the boundary stays": {"{margin: 2}", []bandStep{
			{score: "60", band: "AtRisk"},
			{score: "71", band: "AtRisk"},
			{score: "72", band: "Healthy"},
		}},
		"a score may pass several bands": {"{margin: 2}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "0", band: "Critical"},
			{score: "100", band: "Healthy"},
		}},
		"the margin decides how far down, too": {"{margin: 2}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "39", band: "AtRisk"},
		}},
		"another band waits for its hold and then takes effect": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
			{after: 59 * time.Minute, score: "55", band: "Healthy", pending: "AtRisk", next: time.Minute},
			{after: time.Minute, score: "55", band: "AtRisk"},
		}},
		"a score that comes back forgets what waited": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
			{after: 30 * time.Minute, score: "80", band: "Healthy"},
			{after: 31 * time.Minute, score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
		}},
		"a score that falls on enters the nearer band first": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
			{after: 30 * time.Minute, score: "10", band: "Healthy", pending: "AtRisk", next: 30 * time.Minute},
			{after: 30 * time.Minute, score: "10", band: "AtRisk", pending: "Critical", next: time.Hour},
			{after: time.Hour, score: "10", band: "Critical"},
		}},
		"a score to and fro between two worse bands enters the nearer one": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "38", band: "Healthy", pending: "Critical", next: time.Hour},
			{after: 30 * time.Minute, score: "42", band: "Healthy", pending: "AtRisk", next: 30 * time.Minute},
			{after: 20 * time.Minute, score: "38", band: "Healthy", pending: "AtRisk", next: 10 * time.Minute},
			{after: 10 * time.Minute, score: "42", band: "AtRisk"},
		}},
		"a score to and fro between two better bands enters the nearer one": {"{hold: 1h}", []bandStep{
			{score: "10", band: "Critical"},
			{score: "80", band: "Critical", pending: "Healthy", next: time.Hour},
			{after: 30 * time.Minute, score: "60", band: "Critical", pending: "AtRisk", next: 30 * time.Minute},
			{after: 29 * time.Minute, score: "80", band: "Critical", pending: "AtRisk", next: time.Minute},
			{after: time.Minute, score: "80", band: "AtRisk", pending: "Healthy", next: time.Hour},
		}},
		"a score that swings to the other side begins anew": {"{hold: 1h}", []bandStep{
			{score: "50", band: "AtRisk"},
			{score: "10", band: "AtRisk", pending: "Critical", next: time.Hour},
			{after: 30 * time.Minute, score: "90", band: "AtRisk", pending: "Healthy", next: time.Hour},
		}},
		"Unknown is at once and forgets what waited": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
			{after: time.Minute, band: "Unknown"},
		}},
		"out of Unknown the last band returns at once": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{band: "Unknown"},
			{score: "75", band: "Healthy"},
		}},
		"out of Unknown the margin is to the last band": {"{margin: 5}", []bandStep{
			{score: "90", band: "Healthy"},
			{band: "Unknown"},
			{score: "66", band: "Healthy"},
		}},
		"out of Unknown another band waits, and the last one stands meanwhile": {"{hold: 1h}", []bandStep{
			{score: "90", band: "Healthy"},
			{band: "Unknown"},
			{score: "50", band: "Healthy", pending: "AtRisk", next: time.Hour},
			{after: time.Hour, score: "50", band: "AtRisk"},
		}},
		"an account that begins in Unknown has a first band afterwards": {"{hold: 1h}", []bandStep{
			{band: "Unknown"},
			{score: "50", band: "AtRisk"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, single+"bandChange: "+test.change+"\ntrend: {threshold: 100}\n")
			for i, s := range test.steps {
				w.wait(s.after)
				w.miss("crm", "points")
				if s.score != "" {
					w.see("crm", "points", s.score)
				}
				h := w.evaluate()
				pending := v1alpha1.BandName("")
				if h.PendingBand != nil {
					pending = h.PendingBand.Band
				}
				if h.Band != s.band || pending != s.pending {
					t.Fatalf("step %d: band %s, pending %q, want %s, %q", i+1, h.Band, pending, s.band, s.pending)
				}
				next := time.Time{}
				if s.next > 0 {
					next = w.input.Now.Add(s.next)
				}
				w.wantNext(next)
			}
		})
	}
}

func TestBandSinceAndLastBand(t *testing.T) {
	w := newWorld(t, single)
	for i, s := range []struct {
		score string
		since int // hours after the beginning
		last  v1alpha1.BandName
	}{
		{"90", 0, ""},
		{"80", 0, ""},
		{"50", 2, "Healthy"},
		{"45", 2, "Healthy"},
		{"", 4, "AtRisk"},
		{"", 4, "AtRisk"},
		{"45", 6, "AtRisk"},
		{"5", 7, "AtRisk"},
	} {
		w.miss("crm", "points")
		if s.score != "" {
			w.see("crm", "points", s.score)
		}
		h := w.evaluate()
		want := begin().Add(time.Duration(s.since) * time.Hour)
		if !h.BandSince.Time.Equal(want) || h.LastBand != s.last {
			t.Errorf("step %d: since %s, last band %q, want %s, %q", i+1, h.BandSince, h.LastBand, want, s.last)
		}
		w.wait(time.Hour)
	}
}

func TestABandThatTheModelNoLongerHasIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t, single)
	w.see("crm", "points", "50")
	w.evaluate()
	w.remodel(`
bands: [{name: Green, min: 50}, {name: Red, min: 0}]
bandChange: {margin: 10, hold: 1h}
dimensions: [{name: all, weight: 1}]
measures:
- {name: points, dimension: all, weight: 1, from: {source: crm, metric: points}, scale: {linear: {worst: 0, best: 100}}}
`)
	h := w.evaluate()
	w.wantBand("Green")
	if h.LastBand != "AtRisk" || h.PendingBand != nil {
		t.Errorf("last band %s, pending %v, want AtRisk and none", h.LastBand, h.PendingBand)
	}
}

func TestImmediateRulesAndBands(t *testing.T) {
	const spec = single + "bandChange: {margin: 3, hold: 1h}\ntrend: {threshold: 100}\nrules:\n"
	const p1 = `when: "metrics.desk.p1 > 0"`
	for name, test := range map[string]struct {
		rules   string
		before  string
		after   string
		p1      string
		band    v1alpha1.BandName
		pending v1alpha1.BandName
	}{
		"an Immediate rule leads to its band at once": {
			"- {name: p1, " + p1 + ", cap: 39, timing: Immediate}", "90", "90", "1", "Critical", "",
		},
		"the margin does not stop it": {"- {name: p1, " + p1 + ", cap: 69, timing: Immediate}", "90", "90", "1", "AtRisk", ""},
		"a Held rule waits":           {"- {name: p1, " + p1 + ", cap: 30}", "90", "90", "1", "Healthy", "Critical"},
		"an Immediate rule that does not hold changes nothing": {
			"- {name: p1, " + p1 + ", cap: 39, timing: Immediate}", "90", "50", "0", "Healthy", "AtRisk",
		},
		"an Immediate rule that holds and does not change the score does not hurry the band": {
			"- {name: p1, " + p1 + ", cap: 39, timing: Immediate}", "90", "30", "1", "Healthy", "Critical",
		},
		"an Immediate rule past the margin hurries where the score alone would have stayed": {
			"- {name: p1, " + p1 + ", cap: 30, timing: Immediate}", "41", "38", "1", "Critical", "",
		},
		"a later rule that undoes it leaves the band to the hold": {
			"- {name: p1, " + p1 + ", cap: 39, timing: Immediate}\n- {name: vip, when: 'true', floor: 50}", "90", "90", "1", "Healthy", "AtRisk",
		},
		"an Immediate floor lifts at once": {
			"- {name: p1, " + p1 + ", floor: 70, timing: Immediate}", "20", "20", "1", "Healthy", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, spec+test.rules)
			w.see("crm", "points", test.before)
			w.see("desk", "p1", "0")
			w.model, w.health = compiled(t, spec), nil // without rules, so that the band before is the score's
			w.evaluate()
			w.model = compiled(t, spec+test.rules)
			w.see("crm", "points", test.after)
			w.see("desk", "p1", test.p1)
			h := w.evaluate()
			w.wantBand(test.band)
			pending := v1alpha1.BandName("")
			if h.PendingBand != nil {
				pending = h.PendingBand.Band
			}
			if pending != test.pending {
				t.Errorf("pending band = %q, want %q", pending, test.pending)
			}
			w.evaluate()
			w.wantBand(test.band)
		})
	}
}

func TestABandDoesNotMoveForAnImmediateRuleWhileWeightIsOut(t *testing.T) {
	w := newWorld(t, whenMissing("Skip")+"rules: [{name: p1, when: \"metrics.desk.tickets > 0\", cap: 10, timing: Immediate}]")
	w.see("usage", "wau", "90")
	w.see("desk", "tickets", "0")
	w.input.Previous = &v1alpha1.Health{Model: "enterprise", ModelGeneration: 4, Band: "Healthy", BandSince: &metav1.Time{Time: begin()}}
	w.see("desk", "tickets", "80")
	w.input.Facts[ref("usage", "wau")] = value.Observation{State: v1alpha1.ValueErrored}
	w.evaluate()
	w.wantScore(10)
	w.wantBand("Healthy")
}
