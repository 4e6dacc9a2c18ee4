package fleet_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// drift moves the use of the product and the tickets of a customer on by a day.
func (q *quarter) drift(c *customer) {
	c.use = min(max(c.use+q.dice.IntN(7)-3, 0), 100)
	switch {
	case q.oneIn(60):
		c.use = max(c.use-25-q.dice.IntN(40), 0)
	case q.oneIn(60):
		c.use = min(c.use+40, 100)
	case q.oneIn(200):
		c.silent = 3 + q.dice.IntN(15)
	}
	c.silent = max(c.silent-1, 0)
	c.tickets = min(max(c.tickets+q.dice.IntN(3)-1, 0), 12)
	switch {
	case q.oneIn(50):
		c.tickets = 9
	case q.oneIn(10):
		c.tickets /= 2
	}
	if c.p1 = max(c.p1-1, 0); q.oneIn(120) {
		c.p1 = 3
	}
	if q.oneIn(40) {
		answer := value.Number(value.DecimalFromInt(int64(q.dice.IntN(11))))
		at := q.now.Add(-time.Duration(q.dice.IntN(20)) * time.Hour)
		c.answers = append(c.answers, value.Event{Time: at, Values: map[string]value.Value{"nps": answer}})
		slices.SortStableFunc(c.answers, func(a, b value.Event) int { return a.Time.Compare(b.Time) })
	}
}

// change is what happens to the account itself.
func (q *quarter) change(c *customer) {
	a := c.account.DeepCopy()
	switch {
	case q.oneIn(150):
		a.Spec.Owner = fmt.Sprintf("csm-%d@example.com", q.dice.IntN(8))
	case q.oneIn(900):
		a.Spec.Owner = ""
	case q.oneIn(600):
		a.Spec.LifecycleStage = v1alpha1.StageChurned
	case q.oneIn(150) && a.Spec.LifecycleStage == v1alpha1.StageChurned:
		a.Spec.LifecycleStage = "Adoption"
	case q.oneIn(400):
		a.Spec.LifecycleStage = "Onboarding"
	case q.oneIn(60) && a.Spec.LifecycleStage == "Onboarding":
		a.Spec.LifecycleStage = "Adoption"
	case q.oneIn(120) && a.Spec.Contract != nil:
		a.Spec.Contract.RenewalDate = date(q.day + 20 + q.dice.IntN(365)) // renewed
	case q.oneIn(500):
		a.Spec.Contract = &v1alpha1.Contract{StartDate: date(q.day - q.dice.IntN(60)), RenewalDate: date(q.day + 330)}
	default:
		return
	}
	a.Generation++
	c.account = a
	q.fleet.SetAccount(a)
}

// readSources gives the fleet what the sources say now: of one that is down, what was read last.
func (q *quarter) readSources(c *customer) {
	observe := func(ref v1alpha1.MetricReference, n int, maxAge time.Duration, there bool) {
		o := c.facts[ref]
		o.Type, o.MaxAge = v1alpha1.MetricNumber, maxAge
		switch v := value.Number(value.DecimalFromInt(int64(n))); {
		case q.down(ref.Source):
			o.State = v1alpha1.ValueErrored
		case !there && o.Value == nil:
			o.State = v1alpha1.ValueMissing
		case !there:
			o.State = v1alpha1.ValueFresh // as old as it is
		default:
			o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, q.now
		}
		c.facts[ref] = o
	}
	c.facts = copyOf(c.facts)
	observe(wau, c.use, 3*value.Day, c.silent == 0)
	observe(openTickets, c.tickets, 0, true)
	observe(openP1, c.p1, 0, true)
	observe(nps, 0, 0, false)
	events := value.Events{Known: true, Rows: slices.Clone(c.answers)}
	if n := len(c.answers); n > 0 {
		v := c.answers[n-1].Values["nps"]
		c.facts[nps] = value.Observation{Type: v1alpha1.MetricNumber, Value: &v, State: v1alpha1.ValueFresh, ObservedTime: c.answers[n-1].Time}
	}
	if q.down("surveys") {
		o := c.facts[nps]
		o.State, events = v1alpha1.ValueErrored, value.Events{}
		c.facts[nps] = o
	}
	q.must(q.fleet.SetFacts(c.account.Name, c.facts, map[string]value.Events{"surveys": events}))
}

func copyOf(facts value.Facts) value.Facts {
	out := value.Facts{}
	for ref, o := range facts {
		out[ref] = o
	}
	return out
}

// readOutages gives the fleet what it has, but for the sources that cannot be read today.
func (q *quarter) readOutages(c *customer) {
	c.facts = copyOf(c.facts)
	for ref, o := range c.facts {
		if q.down(ref.Source) {
			o.State = v1alpha1.ValueErrored
			c.facts[ref] = o
		}
	}
	events := value.Events{Known: !q.down("surveys"), Rows: slices.Clone(c.answers)}
	if !events.Known {
		events.Rows = nil
	}
	q.must(q.fleet.SetFacts(c.account.Name, c.facts, map[string]value.Events{"surveys": events}))
}

// Work is what people do with a task: most finish theirs, some late, some put theirs off, and some never look.
func (q *quarter) Work(task *v1alpha1.Task, now time.Time) {
	if task.Status.State == v1alpha1.TaskBlocked || task.Status.State == v1alpha1.TaskSnoozed {
		return
	}
	spec := &task.Spec
	done := func() {
		spec.State, spec.CompletedBy = v1alpha1.WorkDone, task.Status.Assignee
		if len(spec.Outcomes) > 0 {
			spec.Outcome = spec.Outcomes[q.dice.IntN(len(spec.Outcomes))]
		}
	}
	// A hash of the name is the temper of whoever has it.
	switch sum := sha256.Sum256([]byte(task.Name)); {
	case sum[0] < 40: // ignores it
	case sum[0] < 60 && q.oneIn(6):
		spec.Snooze = &v1alpha1.Snooze{Until: metav1.Time{Time: now.Add(time.Duration(1+q.dice.IntN(6)) * value.Day)}}
	case sum[0] < 80 && q.oneIn(4):
		spec.State = v1alpha1.WorkInProgress
	case sum[0] < 95 && q.oneIn(4):
		spec.Note = "left a message"
	case sum[0] < 105 && q.oneIn(4):
		spec.State = v1alpha1.WorkCanceled
	case sum[0] < 120 && q.oneIn(4) && len(spec.Checklist) > 0:
		spec.Checklist[0].Done = true
	case sum[0] >= 60 && q.oneIn(5):
		done()
	}
	task.Generation++
}

// deleteSomeRun has a person delete a run now and then.
func (q *quarter) deleteSomeRun() {
	if runs := q.fleet.Runs(); len(runs) > 0 && q.oneIn(5) {
		q.watch.deleted(runs[q.dice.IntN(len(runs))], q.now)
	}
}
