//go:build unix

// Package ravenstack runs the operator over a company's warehouse that nobody here made up: five tables of 500 accounts,
// in SQLite and in PostgreSQL, as of the last day of 2024. What the operator finds is compared, account by account, with
// what a query computes by other means.
package ravenstack

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases"}}

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	os.Exit(api.Main(m))
}

func TestRealCompany(t *testing.T) {
	tables := readTables(t)
	var fromSQLite, fromPostgres map[string]customer
	t.Run("SQLite", func(t *testing.T) {
		w := newWorld(t, newSQLite(t), tables)
		w.start()
		fromSQLite = w.agrees()
		w.checkTasks()
		w.checkChangeAndBack()
		w.checkStop()
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		w := newWorld(t, newPostgres(t), tables)
		w.start()
		fromPostgres = w.agrees()
		w.checkTasks()
		w.checkChangeAndBack()
		w.checkStop()
		w.checkRestart()
		w.checkChangeAndBack() // a new operator goes on where the first one was
		w.checkHalfLoaded()
	})
	if fromSQLite == nil || fromPostgres == nil {
		return // one of the two was skipped or has failed
	}
	if diff := difference(fromSQLite, fromPostgres); diff != "" {
		t.Errorf("the two databases give different customers (-SQLite +PostgreSQL):\n%s", diff)
	}
}

// agrees waits until the operator has found what the database says, of every account, and returns it.
func (w *world) agrees() map[string]customer {
	w.t.Helper()
	want := w.database.expected()
	if len(want) != 500 {
		w.t.Fatalf("the database has %d accounts, want 500", len(want))
	}
	w.until("the operator and the database agree", func() error {
		got, err := w.found()
		if err != nil {
			return err
		}
		if diff := difference(want, got); diff != "" {
			return fmt.Errorf("(-database +operator):\n%s", diff)
		}
		return nil
	})
	return want
}

// checkTasks checks that each open run has made the tasks that are due at its beginning, and no other.
func (w *world) checkTasks() {
	w.t.Helper()
	want := map[string]int{}
	for _, c := range w.database.expected() {
		for _, playbook := range c.Open {
			switch playbook {
			case "quiet":
				want["look Open"]++
				want["call Blocked"]++
			case "rescue":
				want["meet Open"]++
			case "renewal":
				want["forecast Open"]++ // save is made when the forecast says so
			}
		}
	}
	w.until("every run has its tasks", func() error {
		var tasks v1alpha1.TaskList
		if err := w.List(w.t.Context(), &tasks); err != nil {
			return err
		}
		got := map[string]int{}
		for i := range tasks.Items {
			got[fmt.Sprintf("%s %s", tasks.Items[i].Spec.Step, tasks.Items[i].Status.State)]++
		}
		if diff := difference(want, got); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// checkChangeAndBack changes one account's rows so that one playbook must start, and then back.
func (w *world) checkChangeAndBack() {
	w.t.Helper()
	const uses = 1000
	before := w.database.expected()
	name, id := w.someUser(before)
	runs := len(w.runs())

	w.database.addUsageBefore(id, uses)
	after := w.database.expected()
	if got, want := opened(before, after), []string{name + " quiet"}; !slices.Equal(got, want) {
		w.t.Fatalf("the change of the rows must start %v, but it starts %v", want, got)
	}
	w.readSources(metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded)
	w.agrees()
	if got := len(w.runs()); got != runs+1 {
		w.t.Errorf("there are %d runs, want one more than %d", got, runs)
	}
	w.tasksOf(name, "quiet", map[string]v1alpha1.TaskState{"look": v1alpha1.TaskOpen, "call": v1alpha1.TaskBlocked})

	w.database.addUsageBefore(id, -uses)
	w.readSources(metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded)
	w.agrees()
	w.tasksOf(name, "quiet", map[string]v1alpha1.TaskState{"look": v1alpha1.TaskCanceled, "call": v1alpha1.TaskCanceled})
	if got := len(w.runs()); got != runs+1 {
		w.t.Errorf("there are %d runs, want still one more than %d", got, runs)
	}
	for _, run := range w.runs() {
		if run.Spec.AccountRef.Name == name && !meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.ConditionResolved) {
			w.t.Errorf("run %s is not resolved", run.Name)
		}
	}
}

// someUser returns an account that never had a run, and whose usage in both months is known.
func (w *world) someUser(customers map[string]customer) (name, id string) {
	w.t.Helper()
	had := map[string]bool{}
	for _, run := range w.runs() {
		had[run.Spec.AccountRef.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(customers)) {
		if c := customers[name]; c.Coverage == 100 && c.Band == "Healthy" && !had[name] {
			return name, c.ID
		}
	}
	w.t.Fatal("every account had a run, or lacks a value")
	return "", ""
}

// opened lists the runs that are open after a change and were not before.
func opened(before, after map[string]customer) []string {
	var names []string
	for name, c := range after {
		for _, playbook := range c.Open {
			if !slices.Contains(before[name].Open, playbook) {
				names = append(names, name+" "+playbook)
			}
		}
	}
	return names
}

// runs returns all runs.
func (w *world) runs() []v1alpha1.PlaybookRun {
	w.t.Helper()
	var list v1alpha1.PlaybookRunList
	if err := w.List(w.t.Context(), &list); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// tasksOf waits until the tasks of a playbook on an account are exactly these, by step.
func (w *world) tasksOf(account, playbook string, want map[string]v1alpha1.TaskState) {
	w.t.Helper()
	w.until(fmt.Sprintf("the tasks of %s on %s are %v", playbook, account, want), func() error {
		var tasks v1alpha1.TaskList
		if err := w.List(w.t.Context(), &tasks); err != nil {
			return err
		}
		got := map[string]v1alpha1.TaskState{}
		for i := range tasks.Items {
			task := &tasks.Items[i]
			if task.Spec.AccountRef.Name == account && task.Labels[v1alpha1.LabelPlaybook] == playbook {
				got[string(task.Spec.Step)] = task.Status.State
			}
		}
		if diff := difference(want, got); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
}

// checkStop takes the database away under a running operator.
func (w *world) checkStop() {
	w.t.Helper()
	before := w.remember()
	w.database.stop()
	w.outage("stopping the database", v1alpha1.ReasonReadFailed, before)
	w.database.start()
	w.recovery("starting the database again", before)
}

// checkRestart starts an operator that never saw the database.
func (w *world) checkRestart() {
	w.t.Helper()
	before := w.remember()
	w.stop()
	w.database.stop()
	w.start()
	w.noticed(true)
	w.outage("starting the operator without the database", v1alpha1.ReasonReadFailed, before)
	w.database.start()
	w.recovery("starting the database under an operator that never saw it", before)
}

// checkHalfLoaded has the database read while most rows are not there yet, by this operator and by a new one.
func (w *world) checkHalfLoaded() {
	w.t.Helper()
	before := w.remember()
	w.database.loseMost()
	w.outage("a database that is half loaded", v1alpha1.ReasonRowsDropped, before)
	w.stop()
	w.start()
	w.outage("starting the operator over a database that is half loaded", v1alpha1.ReasonRowsDropped, before)
	w.database.reload()
	w.recovery("loading the rest", before)
}
