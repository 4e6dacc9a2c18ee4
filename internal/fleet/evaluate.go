package fleet

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// evaluate scores the accounts and moves their episodes on, of those that have changed: children before their parents.
func (f *Fleet) evaluate(now time.Time) {
	highest := 0
	if slices.ContainsFunc(f.all(), func(c *customer) bool { return c.changed }) {
		highest = f.setLevels()
	}
	for level := 0; level <= highest; level++ {
		var batch []*customer
		for _, c := range f.all() {
			if c.changed && c.level == level {
				batch = append(batch, c)
			}
		}
		results, setups := make([]evaluated, len(batch)), make([]*setup, len(batch))
		for i, c := range batch {
			setups[i] = f.setupOf(c.account)
		}
		inParallel(len(batch), func(i int) { results[i] = f.evaluateOne(batch[i], setups[i], now) })
		for i, c := range batch {
			f.take(c, &results[i])
		}
	}
	for _, c := range f.all() {
		f.changesAt(c.next)
	}
}

// workers is how many accounts are evaluated at the same time, at most: as many as processors let them.
const workers = 8

// inParallel calls a function for each number below n, several at the same time, and returns when all are done. What it does
// must not depend on the order.
func inParallel(n int, do func(i int)) {
	const chunk = 32
	if n <= chunk {
		for i := range n {
			do(i)
		}
		return
	}
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for begin := worker * chunk; begin < n; begin += workers * chunk {
				for i := begin; i < min(begin+chunk, n); i++ {
					do(i)
				}
			}
		})
	}
	wait.Wait()
}

// evaluated is what came of an evaluation.
type evaluated struct {
	account *v1alpha1.Account
	next    time.Time
	seen
}

// take takes up what came of an account's evaluation.
func (f *Fleet) take(c *customer, e *evaluated) {
	before, wasPartial := c.account, c.partial
	c.changed, c.stale = false, true
	c.account, c.next, c.seen = e.account, e.next, e.seen
	if len(c.runs) > 0 {
		c.wake(before != c.account && !sameEpisodes(before.Status.Playbooks, c.account.Status.Playbooks))
	}
	if parent, ok := f.customers[parentOf(c.account)]; ok && takenOf(before, wasPartial) != takenOf(c.account, c.partial) {
		parent.changed = true
	}
}

// evaluateOne computes an account's status, and when it changes by itself. It changes nothing.
func (f *Fleet) evaluateOne(c *customer, s *setup, now time.Time) evaluated {
	in := evaluation{fleet: f, customer: c, account: c.account, setup: s, now: now}
	in.facts = f.factsOf(c, in.setup.reads, in.setup.model, now)
	in.events = f.eventsOf(c, in.setup)
	in.children = f.children(c.account)
	return in.evaluate()
}

// evaluation is the evaluation of one account on its way.
type evaluation struct {
	fleet    *Fleet
	customer *customer
	account  *v1alpha1.Account
	setup    *setup
	facts    value.Facts
	events   map[string]value.Events
	children []*v1alpha1.Account
	now      time.Time
	out      evaluated
}

func (e *evaluation) evaluate() evaluated {
	status := e.account.Status // all that is behind a pointer is made anew, or stays
	status.ObservedGeneration = e.account.Generation
	status.Rollup = account.Rollup(e.account, e.children)
	status.Lifecycle = account.Lifecycle(e.account, e.now)
	status.Contract = e.account.Spec.Contract
	e.out.unknown = e.unknown()
	var next time.Time
	status.Health, next = e.health()
	in := playbook.EpisodesInput{View: e.view(status.Health), Playbooks: e.fleet.watching, Renames: e.fleet.renames}
	for _, w := range e.customer.runs {
		in.Runs = append(in.Runs, *w.run)
	}
	episodes, _, at := playbook.Episodes(in)
	status.Playbooks = episodes
	status.OpenTasks = e.customer.openTasks()
	e.out.account, e.out.next = e.account, value.Earliest(next, at)
	if !same(&e.account.Status, &status) {
		after := *e.account
		after.Status = status
		e.out.account = &after
	}
	for i := range episodes {
		if episodes[i].State == v1alpha1.EpisodeDue {
			e.out.due = append(e.out.due, episodes[i].Name)
		}
	}
	return e.out
}

// same reports whether two statuses of an account differ in nothing that an evaluation writes. What is the same in the newer
// one is what the older one has, so that memory of it is free again.
func same(before, after *v1alpha1.AccountStatus) bool {
	healths, episodes := sameHealth(before.Health, after.Health), sameEpisodes(before.Playbooks, after.Playbooks)
	if healths {
		after.Health = before.Health
	}
	if episodes {
		after.Playbooks = before.Playbooks
	}
	return healths && episodes && before.ObservedGeneration == after.ObservedGeneration && before.OpenTasks == after.OpenTasks &&
		samePointer(before.Rollup, after.Rollup) && sameLifecycle(before.Lifecycle, after.Lifecycle) &&
		(before.Contract == after.Contract || equality.Semantic.DeepEqual(before.Contract, after.Contract))
}

// health scores the account.
func (e *evaluation) health() (*v1alpha1.Health, time.Time) {
	previous := e.account.Status.Health
	e.out.under = e.setup
	switch {
	case e.setup.scores(e.account):
		h, next := e.scoredBy(e.setup.model)
		if !e.blind(h) {
			return h, next
		}
		e.out.blind = true
		if before := e.customer.scored; before != nil && before != e.setup.model {
			e.facts = e.fleet.factsOf(e.customer, e.readsUnder(before), before, e.now)
			return e.scoredBy(before)
		}
		e.out.scored, e.out.partial = nil, e.customer.partial
		return e.stands()
	case e.setup.model != nil && !account.Churned(e.account) && previous != nil:
		e.out.partial = e.customer.partial || e.customer.under == nil && partialBefore(e.account)
		return e.stands()
	default:
		return score.Unscored(previous, e.now), time.Time{}
	}
}

// scoredBy is the health that a model gives the account.
func (e *evaluation) scoredBy(m *model) (*v1alpha1.Health, time.Time) {
	result := m.compiled.Evaluate(score.Input{
		Account: e.account, Facts: e.facts, Extra: e.setup.extra, Children: e.fleet.scoresOf(e.children), Previous: e.account.Status.Health,
		Now: e.now, Location: e.fleet.location,
	})
	e.out.scored, e.out.partial = m, m.compiled.Partial(result.Health)
	return result.Health, result.NextChange
}

// readsUnder is what the account's status is made of under another model than its own.
func (e *evaluation) readsUnder(m *model) []v1alpha1.MetricReference {
	return value.DistinctMetrics(append(slices.Clone(e.setup.reads), m.compiled.Reads()...))
}

// stands is the health of an account that cannot be scored now.
func (e *evaluation) stands() (*v1alpha1.Health, time.Time) {
	if e.account.Status.Health == nil {
		return score.Unscored(nil, e.now), time.Time{}
	}
	return score.Standing(e.account, e.account.Status.Health, e.now, e.fleet.location)
}

// view is what playbooks see of the account.
func (e *evaluation) view(health *v1alpha1.Health) playbook.View {
	scored := e.out.scored != nil
	return playbook.View{
		Account: e.account, Lifecycle: account.Lifecycle(e.account, e.now), Health: health, Scored: scored, ScorePartial: scored && e.out.partial,
		Facts: e.facts, Events: e.events, Now: e.now, Location: e.fleet.location,
	}
}

// viewOf is what playbooks see of an account as it is, when they start a run.
func (f *Fleet) viewOf(c *customer, now time.Time) playbook.View {
	e := evaluation{fleet: f, customer: c, account: c.account, setup: f.setupOf(c.account), now: now, out: evaluated{seen: c.seen}}
	reads := e.setup.reads
	if c.blind && c.scored != nil {
		reads = e.readsUnder(c.scored)
	}
	e.facts = f.factsOf(c, reads, c.scored, now)
	e.events = f.eventsOf(c, e.setup)
	return e.view(c.account.Status.Health)
}

// openTasks counts the tasks of the account's runs that wait for somebody.
func (c *customer) openTasks() int32 {
	var n int32
	for _, w := range c.runs {
		for _, task := range w.tasks {
			if playbook.AtWork(task.Status.State) {
				n++
			}
		}
	}
	return n
}
