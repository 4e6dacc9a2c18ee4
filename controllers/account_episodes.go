package controllers

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// maxEpisodes is how many episodes an account's status remembers.
const maxEpisodes = playbook.MaxEpisodes

// episodesOf returns what an account remembers of a playbook. They are the account's own.
func episodesOf(acct *v1alpha1.Account, playbookName string) []*v1alpha1.Episode {
	return playbook.EpisodesOf(acct, playbookName)
}

// episodeOf returns what an account remembers of the states that a playbook watches.
func episodeOf(acct *v1alpha1.Account, playbookName string) *v1alpha1.Episode {
	return playbook.StateEpisodeOf(acct, playbookName)
}

// runNameOf is the name of the run of an account's episode.
func runNameOf(accountName string, e *v1alpha1.Episode, location *time.Location) string {
	return playbook.EpisodeRunName(accountName, e, location)
}

// episodes decides where the episodes of each playbook stand. left are the playbooks that the status has no room for.
func (in *accountInput) episodes(health *v1alpha1.Health) (episodes []v1alpha1.Episode, left []string, next time.Time) {
	input := playbook.EpisodesInput{View: in.view(health), Runs: in.runs}
	for _, p := range in.playbooks {
		w := playbook.Watching{Name: p.Name}
		if p.err == nil {
			w.Playbook = p.result
		}
		input.Playbooks = append(input.Playbooks, w)
	}
	return playbook.Episodes(input)
}
