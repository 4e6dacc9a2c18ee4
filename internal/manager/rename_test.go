package manager

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// threeADay is a playbook that starts where the score is low, on three accounts a day.
func threeADay(name, more string) string {
	return fmt.Sprintf(`
kind: Playbook
metadata: {name: %s}
spec:
  triggers:
  - {name: low, score: {atMost: 40}}
  limits: {newRunsPerDay: 3}
  steps: [{name: call, title: Call}]
%s`, name, more)
}

// deletePlaybook deletes a playbook, as a GitOps tool prunes it.
func (w *world) deletePlaybook(name string) {
	w.t.Helper()
	if err := w.Delete(w.t.Context(), &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		w.t.Fatal(err)
	}
}

// runNames returns the names of all runs of an account.
func (w *world) runNames(account string) []string {
	w.t.Helper()
	runs, err := w.runs(account)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, run := range runs {
		names = append(names, run.Name)
	}
	return names
}

func TestAPlaybookThatIsRenamedInGit(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t)
	w.setUsage("acme,30,ok", "beta,80,ok", "core,80,ok", "dora,80,ok")
	w.apply(usage)
	w.apply(r.notifier("all", "  events: [TaskOpened, TaskDone, RunResolved]\n  playbooks: [churn-risk]\n"))
	w.apply(threeADay("rescue", ""))
	w.apply(watchLow("aid", "aid", "  inhibitedBy: [rescue]\n"))
	for i, name := range []string{"acme", "beta", "core", "dora"} {
		w.addAccount(name, 100-i)
	}
	w.openRuns("acme/rescue")
	task := w.taskState("rescue", v1alpha1.TaskOpen)
	runs := w.runNames("acme")

	// The new name comes first, and waits for the old one to go.
	w.apply(threeADay("churn-risk", "  previousNames: [rescue]\n"))
	w.playbookSays("churn-risk", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPreviousNameInUse,
		"starts nothing while Playbook rescue is there, a name of spec.previousNames: delete that playbook, or leave its name out here")
	// Who calls it by its new name already means the old one, which still has the work.
	w.apply(watchLow("aid", "aid", "  inhibitedBy: [churn-risk]\n"))
	w.pass(time.Minute)
	w.quiet()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.setUsage("acme,30,ok", "beta,30,ok", "core,80,ok", "dora,80,ok")
	w.openRuns("acme/rescue", "beta/rescue")
	w.playbookStatus("aid", "is inhibited by the old one", func(s *v1alpha1.PlaybookStatus) bool {
		return slices.Equal(s.Held, []v1alpha1.HeldRun{
			{Account: "acme", Reason: v1alpha1.HeldInhibited, By: "rescue"}, {Account: "beta", Reason: v1alpha1.HeldInhibited, By: "rescue"},
		})
	})
	w.apply(watchLow("aid", "aid", "  inhibitedBy: [rescue]\n"))
	w.pass(time.Minute)
	w.deletePlaybook("rescue")
	w.playbookSays("churn-risk", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "the playbook is in use")
	w.playbookSays("aid", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "the playbook is in use")
	w.episode("acme", "churn-risk", v1alpha1.EpisodeFiring, 1)
	w.pass(time.Minute)
	w.quiet()
	w.openRuns("acme/rescue", "beta/rescue")
	if now := w.runNames("acme"); !slices.Equal(runs, now) {
		t.Errorf("runs were %v and are %v", runs, now)
	}
	w.playbookStatus("churn-risk", "counts the runs of its earlier name", func(s *v1alpha1.PlaybookStatus) bool {
		return s.ActiveRuns == 2 && s.OlderGenerations == 2 && s.Results != nil && s.Results.Runs == 2
	})
	// The limit of the day counts them as well, and what they inhibit stays inhibited under either name.
	w.setUsage("acme,30,ok", "beta,30,ok", "core,30,ok", "dora,30,ok")
	w.playbookStatus("churn-risk", "holds dora", func(s *v1alpha1.PlaybookStatus) bool {
		return slices.Equal(s.Held, []v1alpha1.HeldRun{{Account: "dora", Reason: v1alpha1.HeldLimitReached}})
	})
	w.openRuns("acme/rescue", "beta/rescue", "core/churn-risk", "dora/aid")

	w.restart()
	w.quiet()
	w.openRuns("acme/rescue", "beta/rescue", "core/churn-risk", "dora/aid")

	// What ends the condition ends the work, and the next episode has the new name.
	w.finish(w.taskState("aid", v1alpha1.TaskOpen), `{"spec":{"state":"Done"}}`)
	w.finish(w.taskState("churn-risk", v1alpha1.TaskOpen), `{"spec":{"state":"Done"}}`)
	w.setUsage("acme,80,ok", "beta,30,ok", "core,80,ok", "dora,80,ok")
	w.episode("acme", "churn-risk", v1alpha1.EpisodeClear, 1)
	w.until("the task is canceled", func() error {
		err := w.Get(t.Context(), client.ObjectKeyFromObject(&task), &task)
		if err == nil && task.Status.State != v1alpha1.TaskCanceled {
			err = fmt.Errorf("it is %s", task.Status.State)
		}
		return err
	})
	w.pass(25 * time.Hour)
	w.setUsage("acme,30,ok", "beta,30,ok", "core,80,ok", "dora,80,ok")
	w.openRuns("acme/churn-risk", "beta/rescue")
	w.episode("acme", "churn-risk", v1alpha1.EpisodeFiring, 2)
	w.getsAll(r, "run.resolved, the condition that started it has cleared", "run.resolved, the condition that started it has cleared",
		"task.done call", "task.opened call", "task.opened call", "task.opened call")
}

func TestAPlaybookThatSaysLaterWhatItWasCalled(t *testing.T) {
	w := newWorld(t)
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(threeADay("rescue", ""))
	w.addAccount("acme", 1)
	w.openRuns("acme/rescue")
	w.deletePlaybook("rescue")
	w.apply(threeADay("churn-risk", ""))
	w.pass(time.Minute)
	w.openRuns("acme/churn-risk", "acme/rescue")

	w.apply(threeADay("churn-risk", "  previousNames: [rescue]\n"))
	w.playbookStatus("churn-risk", "counts the runs of both names", func(s *v1alpha1.PlaybookStatus) bool { return s.ActiveRuns == 2 })
	w.pass(time.Minute)
	w.quiet()
	w.restart()
	w.quiet()
	w.openRuns("acme/churn-risk", "acme/rescue")
	// The end of the condition ends the work of both, and its next beginning begins one run.
	w.setUsage("acme,80,ok")
	w.openRuns()
	w.setUsage("acme,30,ok")
	w.openRuns("acme/churn-risk")
	w.episode("acme", "churn-risk", v1alpha1.EpisodeFiring, 2)
}
