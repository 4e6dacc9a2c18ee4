package playbook_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// called is a playbook of a name, with those that it had.
func called(name string, previous ...string) *v1alpha1.Playbook {
	return &v1alpha1.Playbook{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.PlaybookSpec{PreviousNames: previous}}
}

func TestRenamesOf(t *testing.T) {
	type renames struct {
		Now, WaitsFor string
		// Names are those of its runs.
		Names []string
		// Mean are the playbooks that others mean with the name, and Called what others may call the playbook, beyond Names.
		Mean, Called []string
	}
	for name, c := range map[string]struct {
		playbooks []*v1alpha1.Playbook
		// of is asked what it is called now, and that one what it waits for and was called.
		of   string
		want renames
	}{
		"no playbook":      {nil, "rescue", renames{"rescue", "", []string{"rescue"}, []string{"rescue"}, nil}},
		"no previous name": {[]*v1alpha1.Playbook{called("rescue")}, "rescue", renames{"rescue", "", []string{"rescue"}, []string{"rescue"}, nil}},
		"a previous name": {
			[]*v1alpha1.Playbook{called("save", "rescue")},
			"rescue",
			renames{"save", "", []string{"save", "rescue"}, []string{"save"}, nil},
		},
		"two of them": {
			[]*v1alpha1.Playbook{called("save", "rescue", "aid")},
			"rescue",
			renames{"save", "", []string{"save", "aid", "rescue"}, []string{"save"}, nil},
		},
		"another name": {
			[]*v1alpha1.Playbook{called("save", "rescue")},
			"renewal",
			renames{"renewal", "", []string{"renewal"}, []string{"renewal"}, nil},
		},
		"a name that is in use": {
			[]*v1alpha1.Playbook{called("save", "rescue"), called("rescue")},
			"rescue",
			renames{"rescue", "", []string{"rescue"}, []string{"rescue"}, []string{"save"}},
		},
		"the one that waits for it": {
			[]*v1alpha1.Playbook{called("save", "rescue", "aid"), called("rescue")},
			"aid",
			renames{"save", "rescue", []string{"save", "aid"}, []string{"save", "rescue"}, nil},
		},
		"the one that waits for two": {
			[]*v1alpha1.Playbook{called("save", "rescue", "aid"), called("rescue"), called("aid")},
			"save",
			renames{"save", "rescue", []string{"save"}, []string{"save", "rescue", "aid"}, nil},
		},
		"two claim a name": {
			[]*v1alpha1.Playbook{called("save", "rescue"), called("aid", "rescue")},
			"rescue",
			renames{"aid", "", []string{"aid", "rescue"}, []string{"aid"}, nil},
		},
		"renamed twice, with both names": {
			[]*v1alpha1.Playbook{called("save", "rescue", "aid")},
			"aid",
			renames{"save", "", []string{"save", "aid", "rescue"}, []string{"save"}, nil},
		},
		"about to be renamed a second time": {
			[]*v1alpha1.Playbook{called("aid", "save", "rescue"), called("save", "rescue")},
			"rescue",
			renames{"save", "", []string{"save", "rescue"}, []string{"save"}, []string{"aid"}},
		},
		"two that change their names wait for each other": {
			[]*v1alpha1.Playbook{called("save", "rescue"), called("rescue", "save")},
			"rescue",
			renames{"rescue", "save", []string{"rescue"}, []string{"rescue", "save"}, []string{"save"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := playbook.RenamesOf(c.playbooks)
			now := r.Now(c.of)
			names := r.Names(now)
			called := slices.DeleteFunc(r.Called(c.of), func(name string) bool { return slices.Contains(names, name) })
			same(t, "it", c.want, renames{now, r.WaitsFor(now), names, r.NowAll([]string{c.of}), called})
		})
	}
}

// Each kind of episode goes on under the new name: where it stands, and its run, which keeps the name that it began with.
func TestEpisodesOfARenamedPlaybook(t *testing.T) {
	began := noon.Add(-24 * time.Hour)
	firing := v1alpha1.Episode{Name: "save", State: v1alpha1.EpisodeFiring, Since: stamp(began), Sequence: 3}
	answered := v1alpha1.Episode{
		Name: "save", Source: "surveys", Metric: "nps", State: v1alpha1.EpisodeFiring, Since: stamp(began), Sequence: 1,
		ObservedTime: stamp(noon.Add(-time.Hour)), UpTo: stamp(began), Taken: []metav1.Time{*stamp(noon.Add(-time.Hour))},
	}
	period := v1alpha1.Episode{
		Name: "save", Every: "qbr", State: v1alpha1.EpisodeFiring, Since: stamp(began), Sequence: 2,
		ObservedTime: stamp(time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC)), UpTo: stamp(noon.AddDate(0, -2, 0)),
		Taken: []metav1.Time{*stamp(time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC))},
	}
	runOf := func(e v1alpha1.Episode, change func(*v1alpha1.PlaybookRunSpec)) v1alpha1.PlaybookRun {
		run := v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: playbook.EpisodeRunName("acme", &e, nil)}}
		run.Spec.AccountRef.Name, run.Spec.PlaybookRef.Name, run.Spec.Sequence, run.Spec.Trigger = "acme", "save", e.Sequence, "low"
		change(&run.Spec)
		return run
	}
	runs := []v1alpha1.PlaybookRun{
		runOf(firing, func(*v1alpha1.PlaybookRunSpec) {}),
		runOf(answered, func(s *v1alpha1.PlaybookRunSpec) {
			s.Trigger, s.Observation = "detractor", &v1alpha1.ObservationReference{Source: "surveys", Metric: "nps", ObservedTime: *answered.ObservedTime}
		}),
		runOf(period, func(s *v1alpha1.PlaybookRunSpec) { s.Trigger, s.Period = "qbr", "2026-10-29" }),
	}
	for name, c := range map[string]struct {
		playbooks []*v1alpha1.Playbook
		watching  playbook.Watching
		want      []string
	}{
		"nothing starts that has its run": {
			[]*v1alpha1.Playbook{called("rescue", "save")},
			everything(t),
			[]string{"rescue  Firing 3", "rescue qbr Firing 2", "rescue surveys Firing 1"},
		},
		"without the previous name it begins anew, beside what is remembered": {
			nil, everything(t),
			[]string{"rescue  Due 1", "rescue qbr Clear 0", "rescue surveys Pending 0", "save  Firing 3", "save qbr Firing 2", "save surveys Firing 1"},
		},
		"while the old one is there the new one has none": {
			[]*v1alpha1.Playbook{called("rescue", "save"), called("save")},
			everything(t),
			[]string{"save  Firing 3", "save qbr Firing 2", "save surveys Firing 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := remembering(&firing, &answered, &period)
			in := playbook.EpisodesInput{
				View: lowAndAnswered(a), Playbooks: []playbook.Watching{c.watching}, Runs: runs, Renames: playbook.RenamesOf(c.playbooks),
			}
			episodes, _, _ := playbook.Episodes(in)
			same(t, "they", c.want, states(episodes))
			same(t, "the account", remembering(&firing, &answered, &period), a)
			a.Status.Playbooks = episodes
			again, _, _ := playbook.Episodes(in)
			same(t, "the same moment again", states(episodes), states(again))
		})
	}
}

// It was renamed without a word of it, and says so later: both names have a memory, and runs.
func TestEpisodesOfAPlaybookThatSaysLaterWhatItWasCalled(t *testing.T) {
	ago := func(hours int) *metav1.Time { return stamp(noon.Add(-time.Duration(hours) * time.Hour)) }
	low := v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}
	fallen, well := scored(34, "Critical"), scored(80, "Healthy")
	began := func(name string, sequence int64, open bool) v1alpha1.PlaybookRun {
		run := v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: playbook.RunName("acme", name, sequence)}}
		run.Spec.AccountRef.Name, run.Spec.PlaybookRef.Name, run.Spec.Sequence, run.Spec.Trigger = "acme", name, sequence, "low"
		if !open {
			run.Status.State, run.Status.EndedTime = v1alpha1.RunCompleted, ago(90)
		}
		return run
	}
	pending := []v1alpha1.PendingTrigger{{Trigger: "low", Since: ago(1)}}
	for name, c := range map[string]struct {
		memory []*v1alpha1.Episode
		runs   []v1alpha1.PlaybookRun
		health *v1alpha1.Health
		want   []string
		// cleared is the number up to which the condition of runs has cleared.
		cleared int64
	}{
		"what has begun nothing goes on with the work of the old name": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodePending, Since: ago(1), Pending: pending},
				{Name: "save", State: v1alpha1.EpisodeFiring, Since: ago(50), Sequence: 5, ClearedSequence: 4},
			},
			[]v1alpha1.PlaybookRun{began("save", 5, true)},
			fallen,
			[]string{"rescue  Firing 5"},
			4,
		},
		"and ends it, where it is no longer needed": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodeClear, Since: ago(1)},
				{Name: "save", State: v1alpha1.EpisodeFiring, Since: ago(50), Sequence: 5, ClearedSequence: 4},
			},
			[]v1alpha1.PlaybookRun{began("save", 5, true)},
			well,
			[]string{"rescue  Clear 5"},
			5,
		},
		"what is Due has its run, under a number that nobody had": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodeDue, Since: ago(1), Sequence: 2, ClearedSequence: 1, EndedTime: ago(60), Pending: pending},
				{Name: "save", State: v1alpha1.EpisodeClear, Since: ago(80), Sequence: 5, ClearedSequence: 5, EndedTime: ago(90)},
			},
			[]v1alpha1.PlaybookRun{began("save", 5, false), began("rescue", 1, false)},
			fallen,
			[]string{"rescue  Due 6"},
			5,
		},
		"also where the old name started less": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodeDue, Since: ago(1), Sequence: 3, ClearedSequence: 2, EndedTime: ago(90), Pending: pending},
				{Name: "save", State: v1alpha1.EpisodeDue, Since: ago(80), Sequence: 3, ClearedSequence: 2, EndedTime: ago(60)},
			},
			[]v1alpha1.PlaybookRun{began("save", 2, false), began("rescue", 2, false)},
			fallen,
			[]string{"rescue  Due 3"},
			2,
		},
		"while old work is open nothing starts beside it": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodeDue, Since: ago(1), Sequence: 2, ClearedSequence: 1, EndedTime: ago(60), Pending: pending},
				{Name: "save", State: v1alpha1.EpisodeFiring, Since: ago(80), Sequence: 5, ClearedSequence: 4},
			},
			[]v1alpha1.PlaybookRun{began("save", 5, true), began("rescue", 1, false)},
			fallen,
			[]string{"rescue  Pending 5"},
			5,
		},
		"what is at it stays so, and ends both": {
			[]*v1alpha1.Episode{
				{Name: "rescue", State: v1alpha1.EpisodeFiring, Since: ago(1), Sequence: 1},
				{Name: "save", State: v1alpha1.EpisodeFiring, Since: ago(80), Sequence: 5, ClearedSequence: 4},
			},
			[]v1alpha1.PlaybookRun{began("save", 5, true), began("rescue", 1, true)},
			well,
			[]string{"rescue  Clear 5"},
			5,
		},
		"of two names that it had the later counts": {
			[]*v1alpha1.Episode{
				{Name: "aid", State: v1alpha1.EpisodeClear, Since: ago(99), Sequence: 2, ClearedSequence: 2, EndedTime: ago(99)},
				{Name: "save", State: v1alpha1.EpisodeFiring, Since: ago(50), Sequence: 1},
			},
			[]v1alpha1.PlaybookRun{began("aid", 2, false), began("save", 1, true)},
			fallen,
			[]string{"rescue  Firing 2"},
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := remembering(c.memory...)
			before := a.DeepCopy()
			in := playbook.EpisodesInput{
				View:      playbook.View{Account: a, Health: c.health, Scored: true, Now: noon},
				Playbooks: []playbook.Watching{everything(t, triggers(low))}, Runs: c.runs,
				Renames: playbook.RenamesOf([]*v1alpha1.Playbook{called("rescue", "save", "aid")}),
			}
			episodes, _, _ := playbook.Episodes(in)
			same(t, "they", c.want, states(episodes))
			same(t, "what has cleared", c.cleared, episodes[0].ClearedSequence)
			if e := &episodes[0]; e.State == v1alpha1.EpisodeDue {
				same(t, "the end of the last work", ago(60), e.EndedTime)
			}
			same(t, "the account", before, a)
			a.Status.Playbooks = episodes
			again, _, _ := playbook.Episodes(in)
			same(t, "the same moment again", episodes, again)
		})
	}
}

func TestAPlaybookThatWaitsForItsNameLeavesWhatWasDue(t *testing.T) {
	due := v1alpha1.Episode{Name: "rescue", State: v1alpha1.EpisodeDue, Since: stamp(noon), Sequence: 1, Pending: []v1alpha1.PendingTrigger{{Trigger: "low", Since: stamp(noon)}}}
	episodes, _, _ := playbook.Episodes(playbook.EpisodesInput{
		View: lowAndAnswered(remembering(&due)), Playbooks: []playbook.Watching{everything(t)},
		Renames: playbook.RenamesOf([]*v1alpha1.Playbook{called("rescue", "save"), called("save")}),
	})
	same(t, "they", []string{"rescue  Pending 0"}, states(episodes))
}

func TestRunNameUnder(t *testing.T) {
	observation := v1alpha1.MetricReference{Source: "surveys", Metric: "nps"}
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlaybookRunSpec)
		want   string
	}{
		"of a state": {func(*v1alpha1.PlaybookRunSpec) {}, playbook.RunName("acme", "rescue", 3)},
		"of an observation": {func(s *v1alpha1.PlaybookRunSpec) {
			s.Observation = &v1alpha1.ObservationReference{Source: "surveys", Metric: "nps", ObservedTime: *stamp(noon)}
		}, playbook.ObservationRunName("acme", "rescue", observation, noon)},
		"of a period":             {func(s *v1alpha1.PlaybookRunSpec) { s.Period = "2026-10-29" }, playbook.PeriodRunName("acme", "rescue", "low", "2026-10-29")},
		"of the name that it has": {func(s *v1alpha1.PlaybookRunSpec) { s.PlaybookRef.Name = "rescue" }, "by-hand"},
	} {
		t.Run(name, func(t *testing.T) {
			run := &v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: "by-hand"}}
			run.Spec.AccountRef.Name, run.Spec.PlaybookRef.Name, run.Spec.Sequence, run.Spec.Trigger = "acme", "save", 3, "low"
			c.change(&run.Spec)
			same(t, "name", c.want, playbook.RunNameUnder(run, "rescue"))
		})
	}
}
