package playbook

import (
	"cmp"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// episodeKey names one of an account's episodes: a playbook's, or that of the observations of one metric, or of the periods
// of one trigger. Both are empty for what watches a state.
type episodeKey struct {
	playbook string
	metric   v1alpha1.MetricReference
	every    string
}

func keyOf(e *v1alpha1.Episode) episodeKey {
	return episodeKey{e.Name, v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}, e.Every}
}

func compareKeys(a, b episodeKey) int {
	return cmp.Or(cmp.Compare(a.playbook, b.playbook), value.CompareMetrics(a.metric, b.metric), cmp.Compare(a.every, b.every))
}

// EpisodesOf returns what an account remembers of a playbook. They are the account's own.
func EpisodesOf(acct *v1alpha1.Account, playbookName string) []*v1alpha1.Episode {
	var episodes []*v1alpha1.Episode
	for i := range acct.Status.Playbooks {
		if acct.Status.Playbooks[i].Name == playbookName {
			episodes = append(episodes, &acct.Status.Playbooks[i])
		}
	}
	return episodes
}

// StateEpisodeOf returns what an account remembers of the states that a playbook watches: nothing, where it remembers none.
func StateEpisodeOf(acct *v1alpha1.Account, playbookName string) *v1alpha1.Episode {
	for _, e := range EpisodesOf(acct, playbookName) {
		if e.Source == "" && e.Every == "" {
			return e
		}
	}
	return &v1alpha1.Episode{Name: playbookName}
}

// Remembered reports whether an account remembers every episode that the playbook has on it.
func (p *Playbook) Remembered(acct *v1alpha1.Account) bool {
	return !slices.ContainsFunc(p.keys, func(key episodeKey) bool {
		return !slices.ContainsFunc(acct.Status.Playbooks, func(e v1alpha1.Episode) bool { return keyOf(&e) == key })
	})
}

// DueEpisode returns the one episode of a playbook on an account that is Due; nil where none is.
func DueEpisode(acct *v1alpha1.Account, playbookName string) *v1alpha1.Episode {
	for i := range acct.Status.Playbooks {
		if e := &acct.Status.Playbooks[i]; e.Name == playbookName && e.State == v1alpha1.EpisodeDue {
			return e
		}
	}
	return nil
}

// RunOpen reports whether a run has work that is not finished. One whose status is not written yet has.
func RunOpen(run *v1alpha1.PlaybookRun) bool {
	return run.DeletionTimestamp.IsZero() && run.Status.State != v1alpha1.RunCompleted && run.Status.State != v1alpha1.RunCanceled
}

// episodeKeys returns the keys of the playbook's episodes: states come first, then observations, then periods.
func (p *Playbook) episodeKeys() []episodeKey {
	var keys []episodeKey
	if p.WatchesState() {
		keys = append(keys, episodeKey{playbook: p.name})
	}
	for _, metric := range p.ObservedMetrics() {
		keys = append(keys, episodeKey{playbook: p.name, metric: metric})
	}
	for _, trigger := range p.PeriodTriggers() {
		keys = append(keys, episodeKey{playbook: p.name, every: trigger})
	}
	return keys
}

// watches reports whether a trigger of the playbook is about an episode.
func (p *Playbook) watches(key episodeKey) bool { return slices.Contains(p.keys, key) }
