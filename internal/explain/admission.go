package explain

import (
	"maps"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// maxRounds is how often it is asked again who may start: what a limit holds back inhibits nothing, and so lets others go.
const maxRounds = 20

// admissions asks the limits, and the playbooks that inhibit others, which of the runs that are due may start now.
func (l *look) admissions() map[string]playbook.Admission {
	if l.admitted != nil {
		return l.admitted
	}
	held := map[string][]v1alpha1.HeldRun{}
	for range maxRounds {
		l.admitted = map[string]playbook.Admission{}
		changed := false
		for _, name := range l.names() {
			admission := l.admit(l.plays[name], held)
			l.admitted[name] = admission
			changed = changed || !slices.Equal(held[name], admission.Held)
			held[name] = admission.Held
		}
		if !changed {
			break
		}
	}
	return l.admitted
}

// admit asks the limits of one playbook.
func (l *look) admit(p *play, held map[string][]v1alpha1.HeldRun) playbook.Admission {
	in := playbook.AdmitInput{Suspended: p.spec.Spec.Suspend, Limits: p.spec.Spec.Limits}
	in.Active, in.StartedToday = l.counts(p.spec.Name)
	for _, name := range slices.Sorted(maps.Keys(l.accounts)) {
		s := l.see(l.accounts[name])
		if !l.due(p, s) {
			continue
		}
		c := playbook.Candidate{Account: name, ARR: account.ARR(s.account)}
		if len(p.spec.Spec.InhibitedBy) > 0 {
			c.InhibitedBy = l.standings(s, held).Inhibitor(p.spec.Name)
		}
		in.Candidates = append(in.Candidates, c)
	}
	return playbook.Admit(in)
}

// use is what is used of a playbook's limits.
type use struct{ active, today int }

// counts are the runs of a playbook with open work, and those that began within a day. Those count too that somebody has
// deleted since: the account remembers that it fired.
func (l *look) counts(playbookName string) (active, today int) {
	if u, ok := l.used[playbookName]; ok {
		return u.active, u.today
	}
	var u use
	dayAgo := l.now.Add(-24 * time.Hour)
	for _, run := range l.world.Runs {
		if l.playbookOf(run) != playbookName {
			continue
		}
		if playbook.RunOpen(run) {
			u.active++
		}
		if run.CreationTimestamp.Time.After(dayAgo) {
			u.today++
		}
	}
	p := l.plays[playbookName]
	for _, a := range l.world.Accounts {
		for _, e := range playbook.EpisodesOf(a, playbookName) {
			fired := e.State == v1alpha1.EpisodeFiring && e.Since != nil && e.Since.After(dayAgo)
			if fired && p.compiled != nil && p.selector.Matches(a) && !l.exists(a.Name, e) {
				u.today++
			}
		}
	}
	l.used[playbookName] = u
	return u.active, u.today
}

// exists reports whether the run of an account's episode is there.
func (l *look) exists(accountName string, e *v1alpha1.Episode) bool {
	name := playbook.EpisodeRunName(accountName, e, l.zone)
	return slices.ContainsFunc(l.runs[accountName], func(run *v1alpha1.PlaybookRun) bool {
		return playbook.RunNameUnder(run, l.playbookOf(run)) == name
	})
}

// due reports whether an episode of a playbook on an account is Due and has no run yet.
func (l *look) due(p *play, s *sight) bool {
	episode := playbook.DueEpisode(s.account, p.spec.Name)
	return episode != nil && p.compiled != nil && p.selector.Matches(s.account) && s.account.DeletionTimestamp.IsZero() &&
		!l.exists(s.account.Name, episode) && s.open(p.spec.Name) == nil
}

// standings say where each playbook stands on an account, those too that are gone and left a run with open work.
func (l *look) standings(s *sight, held map[string][]v1alpha1.HeldRun) playbook.Standings {
	standings := playbook.Standings{}
	for i := range s.runs {
		if playbook.RunOpen(&s.runs[i]) {
			standings[l.playbookOf(&s.runs[i])] = playbook.Standing{Open: true}
		}
	}
	for name, p := range l.plays {
		limited := slices.Contains(held[name], v1alpha1.HeldRun{Account: s.account.Name, Reason: v1alpha1.HeldLimitReached})
		standings[name] = playbook.Standing{
			InhibitedBy: l.renames.NowAll(p.spec.Spec.InhibitedBy), Open: s.open(name) != nil, Due: !p.spec.Spec.Suspend && !limited && l.due(p, s),
		}
	}
	return standings
}

// unsettled names an object of the configuration on whose present state the operator has not acted yet; empty where there is
// none. Nothing starts until it has, and for a while after.
func (l *look) unsettled() string {
	for _, p := range l.world.Playbooks {
		if p.Status.ObservedGeneration != p.Generation {
			return "Playbook/" + p.Name
		}
	}
	for _, m := range l.world.Models {
		if m.Status.ObservedGeneration != m.Generation {
			return "HealthScoreModel/" + m.Name
		}
	}
	for _, d := range l.world.DataSources {
		if d.Status.ObservedGeneration != d.Generation {
			return "DataSource/" + d.Name
		}
	}
	return ""
}
