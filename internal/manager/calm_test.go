package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// pending waits until a band of acme waits for its hold to pass, since one moment and until another.
func (w *world) pending(band v1alpha1.BandName, since time.Time, hold time.Duration) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s is pending since %s", band, since), func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		p := a.Status.Health.PendingBand
		if p == nil || p.Band != band || !p.Since.Time.Equal(since) || p.EffectiveTime == nil || !p.EffectiveTime.Time.Equal(since.Add(hold)) {
			return fmt.Errorf("pending is %s, want %s until %s", asYAML(p), since, since.Add(hold))
		}
		return nil
	})
}

func TestABandChangesOnceAndWhenItsStatusSays(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(calm)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.pass(10 * time.Minute)
	since := w.clock.Now()
	w.setUsage("acme,30,ok")
	w.pending("Critical", since, time.Hour)

	// The operator is restarted in the middle of the hold, and again just before its end.
	w.pass(30 * time.Minute)
	w.restart()
	w.setUsage("acme,29,ok") // still Critical: the hold goes on
	w.health("acme", 29, "Healthy")
	w.pending("Critical", since, time.Hour)
	w.stop()
	w.clock.SetTime(since.Add(time.Hour - time.Second))
	w.start()
	w.quiet()
	w.health("acme", 29, "Healthy")
	w.pending("Critical", since, time.Hour)
	w.pass(time.Second)
	w.health("acme", 29, "Critical")
	w.quiet()
	w.restart()
	w.pass(3 * time.Hour)
	w.quiet()
	w.told("acme", "BandChanged", "Healthy -> Critical, score 29")
	a, err := w.account("acme")
	if err != nil {
		t.Fatal(err)
	}
	at := metav1.NewTime(since.Add(time.Hour))
	if h := a.Status.Health; h.PendingBand != nil || !h.BandSince.Equal(&at) || h.LastBand != "Healthy" {
		t.Errorf("want Critical since %s and nothing pending; health is %s", at, asYAML(h))
	}
}

func TestABandThatIsNotCalledForAnyMoreDoesNotComeLater(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(calm)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,30,ok")
	w.pending("Critical", w.clock.Now(), time.Hour)
	w.pass(30 * time.Minute)
	w.setUsage("acme,80,ok")
	w.until("nothing is pending", func() error {
		a, err := w.account("acme")
		if err == nil && (a.Status.Health.PendingBand != nil || *a.Status.Health.Score != 80) {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})
	w.pass(10 * time.Minute)
	since := w.clock.Now()
	w.setUsage("acme,30,ok") // its hold begins anew
	w.pending("Critical", since, time.Hour)
	w.pass(30 * time.Minute)
	w.restart()
	w.quiet()
	w.health("acme", 30, "Healthy")
	w.pending("Critical", since, time.Hour)

	// Better, and still too bad for Healthy: for that the hold goes on.
	w.setUsage("acme,50,ok")
	w.pending("AtRisk", since, time.Hour)
	w.pass(30 * time.Minute)
	w.health("acme", 50, "AtRisk")
	w.quiet()
	w.pass(3 * time.Hour)
	w.quiet()
	w.told("acme", "BandChanged", "Healthy -> AtRisk, score 50")
}

func TestAScoreThatGoesToAndFroChangesNoBand(t *testing.T) {
	for name, c := range map[string]struct {
		scores [2]int32
		pass   time.Duration // between two changes
	}{
		"within the margin, however long":           {[2]int32{69, 71}, 3 * time.Hour},
		"past the margin, never for the whole hold": {[2]int32{50, 90}, 40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setUsage("acme,80,ok")
			w.apply(calm)
			w.apply(strings.Replace(saveIt, "Critical", "AtRisk", 1))
			w.addAccount("acme", 1)
			w.health("acme", 80, "Healthy")
			before, err := w.account("acme")
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				score := c.scores[i%2]
				w.setUsage(fmt.Sprintf("acme,%d,ok", score))
				w.health("acme", score, "Healthy")
				w.pass(c.pass)
				if i == 10 {
					w.restart()
				}
			}
			w.quiet()
			after, err := w.account("acme")
			if err != nil {
				t.Fatal(err)
			}
			if h := after.Status.Health; h.Band != "Healthy" || !h.BandSince.Equal(before.Status.Health.BandSince) {
				t.Errorf("health is %s", asYAML(h))
			}
			w.told("acme", "BandChanged")
			w.episode("acme", "save", v1alpha1.EpisodeClear, 0)
		})
	}
}

func TestAnImmediateRuleDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(strings.TrimSpace(calm) + `
  rules:
  - {name: furious, when: "metrics.usage.mood == 'furious'", cap: 30, timing: Immediate}
  - {name: cross, when: "metrics.usage.mood == 'cross'", cap: 30}
`)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.setUsage("acme,80,cross") // as any other change of the score
	w.pending("Critical", w.clock.Now(), time.Hour)
	w.health("acme", 30, "Healthy")
	w.setUsage("acme,80,furious")
	w.health("acme", 30, "Critical")
	w.quiet()
	w.restart()
	w.quiet()
	w.health("acme", 30, "Critical")
	// It ends as any other change does.
	w.setUsage("acme,80,ok")
	w.pending("Healthy", w.clock.Now(), time.Hour)
	w.health("acme", 80, "Critical")
	w.pass(time.Hour)
	w.health("acme", 80, "Healthy")
	w.told("acme", "BandChanged", "Healthy -> Critical, score 30", "Critical -> Healthy, score 80")
}
