package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// What changes a customer base from outside: its accounts, what sources give of them, its configuration, and its runs.

// SetAccount adds an account, or changes its metadata and spec: its status is the fleet's to write, and stays as it was. An
// account that is new keeps the status that it comes with, from a cluster say.
func (f *Fleet) SetAccount(a *v1alpha1.Account) {
	a = a.DeepCopy()
	if a.UID == "" {
		a.UID = types.UID(a.Name)
	}
	f.put(a)
}

// put is SetAccount for an account that nobody changes any more.
func (f *Fleet) put(a *v1alpha1.Account) {
	c, ok := f.customers[a.Name]
	if ok {
		f.unrelate(c.account)
		again := *a
		again.Status = c.account.Status
		a = &again
		for _, w := range c.runs {
			w.changed = true // whom a task is with, and when it is due, may follow the account
		}
	} else {
		c = &customer{}
		f.customers[a.Name], f.ordered = c, nil
	}
	c.account, c.changed, c.stale = a, true, true
	f.relate(a)
}

// DeleteAccount deletes an account, and with it the work on it, as the garbage collector does.
func (f *Fleet) DeleteAccount(name string) {
	c, ok := f.customers[name]
	if !ok {
		return
	}
	for _, w := range c.runs {
		delete(f.runs, w.run.Name)
		f.giveBack(w)
	}
	delete(f.customers, name)
	f.ordered = nil
	f.unrelate(c.account)
}

// giveBack frees the place of the day of a run that is gone with its account: nothing remembers any more that it began.
func (f *Fleet) giveBack(w *work) {
	started := f.started[w.playbook]
	if i := slices.IndexFunc(started, w.run.CreationTimestamp.Time.Equal); i >= 0 {
		f.started[w.playbook] = slices.Delete(slices.Clone(started), i, i+1)
	}
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
	compiled := compileModel(m.DeepCopy())
	if compiled.err != nil {
		return fmt.Errorf("health score model %s: %w", m.Name, compiled.err)
	}
	f.setModel(compiled)
	f.Restart()
	return nil
}

// SetPlaybook adds a playbook, or changes it: the next runs follow it, those under way do not. An error names what is wrong
// with it, and changes nothing.
func (f *Fleet) SetPlaybook(pb *v1alpha1.Playbook) error {
	compiled := compilePlaybook(pb.DeepCopy())
	if compiled.err != nil {
		return fmt.Errorf("playbook %s: %w", pb.Name, compiled.err)
	}
	f.setPlaybook(compiled)
	f.rename()
	f.Restart()
	return nil
}

// DeleteModel deletes a health score model. Another one may choose its accounts.
func (f *Fleet) DeleteModel(name string) {
	f.changeModels(slices.DeleteFunc(slices.Clone(f.models), func(m *model) bool { return m.spec.Name == name }))
	f.Restart()
}

// DeletePlaybook deletes a playbook: it starts nothing more, and leaves its work to people.
func (f *Fleet) DeletePlaybook(name string) {
	f.changePlaybooks(slices.DeleteFunc(slices.Clone(f.playbooks), func(p *plan) bool { return p.spec.Name == name }))
	delete(f.held, name)
	f.rename()
	f.Restart()
}

// AddRun adds a run that is there already, from a cluster say, with its tasks. Its account must be there.
func (f *Fleet) AddRun(run *v1alpha1.PlaybookRun, tasks ...*v1alpha1.Task) error {
	c, ok := f.customers[run.Spec.AccountRef.Name]
	if !ok {
		return fmt.Errorf("run %s: there is no account %s", run.Name, run.Spec.AccountRef.Name)
	}
	w := &work{run: run.DeepCopy(), changed: true}
	for _, task := range tasks {
		w.tasks = append(w.tasks, task.DeepCopy())
	}
	f.add(c, w)
	return nil
}

// add adds a run to an account.
func (f *Fleet) add(c *customer, w *work) {
	w.sort()
	f.callNow(w)
	if before, ok := f.runs[w.run.Name]; ok {
		c.runs = slices.DeleteFunc(c.runs, func(other *work) bool { return other == before })
	}
	f.runs[w.run.Name] = w
	c.runs = append(c.runs, w)
	slices.SortFunc(c.runs, compareWork)
	c.changed, c.stale = true, true
	f.begun(w.playbook, w.run.CreationTimestamp.Time)
}

// begun notes when a run of a playbook began: the limit of a day counts it.
func (f *Fleet) begun(playbookName string, at time.Time) {
	if at.IsZero() {
		return
	}
	started := append(slices.Clone(f.started[playbookName]), at)
	slices.SortFunc(started, time.Time.Compare)
	f.started[playbookName] = started
}

// callNow notes whose work a run is: that of the playbook that started it, whatever it is called now.
func (f *Fleet) callNow(w *work) {
	w.playbook = f.renames.Now(w.run.Spec.PlaybookRef.Name)
	w.name = playbook.RunNameUnder(w.run, w.playbook)
}

// rename has all that is kept by the names of playbooks kept by those that they have now.
func (f *Fleet) rename() {
	for _, w := range f.runs {
		f.callNow(w)
	}
	started := make(map[string][]time.Time, len(f.started))
	for name, at := range f.started {
		now := f.renames.Now(name)
		started[now] = append(started[now], at...)
		slices.SortFunc(started[now], time.Time.Compare)
	}
	f.started = started
}

func compareWork(a, b *work) int { return cmp.Compare(a.run.Name, b.run.Name) }

// sort sorts the tasks of a run.
func (w *work) sort() {
	slices.SortFunc(w.tasks, func(a, b *v1alpha1.Task) int { return cmp.Compare(a.Name, b.Name) })
}

// DeleteRun deletes a run with its tasks, as a person may.
func (f *Fleet) DeleteRun(name string) {
	if w, ok := f.runs[name]; ok {
		c := f.customers[w.run.Spec.AccountRef.Name]
		delete(f.runs, name)
		c.runs = slices.DeleteFunc(slices.Clone(c.runs), func(other *work) bool { return other == w })
		c.changed, c.stale = true, true
	}
}
