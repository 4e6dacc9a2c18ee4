package playbook

import (
	"cmp"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// MaxEpisodes is how many episodes an account's status remembers.
const MaxEpisodes = 32

// Watching is one playbook of those that are there.
type Watching struct {
	// Name of the playbook.
	Name string
	// Playbook as it is compiled; nil where it cannot be: nobody can judge its triggers then.
	Playbook *Playbook
}

// EpisodesInput is what the episodes of an account follow from.
type EpisodesInput struct {
	// View is what the playbooks see of the account, and its Now. The account's status holds the episodes as they were.
	View View
	// Playbooks are all that are there.
	Playbooks []Watching
	// Runs are those of the account, whichever playbook started them.
	Runs []v1alpha1.PlaybookRun
	// Renames say what playbooks were called when they started them.
	Renames *Renames
}

// Episodes decides where the episodes of each playbook on an account stand, sorted, and the moment at which one may change
// by itself; the zero time means never. left are the playbooks that the status has no room for. A playbook that was renamed
// goes on where it was under its previous name.
func Episodes(in EpisodesInput) (episodes []v1alpha1.Episode, left []string, next time.Time) {
	in = in.renamed()
	memory := make(map[episodeKey]*v1alpha1.Episode, len(in.View.Account.Status.Playbooks))
	for i := range in.View.Account.Status.Playbooks {
		e := &in.View.Account.Status.Playbooks[i]
		memory[keyOf(e)] = e
	}
	var added, gone []v1alpha1.Episode
	known := make([]v1alpha1.Episode, 0, len(memory)+len(in.Playbooks))
	for _, p := range in.Playbooks {
		decided, at := in.decideAll(p, memory)
		next = value.Earliest(next, at)
		for _, e := range decided {
			if _, ok := memory[keyOf(&e)]; ok {
				known = append(known, e)
			} else {
				added = append(added, e)
			}
			delete(memory, keyOf(&e))
		}
	}
	// A playbook that is gone may come back: that work was made for it must not be forgotten while there is room.
	for _, key := range slices.SortedFunc(maps.Keys(memory), compareKeys) {
		if memory[key].Sequence > 0 {
			gone = append(gone, *Unjudged(memory[key], in.View.Now))
		}
	}
	// What has a memory comes first: nothing new pushes any of it out.
	episodes = append(known, added...)
	if len(episodes) > MaxEpisodes {
		for _, e := range episodes[MaxEpisodes:] {
			left = append(left, e.Name)
		}
	}
	episodes = append(episodes, gone...)
	episodes = episodes[:min(len(episodes), MaxEpisodes)]
	slices.SortFunc(episodes, func(a, b v1alpha1.Episode) int { return compareKeys(keyOf(&a), keyOf(&b)) })
	return episodes, slices.Compact(left), next
}

// decideAll moves a playbook's episodes on. At most one run of a playbook is under way on an account: what is Due in one
// episode keeps the others waiting.
func (in EpisodesInput) decideAll(w Watching, memory map[episodeKey]*v1alpha1.Episode) ([]v1alpha1.Episode, time.Time) {
	remembered := EpisodesOf(in.View.Account, w.Name)
	if w.Playbook == nil {
		var unjudged []v1alpha1.Episode
		for _, e := range remembered {
			unjudged = append(unjudged, *Unjudged(e, in.View.Now))
		}
		return unjudged, time.Time{}
	}
	if in.Renames.WaitsFor(w.Name) != "" {
		var left []v1alpha1.Episode
		for _, e := range remembered {
			left = append(left, *in.unwatched(e))
		}
		return left, time.Time{}
	}
	if only, ok := w.Playbook.only(remembered); ok {
		e, next := in.decideOne(w.Playbook, only, memory[only], in.othersOf(nil, only))
		if e == nil {
			return nil, next
		}
		return []v1alpha1.Episode{*e}, next
	}
	now := map[episodeKey]*v1alpha1.Episode{}
	for _, e := range remembered {
		key := keyOf(e)
		if !w.Playbook.watches(key) {
			e = in.unwatched(e)
			memory[key] = e
		}
		now[key] = e
	}
	keys := slices.Clone(w.Playbook.keys)
	// What is Due already is asked first: the others wait only if it stays so.
	slices.SortStableFunc(keys, func(a, b episodeKey) int { return cmp.Compare(dueFirst(now[a]), dueFirst(now[b])) })
	var decided []v1alpha1.Episode
	var next time.Time
	for _, key := range keys {
		e, at := in.decideOne(w.Playbook, key, memory[key], in.othersOf(now, key))
		next = value.Earliest(next, at)
		delete(now, key)
		if e != nil {
			now[key] = e
			decided = append(decided, *e)
		}
	}
	return decided, next
}

// only returns the key of the one episode of a playbook that has one, where nothing of another is remembered.
func (p *Playbook) only(remembered []*v1alpha1.Episode) (episodeKey, bool) {
	if len(p.keys) != 1 || len(remembered) > 1 || len(remembered) == 1 && keyOf(remembered[0]) != p.keys[0] {
		return episodeKey{}, false
	}
	return p.keys[0], true
}

// dueFirst sorts an episode that is Due before others, and before one that nothing remembers.
func dueFirst(e *v1alpha1.Episode) int {
	if e != nil && e.State == v1alpha1.EpisodeDue {
		return 0
	}
	return 1
}

// unwatched returns an episode that no trigger of its playbook is about any more. A run that was Due does not start, and
// keeps nothing else waiting; work that is under way ends, and the cooldown counts from then.
func (in EpisodesInput) unwatched(e *v1alpha1.Episode) *v1alpha1.Episode {
	e = e.DeepCopy()
	e.Pending = nil // nobody looks whether it still holds
	now := seconds(in.View.Now)
	for _, run := range in.runsOf(keyOf(e)) {
		take(e, run.ObservedTime, rememberedOf(e)) // the trigger may come back
	}
	name := EpisodeRunName(in.View.Account.Name, e, in.View.Location)
	i := slices.IndexFunc(in.Runs, func(run v1alpha1.PlaybookRun) bool { return run.Name == name })
	switch {
	case e.State == v1alpha1.EpisodeDue && i >= 0:
		enter(e, v1alpha1.EpisodeFiring, now)
		e.EndedTime = nil
	case e.State == v1alpha1.EpisodeDue:
		enter(e, v1alpha1.EpisodePending, now)
		e.Sequence--
	}
	if e.State == v1alpha1.EpisodeFiring && e.EndedTime == nil && (i < 0 || !RunOpen(&in.Runs[i])) {
		e.EndedTime = &metav1.Time{Time: now}
		if i >= 0 && in.Runs[i].Status.EndedTime != nil {
			e.EndedTime = in.Runs[i].Status.EndedTime.DeepCopy()
		}
	}
	return e
}

// others is what matters to one episode of all that its playbook does on the account.
type others struct {
	// due means that another episode is about to start its run.
	due bool
	// open means that a run has open work, whichever episode it is of.
	open bool
	// ended is when the latest work ended, as far as the other episodes and the runs know; zero: never.
	ended time.Time
}

// othersOf sums up what a playbook does on the account beside one of its episodes.
func (in EpisodesInput) othersOf(episodes map[episodeKey]*v1alpha1.Episode, but episodeKey) others {
	var o others
	note := func(ended time.Time) {
		if ended.After(o.ended) {
			o.ended = ended
		}
	}
	for i := range in.Runs {
		run := &in.Runs[i]
		switch {
		case run.Spec.PlaybookRef.Name != but.playbook:
		case RunOpen(run):
			o.open = true
		default:
			note(timeOf(run.Status.EndedTime)) // of work that no episode remembers, too
		}
	}
	for key, e := range episodes {
		if key == but {
			continue
		}
		o.due = o.due || e.State == v1alpha1.EpisodeDue
		note(timeOf(e.EndedTime))
		fires := e.State == v1alpha1.EpisodeFiring && e.EndedTime == nil
		if fires && !in.exists(EpisodeRunName(in.View.Account.Name, e, in.View.Location)) {
			note(seconds(in.View.Now)) // a person has deleted its run: the work has ended, which it is about to note itself
		}
	}
	return o
}

// exists reports whether a run is there.
func (in EpisodesInput) exists(name string) bool {
	return slices.ContainsFunc(in.Runs, func(run v1alpha1.PlaybookRun) bool { return run.Name == name })
}

// decideOne moves one episode on.
func (in EpisodesInput) decideOne(p *Playbook, key episodeKey, memory *v1alpha1.Episode, o others) (*v1alpha1.Episode, time.Time) {
	switch {
	case key.every != "":
		return p.DecidePeriod(PeriodInput{
			Memory: memory, Trigger: key.every, View: in.View, Runs: in.runsOf(key), Busy: o.due || o.open, Ended: o.ended,
		})
	case key.metric.Source != "":
		view := in.View
		if view.Facts[key.metric].Type == "" {
			view.Events = nil // the source does not declare the metric: that no row has one says nothing
		}
		return p.DecideObservation(ObservationInput{
			Memory: memory, Metric: key.metric, View: view, Runs: in.runsOf(key), Busy: o.due || o.open, Ended: o.ended,
		})
	default:
		return in.decideState(p, memory, o)
	}
}

// decideState moves on the episode of the states that a playbook watches.
func (in EpisodesInput) decideState(p *Playbook, memory *v1alpha1.Episode, o others) (*v1alpha1.Episode, time.Time) {
	if memory == nil && account.Churned(in.View.Account) {
		return nil, time.Time{} // No playbook watches it: the first to see it will be one that does when it is won back.
	}
	triggers, next := p.Conditions(in.View)
	if in.View.Now.Before(in.View.Settled) && !account.Churned(in.View.Account) && (memory == nil || MayEnd(memory)) {
		triggers, next = unsettled(triggers), value.Earliest(next, in.View.Settled)
	}
	decision := DecideInput{Memory: memory, Triggers: triggers, Now: in.View.Now, OpenRun: o.open, Ended: o.ended}
	for i := range in.Runs {
		run := &in.Runs[i]
		if run.Spec.PlaybookRef.Name != p.name || run.Spec.Observation != nil || run.Spec.Period != "" {
			continue
		}
		decision.MaxSequence = max(decision.MaxSequence, run.Spec.Sequence)
		decision.RunExists = decision.RunExists || memory != nil && run.Spec.Sequence == memory.Sequence
	}
	episode, at := p.Decide(decision)
	if o.due && episode != nil && episode.State == v1alpha1.EpisodeDue {
		// It waits as if that run had begun, but no work has: its own stays as it ended.
		ended := episode.EndedTime
		decision.OpenRun = true
		episode, at = p.Decide(decision)
		episode.EndedTime = ended
	}
	return episode, value.Earliest(next, at)
}

// MayEnd reports whether it matters to an episode that a trigger ceases to hold.
func MayEnd(e *v1alpha1.Episode) bool { return e.State != v1alpha1.EpisodeClear || len(e.Armed) > 0 }

// unsettled are triggers while the configuration changes: one commit is one change, and what it looks like after half of it
// clears nothing.
func unsettled(triggers []TriggerResult) []TriggerResult {
	for i := range triggers {
		if triggers[i].Truth == False {
			triggers[i].Truth = Unknown
		}
	}
	return triggers
}

// runsOf returns the runs that the observations, or the periods, of one episode started.
func (in EpisodesInput) runsOf(key episodeKey) []ObservationRun {
	var runs []ObservationRun
	for i := range in.Runs {
		run := &in.Runs[i]
		if run.Spec.PlaybookRef.Name != key.playbook {
			continue
		}
		if at, ok := happened(run, key, in.View.location()); ok {
			runs = append(runs, ObservationRun{
				ObservedTime: at, Sequence: run.Spec.Sequence, Open: RunOpen(run), Ended: timeOf(run.Status.EndedTime),
			})
		}
	}
	return runs
}

// happened returns when the observation was made, or the period began, that started a run of an episode; false where the
// run is of another episode.
func happened(run *v1alpha1.PlaybookRun, key episodeKey, zone *time.Location) (time.Time, bool) {
	if key.every != "" {
		at, err := value.ParseDateIn(run.Spec.Period, zone)
		return at, err == nil && run.Spec.Trigger == key.every
	}
	of := run.Spec.Observation
	if of == nil || of.Source != key.metric.Source || of.Metric != key.metric.Metric {
		return time.Time{}, false
	}
	return of.ObservedTime.Time, true
}

// NewEpisodeRun makes the run of an account's episode that is Due, whatever the episode is about. It is an error where it
// is not, or not any more.
func (p *Playbook) NewEpisodeRun(v View, e v1alpha1.Episode) (*v1alpha1.PlaybookRun, error) {
	switch {
	case e.Every != "":
		return p.NewPeriodRun(v, e)
	case e.Source != "":
		return p.NewObservationRun(v, e)
	}
	triggers, _ := p.Conditions(v)
	return p.NewRun(v, e, triggers)
}
