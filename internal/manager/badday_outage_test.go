package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// outage is a bad day on which the source cannot be read.
type outage struct {
	// breaks breaks the source, under the running operator.
	breaks func()
	// reason and message of Available, and of the event; the namespace, the server and an approval are written NAMESPACE,
	// HOST and ID.
	reason, message string
	// event is its reason: SourceUnreachable if empty.
	event string
	// during is done while it lasts; it may be nil.
	during func()
	// with are the options of the operator while it lasts; nil: those of every test.
	with func(*Options)
	// brief is for one in which every read takes long.
	brief bool
	// repairs repairs the source.
	repairs func()
	// after is done when it is over; it may be nil.
	after func()
}

// have has an outage, with a restart in its middle, and wants that nothing moves: not while it lasts, and not when the
// source is back.
func (b *badDay) have(o outage) {
	b.t.Helper()
	b.settled()
	before := b.standing()
	event := o.event
	if event == "" {
		event = "SourceUnreachable"
	}
	told := len(b.told(event))

	o.breaks()
	b.read()
	b.wants(v1alpha1.ConditionAvailable, metav1.ConditionFalse, o.reason, o.message)
	b.wants(v1alpha1.ConditionReady, metav1.ConditionTrue, "Ready", "the source is accepted and was read")
	b.t.Logf("Available=False, %s: %s", o.reason, b.plain(b.feed().Status.LastError))
	since := b.feed().Status.LastReadTime
	b.lastValues()
	b.unmoved(before, "when the source broke")
	if o.during != nil {
		o.during()
	}
	hours := 3
	if o.brief {
		hours = 1
	}
	b.hours(hours)
	b.stop()
	if o.with == nil {
		o.with = func(*Options) {}
	}
	b.startWith(o.with)
	b.read()
	b.lastValues()
	b.hours(hours)
	b.lastValues()
	b.unmoved(before, "after hours, and a restart,")
	b.wants(v1alpha1.ConditionAvailable, metav1.ConditionFalse, o.reason, o.message)
	if now := b.feed().Status.LastReadTime; !now.Equal(since) {
		b.t.Errorf("lastReadTime moved from %s to %s during the outage", since, now)
	}
	// However long it lasts it is told once, in the words of the condition.
	b.tells(event, told, b.plain(b.feed().Status.LastError))

	recovered := len(b.told("SourceRecovered"))
	// The time before the repair is that of the outage: what is watched is read at once.
	b.clock.SetTime(b.clock.Now().Add(time.Hour))
	o.repairs()
	b.pass(0)
	b.wants(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
	b.tells("SourceRecovered", recovered, "read again: 20 rows")
	b.states("acme", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	b.states("beta", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	b.states("cora", v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	b.states("dora", v1alpha1.ValueMissing, v1alpha1.ValueFresh)
	b.unmoved(before, "when the source was back")
	if o.after != nil {
		o.after()
	}
}

// hours lets time pass, with a read each hour.
func (b *badDay) hours(n int) {
	b.t.Helper()
	for range n {
		b.clock.SetTime(b.clock.Now().Add(time.Hour))
		b.read()
		b.pass(0)
	}
}

// lastValues waits until the last values stand. What the source had no row for is still that.
func (b *badDay) lastValues() {
	b.t.Helper()
	for _, name := range []string{"acme", "beta", "cora"} {
		b.states(name, v1alpha1.ValueErrored, v1alpha1.ValueErrored)
	}
	b.states("dora", v1alpha1.ValueMissing, v1alpha1.ValueErrored)
}

// counts changes what the source says of acme, waits until that counts, and changes it back.
func (b *badDay) counts() {
	b.t.Helper()
	orgs := badDayOrgs()
	orgs[0].wau = "80"
	b.set(orgs)
	b.read()
	b.health("acme", 90, "Healthy")
	b.set(badDayOrgs())
	b.read()
	b.health("acme", 95, "Healthy")
}

// ends has beta be well, which ends the work on it: the end of a world.
func (b *badDay) ends() {
	b.t.Helper()
	orgs := badDayOrgs()
	orgs[1].wau = "100"
	b.set(orgs)
	b.read()
	b.health("beta", 60, "AtRisk")
	b.episode("beta", "rescue", v1alpha1.EpisodeClear, 1)
	b.until("the work on beta ends", func() error {
		for name, state := range b.standing().Work {
			if !strings.HasPrefix(state, "Canceled") {
				return fmt.Errorf("%s is %s", name, state)
			}
		}
		return nil
	})
}

// in does something in a subtest of the world's test.
func (b *badDay) in(name string, do func()) {
	whole := b.t
	whole.Run(name, func(t *testing.T) {
		b.t = t
		defer func() { b.t = whole }()
		do()
	})
}

// day is one of several bad days of one world.
type day struct {
	name string
	outage
}

// haveAll has one day after the other, and changes something after each.
func (b *badDay) haveAll(days []day) {
	for _, day := range days {
		b.in(day.name, func() {
			b.have(day.outage)
			b.counts()
		})
	}
}
