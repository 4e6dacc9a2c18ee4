package manager

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestACommitOfSeveralObjectsIsOneChange(t *testing.T) {
	w := newWorld(t)
	w.settleTime = 30 * time.Second
	w.restart()
	w.setUsage("acme,30,ok")
	w.apply(usage)
	w.apply(watchLow("rescue", "call", ""))
	w.addAccount("acme", 1)
	w.health("acme", 30, "Critical")
	w.pass(time.Minute)
	task := w.taskState("rescue", v1alpha1.TaskOpen)
	// The scale and the threshold change together: half of it says that acme is well, and all of it that it is not.
	w.apply(usageUpTo(50))
	w.health("acme", 60, "AtRisk")
	w.quiet()
	w.apply(`{kind: Playbook, metadata: {name: rescue}, spec: {triggers: [{name: low, score: {atMost: 80}}], steps: [{name: call, title: Call}]}}`)
	w.quiet()
	w.pass(time.Minute)
	w.quiet()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	if now := w.taskState("rescue", v1alpha1.TaskOpen); now.UID != task.UID {
		t.Error("the work was made again")
	}
	// What ends for good ends when the change is over.
	w.apply(`{kind: Playbook, metadata: {name: rescue}, spec: {triggers: [{name: low, score: {atMost: 20}}], steps: [{name: call, title: Call}]}}`)
	w.quiet()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.pass(31 * time.Second)
	w.episode("acme", "rescue", v1alpha1.EpisodeClear, 1)
	w.taskState("rescue", v1alpha1.TaskCanceled)
}

// replaceAcme deletes the account and makes it anew.
func (w *world) replaceAcme(options ...client.DeleteOption) {
	w.t.Helper()
	old, err := w.account("acme")
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Delete(context.Background(), old, options...); err != nil {
		w.t.Fatal(err)
	}
	w.until("the account is gone", func() error {
		if _, err := w.account("acme"); err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	w.addAccount("acme", 1)
}

func TestTheWorkOfAnAccountThatIsGoneIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	tasks := w.acmeInTrouble()
	// A tool keeps a task until it has copied it.
	w.finish(tasks["triage"], `{"metadata":{"finalizers":["example.com/copy"]}}`)
	w.replaceAcme()
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.quiet()
	w.finish(tasks["triage"], `{"metadata":{"finalizers":null}}`)
	w.until("the new run has the work of its steps", func() error {
		a, err := w.account("acme")
		if err != nil {
			return err
		}
		if err := w.manager.Wake(context.Background()); err != nil {
			return err
		}
		run := w.runOf("rescue")
		if !metav1.IsControlledBy(&run, a) {
			return fmt.Errorf("the run is not the new account's")
		}
		now, err := w.tasks()
		if err != nil {
			return err
		}
		for step, state := range map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked} {
			if task := now[step]; !metav1.IsControlledBy(&task, &run) || task.Status.State != state {
				return fmt.Errorf("%s is %s", step, asYAML(task))
			}
		}
		return nil
	})
}

func TestWorkThatBelongsToNobodyGoesOn(t *testing.T) {
	w := newWorld(t)
	w.acmeInTrouble()
	w.replaceAcme(client.PropagationPolicy(metav1.DeletePropagationOrphan))
	// As after a restore that left the owners out: the work is there, and none is made beside it.
	w.quiet()
	tasks := w.taskStates(map[string]v1alpha1.TaskState{"triage": v1alpha1.TaskOpen, "report": v1alpha1.TaskBlocked})
	w.episode("acme", "rescue", v1alpha1.EpisodeFiring, 1)
	w.finish(tasks["triage"], `{"spec":{"state":"Done","outcome":"FalseAlarm"}}`)
	w.taskIs("report", "is open", func(task *v1alpha1.Task) bool { return task.Status.State == v1alpha1.TaskOpen })
	run := w.runOf("rescue")
	if err := w.Patch(t.Context(), &run, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":{"reason":"start over"}}}`))); err != nil {
		t.Fatal(err)
	}
	w.until("the run is canceled", func() error {
		if run := w.runOf("rescue"); run.Status.State != v1alpha1.RunCanceled {
			return fmt.Errorf("it is %s", run.Status.State)
		}
		return nil
	})
}
