package playbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// detractor is a trigger that watches each answer to a survey.
var detractor = v1alpha1.Trigger{
	Name: "detractor", Per: v1alpha1.PerObservation,
	Value: &v1alpha1.ValueTrigger{From: v1alpha1.ValueFrom{Source: "surveys", Metric: "nps"}, AtMost: ptr(v1alpha1.Decimal("6"))},
}

// hour is a moment some hours after noon; those of the tests' answers lie before it.
func hour(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

// said is a row: an answer some hours after noon, and what else stands in it.
func said(hours int, nps string, more ...string) value.Event {
	e := value.Event{Time: hour(hours), Values: map[string]value.Value{}}
	if nps != "" {
		e.Values["nps"] = *fresh(nps).Value
	}
	if len(more) > 0 {
		e.Values["comment"] = value.Value{Type: v1alpha1.MetricText, Text: more[0]}
	}
	return e
}

// rows are all that a source has of the account.
func rows(events ...value.Event) value.Events { return value.Events{Known: true, Rows: events} }

// nps changes an episode into one of answers to the survey.
func nps(changes ...func(*v1alpha1.Episode)) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) {
		e.Source, e.Metric = "surveys", "nps"
		for _, change := range changes {
			change(e)
		}
	}
}

// of notes which observation an episode is about.
func of(hours int) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.ObservedTime = stamp(hour(hours)) }
}

// upTo notes what is history.
func upTo(hours int) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.UpTo = stamp(hour(hours)) }
}

// before makes history of what is from before some hours from noon.
func before(hours int) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.UpTo = stamp(hour(hours).Add(-time.Second)) }
}

// taken notes the observations that have their run.
func taken(hours ...int) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) {
		for _, n := range hours {
			e.Taken = append(e.Taken, *stamp(hour(n)))
		}
	}
}

// ran is a run of an observation; openRun is one with open work.
func ran(hours int, sequence int64) playbook.ObservationRun {
	return playbook.ObservationRun{ObservedTime: hour(hours), Sequence: sequence}
}

func openRun(hours int, sequence int64) playbook.ObservationRun {
	return playbook.ObservationRun{ObservedTime: hour(hours), Sequence: sequence, Open: true}
}

// observationCase is one decision at noon.
type observationCase struct {
	memory *v1alpha1.Episode
	events value.Events
	runs   []playbook.ObservationRun
	// busy and ended are of other work of the playbook.
	busy  bool
	ended time.Time
	// account, where it is not the one that the playbook watches.
	account *v1alpha1.Account
	// existing and cooldown of the playbook.
	existing v1alpha1.ExistingPolicy
	cooldown v1alpha1.Duration

	want *v1alpha1.Episode
	next time.Time
}

// run decides, and decides once more at the same moment.
func (c observationCase) run(t *testing.T) {
	t.Helper()
	p := compiled(t, spec(triggers(detractor), func(s *v1alpha1.PlaybookSpec) {
		s.Existing, s.Cooldown = c.existing, c.cooldown
		s.AccountSelector.LifecycleStages = []v1alpha1.LifecycleStage{"", "Adoption"}
	}))
	in := playbook.ObservationInput{
		Memory: c.memory, Metric: npsOf, Runs: c.runs, Busy: c.busy, Ended: c.ended,
		View: playbook.View{Account: acme(), Events: map[string]value.Events{"surveys": c.events}, Now: noon},
	}
	if c.account != nil {
		in.View.Account = c.account
	}
	for _, run := range c.runs {
		in.Busy = in.Busy || run.Open
	}
	before := in.Memory.DeepCopy()
	got, next := p.DecideObservation(in)
	same(t, "episode", c.want, got)
	same(t, "next change", c.next, next)
	same(t, "the caller's memory", before, in.Memory)
	if in.Memory = got; got != nil {
		again, nextAgain := p.DecideObservation(in)
		same(t, "episode decided again", got, again)
		same(t, "next change decided again", next, nextAgain)
	}
}

// churned is an account whose customer left; elsewhere is one that the playbook does not choose.
func churned() *v1alpha1.Account {
	return acme(func(a *v1alpha1.Account) { a.Spec.LifecycleStage = v1alpha1.StageChurned })
}

func elsewhere() *v1alpha1.Account {
	return acme(func(a *v1alpha1.Account) { a.Spec.LifecycleStage = "Onboarding" })
}

func TestDecideObservationFirstSight(t *testing.T) {
	for name, c := range map[string]observationCase{
		"of no answer is nothing: what comes first may be history": {events: rows()},
		"of no answer, with existing: Ignore, makes history of what is from before": {
			events: rows(), existing: v1alpha1.ExistingIgnore, want: episode(clearState, noon, 0, nps(upTo(0))),
		},
		"of an answer that lies ahead alone is nothing until then": {events: rows(said(2, "3")), next: hour(2)},
		"of a source that cannot be read is nothing": {
			events: value.Events{},
		},
		"of a source that cannot be read is nothing, though runs exist: what is history cannot be said": {
			events: value.Events{}, runs: []playbook.ObservationRun{ran(-3, 1)},
		},
		"of a churned account is nothing":                         {events: rows(said(-1, "3")), account: churned()},
		"of an account that the playbook does not choose is none": {events: rows(said(-1, "3")), account: elsewhere()},
		"of the newest answer is Due, and the older ones are history": {
			events: rows(said(-3, "2"), said(-2, "9"), said(-1, "3")), want: episode(due, noon, 1, nps(of(-1), upTo(-2))),
		},
		"of a newest answer that does not hold is Clear, and the older ones are history": {
			events: rows(said(-3, "2"), said(-2, "2"), said(-1, "9")), want: episode(clearState, noon, 0, nps(upTo(-2))),
		},
		"of several answers at the newest moment is Due if one of them holds": {
			events: rows(said(-3, "2"), said(-1, "9"), said(-1, "6"), said(-1, "10")), want: episode(due, noon, 1, nps(of(-1), upTo(-3))),
		},
		"with existing: Ignore is Clear, and all are history": {
			events: rows(said(-3, "2"), said(-1, "3")), existing: v1alpha1.ExistingIgnore, want: episode(clearState, noon, 0, nps(upTo(0))),
		},
		"does not count an answer that lies ahead, which waits": {
			events: rows(said(-3, "9"), said(2, "3")), existing: v1alpha1.ExistingIgnore,
			want: episode(clearState, noon, 0, nps(upTo(0))), next: hour(2),
		},
		"does not count a row without the metric": {
			events: rows(said(-2, "3"), said(-1, "", "a word")), want: episode(due, noon, 1, nps(of(-2), before(-2))),
		},
		"after a restore takes up the open run": {
			events: rows(said(-3, "2"), said(-1, "3")), runs: []playbook.ObservationRun{openRun(-1, 4)},
			want: episode(firing, noon, 4, nps(of(-1), upTo(-3), taken(-1))),
		},
		"after a restore does not make a run again, and the cooldown counts from now": {
			events: rows(said(-3, "2"), said(-1, "3")), runs: []playbook.ObservationRun{ran(-1, 4)}, cooldown: "1d",
			want: episode(clearState, noon, 4, nps(upTo(-3), taken(-1), ended(noon))),
		},
		"after a restore with existing: Ignore has no run for what has none yet": {
			events: rows(said(-3, "2"), said(-1, "3")), runs: []playbook.ObservationRun{ran(-3, 4)}, existing: v1alpha1.ExistingIgnore,
			want: episode(clearState, noon, 4, nps(upTo(0), ended(noon))),
		},
		"after a restore knows also more runs than it keeps one by one": {
			events: rows(said(-11, "9")),
			runs: []playbook.ObservationRun{
				ran(-1, 10), ran(-2, 9), ran(-9, 2), ran(-10, 1), ran(-5, 6), ran(-4, 7), ran(-7, 4), ran(-6, 5), ran(-8, 3), ran(-3, 8),
			},
			want: episode(clearState, noon, 10, nps(upTo(-9), taken(-8, -7, -6, -5, -4, -3, -2, -1), ended(noon))),
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t) })
	}
}

func TestDecideObservation(t *testing.T) {
	earlier := hour(-48)
	isClear := func(changes ...func(*v1alpha1.Episode)) *v1alpha1.Episode {
		return episode(clearState, earlier, 3, nps(changes...))
	}
	isDue := func(changes ...func(*v1alpha1.Episode)) *v1alpha1.Episode {
		return episode(due, earlier, 4, nps(changes...))
	}
	for name, c := range map[string]observationCase{
		"the oldest of the answers that wait is Due": {
			memory: isClear(upTo(-9)), events: rows(said(-10, "1"), said(-3, "7"), said(-2, "6"), said(-1, "0")),
			want: episode(due, noon, 4, nps(upTo(-9), of(-2))),
		},
		"an answer that has its run does not wait, and one between such that came late does": {
			memory: isClear(taken(-5, -3), of(-3)), events: rows(said(-5, "1"), said(-4, "1"), said(-3, "1")),
			want: episode(due, noon, 4, nps(taken(-5, -3), of(-4))),
		},
		"during the cooldown it is Pending, until the cooldown is over": {
			memory: isClear(taken(-40), ended(hour(-20))), events: rows(said(-40, "1"), said(-1, "1")), cooldown: "1d",
			want: episode(pending, noon, 3, nps(taken(-40), ended(hour(-20)), of(-1))), next: hour(4),
		},
		"other work's cooldown counts as well": {
			memory: isClear(ended(hour(-40))), events: rows(said(-1, "1")), cooldown: "1d", ended: hour(-2),
			want: episode(pending, noon, 3, nps(ended(hour(-40)), of(-1))), next: hour(22),
		},
		"while other work is open it is Pending": {
			memory: isClear(), events: rows(said(-1, "1")), busy: true, want: episode(pending, noon, 3, nps(of(-1))),
		},
		"an answer that lies ahead waits until then": {
			memory: isClear(), events: rows(said(2, "1"), said(3, "1")), want: isClear(), next: hour(2),
		},
		"an answer older than maxAge starts nothing": {
			memory: isClear(), events: value.Events{Known: true, MaxAge: time.Hour, Rows: []value.Event{{
				Time: hour(-1).Add(-time.Second), Values: said(0, "1").Values,
			}}}, want: isClear(),
		},
		"an answer as old as maxAge is Due for this second": {
			memory: isClear(), events: value.Events{Known: true, MaxAge: time.Hour, Rows: []value.Event{said(-1, "1")}},
			want: episode(due, noon, 4, nps(of(-1))), next: noon.Add(time.Second),
		},
		"an answer that grows too old during the cooldown is the next change": {
			memory: isClear(ended(hour(-1))), events: value.Events{Known: true, MaxAge: 3 * time.Hour, Rows: []value.Event{said(-1, "1")}}, cooldown: "1d",
			want: episode(pending, noon, 3, nps(ended(hour(-1)), of(-1))), next: hour(2).Add(time.Second),
		},
		"what is Due stays Due when an older answer arrives: its run may be on its way": {
			memory: isDue(of(-1)), events: rows(said(-5, "1"), said(-1, "1")), want: isDue(of(-1)),
		},
		"what is Due makes room for the oldest when it is edited": {
			memory: isDue(of(-3)), events: rows(said(-3, "7"), said(-2, "1"), said(-1, "1")), want: isDue(of(-2)),
		},
		"what is Due and withdrawn is Clear, and gives its number back": {
			memory: isDue(of(-1)), events: rows(), want: episode(clearState, noon, 3, nps(of(-1))),
		},
		"what is Due is Pending while other work is open, and then the oldest is next": {
			memory: isDue(of(-1)), events: rows(said(-5, "1"), said(-1, "1")), busy: true,
			want: episode(pending, noon, 3, nps(of(-5))),
		},
		"what is Due is Pending while the source cannot be read": {
			memory: isDue(of(-1)), events: value.Events{}, want: episode(pending, noon, 3, nps(of(-1))),
		},
		"what is Due is Pending while the playbook does not choose the account": {
			memory: isDue(of(-1)), events: rows(said(-1, "1")), account: elsewhere(), want: episode(pending, noon, 3, nps(of(-1))),
		},
		"what is Due is Clear on a churned account": {
			memory: isDue(of(-1)), events: rows(said(-1, "1")), account: churned(), want: episode(clearState, noon, 3, nps(of(-1))),
		},
		"what is Pending stays so while the source cannot be read, the cooldown over or not": {
			memory: episode(pending, earlier, 3, nps(of(-50), ended(hour(-40)))), events: value.Events{}, cooldown: "1d",
			want: episode(pending, earlier, 3, nps(of(-50), ended(hour(-40)))),
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t) })
	}
}

func TestDecideObservationSeesItsRuns(t *testing.T) {
	earlier := hour(-48)
	for name, c := range map[string]observationCase{
		"the run of what is Due makes it Firing": {
			memory: episode(due, earlier, 4, nps(of(-1), ended(hour(-40)))), events: rows(said(-1, "1")),
			runs: []playbook.ObservationRun{ran(-60, 3), openRun(-1, 4)},
			want: episode(firing, noon, 4, nps(of(-1), taken(-60, -1))),
		},
		"also while the source cannot be read": {
			memory: episode(due, earlier, 4, nps(of(-1))), events: value.Events{}, runs: []playbook.ObservationRun{openRun(-1, 4)},
			want: episode(firing, noon, 4, nps(of(-1), taken(-1))),
		},
		"a run of what was Due that is finished when it is first seen ended now": {
			memory: episode(due, earlier, 4, nps(of(-2), ended(hour(-40)))), events: rows(said(-2, "1"), said(-1, "1")), cooldown: "1d",
			runs: []playbook.ObservationRun{ran(-2, 4)},
			want: episode(pending, noon, 4, nps(of(-1), taken(-2), ended(noon))), next: hour(24),
		},
		"a run that memory does not know of and that is finished ended now": {
			memory: episode(pending, earlier, 3, nps(of(-2), ended(hour(-40)))), events: rows(said(-2, "1"), said(-1, "1")), cooldown: "1d",
			runs: []playbook.ObservationRun{ran(-2, 4)},
			want: episode(pending, earlier, 4, nps(of(-1), taken(-2), ended(noon))), next: hour(24),
		},
		"while its work is open the others wait": {
			memory: episode(firing, earlier, 4, nps(of(-2), taken(-2))), events: rows(said(-2, "1"), said(-1, "1")),
			runs: []playbook.ObservationRun{openRun(-2, 4)},
			want: episode(firing, earlier, 4, nps(of(-2), taken(-2))),
		},
		"when its work ends the next is Due": {
			memory: episode(firing, earlier, 4, nps(of(-2), taken(-2))), events: rows(said(-2, "1"), said(-1, "1")),
			runs: []playbook.ObservationRun{ran(-2, 4)},
			want: episode(due, noon, 5, nps(of(-1), taken(-2), ended(noon))),
		},
		"when its work ends and the source cannot be read it stays Firing": {
			memory: episode(firing, earlier, 4, nps(of(-2), taken(-2))), events: value.Events{}, runs: []playbook.ObservationRun{ran(-2, 4)},
			want: episode(firing, earlier, 4, nps(of(-2), taken(-2), ended(noon))),
		},
		"a run that a person deleted has ended and does not come back": {
			memory: episode(firing, earlier, 4, nps(of(-2), taken(-2))), events: rows(said(-2, "1")),
			want: episode(clearState, noon, 4, nps(of(-2), taken(-2), ended(noon))),
		},
		"work that a person takes up again makes it Firing": {
			memory: episode(clearState, earlier, 4, nps(of(-1), taken(-2, -1), ended(hour(-40)))), events: rows(),
			runs: []playbook.ObservationRun{openRun(-2, 3), ran(-1, 4)},
			want: episode(firing, noon, 4, nps(of(-2), taken(-2, -1))),
		},
		"work that a person takes up again comes before what is Due, which gives its number back": {
			memory: episode(due, earlier, 5, nps(of(-1), taken(-2), ended(hour(-40)))), events: rows(said(-1, "1")),
			runs: []playbook.ObservationRun{openRun(-2, 4)},
			want: episode(firing, noon, 4, nps(of(-2), taken(-2))),
		},
		"of two runs with open work, as two people may have taken them up, it is about the later": {
			memory: episode(clearState, earlier, 4, nps(of(-1), taken(-2, -1))), events: rows(),
			runs: []playbook.ObservationRun{openRun(-1, 4), openRun(-2, 3)},
			want: episode(firing, noon, 4, nps(of(-1), taken(-2, -1))),
		},
		"of nine runs the oldest becomes history": {
			memory: episode(due, earlier, 9, nps(of(-1), taken(-9, -8, -7, -6, -5, -4, -3, -2))), events: rows(),
			runs: []playbook.ObservationRun{openRun(-1, 9)},
			want: episode(firing, noon, 9, nps(of(-1), upTo(-9), taken(-8, -7, -6, -5, -4, -3, -2, -1))),
		},
	} {
		t.Run(name, func(t *testing.T) { c.run(t) })
	}
}

func TestDecideObservationOfAMetricThatNoTriggerWatchesLeavesItAsItIs(t *testing.T) {
	memory := episode(firing, noon, 2, nps(of(-1)))
	in := playbook.ObservationInput{Memory: memory, Metric: npsOf, View: playbook.View{Account: acme(), Now: hour(5)}}
	got, next := compiled(t, spec()).DecideObservation(in)
	same(t, "episode", memory, got)
	same(t, "next change", time.Time{}, next)
}

func TestCompileOfObservationTriggers(t *testing.T) {
	change := func(change func(*v1alpha1.Trigger)) []v1alpha1.Trigger {
		watch := *detractor.DeepCopy()
		change(&watch)
		return []v1alpha1.Trigger{watch}
	}
	const only = `spec.triggers[detractor].per: Invalid value: "Observation": for a value trigger whose value comes from a source, and no other`
	for name, c := range map[string]struct {
		triggers []v1alpha1.Trigger
		want     string
	}{
		"a value of a source is watched": {change(func(*v1alpha1.Trigger) {}), ""},
		"a measurement has no rows": {
			change(func(t *v1alpha1.Trigger) { t.Value.From = v1alpha1.ValueFrom{Measurement: "mood"} }), only,
		},
		"a score has no rows":    {[]v1alpha1.Trigger{{Name: "detractor", Per: v1alpha1.PerObservation, Score: spec().Spec.Triggers[0].Score}}, only},
		"a trigger of two kinds": {change(func(t *v1alpha1.Trigger) { t.Score = spec().Spec.Triggers[0].Score }), only},
		"a trigger of no kind":   {change(func(t *v1alpha1.Trigger) { t.Value = nil }), only},
		"an observation is never held back for a time": {
			change(func(t *v1alpha1.Trigger) { t.For = "1d" }),
			`spec.triggers[detractor].for: Invalid value: "1d": an observation holds at once: leave it out with per: Observation`,
		},
		"the source's metric has to be named": {
			change(func(t *v1alpha1.Trigger) { t.Value.From.Metric = "" }),
			"spec.triggers[detractor].value.from: Invalid value: either source and metric, or measurement",
		},
		"the bounds are those of any value trigger": {
			change(func(t *v1alpha1.Trigger) { t.Value.AtLeast = ptr(v1alpha1.Decimal("7")) }),
			`spec.triggers[detractor].value.atLeast: Invalid value: "7": above atMost: no value is within these bounds`,
		},
		"two triggers of one name are refused, whatever they watch": {
			[]v1alpha1.Trigger{detractor, {Name: "detractor", Score: spec().Spec.Triggers[0].Score}},
			`spec.triggers[detractor]: Duplicate value: "detractor"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := playbook.Compile(spec(triggers(c.triggers...)))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}
