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
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// Fleet is a customer base, the models and playbooks that it is under, and the work on it. What it returns is its own: to
// change it, use its methods. It is not safe for concurrent use.
type Fleet struct {
	location  *time.Location
	customers map[string]*customer
	models    map[string]model
	playbooks map[string]plan
	runs      map[string]*work
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
	runs map[string]*work
	// changed means that the account must be looked at again, at whatever moment.
	changed bool
	// next is when its status changes by itself.
	next time.Time
}

// model is a health score model that compiles.
type model struct {
	candidate score.Candidate
	compiled  *score.Model
}

// plan is a playbook that compiles.
type plan struct {
	spec     *v1alpha1.Playbook
	compiled *playbook.Playbook
	// held are the accounts whose run did not start when the playbook was last looked at.
	held []v1alpha1.HeldRun
	// started is when each of its runs of the last day began, whether or not somebody has deleted it.
	started []time.Time
}

// work is a run and its tasks.
type work struct {
	run *v1alpha1.PlaybookRun
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
		location: location, customers: map[string]*customer{}, models: map[string]model{}, playbooks: map[string]plan{}, runs: map[string]*work{},
	}
}

// SetAccount adds an account, or changes its metadata and spec: its status is the fleet's to write, and stays as it was. An
// account that is new keeps the status that it comes with, from a cluster say.
func (f *Fleet) SetAccount(a *v1alpha1.Account) {
	c, ok := f.customers[a.Name]
	a = a.DeepCopy()
	if a.UID == "" {
		a.UID = types.UID(a.Name)
	}
	if ok {
		a.Status = c.account.Status
		for _, w := range c.runs {
			w.changed = true // whom a task is with, and when it is due, may follow the account
		}
	} else {
		c = &customer{runs: map[string]*work{}}
		f.customers[a.Name] = c
	}
	c.account, c.changed = a, true
}

// SetFacts says what sources give of an account from now on: its facts, and the rows of the sources whose observations a
// playbook watches one by one. The fleet only reads them.
func (f *Fleet) SetFacts(accountName string, facts value.Facts, events map[string]value.Events) error {
	c, ok := f.customers[accountName]
	if !ok {
		return fmt.Errorf("account %s: there is none of this name", accountName)
	}
	c.facts, c.events, c.changed = facts, events, true
	for _, w := range c.runs {
		w.changed = w.changed || playbook.AwaitsValue(w.run)
	}
	return nil
}

// SetModel adds a health score model, or changes it. An error names what is wrong with it, and changes nothing.
func (f *Fleet) SetModel(m *v1alpha1.HealthScoreModel) error {
	compiled, err := score.Compile(m)
	if err != nil {
		return fmt.Errorf("health score model %s: %w", m.Name, err)
	}
	candidate, err := score.CandidateOf(m)
	if err != nil {
		return fmt.Errorf("health score model %s: spec.%w", m.Name, err)
	}
	f.models[m.Name] = model{candidate, compiled}
	f.Restart()
	return nil
}

// SetPlaybook adds a playbook, or changes it: the next runs follow it, those under way do not. An error names what is wrong
// with it, and changes nothing.
func (f *Fleet) SetPlaybook(pb *v1alpha1.Playbook) error {
	compiled, err := playbook.Compile(pb)
	if err != nil {
		return fmt.Errorf("playbook %s: %w", pb.Name, err)
	}
	p := f.playbooks[pb.Name]
	p.spec, p.compiled = pb.DeepCopy(), compiled
	f.playbooks[pb.Name] = p
	f.Restart()
	return nil
}

// AddRun adds a run that is there already, from a cluster say, with its tasks. Its account must be there.
func (f *Fleet) AddRun(run *v1alpha1.PlaybookRun, tasks ...*v1alpha1.Task) error {
	c, ok := f.customers[run.Spec.AccountRef.Name]
	if !ok {
		return fmt.Errorf("run %s: there is no account %s", run.Name, run.Spec.AccountRef.Name)
	}
	w := &work{run: run.DeepCopy(), changed: true}
	for _, task := range tasks {
		w.add(task.DeepCopy())
	}
	f.add(c, w)
	return nil
}

// add adds a run to an account.
func (f *Fleet) add(c *customer, w *work) {
	f.runs[w.run.Name], c.runs[w.run.Name] = w, w
	c.changed = true
}

// add adds a task to a run.
func (w *work) add(task *v1alpha1.Task) {
	w.tasks = append(w.tasks, task)
	slices.SortFunc(w.tasks, func(a, b *v1alpha1.Task) int { return cmp.Compare(a.Name, b.Name) })
}

// DeleteRun deletes a run with its tasks, as a person may.
func (f *Fleet) DeleteRun(name string) {
	if w, ok := f.runs[name]; ok {
		c := f.customers[w.run.Spec.AccountRef.Name]
		delete(f.runs, name)
		delete(c.runs, name)
		c.changed = true
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
	for _, name := range slices.Sorted(maps.Keys(f.customers)) {
		all = append(all, f.customers[name].account)
	}
	return all
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
func (f *Fleet) Held(playbookName string) []v1alpha1.HeldRun { return f.playbooks[playbookName].held }

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
		for _, task := range f.Tasks(run.Name) {
			if !playbook.Ended(task.Status.State) {
				people.Work(task, now)
				f.runs[run.Name].changed = true
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
	for _, c := range f.customers {
		c.changed = c.changed || reached(c.next, now)
	}
	for _, w := range f.runs {
		w.changed = w.changed || reached(w.next, now)
	}
	for range maxRounds {
		f.next = time.Time{}
		f.evaluate(now)
		held := f.start(now)
		settled, err := f.carryOut(now)
		if err != nil {
			return err
		}
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
		mayMove := playbook.RunOpen(w.run) || (!playbook.OfEvent(w.run) && w.run.Status.ResolvedTime == nil)
		w.changed = w.changed || (moved && mayMove) || playbook.AwaitsValue(w.run)
	}
}

// changesAt notes that something changes by itself at a moment; zero is never.
func (f *Fleet) changesAt(t time.Time) { f.next = value.Earliest(f.next, t) }

// sorted returns the playbooks by name.
func (f *Fleet) sorted() []string { return slices.Sorted(maps.Keys(f.playbooks)) }

// modelOf returns the model that scores an account, as it is chosen in a cluster; nil where none does.
func (f *Fleet) modelOf(a *v1alpha1.Account) *score.Model {
	var candidates []score.Candidate
	for _, m := range f.models {
		candidates = append(candidates, m.candidate) // in any order: no two of them are equal
	}
	choice, ok := score.Choose(candidates, a)
	if !ok || account.Churned(a) {
		return nil
	}
	return f.models[choice.Name].compiled
}

// prune deletes the finished runs that their playbook need not keep, and returns when another one expires by itself.
func (f *Fleet) prune(now time.Time) (next time.Time) {
	byPlaybook := map[string][]v1alpha1.PlaybookRun{}
	for _, w := range f.runs {
		byPlaybook[w.run.Spec.PlaybookRef.Name] = append(byPlaybook[w.run.Spec.PlaybookRef.Name], *w.run)
	}
	for _, name := range f.sorted() {
		limit := v1alpha1.DefaultHistoryLimit
		if set := f.playbooks[name].spec.Spec.HistoryLimit; set != nil {
			limit = int(*set)
		}
		expired, at := playbook.Expired(byPlaybook[name], limit, func(*v1alpha1.PlaybookRun) bool { return false }, now)
		next = value.Earliest(next, at)
		for _, run := range expired {
			f.DeleteRun(run.Name)
		}
	}
	return next
}

// compareARR orders accounts, the largest ARR first.
func compareARR(a, b *v1alpha1.Account) int {
	return cmp.Or(cmp.Compare(account.ARR(b), account.ARR(a)), cmp.Compare(a.Name, b.Name))
}

// stamp is a moment as a status holds it.
func stamp(t time.Time) metav1.Time { return metav1.Time{Time: t} }
