package manager

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// lie is a bad day on which the source can be read, and says what cannot be true.
type lie struct {
	// tells has the source lie.
	tells func()
	// rejected are the values that cannot be read, and examples how the status describes the first of them.
	rejected int64
	examples []string
	// warning is the message of Warnings, and of the event.
	warning string
	// states of the values wau and tickets, by account.
	states map[string][2]v1alpha1.ValueState
	// repents has it say what it said before.
	repents func()
}

// hear hears a lie, with a restart in its middle, and wants that nothing moves.
func (b *badDay) hear(l lie) {
	b.t.Helper()
	b.settled()
	before, told := b.standing(), len(b.told(v1alpha1.ReasonValuesRejected))
	heard := func() {
		b.t.Helper()
		b.read()
		b.wants(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
		b.wants(v1alpha1.ConditionWarnings, metav1.ConditionTrue, v1alpha1.ReasonValuesRejected, l.warning)
		status := b.feed().Status
		if diff := cmp.Diff(l.examples, status.RejectedExamples); diff != "" || status.RejectedValues != l.rejected {
			b.t.Errorf("%d values rejected, want %d; examples (- want, + got)\n%s", status.RejectedValues, l.rejected, diff)
		}
		for name, states := range l.states {
			b.states(name, states[0], states[1])
		}
	}
	l.tells()
	heard()
	b.t.Logf("Warnings=True, %s: %s", v1alpha1.ReasonValuesRejected, l.warning)
	b.unmoved(before, "when the source lied")
	b.hours(3)
	b.restart()
	heard()
	b.hours(3)
	heard()
	b.unmoved(before, "after hours, and a restart,")
	b.tells(v1alpha1.ReasonValuesRejected, told, l.warning)

	b.clock.SetTime(b.clock.Now().Add(time.Hour))
	l.repents()
	b.pass(0)
	for _, name := range []string{"acme", "beta", "cora"} {
		b.states(name, v1alpha1.ValueFresh, v1alpha1.ValueFresh)
	}
	b.unmoved(before, "when the source told the truth again")
	if warns := meta.FindStatusCondition(b.feed().Status.Conditions, v1alpha1.ConditionWarnings); warns != nil {
		b.t.Errorf("there is a warning still: %v", warns)
	}
	if status := b.feed().Status; status.RejectedValues != 0 || status.RejectedExamples != nil {
		b.t.Errorf("%d values are rejected still: %q", status.RejectedValues, status.RejectedExamples)
	}
}

// Values of three accounts of which the source has a row.
var (
	bothErrored  = [2]v1alpha1.ValueState{v1alpha1.ValueErrored, v1alpha1.ValueErrored}
	firstErrored = [2]v1alpha1.ValueState{v1alpha1.ValueErrored, v1alpha1.ValueFresh}
	noRow        = [2]v1alpha1.ValueState{v1alpha1.ValueMissing, v1alpha1.ValueFresh}
)

// noNumbers are rows with values that are no numbers.
func noNumbers(nan, inf string) []org {
	orgs := badDayOrgs()
	orgs[0].wau, orgs[1].wau, orgs[2].wau = nan, inf, nan
	orgs[0].tickets, orgs[1].tickets = inf, nan
	return orgs
}

// noNumbersLie is the lie of a source that writes NaN and +Inf.
func (b *badDay) noNumbersLie(nan, inf string) lie {
	return lie{
		tells:    func() { b.set(noNumbers(nan, inf)) },
		rejected: 5,
		examples: []string{
			`row 1, column "wau": expected Number, got 3 characters: not a number`,
			`row 1, column "tickets": expected Number, got 4 characters: not a number`,
			`row 2, column "wau": expected Number, got 4 characters: not a number`,
			`row 2, column "tickets": expected Number, got 3 characters: not a number`,
			`row 3, column "wau": expected Number, got 3 characters: not a number`,
		},
		warning: `5 values cannot be read, and the last ones stand: row 1, column "wau": expected Number, got 3 characters: not a number; correct them in the source, or the type in spec.metrics`,
		states:  map[string][2]v1alpha1.ValueState{"acme": bothErrored, "beta": bothErrored, "cora": firstErrored, "dora": noRow},
		repents: func() { b.set(badDayOrgs()) },
	}
}

// mistyped are rows with values of other types than Number.
func mistyped() []org {
	orgs := badDayOrgs()
	orgs[0].wau, orgs[0].tickets = `"secret-of-acme"`, "true"
	orgs[1].wau, orgs[1].tickets = "1e400", `"8 tickets"`
	orgs[2].wau = `"50,0"`
	return orgs
}

func TestBadDayOfValues(t *testing.T) {
	b, server := newHTTPDay(t)
	well := func() { b.set(badDayOrgs()) }
	b.in("wrong types", func() {
		b.hear(lie{
			tells:    func() { b.set(mistyped()) },
			rejected: 5,
			examples: []string{
				`row 1, column "wau": expected Number, got 14 characters: not a number`,
				`row 1, column "tickets": expected Number, got 4 characters: not a number`,
				`row 2, column "wau": expected Number, got 5 characters: a number of more than twelve digits before the point`,
				`row 2, column "tickets": expected Number, got 9 characters: not a number`,
				`row 3, column "wau": expected Number, got 4 characters: not a number`,
			},
			warning: `5 values cannot be read, and the last ones stand: row 1, column "wau": expected Number, got 14 characters: not a number; correct them in the source, or the type in spec.metrics`,
			states:  map[string][2]v1alpha1.ValueState{"acme": bothErrored, "beta": bothErrored, "cora": firstErrored, "dora": noRow},
			repents: well,
		})
		b.counts()
	})
	b.in("NaN and Inf in JSON", func() {
		b.hear(b.noNumbersLie(`"NaN"`, `"+Inf"`))
		b.counts()
	})
	b.haveAll([]day{
		{"an object for a value", outage{
			breaks: func() {
				orgs := badDayOrgs()
				orgs[0].wau = `{"value": 90}`
				b.set(orgs)
			},
			reason:  "ReadFailed",
			message: `spec.http.records: record 1 of page 1: field "wau" is a list or an object; one value is expected: say which in spec.http.fields`,
			repairs: well,
		}},
		{"a list half full", outage{
			breaks: func() { b.set(badDayOrgs()[11:]) },
			reason: "RowsDropped", message: "9" + dropped, event: "RowsDropped", repairs: well,
		}},
		{"an empty list", outage{
			breaks: func() { server.gives("[]") },
			reason: "RowsDropped", message: "0" + dropped, event: "RowsDropped", repairs: well,
		}},
	})
	b.ends()
}

// dropped is the message of a read that lost too many rows.
const dropped = " rows, after 20 in the last accepted read: that is more than 50 percent fewer (spec.maxRowDropPercent), so the last values stand; to accept it: kubectl annotate datasource -n NAMESPACE feed perennial.dev/approve=ID --overwrite"

// TestBadDayRowsAreThereTwice has rows twice, which aggregates make one value of: Newest the last of them, or that of the
// latest time, Sum the sum, whatever the rows have in common.
func TestBadDayRowsAreThereTwice(t *testing.T) {
	b, server := newHTTPDay(t)
	b.settled()
	before := b.standing()
	twice := slices.Concat(badDayOrgs(), badDayOrgs())
	b.set(twice)
	b.hours(2)
	b.restart()
	b.hours(1)
	// The source is as good as ever, so that time counts.
	cora := before.Accounts["cora"].Episodes
	cora[1] = strings.Replace(cora[1], "held 2h0m0s", "held 5h0m0s", 1)
	b.unmoved(before, "when every row was there twice")
	b.wants(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonReadSucceeded, "the latest read succeeded")
	if status := b.feed().Status; status.RejectedValues != 0 || status.Rows != 40 || status.AccountsMatched != 3 {
		t.Errorf("%d rows for %d accounts, %d values rejected; want 40 for 3", status.Rows, status.AccountsMatched, status.RejectedValues)
	}

	// A value that is shown beside others is written when one of them moves: the newest of two that are the same.
	twice[0].wau, twice[20].wau = "80", "80"
	b.set(twice)
	b.hours(1)
	b.health("acme", 90, "Healthy")
	b.wantsValues("acme", "80", "0", "240")

	// Two rows of beta that differ: without a time the last row is the newest, and Sum sums.
	b.set(append(badDayOrgs(), org{"beta", "30", "8", "2"}))
	b.hours(1)
	b.health("beta", 25, "Critical")
	b.wantsValues("beta", "30", "8", "42")

	// With times the newest is the newest wherever it stands.
	b.patchSource("feed", `{"spec": {"observedTime": {"field": "as_of"}}}`)
	at := func(t time.Time, orgs ...org) string {
		return strings.ReplaceAll(strings.Trim(orgsJSON(orgs), "[]\n"), "}", fmt.Sprintf(`, "as_of": %q}`, t.Format(time.RFC3339)))
	}
	now := b.clock.Now()
	server.gives("[" + at(now, badDayOrgs()...) + "," + at(now.Add(-time.Hour), org{"beta", "30", "8", "2"}) + "]")
	b.hours(1)
	b.health("beta", 15, "Critical")
	b.wantsValues("beta", "10", "8", "42")
	b.quiet()
	if diff := cmp.Diff(before.Work, b.standing().Work); diff != "" {
		t.Errorf("work moved (- before, + after):\n%s", diff)
	}
}

// wantsValues compares the values of an account's measures.
func (b *badDay) wantsValues(account string, want ...string) {
	b.t.Helper()
	a, err := b.account(account)
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, m := range a.Status.Health.Measures {
		got = append(got, m.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("values of %s (- want, + got):\n%s", account, diff)
	}
}
