package fleet

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// held are the accounts whose run of one playbook does not start, and those of them that a limit holds back.
type held struct {
	runs    []v1alpha1.HeldRun
	byLimit map[string]bool
}

// start makes the runs that are due, as far as the limits and other playbooks allow. It reports whether a playbook holds
// back other runs than before: what a limit holds back inhibits nothing.
func (f *Fleet) start(now time.Time) (changed bool) {
	due := f.due()
	active := f.active(len(due) > 0)
	for _, p := range f.playbooks {
		name := p.spec.Name
		started := slices.DeleteFunc(slices.Clone(f.started[name]), func(at time.Time) bool { return !now.Before(at.Add(24 * time.Hour)) })
		var admission playbook.Admission
		if candidates := due[name]; len(candidates) > 0 {
			admission = f.admit(p, candidates, active[name], len(started))
		}
		changed = changed || !slices.Equal(f.held[name].runs, admission.Held)
		f.held[name] = heldBack(admission.Held)
		f.started[name] = started
		for _, accountName := range admission.Start {
			f.startOne(p, f.customers[accountName], now)
		}
		if started := f.started[name]; len(f.held[name].byLimit) > 0 && len(started) > 0 {
			f.changesAt(started[0].Add(24 * time.Hour)) // a place of the day becomes free
		}
	}
	return changed
}

// heldBack sorts out what a limit holds back.
func heldBack(runs []v1alpha1.HeldRun) held {
	h := held{runs: runs}
	for _, run := range runs {
		if run.Reason == v1alpha1.HeldLimitReached {
			if h.byLimit == nil {
				h.byLimit = make(map[string]bool, len(runs))
			}
			h.byLimit[run.Account] = true
		}
	}
	return h
}

// due returns the accounts on which a run of a playbook is due, by playbook.
func (f *Fleet) due() map[string][]*customer {
	due := map[string][]*customer{}
	for _, c := range f.all() {
		if c.stale {
			c.startable, c.stale = f.startableOn(c), false
		}
		for _, name := range c.startable {
			due[name] = append(due[name], c)
		}
	}
	return due
}

// startableOn names the playbooks whose run is due on an account and may start.
func (f *Fleet) startableOn(c *customer) []string {
	var names []string
	for _, name := range c.due {
		if p := f.playbook(name); p != nil && f.isDue(p, c) {
			names = append(names, name)
		}
	}
	return names
}

// active counts the runs with open work by playbook, where somebody asks.
func (f *Fleet) active(asked bool) map[string]int {
	active := map[string]int{}
	if asked {
		for _, w := range f.runs {
			if playbook.RunOpen(w.run) {
				active[w.playbook]++
			}
		}
	}
	return active
}

// isDue reports whether an episode of a playbook on an account is Due and has no run yet.
func (f *Fleet) isDue(p *plan, c *customer) bool {
	if p.err != nil || !slices.Contains(c.due, p.spec.Name) || !p.selector.Matches(c.account) || c.open(p.spec.Name) {
		return false
	}
	episode := playbook.DueEpisode(c.account, p.spec.Name)
	return episode != nil && !c.has(playbook.EpisodeRunName(c.account.Name, episode, f.location))
}

// starts reports whether a run of a playbook on the account is due, and may start.
func (c *customer) starts(f *Fleet, p *plan) bool {
	if c.stale {
		return f.isDue(p, c) // a run has started in this very round
	}
	return slices.Contains(c.startable, p.spec.Name)
}

// has reports whether a run is there, as it would be called had its playbook always had its name.
func (c *customer) has(runName string) bool {
	return slices.ContainsFunc(c.runs, func(w *work) bool { return w.name == runName })
}

// open reports whether a run of a playbook on the account has open work.
func (c *customer) open(playbookName string) bool {
	return slices.ContainsFunc(c.runs, func(w *work) bool {
		return w.playbook == playbookName && playbook.RunOpen(w.run)
	})
}

// admit asks the limits, and the playbooks that inhibit this one, which of the runs that are due may start.
func (f *Fleet) admit(p *plan, due []*customer, active, today int) playbook.Admission {
	in := playbook.AdmitInput{Suspended: p.spec.Spec.Suspend, Active: active, StartedToday: today, Limits: p.spec.Spec.Limits}
	inhibitors := f.inhibitors(p)
	for _, c := range due {
		candidate := playbook.Candidate{Account: c.account.Name, ARR: account.ARR(c.account)}
		if len(p.spec.Spec.InhibitedBy) > 0 {
			standings := playbook.Standings{}
			for _, name := range inhibitors {
				standings[name] = f.standing(name, c)
			}
			candidate.InhibitedBy = standings.Inhibitor(p.spec.Name)
		}
		in.Candidates = append(in.Candidates, candidate)
	}
	return playbook.Admit(in)
}

// inhibitors names a playbook, and those that inhibit it, directly or through others.
func (f *Fleet) inhibitors(p *plan) []string {
	names := []string{p.spec.Name}
	for i := 0; i < len(names); i++ {
		other := f.playbook(names[i])
		if other == nil {
			continue // its work goes on, and inhibits
		}
		for _, name := range f.renames.NowAll(other.spec.Spec.InhibitedBy) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// standing says where a playbook stands on an account.
func (f *Fleet) standing(name string, c *customer) playbook.Standing {
	standing := playbook.Standing{Open: c.open(name)}
	if p := f.playbook(name); p != nil {
		standing.InhibitedBy = f.renames.NowAll(p.spec.Spec.InhibitedBy)
		standing.Due = !p.spec.Spec.Suspend && !f.held[name].byLimit[c.account.Name] && c.starts(f, p)
	}
	return standing
}

// startOne makes the run of an account's episode that is Due. It makes none where the account has moved on since.
func (f *Fleet) startOne(p *plan, c *customer, now time.Time) {
	run, err := p.compiled.NewEpisodeRun(f.viewOf(c, now), *playbook.DueEpisode(c.account, p.spec.Name))
	if err != nil {
		return
	}
	run.UID, run.CreationTimestamp, run.Generation = types.UID(run.Name), stamp(now), 1
	f.add(c, &work{run: run, changed: true})
}
