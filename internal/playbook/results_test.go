package playbook_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// finishedRun is a run that began and ended some days after noon.
func finishedRun(name, account string, state v1alpha1.RunState, began, ended int, edit ...func(*v1alpha1.PlaybookRun)) v1alpha1.PlaybookRun {
	run := v1alpha1.PlaybookRun{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(noon.AddDate(0, 0, began))},
		Spec:       v1alpha1.PlaybookRunSpec{AccountRef: v1alpha1.LocalReference{Name: account}},
		Status:     v1alpha1.PlaybookRunStatus{State: state},
	}
	if state != v1alpha1.RunActive {
		run.Status.EndedTime = &metav1.Time{Time: noon.AddDate(0, 0, ended)}
	}
	for _, e := range edit {
		e(&run)
	}
	return run
}

func TestResults(t *testing.T) {
	resolved := func(day int) func(*v1alpha1.PlaybookRun) {
		return func(run *v1alpha1.PlaybookRun) {
			run.Status.ResolvedTime = &metav1.Time{Time: noon.AddDate(0, 0, day)}
		}
	}
	event := func(run *v1alpha1.PlaybookRun) { run.Spec.TriggerType = v1alpha1.TriggerEvent }
	overdue := func(run *v1alpha1.PlaybookRun) { run.Status.OverdueTasks = 2 }
	gone := func(run *v1alpha1.PlaybookRun) { run.DeletionTimestamp = &metav1.Time{Time: noon} }
	for name, c := range map[string]struct {
		runs []v1alpha1.PlaybookRun
		want *v1alpha1.PlaybookResults
	}{
		"without runs there is nothing to say": {nil, nil},
		"a run that is being deleted does not count": {
			[]v1alpha1.PlaybookRun{finishedRun("a", "acme", v1alpha1.RunCompleted, 0, 1, gone)}, nil,
		},
		"each run is open, completed or canceled": {
			[]v1alpha1.PlaybookRun{
				finishedRun("a", "acme", v1alpha1.RunActive, 0, 0, overdue),
				finishedRun("b", "beta", "", 0, 0),
				finishedRun("c", "cube", v1alpha1.RunCompleted, 0, 3),
				finishedRun("d", "dime", v1alpha1.RunCanceled, 0, 3),
			},
			&v1alpha1.PlaybookResults{Runs: 4, Open: 2, Completed: 1, Canceled: 1, OverdueTasks: 2},
		},
		"the median of three is the one in the middle": {
			[]v1alpha1.PlaybookRun{
				finishedRun("a", "acme", v1alpha1.RunCompleted, 0, 9, resolved(10)),
				finishedRun("b", "beta", v1alpha1.RunActive, 2, 0, resolved(3)),
				finishedRun("c", "cube", v1alpha1.RunCanceled, 0, 4, resolved(4)),
			},
			&v1alpha1.PlaybookResults{Runs: 3, Open: 1, Completed: 1, Canceled: 1, Resolved: 3, MedianDaysToResolve: "4.0"},
		},
		"the median of two is between them": {
			[]v1alpha1.PlaybookRun{
				finishedRun("a", "acme", v1alpha1.RunCompleted, 0, 9, resolved(1)),
				finishedRun("b", "beta", v1alpha1.RunCompleted, 0, 9, resolved(2)),
			},
			&v1alpha1.PlaybookResults{Runs: 2, Completed: 2, Resolved: 2, MedianDaysToResolve: "1.5"},
		},
		"what an event started is resolved by its work": {
			[]v1alpha1.PlaybookRun{
				finishedRun("a", "acme", v1alpha1.RunCompleted, 0, 5, event),
				finishedRun("b", "beta", v1alpha1.RunCanceled, 0, 7, event),
			},
			&v1alpha1.PlaybookResults{Runs: 2, Completed: 1, Canceled: 1, Resolved: 1, MedianDaysToResolve: "5.0"},
		},
	} {
		t.Run(name, func(t *testing.T) { same(t, "results", c.want, playbook.Results(c.runs)) })
	}
}

func TestExpired(t *testing.T) {
	var runs []v1alpha1.PlaybookRun
	for i := range 5 {
		runs = append(runs, finishedRun(fmt.Sprintf("acme-%d", i), "acme", v1alpha1.RunCompleted, i, i+1))
	}
	runs = append(runs,
		finishedRun("beta-open", "beta", v1alpha1.RunActive, -90, 0),
		finishedRun("beta-0", "beta", v1alpha1.RunCanceled, 0, 0),
	)
	none := func(*v1alpha1.PlaybookRun) bool { return false }
	all := func(*v1alpha1.PlaybookRun) bool { return true }
	for name, c := range map[string]struct {
		limit int
		news  func(*v1alpha1.PlaybookRun) bool
		at    time.Time
		want  []string
		next  time.Time
	}{
		"the newest of each account are kept":    {3, none, noon.AddDate(0, 0, 30), []string{"acme-0", "acme-1"}, time.Time{}},
		"a limit of nothing keeps what is open":  {0, none, noon.AddDate(0, 0, 30), []string{"acme-0", "acme-1", "acme-2", "acme-3", "acme-4", "beta-0"}, time.Time{}},
		"a run is kept for a day from its start": {4, none, noon.Add(23 * time.Hour), nil, noon.Add(24 * time.Hour)},
		"and no longer":                          {4, none, noon.Add(24 * time.Hour), []string{"acme-0"}, time.Time{}},
		"a run with news waits":                  {4, all, noon.AddDate(0, 0, 30), nil, noon.AddDate(0, 0, 32)},
		"but for 31 days after its end at most":  {4, all, noon.AddDate(0, 0, 32), []string{"acme-0"}, time.Time{}},
		"fewer than the limit are all kept":      {9, none, noon.AddDate(1, 0, 0), nil, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			expired, next := playbook.Expired(runs, c.limit, c.news, c.at)
			var names []string
			for _, run := range expired {
				names = append(names, run.Name)
			}
			same(t, "expired", c.want, names)
			same(t, "next", c.next, next)
		})
	}
}
