package playbook_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// survey is one account under a playbook that watches the answers to a survey, through a random life: answers that come
// late, together and for a moment that lies ahead, that are edited, withdrawn and brought back, a source that fails, a
// clock that jumps, people who finish, reopen and delete work, other work of the playbook, and a backup that forgets every
// status. Beside what the operator remembers it keeps its own, simpler account of what must happen.
type survey struct {
	playbook *playbook.Playbook
	existing v1alpha1.ExistingPolicy
	cooldown time.Duration
	maxAge   time.Duration

	now time.Time
	// rows of the source, in its order.
	rows []answer
	// down, strange and churned: the source cannot be read; the playbook does not choose the account; the customer left.
	down, strange, churned bool
	// busy means that other work of the playbook on the account is open; otherEnded is when the latest ended.
	busy       bool
	otherEnded time.Time

	// runs says of each run that exists, by the time of its observation, whether its work is open.
	runs map[time.Time]bool
	// sequences of the runs that exist.
	sequences map[time.Time]int64
	// memory is the episode in the account's status, before the one that it held before the last write.
	memory, before *v1alpha1.Episode

	// made are the observations whose run was made, whether or not it still exists.
	made map[time.Time]bool
	// history is the time up to which answers were there before the playbook first saw the account.
	history time.Time
	// unseen means that work was open which the operator has not seen the end of; seenEnd is when it saw the latest end.
	unseen  bool
	seenEnd time.Time
	// workEnded is when the latest work ended.
	workEnded time.Time
}

// answer is one row. One without a score is no observation.
type answer struct {
	at    time.Time
	score string
}

// npsOf is the metric that the playbook watches.
var npsOf = v1alpha1.MetricReference{Source: "surveys", Metric: "nps"}

// newSurvey draws a playbook and an account that it has never seen.
func newSurvey(t *rapid.T) *survey {
	s := &survey{now: noon, runs: map[time.Time]bool{}, sequences: map[time.Time]int64{}, made: map[time.Time]bool{}}
	pb := spec(triggers(detractor))
	pb.Spec.AccountSelector.MatchLabels = map[string]string{"tier": "enterprise"}
	pb.Spec.Existing = rapid.SampledFrom([]v1alpha1.ExistingPolicy{"", v1alpha1.ExistingStart, v1alpha1.ExistingIgnore}).Draw(t, "existing")
	pb.Spec.Cooldown = rapid.SampledFrom([]v1alpha1.Duration{"0s", "0s", "90s", "2h", "3d"}).Draw(t, "cooldown")
	s.existing, s.cooldown = pb.Spec.Existing, parsed(t, pb.Spec.Cooldown)
	s.maxAge = rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Hour, 72 * time.Hour}).Draw(t, "maxAge")
	p, err := playbook.Compile(pb)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	s.playbook = p
	return s
}

// view is what the playbook sees of the account.
func (s *survey) view(now time.Time) playbook.View {
	a := acme(func(a *v1alpha1.Account) {
		a.Labels = map[string]string{"tier": "enterprise"}
		if s.strange {
			a.Labels = nil
		}
		if s.churned {
			a.Spec.LifecycleStage = v1alpha1.StageChurned
		}
	})
	events := value.Events{Known: !s.down, MaxAge: s.maxAge}
	for _, row := range s.rows {
		e := value.Event{Time: row.at, Values: map[string]value.Value{}}
		if row.score != "" {
			e.Values["nps"] = *fresh(row.score).Value
		}
		events.Rows = append(events.Rows, e)
	}
	slices.SortStableFunc(events.Rows, func(a, b value.Event) int { return a.Time.Compare(b.Time) })
	if s.down {
		events = value.Events{}
	}
	return playbook.View{Account: a, Events: map[string]value.Events{"surveys": events}, Now: now}
}

// input is what the operator sees.
func (s *survey) input(memory *v1alpha1.Episode, now time.Time) playbook.ObservationInput {
	in := playbook.ObservationInput{Memory: memory, Metric: npsOf, View: s.view(now), Busy: s.busy || s.open() > 0, Ended: s.otherEnded}
	for _, at := range slices.SortedFunc(maps.Keys(s.runs), time.Time.Compare) {
		in.Runs = append(in.Runs, playbook.ObservationRun{ObservedTime: at, Sequence: s.sequences[at], Open: s.runs[at]})
	}
	return in
}

// open counts the runs with open work.
func (s *survey) open() int {
	n := 0
	for _, open := range s.runs {
		if open {
			n++
		}
	}
	return n
}

// unknown means that nobody can say which answers there are.
func (s *survey) unknown() bool { return s.down || (s.strange && !s.churned) }

// waiting is the test's own word on which observations wait for their run, the oldest first.
func (s *survey) waiting(now time.Time) []time.Time {
	if s.unknown() || s.churned {
		return nil
	}
	var times []time.Time
	for _, row := range s.rows {
		holds := row.score == "0" || row.score == "6"
		stale := s.maxAge > 0 && now.Sub(row.at) > s.maxAge
		if holds && !stale && !row.at.After(now) && row.at.After(s.history) && !s.made[row.at] && s.later(row.at) <= 8 {
			times = append(times, row.at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.Compact(times)
}

// later counts the observations after a moment whose run was made.
func (s *survey) later(at time.Time) int {
	n := 0
	for made := range s.made {
		if made.After(at) {
			n++
		}
	}
	return n
}

// look is what the playbook makes of the answers that it finds when it first sees any of the account. It reports whether it
// sees any, or need not.
func (s *survey) look() bool {
	var times []time.Time
	for _, row := range s.rows {
		if row.score != "" && !row.at.After(s.now) {
			times = append(times, row.at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.Compact(times)
	s.history = time.Time{}
	if s.existing == v1alpha1.ExistingIgnore {
		s.history = s.now
		return true
	}
	switch n := len(times); {
	case n > 1:
		s.history = times[n-2]
	case n == 1:
		s.history = times[0].Add(-time.Second)
	}
	return len(times) > 0
}

// decide lets the operator decide and write, and checks the decision.
func (s *survey) decide(t *rapid.T) {
	in := s.input(s.memory, s.now)
	got, next := s.playbook.DecideObservation(in)
	if s.memory == nil && (s.unknown() || s.churned) {
		if got != nil || !next.IsZero() {
			t.Fatalf("nothing can be seen, but the episode is %+v", got)
		}
		return
	}
	if s.memory == nil && !s.look() {
		if got != nil {
			t.Fatalf("there is no answer, but the episode is %+v", got)
		}
		return
	}
	switch {
	case s.open() > 0:
		s.unseen = true
	case s.unseen:
		s.unseen, s.seenEnd = false, s.now
	}
	s.checkDecision(t, in.Memory, got, next)
	s.before, s.memory = s.memory, got
}

// checkDecision holds one decision against the rules.
func (s *survey) checkDecision(t *rapid.T, memory, got *v1alpha1.Episode, next time.Time) {
	again, nextAgain := s.playbook.DecideObservation(s.input(got, s.now))
	same(t, "the episode decided again", got, again)
	same(t, "the next change decided again", next, nextAgain)
	if !next.IsZero() && !next.After(s.now) {
		t.Fatalf("the next change %v is not after now, %v", next, s.now)
	}
	waiting := s.waiting(s.now)
	want := v1alpha1.EpisodeClear
	switch {
	case s.open() > 0:
		want = firing
	case s.unknown():
		if want = memory.State; want == due {
			want = pending
		}
		if memory.State == due && s.made[memory.ObservedTime.Time] {
			want = firing
		}
	case len(waiting) > 0 && s.mayStart(s.now):
		want = due
	case len(waiting) > 0:
		want = pending
	}
	if got.State != want {
		t.Fatalf("the episode is %s, not %s; %v wait", got.State, want, waiting)
	}
	if s.open() == 0 && !timeIn(got.EndedTime).Equal(s.seenEnd) {
		t.Fatalf("the work ended at %v, not %v", got.EndedTime, s.seenEnd)
	}
	kept := memory != nil && memory.State == due && slices.ContainsFunc(waiting, memory.ObservedTime.Time.Equal)
	if (got.State == due || got.State == pending) && len(waiting) > 0 && !kept && !got.ObservedTime.Time.Equal(waiting[0]) {
		t.Fatalf("%v is next, not the oldest of %v", got.ObservedTime, waiting)
	}
	s.checkNextChange(t, got, next)
}

// mayStart is the test's own word on whether a run may start, if an observation waits for one.
func (s *survey) mayStart(now time.Time) bool {
	for _, ended := range []time.Time{s.seenEnd, s.otherEnded} {
		if !ended.IsZero() && now.Before(ended.Add(s.cooldown)) {
			return false
		}
	}
	return !s.busy && s.open() == 0
}

// checkNextChange checks that nothing changes before the announced moment, and that something does then.
func (s *survey) checkNextChange(t *rapid.T, got *v1alpha1.Episode, next time.Time) {
	if next.IsZero() {
		later, _ := s.playbook.DecideObservation(s.input(got, s.now.Add(10000*time.Hour)))
		same(t, "the episode much later, without an announced change", got, later)
		return
	}
	early, _ := s.playbook.DecideObservation(s.input(got, next.Add(-time.Second)))
	same(t, "the episode before the announced moment", got, early)
	if slices.EqualFunc(s.waiting(s.now), s.waiting(next), time.Time.Equal) && s.mayStart(s.now) == s.mayStart(next) {
		t.Fatalf("nothing changes at the announced moment %v", next)
	}
}

// start lets the playbook's reconciler make the run of a Due episode, as it sees it.
func (s *survey) start(t *rapid.T, e *v1alpha1.Episode) {
	if e == nil || e.State != due {
		return
	}
	run, err := s.playbook.NewObservationRun(s.view(s.now), *e)
	if err != nil {
		if slices.ContainsFunc(s.waiting(s.now), e.ObservedTime.Time.Equal) {
			t.Fatalf("the observation of %v waits, but gets no run: %v", e.ObservedTime, err)
		}
		return
	}
	at := run.Spec.Observation.ObservedTime.Time
	if _, exists := s.runs[at]; exists {
		return // the name is taken
	}
	switch {
	case s.made[at]:
		t.Fatalf("a second run for the observation of %v", at)
	case s.open() > 0 || s.busy:
		t.Fatalf("the run for %v starts while another has open work", at)
	case !s.workEnded.IsZero() && s.now.Before(s.workEnded.Add(s.cooldown)), !s.mayStart(s.now):
		t.Fatalf("the run for %v starts at %v, within the cooldown from %v or %v", at, s.now, s.workEnded, s.otherEnded)
	case !slices.ContainsFunc(s.waiting(s.now), at.Equal):
		t.Fatalf("a run starts for %v, and these wait: %v", at, s.waiting(s.now))
	}
	s.runs[at], s.made[at], s.unseen = true, true, true
	s.sequences[at] = run.Spec.Sequence
}

// live lets time and people do their work, and nothing else, for some rounds or until nothing waits any more.
func (s *survey) live(t *rapid.T, rounds int) (over bool) {
	for range rounds {
		for at := range s.runs {
			s.finish(at)
		}
		s.decide(t)
		s.start(t, s.memory)
		_, next := s.playbook.DecideObservation(s.input(s.memory, s.now))
		if len(s.waiting(s.now)) == 0 && next.IsZero() && s.open() == 0 {
			return true
		}
		if !next.IsZero() {
			s.now = next
		}
	}
	return false
}

// drain checks that every observation that stays there gets its run in the end.
func (s *survey) drain(t *rapid.T) {
	s.down, s.strange, s.churned, s.busy = false, false, false, false
	if !s.live(t, 4*len(s.rows)+4) {
		t.Fatalf("these wait for ever: %v", s.waiting(s.now))
	}
}

// finish ends the work of a run.
func (s *survey) finish(at time.Time) {
	if s.runs[at] {
		s.runs[at], s.workEnded = false, s.now
	}
}

// pick draws one of the runs that are open, or closed.
func (s *survey) pick(t *rapid.T, open bool) (at time.Time, ok bool) {
	found := slices.DeleteFunc(slices.SortedFunc(maps.Keys(s.runs), time.Time.Compare), func(at time.Time) bool { return s.runs[at] != open })
	if len(found) == 0 {
		return at, false
	}
	return rapid.SampledFrom(found).Draw(t, "run"), true
}

// drop deletes a run, as a person may who sees it; by then every copy of the status shows it too.
func (s *survey) drop(t *rapid.T, open bool) {
	s.decide(t)
	if s.before = s.memory; s.memory == nil {
		return // what nothing was ever written down of, nothing remembers
	}
	if at, ok := s.pick(t, open); ok {
		s.finish(at)
		delete(s.runs, at)
	}
}

// forget loses the statuses, as a backup without them does. Of work whose run is gone too nothing remains anywhere.
func (s *survey) forget() {
	s.memory, s.before = nil, nil
	s.made = map[time.Time]bool{}
	for at := range s.runs {
		s.made[at] = true
	}
	s.unseen, s.seenEnd = len(s.runs) > 0, time.Time{}
	if !s.unseen {
		s.workEnded = time.Time{}
	}
}

// timeIn is a status's time; zero where it is unset.
func timeIn(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// change has people and machines change what the source says.
func (s *survey) change() map[string]func(*rapid.T) {
	score := rapid.SampledFrom([]string{"0", "6", "6", "7", "10", ""})
	near := func(t *rapid.T) time.Time {
		return s.now.Truncate(time.Hour).Add(time.Duration(rapid.IntRange(-14, 3).Draw(t, "hours")) * time.Hour)
	}
	one := func(t *rapid.T, do func(i int)) {
		if len(s.rows) > 0 {
			do(rapid.IntRange(0, len(s.rows)-1).Draw(t, "row"))
		}
	}
	var withdrawn []answer
	return map[string]func(*rapid.T){
		"answer": func(t *rapid.T) { s.rows = append(s.rows, answer{near(t), score.Draw(t, "score")}) },
		"several answers": func(t *rapid.T) {
			for range rapid.IntRange(2, 16).Draw(t, "answers") {
				s.rows = append(s.rows, answer{near(t), score.Draw(t, "score")})
			}
		},
		"edit an answer": func(t *rapid.T) { one(t, func(i int) { s.rows[i].score = score.Draw(t, "score") }) },
		"withdraw an answer": func(t *rapid.T) {
			one(t, func(i int) {
				withdrawn = append(withdrawn, s.rows[i])
				s.rows = slices.Delete(s.rows, i, i+1)
			})
		},
		"bring answers back": func(*rapid.T) { s.rows, withdrawn = append(s.rows, withdrawn...), nil },
		"read again in another order": func(t *rapid.T) {
			s.rows = rapid.Permutation(s.rows).Draw(t, "rows")
		},
		"the source fails or recovers":       func(*rapid.T) { s.down = !s.down },
		"the account is chosen or not":       func(*rapid.T) { s.strange = !s.strange },
		"the customer leaves or is won back": func(*rapid.T) { s.churned = !s.churned },
	}
}

// actions are all that may happen.
func (s *survey) actions() map[string]func(*rapid.T) {
	actions := s.change()
	maps.Copy(actions, map[string]func(*rapid.T){
		"wait": func(t *rapid.T) {
			step := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit")
			s.now = s.now.Add(step * time.Duration(rapid.IntRange(1, 5).Draw(t, "units")))
		},
		"the clock is set back": func(t *rapid.T) {
			s.now = s.now.Add(-time.Duration(rapid.IntRange(1, 120).Draw(t, "minutes")) * time.Minute)
			if s.workEnded.After(s.now) {
				s.workEnded = s.now // what has ended has ended
			}
			s.decide(t)
			s.before = s.memory
		},
		"decide": s.decide,
		"all goes well for a while": func(t *rapid.T) {
			s.live(t, rapid.IntRange(5, 30).Draw(t, "rounds"))
			s.before = s.memory
		},
		"start": func(t *rapid.T) {
			s.start(t, s.memory)
			s.before = s.memory // a cache never goes back
		},
		// The playbook may act on a status that the account has just replaced; the account sees the run next.
		"start from an older copy": func(t *rapid.T) {
			if !s.busy {
				s.start(t, s.before)
				s.decide(t)
			}
		},
		"other work begins or ends": func(t *rapid.T) {
			if s.busy {
				s.otherEnded = s.now
			}
			s.busy = !s.busy && s.open() == 0
			s.decide(t)
			s.before = s.memory
		},
		"finish": func(t *rapid.T) {
			if at, ok := s.pick(t, true); ok {
				s.finish(at)
			}
		},
		"reopen": func(t *rapid.T) {
			if at, ok := s.pick(t, false); ok && s.open() == 0 && !s.busy {
				s.runs[at] = true
				s.decide(t)
				s.before = s.memory
			}
		},
		"delete open work":     func(t *rapid.T) { s.drop(t, true) },
		"delete finished work": func(t *rapid.T) { s.drop(t, false) },
		"lose the statuses":    func(*rapid.T) { s.forget() },
		"": func(t *rapid.T) {
			if n := s.open(); n > 1 {
				t.Fatalf("%d runs are open", n)
			}
		},
	})
	return actions
}

func TestObservationsThroughRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSurvey(t)
		t.Repeat(s.actions())
		s.drain(t)
	})
}
