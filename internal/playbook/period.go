package playbook

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// periodic is one trigger with every.
type periodic struct {
	name string
	// days is the length of a period, and written how the playbook says it.
	days    int
	written v1alpha1.Duration
	from    v1alpha1.PeriodStart
}

// period compiles a trigger with every.
func (c *compiler) period(path *field.Path, t v1alpha1.Trigger) {
	every, err := value.ParseDuration(t.Every)
	switch {
	case err != nil:
		c.invalid(path.Child("every"), field.OmitValueType{}, err.Error())
	case every < value.Day || every%value.Day != 0:
		c.invalid(path.Child("every"), string(t.Every), "a period is whole days, at least one: write 90d")
	}
	switch t.From {
	case "", v1alpha1.PeriodFromContractStart, v1alpha1.PeriodFromAccountCreation:
	default:
		c.invalid(path.Child("from"), string(t.From), "ContractStart or AccountCreation")
	}
	if t.For != "" {
		c.invalid(path.Child("for"), string(t.For), "a period begins at once: leave it out with every")
	}
	c.periods = append(c.periods, periodic{
		name: t.Name, days: int(every / value.Day), written: t.Every, from: cmp.Or(t.From, v1alpha1.PeriodFromContractStart),
	})
}

// PeriodTriggers returns the names of the triggers with every, in the playbook's order.
func (p *Playbook) PeriodTriggers() []string {
	names := make([]string, len(p.periods))
	for i := range p.periods {
		names[i] = p.periods[i].name
	}
	return names
}

// periodicOf returns a trigger with every.
func (p *Playbook) periodicOf(name string) (periodic, bool) {
	i := slices.IndexFunc(p.periods, func(t periodic) bool { return t.name == name })
	if i < 0 {
		return periodic{}, false
	}
	return p.periods[i], true
}

// periods are those of one trigger on one account, as they are at a moment.
type periods struct {
	// known is false where nobody can say now which there are.
	known bool
	// start is the day that they are counted from, as a midnight in UTC; number and newest are the last one that began, and
	// the moment at which it did: zero where none has.
	start  time.Time
	number int
	newest time.Time
	// next is when the next one begins; zero where there are none.
	next time.Time
}

// periodsOf returns the periods that the playbook sees: none where the day that they are counted from is not known, and
// none that are known where the playbook does not look at the account now.
func (p *Playbook) periodsOf(v View, t periodic) periods {
	if v.Account == nil || (!account.Churned(v.Account) && !p.selector.Matches(v.Account)) {
		return periods{}
	}
	s := periods{known: true}
	start, ok := t.start(v)
	if !ok {
		return s
	}
	s.start = start
	begin := func(n int) time.Time { return value.DayIn(start.AddDate(0, 0, n*t.days), v.location()) }
	today := v.Now.In(v.location())
	passed := int(time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, time.UTC).Sub(start) / value.Day)
	if passed >= t.days {
		s.number = passed / t.days
		s.newest = seconds(begin(s.number))
	}
	s.next = seconds(begin(s.number + 1))
	return s
}

// start returns the day that an account's periods are counted from, as a midnight in UTC.
func (t periodic) start(v View) (time.Time, bool) {
	if t.from == v1alpha1.PeriodFromAccountCreation {
		made := v.Account.CreationTimestamp.In(v.location())
		return time.Date(made.Year(), made.Month(), made.Day(), 0, 0, 0, 0, time.UTC), !v.Account.CreationTimestamp.IsZero()
	}
	if v.Account.Spec.Contract == nil || v.Account.Spec.Contract.StartDate == "" {
		return time.Time{}, false
	}
	date, err := value.ParseDate(v.Account.Spec.Contract.StartDate)
	return date, err == nil
}

// PeriodInput is what the next state of an episode of periods follows from.
type PeriodInput struct {
	// Memory is the account's episode of this playbook and trigger; nil where the playbook never saw the account.
	Memory *v1alpha1.Episode
	// Trigger is the name of the trigger with every.
	Trigger string
	// View is what the playbook sees of the account, and its Now.
	View View
	// Runs are those that periods of this trigger started; their ObservedTime is the beginning of the period.
	Runs []ObservationRun
	// Busy means that another run of the playbook on the account has open work, or is about to start.
	Busy bool
	// Ended is when the latest work of the playbook on the account ended, whichever episode it was of, as far as is known
	// beside Memory; zero: never.
	Ended time.Time
}

// DecidePeriod returns the episode as it is now, and the moment at which it may change by itself; the zero time means
// never. A nil episode means that the playbook still has not seen the account. The newest period that began since the
// playbook first saw the account is Pending, Due and Firing once; those before it are skipped, and Clear is the state
// between them. Deciding again at the same moment changes nothing.
func (p *Playbook) DecidePeriod(in PeriodInput) (*v1alpha1.Episode, time.Time) {
	t, ok := p.periodicOf(in.Trigger)
	if !ok {
		return in.Memory.DeepCopy(), time.Time{}
	}
	now := seconds(in.View.Now)
	s := p.periodsOf(in.View, t)
	e := p.recallPeriods(in, s, now)
	if e == nil {
		return nil, time.Time{}
	}
	if p.takeRuns(e, in.Runs, in.Memory == nil, now) {
		return e, time.Time{} // its run has open work: the newest waits for its end
	}
	switch {
	case !s.known:
		// Nobody can say now whether the period still stands, so none is Due.
		if e.State == v1alpha1.EpisodeDue {
			p.leaveDue(e, v1alpha1.EpisodePending, now)
		}
		return e, time.Time{}
	case account.Churned(in.View.Account) && s.newest.After(timeOf(e.UpTo)):
		e.UpTo = &metav1.Time{Time: s.newest} // a customer who left has no periods, and comes back to none
	}
	return e, value.Earliest(s.next, p.moveEvent(e, waitingPeriod(e, t, s, in.View.location()), in.Busy, in.Ended, now))
}

// recallPeriods returns a copy of the memory; where there is none, one that holds all that began until now for history.
func (p *Playbook) recallPeriods(in PeriodInput, s periods, now time.Time) *v1alpha1.Episode {
	e := in.Memory.DeepCopy()
	if e == nil {
		if !s.known || account.Churned(in.View.Account) {
			return nil
		}
		e = &v1alpha1.Episode{Every: in.Trigger, UpTo: &metav1.Time{Time: now}}
		enter(e, v1alpha1.EpisodeClear, now)
		// What has its run is history too, and the last of it says when the next may begin.
		for _, run := range in.Runs {
			if at := seconds(run.ObservedTime); len(e.Taken) == 0 || at.After(e.Taken[0].Time) {
				e.Taken = []metav1.Time{{Time: at}}
			}
		}
	}
	e.Name = p.name
	return e
}

// waitingPeriod returns the newest period, if it waits for a run: it began after the playbook first saw the account, and
// half a period or more after the last one that has its run. One that begins sooner does so because the day that periods
// are counted from has moved.
func waitingPeriod(e *v1alpha1.Episode, t periodic, s periods, zone *time.Location) []time.Time {
	if s.newest.IsZero() || !s.newest.After(timeOf(e.UpTo)) {
		return nil
	}
	for _, last := range e.Taken {
		if 2*value.DaysBetween(last.Time, s.newest, zone) < t.days {
			return nil
		}
	}
	return []time.Time{s.newest}
}

// NewPeriodRun makes the run of a period whose episode is Due. It is an error where the episode is not Due, or where the
// period does not wait any more: a later one began, say, or the day that periods are counted from has moved.
func (p *Playbook) NewPeriodRun(v View, e v1alpha1.Episode) (*v1alpha1.PlaybookRun, error) {
	t, ok := p.periodicOf(e.Every)
	switch {
	case v.Account == nil:
		return nil, fmt.Errorf("playbook %s: a run needs an account", p.name)
	case !ok || e.State != v1alpha1.EpisodeDue || e.Sequence < 1 || e.ObservedTime == nil:
		return nil, fmt.Errorf("playbook %s on account %s: no period is Due", p.name, v.Account.Name)
	}
	s := p.periodsOf(v, t)
	waiting := waitingPeriod(&e, t, s, v.location())
	day := PeriodDay(e.ObservedTime.Time, v.Location)
	if account.Churned(v.Account) || len(waiting) == 0 || !waiting[0].Equal(seconds(e.ObservedTime.Time)) {
		return nil, fmt.Errorf("playbook %s on account %s: the period of %s waits no more", p.name, v.Account.Name, day)
	}
	reason := fmt.Sprintf("period %d of %s since %s began on %s", s.number, t.written, s.start.Format(time.DateOnly), day)
	run := p.newRun(v, e.Sequence, t.name, reason)
	run.Name = PeriodRunName(v.Account.Name, p.name, t.name, day)
	run.Spec.Period = day
	run.Spec.TriggerType = v1alpha1.TriggerEvent
	var fired TriggerResult
	if t.from == v1alpha1.PeriodFromContractStart {
		fired.Reads = []v1alpha1.NamedValue{named("account.spec.contract.startDate", s.start.Format(time.DateOnly))}
	}
	run.Spec.Facts = runFacts(v, fired, nil)
	return run, nil
}

// PeriodDay returns the day of the beginning of a period, as an episode holds it, in a time zone; nil is UTC.
func PeriodDay(begin time.Time, location *time.Location) v1alpha1.Date {
	return v1alpha1.Date(begin.In(View{Location: location}.location()).Format(time.DateOnly))
}
