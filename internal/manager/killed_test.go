package manager

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// TestKilledAgainAndAgain ends the operator in the middle of its work, each time a little later in it, and counts at the
// end: one run for each account, one task for each step, and no status that lags behind.
func TestKilledAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	const accounts = 40
	var lines []string
	for i := range accounts {
		lines = append(lines, fmt.Sprintf("a%02d,%d,ok", i, i))
	}
	w.stop()
	w.setUsage(lines...)
	w.apply(usage)
	w.apply(rescue)
	for i := range accounts {
		w.addAccount(fmt.Sprintf("a%02d", i), i)
	}
	for kill := 1; kill <= 6; kill++ {
		w.start()
		w.until("some progress", func() error {
			done, err := w.count(&v1alpha1.TaskList{})
			if err == nil && done < kill*accounts/8 {
				err = fmt.Errorf("%d tasks", done)
			}
			return err
		})
		w.stop()
	}
	w.start()
	w.until("all of the work", func() error {
		tasks, err := w.count(&v1alpha1.TaskList{})
		if err == nil && tasks != 2*accounts { // triage and report; the call waits for the triage's outcome
			err = fmt.Errorf("%d tasks", tasks)
		}
		return err
	})
	w.quiet()
	var runs v1alpha1.PlaybookRunList
	if err := w.List(t.Context(), &runs); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, run := range runs.Items {
		seen[run.Spec.AccountRef.Name]++
		if run.Spec.Sequence != 1 || run.Status.State != v1alpha1.RunActive {
			t.Errorf("run %s has sequence %d and is %s", run.Name, run.Spec.Sequence, run.Status.State)
		}
	}
	for i := range accounts {
		name := fmt.Sprintf("a%02d", i)
		if seen[name] != 1 {
			t.Errorf("account %s has %d runs", name, seen[name])
		}
		a, err := w.account(name)
		if err != nil {
			t.Fatal(err)
		}
		if e := a.Status.Playbooks; len(e) != 1 || e[0].State != v1alpha1.EpisodeFiring || a.Status.OpenTasks != 1 {
			t.Errorf("account %s: %d open tasks, episodes %s", name, a.Status.OpenTasks, strings.TrimSpace(asYAML(e)))
		}
	}
	if tasks, err := w.count(&v1alpha1.TaskList{}); err != nil || tasks != 2*accounts {
		t.Errorf("%d tasks at the end: %v", tasks, err)
	}
}
