package fleet

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// UseAccount adds an account, or changes its metadata and spec, as SetAccount does, and shares it: nobody may change it any
// more.
func (f *Fleet) UseAccount(a *v1alpha1.Account) { f.put(withUID(a)) }

// Freeze has facts grow no older from a moment on, but those that are too old already.
func (f *Fleet) Freeze(at time.Time) { f.frozen = at.UTC().Truncate(time.Second) }

// Blind reports whether an account's health stands because its model reads what nothing is known of yet.
func (f *Fleet) Blind(accountName string) bool {
	c, ok := f.customers[accountName]
	return ok && c.blind
}

// Unknown returns the metrics that an account's model and playbooks read, that a source declares, and of which no read has
// given anything yet.
func (f *Fleet) Unknown(accountName string) []v1alpha1.MetricReference {
	if c, ok := f.customers[accountName]; ok {
		return c.unknown
	}
	return nil
}

// Under returns the model that is the one for an account, nil where none is, and the playbooks that work and select it. They
// are the fleet's own.
func (f *Fleet) Under(accountName string) (*v1alpha1.HealthScoreModel, []*v1alpha1.Playbook) {
	c, ok := f.customers[accountName]
	if !ok {
		return nil, nil
	}
	s := f.setupOf(c.account)
	playbooks := make([]*v1alpha1.Playbook, len(s.playbooks))
	for i, p := range s.playbooks {
		playbooks[i] = p.spec
	}
	if s.model == nil {
		return nil, playbooks
	}
	return s.model.spec, playbooks
}

// Wait is a run that starts later if nothing changes until then.
type Wait struct {
	Playbook, Trigger string
	// At is when; zero where more than time has to pass: an earlier run has open work, say.
	At time.Time
}

// Waiting returns the runs that wait on an account for their trigger's `for`, or for a cooldown.
func (f *Fleet) Waiting(a *v1alpha1.Account) []Wait {
	var waits []Wait
	for i := range a.Status.Playbooks {
		e := &a.Status.Playbooks[i]
		if e.State != v1alpha1.EpisodePending {
			continue
		}
		p := f.playbook(e.Name)
		if p == nil || p.err != nil || !p.selector.Matches(a) {
			continue
		}
		if trigger, at, ok := p.compiled.Waits(e); ok {
			waits = append(waits, Wait{Playbook: e.Name, Trigger: trigger, At: at})
		}
	}
	return slices.CompactFunc(waits, func(a, b Wait) bool { return a.Playbook == b.Playbook && a.Trigger == b.Trigger })
}

// RunOf returns a run; nil where there is none of this name.
func (f *Fleet) RunOf(name string) *v1alpha1.PlaybookRun {
	if w, ok := f.runs[name]; ok {
		return w.run
	}
	return nil
}

// Open reports whether a run of a playbook on an account has open work.
func (f *Fleet) Open(accountName, playbookName string) bool {
	c, ok := f.customers[accountName]
	return ok && slices.ContainsFunc(c.runs, func(w *work) bool {
		return w.playbook == playbookName && playbook.RunOpen(w.run)
	})
}

// NowCalled returns what a playbook is called now: another name, where it was renamed.
func (f *Fleet) NowCalled(playbookName string) string { return f.renames.Now(playbookName) }
