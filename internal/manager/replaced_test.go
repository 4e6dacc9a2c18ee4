package manager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAnAccountMadeAnewGetsItsOwnWork(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	old, err := w.account("acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.addAccount("acme", 1)
	w.until("a run of the new account", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		runs, err := w.runs("acme")
		if err != nil {
			return err
		}
		if a.UID == old.UID {
			return errors.New("still the old account")
		}
		for i := range runs {
			if metav1.IsControlledBy(&runs[i], a) {
				return nil
			}
		}
		return fmt.Errorf("%d runs, none of the new account; episodes %s", len(runs), asYAML(a.Status.Playbooks))
	})
}

func TestAModelMadeAnewIsAnotherModel(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(usage)
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	if err := w.Delete(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.apply(usageUpTo(200))
	w.health("acme", 40, "AtRisk")
	a, err := w.account("acme")
	if err != nil {
		t.Fatal(err)
	}
	if h := a.Status.Health; h.PreviousScore != nil || h.Trend == v1alpha1.TrendDeclining {
		t.Errorf("a changed model reads as a customer who dropped: previousScore %v trend %s changes %q", h.PreviousScore, h.Trend, h.Changes)
	}
}

func TestTasksWhoseRunIsGoneStayAsTheyWere(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.setUsage("acme,75,ok")
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskCanceled, "report": v1alpha1.TaskCanceled})
	run := w.runState("acme", v1alpha1.RunCanceled, metav1.ConditionTrue)
	if err := w.Delete(t.Context(), &run, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	w.until("no run", func() error {
		runs, err := w.runs("acme")
		if err == nil && len(runs) > 0 {
			err = fmt.Errorf("%d runs", len(runs))
		}
		return err
	})
	w.quiet()
	tasks, err := w.tasks()
	if err != nil {
		t.Fatal(err)
	}
	for step, task := range tasks {
		if task.Status.State != v1alpha1.TaskCanceled {
			t.Errorf("task %s was canceled and is %s", step, task.Status.State)
		}
	}
}

func TestTasksOfAnOrphanedRunStayAsTheyWereAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	a, err := w.account("acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), a, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	w.until("gone", func() error {
		if _, err := w.account("acme"); err == nil {
			return errors.New("still there")
		}
		return nil
	})
	w.quiet()
	w.restart()
	w.quiet()
	tasks, err := w.tasks()
	if err != nil {
		t.Fatal(err)
	}
	if tasks["report"].Status.State != v1alpha1.TaskBlocked {
		t.Errorf("report was Blocked and is %s", tasks["report"].Status.State)
	}
}

func TestAStatusThatIsLostIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.quiet()
	w.stop()
	for _, list := range []client.ObjectList{&v1alpha1.AccountList{}, &v1alpha1.PlaybookRunList{}, &v1alpha1.TaskList{}} {
		if err := w.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		err := eachItem(list, func(o client.Object) {
			if err := w.Status().Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`))); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	w.quiet()
	w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	// The playbook goes and comes back.
	p := &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: "rescue"}}
	if err := w.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	w.apply(rescue)
	w.quiet()
	w.runState("acme", v1alpha1.RunActive, metav1.ConditionFalse)
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
}

func TestDeletingARunMakesNoRoomWithinTheDay(t *testing.T) {
	w := newWorld(t)
	w.setUsage("a,30,ok", "b,30,ok")
	w.apply(usage)
	w.addAccount("a", 1)
	w.addAccount("b", 2)
	w.health("a", 30, "Critical")
	w.health("b", 30, "Critical")
	w.apply("kind: Playbook\nmetadata: {name: rescue}\nspec:\n  triggers: [{name: low, score: {atMost: 40}}]\n  limits: {newRunsPerDay: 1}\n  steps: [{name: call, title: Call}]\n")
	run := w.runState("b", v1alpha1.RunActive, metav1.ConditionFalse)
	w.quiet()
	if err := w.Delete(t.Context(), &run); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	w.pass(2 * time.Minute)
	w.quiet()
	if runs, err := w.runs("a"); err != nil || len(runs) > 0 {
		t.Errorf("deleting b's run started %d of a within the same day: %v", len(runs), err)
	}
	w.pass(24 * time.Hour)
	w.until("the run of a", func() error {
		runs, err := w.runs("a")
		if err == nil && len(runs) != 1 {
			err = fmt.Errorf("%d runs", len(runs))
		}
		return err
	})
}

func TestANewPlaybookPushesNoEpisodeOut(t *testing.T) {
	w := newWorld(t)
	w.apply("kind: Account\nmetadata: {name: acme}\nspec: {lifecycleStage: Onboarding}\n")
	play := func(name string) string {
		return "kind: Playbook\nmetadata: {name: " + name + "}\nspec:\n  triggers: [{name: new, lifecycle: {stages: [Onboarding]}}]\n  steps: [{name: s-" + name + ", title: Call}]\n"
	}
	w.apply(play("zz"))
	w.episode("acme", "zz", v1alpha1.EpisodeFiring, 1)
	for i := range 32 {
		w.apply(play(fmt.Sprintf("a%02d", i)))
	}
	w.quiet()
	w.episode("acme", "zz", v1alpha1.EpisodeFiring, 1)
}

func TestASourceThatIsBeingDeletedHoldsNoAccountUp(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,80,ok")
	w.apply(strings.Replace(usage, "metadata: {name: usage}", "metadata: {name: usage, finalizers: [example.com/hold]}", 1))
	w.addAccount("acme", 1)
	w.health("acme", 80, "Healthy")
	source := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "usage"}}
	if err := w.Delete(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	defer w.finishObject(source, `{"metadata":{"finalizers":null}}`)
	w.restart()
	w.addAccount("beta", 1)
	w.until("beta is evaluated", func() error {
		b, err := w.account("beta")
		if err == nil && b.Status.ObservedGeneration != b.Generation {
			err = fmt.Errorf("observedGeneration %d", b.Status.ObservedGeneration)
		}
		return err
	})
}

func (w *world) finishObject(obj client.Object, patch string) {
	if err := w.Patch(context.Background(), obj, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.t.Log(err)
	}
}
