package controllers

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// mayEnd reports whether an episode may end now, or be seen for the first time: only then does it matter whether the
// configuration has settled.
func (in *accountInput) mayEnd() bool {
	for _, p := range in.watching() {
		episodes := playbook.EpisodesOf(in.account, p.Name)
		if len(episodes) == 0 || slices.ContainsFunc(episodes, playbook.MayEnd) {
			return true
		}
	}
	return false
}

// episodes decides where the episodes of each playbook stand. left are the playbooks that the status has no room for.
func (in *accountInput) episodes(health *v1alpha1.Health) (episodes []v1alpha1.Episode, left []string, next time.Time) {
	input := playbook.EpisodesInput{View: in.view(health), Runs: in.runs, Renames: in.renames}
	for _, p := range in.playbooks {
		w := playbook.Watching{Name: p.Name}
		if p.err == nil {
			w.Playbook = p.result
		}
		input.Playbooks = append(input.Playbooks, w)
	}
	return playbook.Episodes(input)
}
