package controllers

import (
	"cmp"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxEpisodes is how many episodes an account's status remembers.
const maxEpisodes = 32

// episodeKey names one of an account's episodes: a playbook's, or that of the observations of one metric. The metric is
// empty for what watches a state.
type episodeKey struct {
	playbook string
	metric   v1alpha1.MetricReference
}

func keyOf(e *v1alpha1.Episode) episodeKey {
	return episodeKey{e.Name, v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}}
}

func compareKeys(a, b episodeKey) int {
	return cmp.Or(cmp.Compare(a.playbook, b.playbook), cmp.Compare(a.metric.Source, b.metric.Source), cmp.Compare(a.metric.Metric, b.metric.Metric))
}

// episodesOf returns what an account remembers of a playbook. They are the account's own.
func episodesOf(acct *v1alpha1.Account, playbookName string) []*v1alpha1.Episode {
	var episodes []*v1alpha1.Episode
	for i := range acct.Status.Playbooks {
		if acct.Status.Playbooks[i].Name == playbookName {
			episodes = append(episodes, &acct.Status.Playbooks[i])
		}
	}
	return episodes
}

// episodeOf returns what an account remembers of the states that a playbook watches.
func episodeOf(acct *v1alpha1.Account, playbookName string) *v1alpha1.Episode {
	for _, e := range episodesOf(acct, playbookName) {
		if e.Source == "" {
			return e
		}
	}
	return &v1alpha1.Episode{Name: playbookName}
}

// runNameOf is the name of the run of an account's episode.
func runNameOf(accountName string, e *v1alpha1.Episode) string {
	if e.Source == "" || e.ObservedTime == nil {
		return playbook.RunName(accountName, e.Name, e.Sequence)
	}
	return playbook.ObservationRunName(accountName, e.Name, v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}, e.ObservedTime.Time)
}

// episodes decides where the episodes of each playbook stand. left are the playbooks that the status has no room for.
func (in *accountInput) episodes(health *v1alpha1.Health) (episodes []v1alpha1.Episode, left []string, next time.Time) {
	memory := map[episodeKey]*v1alpha1.Episode{}
	for i := range in.account.Status.Playbooks {
		e := &in.account.Status.Playbooks[i]
		memory[keyOf(e)] = e
	}
	var known, added, gone []v1alpha1.Episode
	for _, p := range in.playbooks {
		decided, at := in.decideAll(p, memory, health)
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
			gone = append(gone, *playbook.Unjudged(memory[key], in.now))
		}
	}
	// What has a memory comes first: nothing new pushes any of it out.
	episodes = slices.Concat(known, added)
	if len(episodes) > maxEpisodes {
		for _, e := range episodes[maxEpisodes:] {
			left = append(left, e.Name)
		}
	}
	episodes = slices.Concat(episodes, gone)
	episodes = episodes[:min(len(episodes), maxEpisodes)]
	slices.SortFunc(episodes, func(a, b v1alpha1.Episode) int { return compareKeys(keyOf(&a), keyOf(&b)) })
	return episodes, slices.Compact(left), next
}

// decideAll moves a playbook's episodes on. At most one run of a playbook is under way on an account: what is Due in one
// episode keeps the others waiting.
func (in *accountInput) decideAll(p plan, memory map[episodeKey]*v1alpha1.Episode, health *v1alpha1.Health) ([]v1alpha1.Episode, time.Time) {
	if p.err != nil {
		var unjudged []v1alpha1.Episode
		for _, e := range episodesOf(in.account, p.Name) {
			unjudged = append(unjudged, *playbook.Unjudged(e, in.now))
		}
		return unjudged, time.Time{}
	}
	now := map[episodeKey]*v1alpha1.Episode{}
	for _, e := range episodesOf(in.account, p.Name) {
		key := keyOf(e)
		if !watches(p, key.metric) {
			e = in.unwatched(e)
			memory[key] = e
		}
		now[key] = e
	}
	var decided []v1alpha1.Episode
	var next time.Time
	keep := func(key episodeKey, e *v1alpha1.Episode, at time.Time) {
		next = value.Earliest(next, at)
		delete(now, key)
		if e != nil {
			now[key] = e
			decided = append(decided, *e)
		}
	}
	if key := (episodeKey{playbook: p.Name}); p.result.WatchesState() {
		e, at := in.decide(p, memory[key], in.othersOf(now, key), health)
		keep(key, e, at)
	}
	for _, metric := range p.result.ObservedMetrics() {
		key := episodeKey{p.Name, metric}
		e, at := in.decideObservation(p, metric, memory[key], in.othersOf(now, key), health)
		keep(key, e, at)
	}
	return decided, next
}

// watches reports whether a trigger of a playbook watches the observations of a metric; states, where it is empty.
func watches(p plan, metric v1alpha1.MetricReference) bool {
	if metric.Source == "" {
		return p.result.WatchesState()
	}
	return slices.Contains(p.result.ObservedMetrics(), metric)
}

// unwatched returns an episode that no trigger of its playbook is about any more. A run that was Due does not start, and
// keeps nothing else waiting.
func (in *accountInput) unwatched(e *v1alpha1.Episode) *v1alpha1.Episode {
	if e.State != v1alpha1.EpisodeDue {
		return e
	}
	e = e.DeepCopy()
	name := runNameOf(in.account.Name, e)
	if slices.ContainsFunc(in.runs, func(run v1alpha1.PlaybookRun) bool { return run.Name == name }) {
		e.State = v1alpha1.EpisodeFiring
	} else {
		e.State = v1alpha1.EpisodePending
		e.Sequence--
	}
	e.Since = &metav1.Time{Time: in.now.UTC().Truncate(time.Second)}
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
func (in *accountInput) othersOf(episodes map[episodeKey]*v1alpha1.Episode, but episodeKey) others {
	var o others
	note := func(ended *metav1.Time) {
		if ended != nil && ended.After(o.ended) {
			o.ended = ended.Time
		}
	}
	for key, e := range episodes {
		if key != but {
			o.due = o.due || e.State == v1alpha1.EpisodeDue
			note(e.EndedTime)
		}
	}
	for i := range in.runs {
		switch run := &in.runs[i]; {
		case run.Spec.PlaybookRef.Name != but.playbook:
		case runOpen(run):
			o.open = true
		default:
			note(run.Status.EndedTime) // of work that no episode remembers, too
		}
	}
	return o
}

// decide moves on the episode of the states that a playbook watches.
func (in *accountInput) decide(p plan, memory *v1alpha1.Episode, o others, health *v1alpha1.Health) (*v1alpha1.Episode, time.Time) {
	if memory == nil && account.Churned(in.account) {
		return nil, time.Time{} // No playbook watches it: the first to see it will be one that does when it is won back.
	}
	triggers, next := p.result.Conditions(in.view(health))
	decision := playbook.DecideInput{Memory: memory, Triggers: triggers, Now: in.now, OpenRun: o.open, Ended: o.ended}
	for i := range in.runs {
		run := &in.runs[i]
		if run.Spec.PlaybookRef.Name != p.Name || run.Spec.Observation != nil {
			continue
		}
		decision.MaxSequence = max(decision.MaxSequence, run.Spec.Sequence)
		decision.RunExists = decision.RunExists || memory != nil && run.Spec.Sequence == memory.Sequence
	}
	episode, at := p.result.Decide(decision)
	if o.due && episode != nil && episode.State == v1alpha1.EpisodeDue {
		// It waits as if that run had begun, but no work has: its own stays as it ended.
		ended := episode.EndedTime
		decision.OpenRun = true
		episode, at = p.result.Decide(decision)
		episode.EndedTime = ended
	}
	if episode != nil {
		episode.Name = p.Name
	}
	return episode, value.Earliest(next, at)
}

// decideObservation moves on the episode of the observations of one metric that a playbook watches.
func (in *accountInput) decideObservation(p plan, metric v1alpha1.MetricReference, memory *v1alpha1.Episode, o others, health *v1alpha1.Health) (*v1alpha1.Episode, time.Time) {
	view := in.view(health)
	if in.facts[metric].Type == "" {
		view.Events = nil // the source does not declare the metric: that no row has one says nothing
	}
	decision := playbook.ObservationInput{Memory: memory, Metric: metric, View: view, Busy: o.due || o.open, Ended: o.ended}
	for i := range in.runs {
		run := &in.runs[i]
		if of := run.Spec.Observation; run.Spec.PlaybookRef.Name == p.Name && of != nil && of.Source == metric.Source && of.Metric == metric.Metric {
			decision.Runs = append(decision.Runs, playbook.ObservationRun{
				ObservedTime: of.ObservedTime.Time, Sequence: run.Spec.Sequence, Open: runOpen(run),
			})
		}
	}
	return p.result.DecideObservation(decision)
}

// runOpen reports whether a run has work that is not finished.
func runOpen(run *v1alpha1.PlaybookRun) bool {
	return run.DeletionTimestamp.IsZero() && run.Status.State != v1alpha1.RunCompleted && run.Status.State != v1alpha1.RunCanceled
}
