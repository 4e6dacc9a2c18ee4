package fleet

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// Fault is an object that cannot work, and why.
type Fault struct {
	Kind, Name string
	Err        error
}

// Same reports whether it is the same fault of the same object.
func (f Fault) Same(other Fault) bool {
	return f.Kind == other.Kind && f.Name == other.Name && f.Err.Error() == other.Err.Error()
}

// Load returns the customer base of a world at a moment. It shares the objects of the world, which nobody may change any
// more, and takes models and playbooks that do not compile as the operator does: they are stalled, and the faults say why.
func Load(w *World, now time.Time) (*Fleet, []Fault) {
	f := New(w.Location)
	f.sources = w.Sources
	if f.sources == nil {
		f.sources = nothing{}
	}
	faults := f.configure(w, nil)
	f.customers = make(map[string]*customer, len(w.Accounts))
	for _, a := range w.Accounts {
		if a.DeletionTimestamp.IsZero() { // one that is on its way out is not looked at any more
			f.put(withUID(a))
		}
	}
	f.loadRuns(w)
	f.loadStarted(now)
	f.ended = true
	return f, faults
}

// withUID returns an account that has an identity: one of a file has none.
func withUID(a *v1alpha1.Account) *v1alpha1.Account {
	if a.UID != "" {
		return a
	}
	again := *a
	again.UID = types.UID(a.Name)
	return &again
}

// loadRuns takes up the runs and tasks of a world, less those of an account, or a run, of the same name that is gone: these
// are on their way to the garbage collector. What is finished is not planned again: nothing moves it.
func (f *Fleet) loadRuns(w *World) {
	tasks := map[string][]*v1alpha1.Task{}
	for _, task := range w.Tasks {
		if task.Spec.RunRef != nil {
			tasks[task.Spec.RunRef.Name] = append(tasks[task.Spec.RunRef.Name], task)
		}
	}
	for _, run := range w.Runs {
		c, ok := f.customers[run.Spec.AccountRef.Name]
		if !ok || !belongs(run, c.account) || !run.DeletionTimestamp.IsZero() {
			continue
		}
		of := &work{run: run, changed: mayMove(run)}
		f.callNow(of)
		for _, task := range tasks[run.Name] {
			if belongs(task, run) && task.DeletionTimestamp.IsZero() {
				of.tasks = append(of.tasks, task)
			}
		}
		of.sort()
		f.runs[run.Name] = of
		c.runs = append(c.runs, of)
		f.started[of.playbook] = append(f.started[of.playbook], run.CreationTimestamp.Time)
	}
	for _, c := range f.customers {
		slices.SortFunc(c.runs, compareWork)
	}
}

// belongs reports whether an object belongs to the one that it names: it is its own, or nobody's, as after a restore that
// left the owners out.
func belongs(obj, owner metav1.Object) bool {
	return metav1.IsControlledBy(obj, owner) || metav1.GetControllerOf(obj) == nil
}

// loadStarted counts the runs of the last day for the limits, with those that somebody has deleted since: an account
// remembers that they fired.
func (f *Fleet) loadStarted(now time.Time) {
	dayAgo := now.Add(-24 * time.Hour)
	for _, c := range f.all() {
		for i := range c.account.Status.Playbooks {
			e := &c.account.Status.Playbooks[i]
			if e.State != v1alpha1.EpisodeFiring || e.Since == nil || !e.Since.After(dayAgo) || c.has(playbook.EpisodeRunName(c.account.Name, e, f.location)) {
				continue
			}
			if p := f.playbook(e.Name); p != nil && p.err == nil && p.selector.Matches(c.account) {
				f.started[e.Name] = append(f.started[e.Name], e.Since.Time)
			}
		}
	}
	for name, started := range f.started {
		started = slices.DeleteFunc(started, func(at time.Time) bool { return !at.After(dayAgo) })
		slices.SortFunc(started, time.Time.Compare)
		f.started[name] = started
	}
}

// Fork returns a second customer base that is as this one is, and goes its own way from here.
func (f *Fleet) Fork() *Fleet {
	fork := *f
	fork.customers, fork.runs = make(map[string]*customer, len(f.customers)), make(map[string]*work, len(f.runs))
	fork.ordered = make([]*customer, 0, len(f.customers))
	customers, works := make([]customer, len(f.customers)), make([]work, len(f.runs))
	for i, c := range f.all() {
		again := &customers[i]
		*again = *c
		again.runs = slices.Clone(c.runs) // of none, too: there may be room for one
		for k, w := range c.runs {
			works[0] = *w
			again.runs[k], works = &works[0], works[1:]
			fork.runs[w.run.Name] = again.runs[k]
		}
		fork.customers[c.account.Name] = again
		fork.ordered = append(fork.ordered, again)
	}
	fork.setups = map[string]*setup{}
	fork.below, fork.held = maps.Clone(f.below), maps.Clone(f.held)
	fork.started = make(map[string][]time.Time, len(f.started))
	for name, started := range f.started {
		fork.started[name] = slices.Clone(started)
	}
	return &fork
}

// Configure puts other models, playbooks and sources in the place of those that are there, and has the accounts looked at
// again for which that may mean something. What has no read yet moves no score: the operator waits for it, too. The
// objects are those that an API server would have, with their UIDs and generations.
func (f *Fleet) Configure(w *World) []Fault {
	before := f.configuration
	sources := f.changedSources(w)
	f.cautious, f.ended = true, true
	f.sources = w.Sources
	if f.sources == nil {
		f.sources = nothing{}
	}
	faults := f.configure(w, &before)
	maps.DeleteFunc(f.held, func(name string, _ held) bool { return f.playbook(name) == nil })
	touched := changedPlaybooks(&before, &f.configuration)
	f.rename()
	for _, c := range f.all() {
		was, is := before.setupOf(c.account), f.setupOf(c.account)
		c.resourced = c.resourced || sources.among(was.reads) || sources.among(is.reads) || f.awaitsAny(c, sources)
		if c.resourced || was.model != is.model || !slices.Equal(was.playbooks, is.playbooks) || remembersAny(c.account, touched) {
			c.changed = true
		}
		if c.resourced {
			for _, w := range c.runs {
				w.changed = w.changed || playbook.RunOpen(w.run)
			}
		}
	}
	return faults
}

// awaitsAny reports whether work that is under way on an account reads one of some sources, whoever else does.
func (f *Fleet) awaitsAny(c *customer, sources sourceNames) bool {
	return len(sources) > 0 && slices.ContainsFunc(c.runs, func(w *work) bool {
		return playbook.RunOpen(w.run) && sources.among(f.texts.ReadsOf(w.run))
	})
}

// configure takes up models and playbooks. Those that are as they were before are not compiled again.
func (f *Fleet) configure(w *World, before *configuration) (faults []Fault) {
	f.configuration = newConfiguration()
	f.declared, f.dataSources = map[v1alpha1.MetricReference]bool{}, make(map[string]*v1alpha1.DataSource, len(w.DataSources))
	for _, ds := range w.DataSources {
		f.dataSources[ds.Name] = ds
		for i := range ds.Spec.Metrics {
			f.declared[v1alpha1.MetricReference{Source: ds.Name, Metric: ds.Spec.Metrics[i].Name}] = true
		}
	}
	models := make([]*model, len(w.Models))
	for i, m := range w.Models {
		if models[i] = before.sameModel(m); models[i] == nil {
			models[i] = compileModel(m)
		}
		if models[i].err != nil {
			faults = append(faults, Fault{"HealthScoreModel", m.Name, models[i].err})
		}
	}
	f.changeModels(models)
	playbooks := make([]*plan, len(w.Playbooks))
	for i, pb := range w.Playbooks {
		if playbooks[i] = before.samePlaybook(pb); playbooks[i] == nil {
			playbooks[i] = compilePlaybook(pb)
		}
		if playbooks[i].err != nil {
			faults = append(faults, Fault{"Playbook", pb.Name, playbooks[i].err})
		}
	}
	f.changePlaybooks(playbooks)
	return faults
}

// sameModel returns what came of compiling a model, where it is as it was.
func (c *configuration) sameModel(m *v1alpha1.HealthScoreModel) *model {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.models, func(was *model) bool { return was.spec.Name == m.Name })
	if i < 0 || c.models[i].spec.UID != m.UID || c.models[i].spec.Generation != m.Generation || !equality.Semantic.DeepEqual(c.models[i].spec.Spec, m.Spec) {
		return nil
	}
	return c.models[i]
}

// samePlaybook returns what came of compiling a playbook, where it is as it was.
func (c *configuration) samePlaybook(pb *v1alpha1.Playbook) *plan {
	if c == nil {
		return nil
	}
	was := c.playbook(pb.Name)
	if was == nil || was.spec.UID != pb.UID || was.spec.Generation != pb.Generation || !equality.Semantic.DeepEqual(was.spec.Spec, pb.Spec) {
		return nil
	}
	return was
}

// changedPlaybooks names the playbooks that are not what they were, or are gone, or new.
func changedPlaybooks(before, after *configuration) map[string]bool {
	changed := map[string]bool{}
	for _, p := range before.playbooks {
		if after.playbook(p.spec.Name) != p {
			changed[p.spec.Name] = true
		}
	}
	for _, p := range after.playbooks {
		if before.playbook(p.spec.Name) != p {
			changed[p.spec.Name] = true
		}
	}
	return changed
}

// remembersAny reports whether an account has an episode of one of some playbooks.
func remembersAny(a *v1alpha1.Account, playbooks map[string]bool) bool {
	return len(playbooks) > 0 && slices.ContainsFunc(a.Status.Playbooks, func(e v1alpha1.Episode) bool { return playbooks[e.Name] })
}

// sourceNames are names of DataSources.
type sourceNames map[string]bool

// changedSources names the metrics' sources that declare something else than before, or have other rows.
func (f *Fleet) changedSources(w *World) sourceNames {
	changed := sourceNames{}
	before, after := f.dataSources, map[string]*v1alpha1.DataSource{}
	for _, ds := range w.DataSources {
		after[ds.Name] = ds
		if was, ok := before[ds.Name]; !ok || w.Reread[ds.Name] || !equality.Semantic.DeepEqual(was.Spec, ds.Spec) {
			changed[ds.Name] = true
		}
	}
	for name := range before {
		if after[name] == nil {
			changed[name] = true
		}
	}
	return changed
}

// among reports whether one of some metrics is of one of the sources.
func (s sourceNames) among(reads []v1alpha1.MetricReference) bool {
	return len(s) > 0 && slices.ContainsFunc(reads, func(ref v1alpha1.MetricReference) bool { return s[ref.Source] })
}

// nothing is what sources give that nobody has read.
type nothing struct{ Sources }

// Facts are Errored, each of them.
func (nothing) Facts(_ *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	facts := make(value.Facts, len(reads))
	for _, ref := range reads {
		facts[ref] = value.Observation{State: v1alpha1.ValueErrored}
	}
	return facts
}

// Events are none that are known.
func (nothing) Events(*v1alpha1.Account, string) value.Events { return value.Events{} }

// Known is false.
func (nothing) Known(*v1alpha1.Account, v1alpha1.MetricReference) bool { return false }
