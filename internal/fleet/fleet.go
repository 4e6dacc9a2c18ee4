// Package fleet keeps a customer base in memory as the operator keeps it in a cluster: it scores every account, moves the
// episodes of the playbooks on, starts the runs that the limits admit, makes their tasks and follows what people do with
// them. It calls the functions that the operator calls, so what it foretells is what the operator does. It is pure: no
// clock, no I/O, no randomness; the same calls give the same bytes.
package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// Fleet is a customer base, the models and playbooks that it is under, and the work on it. What it returns is its own: to
// change it, use its methods. It is not safe for concurrent use.
//
// Accounts, runs and tasks are never changed in place: a new status is a new object. So two fleets may share them, and an
// object that is the same pointer is the same.
type Fleet struct {
	location  *time.Location
	customers map[string]*customer
	// ordered are the customers by name; nil while they have to be sorted again.
	ordered []*customer
	// below are the names of the accounts whose parentRef names an account.
	below map[string][]string
	runs  map[string]*work
	configuration
	// held and started are about playbooks, by name: the accounts whose run did not start when the playbook was last looked
	// at, and when each of its runs of the last day began, whether or not somebody has deleted it.
	held    map[string]held
	started map[string][]time.Time
	// sources give the facts; nil where SetFacts does.
	sources Sources
	// dataSources declare what the sources give, by name, and declared are their metrics.
	dataSources map[string]*v1alpha1.DataSource
	declared    map[v1alpha1.MetricReference]bool
	// frozen is when facts stopped to grow old; zero: they do.
	frozen time.Time
	// cautious means that what nothing is known of moves no score: see Configure.
	cautious bool
	texts    *playbook.Cache
	// next is when something changes by itself.
	next time.Time
	// ended means that a run has ended, so that others may expire; expires is when one does by itself.
	ended   bool
	expires time.Time
}

// customer is an account and what sources say of it.
type customer struct {
	account *v1alpha1.Account
	facts   value.Facts
	events  map[string]value.Events
	// runs are those on the account, by name.
	runs []*work
	// changed means that the account must be looked at again, at whatever moment.
	changed bool
	// next is when its status changes by itself.
	next time.Time
	// level is 0 for an account without others below it, and more than theirs for one with.
	level int
	seen
	// startable are those of the playbooks in due whose run is not there yet, and may start beside the others; stale means that
	// they have to be found again.
	startable []string
	stale     bool
	// resourced means that a source which the account is evaluated by declares something else than before.
	resourced bool
}

// seen is what an evaluation finds beside the status.
type seen struct {
	// under is what the account was evaluated under; nil until the first evaluation.
	under *setup
	// scored is the model that the health is of; nil where none that works is the one for the account.
	scored *model
	// partial means that weight is out of the score because a source cannot be read.
	partial bool
	// blind means that the account's model reads what nothing is known of yet, so that it goes on under the one before.
	blind bool
	// unknown are the metrics that are read and of which nothing is known yet.
	unknown []v1alpha1.MetricReference
	// due are the playbooks of which an episode is Due.
	due []string
}

// work is a run and its tasks.
type work struct {
	run *v1alpha1.PlaybookRun
	// playbook is what its playbook is called now, and name what the run would be called had that one started it.
	playbook, name string
	// tasks of the run, by name.
	tasks []*v1alpha1.Task
	// changed means that the run must be planned again, at whatever moment.
	changed bool
	// next is when its plan changes by itself.
	next time.Time
}

// New returns a customer base without customers. Days begin in the time zone; nil is UTC.
func New(location *time.Location) *Fleet {
	if location == nil {
		location = time.UTC
	}
	return &Fleet{
		location: location, customers: map[string]*customer{}, below: map[string][]string{}, runs: map[string]*work{},
		configuration: newConfiguration(), held: map[string]held{}, started: map[string][]time.Time{}, texts: &playbook.Cache{},
	}
}

// Account returns an account; nil where there is none of this name.
func (f *Fleet) Account(name string) *v1alpha1.Account {
	if c, ok := f.customers[name]; ok {
		return c.account
	}
	return nil
}

// Accounts returns the accounts by name.
func (f *Fleet) Accounts() []*v1alpha1.Account {
	all := make([]*v1alpha1.Account, 0, len(f.customers))
	for _, c := range f.all() {
		all = append(all, c.account)
	}
	return all
}

// all returns the customers by name.
func (f *Fleet) all() []*customer {
	if f.ordered == nil {
		f.ordered = slices.SortedFunc(maps.Values(f.customers), func(a, b *customer) int { return cmp.Compare(a.account.Name, b.account.Name) })
	}
	return f.ordered
}

// Runs returns the runs by name.
func (f *Fleet) Runs() []*v1alpha1.PlaybookRun {
	all := make([]*v1alpha1.PlaybookRun, 0, len(f.runs))
	for _, name := range slices.Sorted(maps.Keys(f.runs)) {
		all = append(all, f.runs[name].run)
	}
	return all
}

// Tasks returns the tasks of a run by name.
func (f *Fleet) Tasks(runName string) []*v1alpha1.Task {
	if w, ok := f.runs[runName]; ok {
		return slices.Clone(w.tasks)
	}
	return nil
}

// Held returns the accounts whose run a playbook would start, and which it holds back.
func (f *Fleet) Held(playbookName string) []v1alpha1.HeldRun { return f.held[playbookName].runs }

// Next returns the moment at which something changes by itself; zero means never.
func (f *Fleet) Next() time.Time { return f.next }

// People do the work: they change the specs of tasks.
type People interface {
	// Work lets somebody change the spec of a task that is not over, at a moment. The status is the fleet's.
	Work(task *v1alpha1.Task, now time.Time)
}

// PeopleFunc are people who all work alike.
type PeopleFunc func(task *v1alpha1.Task, now time.Time)

// Work changes the task's spec.
func (do PeopleFunc) Work(task *v1alpha1.Task, now time.Time) { do(task, now) }

// Work lets people work on every task that is not over. What comes of it shows after the next Step.
func (f *Fleet) Work(people People, now time.Time) {
	for _, run := range f.Runs() {
		w := f.runs[run.Name]
		w.tasks = slices.Clone(w.tasks)
		for i, task := range w.tasks {
			if !playbook.Ended(task.Status.State) {
				w.tasks[i] = task.DeepCopy()
				people.Work(w.tasks[i], now)
				w.changed = true
			}
		}
	}
}

// errUnsettled is for a fleet in which every look brings another change: the functions that it calls contradict each other.
var errUnsettled = errors.New("the fleet does not settle")

// maxRounds is how often a Step looks again at what it has changed itself. A few times are enough.
const maxRounds = 50

// Restart has everything looked at again at the next Step, as the operator does after a restart. By itself it changes
// nothing.
func (f *Fleet) Restart() {
	for _, c := range f.customers {
		c.changed = true
	}
	for _, w := range f.runs {
		w.changed = true
	}
	f.ended = true
}

// Step brings the fleet up to date with a moment: healths, episodes, runs, tasks, and what follows from these until nothing
// changes any more. It looks at what was changed since the last one, and at what changes by itself until now. A step at the
// same moment changes nothing.
func (f *Fleet) Step(now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	for _, c := range f.all() {
		c.changed = c.changed || reached(c.next, now)
	}
	for _, w := range f.runs {
		w.changed = w.changed || reached(w.next, now)
	}
	for range maxRounds {
		f.next = time.Time{}
		f.evaluate(now)
		held := f.start(now)
		settled := f.carryOut(now)
		if settled && !held {
			if f.ended || reached(f.expires, now) {
				f.expires, f.ended = f.prune(now), false
			}
			f.changesAt(f.expires)
			return nil
		}
	}
	return fmt.Errorf("at %s: %w", value.FormatTime(now), errUnsettled)
}

// reached reports whether a moment at which something changes by itself has come.
func reached(next, now time.Time) bool { return !next.IsZero() && !next.After(now) }

// wake has those runs of an account planned again that may move: those that wait for a value and, where an episode has
// moved, all with open work, and those whose condition has yet to clear.
func (c *customer) wake(moved bool) {
	for _, w := range c.runs {
		w.changed = w.changed || (moved && mayMove(w.run)) || playbook.AwaitsValue(w.run)
	}
}

// mayMove reports whether a run has open work, or a condition that has yet to clear.
func mayMove(run *v1alpha1.PlaybookRun) bool {
	return playbook.RunOpen(run) || (!playbook.OfEvent(run) && run.Status.ResolvedTime == nil)
}

// changesAt notes that something changes by itself at a moment; zero is never.
func (f *Fleet) changesAt(t time.Time) { f.next = value.Earliest(f.next, t) }

// prune deletes the finished runs that their playbook need not keep, and returns when another one expires by itself. What a
// deleted playbook has left stays.
func (f *Fleet) prune(now time.Time) (next time.Time) {
	byPlaybook := map[string][]v1alpha1.PlaybookRun{}
	for _, w := range f.runs {
		if w.run.Status.EndedTime != nil {
			byPlaybook[w.playbook] = append(byPlaybook[w.playbook], *w.run)
		}
	}
	for _, p := range f.playbooks {
		limit := v1alpha1.DefaultHistoryLimit
		if set := p.spec.Spec.HistoryLimit; set != nil {
			limit = int(*set)
		}
		expired, at := playbook.Expired(byPlaybook[p.spec.Name], limit, func(*v1alpha1.PlaybookRun) bool { return false }, now)
		next = value.Earliest(next, at)
		for _, run := range expired {
			f.DeleteRun(run.Name)
		}
	}
	return next
}

// stamp is a moment as a status holds it.
func stamp(t time.Time) metav1.Time { return metav1.Time{Time: t} }
