package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// watching is a playbook with the triggers slow (for: 24h) and quick.
func watching(t testing.TB, changes ...func(*v1alpha1.PlaybookSpec)) *playbook.Playbook {
	t.Helper()
	score := &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}
	return compiled(t, spec(append([]func(*v1alpha1.PlaybookSpec){
		triggers(v1alpha1.Trigger{Name: "slow", For: "24h", Score: score}, v1alpha1.Trigger{Name: "quick", Score: score}),
		func(s *v1alpha1.PlaybookSpec) { s.Cooldown = "30d" },
	}, changes...)...))
}

// are are the results of the triggers slow and quick.
func are(slow, quick playbook.Truth) []playbook.TriggerResult {
	return []playbook.TriggerResult{{Name: "slow", Truth: slow}, {Name: "quick", Truth: quick}}
}

// episode is an episode of the playbook rescue.
func episode(state v1alpha1.EpisodeState, since time.Time, sequence int64, changes ...func(*v1alpha1.Episode)) *v1alpha1.Episode {
	e := &v1alpha1.Episode{Name: "rescue", State: state, Since: stamp(since), Sequence: sequence}
	for _, change := range changes {
		change(e)
	}
	return e
}

// ended notes when the work ended.
func ended(at time.Time) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.EndedTime = stamp(at) }
}

// since notes that a trigger has held since a moment.
func since(trigger string, at time.Time) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) {
		e.Pending = append(e.Pending, v1alpha1.PendingTrigger{Trigger: trigger, Since: stamp(at)})
	}
}

// armed names the triggers that may start a run, where others may not.
func armed(triggers ...string) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.Armed = triggers }
}

// elapsed notes that a trigger had held for some time when it could no longer be judged.
func elapsed(trigger string, d v1alpha1.Duration) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) {
		e.Pending = append(e.Pending, v1alpha1.PendingTrigger{Trigger: trigger, Elapsed: d})
	}
}

// The states and truths, short, for the tables below.
const (
	clearState, ignored, pending, due, firing = v1alpha1.EpisodeClear, v1alpha1.EpisodeIgnored, v1alpha1.EpisodePending, v1alpha1.EpisodeDue, v1alpha1.EpisodeFiring

	no, yes, unknown = playbook.False, playbook.True, playbook.Unknown
)

// decideCase is one decision.
type decideCase struct {
	in   playbook.DecideInput
	want *v1alpha1.Episode
	next time.Time
}

// run decides, and decides once more at the same moment.
func (c decideCase) run(t *testing.T, p *playbook.Playbook) {
	t.Helper()
	c.in.Now = noon
	before := c.in.Memory.DeepCopy()
	got, next := p.Decide(c.in)
	if got != nil {
		got.ClearedSequence = 0 // see TestCleared
	}
	same(t, "episode", c.want, got)
	same(t, "next change", c.next, next)
	same(t, "the caller's memory", before, c.in.Memory)
	if got != nil {
		c.in.Memory = got
		c.in.RunExists = got.Sequence > 0 && c.in.MaxSequence >= got.Sequence
		again, _ := p.Decide(c.in)
		same(t, "episode decided again", got, again)
	}
}

func TestDecideFirstSight(t *testing.T) {
	for name, c := range map[string]decideCase{
		"of a False condition is Clear": {
			playbook.DecideInput{Triggers: are(no, no)}, episode(clearState, noon, 0), time.Time{},
		},
		"of an Unknown condition is nothing": {
			playbook.DecideInput{Triggers: are(no, unknown)}, nil, time.Time{},
		},
		"of a True condition is Due at once without for": {
			playbook.DecideInput{Triggers: are(no, yes)},
			episode(due, noon, 1, since("quick", noon)),
			time.Time{},
		},
		"of a True condition is Pending until its for is over": {
			playbook.DecideInput{Triggers: are(yes, no)},
			episode(pending, noon, 0, since("slow", noon)), noon.Add(24 * time.Hour),
		},
		"after a restore adopts the open run, also while the condition is Unknown": {
			playbook.DecideInput{Triggers: are(unknown, unknown), OpenRun: true, MaxSequence: 4},
			episode(firing, noon, 4),
			time.Time{},
		},
		"after a restore adopts the open run while the condition holds": {
			playbook.DecideInput{Triggers: are(yes, yes), OpenRun: true, MaxSequence: 4},
			episode(firing, noon, 4),
			time.Time{},
		},
		"after a restore clears the open run's episode when the condition is False": {
			playbook.DecideInput{Triggers: are(no, no), OpenRun: true, MaxSequence: 4},
			episode(clearState, noon, 4),
			time.Time{},
		},
		"after a restore does not make finished work again while the condition holds": {
			playbook.DecideInput{Triggers: are(yes, yes), MaxSequence: 4},
			episode(firing, noon, 4, ended(noon)),
			time.Time{},
		},
		"after a restore with finished work is Clear when the condition is False": {
			playbook.DecideInput{Triggers: are(no, no), MaxSequence: 4},
			episode(clearState, noon, 4, ended(noon)),
			time.Time{},
		},
		"after a restore remembers finished work also while the condition is Unknown": {
			playbook.DecideInput{Triggers: are(unknown, no), MaxSequence: 4}, episode(firing, noon, 4, ended(noon)), time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t, watching(t)) })
	}
}

func TestDecideWithExistingIgnore(t *testing.T) {
	earlier := noon.Add(-time.Hour)
	for name, c := range map[string]decideCase{
		"a trigger that holds beside a False one is Ignored, and the other is not": {
			playbook.DecideInput{Triggers: are(no, yes)}, episode(ignored, noon, 0, armed("slow")), time.Time{},
		},
		"a condition that holds at first sight is Ignored": {
			playbook.DecideInput{Triggers: are(unknown, yes)}, episode(ignored, noon, 0), time.Time{},
		},
		"what cannot be judged at all is not first sight": {
			playbook.DecideInput{Triggers: are(unknown, unknown)}, nil, time.Time{},
		},
		"a trigger that is False beside an Unknown one is seen": {
			playbook.DecideInput{Triggers: are(unknown, no)}, episode(clearState, noon, 0, armed("quick")), time.Time{},
		},
		"and starts when it comes to hold": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0, armed("quick")), Triggers: are(unknown, yes)},
			episode(due, noon, 1, armed("quick"), since("quick", noon)),
			time.Time{},
		},
		"the Unknown one held already if it does once it is known": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0, armed("slow")), Triggers: are(no, yes)},
			episode(ignored, noon, 0, armed("slow")),
			time.Time{},
		},
		"also while another cannot be judged any more": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0, armed("slow")), Triggers: are(unknown, yes)},
			episode(ignored, noon, 0, armed("slow")),
			time.Time{},
		},
		"the Unknown one that is False once it is known may start": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0, armed("slow")), Triggers: are(unknown, no)},
			episode(clearState, earlier, 0),
			time.Time{},
		},
		"what was Ignored is over while another, which was False before, cannot be judged": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0, armed("slow")), Triggers: are(unknown, no)},
			episode(clearState, noon, 0),
			time.Time{},
		},
		"a trigger that was False starts beside one that is Ignored": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0, armed("quick")), Triggers: are(yes, yes)},
			episode(due, noon, 1, armed("quick"), since("quick", noon)),
			time.Time{},
		},
		"and its for counts for it alone": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0, armed("slow")), Triggers: are(yes, yes)},
			episode(pending, noon, 0, armed("slow"), since("slow", noon)), noon.Add(24 * time.Hour),
		},
		"its run clears while the Ignored one still holds": {
			playbook.DecideInput{Memory: episode(firing, earlier, 1, armed("quick")), Triggers: are(yes, no), OpenRun: true, RunExists: true, MaxSequence: 1},
			episode(ignored, noon, 1, armed("quick")),
			time.Time{},
		},
		"a trigger that comes with an edit does not start what is Ignored": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0), Triggers: are(yes, yes)},
			episode(ignored, earlier, 0),
			time.Time{},
		},
		"nor does it where those that may start are gone": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0, armed("gone")), Triggers: are(unknown, yes)},
			episode(ignored, noon, 0, armed("gone")),
			time.Time{},
		},
		"a False condition at first sight is Clear": {
			playbook.DecideInput{Triggers: are(no, no)}, episode(clearState, noon, 0), time.Time{},
		},
		"Ignored stays while the condition holds": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0), Triggers: are(yes, yes)},
			episode(ignored, earlier, 0),
			time.Time{},
		},
		"Ignored stays while the condition is Unknown": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0), Triggers: are(unknown, no)},
			episode(ignored, earlier, 0, armed("quick")),
			time.Time{},
		},
		"Ignored ends when the condition is False": {
			playbook.DecideInput{Memory: episode(ignored, earlier, 0), Triggers: are(no, no)},
			episode(clearState, noon, 0),
			time.Time{},
		},
		"once Clear a condition that holds is Due": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0), Triggers: are(no, yes)},
			episode(due, noon, 1, since("quick", noon)),
			time.Time{},
		},
		"a restored run comes before ignoring": {
			playbook.DecideInput{Triggers: are(yes, yes), OpenRun: true, MaxSequence: 1}, episode(firing, noon, 1), time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.run(t, watching(t, func(s *v1alpha1.PlaybookSpec) { s.Existing = v1alpha1.ExistingIgnore }))
		})
	}
}

func TestDecideBeforeARun(t *testing.T) {
	earlier := noon.Add(-10 * time.Hour)
	cooling := ended(noon.Add(-29 * 24 * time.Hour))
	cooled := ended(noon.Add(-30 * 24 * time.Hour))
	for name, c := range map[string]decideCase{
		"Clear stays Clear while False": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0), Triggers: are(no, no)},
			episode(clearState, earlier, 0),
			time.Time{},
		},
		"Clear stays Clear while Unknown": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 0), Triggers: are(unknown, unknown)},
			episode(clearState, earlier, 0),
			time.Time{},
		},
		"Pending becomes Due when for is over": {
			playbook.DecideInput{
				Memory:   episode(pending, earlier, 0, since("slow", noon.Add(-24*time.Hour))),
				Triggers: are(yes, no),
			},
			episode(due, noon, 1, since("slow", noon.Add(-24*time.Hour))),
			time.Time{},
		},
		"Pending waits one second before for is over": {
			playbook.DecideInput{
				Memory:   episode(pending, earlier, 0, since("slow", noon.Add(-24*time.Hour+time.Second))),
				Triggers: are(yes, no),
			},
			episode(pending, earlier, 0, since("slow", noon.Add(-24*time.Hour+time.Second))), noon.Add(time.Second),
		},
		"Pending becomes Due by another trigger": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, since("slow", earlier)), Triggers: are(yes, yes)},
			episode(due, noon, 1, since("slow", earlier), since("quick", noon)),
			time.Time{},
		},
		"Pending keeps the time that a trigger held when it cannot be judged": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, since("slow", earlier)), Triggers: are(unknown, no)},
			episode(pending, earlier, 0, elapsed("slow", "10h")),
			time.Time{},
		},
		"that time stands still": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, elapsed("slow", "2h")), Triggers: are(unknown, no)},
			episode(pending, earlier, 0, elapsed("slow", "2h")),
			time.Time{},
		},
		"and runs on when the trigger holds again": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, elapsed("slow", "2h")), Triggers: are(yes, no)},
			episode(pending, earlier, 0, since("slow", noon.Add(-2*time.Hour))), noon.Add(22 * time.Hour),
		},
		"but a trigger that is False loses it": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, elapsed("slow", "2h")), Triggers: are(no, unknown)},
			episode(pending, earlier, 0),
			time.Time{},
		},
		"a trigger that the playbook no longer has is forgotten": {
			playbook.DecideInput{Memory: episode(pending, earlier, 0, since("gone", earlier)), Triggers: are(unknown, no)},
			episode(pending, earlier, 0),
			time.Time{},
		},
		"Pending clears without a trace": {
			playbook.DecideInput{Memory: episode(pending, earlier, 2, cooled, since("slow", earlier)), Triggers: are(no, no), MaxSequence: 2},
			episode(clearState, noon, 2, cooled),
			time.Time{},
		},
		"the cooldown keeps an episode Pending": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 2, cooling), Triggers: are(no, yes), MaxSequence: 2},
			episode(pending, noon, 2, cooling, since("quick", noon)), noon.Add(24 * time.Hour),
		},
		"for and cooldown run side by side, and the later one counts": {
			playbook.DecideInput{Memory: episode(pending, earlier, 2, cooling, since("slow", earlier)), Triggers: are(yes, no), MaxSequence: 2},
			episode(pending, earlier, 2, cooling, since("slow", earlier)), noon.Add(24 * time.Hour),
		},
		"the episode is Due when the cooldown is over": {
			playbook.DecideInput{Memory: episode(pending, earlier, 2, cooled, since("quick", earlier)), Triggers: are(no, yes), MaxSequence: 2},
			episode(due, noon, 3, cooled, since("quick", earlier)),
			time.Time{},
		},
		"a number is not used again though its run is gone": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 2, cooled), Triggers: are(no, yes)},
			episode(due, noon, 3, cooled, since("quick", noon)),
			time.Time{},
		},
		"open work of an earlier episode keeps it Pending": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 2), Triggers: are(no, yes), OpenRun: true, MaxSequence: 2},
			episode(pending, noon, 2, since("quick", noon)),
			time.Time{},
		},
		"when that work ends the cooldown begins": {
			playbook.DecideInput{Memory: episode(pending, earlier, 2, since("quick", earlier)), Triggers: are(no, yes), MaxSequence: 2},
			episode(pending, earlier, 2, ended(noon), since("quick", earlier)), noon.Add(30 * 24 * time.Hour),
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t, watching(t)) })
	}
}

func TestDecideWhileDue(t *testing.T) {
	earlier := noon.Add(-time.Hour)
	before := ended(noon.Add(-40 * 24 * time.Hour))
	memory := episode(due, earlier, 3, before, since("quick", earlier))
	for name, c := range map[string]decideCase{
		"Due stays while the run may start": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, yes), MaxSequence: 2}, memory, time.Time{},
		},
		"Due gives its number back when the condition clears": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, no), MaxSequence: 2},
			episode(clearState, noon, 2, before),
			time.Time{},
		},
		"Due goes back to Pending when the condition cannot be judged": {
			playbook.DecideInput{Memory: memory, Triggers: are(unknown, unknown), MaxSequence: 2},
			episode(pending, noon, 2, before, elapsed("quick", "1h")),
			time.Time{},
		},
		"Due goes back to Pending when earlier work opens again": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, yes), OpenRun: true, MaxSequence: 2},
			episode(pending, noon, 2, since("quick", earlier)),
			time.Time{},
		},
		"Due goes back to Pending when only a trigger remains that must hold longer": {
			playbook.DecideInput{Memory: memory, Triggers: are(yes, no), MaxSequence: 2},
			episode(pending, noon, 2, before, since("slow", noon)), noon.Add(24 * time.Hour),
		},
		"Due fires once its run exists": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, yes), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, noon, 3),
			time.Time{},
		},
		"Due fires once its run exists, also while Unknown": {
			playbook.DecideInput{Memory: memory, Triggers: are(unknown, unknown), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, noon, 3),
			time.Time{},
		},
		"Due whose run exists clears with its number when the condition does": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, no), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(clearState, noon, 3),
			time.Time{},
		},
		"Due whose run is already finished has ended": {
			playbook.DecideInput{Memory: memory, Triggers: are(no, yes), RunExists: true, MaxSequence: 3},
			episode(firing, noon, 3, ended(noon)),
			time.Time{},
		},
		"a run that was made as the condition went Unknown is adopted": {
			playbook.DecideInput{
				Memory:   episode(pending, earlier, 2, before, elapsed("quick", "1h")),
				Triggers: are(unknown, unknown), OpenRun: true, MaxSequence: 3,
			},
			episode(firing, noon, 3),
			time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t, watching(t)) })
	}
}

func TestDecideWhileFiring(t *testing.T) {
	earlier := noon.Add(-time.Hour)
	done := ended(earlier)
	for name, c := range map[string]decideCase{
		"Firing stays while the condition holds": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(no, yes), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3),
			time.Time{},
		},
		"Firing stays while the condition is Unknown": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(unknown, no), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3),
			time.Time{},
		},
		"Firing clears when the condition does, and the work goes on": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(no, no), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(clearState, noon, 3),
			time.Time{},
		},
		"finished work stays Firing while the condition holds": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(no, yes), RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3, ended(noon)),
			time.Time{},
		},
		"the end is noted once": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, done), Triggers: are(no, yes), RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3, done),
			time.Time{},
		},
		"a run that a person deleted has ended and is not made again": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(no, yes)},
			episode(firing, earlier, 3, ended(noon)),
			time.Time{},
		},
		"a task that opens again takes the end back": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, done), Triggers: are(no, yes), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3),
			time.Time{},
		},
		"the end of work after the condition cleared is noted": {
			playbook.DecideInput{Memory: episode(clearState, earlier, 3), Triggers: are(no, no), RunExists: true, MaxSequence: 3},
			episode(clearState, earlier, 3, ended(noon)),
			time.Time{},
		},
		"the cooldown alone starts nothing anew": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, ended(noon.Add(-90*24*time.Hour))), Triggers: are(no, yes)},
			episode(firing, earlier, 3, ended(noon.Add(-90*24*time.Hour))),
			time.Time{},
		},
		"a later run that memory does not know of is adopted": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, done), Triggers: are(no, yes), OpenRun: true, RunExists: true, MaxSequence: 5},
			episode(firing, noon, 5),
			time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t, watching(t)) })
	}
}

func TestDecideWithRepeatAfterCooldown(t *testing.T) {
	earlier := noon.Add(-40 * 24 * time.Hour)
	cooled := ended(noon.Add(-30 * 24 * time.Hour))
	cooling := ended(noon.Add(-20 * 24 * time.Hour))
	for name, c := range map[string]decideCase{
		"Firing remembers how long its triggers hold": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3), Triggers: are(yes, no), OpenRun: true, RunExists: true, MaxSequence: 3},
			episode(firing, earlier, 3, since("slow", noon)),
			time.Time{},
		},
		"Firing waits for the cooldown": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, cooling, since("slow", earlier)), Triggers: are(yes, no), MaxSequence: 3, RunExists: true},
			episode(firing, earlier, 3, cooling, since("slow", earlier)), noon.Add(10 * 24 * time.Hour),
		},
		"Firing is Due again when the cooldown is over and the condition still holds": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, cooled, since("slow", earlier)), Triggers: are(yes, no), MaxSequence: 3, RunExists: true},
			episode(due, noon, 4, cooled, since("slow", earlier)),
			time.Time{},
		},
		"Firing is not Due again while the condition is Unknown": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, cooled, since("slow", earlier)), Triggers: are(unknown, no), MaxSequence: 3, RunExists: true},
			episode(firing, earlier, 3, cooled, elapsed("slow", "40d")),
			time.Time{},
		},
		"Firing is not Due again while its work is open": {
			playbook.DecideInput{Memory: episode(firing, earlier, 3, since("slow", earlier)), Triggers: are(yes, no), OpenRun: true, MaxSequence: 3, RunExists: true},
			episode(firing, earlier, 3, since("slow", earlier)),
			time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.run(t, watching(t, func(s *v1alpha1.PlaybookSpec) { s.Repeat = v1alpha1.RepeatAfterCooldown }))
		})
	}
}

func TestDecideCutsTimesToSeconds(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	got, _ := watching(t).Decide(playbook.DecideInput{Triggers: are(no, yes), Now: noon.Add(999 * time.Millisecond).In(zone)})
	same(t, "episode", episode(due, noon, 1, since("quick", noon)), got)
}

func TestCleared(t *testing.T) {
	run := func(sequence int64) *v1alpha1.PlaybookRun {
		return &v1alpha1.PlaybookRun{Spec: v1alpha1.PlaybookRunSpec{Sequence: sequence}}
	}
	repeating := watching(t, func(s *v1alpha1.PlaybookSpec) { s.Repeat, s.Cooldown = v1alpha1.RepeatAfterCooldown, "7d" })
	week := noon.Add(8 * 24 * time.Hour)
	// step moves an episode on, with a run of each number that it had.
	step := func(p *playbook.Playbook, e *v1alpha1.Episode, quick playbook.Truth, open bool, now time.Time) *v1alpha1.Episode {
		in := playbook.DecideInput{Memory: e, Triggers: are(no, quick), OpenRun: open, Now: now}
		if e != nil {
			in.MaxSequence, in.RunExists = e.Sequence, true
		}
		e, _ = p.Decide(in)
		return e
	}
	same(t, "cleared without an episode", false, playbook.Cleared(run(1), nil))

	e := step(repeating, nil, yes, false, noon)
	same(t, "due", due, e.State)
	e = step(repeating, e, yes, true, noon)
	same(t, "cleared while it holds", false, playbook.Cleared(run(1), e))
	e = step(repeating, e, yes, false, noon)
	e, _ = repeating.Decide(playbook.DecideInput{Memory: e, Triggers: are(no, yes), MaxSequence: 1, RunExists: true, Now: week})
	same(t, "repeated", due, e.State)
	same(t, "cleared by a repetition", false, playbook.Cleared(run(1), e))
	e, _ = repeating.Decide(playbook.DecideInput{Memory: e, Triggers: are(unknown, unknown), MaxSequence: 1, Now: week})
	same(t, "waits", pending, e.State)
	same(t, "cleared by an outage while it waits", false, playbook.Cleared(run(1), e))
	e, _ = repeating.Decide(playbook.DecideInput{Memory: e, Triggers: are(no, no), MaxSequence: 1, Now: week})
	same(t, "cleared once it is False", true, playbook.Cleared(run(1), e))

	p := watching(t)
	e = step(p, nil, yes, false, noon)
	e = step(p, e, yes, true, noon)
	e = step(p, e, no, true, noon)
	same(t, "cleared once it is False", true, playbook.Cleared(run(1), e))
	e = step(p, e, yes, true, noon)
	same(t, "cleared though it holds again", true, playbook.Cleared(run(1), e))
	same(t, "the next one", false, playbook.Cleared(run(2), e))
}

func TestDecideTakesTheTimeThatTheValuesSay(t *testing.T) {
	p := watching(t)
	holding := func(since time.Time) []playbook.TriggerResult {
		return []playbook.TriggerResult{{Name: "slow", Truth: yes, Since: since}, {Name: "quick", Truth: no}}
	}
	for name, c := range map[string]struct {
		memory *v1alpha1.Episode
		since  time.Time
		want   v1alpha1.EpisodeState
	}{
		"held for long enough before it was first seen": {episode(clearState, noon, 0), noon.Add(-24 * time.Hour), due},
		"not for long enough yet":                       {episode(clearState, noon, 0), noon.Add(-23 * time.Hour), pending},
		"an earlier time that shows later counts":       {episode(pending, noon, 0, since("slow", noon)), noon.Add(-24 * time.Hour), due},
		"a later one takes nothing back":                {episode(pending, noon, 0, since("slow", noon.Add(-24*time.Hour))), noon, due},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := p.Decide(playbook.DecideInput{Memory: c.memory, Triggers: holding(c.since), Now: noon})
			same(t, "state", c.want, e.State)
		})
	}
}
