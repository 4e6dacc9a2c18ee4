package explain

import (
	"fmt"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// memorySteps are what a start depends on beside the triggers: for how long they have held, what was before, and who else
// works on the account.
func (l *look) memorySteps(p *play, s *sight, found *Standing) []Step {
	var steps []Step
	not := No
	for _, t := range found.Triggers {
		if truthOf(t.Truth) == playbook.True && (t.HeldUntil == nil || !t.HeldUntil.After(l.now)) {
			not = Info // one that has held long enough will do
		}
	}
	for _, t := range found.Triggers {
		if t.HeldUntil == nil {
			continue
		}
		step := Step{"for of " + t.Name, Yes, "it has held for " + t.For}
		if t.HeldUntil.After(l.now) {
			step.Mark, step.Text = not, fmt.Sprintf("it must hold for %s, which is on %s", t.For, l.when(*t.HeldUntil))
		}
		steps = append(steps, step)
	}
	steps = append(steps, l.episodeSteps(p, s)...)
	if cooled := p.compiled.CooledAt(s.input()); p.compiled.Cooldown() > 0 && !cooled.IsZero() && s.open(p.spec.Name) == nil {
		step := Step{"cooldown", Yes, fmt.Sprintf("%s after the last work, over since %s", p.spec.Spec.Cooldown, l.at(cooled))}
		if cooled.After(l.now) {
			step.Mark, step.Text = No, fmt.Sprintf("%s after the last work, until %s", p.spec.Spec.Cooldown, l.when(cooled))
		}
		steps = append(steps, step)
	}
	if step, ok := l.guardStep(p, s, found); ok {
		steps = append(steps, step)
	}
	return append(steps, l.runSteps(p, s)...)
}

// episodeSteps say what the account remembers of the playbook.
func (l *look) episodeSteps(p *play, s *sight) []Step {
	episodes := playbook.EpisodesOf(s.account, p.spec.Name)
	if len(episodes) == 0 {
		return []Step{{"memory", Info, "nothing is remembered: the playbook has not seen the account yet"}}
	}
	var steps []Step
	for _, e := range episodes {
		name, mark := "memory", Info
		switch {
		case e.Every != "":
			name += " of " + e.Every
		case e.Source != "":
			name += " of " + e.Source + "." + e.Metric
		}
		text := string(e.State)
		if e.Since != nil {
			text += " since " + l.when(e.Since.Time)
		}
		if e.Sequence > 0 {
			text += fmt.Sprintf(", episode %d", e.Sequence)
		}
		switch {
		case e.State == v1alpha1.EpisodeIgnored:
			mark = No
			text += "; existing: Ignore waits until the condition has cleared once"
		case e.State == v1alpha1.EpisodeFiring && e.EndedTime != nil && p.spec.Spec.Repeat != v1alpha1.RepeatAfterCooldown:
			mark = No
			text += "; its work ended on " + l.day(e.EndedTime.Time) + ", and repeat: Never waits until the condition has cleared"
		case e.EndedTime != nil:
			text += "; the last work ended on " + l.day(e.EndedTime.Time)
		}
		if was := remembered(s, e); was != "" {
			text += "; the account's status still says " + was + ", and the operator sees it at its next look"
		}
		steps = append(steps, Step{name, mark, text})
	}
	return steps
}

// remembered is the state that the account's status has of an episode, where that is another.
func remembered(s *sight, e *v1alpha1.Episode) string {
	for _, r := range s.remembered {
		if sameEpisode(&r, e) && r.State != e.State {
			return string(r.State)
		}
	}
	return ""
}

// guardStep says whether suspend, another playbook or a limit holds back a run that is due.
func (l *look) guardStep(p *play, s *sight, found *Standing) (Step, bool) {
	switch found.State {
	case Starting:
		return Step{"guards", Yes, "not suspended, not inhibited, and within the limits: " + l.limits(p)}, true
	case Settling:
		return Step{"settling", No, "the configuration has just changed; runs start when it has settled"}, true
	case Suspended:
		return Step{"suspend", No, "spec.suspend is true: nothing starts"}, true
	case Inhibited:
		return Step{"inhibitedBy", No, found.By + ": " + l.inhibition(s, found.By)}, true
	case Held:
		return Step{"limits", No, fmt.Sprintf("%s: place %d of %d in the queue, the largest ARR goes first", l.limits(p), found.Place, found.Of)}, true
	}
	if p.spec.Spec.Suspend {
		return Step{"suspend", No, "spec.suspend is true: nothing would start"}, true
	}
	for _, name := range l.renames.NowAll(p.spec.Spec.InhibitedBy) {
		if run := s.open(name); run != nil {
			return Step{"inhibitedBy", No, name + " would keep it from starting: its run " + run.Name + " has open work"}, true
		}
	}
	return Step{}, false
}

// maxRuns is how many runs are listed.
const maxRuns = 3

// runSteps list the newest runs of the playbook on the account.
func (l *look) runSteps(p *play, s *sight) []Step {
	var steps []Step
	for _, run := range l.newestRuns(s, p.spec.Name) {
		text := fmt.Sprintf("%s, %s", run.Name, strings.ToLower(string(runState(run))))
		if !run.CreationTimestamp.IsZero() {
			text += ", started " + l.when(run.CreationTimestamp.Time)
		}
		if run.Spec.Reason != "" {
			text += ", because " + run.Spec.Reason
		}
		if run.Spec.PlaybookGeneration != p.spec.Generation {
			text += fmt.Sprintf("; by generation %d of the playbook", run.Spec.PlaybookGeneration)
		}
		mark := Info
		if playbook.RunOpen(run) {
			mark = Yes
		}
		steps = append(steps, Step{"run", mark, text})
	}
	return steps
}

// newestRuns are the newest runs of a playbook on an account, the newest first.
func (l *look) newestRuns(s *sight, name string) []*v1alpha1.PlaybookRun {
	var all []*v1alpha1.PlaybookRun
	for i := range s.runs {
		if l.playbookOf(&s.runs[i]) == name {
			all = append(all, &s.runs[i])
		}
	}
	sortRuns(all)
	return all[:min(len(all), maxRuns)]
}

// runState is the state of a run; one whose status is not written yet is Active.
func runState(run *v1alpha1.PlaybookRun) v1alpha1.RunState {
	if run.Status.State == "" {
		return v1alpha1.RunActive
	}
	return run.Status.State
}
