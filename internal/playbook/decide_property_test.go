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

// history is one account under one playbook through a random life: conditions that come, go and cannot be judged, a clock
// that jumps, people who finish, reopen and delete work, and a backup that forgets every status. Beside what the operator
// remembers it keeps its own, simpler account of what happened, and holds the one against the other.
type history struct {
	playbook *playbook.Playbook
	holds    []time.Duration
	cooldown time.Duration
	spec     v1alpha1.PlaybookSpec

	now    time.Time
	truths []playbook.Truth
	// runs says of each run that exists, by sequence, whether its work is open.
	runs map[int64]bool
	// memory is the episode in the account's status, before the one that it held before the last write.
	memory, before *v1alpha1.Episode

	// held is how long each trigger was seen to hold; judged is what it was when it was last judged.
	held   []time.Duration
	judged []playbook.Truth
	last   time.Time
	// early are the triggers that were not seen False since the playbook first saw the account, where those are ignored.
	early map[int]bool
	// fired means that a run was made since the condition was last seen False.
	fired bool
	// workEnded is when the latest work ended; zero where there was none.
	workEnded time.Time
}

// newHistory draws a playbook and an account that it has never seen.
func newHistory(t *rapid.T) *history {
	h := &history{now: noon, runs: map[int64]bool{}}
	duration := rapid.SampledFrom([]v1alpha1.Duration{"", "90s", "1h", "1d"})
	pb := spec()
	score := pb.Spec.Triggers[0].Score
	pb.Spec.Triggers = nil
	for _, name := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "triggers")] {
		hold := duration.Draw(t, "for")
		pb.Spec.Triggers = append(pb.Spec.Triggers, v1alpha1.Trigger{Name: name, For: hold, Score: score})
		h.holds = append(h.holds, parsed(t, hold))
	}
	pb.Spec.Existing = rapid.SampledFrom([]v1alpha1.ExistingPolicy{"", v1alpha1.ExistingStart, v1alpha1.ExistingIgnore}).Draw(t, "existing")
	pb.Spec.Repeat = rapid.SampledFrom([]v1alpha1.RepeatPolicy{"", v1alpha1.RepeatNever, v1alpha1.RepeatAfterCooldown}).Draw(t, "repeat")
	pb.Spec.Cooldown = rapid.SampledFrom([]v1alpha1.Duration{"1s", "90s", "2h", "3d"}).Draw(t, "cooldown")
	h.cooldown = parsed(t, pb.Spec.Cooldown)
	h.spec = pb.Spec
	p, err := playbook.Compile(pb)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	h.playbook = p
	n := len(pb.Spec.Triggers)
	h.truths, h.judged, h.held = make([]playbook.Truth, n), make([]playbook.Truth, n), make([]time.Duration, n)
	return h
}

// parsed reads a duration that the test wrote.
func parsed(t *rapid.T, d v1alpha1.Duration) time.Duration {
	if d == "" {
		return 0
	}
	if d[len(d)-1] == 'd' {
		return 24 * time.Hour * time.Duration(d[0]-'0')
	}
	out, err := time.ParseDuration(string(d))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// results are the triggers as they are now.
func (h *history) results() []playbook.TriggerResult {
	var out []playbook.TriggerResult
	for i, truth := range h.truths {
		out = append(out, playbook.TriggerResult{Name: h.spec.Triggers[i].Name, Truth: truth})
	}
	return out
}

// input is what the operator sees.
func (h *history) input(memory *v1alpha1.Episode, now time.Time) playbook.DecideInput {
	in := playbook.DecideInput{Memory: memory, Triggers: h.results(), OpenRun: h.openRuns() > 0, Now: now}
	for sequence := range h.runs {
		in.MaxSequence = max(in.MaxSequence, sequence)
	}
	if memory != nil {
		_, in.RunExists = h.runs[memory.Sequence]
	}
	return in
}

// openRuns counts the runs with open work.
func (h *history) openRuns() int {
	n := 0
	for _, open := range h.runs {
		if open {
			n++
		}
	}
	return n
}

// decide lets the operator decide and write, and checks the decision.
func (h *history) decide(t *rapid.T) {
	in := h.input(h.memory, h.now)
	got, next := h.playbook.Decide(in)
	h.observe()
	h.checkDecision(t, in, got, next)
	h.before, h.memory = h.memory, got
}

// observe keeps the test's own account of how long each trigger holds.
func (h *history) observe() {
	for i, truth := range h.truths {
		if h.judged[i] == playbook.True {
			h.held[i] += h.now.Sub(h.last)
		}
		if truth == playbook.False {
			h.held[i] = 0
		}
		h.judged[i] = truth
	}
	h.last = h.now
	if h.memory == nil {
		h.early = map[int]bool{}
		for i := range h.truths {
			h.early[i] = h.spec.Existing == v1alpha1.ExistingIgnore && len(h.runs) == 0
		}
	}
	counted := h.results()
	for i, truth := range h.truths {
		h.early[i] = h.early[i] && truth != playbook.False
		if h.early[i] && truth == playbook.True {
			counted[i].Truth = playbook.False
		}
	}
	if playbook.Overall(counted) == playbook.False {
		h.fired = false
	}
}

// checkDecision holds one decision against the rules.
func (h *history) checkDecision(t *rapid.T, in playbook.DecideInput, got *v1alpha1.Episode, next time.Time) {
	again, nextAgain := h.playbook.Decide(h.input(got, h.now))
	same(t, "the episode decided again", got, again)
	same(t, "the next change decided again", next, nextAgain)
	if !next.IsZero() && !next.After(h.now) {
		t.Fatalf("the next change %v is not after now, %v", next, h.now)
	}
	h.checkUnknown(t, in, got)
	if got == nil {
		return
	}
	if due := h.mayStart(got); due != (got.State == v1alpha1.EpisodeDue) {
		t.Fatalf("a run may start: %v, but the episode is %s", due, got.State)
	}
	h.checkNext(t, got, next)
}

// mayStart is the test's own word on whether a run may start now.
func (h *history) mayStart(e *v1alpha1.Episode) bool {
	switch {
	case h.openRuns() > 0:
		return false
	case e.State == v1alpha1.EpisodeFiring && h.spec.Repeat != v1alpha1.RepeatAfterCooldown:
		return false
	case e.EndedTime != nil && h.now.Before(e.EndedTime.Add(h.cooldown)):
		return false
	}
	for i, truth := range h.truths {
		if truth == playbook.True && !h.early[i] && h.held[i] >= h.holds[i] {
			return true
		}
	}
	return false
}

// checkUnknown checks that what is not known starts, clears, cancels and re-arms nothing.
func (h *history) checkUnknown(t *rapid.T, in playbook.DecideInput, got *v1alpha1.Episode) {
	if playbook.Overall(in.Triggers) != playbook.Unknown {
		return
	}
	if in.Memory == nil {
		noticed := h.spec.Existing == v1alpha1.ExistingIgnore && slices.Contains(h.truths, playbook.False)
		if got != nil && (got.State != v1alpha1.EpisodeFiring || in.MaxSequence == 0) && (got.State != v1alpha1.EpisodeClear || !noticed) {
			t.Fatalf("Unknown at first sight made the episode %s", got.State)
		}
		return
	}
	adopted := in.MaxSequence > in.Memory.Sequence || (in.RunExists && in.Memory.State == v1alpha1.EpisodeDue)
	want := in.Memory.State
	switch {
	case adopted:
		want = v1alpha1.EpisodeFiring
	case want == v1alpha1.EpisodeDue:
		want = v1alpha1.EpisodePending
	}
	if got.State != want {
		t.Fatalf("Unknown took the episode from %s to %s", in.Memory.State, got.State)
	}
}

// checkNext checks that nothing changes before the announced moment, and that the episode is Due at it.
func (h *history) checkNext(t *rapid.T, got *v1alpha1.Episode, next time.Time) {
	far := h.now.Add(1000 * time.Hour)
	if next.IsZero() {
		if later, _ := h.playbook.Decide(h.input(got, far)); later.State != got.State {
			t.Fatalf("no change was announced, but %s becomes %s", got.State, later.State)
		}
		return
	}
	if early, _ := h.playbook.Decide(h.input(got, next.Add(-time.Second))); early.State != got.State {
		t.Fatalf("%s becomes %s before the announced moment", got.State, early.State)
	}
	if then, _ := h.playbook.Decide(h.input(got, next)); then.State != v1alpha1.EpisodeDue {
		t.Fatalf("at the announced moment the episode is %s, not Due", then.State)
	}
}

// start lets the playbook's reconciler make the run of a Due episode, as it sees it.
func (h *history) start(t *rapid.T, e *v1alpha1.Episode) {
	if e == nil || e.State != v1alpha1.EpisodeDue {
		return
	}
	if _, ok := h.runs[e.Sequence]; ok {
		return
	}
	if h.openRuns() > 0 {
		t.Fatalf("run %d starts while another has open work", e.Sequence)
	}
	if h.fired && h.spec.Repeat != v1alpha1.RepeatAfterCooldown {
		t.Fatalf("run %d starts, and the condition was never False since the one before", e.Sequence)
	}
	if !h.workEnded.IsZero() && h.now.Before(h.workEnded.Add(h.cooldown)) {
		t.Fatalf("run %d starts at %v, within the cooldown from %v", e.Sequence, h.now, h.workEnded)
	}
	h.runs[e.Sequence] = true
	h.fired = true
}

// pick draws one of the runs that are open, or closed; 0 where there is none.
func (h *history) pick(t *rapid.T, open bool) int64 {
	var found []int64
	for _, sequence := range slices.Sorted(maps.Keys(h.runs)) {
		if h.runs[sequence] == open {
			found = append(found, sequence)
		}
	}
	if len(found) == 0 {
		return 0
	}
	return rapid.SampledFrom(found).Draw(t, "run")
}

// drop deletes a run, as a person may who sees it; by then every copy of the status shows it too.
func (h *history) drop(t *rapid.T, open bool) {
	h.decide(t)
	h.before = h.memory
	if sequence := h.pick(t, open); sequence != 0 {
		delete(h.runs, sequence)
		if open {
			h.workEnded = h.now
		}
	}
}

// forget loses the statuses, as a backup without them does. Of work whose run is gone too nothing remains anywhere.
func (h *history) forget() {
	h.memory, h.before = nil, nil
	h.held, h.judged = make([]time.Duration, len(h.truths)), make([]playbook.Truth, len(h.truths))
	if len(h.runs) == 0 {
		h.fired, h.workEnded = false, time.Time{}
	}
}

func TestEpisodesThroughRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		truth := rapid.SampledFrom([]playbook.Truth{playbook.Unknown, playbook.False, playbook.True, playbook.True})
		t.Repeat(map[string]func(*rapid.T){
			"judge": func(t *rapid.T) {
				h.truths[rapid.IntRange(0, len(h.truths)-1).Draw(t, "trigger")] = truth.Draw(t, "truth")
			},
			"wait": func(t *rapid.T) {
				step := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit")
				h.now = h.now.Add(step * time.Duration(rapid.IntRange(1, 5).Draw(t, "units")))
			},
			"decide": h.decide,
			"start":  func(t *rapid.T) { h.start(t, h.memory) },
			// The playbook's cache may be one write behind the account's status.
			"start from an older copy": func(t *rapid.T) { h.start(t, h.before) },
			"finish": func(t *rapid.T) {
				if sequence := h.pick(t, true); sequence != 0 {
					h.runs[sequence] = false
					h.workEnded = h.now
				}
			},
			"reopen": func(t *rapid.T) {
				if sequence := h.pick(t, false); sequence != 0 && h.openRuns() == 0 {
					h.runs[sequence] = true
					h.decide(t)
					h.before = h.memory
				}
			},
			"delete open work":     func(t *rapid.T) { h.drop(t, true) },
			"delete finished work": func(t *rapid.T) { h.drop(t, false) },
			"lose the statuses":    func(*rapid.T) { h.forget() },
			"": func(t *rapid.T) {
				if n := h.openRuns(); n > 1 {
					t.Fatalf("%d runs are open", n)
				}
			},
		})
	})
}
