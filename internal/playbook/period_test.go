package playbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// review is a trigger with a period of 90 days: since 2026-02-01 they began on 2026-05-02, 2026-07-31 and 2026-10-29, and
// the next begins on 2027-01-27.
var review = v1alpha1.Trigger{Name: "qbr", Every: "90d"}

// midnight is the one, in UTC, that a date begins with.
func midnight(date string) time.Time {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return t
}

// startingOn is an account whose contract started on a day.
func startingOn(date v1alpha1.Date) *v1alpha1.Account {
	return acme(func(a *v1alpha1.Account) { a.Spec.Contract = &v1alpha1.Contract{StartDate: date} })
}

// qbr is an episode of the review's periods, that has all before a day for history.
func qbr(state v1alpha1.EpisodeState, seen string, changes ...func(*v1alpha1.Episode)) *v1alpha1.Episode {
	e := &v1alpha1.Episode{Name: "rescue", Every: "qbr", State: state, Since: stamp(midnight("2026-06-01")), UpTo: stamp(midnight(seen))}
	for _, change := range changes {
		change(e)
	}
	return e
}

// ofPeriod is the period that an episode is about, and the number of its episode.
func ofPeriod(date string, sequence int64) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.ObservedTime, e.Sequence = stamp(midnight(date)), sequence }
}

// tookPeriod is the last period that has its run.
func tookPeriod(date string) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.Taken = append(e.Taken[:0], *stamp(midnight(date))) }
}

// sinceNow means that the state was entered now.
func sinceNow(e *v1alpha1.Episode) { e.Since = stamp(noon) }

// endedOn is when the latest work ended.
func endedOn(t time.Time) func(*v1alpha1.Episode) {
	return func(e *v1alpha1.Episode) { e.EndedTime = stamp(t) }
}

// periodRun is a run of a period.
func periodRun(date string, sequence int64, open bool) playbook.ObservationRun {
	return playbook.ObservationRun{ObservedTime: midnight(date), Sequence: sequence, Open: open}
}

// periodCase is one decision on the review's periods at noon on 2026-11-02.
type periodCase struct {
	memory   *v1alpha1.Episode
	account  *v1alpha1.Account
	from     v1alpha1.PeriodStart
	cooldown v1alpha1.Duration
	runs     []playbook.ObservationRun
	busy     bool
	ended    time.Time
	want     *v1alpha1.Episode
	next     time.Time
}

func (c periodCase) check(t *testing.T) {
	t.Helper()
	trigger := review
	trigger.From = c.from
	p := compiled(t, spec(triggers(trigger), func(s *v1alpha1.PlaybookSpec) {
		s.Cooldown = c.cooldown
		s.AccountSelector.MatchLabels = map[string]string{}
		if c.account != nil && c.account.Labels["strange"] != "" {
			s.AccountSelector.MatchLabels["tier"] = "enterprise"
		}
	}))
	in := playbook.PeriodInput{Memory: c.memory, Trigger: "qbr", Runs: c.runs, Busy: c.busy, Ended: c.ended}
	in.View = playbook.View{Account: c.account, Now: noon}
	if c.account == nil {
		in.View.Account = startingOn("2026-02-01")
	}
	before := c.memory.DeepCopy()
	got, next := p.DecidePeriod(in)
	same(t, "the episode", c.want, got)
	same(t, "the next change", c.next, next)
	same(t, "the memory, which is the caller's", before, c.memory)
	in.Memory = got
	again, nextAgain := p.DecidePeriod(in)
	same(t, "the episode decided again", got, again)
	same(t, "the next change decided again", next, nextAgain)
}

func TestDecidePeriods(t *testing.T) {
	january := midnight("2027-01-27")
	churned := startingOn("2026-02-01")
	churned.Spec.LifecycleStage = v1alpha1.StageChurned
	strange := startingOn("2026-02-01")
	strange.Labels = map[string]string{"strange": "yes"}
	made := acme(func(a *v1alpha1.Account) { a.CreationTimestamp = *stamp(midnight("2026-10-01").Add(9 * time.Hour)) })
	for name, c := range map[string]periodCase{
		"what began before the playbook first saw the account is history": {
			want: qbr(clearState, "2026-11-02", sinceNow, func(e *v1alpha1.Episode) { e.UpTo = stamp(noon) }), next: january,
		},
		"the newest period since then is due, and those before it are skipped": {
			memory: qbr(clearState, "2026-03-01"),
			want:   qbr(due, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 1)), next: january,
		},
		"a period that has its run is not due again": {
			memory: qbr(clearState, "2026-03-01", ofPeriod("2026-10-29", 2), tookPeriod("2026-10-29"), endedOn(midnight("2026-11-01"))),
			want:   qbr(clearState, "2026-03-01", ofPeriod("2026-10-29", 2), tookPeriod("2026-10-29"), endedOn(midnight("2026-11-01"))), next: january,
		},
		"the run that exists makes a due episode fire": {
			memory: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), runs: []playbook.ObservationRun{periodRun("2026-10-29", 1, true)},
			want: qbr(firing, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 1), tookPeriod("2026-10-29")),
		},
		"while the run of an earlier one is open, the newest waits for its end": {
			memory: qbr(firing, "2026-03-01", ofPeriod("2026-07-31", 1), tookPeriod("2026-07-31")), runs: []playbook.ObservationRun{periodRun("2026-07-31", 1, true)},
			want: qbr(firing, "2026-03-01", ofPeriod("2026-07-31", 1), tookPeriod("2026-07-31")),
		},
		"once it has ended, the newest starts": {
			memory: qbr(firing, "2026-03-01", ofPeriod("2026-05-02", 1), tookPeriod("2026-05-02")), runs: []playbook.ObservationRun{periodRun("2026-05-02", 1, false)},
			want: qbr(due, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 2), tookPeriod("2026-05-02"), endedOn(noon)), next: january,
		},
		"the cooldown is waited for": {
			memory: qbr(firing, "2026-03-01", ofPeriod("2026-07-31", 1), tookPeriod("2026-07-31")), runs: []playbook.ObservationRun{periodRun("2026-07-31", 1, false)},
			cooldown: "5d",
			want:     qbr(pending, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 1), tookPeriod("2026-07-31"), endedOn(noon)), next: noon.AddDate(0, 0, 5),
		},
		"the next period comes before the end of a long cooldown": {
			memory: qbr(clearState, "2026-03-01", ofPeriod("2026-07-31", 1), tookPeriod("2026-07-31"), endedOn(noon)), cooldown: "200d",
			want: qbr(pending, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 1), tookPeriod("2026-07-31"), endedOn(noon)), next: january,
		},
		"other work of the playbook keeps it waiting": {
			memory: qbr(clearState, "2026-03-01"), busy: true,
			want: qbr(pending, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 0)), next: january,
		},
		"the end of other work counts for the cooldown": {
			memory: qbr(clearState, "2026-03-01"), ended: noon.Add(-time.Hour), cooldown: "1d",
			want: qbr(pending, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 0)), next: noon.Add(23 * time.Hour),
		},
		"a due period gives way to the next": {
			memory: qbr(due, "2026-03-01", ofPeriod("2026-07-31", 1)),
			want:   qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), next: january,
		},
		"a due period does not take the number of a run that memory does not know of": {
			memory: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), runs: []playbook.ObservationRun{periodRun("2026-07-31", 1, false)},
			want: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 2), tookPeriod("2026-07-31"), endedOn(noon)), next: january,
		},
		"a run that a person deleted has ended": {
			memory: qbr(firing, "2026-03-01", ofPeriod("2026-10-29", 1), tookPeriod("2026-10-29")),
			want:   qbr(clearState, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 1), tookPeriod("2026-10-29"), endedOn(noon)), next: january,
		},
		"where memory is lost, a run that exists has fired": {
			runs: []playbook.ObservationRun{periodRun("2026-07-31", 1, false), periodRun("2026-10-29", 2, true)},
			want: qbr(firing, "2026-11-02", sinceNow, ofPeriod("2026-10-29", 2), tookPeriod("2026-10-29"), func(e *v1alpha1.Episode) { e.UpTo = stamp(noon) }),
		},
		"where memory is lost, a run that has ended counts for the cooldown": {
			runs: []playbook.ObservationRun{periodRun("2026-10-29", 2, false)},
			want: qbr(clearState, "2026-11-02", sinceNow, func(e *v1alpha1.Episode) { e.Sequence, e.UpTo = 2, stamp(noon) }, tookPeriod("2026-10-29"), endedOn(noon)),
			next: january,
		},
		"a start that moves makes no period within half of one after the last": {
			account: startingOn("2026-02-02"), // the third began on 2026-10-30
			memory:  qbr(clearState, "2026-03-01", ofPeriod("2026-10-29", 2), tookPeriod("2026-10-29"), endedOn(midnight("2026-11-01"))),
			want:    qbr(clearState, "2026-03-01", ofPeriod("2026-10-29", 2), tookPeriod("2026-10-29"), endedOn(midnight("2026-11-01"))), next: midnight("2027-01-28"),
		},
		"44 of 90 days are less than half": {
			account: startingOn("2026-05-04"), // the second began on 2026-10-31
			memory:  qbr(clearState, "2026-03-01", ofPeriod("2026-09-17", 2), tookPeriod("2026-09-17")),
			want:    qbr(clearState, "2026-03-01", ofPeriod("2026-09-17", 2), tookPeriod("2026-09-17")), next: midnight("2027-01-29"),
		},
		"45 of 90 days are half": {
			account: startingOn("2026-05-04"),
			memory:  qbr(clearState, "2026-03-01", ofPeriod("2026-09-16", 2), tookPeriod("2026-09-16")),
			want:    qbr(due, "2026-03-01", sinceNow, ofPeriod("2026-10-31", 3), tookPeriod("2026-09-16")), next: midnight("2027-01-29"),
		},
		"a start that lies ahead has no period yet": {
			account: startingOn("2026-12-01"), memory: qbr(clearState, "2026-03-01"),
			want: qbr(clearState, "2026-03-01"), next: midnight("2027-03-01"),
		},
		"without a start there are no periods": {
			account: acme(), memory: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)),
			want: qbr(clearState, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 0)),
		},
		"periods may count from the day on which the account was made": {
			account: made, from: v1alpha1.PeriodFromAccountCreation, memory: qbr(clearState, "2026-10-01"),
			want: qbr(clearState, "2026-10-01"), next: midnight("2026-12-30"),
		},
		"a churned account is not seen first": {account: churned},
		"a customer who left has no periods, and comes back to none": {
			account: churned, memory: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)),
			want: qbr(clearState, "2026-10-29", sinceNow, ofPeriod("2026-10-29", 0)), next: january,
		},
		"an account that the playbook does not choose is not seen first": {account: strange},
		"while the playbook does not choose the account, nothing is due": {
			account: strange, memory: qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)),
			want: qbr(pending, "2026-03-01", sinceNow, ofPeriod("2026-10-29", 0)),
		},
	} {
		t.Run(name, c.check)
	}
}

func TestPeriodsBeginWithTheDayOfTheTimeZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// Summer time ended in between: 2026-10-29 began at 23:00 in UTC, and the periods before at 22:00.
	begin := time.Date(2026, 10, 28, 23, 0, 0, 0, time.UTC)
	p := compiled(t, spec(triggers(review)))
	look := func(memory *v1alpha1.Episode, now time.Time) (*v1alpha1.Episode, time.Time) {
		return p.DecidePeriod(playbook.PeriodInput{
			Memory: memory, Trigger: "qbr", View: playbook.View{Account: startingOn("2026-02-01"), Now: now, Location: berlin},
		})
	}
	first, next := look(nil, begin.Add(-time.Second))
	if first.State != clearState || !next.Equal(begin) {
		t.Errorf("a second before the episode is %s, and changes at %v", first.State, next)
	}
	then, _ := look(first, begin)
	if then.State != due || !then.ObservedTime.Time.Equal(begin) {
		t.Fatalf("when the day begins the episode is %s for %v", then.State, then.ObservedTime)
	}
	run, err := p.NewPeriodRun(playbook.View{Account: startingOn("2026-02-01"), Now: begin, Location: berlin}, *then)
	if err != nil {
		t.Fatal(err)
	}
	if run.Spec.Period != "2026-10-29" || run.Name != playbook.EpisodeRunName("acme", then, berlin) {
		t.Errorf("the run %s is for %s, and the episode's is %s", run.Name, run.Spec.Period, playbook.EpisodeRunName("acme", then, berlin))
	}
}

func TestTheRunOfAPeriod(t *testing.T) {
	p := compiled(t, spec(triggers(review), func(s *v1alpha1.PlaybookSpec) { s.OnResolve = v1alpha1.ResolveKeepTasks }))
	view := playbook.View{Account: startingOn("2026-02-01T00:00:00Z"), Health: scored(34, "Critical"), Scored: true, Now: noon}
	run, err := p.NewPeriodRun(view, *qbr(due, "2026-03-01", ofPeriod("2026-10-29", 2)))
	if err != nil {
		t.Fatal(err)
	}
	if run.Name != playbook.PeriodRunName("acme", "rescue", "qbr", "2026-10-29") {
		t.Errorf("the run is named %s", run.Name)
	}
	want := v1alpha1.PlaybookRunSpec{
		AccountRef: v1alpha1.LocalReference{Name: "acme"}, PlaybookRef: v1alpha1.LocalReference{Name: "rescue"}, PlaybookGeneration: 7,
		Sequence: 2, Period: "2026-10-29", TriggerType: v1alpha1.TriggerEvent, Trigger: "qbr",
		Reason: "period 3 of 90d since 2026-02-01 began on 2026-10-29",
		Facts: []v1alpha1.NamedValue{
			{Name: "account.spec.contract.startDate", Value: "2026-02-01"}, {Name: "health.band", Value: "Critical"}, {Name: "health.score", Value: "34"},
		},
		OnResolve: v1alpha1.ResolveKeepTasks, Steps: []v1alpha1.PlaybookStep{{Name: "call", Title: "Call"}},
	}
	same(t, "the run", want, run.Spec)
	if playbook.Cleared(run, &v1alpha1.Episode{State: clearState, Sequence: 9}) {
		t.Error("the run is cleared; nothing takes a period back")
	}
}

func TestNoRunOfAPeriodThatDoesNotWait(t *testing.T) {
	p := compiled(t, spec(triggers(review)))
	churned := startingOn("2026-02-01")
	churned.Spec.LifecycleStage = v1alpha1.StageChurned
	for name, c := range map[string]struct {
		account *v1alpha1.Account
		episode *v1alpha1.Episode
		want    string
	}{
		"an episode that is not Due":              {startingOn("2026-02-01"), qbr(pending, "2026-03-01", ofPeriod("2026-10-29", 1)), "no period is Due"},
		"a later period began":                    {startingOn("2026-02-01"), qbr(due, "2026-03-01", ofPeriod("2026-07-31", 1)), "waits no more"},
		"the start has moved":                     {startingOn("2026-02-02"), qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), "the period of 2026-10-29 waits no more"},
		"the start is gone":                       {acme(), qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), "waits no more"},
		"the customer left":                       {churned, qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), "waits no more"},
		"the period has its run":                  {startingOn("2026-02-01"), qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1), tookPeriod("2026-10-29")), "waits no more"},
		"a trigger that the playbook has no more": {startingOn("2026-02-01"), &v1alpha1.Episode{Every: "monthly", State: due, Sequence: 1, ObservedTime: stamp(noon)}, "no period is Due"},
		"no account":                              {nil, qbr(due, "2026-03-01", ofPeriod("2026-10-29", 1)), "needs an account"},
	} {
		t.Run(name, func(t *testing.T) {
			if run, err := p.NewPeriodRun(playbook.View{Account: c.account, Now: noon}, *c.episode); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v and error %v, want %q", run, err, c.want)
			}
		})
	}
}

func TestCompilePeriods(t *testing.T) {
	for name, c := range map[string]struct {
		trigger v1alpha1.Trigger
		want    string
	}{
		"half a day":      {v1alpha1.Trigger{Name: "qbr", Every: "12h"}, "spec.triggers[qbr].every: Invalid value: \"12h\": a period is whole days, at least one: write 90d"},
		"a day and a bit": {v1alpha1.Trigger{Name: "qbr", Every: "1d1h"}, "spec.triggers[qbr].every: Invalid value"},
		"no time at all":  {v1alpha1.Trigger{Name: "qbr", Every: "0s"}, "spec.triggers[qbr].every: Invalid value"},
		"no duration":     {v1alpha1.Trigger{Name: "qbr", Every: "quarter"}, "spec.triggers[qbr].every: Invalid value: \"quarter\" is not a duration"},
		"a for":           {v1alpha1.Trigger{Name: "qbr", Every: "90d", For: "1h"}, "spec.triggers[qbr].for: Invalid value"},
		"another start":   {v1alpha1.Trigger{Name: "qbr", Every: "90d", From: "Birthday"}, "spec.triggers[qbr].from: Invalid value"},
		"a month in days": {v1alpha1.Trigger{Name: "qbr", Every: "720h", From: v1alpha1.PeriodFromAccountCreation}, ""},
		"weeks and a day": {v1alpha1.Trigger{Name: "qbr", Every: "4w2d"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := playbook.Compile(spec(triggers(c.trigger)))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("Compile: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}
