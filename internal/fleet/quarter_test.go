package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// The quarter begins on a Monday, and has 200 accounts and 92 days.
const (
	quarterAccounts = 200
	quarterDays     = 92
)

var (
	quarterBegins = time.Date(2026, 11, 2, 5, 0, 0, 0, time.UTC)
	wau           = v1alpha1.MetricReference{Source: "usage", Metric: "wau"}
	openTickets   = v1alpha1.MetricReference{Source: "support", Metric: "open_tickets"}
	openP1        = v1alpha1.MetricReference{Source: "support", Metric: "open_p1"}
	nps           = v1alpha1.MetricReference{Source: "surveys", Metric: "nps"}
)

// outages are the days on which a source cannot be read, the first and the last.
var outages = map[string][][2]int{"usage": {{20, 26}, {70, 71}}, "support": {{24, 28}}, "surveys": {{33, 36}, {60, 61}}}

// quarter is the life of a customer base for three months.
type quarter struct {
	t     *testing.T
	fleet *fleet.Fleet
	dice  *rand.Rand
	zone  *time.Location
	now   time.Time
	day   int
	// sourceDay is the day on which the sources were read last: what is down on it cannot be read now.
	sourceDay int

	customers []*customer
	playbooks map[string]*v1alpha1.Playbook
	watch     *watch
	totals    totals
}

// customer is what the world knows of an account.
type customer struct {
	account *v1alpha1.Account
	// use is the weekly use, as a share of 100; tickets are open, and p1 of them stop the customer.
	use, tickets, p1 int
	// silent is the number of days on which the product says nothing of the account any more.
	silent  int
	answers []value.Event
	facts   value.Facts
}

// totals are what the quarter came to.
type totals struct {
	steps, runs, tasks, done, doneByThemselves, canceled, held, overdue int
	started                                                             map[string]int
}

func newQuarter(t *testing.T, seed uint64) *quarter {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	q := &quarter{
		t: t, fleet: fleet.New(zone), dice: rand.New(rand.NewPCG(seed, 200)), zone: zone, now: quarterBegins,
		playbooks: map[string]*v1alpha1.Playbook{}, totals: totals{started: map[string]int{}},
	}
	q.watch = newWatch(q)
	q.must(q.fleet.SetModel(quarterModel(t)))
	for _, pb := range quarterPlaybooks(t) {
		q.playbooks[pb.Name] = pb
		q.must(q.fleet.SetPlaybook(pb))
	}
	for i := range quarterAccounts {
		q.customers = append(q.customers, q.newCustomer(i))
	}
	return q
}

func (q *quarter) must(err error) {
	q.t.Helper()
	if err != nil {
		q.t.Fatalf("day %d, %s: %v", q.day, q.now, err)
	}
}

// oneIn is true once in so many times.
func (q *quarter) oneIn(times int) bool { return q.dice.IntN(times) == 0 }

// date is a day some days from the beginning.
func date(days int) v1alpha1.Date {
	return v1alpha1.Date(quarterBegins.AddDate(0, 0, days).Format(time.DateOnly))
}

// newCustomer draws an account. Some have no owner, and some no contract yet.
func (q *quarter) newCustomer(i int) *customer {
	c := &customer{use: 30 + q.dice.IntN(70), tickets: q.dice.IntN(4), facts: value.Facts{}}
	c.account = &v1alpha1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("account-%03d", i), Generation: 1},
		Spec: v1alpha1.AccountSpec{
			Owner: fmt.Sprintf("csm-%d@example.com", q.dice.IntN(8)), LifecycleStage: "Adoption",
			Team: []v1alpha1.TeamMember{{Role: "Manager", User: "lead@example.com"}},
			Contract: &v1alpha1.Contract{
				StartDate: date(-q.dice.IntN(300)), RenewalDate: date(-10 + q.dice.IntN(300)), ARR: int64Ptr(1000 * int64(q.dice.IntN(400))),
			},
		},
	}
	switch {
	case q.oneIn(12):
		c.account.Spec.Owner = ""
	case q.oneIn(12):
		c.account.Spec.Contract = nil
	case q.oneIn(12):
		c.account.Spec.Team = nil
	}
	q.fleet.SetAccount(c.account)
	return c
}

func int64Ptr(n int64) *int64 { return &n }

// down reports whether a source cannot be read now.
func (q *quarter) down(source string) bool {
	return slices.ContainsFunc(outages[source], func(o [2]int) bool { return q.sourceDay >= o[0] && q.sourceDay <= o[1] })
}

// downNow names the sources that cannot be read now.
func (q *quarter) downNow() string {
	return fmt.Sprint(q.down("usage"), q.down("support"), q.down("surveys"))
}

// edit changes a model and playbooks, as people do in git.
func (q *quarter) edit() {
	switch q.day {
	case 30:
		pb := q.playbooks["rescue"].DeepCopy()
		pb.Generation, pb.Spec.Cooldown, pb.Spec.Triggers[0].For = 2, "7d", "48h"
		pb.Spec.Steps[1].Title = "Agree on a better plan"
		q.playbooks["rescue"] = pb
		q.must(q.fleet.SetPlaybook(pb))
	case 45:
		pb := q.playbooks["qbr"].DeepCopy()
		pb.Generation, pb.Spec.Triggers[0].Every = 2, "20d"
		pb.Spec.Triggers = append(pb.Spec.Triggers, v1alpha1.Trigger{
			Name: "stage", Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Onboarding"}},
		})
		q.playbooks["qbr"] = pb
		q.must(q.fleet.SetPlaybook(pb))
	case 60:
		m := quarterModel(q.t)
		m.Generation = 2
		m.Spec.Dimensions[0].Weight = 50
		q.must(q.fleet.SetModel(m))
	}
}

// until steps through all that changes by itself before a moment, and to that moment.
func (q *quarter) until(moment time.Time) {
	for {
		q.step()
		next := q.fleet.Next()
		if next.IsZero() || !next.Before(moment) {
			break
		}
		q.now = next
	}
	q.now = moment
}

// step brings the fleet up to date, and checks what came of it.
func (q *quarter) step() {
	q.totals.steps++
	q.must(q.fleet.Step(q.now))
	q.watch.check()
}

// live is a day: sources are read in the morning, people work at nine and at three.
func (q *quarter) live() {
	q.step()
	before := q.downNow()
	q.sourceDay = q.day
	if q.downNow() != before {
		// The outage begins or ends by itself: nothing else has changed at this moment.
		q.watch.outage(func() {
			for _, c := range q.customers {
				q.readOutages(c)
			}
			q.step()
		})
	}
	for _, c := range q.customers {
		q.drift(c)
		q.change(c)
		q.readSources(c)
	}
	q.edit()
	day := q.now
	q.until(day.Add(4 * time.Hour))
	q.fleet.Work(q, q.now)
	q.deleteSomeRun()
	q.until(day.Add(10 * time.Hour))
	q.fleet.Work(q, q.now)
	if q.day%8 == 0 {
		q.watch.calm()
	}
	q.until(day.Add(24 * time.Hour))
}

// run lives through some days and returns all that is there in the end, as bytes.
func (q *quarter) run(days int) string {
	for _, c := range q.customers {
		q.readSources(c)
	}
	for q.day = range days {
		q.live()
	}
	return q.bytes()
}

func TestAQuarterInTheLifeOf200Accounts(t *testing.T) {
	q := newQuarter(t, 1)
	q.run(quarterDays)
	for _, run := range q.fleet.Runs() {
		q.totals.overdue += int(run.Status.OverdueTasks)
	}
	t.Logf("%+v", q.totals)
	for name, pb := range q.playbooks {
		if q.totals.started[name] == 0 {
			t.Errorf("playbook %s of %d triggers never started: the quarter says nothing of it", name, len(pb.Spec.Triggers))
		}
	}
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	const days = 8
	first := newQuarter(t, 1).run(days)
	if again := newQuarter(t, 1).run(days); again != first {
		t.Errorf("the same days ended otherwise the second time: %s", difference(first, again))
	}
	if other := newQuarter(t, 2).run(days); other == first {
		t.Error("other days ended alike")
	}
}
