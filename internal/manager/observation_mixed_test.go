package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// mixed follows up on bad answers, and on a low score.
var mixed = strings.NewReplacer(
	"triggers: [", "triggers: [{name: low, score: {atMost: 40}}, ", "  steps:", "  cooldown: 1d\n  steps:",
).Replace(detractor)

// newMixedWorld has the account acme with a score of 80 and an answer that is fine.
func newMixedWorld(t *testing.T, playbook string) (*world, answer) {
	t.Helper()
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	fine := answer{"acme", w.clock.Now().Add(-9 * time.Hour), 9, "a"}
	w.setAnswers(answersKey, fine)
	w.apply(surveys)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	w.apply(playbook)
	w.observed("acme", v1alpha1.EpisodeClear)
	return w, fine
}

// observed waits until an account's episode of observations is in a state.
func (w *world) observed(account string, state v1alpha1.EpisodeState) {
	w.t.Helper()
	w.until(fmt.Sprintf("observations of %s %s", account, state), func() error {
		a, err := w.account(account)
		if err != nil {
			return err
		}
		for _, e := range a.Status.Playbooks {
			if e.Source != "" && e.State == state {
				return nil
			}
		}
		return fmt.Errorf("episodes are %s", asYAML(a.Status.Playbooks))
	})
}

func TestStatesAndObservationsTakeTurns(t *testing.T) {
	w, fine := newMixedWorld(t, mixed)
	bad := answer{"acme", w.clock.Now().Add(-time.Hour), 4, "b"}
	w.setUsage("acme,30,ok")
	runs := w.followUps("acme", "30 Active")
	w.setAnswers(answersKey, fine, bad)
	w.observed("acme", v1alpha1.EpisodePending)
	w.settle(runs[0], "Settled")
	w.followUps("acme", "30 Completed")
	w.quiet()
	w.pass(23 * time.Hour)
	w.quiet()
	w.followUps("acme", "30 Completed")
	w.pass(time.Hour)
	w.followUps("acme", "30 Completed", "4 Active")

	// Neither a better score nor the customer's leaving takes the answer's work back.
	w.setUsage("acme,80,ok")
	w.health("acme", 80, "Healthy")
	w.quiet()
	w.followUps("acme", "30 Completed", "4 Active")
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {lifecycleStage: Churned}\n")
	w.setAnswers(answersKey, fine, bad, answer{"acme", w.clock.Now(), 5, "c"})
	w.quiet()
	runs = w.followUps("acme", "30 Completed", "4 Active")
	w.settle(runs[1], "Settled")
	w.followUps("acme", "30 Completed", "4 Completed")
	w.quiet()
	w.pass(48 * time.Hour)
	w.quiet()
	w.followUps("acme", "30 Completed", "4 Completed")
}

func TestALostStatusForgetsNoWorkOfObservations(t *testing.T) {
	w, fine := newMixedWorld(t, mixed)
	answers := []answer{fine, {"acme", w.clock.Now().Add(-3 * time.Hour), 3, "b"}}
	w.setAnswers(answersKey, answers...)
	runs := w.followUps("acme", "3 Active")
	lose := func() {
		t.Helper()
		w.quiet()
		w.stop()
		for _, list := range []client.ObjectList{&v1alpha1.AccountList{}, &v1alpha1.PlaybookList{}} {
			if err := w.List(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			_ = eachItem(list, func(o client.Object) {
				if err := w.Status().Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`))); err != nil {
					t.Fatal(err)
				}
			})
		}
		w.start()
		w.quiet()
	}
	lose()
	w.followUps("acme", "3 Active")
	w.observed("acme", v1alpha1.EpisodeFiring)
	w.settle(runs[0], "Settled")
	w.followUps("acme", "3 Completed")

	// The source cannot be read when the statuses are lost: when it can be again, what was there before is history.
	w.setAnswers("wrong.csv", append(answers, answer{"acme", w.clock.Now().Add(-4 * time.Hour), 2, "c"})...)
	w.setUsage("acme,30,ok")
	lose()
	w.followUps("acme", "3 Completed") // the cooldown counts for the low score too
	w.setAnswers(answersKey, append(answers, answer{"acme", w.clock.Now().Add(-4 * time.Hour), 2, "c"})...)
	w.observed("acme", v1alpha1.EpisodeClear)
	w.pass(23 * time.Hour)
	w.quiet()
	w.followUps("acme", "3 Completed")
	w.pass(time.Hour)
	w.followUps("acme", "3 Completed", "30 Active")
}

// suspended is a playbook that starts nothing; awake is one that does again.
func suspended(playbook string) string {
	return strings.Replace(playbook, "spec:\n", "spec:\n  suspend: true\n", 1)
}

func awake(playbook string) string {
	return strings.Replace(playbook, "spec:\n", "spec:\n  suspend: false\n", 1)
}

func TestAnObservationThatNoTriggerWatchesAnyMoreKeepsNothingWaiting(t *testing.T) {
	w, fine := newMixedWorld(t, suspended(mixed))
	w.setAnswers(answersKey, fine, answer{"acme", w.clock.Now().Add(-time.Hour), 4, "b"})
	w.observed("acme", v1alpha1.EpisodeDue)
	w.setUsage("acme,30,ok")
	w.health("acme", 30, "Critical")
	w.quiet()
	w.apply(awake(strings.Replace(rescue, "name: rescue", "name: detractor", 1)))
	w.followUps("acme", "30 Active")
}

func TestAStateThatNoTriggerWatchesAnyMoreKeepsNothingWaiting(t *testing.T) {
	w, fine := newMixedWorld(t, suspended(mixed))
	w.setUsage("acme,30,ok")
	w.health("acme", 30, "Critical")
	w.quiet()
	w.setAnswers(answersKey, fine, answer{"acme", w.clock.Now().Add(-time.Hour), 4, "b"})
	w.observed("acme", v1alpha1.EpisodePending)
	w.apply(awake(detractor))
	w.followUps("acme", "4 Active")
}

func TestAnObservationThatDoesNotStartLeavesTheCooldownAsItIs(t *testing.T) {
	w, fine := newMixedWorld(t, mixed)
	w.setUsage("acme,30,ok")
	runs := w.followUps("acme", "30 Active")
	w.settle(runs[0], "Settled")
	w.followUps("acme", "30 Completed")
	w.quiet()
	w.setUsage("acme,80,ok")
	w.episode("acme", "detractor", v1alpha1.EpisodeClear, 1)
	w.apply(suspended(mixed))
	w.pass(25 * time.Hour)
	w.setAnswers(answersKey, fine, answer{"acme", w.clock.Now().Add(-time.Hour), 4, "b"})
	w.observed("acme", v1alpha1.EpisodeDue)
	w.quiet()
	w.setAnswers(answersKey, fine, answer{"acme", w.clock.Now().Add(-time.Hour), 8, "b"}) // a slip of the finger
	w.observed("acme", v1alpha1.EpisodeClear)
	w.setUsage("acme,20,ok")
	w.apply(awake(mixed))
	w.followUps("acme", "30 Completed", "20 Active")
}

func TestAMetricThatIsDeclaredLaterHasAHistory(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	w.setAnswers(answersKey, answer{"acme", now.Add(-9 * time.Hour), 4, "a"}, answer{"acme", now.Add(-8 * time.Hour), 5, "b"}, answer{"acme", now.Add(-7 * time.Hour), 6, "c"})
	w.apply(strings.Replace(surveys, "  - {name: nps, type: Number, aggregate: Newest}\n", "", 1))
	w.apply(detractor)
	w.addAccount("acme", 1)
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "detractor"}}
	w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, "Ready", "False", "ReferenceNotFound", "metric nps of DataSource surveys")
	w.quiet()
	w.apply(surveys)
	runs := w.followUps("acme", "6 Active")
	w.settle(runs[0], "Settled")
	w.followUps("acme", "6 Completed")
	w.quiet()
	w.followUps("acme", "6 Completed")
}

func TestANewEpisodeOfAPlaybookPushesNoOtherOut(t *testing.T) {
	w := newWorld(t)
	w.setAnswers(answersKey, answer{"acme", w.clock.Now(), 9, "a"})
	w.apply(surveys)
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {lifecycleStage: Onboarding}\n")
	play := func(name, triggers string) string {
		return "kind: Playbook\nmetadata: {name: " + name + "}\nspec:\n  triggers: [{name: new, lifecycle: {stages: [Onboarding]}}" + triggers + "]\n  steps: [{name: s-" + name + ", title: Call}]\n"
	}
	for i := range 32 {
		w.apply(play(fmt.Sprintf("p%02d", i), ""))
	}
	for i := range 32 {
		w.episode("acme", fmt.Sprintf("p%02d", i), v1alpha1.EpisodeFiring, 1)
	}
	w.apply(play("p00", ", {name: unhappy, per: Observation, value: {from: {source: surveys, metric: nps}, atMost: 6}}"))
	acme := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	w.condition(acme, func() []metav1.Condition { return acme.Status.Conditions }, "PlaybookLimitExceeded", "True", "TooManyPlaybooks", "p00")
	w.quiet()
	for i := range 32 {
		w.episode("acme", fmt.Sprintf("p%02d", i), v1alpha1.EpisodeFiring, 1)
	}
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "p00"}}
	w.condition(p, func() []metav1.Condition { return p.Status.Conditions }, "PlaybookLimitExceeded", "True", "TooManyPlaybooks", "it starts nothing: acme (1 in all)")
	// Whoever has an episode on every account says nothing, and where there is room again nobody does.
	other := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "p01"}}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil || meta.IsStatusConditionTrue(other.Status.Conditions, "PlaybookLimitExceeded") {
		t.Errorf("p01 is %s, %v", asYAML(other.Status.Conditions), err)
	}
	if err := w.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.until("there is room for p00", func() error {
		err := w.Get(t.Context(), client.ObjectKeyFromObject(p), p)
		if err == nil && meta.IsStatusConditionTrue(p.Status.Conditions, "PlaybookLimitExceeded") {
			err = fmt.Errorf("it has none: %s", asYAML(p.Status.Conditions))
		}
		return err
	})
}

// TestObservationsAreFollowedUpOnceByAnOperatorThatIsKilled ends the operator in the middle of its work, again and again,
// while people finish what it makes, and the source comes in another order each time.
func TestObservationsAreFollowedUpOnceByAnOperatorThatIsKilled(t *testing.T) {
	w := newWorld(t)
	const accounts = 6
	now := w.clock.Now()
	var answers []answer
	for i := range accounts {
		answers = append(answers, answer{fmt.Sprintf("a%d", i), now.Add(-90 * time.Hour), 10, "before"})
		w.addAccount(fmt.Sprintf("a%d", i), i)
	}
	w.setAnswers(answersKey, answers...)
	w.apply(surveys)
	w.apply(detractor)
	for i := range accounts {
		w.observed(fmt.Sprintf("a%d", i), v1alpha1.EpisodeClear)
	}
	w.stop()
	for i := range accounts {
		for nps, ago := range []int{5, 9, 7, 3} {
			answers = append(answers, answer{fmt.Sprintf("a%d", i), now.Add(-time.Duration(ago) * time.Hour), nps, "x"})
		}
	}
	for kill := 1; ; kill++ {
		w.setAnswers(answersKey, append(answers[kill%len(answers):], answers[:kill%len(answers)]...)...)
		w.start()
		completed := 0
		w.until("some progress", func() error {
			var runs v1alpha1.PlaybookRunList
			if err := w.List(t.Context(), &runs); err != nil {
				return err
			}
			completed = 0
			for _, run := range runs.Items {
				if run.Status.State == v1alpha1.RunCompleted {
					completed++
				} else if run.Status.OpenTasks > 0 {
					w.settle(run, "Settled")
				}
			}
			if completed < min(kill*3, 4*accounts) {
				return fmt.Errorf("%d runs completed", completed)
			}
			return nil
		})
		if completed >= 4*accounts {
			break
		}
		w.stop()
	}
	w.quiet()
	for i := range accounts {
		// 1 was given nine hours ago, 2 seven, 0 five and 3 three.
		w.followUps(fmt.Sprintf("a%d", i), "1 Completed", "2 Completed", "0 Completed", "3 Completed")
	}
}
