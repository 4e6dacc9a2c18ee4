package fleet

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// start makes the runs that are due, as far as the limits and other playbooks allow. It reports whether a playbook holds
// back other runs than before: what a limit holds back inhibits nothing.
func (f *Fleet) start(now time.Time) (changed bool) {
	for _, name := range f.sorted() {
		p := f.playbooks[name]
		p.started = slices.DeleteFunc(p.started, func(at time.Time) bool { return !now.Before(at.Add(24 * time.Hour)) })
		var admission playbook.Admission
		if due := f.due(p); len(due) > 0 {
			admission = f.admit(p, due)
		}
		changed = changed || !slices.Equal(p.held, admission.Held)
		p.held = admission.Held
		for _, accountName := range admission.Start {
			if f.startOne(p, f.customers[accountName], now) {
				p.started = append(p.started, now)
			}
		}
		if slices.ContainsFunc(p.held, func(h v1alpha1.HeldRun) bool { return h.Reason == v1alpha1.HeldLimitReached }) && len(p.started) > 0 {
			f.changesAt(p.started[0].Add(24 * time.Hour)) // a place of the day becomes free
		}
		f.playbooks[name] = p
	}
	return changed
}

// due returns the accounts on which a run of a playbook is due, the largest first.
func (f *Fleet) due(p plan) []*v1alpha1.Account {
	var due []*v1alpha1.Account
	for _, c := range f.customers {
		if f.isDue(p, c) {
			due = append(due, c.account)
		}
	}
	slices.SortFunc(due, compareARR)
	return due
}

// isDue reports whether an episode of a playbook on an account is Due and has no run yet.
func (f *Fleet) isDue(p plan, c *customer) bool {
	episode := playbook.DueEpisode(c.account, p.spec.Name)
	if episode == nil || !p.compiled.Selector().Matches(c.account) {
		return false
	}
	_, made := c.runs[playbook.EpisodeRunName(c.account.Name, episode, f.location)]
	return !made && !c.open(p.spec.Name)
}

// open reports whether a run of a playbook on the account has open work.
func (c *customer) open(playbookName string) bool {
	for _, w := range c.runs {
		if w.run.Spec.PlaybookRef.Name == playbookName && playbook.RunOpen(w.run) {
			return true
		}
	}
	return false
}

// admit asks the limits, and the playbooks that inhibit this one, which of the runs that are due may start.
func (f *Fleet) admit(p plan, due []*v1alpha1.Account) playbook.Admission {
	in := playbook.AdmitInput{Suspended: p.spec.Spec.Suspend, StartedToday: len(p.started), Limits: p.spec.Spec.Limits}
	for _, w := range f.runs {
		if w.run.Spec.PlaybookRef.Name == p.spec.Name && playbook.RunOpen(w.run) {
			in.Active++
		}
	}
	for _, a := range due {
		c := playbook.Candidate{Account: a.Name, ARR: account.ARR(a)}
		if len(p.spec.Spec.InhibitedBy) > 0 {
			c.InhibitedBy = f.standings(f.customers[a.Name]).Inhibitor(p.spec.Name)
		}
		in.Candidates = append(in.Candidates, c)
	}
	return playbook.Admit(in)
}

// standings say where each playbook stands on an account.
func (f *Fleet) standings(c *customer) playbook.Standings {
	standings := playbook.Standings{}
	for name, p := range f.playbooks {
		limited := slices.ContainsFunc(p.held, func(h v1alpha1.HeldRun) bool {
			return h.Account == c.account.Name && h.Reason == v1alpha1.HeldLimitReached
		})
		standings[name] = playbook.Standing{
			InhibitedBy: p.spec.Spec.InhibitedBy, Open: c.open(name),
			Due: !p.spec.Spec.Suspend && !limited && f.isDue(p, c),
		}
	}
	return standings
}

// startOne makes the run of an account's episode that is Due. It makes none where the account has moved on since.
func (f *Fleet) startOne(p plan, c *customer, now time.Time) bool {
	episode := playbook.DueEpisode(c.account, p.spec.Name)
	run, err := p.compiled.NewEpisodeRun(f.view(c, c.account.Status.Health, now), *episode)
	if err != nil {
		return false
	}
	run.UID, run.CreationTimestamp, run.Generation = types.UID(run.Name), stamp(now), 1
	f.add(c, &work{run: run, changed: true})
	return true
}
