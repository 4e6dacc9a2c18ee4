package fleet

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// carryOut plans the runs that have changed, makes their tasks, and follows what became of them. It reports whether nothing
// has to be looked at again because of that.
func (f *Fleet) carryOut(now time.Time) (settled bool) {
	var batch []*work
	for _, w := range f.runs {
		if w.changed {
			batch = append(batch, w) // in any order: no run depends on another
		}
	}
	results := make([]planned, len(batch))
	inParallel(len(batch), func(i int) { results[i] = f.carryOutOne(batch[i], now) })
	for i, w := range batch {
		c := f.customers[w.run.Spec.AccountRef.Name]
		c.changed, c.stale = c.changed || results[i].changed, true
		w.changed = len(results[i].tasks) > len(w.tasks) // a task that is there now has a generation
		w.run, w.tasks, w.next = results[i].run, results[i].tasks, results[i].next
		f.ended = f.ended || !playbook.RunOpen(w.run)
	}
	settled = true
	for _, w := range f.runs {
		settled = settled && !w.changed
		f.changesAt(w.next)
	}
	return settled && !slices.ContainsFunc(f.all(), func(c *customer) bool { return c.changed })
}

// planned is what came of planning a run.
type planned struct {
	run   *v1alpha1.PlaybookRun
	tasks []*v1alpha1.Task
	next  time.Time
	// changed means that the run or one of its tasks is not what it was.
	changed bool
}

// carryOutOne plans one run. It changes nothing. A run that cannot be planned stays as it is: somebody wrote it by hand.
func (f *Fleet) carryOutOne(w *work, now time.Time) planned {
	out := planned{run: w.run, tasks: slices.Clone(w.tasks)}
	c := f.customers[w.run.Spec.AccountRef.Name]
	in := playbook.PlanInput{
		Run: w.run, View: f.workView(c, w.run, now), Now: now, Cache: f.texts,
		Cleared: playbook.Cleared(w.run, playbook.StateEpisodeOf(c.account, w.playbook)),
	}
	for _, task := range w.tasks {
		in.Tasks = append(in.Tasks, *task)
	}
	plan, err := playbook.PlanRun(in)
	if err != nil {
		return out
	}
	for _, task := range plan.Create {
		task.UID, task.CreationTimestamp, task.Generation = types.UID(task.Name), stamp(now), 1
		out.tasks = append(out.tasks, task)
		out.changed = true
	}
	if !equality.Semantic.DeepEqual(w.run.Status, plan.Status) {
		after := *w.run
		after.Status = plan.Status
		out.run, out.changed = &after, true
	}
	out.next = plan.NextChange
	for i, task := range out.tasks {
		status, _, next := playbook.TaskStatus(task, plan, now)
		out.next = value.Earliest(out.next, next)
		if equality.Semantic.DeepEqual(task.Status, status) {
			continue
		}
		after := *task
		after.Status = status
		out.tasks[i], out.changed = &after, true
	}
	(&work{tasks: out.tasks}).sort()
	return out
}

// workView is what the texts of a run's steps are filled in from.
func (f *Fleet) workView(c *customer, run *v1alpha1.PlaybookRun, now time.Time) playbook.View {
	facts := c.facts
	if f.sources != nil {
		var m *model
		if c.under != nil {
			m = c.under.model
		}
		facts = f.factsOf(c, f.texts.ReadsOf(run), m, now)
	}
	scored := c.scored != nil
	return playbook.View{
		Account: c.account, Lifecycle: account.Lifecycle(c.account, now), Health: c.account.Status.Health, Scored: scored, ScorePartial: scored && c.partial,
		Facts: facts, Events: c.events, Now: now, Location: f.location,
	}
}

// Unassigned reports whether a task that is not over is with nobody.
func Unassigned(task *v1alpha1.Task) bool {
	return task.Status.Assignee == "" && !playbook.Ended(task.Status.State)
}
