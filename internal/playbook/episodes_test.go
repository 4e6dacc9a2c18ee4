package playbook_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// npsMetric is the answers of the survey, as a source that is there declares them.
var npsMetric = v1alpha1.MetricReference{Source: "surveys", Metric: "nps"}

// everything is a playbook that watches a state, the answers to a survey and periods.
func everything(t testing.TB, changes ...func(*v1alpha1.PlaybookSpec)) playbook.Watching {
	t.Helper()
	low := v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}
	changes = append([]func(*v1alpha1.PlaybookSpec){triggers(review, detractor, low)}, changes...)
	return playbook.Watching{Name: "rescue", Playbook: compiled(t, spec(changes...))}
}

// remembering is an account that remembers episodes, and began its contract on 2026-02-01.
func remembering(episodes ...*v1alpha1.Episode) *v1alpha1.Account {
	a := startingOn("2026-02-01")
	for _, e := range episodes {
		a.Status.Playbooks = append(a.Status.Playbooks, *e)
	}
	return a
}

// lowAndAnswered is what playbooks see of an account with a low score that answered a survey an hour ago.
func lowAndAnswered(a *v1alpha1.Account) playbook.View {
	return playbook.View{
		Account: a, Health: scored(34, "Critical"), Scored: true, Now: noon,
		Facts: value.Facts{npsMetric: fresh("3")}, Events: map[string]value.Events{"surveys": rows(said(-1, "3"))},
	}
}

// states are the states of episodes, each with what it is about.
func states(episodes []v1alpha1.Episode) []string {
	var out []string
	for _, e := range episodes {
		out = append(out, fmt.Sprintf("%s %s%s %s %d", e.Name, e.Source, e.Every, e.State, e.Sequence))
	}
	return out
}

func TestEpisodes(t *testing.T) {
	seen := qbr(clearState, "2026-03-01")
	periodOpen := v1alpha1.PlaybookRun{Spec: v1alpha1.PlaybookRunSpec{
		AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "rescue"},
		Sequence: 4, Trigger: "qbr", Period: "2026-10-29", TriggerType: v1alpha1.TriggerEvent,
	}}
	periodOver := *periodOpen.DeepCopy()
	periodOver.Status.State, periodOver.Status.EndedTime = v1alpha1.RunCompleted, stamp(noon.Add(-time.Hour))
	gone := playbook.Watching{Name: "rescue"}
	watchesStates := everything(t, triggers(v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}))
	for name, c := range map[string]struct {
		playbooks []playbook.Watching
		account   *v1alpha1.Account
		runs      []v1alpha1.PlaybookRun
		want      []string
	}{
		"only one of a playbook's episodes is Due, and the others wait": {
			[]playbook.Watching{everything(t)},
			remembering(seen), nil,
			[]string{"rescue  Due 1", "rescue qbr Pending 0", "rescue surveys Pending 0"},
		},
		"one that is Due already stays so": {
			[]playbook.Watching{everything(t)},
			remembering(qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1))), nil,
			[]string{"rescue  Pending 0", "rescue qbr Due 1", "rescue surveys Pending 0"},
		},
		"the open run of a period keeps the others waiting": {
			[]playbook.Watching{everything(t)},
			remembering(seen),
			[]v1alpha1.PlaybookRun{periodOpen},
			[]string{"rescue  Pending 0", "rescue qbr Firing 4", "rescue surveys Pending 0"},
		},
		"the number of a period's run is none of the state's": {
			[]playbook.Watching{everything(t)},
			remembering(seen),
			[]v1alpha1.PlaybookRun{periodOver},
			[]string{"rescue  Due 1", "rescue qbr Clear 4", "rescue surveys Pending 0"},
		},
		"the end of a period's work counts for the cooldown of all": {
			[]playbook.Watching{everything(t, func(s *v1alpha1.PlaybookSpec) { s.Cooldown = "2h" })},
			remembering(seen),
			[]v1alpha1.PlaybookRun{periodOver},
			[]string{"rescue  Pending 0", "rescue qbr Clear 4", "rescue surveys Pending 0"},
		},
		"the run of another trigger's period is another episode's": {
			[]playbook.Watching{everything(t, triggers(v1alpha1.Trigger{Name: "monthly", Every: "30d"}))},
			remembering(qbr(clearState, "2026-03-01", func(e *v1alpha1.Episode) { e.Every = "monthly" })),
			[]v1alpha1.PlaybookRun{periodOver},
			[]string{"rescue monthly Due 1"},
		},
		"a playbook that cannot be judged keeps its episodes as they are": {
			[]playbook.Watching{gone},
			remembering(qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1))), nil,
			[]string{"rescue qbr Due 1"},
		},
		"a Due period of a trigger that is gone does not start": {
			[]playbook.Watching{watchesStates},
			remembering(qbr(due, "2026-03-01", ofPeriod("2026-10-29", 2))), nil,
			[]string{"rescue  Due 1", "rescue qbr Pending 1"},
		},
		"nor is it forgotten where its run exists": {
			[]playbook.Watching{watchesStates},
			remembering(qbr(due, "2026-03-01", ofPeriod("2026-10-29", 4))),
			[]v1alpha1.PlaybookRun{named(periodOver)},
			[]string{"rescue  Due 1", "rescue qbr Firing 4"},
		},
		"what a playbook that is gone never worked on is forgotten": {nil, remembering(seen), nil, nil},
		"what a playbook that is gone worked on is not": {
			nil, remembering(qbr(clearState, "2026-03-01", ofPeriod("2026-10-29", 1))), nil, []string{"rescue qbr Clear 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := playbook.EpisodesInput{View: lowAndAnswered(c.account), Playbooks: c.playbooks, Runs: c.runs}
			before := c.account.DeepCopy()
			got, left, next := playbook.Episodes(in)
			same(t, "the episodes", c.want, states(got))
			same(t, "the playbooks that are left", []string(nil), left)
			same(t, "the account, which is the caller's", before, c.account)
			c.account.Status.Playbooks = got
			again, _, nextAgain := playbook.Episodes(in)
			same(t, "the episodes decided again", got, again)
			same(t, "the next change decided again", next, nextAgain)
		})
	}
}

// named gives the run of a period its name.
func named(run v1alpha1.PlaybookRun) v1alpha1.PlaybookRun {
	run.Name = playbook.PeriodRunName("acme", "rescue", run.Spec.Trigger, run.Spec.Period)
	return run
}

func TestATriggerThatIsGoneAndComesBack(t *testing.T) {
	a := remembering(qbr(pending, "2026-03-01", ofPeriod("2026-07-31", 3), tookPeriod("2026-05-02")))
	run := named(v1alpha1.PlaybookRun{Spec: v1alpha1.PlaybookRunSpec{
		PlaybookRef: v1alpha1.LocalReference{Name: "rescue"}, Sequence: 4, Trigger: "qbr", Period: "2026-10-29",
	}})
	low := everything(t, triggers(v1alpha1.Trigger{Name: "low", For: "1d", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}))
	look := func(w playbook.Watching, runs ...v1alpha1.PlaybookRun) []v1alpha1.Episode {
		a.Status.Playbooks, _, _ = playbook.Episodes(playbook.EpisodesInput{View: lowAndAnswered(a), Playbooks: []playbook.Watching{w}, Runs: runs})
		return a.Status.Playbooks
	}
	got := look(low, run)
	if last := got[1].Taken; len(last) != 1 || !last[0].Time.Equal(midnight("2026-10-29")) {
		t.Errorf("the period whose run was made meanwhile is not remembered, but %v", last)
	}
	a.Status.Playbooks[0].Sequence = 1 // it had work once
	if got = look(everything(t, triggers(review))); len(got[0].Pending) > 0 {
		t.Errorf("nobody looks whether the trigger holds, and its time runs on: %+v", got[0])
	}
	if got = look(everything(t, triggers(review))); got[1].State == due {
		t.Error("the period whose run a person has deleted is Due again")
	}
}

func TestEpisodesThatTheStatusHasNoRoomFor(t *testing.T) {
	a := remembering()
	in := playbook.EpisodesInput{View: lowAndAnswered(a)}
	for i := range 40 {
		pb := spec()
		pb.Name = fmt.Sprintf("pb-%02d", i)
		in.Playbooks = append(in.Playbooks, playbook.Watching{Name: pb.Name, Playbook: compiled(t, pb)})
	}
	a.Status.Playbooks = []v1alpha1.Episode{{Name: "pb-39", State: firing, Since: stamp(noon), Sequence: 1}}
	got, left, _ := playbook.Episodes(in)
	if len(got) != playbook.MaxEpisodes || got[playbook.MaxEpisodes-1].Name != "pb-39" {
		t.Errorf("%d episodes, the last of %s; what is remembered comes first", len(got), got[len(got)-1].Name)
	}
	same(t, "the playbooks that are left", []string{"pb-31", "pb-32", "pb-33", "pb-34", "pb-35", "pb-36", "pb-37", "pb-38"}, left)
}

func TestTheRunOfWhateverIsDue(t *testing.T) {
	p := everything(t).Playbook
	view := lowAndAnswered(remembering())
	for name, c := range map[string]struct {
		episode *v1alpha1.Episode
		trigger string
	}{
		"a state":        {episode(due, noon, 1, func(e *v1alpha1.Episode) { e.Pending = []v1alpha1.PendingTrigger{{Trigger: "low", Since: stamp(noon)}} }), "low"},
		"an observation": {episode(due, noon, 1, nps(of(-1))), "detractor"},
		"a period":       {qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), "qbr"},
	} {
		t.Run(name, func(t *testing.T) {
			run, err := p.NewEpisodeRun(view, *c.episode)
			if err != nil {
				t.Fatal(err)
			}
			if run.Spec.Trigger != c.trigger || run.Name != playbook.EpisodeRunName("acme", c.episode, nil) {
				t.Errorf("%s started %s, and the episode's run is %s", run.Spec.Trigger, run.Name, playbook.EpisodeRunName("acme", c.episode, nil))
			}
		})
	}
}

func TestAChangeOfTheConfigurationIsOneChange(t *testing.T) {
	p := compiled(t, spec(func(s *v1alpha1.PlaybookSpec) { s.Existing = v1alpha1.ExistingIgnore }))
	later := noon.Add(30 * time.Second)
	for name, c := range map[string]struct {
		memory  *v1alpha1.Episode
		settled time.Time
		account func(*v1alpha1.Account)
		want    []string
		next    time.Time
	}{
		"what half of it ends goes on":          {episode(firing, noon, 1), later, nil, []string{"rescue  Firing 1"}, later},
		"what half of it interrupts waits":      {episode(pending, noon, 0, since("low", noon)), later, nil, []string{"rescue  Pending 0"}, later},
		"what is first seen then is not judged": {nil, later, nil, nil, later},
		"what is Clear stays so":                {episode(clearState, noon, 0), later, nil, []string{"rescue  Clear 0"}, time.Time{}},
		"what may start is not yet told":        {episode(clearState, noon, 0, armed("gone")), later, nil, []string{"rescue  Clear 0"}, later},
		"once it is over the end is believed":   {episode(firing, noon, 1), noon, nil, []string{"rescue  Clear 1"}, time.Time{}},
		"who churned is gone at once": {
			episode(firing, noon, 1), later, func(a *v1alpha1.Account) { a.Spec.LifecycleStage = v1alpha1.StageChurned }, []string{"rescue  Clear 1"}, time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := acme()
			if c.account != nil {
				c.account(a)
			}
			if c.memory != nil {
				a.Status.Playbooks = []v1alpha1.Episode{*c.memory}
			}
			view := playbook.View{Account: a, Health: scored(90, "Healthy"), Scored: true, Now: noon, Settled: c.settled}
			episodes, _, next := playbook.Episodes(playbook.EpisodesInput{View: view, Playbooks: []playbook.Watching{{Name: "rescue", Playbook: p}}})
			same(t, "episodes", c.want, states(episodes))
			same(t, "next", c.next, next)
		})
	}
}

func TestAfterALostStatusTheCooldownCountsFromTheEndOfTheWork(t *testing.T) {
	p := compiled(t, spec(func(s *v1alpha1.PlaybookSpec) { s.Repeat, s.Cooldown = v1alpha1.RepeatAfterCooldown, "30d" }))
	run := v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: playbook.RunName("acme", "rescue", 1)}}
	run.Spec.PlaybookRef.Name, run.Spec.AccountRef.Name, run.Spec.Sequence = "rescue", "acme", 1
	run.Status.State, run.Status.EndedTime = v1alpha1.RunCompleted, stamp(noon.Add(-29*value.Day))
	view := playbook.View{Account: acme(), Health: scored(30, "Critical"), Scored: true, Now: noon}
	episodes, _, next := playbook.Episodes(playbook.EpisodesInput{
		View: view, Playbooks: []playbook.Watching{{Name: "rescue", Playbook: p}}, Runs: []v1alpha1.PlaybookRun{run},
	})
	same(t, "episodes", []string{"rescue  Firing 1"}, states(episodes))
	same(t, "when it may start again", noon.Add(value.Day), next)
}
