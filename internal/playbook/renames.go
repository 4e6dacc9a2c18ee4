package playbook

import (
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Renames say what playbooks that were renamed are called now. Nil knows of none. It is not changed once it is made, and
// safe for concurrent use.
type Renames struct {
	// now is what the playbook of a name that is in use no more is called.
	now map[string]string
	// waits are the previous names of a playbook that are still in use.
	waits map[string][]string
}

// RenamesOf reads the previous names of the playbooks that are there. A name that is in use is nobody's previous one yet.
// Where two claim the same, one that need not wait has it before one that does, and then the first by name: of a playbook
// that is renamed a second time the work stays with the name that it has until that is gone.
func RenamesOf(playbooks []*v1alpha1.Playbook) *Renames {
	if !slices.ContainsFunc(playbooks, func(pb *v1alpha1.Playbook) bool { return len(pb.Spec.PreviousNames) > 0 }) {
		return nil
	}
	r := &Renames{now: map[string]string{}, waits: map[string][]string{}}
	used := make(map[string]bool, len(playbooks))
	for _, pb := range playbooks {
		used[pb.Name] = true
	}
	for _, pb := range playbooks {
		for _, previous := range pb.Spec.PreviousNames {
			if used[previous] {
				r.waits[pb.Name] = append(r.waits[pb.Name], previous)
			}
		}
	}
	for _, pb := range playbooks {
		for _, previous := range pb.Spec.PreviousNames {
			if other, claimed := r.now[previous]; !used[previous] && (!claimed || r.before(pb.Name, other)) {
				r.now[previous] = pb.Name
			}
		}
	}
	return r
}

// RenamesByNamespace reads the previous names of playbooks of several namespaces.
func RenamesByNamespace(playbooks []*v1alpha1.Playbook) map[string]*Renames {
	in := map[string][]*v1alpha1.Playbook{}
	for _, pb := range playbooks {
		in[pb.Namespace] = append(in[pb.Namespace], pb)
	}
	renames := make(map[string]*Renames, len(in))
	for namespace := range in {
		renames[namespace] = RenamesOf(in[namespace])
	}
	return renames
}

// before reports whether one playbook has a name that another one claims too.
func (r *Renames) before(one, other string) bool {
	if waits, others := len(r.waits[one]) > 0, len(r.waits[other]) > 0; waits != others {
		return others
	}
	return one < other
}

// Now returns what a playbook is called now.
func (r *Renames) Now(name string) string {
	if r != nil {
		if now, renamed := r.now[name]; renamed {
			return now
		}
	}
	return name
}

// NowAll returns what playbooks are called now. One that waits for a name of its own stands for the playbook of that name
// too, which still has the work.
func (r *Renames) NowAll(names []string) []string {
	if r == nil {
		return names
	}
	var now []string
	for _, name := range names {
		now = append(now, r.Now(name))
		now = append(now, r.waits[r.Now(name)]...)
	}
	return now
}

// WaitsFor returns a previous name of a playbook under which there still is a playbook: until that is deleted the work is
// that one's, and nobody judges the triggers of the new one. Empty where it need not wait.
func (r *Renames) WaitsFor(name string) string {
	if r == nil || len(r.waits[name]) == 0 {
		return ""
	}
	return r.waits[name][0]
}

// Names returns the names under which runs of a playbook were started: its own, and those that it had.
func (r *Renames) Names(name string) []string {
	names := []string{name}
	if r != nil {
		for previous, now := range r.now {
			if now == name {
				names = append(names, previous)
			}
		}
		slices.Sort(names[1:])
	}
	return names
}

// Called returns the names by which others may mean the playbook that started a run: what it is called now, what it was
// called, and what those are called that wait for one of these names.
func (r *Renames) Called(name string) []string {
	names := r.Names(r.Now(name))
	if r != nil {
		had := slices.Clone(names)
		for waiting, previous := range r.waits {
			if !slices.Contains(names, waiting) && slices.ContainsFunc(previous, func(name string) bool { return slices.Contains(had, name) }) {
				names = append(names, waiting)
			}
		}
		slices.Sort(names[1:])
	}
	return names
}

// RunNameUnder returns the name that a run would have, had a playbook of this name started it.
func RunNameUnder(run *v1alpha1.PlaybookRun, playbookName string) string {
	accountName := run.Spec.AccountRef.Name
	switch of := run.Spec.Observation; {
	case playbookName == run.Spec.PlaybookRef.Name:
		return run.Name
	case of != nil:
		return ObservationRunName(accountName, playbookName, v1alpha1.MetricReference{Source: of.Source, Metric: of.Metric}, of.ObservedTime.Time)
	case run.Spec.Period != "":
		return PeriodRunName(accountName, playbookName, run.Spec.Trigger, run.Spec.Period)
	default:
		return RunName(accountName, playbookName, run.Spec.Sequence)
	}
}

// renamed is the input as it were, had every playbook always had the name that it has now.
func (in EpisodesInput) renamed() EpisodesInput {
	if in.Renames == nil || len(in.Renames.now) == 0 {
		return in
	}
	in.View.Account = in.Renames.account(in.View.Account)
	var runs []v1alpha1.PlaybookRun
	for i := range in.Runs {
		now := in.Renames.Now(in.Runs[i].Spec.PlaybookRef.Name)
		if now == in.Runs[i].Spec.PlaybookRef.Name {
			continue
		}
		if runs == nil {
			runs = slices.Clone(in.Runs)
		}
		runs[i].Name = RunNameUnder(&in.Runs[i], now)
		runs[i].Spec.PlaybookRef.Name = now
	}
	if runs != nil {
		in.Runs = runs
	}
	return in
}

// account returns an account that remembers its episodes under the names of now.
func (r *Renames) account(a *v1alpha1.Account) *v1alpha1.Account {
	var episodes, earlier []v1alpha1.Episode
	for _, e := range a.Status.Playbooks {
		if now := r.Now(e.Name); now != e.Name {
			e.Name = now
			earlier = append(earlier, e)
		} else {
			episodes = append(episodes, e)
		}
	}
	if len(earlier) == 0 {
		return a
	}
	// Of two names that it had the one that moved last comes first.
	slices.SortStableFunc(earlier, func(a, b v1alpha1.Episode) int { return timeOf(b.Since).Compare(timeOf(a.Since)) })
	for _, e := range earlier {
		i := slices.IndexFunc(episodes, func(other v1alpha1.Episode) bool { return keyOf(&other) == keyOf(&e) })
		if i < 0 {
			episodes = append(episodes, e)
		} else {
			episodes[i] = joined(episodes[i], e)
		}
	}
	again := *a
	again.Status.Playbooks = episodes
	return &again
}

// joined is what a playbook remembers that began anew under its name, before it said what it was called. If it has started
// nothing since it goes on where it was. Otherwise it stands where it does, and counts on from the runs of both.
func joined(e, earlier v1alpha1.Episode) v1alpha1.Episode {
	own, before := made(&e), made(&earlier)
	switch {
	case before == 0:
		return e
	case own == 0:
		return earlier
	}
	if e.EndedTime != nil && timeOf(earlier.EndedTime).After(e.EndedTime.Time) {
		e.EndedTime = earlier.EndedTime
	}
	if before > own {
		if e.ClearedSequence == own {
			e.ClearedSequence = before // what has cleared since its last run has for those before
		}
		e.Sequence += before - own
	}
	return e
}

// made returns the number of the last run that an episode made.
func made(e *v1alpha1.Episode) int64 {
	if e.State == v1alpha1.EpisodeDue {
		return e.Sequence - 1
	}
	return e.Sequence
}
