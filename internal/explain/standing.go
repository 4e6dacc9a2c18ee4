package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// standing says where a playbook stands on an account.
func (l *look) standing(p *play, a *v1alpha1.Account) Standing {
	s := l.see(a)
	found := Standing{Playbook: p.spec.Name}
	if p.compiled != nil {
		found.Triggers = l.triggers(p, s)
		found.Mismatches = p.selector.Mismatches(s.account)
	}
	l.decide(p, s, &found)
	found.order = slices.Index(States(), found.State)
	switch found.State {
	case Clear, Unknown, Fired:
		found.Nearest = nearest(found.Triggers)
	}
	return found
}

// nearest returns the trigger that is the least away from holding.
func nearest(triggers []Trigger) *Distance {
	var least *Distance
	for i := range triggers {
		if d := triggers[i].Distance; d != nil && d.far < unreachable && (least == nil || d.far < least.far) {
			least = d
		}
	}
	return least
}

// decide finds the state, and says why.
func (l *look) decide(p *play, s *sight, found *Standing) {
	open := s.open(p.spec.Name)
	switch {
	case open != nil:
		l.firing(p, open, found)
	case p.err != nil:
		found.State, found.Text = Stalled, "the playbook is stalled and starts nothing: "+p.err.Error()
	case account.Churned(s.account):
		found.State, found.Text = NotSelected, "the customer left: no trigger holds on a Churned account"
	case len(found.Mismatches) > 0:
		found.State, found.Text = NotSelected, "the playbook does not select the account: "+strings.Join(found.Mismatches, "; ")
	case l.due(p, s):
		l.dueNow(p, s, found)
	default:
		l.waiting(p, s, found)
	}
}

// firing is an account on which a run has open work.
func (l *look) firing(p *play, run *v1alpha1.PlaybookRun, found *Standing) {
	found.State, found.Run, found.Since = Firing, run.Name, pointer(run.CreationTimestamp.Time)
	found.OpenTasks = run.Status.OpenTasks
	found.Text = "it fires"
	if found.Since != nil {
		found.Text += " since " + l.when(*found.Since)
	}
	found.Why = run.Spec.Reason
	if run.Spec.Reason != "" {
		found.Text += ", because " + run.Spec.Reason
	}
	found.Text += "; " + counted(found.OpenTasks, "task") + " open"
	if run.Status.ResolvedTime != nil {
		found.Text += "; its condition has cleared since, on " + l.at(run.Status.ResolvedTime.Time)
	}
	if began := run.Spec.PlaybookRef.Name; began != p.spec.Name {
		found.Text += "; the run began when the playbook was called " + began
	} else if run.Spec.PlaybookGeneration != p.spec.Generation {
		found.Text += fmt.Sprintf("; the run follows generation %d of the playbook, which is at %d now", run.Spec.PlaybookGeneration, p.spec.Generation)
	}
}

// dueNow is an account on which a run may start, as far as the account goes.
func (l *look) dueNow(p *play, s *sight, found *Standing) {
	name := s.account.Name
	admission := l.admissions()[p.spec.Name]
	why := holding(found.Triggers)
	found.Why = why
	if e := playbook.DueEpisode(s.account, p.spec.Name); e != nil && e.Since != nil {
		found.Since = pointer(e.Since.Time)
	}
	i := slices.IndexFunc(admission.Held, func(h v1alpha1.HeldRun) bool { return h.Account == name })
	if i < 0 {
		found.State, found.Text = Starting, "a run starts as soon as the operator looks: "+why
		if changed := l.unsettled(); changed != "" {
			found.State = Settling
			found.Text = "a run is due, and waits until the configuration has settled (" + changed + " has just changed): " + why
		}
		return
	}
	switch held := admission.Held[i]; held.Reason {
	case v1alpha1.HeldSuspended:
		found.State, found.Text = Suspended, "a run is due, and the playbook is suspended: "+why
	case v1alpha1.HeldInhibited:
		found.State, found.By, found.Why = Inhibited, held.By, held.By+": "+l.inhibition(s, held.By)
		found.Text = fmt.Sprintf("a run is due, and %s keeps it from starting: %s; it is due because %s", held.By, l.inhibition(s, held.By), why)
	default:
		found.State = Held
		for j, other := range admission.Held {
			if other.Reason == v1alpha1.HeldLimitReached {
				found.Of++
				if j <= i {
					found.Place++
				}
			}
		}
		found.Text = fmt.Sprintf("a run is due, and the limits hold it back (%s): place %d of %d, the largest ARR goes first; it is due because %s",
			l.limits(p), found.Place, found.Of, why)
	}
}

// inhibition says how a playbook keeps another one from starting.
func (l *look) inhibition(s *sight, by string) string {
	if run := s.open(by); run != nil {
		return "its run " + run.Name + " has open work"
	}
	return "it is about to start a run itself, and goes first"
}

// limits says how much of the limits of a playbook is used.
func (l *look) limits(p *play) string {
	active, today := l.counts(p.spec.Name)
	activeRuns, newRunsPerDay := playbook.Limits(p.spec.Spec.Limits)
	return fmt.Sprintf("%d of %d active runs, %d of %d started within a day", active, activeRuns, today, newRunsPerDay)
}

// holding says why the first trigger holds that does.
func holding(triggers []Trigger) string {
	for _, t := range triggers {
		if t.Truth == playbook.True.String() {
			return t.Reason
		}
	}
	return "its condition held when it was last judged"
}

// waiting is an account on which no run is due.
func (l *look) waiting(p *play, s *sight, found *Standing) {
	truth := overall(found.Triggers)
	e := telling(playbook.EpisodesOf(s.account, p.spec.Name))
	cooled := p.compiled.CooledAt(s.input())
	switch {
	case e != nil && e.State == v1alpha1.EpisodePending:
		l.pendingEpisode(p, e, cooled, found)
	case e != nil && e.State == v1alpha1.EpisodeFiring && truth != playbook.False:
		l.fired(p, s, e, truth, cooled, found)
	case e != nil && e.State == v1alpha1.EpisodeIgnored:
		found.State, found.Since = Ignored, since(e)
		found.Text = "what holds did so already when the playbook first saw the account, and existing: Ignore waits until it has cleared once"
	case truth == playbook.Unknown:
		found.State, found.Text = Unknown, "nobody can say now whether it should start: "+reasons(found.Triggers, playbook.Unknown)
	case truth == playbook.True:
		// The status has no room for an episode, or nothing is remembered that could start.
		found.State, found.Text = Waiting, "its condition holds, and the operator has yet to look: "+holding(found.Triggers)
	default:
		found.State, found.Text = Clear, "no trigger holds: "+reasons(found.Triggers, playbook.False)
		found.Since = since(e)
	}
}

// telling returns the episode that tells most about why no run is due.
func telling(episodes []*v1alpha1.Episode) *v1alpha1.Episode {
	for _, state := range []v1alpha1.EpisodeState{v1alpha1.EpisodePending, v1alpha1.EpisodeIgnored, v1alpha1.EpisodeFiring} {
		for _, e := range episodes {
			if e.State == state {
				return e
			}
		}
	}
	if len(episodes) > 0 {
		return episodes[0]
	}
	return nil
}

// since is when an episode came into its state.
func since(e *v1alpha1.Episode) *time.Time {
	if e == nil || e.Since == nil {
		return nil
	}
	return pointer(e.Since.Time)
}

// pendingEpisode is a condition that holds, and whose run may not start yet.
func (l *look) pendingEpisode(p *play, e *v1alpha1.Episode, cooled time.Time, found *Standing) {
	found.Since = since(e)
	held, name := time.Time{}, ""
	for _, t := range found.Triggers {
		if t.HeldUntil != nil && (held.IsZero() || t.HeldUntil.Before(held)) {
			held, name = *t.HeldUntil, t.Name
		}
	}
	why := holding(found.Triggers)
	found.Why = why
	switch {
	case held.After(l.now) && !held.Before(cooled):
		found.State, found.Until = Waiting, pointer(held)
		found.Text = fmt.Sprintf("trigger %s holds, not yet for %s: a run may start on %s; %s",
			name, value.FormatDuration(p.compiled.Hold(name)), l.when(held), why)
	case cooled.After(l.now):
		found.State, found.Until = CoolingDown, pointer(cooled)
		found.Text = fmt.Sprintf("its condition holds, and the cooldown of %s after the last work is not over until %s: %s",
			p.spec.Spec.Cooldown, l.when(cooled), why)
	case overall(found.Triggers) == playbook.Unknown:
		found.State = Waiting
		found.Text = "a trigger held, and nobody can say now whether it still does, so that its time stands still: " + reasons(found.Triggers, playbook.Unknown)
	default:
		found.State, found.Text = Waiting, "its condition holds, and it waits for the end of other work: "+why
	}
}

// fired is an episode whose work has ended.
func (l *look) fired(p *play, s *sight, e *v1alpha1.Episode, truth playbook.Truth, cooled time.Time, found *Standing) {
	on := since(e)
	if run := s.last(p.spec.Name); run != nil && !run.CreationTimestamp.IsZero() {
		on = pointer(run.CreationTimestamp.Time)
	}
	text := "it has fired already"
	if on != nil {
		text += " on " + l.day(*on)
	}
	if e.EndedTime != nil {
		text += ", and its work ended on " + l.day(e.EndedTime.Time)
	}
	found.State, found.Since, found.Why = Fired, since(e), holding(found.Triggers)
	switch {
	case truth == playbook.Unknown:
		found.Text = text + "; nobody can say now whether its condition still holds: " + reasons(found.Triggers, playbook.Unknown)
	case p.spec.Spec.Repeat == v1alpha1.RepeatAfterCooldown && cooled.After(l.now):
		found.State, found.Until = CoolingDown, pointer(cooled)
		found.Text = fmt.Sprintf("%s; the cooldown of %s is over on %s, and it starts again then if its condition still holds", text, p.spec.Spec.Cooldown, l.when(cooled))
	default:
		found.Text = text + "; with repeat: Never it starts again only when its condition has cleared, and holds again: " + holding(found.Triggers)
	}
}

// overall is the truth of all triggers of a playbook, those included that watch events.
func overall(triggers []Trigger) playbook.Truth {
	results := make([]playbook.TriggerResult, len(triggers))
	for i, t := range triggers {
		results[i].Truth = truthOf(t.Truth)
	}
	return playbook.Overall(results)
}

func truthOf(s string) playbook.Truth {
	for _, t := range []playbook.Truth{playbook.True, playbook.False} {
		if t.String() == s {
			return t
		}
	}
	return playbook.Unknown
}

// reasons are those of the triggers of a truth.
func reasons(triggers []Trigger, of playbook.Truth) string {
	var all []string
	for _, t := range triggers {
		if truthOf(t.Truth) == of && !slices.Contains(all, t.Reason) {
			all = append(all, t.Reason)
		}
	}
	return strings.Join(all, "; ")
}
