package playbook_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// evaluate lets the operator decide and write, and checks what it decides.
func (l *life) evaluate(t *rapid.T) {
	before := l.account.DeepCopy()
	got, next := l.episodes(l.now)
	l.observe(t)
	same(t, "the account, which is the caller's", before, l.account)
	l.checkUnknown(t, before, got)
	l.account.Status.Playbooks = got
	again, nextAgain := l.episodes(l.now)
	same(t, "the episodes decided again", got, again)
	same(t, "the next change decided again", next, nextAgain)
	l.checkDue(t, got)
	l.checkNext(t, got, next)
	l.edited = false
	l.rest(got)
	maps.DeleteFunc(l.reviewed, func(name string, _ *reviewed) bool {
		return !slices.ContainsFunc(got, func(e v1alpha1.Episode) bool { return e.Every == name }) // no trigger, and no work
	})
}

// stateMayStart is the test's own word on whether a state calls for a run now.
func (l *life) stateMayStart(t *rapid.T, e *v1alpha1.Episode) bool {
	if e.State == firing && l.pb.Spec.Repeat != v1alpha1.RepeatAfterCooldown {
		return false
	}
	return l.longEnough(t)
}

// longEnough reports whether a trigger holds, and was seen to hold for as long as it must.
func (l *life) longEnough(t *rapid.T) bool {
	for _, trigger := range l.pb.Spec.Triggers {
		held := l.held[trigger.Name] + l.now.Sub(l.last)
		if trigger.Every == "" && !l.early(trigger.Name) && l.truth(trigger.Name) == playbook.True && l.judged[trigger.Name] == playbook.True && held >= parsed(t, trigger.For) {
			return true
		}
	}
	return false
}

// checkDue checks that exactly one episode is Due where something calls for a run and nothing stands against it, and none
// where not.
func (l *life) checkDue(t *rapid.T, got []v1alpha1.Episode) {
	n := 0
	blocked, wanted := openIn(l.seen) > 0, false
	cooldown := parsed(t, l.pb.Spec.Cooldown)
	for i := range got {
		e := &got[i]
		if e.State == due {
			n++
		}
		blocked = blocked || (e.EndedTime != nil && l.now.Before(e.EndedTime.Add(cooldown)))
		if e.Every == "" {
			_, states := l.overall()
			wanted = wanted || (states && l.stateMayStart(t, e))
		}
	}
	for i := range l.seen {
		ended := l.seen[i].Status.EndedTime
		blocked = blocked || (ended != nil && l.now.Before(ended.Add(cooldown)))
	}
	for _, trigger := range l.pb.Spec.Triggers {
		wanted = wanted || (trigger.Every != "" && l.waits(t, trigger, func(r *reviewed) time.Time { return r.seen }))
	}
	want := 0
	if wanted && !blocked {
		want = 1
	}
	if n != want {
		t.Fatalf("%d episodes are Due, not %d: %v", n, want, states(got))
	}
}

// checkUnknown checks that what is not known starts, clears, cancels and re-arms nothing.
func (l *life) checkUnknown(t *rapid.T, before *v1alpha1.Account, got []v1alpha1.Episode) {
	truth, states := l.overall()
	for i := range got {
		e := &got[i]
		var memory *v1alpha1.Episode
		for _, b := range playbook.EpisodesOf(before, "rescue") {
			if b.Every == e.Every {
				memory = b
			}
		}
		unknown := (e.Every != "" && !l.chosen() && !l.churned()) || (e.Every == "" && states && truth == playbook.Unknown)
		watched := e.Every == "" || slices.Contains(l.playbook.PeriodTriggers(), e.Every)
		switch {
		case !unknown || !watched || e.State == firing && openIn(l.seen) > 0:
		case memory == nil && l.armed != nil && e.State == v1alpha1.EpisodeClear: // one of them is known to be False
		case e.State == v1alpha1.EpisodeIgnored && l.holdsEarly():
		case memory == nil && e.State != firing:
			t.Fatalf("Unknown at first sight made the episode %s", e.State)
		case memory == nil || memory.State == e.State || (memory.State == due && e.State == pending):
		case e.State == firing && e.Sequence > memory.Sequence-1: // its run turned up
		default:
			t.Fatalf("Unknown took the episode %q from %s to %s", e.Every, memory.State, e.State)
		}
	}
}

// checkNext checks that nothing changes before the announced moment.
func (l *life) checkNext(t *rapid.T, got []v1alpha1.Episode, next time.Time) {
	until := next.Add(-time.Second)
	if next.IsZero() {
		until = l.now.Add(1000 * time.Hour)
	}
	if !until.Add(time.Second).After(l.now) {
		t.Fatalf("the next change %v is not after now, %v", next, l.now)
	}
	early, _ := l.episodes(until)
	same(t, "the episodes before the announced moment", got, early)
}

// start lets the playbook's reconciler make the run that is Due. It sees the runs that it made itself.
func (l *life) start(t *rapid.T) {
	e := playbook.DueEpisode(l.account, "rescue")
	if e == nil || l.edited || openIn(l.runs) > 0 {
		return
	}
	name := playbook.EpisodeRunName("acme", e, l.zone)
	if slices.ContainsFunc(l.runs, func(run v1alpha1.PlaybookRun) bool { return run.Name == name }) {
		return
	}
	run, err := l.playbook.NewEpisodeRun(l.view(l.now), *e)
	if err != nil {
		return // something has changed since
	}
	if run.Name != name {
		t.Fatalf("the run is named %s, and its episode's %s", run.Name, name)
	}
	if cooldown := parsed(t, l.pb.Spec.Cooldown); !l.workEnded.IsZero() && l.now.Before(l.workEnded.Add(cooldown)) {
		t.Fatalf("%s starts at %v, within the cooldown from %v", run.Spec.Reason, l.now, l.workEnded)
	}
	if run.Spec.Period == "" {
		l.checkStateRun(t, run)
	} else {
		l.checkPeriodRun(t, run)
	}
	run.Status.State = v1alpha1.RunActive
	l.runs = append(l.runs, *run)
}

// checkStateRun checks that a state calls for the run.
func (l *life) checkStateRun(t *rapid.T, run *v1alpha1.PlaybookRun) {
	switch {
	case l.early(run.Spec.Trigger):
		t.Fatalf("run %d starts for what held at first sight", run.Spec.Sequence)
	case l.fired && l.pb.Spec.Repeat != v1alpha1.RepeatAfterCooldown:
		t.Fatalf("run %d starts, and the condition was never False since the one before", run.Spec.Sequence)
	case !l.longEnough(t):
		t.Fatalf("run %d starts, and nothing has held for long enough: %v", run.Spec.Sequence, l.held)
	}
	l.fired = true
}

// checkPeriodRun checks that the run is for the newest period, and the first for it.
func (l *life) checkPeriodRun(t *rapid.T, run *v1alpha1.PlaybookRun) {
	i := slices.IndexFunc(l.pb.Spec.Triggers, func(trigger v1alpha1.Trigger) bool { return trigger.Name == run.Spec.Trigger })
	begin := midnightIn(run.Spec.Period, l.zone)
	switch {
	case !begin.Equal(l.newest(t, l.pb.Spec.Triggers[i])):
		t.Fatalf("a run for the period of %s, and the newest began at %v", run.Spec.Period, l.newest(t, l.pb.Spec.Triggers[i]))
	case !l.waits(t, l.pb.Spec.Triggers[i], func(r *reviewed) time.Time { return r.made }):
		t.Fatalf("a run for the period of %s, which does not wait: %+v", run.Spec.Period, l.reviewed[run.Spec.Trigger])
	}
	if l.made[run.Name] {
		t.Fatalf("a second run for the period of %s", run.Spec.Period)
	}
	l.reviewed[run.Spec.Trigger].made, l.made[run.Name] = begin, true
}

// catchUp lets the cache show what is there.
func (l *life) catchUp() {
	l.seen = nil
	for i := range l.runs {
		l.seen = append(l.seen, *l.runs[i].DeepCopy())
	}
}

// pick draws one of the runs that are open, or closed; nil where there is none.
func (l *life) pick(t *rapid.T, state v1alpha1.RunState) *v1alpha1.PlaybookRun {
	var found []int
	for i := range l.runs {
		if l.runs[i].Status.State == state {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &l.runs[rapid.SampledFrom(found).Draw(t, "run")]
}

// drop deletes a run, as a person may who sees it; by then the status shows it too.
func (l *life) drop(t *rapid.T, state v1alpha1.RunState) {
	l.catchUp()
	l.evaluate(t)
	if run := l.pick(t, state); run != nil && l.remembers(run) {
		if state == v1alpha1.RunActive {
			l.workEnded = l.now
		}
		name := run.Name
		l.runs = slices.DeleteFunc(l.runs, func(run v1alpha1.PlaybookRun) bool { return run.Name == name })
	}
}

// remembers reports whether the account's status knows of a run: what nothing was ever written down of, nothing remembers.
func (l *life) remembers(run *v1alpha1.PlaybookRun) bool {
	return slices.ContainsFunc(l.account.Status.Playbooks, func(e v1alpha1.Episode) bool {
		return e.Sequence > 0 && (e.Every == "") == (run.Spec.Period == "") && (e.Every == "" || e.Every == run.Spec.Trigger)
	})
}

// forget loses the statuses, as a backup without them does. Of work whose run is gone too nothing remains anywhere.
func (l *life) forget() {
	l.catchUp()
	l.account.Status.Playbooks = nil
	l.held, l.judged, l.reviewed = map[string]time.Duration{}, map[string]playbook.Truth{}, map[string]*reviewed{}
	l.fired, l.armed, l.workEnded, l.made = false, nil, time.Time{}, map[string]bool{}
	for i := range l.runs {
		run := &l.runs[i]
		l.fired, l.made[run.Name] = l.fired || run.Spec.Period == "", true
		if ended := run.Status.EndedTime; ended != nil && ended.After(l.workEnded) {
			l.workEnded = ended.Time
		}
	}
}

// people are what people do.
func (l *life) people() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"finish": func(t *rapid.T) {
			l.catchUp()
			l.evaluate(t) // nobody finishes what was made a moment ago
			if run := l.pick(t, v1alpha1.RunActive); run != nil {
				run.Status.State, run.Status.EndedTime, l.workEnded = v1alpha1.RunCompleted, stamp(l.now), l.now
			}
		},
		"reopen": func(t *rapid.T) {
			if run := l.pick(t, v1alpha1.RunCompleted); run != nil && openIn(l.runs) == 0 {
				run.Status.State, run.Status.EndedTime = v1alpha1.RunActive, nil
				l.catchUp()
				l.evaluate(t)
			}
		},
		"delete open work":     func(t *rapid.T) { l.drop(t, v1alpha1.RunActive) },
		"delete finished work": func(t *rapid.T) { l.drop(t, v1alpha1.RunCompleted) },
		"edit the playbook":    l.edit,
		"move the start": func(t *rapid.T) {
			days := rapid.IntRange(-12, 3).Draw(t, "days")
			l.account.Spec.Contract.StartDate = v1alpha1.Date(l.now.AddDate(0, 0, days).Format(time.DateOnly))
		},
		"lose the start":                     func(*rapid.T) { l.account.Spec.Contract.StartDate = "" },
		"the customer leaves or is won back": func(*rapid.T) { l.account.Spec.LifecycleStage = flip(l.churned(), "", v1alpha1.StageChurned) },
		"the account is chosen or not": func(*rapid.T) {
			l.account.Labels = flip(l.chosen(), nil, map[string]string{"tier": "enterprise"})
		},
	}
}

// flip is one of two values.
func flip[T any](is bool, yes, no T) T {
	if is {
		return yes
	}
	return no
}

// machines are what time and the operator do.
func (l *life) machines() map[string]func(*rapid.T) {
	jump := func(t *rapid.T) {
		l.catchUp() // a cache is late by moments
		step := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit")
		l.now = l.now.Add(step * time.Duration(rapid.IntRange(1, 12).Draw(t, "units")))
	}
	return map[string]func(*rapid.T){
		"judge": func(t *rapid.T) {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "trigger")
			l.account.Spec.Measurements = slices.DeleteFunc(l.account.Spec.Measurements, func(m v1alpha1.Measurement) bool { return m.Name == name })
			if v := rapid.SampledFrom([]string{"", "9", "1", "1"}).Draw(t, "value"); v != "" {
				l.account.Spec.Measurements = append(l.account.Spec.Measurements, v1alpha1.Measurement{Name: name, Value: v})
			}
		},
		"wait": jump,
		"the clock is set back": func(t *rapid.T) {
			l.now = l.now.Add(-time.Duration(rapid.IntRange(1, 300000).Draw(t, "seconds")) * time.Second)
			if l.workEnded.After(l.now) {
				l.workEnded = l.now // what has ended has ended
			}
		},
		"evaluate":             l.evaluate,
		"the cache catches up": func(*rapid.T) { l.catchUp() },
		"evaluate and start":   func(t *rapid.T) { l.catchUp(); l.evaluate(t); l.start(t) },
		"wait for the next change": func(t *rapid.T) {
			l.catchUp()
			l.evaluate(t)
			if _, next := l.episodes(l.now); !next.IsZero() {
				l.now = next
			}
			l.evaluate(t)
		},
		"start":             l.start,
		"lose the statuses": func(*rapid.T) { l.forget() },
		"": func(t *rapid.T) {
			if n := openIn(l.runs); n > 1 {
				t.Fatalf("%d runs are open", n)
			}
		},
	}
}

func TestStatesAndPeriodsThroughRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		actions := l.people()
		maps.Copy(actions, l.machines())
		t.Repeat(actions)
	})
}
