package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// saveIt is a playbook that waits for a band.
const saveIt = `
kind: Playbook
metadata: {name: save}
spec:
  triggers: [{name: went-critical, band: {in: [Critical]}}]
  steps: [{name: call, title: "Call them: ${health.band} at ${health.score}"}]
`

// calm is the model of usage with a margin and a hold.
var calm = strings.Replace(usage, "  dimensions:", "  bandChange: {margin: 2, hold: 1h}\n  dimensions:", 1)

// dayAfter returns a day in the operator's time zone, so many days from now, and the moment at which it is over.
func (w *world) dayAfter(days int) (string, time.Time) {
	now := w.clock.Now().In(w.location)
	return now.AddDate(0, 0, days).Format(time.DateOnly), time.Date(now.Year(), now.Month(), now.Day()+days+1, 0, 0, 0, 0, w.location)
}

// override sets the band of acme by hand, as kubectl patch does.
func (w *world) override(band, until string) {
	w.t.Helper()
	w.patch(accountNamed("acme"), fmt.Sprintf(`{"spec": {"healthOverride": {"band": %q, "reason": "sponsor left", "by": "jo@example.com", "until": %q}}}`, band, until))
}

// newWorldFarEast is a world whose days begin nine hours before those of UTC.
func newWorldFarEast(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.stop()
	w.location = time.FixedZone("east", 9*60*60)
	w.start()
	return w
}

// overridden waits until the band of acme is one that a person set, while the score calls for another.
func (w *world) overridden(score int32, band, computed v1alpha1.BandName, until string) {
	w.t.Helper()
	w.health("acme", score, band)
	w.until("the override is shown", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		want := &v1alpha1.AppliedOverride{By: "jo@example.com", Reason: "sponsor left", Until: v1alpha1.Date(until), ComputedBand: computed}
		if diff := cmp.Diff(want, a.Status.Health.Override); diff != "" {
			return fmt.Errorf("(- want, + got):\n%s", diff)
		}
		return nil
	})
}

// plain waits until the band of acme is what the score calls for.
func (w *world) plain(score int32, band v1alpha1.BandName) {
	w.t.Helper()
	w.health("acme", score, band)
	a, err := w.account("acme")
	if err != nil {
		w.t.Fatal(err)
	}
	if a.Status.Health.Override != nil {
		w.t.Errorf("the override is still shown: %s", asYAML(a.Status.Health))
	}
}

func TestAnOverrideHoldsUntilMidnightAndIsUndoneByItself(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,80,ok", "beta,90,ok")
	w.apply(calm)
	w.apply(saveIt)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.health("acme", 80, "Healthy")
	w.health("beta", 90, "Healthy")
	w.episode("acme", "save", v1alpha1.EpisodeClear, 0)

	// It holds at once, in spite of the hold, and shows everywhere.
	until, midnight := w.dayAfter(2)
	w.override("Critical", until)
	w.overridden(80, "Critical", "Healthy", until)
	said := fmt.Sprintf("Critical instead of Healthy until %s, by jo@example.com: sponsor left", until)
	w.says("acme", "HealthOverridden", "True", "Overridden", said)
	set := fmt.Sprintf("Healthy -> Critical, score 80, set by jo@example.com until %s: sponsor left", until)
	w.told("acme", "BandChanged", set)
	list := w.kubectl("get", "accounts")
	for line, want := range map[string]string{"NAME": "TASKS OVERRIDE AGE", "acme": "acme Critical 80 Stable 1 jo@example.com", "beta": "beta Healthy 90"} {
		if !containsWords(list, line, want) || strings.Count(list, "jo@example.com") != 3 {
			t.Errorf("no %q in\n%s", want, list)
		}
	}

	// What waits for the band begins, and says who set it.
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskOpen})
	if got, want := tasks["call"].Spec.Title, "Call them: Critical at 80"; got != want {
		t.Errorf("title is %q, want %q", got, want)
	}
	run := w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	if want := "band is Critical (set by jo@example.com)"; run.Spec.Reason != want {
		t.Errorf("the run says %q, want %q", run.Spec.Reason, want)
	}

	// The score goes on; the operator may be restarted; a day is over when it is over where the operator is.
	w.setUsage("acme,75,ok", "beta,90,ok")
	w.overridden(75, "Critical", "Healthy", until)
	w.quiet()
	before := w.versions()
	w.restart()
	w.quiet()
	w.clock.SetTime(midnight.Add(-time.Second))
	w.pass(0)
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written while nothing changed:\n%s", diff)
	}
	w.pass(time.Second)
	w.plain(75, "Healthy")
	w.says("acme", "HealthOverridden", "False", "Expired", fmt.Sprintf("ended with %s; remove spec.healthOverride", until))
	w.told("acme", "BandChanged", set, fmt.Sprintf("Critical -> Healthy, score 75, the override by jo@example.com ended with %s", until))
	w.episode("acme", "save", v1alpha1.EpisodeClear, 1)
	w.taskStates(map[string]v1alpha1.TaskState{"call": v1alpha1.TaskCanceled})
	w.runState("acme", v1alpha1.RunCanceled, metav1.ConditionTrue)

	w.patch(accountNamed("acme"), `{"spec": {"healthOverride": null}}`)
	w.silent("acme", "HealthOverridden")
	w.health("beta", 90, "Healthy")
	w.told("beta", "BandChanged")
}

// containsWords reports whether the line of a table that begins with a word has these words.
func containsWords(table, line, words string) bool {
	for text := range strings.Lines(table) {
		if strings.HasPrefix(text, line+" ") && strings.Contains(strings.Join(strings.Fields(text), " "), words) {
			return true
		}
	}
	return false
}

func TestAnOverrideThatEndsIsFollowedByTheBandThatTheScoreCallsFor(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,30,ok")
	w.apply(calm)
	w.apply(saveIt)
	w.addAccount("acme", 1)
	w.health("acme", 30, "Critical")
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	until, _ := w.dayAfter(1)
	w.override("AtRisk", until)
	w.overridden(30, "AtRisk", "Critical", until)
	w.episode("acme", "save", v1alpha1.EpisodeClear, 1)

	// The band below goes on with margin and hold, and is pending in the open.
	w.setUsage("acme,80,ok")
	w.overridden(80, "AtRisk", "Critical", until)
	w.until("the band below is pending", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		at := metav1.NewTime(w.clock.Now().Add(time.Hour))
		if p := a.Status.Health.PendingBand; p == nil || p.Band != "Healthy" || p.EffectiveTime == nil || !p.EffectiveTime.Equal(&at) {
			return fmt.Errorf("pending is %s", asYAML(p))
		}
		return nil
	})
	w.pass(time.Hour)
	w.overridden(80, "AtRisk", "Healthy", until)
	w.says("acme", "HealthOverridden", "True", "Overridden", fmt.Sprintf("AtRisk instead of Healthy until %s, by jo@example.com: sponsor left", until))

	w.setUsage("acme,20,ok")
	w.overridden(20, "AtRisk", "Healthy", until)
	w.patch(accountNamed("acme"), `{"spec": {"healthOverride": null}}`)
	w.plain(20, "Healthy") // What the score called for until now; the hold is not over.
	w.silent("acme", "HealthOverridden")
	w.until("the event", func() error {
		notes, err := w.events("Account", "acme", "BandChanged")
		if want := "AtRisk -> Healthy, score 20, the override by jo@example.com was removed"; err == nil && !strings.Contains(strings.Join(notes, "\n"), want) {
			err = fmt.Errorf("events are %q", notes)
		}
		return err
	})
	w.pass(time.Hour)
	w.plain(20, "Critical")
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 2)
}

func TestAnOverrideOfABandThatTheModelHasNot(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	until, midnight := w.dayAfter(1)
	w.override("Red", until)
	w.says("acme", "HealthOverridden", "False", "UnknownBand", "spec.healthOverride.band: model standard has no band Red; it has Healthy, AtRisk, Critical")
	w.plain(80, "Healthy")
	w.quiet()
	w.restart()

	// The model may get the band: then it holds.
	w.patch(modelNamed("standard"), `{"spec": {"bands": [{"name": "Healthy", "min": 40}, {"name": "Red", "min": 0}]}}`)
	w.overridden(80, "Red", "Healthy", until)
	w.patch(modelNamed("standard"), `{"spec": {"bands": [{"name": "Good", "min": 40}, {"name": "Bad", "min": 0}]}}`)
	w.plain(80, "Good")
	w.says("acme", "HealthOverridden", "False", "UnknownBand", "spec.healthOverride.band: model standard has no band Red; it has Good, Bad")
	w.told("acme", "BandChanged", fmt.Sprintf("Healthy -> Red, score 80, set by jo@example.com until %s: sponsor left", until),
		"Red -> Good, score 80, the override by jo@example.com is of a band that the model has not")
	w.clock.SetTime(midnight)
	w.pass(0)
	w.says("acme", "HealthOverridden", "False", "Expired", fmt.Sprintf("ended with %s; remove spec.healthOverride", until))
}

func TestAnOverrideInAnOutage(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,80,ok")
	w.apply(strings.Replace(calm, "  account: {field: id}", "  account: {field: id}\n  maxAge: 1h", 1))
	w.apply(saveIt)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	if err := w.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}); err != nil {
		t.Fatal(err)
	}
	w.measureState("acme", v1alpha1.ValueErrored)
	// What a person knows and no source does: it holds while the source is away, and after it is away for too long.
	until, midnight := w.dayAfter(3)
	w.override("Critical", until)
	w.overridden(80, "Critical", "Healthy", until)
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	w.pass(2 * time.Hour)
	w.until("the score is out", func() error {
		a, err := w.account("acme")
		if err == nil && (a.Status.Health.Score != nil || a.Status.Health.Band != "Critical" || a.Status.Health.Override.ComputedBand != v1alpha1.BandUnknown) {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})
	w.restart()
	w.quiet()
	w.says("acme", "HealthOverridden", "True", "Overridden", fmt.Sprintf("Critical instead of Unknown until %s, by jo@example.com: sponsor left", until))
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)

	w.clock.SetTime(midnight)
	w.pass(0)
	w.until("the band is Unknown", func() error {
		a, err := w.account("acme")
		if h := a.Status.Health; err == nil && (h.Band != v1alpha1.BandUnknown || h.LastBand != "Healthy" || h.Override != nil) {
			err = fmt.Errorf("health is %s", asYAML(h))
		}
		return err
	})
	// That nobody knows ends no work.
	w.quiet()
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	w.setUsage("acme,80,ok")
	w.plain(80, "Healthy")
	w.episode("acme", "save", v1alpha1.EpisodeClear, 1)
}

func TestAnOverrideWhereNoModelScoresTheAccount(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.addAccount("acme", 1)
	until, _ := w.dayAfter(1)
	w.override("Critical", until)
	w.overridden(80, "Critical", "Healthy", until)
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Churned"}}`)
	w.says("acme", "HealthOverridden", "False", "Churned", "the account is churned: it is not scored, and has no band to override")
	w.until("the band is Unknown", func() error {
		a, err := w.account("acme")
		if h := a.Status.Health; err == nil && (h.Band != v1alpha1.BandUnknown || h.LastBand != "Healthy" || h.Override != nil) {
			err = fmt.Errorf("health is %s", asYAML(h))
		}
		return err
	})
	w.patch(accountNamed("acme"), `{"spec": {"lifecycleStage": "Adoption"}}`)
	w.overridden(80, "Critical", "Healthy", until)
	if err := w.Delete(t.Context(), modelNamed("standard")); err != nil {
		t.Fatal(err)
	}
	w.says("acme", "HealthOverridden", "False", "NoModel", "no HealthScoreModel scores the account, so that it has no band to override; see ModelApplied")
}

func TestAnOverrideWhileTheModelIsStalled(t *testing.T) {
	w := newWorldFarEast(t)
	w.setUsage("acme,80,ok", "beta,80,ok")
	w.apply(usage)
	w.apply(saveIt)
	w.addAccount("acme", 1)
	w.addAccount("beta", 1)
	w.health("beta", 80, "Healthy")
	until, midnight := w.dayAfter(1)
	w.override("Critical", until)
	w.overridden(80, "Critical", "Healthy", until)
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	w.patch(modelNamed("standard"), `{"spec": {"rules": [{"name": "odd", "when": "score >", "cap": 3}]}}`)
	for _, name := range []string{"acme", "beta"} {
		a := accountNamed(name)
		w.condition(a, func() []metav1.Condition { return a.Status.Conditions }, "ModelApplied", "False", "ModelStalled", "")
	}
	w.quiet()
	w.overridden(80, "Critical", "Healthy", until)
	w.patch(accountNamed("beta"), fmt.Sprintf(`{"spec": {"healthOverride": {"band": "Critical", "reason": "sponsor left", "by": "al@example.com", "until": %q}}}`, until))
	w.says("beta", "HealthOverridden", "False", "ModelStalled", "HealthScoreModel standard is stalled: the override holds as soon as the model can be used")

	// It is undone by itself all the same. The work stands: nobody judges it while the model is stalled.
	w.clock.SetTime(midnight)
	w.pass(0)
	w.plain(80, "Healthy")
	expired := fmt.Sprintf("ended with %s; remove spec.healthOverride", until)
	w.says("acme", "HealthOverridden", "False", "Expired", expired)
	w.says("beta", "HealthOverridden", "False", "Expired", expired)
	w.quiet()
	w.episode("acme", "save", v1alpha1.EpisodeFiring, 1)
	before := w.versions()
	w.restart()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		t.Errorf("written by a restart:\n%s", diff)
	}
	w.patch(modelNamed("standard"), `{"spec": {"rules": null}}`)
	w.episode("acme", "save", v1alpha1.EpisodeClear, 1)
}
