package score

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// dice are the choices of one account's story. They are the same for ever: the algorithm of PCG is fixed, and nothing of
// the library stands between it and the choice.
type dice struct{ source *rand.PCG }

// n returns a number from 0 to below limit.
func (d dice) n(limit int) int { return int(d.source.Uint64() % uint64(limit)) }

// oneIn is true once in so many times.
func (d dice) oneIn(times int) bool { return d.n(times) == 0 }

func oneOf[T any](d dice, choices ...T) T { return choices[d.n(len(choices))] }

// goldenMetrics are all metrics that the models read, by source. Each draws a value that is as good as a share of 1000
// says, more or less.
var goldenMetrics = []struct {
	ref  v1alpha1.MetricReference
	draw func(d dice, share int, now time.Time) value.Value
}{
	{ref("crm", "dispute"), func(d dice, _ int, _ time.Time) value.Value {
		return value.Category(oneOf(d, "Open", "None", "None", "None"))
	}},
	{ref("crm", "last_meeting"), func(_ dice, share int, now time.Time) value.Value { return moment(now.AddDate(0, 0, share/40-25)) }},
	{ref("crm", "plan_fit"), func(d dice, share int, _ time.Time) value.Value {
		return value.Category([]string{"Poor", "Fair", "Good", oneOf(d, "Good", "Odd")}[min(share/300, 3)])
	}},
	{ref("crm", "years"), func(d dice, _ int, _ time.Time) value.Value { return decimal(d.n(8), 1) }},
	{ref("desk", "csat"), func(_ dice, share int, _ time.Time) value.Value { return decimal(10+share*4/100, 10) }},
	{ref("desk", "p1"), func(d dice, _ int, _ time.Time) value.Value { return decimal(max(0, d.n(8)-5), 1) }},
	{ref("desk", "tickets"), func(_ dice, share int, _ time.Time) value.Value { return decimal(27-share*27/1000, 1) }},
	{ref("peers", "dau_mau"), func(_ dice, share int, _ time.Time) value.Value { return decimal(330-share*220/1000, 1000) }},
	{ref("surveys", "nps"), func(_ dice, share int, _ time.Time) value.Value { return decimal(share*110/1000-45, 1) }},
	{ref("usage", "dau_mau"), func(d dice, share int, _ time.Time) value.Value { return decimal(share*450+d.n(450), 1_000_000) }},
	{ref("usage", "last_login"), func(_ dice, share int, now time.Time) value.Value {
		return moment(now.Add(time.Duration(share-1000) * 20 * time.Minute))
	}},
	{ref("usage", "wau"), func(_ dice, share int, _ time.Time) value.Value { return decimal(share*32/10, 10) }},
}

func decimal(n, of int) value.Value {
	return value.Number(value.Decimal(n) * value.DecimalScale / value.Decimal(of))
}

func moment(t time.Time) value.Value { return value.Value{Type: v1alpha1.MetricTime, Time: t.UTC()} }

// goldenMaxAge are the sources' ages.
var goldenMaxAge = map[string]time.Duration{"crm": 8 * value.Day, "usage": 6 * value.Day, "desk": 0, "peers": 0, "surveys": 0}

// story is one account's past and present.
type story struct {
	dice
	t     testing.TB
	input Input
	// lean is how well the account does, of 1000.
	lean int
	// outage is, by source, what remains of one: the steps until it ends.
	outage map[string]int
	// never is a source that is not read all the while.
	never string
}

// newStory begins the story of an account.
func newStory(t testing.TB, number int) *story {
	s := &story{dice: dice{rand.NewPCG(20261101, uint64(number))}, t: t, outage: map[string]int{}}
	s.lean = s.n(1001)
	spec := v1alpha1.AccountSpec{Contract: &v1alpha1.Contract{RenewalDate: v1alpha1.Date(begin().AddDate(0, 0, 5+s.n(300)).Format(time.DateOnly))}}
	if !s.oneIn(8) {
		spec.Contract.Seats = ptr.To(int64(20 * s.n(20))) // 0 seats is a division by zero
	}
	s.input = Input{
		Account: &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("account-%03d", number)}, Spec: spec},
		Facts:   value.Facts{}, Now: begin(),
	}
	if s.oneIn(3) {
		s.input.Location = time.FixedZone("east", 9*3600)
	}
	if s.oneIn(5) {
		s.input.Extra = []v1alpha1.MetricReference{ref("crm", "years"), ref("surveys", "nps")}
	}
	for _, m := range goldenMetrics {
		v := m.draw(s.dice, s.share(), begin())
		s.see(m.ref, v)
		if s.oneIn(12) {
			s.input.Facts[m.ref] = value.Observation{Type: v.Type, State: v1alpha1.ValueMissing, MaxAge: goldenMaxAge[m.ref.Source]}
		}
	}
	if s.oneIn(25) {
		s.never = oneOf(s.dice, "desk", "usage", "surveys")
		s.forget(s.never)
	}
	return s
}

func (s *story) see(ref v1alpha1.MetricReference, v value.Value) {
	s.input.Facts[ref] = value.Observation{
		Type: v.Type, Value: &v, State: v1alpha1.ValueFresh, ObservedTime: s.input.Now.Add(-time.Duration(s.n(90)) * time.Minute), MaxAge: goldenMaxAge[ref.Source],
	}
}

// share is how good the next value is, of 1000.
func (s *story) share() int { return max(0, min(1000, s.lean+s.n(600)-300)) }

// forget is an outage with nothing in memory.
func (s *story) forget(source string) {
	for r, o := range s.input.Facts {
		if r.Source == source {
			s.input.Facts[r] = value.Observation{Type: o.Type, State: v1alpha1.ValueErrored, MaxAge: o.MaxAge}
		}
	}
}

// goOn lets time pass, and everything happen that may.
func (s *story) goOn() {
	s.input.Now = s.input.Now.Add(oneOf(s.dice, 20*time.Minute, 5*time.Hour, 13*time.Hour, value.Day, 2*value.Day, 5*value.Day))
	for _, source := range slices.Sorted(maps.Keys(goldenMaxAge)) {
		s.outage[source]--
		if s.outage[source] < 0 && s.oneIn(9) {
			s.outage[source] = s.n(3)
		}
	}
	forgotten := s.oneIn(3) // the operator was started anew: an outage leaves nothing in memory
	for _, m := range goldenMetrics {
		o := s.input.Facts[m.ref]
		switch {
		case m.ref.Source == s.never:
		case s.outage[m.ref.Source] >= 0:
			o.State = v1alpha1.ValueErrored
			if forgotten {
				o = value.Observation{Type: o.Type, State: v1alpha1.ValueErrored, MaxAge: o.MaxAge, Suspended: s.oneIn(9)}
			}
			s.input.Facts[m.ref] = o
		case s.oneIn(8):
			s.input.Facts[m.ref] = value.Observation{Type: o.Type, State: v1alpha1.ValueMissing, MaxAge: o.MaxAge, Unreadable: s.oneIn(3)}
		case o.Value == nil || o.State != v1alpha1.ValueFresh || s.oneIn(2):
			s.see(m.ref, m.draw(s.dice, s.share(), s.input.Now))
		}
	}
	if s.oneIn(40) {
		delete(s.input.Facts, ref("surveys", "nps")) // a source that is new, or was renamed
	}
	s.enter()
	s.override()
	s.changeChildren()
}

// enter is what a person enters by hand.
func (s *story) enter() {
	entered := func(name, text string) v1alpha1.Measurement {
		m := v1alpha1.Measurement{Name: name, Value: text, By: "jo@example.com"}
		if !s.oneIn(3) {
			m.ObservedTime = ptr.To(metav1.NewTime(s.input.Now.AddDate(0, 0, -s.n(24))))
		}
		return m
	}
	if !s.oneIn(3) {
		return
	}
	s.input.Account = s.input.Account.DeepCopy()
	s.input.Account.Spec.Measurements = nil
	if !s.oneIn(5) {
		s.input.Account.Spec.Measurements = []v1alpha1.Measurement{
			entered("csm-sentiment", oneOf(s.dice, "Good", "Good", "Neutral", "Bad", "Unlisted")),
			entered("mood", oneOf(s.dice, "9", "6.5", "3", "fine")),
		}
	}
}

// override is what a person decides: for a while, until a day that is over, for a band that there is not.
func (s *story) override() {
	if !s.oneIn(8) {
		return
	}
	s.input.Account = s.input.Account.DeepCopy()
	s.input.Account.Spec.HealthOverride = nil
	if s.oneIn(4) {
		return
	}
	s.input.Account.Spec.HealthOverride = &v1alpha1.HealthOverride{
		Band:   oneOf[v1alpha1.BandName](s.dice, "Critical", "Critical", "AtRisk", "Healthy", "A", "Gone"),
		Reason: oneOf(s.dice, "sponsor left", "merger: \"see CRM\""), By: "jo@example.com",
		Until: v1alpha1.Date(s.input.Now.AddDate(0, 0, s.n(14)-2).Format(time.DateOnly)),
	}
}

// changeChildren is what becomes of the accounts below this one.
func (s *story) changeChildren() {
	if len(s.input.Children) > 0 && s.oneIn(3) {
		return
	}
	s.input.Children = make([]Child, s.n(5))
	for i := range s.input.Children {
		s.input.Children[i] = Child{Name: fmt.Sprintf("child-%d", i), ARR: int64(s.n(4)) * 333_333, Partial: s.oneIn(6)}
		if !s.oneIn(6) {
			s.input.Children[i].Score = ptr.To(int32(s.n(101)))
		}
	}
}
