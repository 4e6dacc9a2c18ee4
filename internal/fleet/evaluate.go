package fleet

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// evaluate scores the accounts and moves their episodes on, of those that have changed.
func (f *Fleet) evaluate(now time.Time) {
	for _, c := range f.customers {
		if c.changed {
			c.changed = false
			before := c.account.Status.Playbooks
			c.next = f.evaluateOne(c, now)
			c.wake(!equality.Semantic.DeepEqual(before, c.account.Status.Playbooks))
		}
		f.changesAt(c.next)
	}
}

// evaluateOne writes an account's status, and returns when it changes by itself.
func (f *Fleet) evaluateOne(c *customer, now time.Time) time.Time {
	status := c.account.Status // all that is behind a pointer is made anew, or stays
	status.ObservedGeneration = c.account.Generation
	status.Lifecycle = account.Lifecycle(c.account, now)
	status.Contract = c.account.Spec.Contract.DeepCopy()
	var next time.Time
	status.Health, next = f.health(c, now)
	in := playbook.EpisodesInput{View: f.view(c, status.Health, now), Playbooks: f.watching()}
	for _, name := range slices.Sorted(maps.Keys(c.runs)) {
		in.Runs = append(in.Runs, *c.runs[name].run)
	}
	episodes, _, at := playbook.Episodes(in)
	status.Playbooks = episodes
	status.OpenTasks = c.openTasks()
	c.account.Status = status
	return value.Earliest(next, at)
}

// health scores an account.
func (f *Fleet) health(c *customer, now time.Time) (*v1alpha1.Health, time.Time) {
	m := f.modelOf(c.account)
	if m == nil {
		return score.Unscored(c.account.Status.Health, now), time.Time{}
	}
	var extra []v1alpha1.MetricReference
	for _, name := range f.sorted() {
		if p := f.playbooks[name]; p.compiled.Selector().Matches(c.account) {
			extra = append(extra, p.compiled.Reads()...)
		}
	}
	result := m.Evaluate(score.Input{
		Account: c.account, Facts: c.facts, Extra: value.DistinctMetrics(extra), Previous: c.account.Status.Health, Now: now, Location: f.location,
	})
	return result.Health, result.NextChange
}

// view is what playbooks see of an account.
func (f *Fleet) view(c *customer, health *v1alpha1.Health, now time.Time) playbook.View {
	m := f.modelOf(c.account)
	return playbook.View{
		Account: c.account, Lifecycle: account.Lifecycle(c.account, now), Health: health, Scored: m != nil,
		ScorePartial: m != nil && m.Partial(health), Facts: c.facts, Events: c.events, Now: now, Location: f.location,
	}
}

// watching are the playbooks, by name.
func (f *Fleet) watching() []playbook.Watching {
	var all []playbook.Watching
	for _, name := range f.sorted() {
		all = append(all, playbook.Watching{Name: name, Playbook: f.playbooks[name].compiled})
	}
	return all
}

// openTasks counts the tasks of the account's runs that wait for somebody.
func (c *customer) openTasks() int32 {
	var n int32
	for _, w := range c.runs {
		for _, task := range w.tasks {
			if s := task.Status.State; s == v1alpha1.TaskOpen || s == v1alpha1.TaskInProgress {
				n++
			}
		}
	}
	return n
}
