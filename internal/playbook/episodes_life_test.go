package playbook_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// life is one account under a playbook of states and periods, through a random life: conditions that come, go and cannot be
// judged, a contract whose start moves, a clock that jumps and is set back, edits of the playbook, a cache that lags, people
// who finish, reopen and delete work, and a backup that forgets every status. Beside what the operator remembers it keeps
// its own, simpler account of what happened, and holds the one against the other.
type life struct {
	zone     *time.Location
	pb       *v1alpha1.Playbook
	playbook *playbook.Playbook
	// edited means that the account was not evaluated since the playbook was edited: nothing starts then.
	edited bool

	now     time.Time
	account *v1alpha1.Account
	// runs are there; seen are those that the cache of the account's reconciler shows.
	runs, seen []v1alpha1.PlaybookRun

	// last is when the account was last evaluated.
	last time.Time
	// held is how long each trigger was seen to hold; judged is what it was when it was last judged.
	held   map[string]time.Duration
	judged map[string]playbook.Truth
	// fired means that a run of a state was made since the conditions were last seen False.
	fired bool
	// armed are the triggers that were False once, where those that held at first sight are ignored; nil: that is over.
	armed map[string]bool
	// reviewed is what the test knows of the periods of each trigger.
	reviewed map[string]*reviewed
	// made are the names of the runs of periods that were made, whether or not they are still there.
	made map[string]bool
	// workEnded is when the latest work ended; zero where there was none.
	workEnded time.Time
}

// reviewed is what the test knows of the periods of one trigger: what is history, the last that has its run, and the last
// of those that the account has seen.
type reviewed struct {
	history, made, seen time.Time
}

// newLife draws a playbook and an account that it has never seen.
func newLife(t *rapid.T) *life {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l := &life{zone: zone, now: noon, account: startingOn("2026-02-01"), held: map[string]time.Duration{}, judged: map[string]playbook.Truth{}}
	l.account.Labels = map[string]string{"tier": "enterprise"}
	l.reviewed, l.made = map[string]*reviewed{}, map[string]bool{}
	l.pb = spec(triggers())
	l.pb.Spec.AccountSelector.MatchLabels = map[string]string{"tier": "enterprise"}
	l.pb.Spec.Existing = rapid.SampledFrom([]v1alpha1.ExistingPolicy{v1alpha1.ExistingStart, v1alpha1.ExistingIgnore}).Draw(t, "existing")
	l.edit(t)
	return l
}

// edit draws the triggers, the cooldown and the repetition anew.
func (l *life) edit(t *rapid.T) {
	s := &l.pb.Spec
	s.Triggers = nil
	for _, name := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, "watch "+name) {
			hold := rapid.SampledFrom([]v1alpha1.Duration{"", "90s", "1h", "1d"}).Draw(t, "for")
			s.Triggers = append(s.Triggers, v1alpha1.Trigger{Name: name, For: hold, Value: &v1alpha1.ValueTrigger{
				From: v1alpha1.ValueFrom{Measurement: name}, AtMost: ptr(v1alpha1.Decimal("5")),
			}})
		}
	}
	for _, name := range []string{"p", "q"} {
		if len(s.Triggers) == 0 || rapid.Bool().Draw(t, "watch "+name) {
			every := rapid.SampledFrom([]v1alpha1.Duration{"1d", "2d", "5d", "9d"}).Draw(t, "every")
			s.Triggers = append(s.Triggers, v1alpha1.Trigger{Name: name, Every: every})
		}
	}
	s.Repeat = rapid.SampledFrom([]v1alpha1.RepeatPolicy{v1alpha1.RepeatNever, v1alpha1.RepeatAfterCooldown}).Draw(t, "repeat")
	s.Cooldown = rapid.SampledFrom([]v1alpha1.Duration{"1s", "90s", "2h", "3d"}).Draw(t, "cooldown")
	p, err := playbook.Compile(l.pb)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	l.playbook, l.edited = p, true
}

// view is what the playbook sees.
func (l *life) view(now time.Time) playbook.View {
	return playbook.View{Account: l.account, Now: now, Location: l.zone}
}

// episodes are what the operator makes of what it sees at a moment.
func (l *life) episodes(now time.Time) ([]v1alpha1.Episode, time.Time) {
	episodes, _, next := playbook.Episodes(playbook.EpisodesInput{
		View: l.view(now), Playbooks: []playbook.Watching{{Name: "rescue", Playbook: l.playbook}}, Runs: l.seen,
	})
	return episodes, next
}

// churned and chosen are whether the customer left, and whether the playbook chooses the account.
func (l *life) churned() bool { return l.account.Spec.LifecycleStage == v1alpha1.StageChurned }
func (l *life) chosen() bool  { return len(l.account.Labels) > 0 }

// truth is the test's own word on a trigger that watches a state.
func (l *life) truth(name string) playbook.Truth {
	switch {
	case l.churned():
		return playbook.False
	case !l.chosen():
		return playbook.Unknown
	}
	for _, m := range l.account.Spec.Measurements {
		if m.Name == name {
			return map[string]playbook.Truth{"1": playbook.True, "9": playbook.False}[m.Value]
		}
	}
	return playbook.Unknown
}

// overall is the test's own word on all of them, and whether there are any.
func (l *life) overall() (truth playbook.Truth, watched bool) {
	truths := map[playbook.Truth]bool{}
	for _, t := range l.pb.Spec.Triggers {
		switch truth := l.truth(t.Name); {
		case t.Every != "":
		case truth == playbook.True && l.early(t.Name):
			truths[playbook.False] = true
		default:
			truths[truth] = true
		}
	}
	switch {
	case truths[playbook.True]:
		return playbook.True, true
	case truths[playbook.Unknown] || len(truths) == 0:
		return playbook.Unknown, len(truths) > 0
	}
	return playbook.False, true
}

// newest is the test's own word on the period that began last; zero where none has.
func (l *life) newest(t *rapid.T, trigger v1alpha1.Trigger) time.Time {
	if l.account.Spec.Contract == nil || l.account.Spec.Contract.StartDate == "" {
		return time.Time{}
	}
	start := midnight(string(l.account.Spec.Contract.StartDate))
	days := int(parsed(t, trigger.Every) / (24 * time.Hour))
	var newest time.Time
	for n := days; ; n += days {
		begin := time.Date(start.Year(), start.Month(), start.Day()+n, 0, 0, 0, 0, l.zone)
		if begin.After(l.now) {
			return newest
		}
		newest = begin
	}
}

// waits is the test's own word on whether the newest period waits for its run, after the last that has one.
func (l *life) waits(t *rapid.T, trigger v1alpha1.Trigger, last func(*reviewed) time.Time) bool {
	r, newest := l.reviewed[trigger.Name], l.newest(t, trigger)
	if r == nil || l.churned() || !l.chosen() || newest.IsZero() || !newest.After(r.history) {
		return false
	}
	half := parsed(t, trigger.Every) / 2
	return last(r).IsZero() || newest.Sub(last(r)).Round(24*time.Hour) >= half
}

// openIn counts the runs with open work.
func openIn(runs []v1alpha1.PlaybookRun) int {
	n := 0
	for i := range runs {
		if runs[i].Status.State == v1alpha1.RunActive {
			n++
		}
	}
	return n
}

// observe keeps the test's own account of the conditions and periods.
func (l *life) observe(t *rapid.T) {
	names := map[string]bool{}
	for _, trigger := range l.pb.Spec.Triggers {
		names[trigger.Name] = true
		if trigger.Every != "" {
			l.observePeriods(t, trigger)
			continue
		}
		truth := l.truth(trigger.Name)
		if l.judged[trigger.Name] == playbook.True {
			l.held[trigger.Name] += l.now.Sub(l.last)
		}
		switch truth {
		case playbook.False:
			l.held[trigger.Name] = 0
		case playbook.Unknown:
			l.held[trigger.Name] = max(l.held[trigger.Name], 0)
		}
		l.judged[trigger.Name] = truth
	}
	for name := range l.judged {
		if !names[name] {
			delete(l.held, name)
			delete(l.judged, name)
		}
	}
	for i := range l.seen {
		if r := l.reviewed[l.seen[i].Spec.Trigger]; r != nil {
			begin := midnightIn(l.seen[i].Spec.Period, l.zone)
			r.seen, r.made = later(r.seen, begin), later(r.made, begin)
		}
	}
	l.arm()
	if truth, watched := l.overall(); watched && truth == playbook.False {
		l.fired = false
	}
	l.last = l.now
}

// arm notes the triggers that are False, where those that held at first sight are ignored.
func (l *life) arm() {
	watched := slices.DeleteFunc(slices.Clone(l.pb.Spec.Triggers), func(t v1alpha1.Trigger) bool { return t.Every != "" })
	if len(watched) == 0 || l.churned() && playbook.StateEpisodeOf(l.account, "rescue").State == "" {
		return
	}
	if playbook.StateEpisodeOf(l.account, "rescue").State == "" {
		l.armed = nil
		known := slices.ContainsFunc(watched, func(t v1alpha1.Trigger) bool { return l.truth(t.Name) != playbook.Unknown })
		if l.pb.Spec.Existing == v1alpha1.ExistingIgnore && l.stateRuns() == 0 && known {
			l.armed = map[string]bool{}
		}
	}
	if l.armed == nil {
		return
	}
	still := map[string]bool{}
	for _, t := range watched {
		if l.armed[t.Name] || l.truth(t.Name) == playbook.False {
			still[t.Name] = true
		}
	}
	switch {
	case len(still) == len(watched):
		l.armed = nil
	case len(still) > 0:
		l.armed = still
	}
}

// early reports whether a trigger held already when the playbook first saw the account, which it ignores.
func (l *life) early(name string) bool { return l.armed != nil && !l.armed[name] }

// holdsEarly reports whether one of those holds.
func (l *life) holdsEarly() bool {
	return slices.ContainsFunc(l.pb.Spec.Triggers, func(t v1alpha1.Trigger) bool {
		return t.Every == "" && l.early(t.Name) && l.truth(t.Name) == playbook.True
	})
}

// stateRuns counts the runs of states that the cache shows.
func (l *life) stateRuns() int {
	n := 0
	for i := range l.seen {
		if l.seen[i].Spec.Period == "" {
			n++
		}
	}
	return n
}

// observePeriods keeps the test's own account of a trigger with every.
func (l *life) observePeriods(t *rapid.T, trigger v1alpha1.Trigger) {
	r := l.reviewed[trigger.Name]
	if r == nil {
		if l.churned() || !l.chosen() {
			return
		}
		r = &reviewed{history: l.now}
		l.reviewed[trigger.Name] = r
	}
	openNow := slices.ContainsFunc(l.seen, func(run v1alpha1.PlaybookRun) bool {
		return run.Spec.Trigger == trigger.Name && run.Status.State == v1alpha1.RunActive
	})
	if newest := l.newest(t, trigger); l.churned() && !openNow && newest.After(r.history) {
		r.history = newest
	}
}

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// midnightIn is the beginning of a day.
func midnightIn(date v1alpha1.Date, zone *time.Location) time.Time {
	d := midnight(string(date))
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone)
}

// rest forgets how long conditions have held where no run waits for it.
func (l *life) rest(got []v1alpha1.Episode) {
	for i := range got {
		e := &got[i]
		if e.Every == "" && e.State == due && l.pb.Spec.Repeat == v1alpha1.RepeatAfterCooldown {
			l.fired = false // the repetition is called for, whatever an edit says later
		}
		waiting := e.State == pending || e.State == due || (e.State == firing && l.pb.Spec.Repeat == v1alpha1.RepeatAfterCooldown)
		if e.Every == "" && !waiting {
			l.held, l.judged = map[string]time.Duration{}, map[string]playbook.Truth{}
		}
	}
}
