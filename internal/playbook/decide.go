package playbook

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// DecideInput is what the next state of an episode follows from.
type DecideInput struct {
	// Memory is the account's episode of this playbook; nil where the playbook never saw the account.
	Memory *v1alpha1.Episode
	// Triggers are the playbook's triggers as they are now.
	Triggers []TriggerResult
	// OpenRun means that a run of this playbook on the account has open work, whichever episode it is of. A run whose
	// status is not written yet has.
	OpenRun bool
	// RunExists means that the run with Memory's sequence exists.
	RunExists bool
	// MaxSequence is the largest sequence among the runs that exist; 0 where there is none.
	MaxSequence int64
	// Ended is when the latest work of the playbook's other episodes on the account ended; zero: never.
	Ended time.Time
	// Now is the moment to decide at.
	Now time.Time
}

// Decide returns the episode as it is now, and the moment at which it may change by itself; the zero time means never. A
// nil episode means that the playbook still has not seen the account: nothing could be judged yet.
//
// An episode is Clear while no trigger holds, Pending while one does and a run may not start yet, Due when one may, and
// Firing once its run exists, until the condition clears. Due means startable now: a trigger has held for as long as it
// must, the cooldown is over, and no earlier work is open. Deciding again at the same moment changes nothing.
func (p *Playbook) Decide(in DecideInput) (*v1alpha1.Episode, time.Time) {
	now := seconds(in.Now)
	e := p.recall(in, now)
	if e == nil {
		return nil, time.Time{}
	}
	var ignoring, all bool
	in.Triggers, ignoring, all = heeded(e, in.Triggers, p.ignores(in))
	if all && e.State == v1alpha1.EpisodeIgnored {
		enter(e, v1alpha1.EpisodeClear, now) // nothing is left that would be ignored
	}
	truth := Overall(in.Triggers)
	if e.State == v1alpha1.EpisodeFiring && anotherEvent(e, in.Triggers) {
		e.ClearedSequence = e.Sequence
		enter(e, v1alpha1.EpisodeClear, now)
	}
	trackWork(e, in.OpenRun, in.Memory == nil, in.Ended, now)
	e.Pending = p.held(e.Pending, in.Triggers, now)
	startable := p.startableFrom(e, in)
	p.move(e, truth, ignoring, !startable.IsZero() && !startable.After(now), now)
	if !p.waits(e) {
		e.Pending = nil
	}
	if p.waits(e) && startable.After(now) {
		return e, startable
	}
	return e, time.Time{}
}

// recall returns a copy of the memory, brought up to date with the runs that exist; nil where there is none and nothing
// is known yet.
func (p *Playbook) recall(in DecideInput, now time.Time) *v1alpha1.Episode {
	e := in.Memory.DeepCopy()
	if e == nil {
		if in.MaxSequence == 0 && !seen(in.Triggers, p.ignores(in)) {
			return nil
		}
		e = &v1alpha1.Episode{}
		enter(e, v1alpha1.EpisodeClear, now)
	}
	e.Name = p.name
	// A run that memory does not know of was made from a memory that is lost, or that was read a moment too early. Either
	// way the work of that episode exists, so the episode fires and is not made again.
	if in.MaxSequence > e.Sequence || (e.State == v1alpha1.EpisodeDue && in.RunExists) {
		e.Sequence = max(e.Sequence, in.MaxSequence)
		e.EndedTime = nil
		enter(e, v1alpha1.EpisodeFiring, now)
	}
	return e
}

// ignores reports whether the playbook sees the account for the first time, and leaves alone what holds then.
func (p *Playbook) ignores(in DecideInput) bool {
	return in.Memory == nil && in.MaxSequence == 0 && p.existing == v1alpha1.ExistingIgnore
}

// seen reports whether enough is known of the triggers to say that the playbook has seen the account: where existing
// conditions are ignored the first that is known counts, because each is ignored, or is not, by itself.
func seen(triggers []TriggerResult, ignore bool) bool {
	if ignore {
		return slices.ContainsFunc(triggers, func(t TriggerResult) bool { return t.Truth != Unknown })
	}
	return Overall(triggers) != Unknown
}

// heeded returns the triggers as they count, and whether one that holds does not: what held already when the playbook
// first saw the account, or turned out to once it was known, counts as False until it was False once. It notes those that
// are False now. all means that every trigger counts.
func heeded(e *v1alpha1.Episode, triggers []TriggerResult, first bool) (counted []TriggerResult, ignoring, all bool) {
	if !first && e.State != v1alpha1.EpisodeIgnored && len(e.Armed) == 0 {
		return triggers, false, true
	}
	counted = slices.Clone(triggers)
	var armed []string
	for i, t := range counted {
		switch {
		case t.Truth == False || slices.Contains(e.Armed, t.Name):
			armed = append(armed, t.Name)
		case t.Truth == True:
			counted[i].Truth, ignoring = False, true
		}
	}
	switch all = len(armed) == len(triggers); {
	case all:
		e.Armed = nil
	case len(armed) > 0:
		e.Armed = armed // else those that were are of triggers that are gone, and say that the others are not
	}
	return counted, ignoring, all
}

// anotherEvent reports whether what holds now is an event that happened since the episode's run was made, and nothing else:
// an account that goes from one stage to the next enters twice.
func anotherEvent(e *v1alpha1.Episode, triggers []TriggerResult) bool {
	another := false
	for _, t := range triggers {
		if t.Truth == False {
			continue
		}
		if t.Truth == Unknown || !t.Event || !t.Since.After(timeOf(e.Since)) {
			return false
		}
		another = true
	}
	return another
}

// enter moves an episode into a state.
func enter(e *v1alpha1.Episode, state v1alpha1.EpisodeState, now time.Time) {
	e.State = state
	e.Since = &metav1.Time{Time: now}
}

// trackWork notes when the work of the latest episode ended. A run that a person deleted counts as ended, and a task
// that a person opens again takes the end back. While Due, the latest work is the one before, which has ended. Where the
// memory was lost, the runs say when the latest of them ended.
func trackWork(e *v1alpha1.Episode, open, lost bool, ended, now time.Time) {
	switch {
	case open:
		e.EndedTime = nil
	case e.EndedTime == nil && e.Sequence > 0 && e.State != v1alpha1.EpisodeDue:
		e.EndedTime = &metav1.Time{Time: now}
		if !ended.IsZero() && lost {
			e.EndedTime = &metav1.Time{Time: seconds(ended)} // what the runs remember
		}
	}
}

// held brings the time that each trigger has held up to date. A trigger that cannot be judged keeps the time it had, and
// that time stands still; one that is False loses it.
func (p *Playbook) held(before []v1alpha1.PendingTrigger, triggers []TriggerResult, now time.Time) []v1alpha1.PendingTrigger {
	known := make(map[string]v1alpha1.PendingTrigger, len(before))
	for _, b := range before {
		known[b.Trigger] = b
	}
	var after []v1alpha1.PendingTrigger
	for _, t := range triggers {
		entry, ok := known[t.Name]
		switch {
		case t.Truth == True && entry.Since == nil:
			begun := now.Add(-value.DurationOr(entry.Elapsed, 0))
			if !t.Since.IsZero() {
				begun = value.Earliest(begun, seconds(t.Since))
			}
			after = append(after, v1alpha1.PendingTrigger{Trigger: t.Name, Since: &metav1.Time{Time: begun}})
		case t.Truth == True:
			if !t.Since.IsZero() && t.Since.Before(entry.Since.Time) {
				entry.Since = &metav1.Time{Time: seconds(t.Since)}
			}
			after = append(after, entry)
		case t.Truth == Unknown && ok && entry.Since != nil:
			elapsed := value.FormatDuration(max(now.Sub(entry.Since.Time), 0))
			after = append(after, v1alpha1.PendingTrigger{Trigger: t.Name, Elapsed: elapsed})
		case t.Truth == Unknown && ok:
			after = append(after, entry)
		}
	}
	return after
}

// startableFrom returns the moment from which a run may start if nothing changes until then; zero where it may not.
func (p *Playbook) startableFrom(e *v1alpha1.Episode, in DecideInput) time.Time {
	if in.OpenRun {
		return time.Time{}
	}
	var from time.Time
	for _, t := range in.Triggers {
		if t.Truth == True {
			from = value.Earliest(from, p.heldLongEnough(e, t.Name))
		}
	}
	if from.IsZero() {
		return from
	}
	for _, ended := range []time.Time{in.Ended, timeOf(e.EndedTime)} {
		if cooled := ended.Add(p.cooldown); !ended.IsZero() && cooled.After(from) {
			from = cooled
		}
	}
	return from
}

// heldLongEnough returns the moment at which a trigger that holds has held for as long as it must; zero for a trigger that
// does not hold or is not the playbook's.
func (p *Playbook) heldLongEnough(e *v1alpha1.Episode, name string) time.Time {
	hold, ok := p.hold(name)
	if !ok {
		return time.Time{}
	}
	for _, entry := range e.Pending {
		if entry.Trigger == name && entry.Since != nil {
			return entry.Since.Add(hold)
		}
	}
	return time.Time{}
}

// waits reports whether the episode may become Due, or is: only then does it matter how long triggers have held.
func (p *Playbook) waits(e *v1alpha1.Episode) bool {
	switch e.State {
	case v1alpha1.EpisodePending, v1alpha1.EpisodeDue:
		return true
	case v1alpha1.EpisodeFiring:
		return p.repeat == v1alpha1.RepeatAfterCooldown
	default:
		return false
	}
}

// move takes the episode to its next state. It is ignoring where a trigger holds that does not count.
func (p *Playbook) move(e *v1alpha1.Episode, truth Truth, ignoring, startable bool, now time.Time) {
	next := e.State
	switch {
	case truth == False:
		next = v1alpha1.EpisodeClear
	case e.State == v1alpha1.EpisodeFiring:
		if startable && p.repeat == v1alpha1.RepeatAfterCooldown {
			next = v1alpha1.EpisodeDue
		}
	case startable:
		next = v1alpha1.EpisodeDue
	case truth == True || e.State == v1alpha1.EpisodeDue:
		next = v1alpha1.EpisodePending
	}
	if ignoring && next == v1alpha1.EpisodeClear {
		next = v1alpha1.EpisodeIgnored
	}
	if next == e.State {
		return
	}
	// The number belongs to the run that is to be made: it is taken on entering Due and given back if none is made.
	switch {
	case next == v1alpha1.EpisodeDue:
		e.Sequence++
	case e.State == v1alpha1.EpisodeDue:
		e.Sequence--
	}
	if truth == False {
		e.ClearedSequence = e.Sequence
	}
	enter(e, next, now)
}

// OfEvent reports whether an event started a run: an observation, a period, a fall of the score, an entry into a stage.
func OfEvent(run *v1alpha1.PlaybookRun) bool {
	return run.Spec.Observation != nil || run.Spec.Period != "" || run.Spec.TriggerType == v1alpha1.TriggerEvent
}

// Cleared reports whether the condition that started a run has ceased to hold since, as the account's episode of the
// playbook has it. Nothing is known without an episode, and that a later run began says nothing: a playbook may repeat
// itself while its condition holds. A churned account's run is cleared too; its triggers are False, so that its episode
// says so as soon as it is written.
func Cleared(run *v1alpha1.PlaybookRun, e *v1alpha1.Episode) bool {
	if OfEvent(run) || e == nil {
		return false // what happened, happened: nothing that comes later takes it back
	}
	return e.ClearedSequence >= run.Spec.Sequence
}

// Unjudged returns an episode as it is while nobody can judge its triggers, because its playbook is stalled or gone: the
// time that they have held stands still.
func Unjudged(e *v1alpha1.Episode, now time.Time) *v1alpha1.Episode {
	e = e.DeepCopy()
	if e == nil {
		return nil
	}
	for i := range e.Pending {
		if since := e.Pending[i].Since; since != nil {
			e.Pending[i] = v1alpha1.PendingTrigger{
				Trigger: e.Pending[i].Trigger, Elapsed: value.FormatDuration(max(seconds(now).Sub(since.Time), 0)),
			}
		}
	}
	return e
}
