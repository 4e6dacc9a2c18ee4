package playbook_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// openP1 is the metric that the tests of value triggers read.
var openP1 = v1alpha1.MetricReference{Source: "support", Metric: "open_p1"}

// conditionCase is one trigger on one account, and what it must say.
type conditionCase struct {
	trigger v1alpha1.Trigger
	view    playbook.View
	truth   playbook.Truth
	reason  string
	reads   []v1alpha1.NamedValue
	next    time.Time
	since   time.Time
	event   bool
}

// run judges the trigger.
func (c conditionCase) run(t *testing.T) {
	t.Helper()
	c.trigger.Name = "it"
	if c.view.Account == nil {
		c.view.Account = acme()
	}
	if c.view.Now.IsZero() {
		c.view.Now = noon
	}
	results, next := compiled(t, spec(triggers(c.trigger))).Conditions(c.view)
	want := []playbook.TriggerResult{{Name: "it", Truth: c.truth, Reason: c.reason, Reads: c.reads, Since: c.since, Event: c.event}}
	same(t, "result", want, results)
	if !next.Equal(c.next) {
		t.Errorf("next change: got %v, want %v", next, c.next)
	}
}

func TestBandTrigger(t *testing.T) {
	critical := v1alpha1.Trigger{Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"Critical", "AtRisk"}}}
	read := func(band string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "health.band", Value: band}}
	}
	for name, c := range map[string]conditionCase{
		"holds in a band that it names": {
			view: playbook.View{Scored: true, Health: scored(30, "Critical")}, truth: playbook.True,
			reason: "band is Critical", reads: read("Critical"),
		},
		"does not hold in another band": {
			view: playbook.View{Scored: true, Health: scored(90, "Healthy")}, truth: playbook.False,
			reason: "band is Healthy, not Critical or AtRisk", reads: read("Healthy"),
		},
		"holds in a band that a person set, and says who": {
			view: playbook.View{Scored: true, Health: overridden(71, "Critical", "Healthy")}, truth: playbook.True,
			reason: "band is Critical (set by jo@example.com)", reads: read("Critical"),
		},
		"does not hold where a person set another band than the score calls for": {
			view: playbook.View{Scored: true, Health: overridden(30, "Healthy", "Critical")}, truth: playbook.False,
			reason: "band is Healthy (set by jo@example.com), not Critical or AtRisk", reads: read("Healthy"),
		},
		"is Unknown while the band is": {
			view:   playbook.View{Scored: true, Health: &v1alpha1.Health{Band: v1alpha1.BandUnknown, LastBand: "Critical"}},
			reason: "the band is Unknown",
		},
		"is Unknown while the account was never scored": {
			view: playbook.View{Scored: true}, reason: "the band is Unknown",
		},
		"is Unknown while no model scores the account, whatever the last band": {
			view: playbook.View{Health: scored(30, "Critical")}, reason: "no model scores the account now",
		},
	} {
		c.trigger = critical
		t.Run(name, c.run)
	}
}

// overridden is the health of an account whose band a person set.
func overridden(score int32, band, computed v1alpha1.BandName) *v1alpha1.Health {
	h := scored(score, band)
	h.Override = &v1alpha1.AppliedOverride{By: "jo@example.com", Reason: "sponsor left", Until: "2026-12-01", ComputedBand: computed}
	return h
}

func TestBandTriggerWithTheBandBefore(t *testing.T) {
	fell := v1alpha1.Trigger{Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"Critical"}, From: []v1alpha1.BandName{"Healthy", "AtRisk"}}}
	from := func(previous, band v1alpha1.BandName) playbook.View {
		h := scored(30, band)
		h.PreviousBand = previous
		return playbook.View{Scored: true, Health: h}
	}
	read := func(previous, band string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "health.band", Value: band}, {Name: "health.previousBand", Value: previous}}
	}
	setByAPerson := overridden(71, "Critical", "Healthy")
	setByAPerson.PreviousBand = "Healthy"
	for name, c := range map[string]conditionCase{
		"holds in a band that it names, coming from one that it names": {
			view: from("AtRisk", "Critical"), truth: playbook.True, reason: "band is Critical, from AtRisk", reads: read("AtRisk", "Critical"),
		},
		"holds in a band that a person set": {
			view: playbook.View{Scored: true, Health: setByAPerson}, truth: playbook.True,
			reason: "band is Critical (set by jo@example.com), from Healthy", reads: read("Healthy", "Critical"),
		},
		"does not hold coming from another band": {
			view: from("Lost", "Critical"), truth: playbook.False,
			reason: "band is Critical, from Lost, not from Healthy or AtRisk", reads: read("Lost", "Critical"),
		},
		"does not hold in another band": {
			view: from("Healthy", "AtRisk"), truth: playbook.False, reason: "band is AtRisk, not Critical", reads: read("Healthy", "AtRisk"),
		},
		"does not hold in the first band of all": {
			view: from("", "Critical"), truth: playbook.False, reason: "band is Critical, and no band is known before it",
			reads: []v1alpha1.NamedValue{{Name: "health.band", Value: "Critical"}},
		},
		"is Unknown while the band is": {view: from("Healthy", v1alpha1.BandUnknown), reason: "the band is Unknown"},
		"is Unknown while no model scores the account": {
			view: playbook.View{Health: from("Healthy", "Critical").Health}, reason: "no model scores the account now",
		},
	} {
		c.trigger = fell
		t.Run(name, c.run)
	}
}

func TestScoreTrigger(t *testing.T) {
	low := v1alpha1.Trigger{Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}}
	between := v1alpha1.Trigger{Score: &v1alpha1.ScoreTrigger{AtLeast: ptr(int32(20)), AtMost: ptr(int32(40))}}
	read := func(score string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "health.score", Value: score}}
	}
	for name, c := range map[string]conditionCase{
		"holds below the bound": {
			trigger: low, view: playbook.View{Scored: true, Health: scored(34, "Critical")}, truth: playbook.True,
			reason: "score 34 is at most 40", reads: read("34"),
		},
		"holds at the bound": {
			trigger: low, view: playbook.View{Scored: true, Health: scored(40, "AtRisk")}, truth: playbook.True,
			reason: "score 40 is at most 40", reads: read("40"),
		},
		"does not hold above it": {
			trigger: low, view: playbook.View{Scored: true, Health: scored(41, "AtRisk")}, truth: playbook.False,
			reason: "score 41 is not at most 40", reads: read("41"),
		},
		"does not hold below the lower of two bounds": {
			trigger: between, view: playbook.View{Scored: true, Health: scored(19, "Critical")}, truth: playbook.False,
			reason: "score 19 is not at least 20 and at most 40", reads: read("19"),
		},
		"holds at the lower of two bounds": {
			trigger: between, view: playbook.View{Scored: true, Health: scored(20, "Critical")}, truth: playbook.True,
			reason: "score 20 is at least 20 and at most 40", reads: read("20"),
		},
		"is Unknown while the band is": {
			trigger: low, view: playbook.View{Scored: true, Health: scored(10, v1alpha1.BandUnknown)},
			reason: "the band is Unknown",
		},
		"is Unknown without a score": {
			trigger: low, view: playbook.View{Scored: true, Health: &v1alpha1.Health{Band: "Critical"}},
			reason: "the score is not known",
		},
		"is Unknown while no model scores the account": {
			trigger: low, view: playbook.View{Health: scored(10, "Critical")}, reason: "no model scores the account now",
		},
		"is Unknown while part of the score is out": {
			trigger: low, view: playbook.View{Scored: true, ScorePartial: true, Health: scored(10, "Critical")},
			reason: "part of the score is out because its source cannot be read",
		},
	} {
		t.Run(name, c.run)
	}
}

func TestValueTriggerOfAMetric(t *testing.T) {
	atLeastOne := v1alpha1.Trigger{Value: &v1alpha1.ValueTrigger{
		From: v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}, AtLeast: ptr(v1alpha1.Decimal("1")),
	}}
	angry := v1alpha1.Trigger{Value: &v1alpha1.ValueTrigger{
		From: v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}, In: []string{"Angry", "Gone"},
	}}
	facts := func(o value.Observation) playbook.View { return playbook.View{Facts: value.Facts{openP1: o}} }
	with := func(o value.Observation, change func(*value.Observation)) playbook.View {
		change(&o)
		return facts(o)
	}
	word := func(s string) value.Observation {
		v := value.Category(s)
		return value.Observation{Type: v1alpha1.MetricCategory, Value: &v, State: v1alpha1.ValueFresh}
	}
	read := func(val string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "metrics.support.open_p1", Value: val}}
	}
	for name, c := range map[string]conditionCase{
		"holds at the bound": {
			trigger: atLeastOne, view: facts(fresh("1")), truth: playbook.True,
			reason: "metrics.support.open_p1 1 is at least 1", reads: read("1"),
		},
		"does not hold just below it": {
			trigger: atLeastOne, view: facts(fresh("0.999999")), truth: playbook.False,
			reason: "metrics.support.open_p1 0.999999 is not at least 1", reads: read("0.999999"),
		},
		"holds for a word that it names": {
			trigger: angry, view: facts(word("Gone")), truth: playbook.True,
			reason: "metrics.support.open_p1 is Gone", reads: read("Gone"),
		},
		"does not hold for another word": {
			trigger: angry, view: facts(word("angry")), truth: playbook.False,
			reason: "metrics.support.open_p1 is angry, not Angry or Gone", reads: read("angry"),
		},
		"says when a fresh value grows old": {
			trigger: atLeastOne,
			view:    with(fresh("3"), func(o *value.Observation) { o.MaxAge = time.Hour }),
			truth:   playbook.True, reason: "metrics.support.open_p1 3 is at least 1", reads: read("3"),
			next: noon.Add(time.Hour + time.Second),
		},
		"is Unknown once the value is Stale": {
			trigger: atLeastOne,
			view: with(fresh("3"), func(o *value.Observation) {
				o.MaxAge, o.ObservedTime = time.Hour, noon.Add(-2*time.Hour)
			}),
			reason: "metrics.support.open_p1 is Stale",
		},
		"is Unknown while the source cannot be read, also with a value in memory": {
			trigger: atLeastOne,
			view:    with(fresh("3"), func(o *value.Observation) { o.State = v1alpha1.ValueErrored }),
			reason:  "metrics.support.open_p1 is Errored",
		},
		"is Unknown where the source has no value": {
			trigger: atLeastOne, view: facts(value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}),
			reason: "metrics.support.open_p1 is Missing",
		},
		"is Unknown where a fresh observation has no value": {
			trigger: atLeastOne, view: facts(value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueFresh}),
			reason: "metrics.support.open_p1 is Missing",
		},
		"is Unknown where nobody read the metric": {
			trigger: atLeastOne, reason: "metrics.support.open_p1 was not read",
		},
		"is Unknown where bounds meet a word": {
			trigger: atLeastOne, view: facts(word("7")),
			reason: "metrics.support.open_p1 is a Category, and atMost and atLeast need a Number",
		},
		"is Unknown where words meet a number": {
			trigger: angry, view: facts(fresh("7")), reason: "metrics.support.open_p1 is a Number, and in needs a Category",
		},
		"needs no model": {
			trigger: atLeastOne, view: facts(fresh("2")), truth: playbook.True,
			reason: "metrics.support.open_p1 2 is at least 1", reads: read("2"),
		},
	} {
		t.Run(name, c.run)
	}
}

func TestValueTriggerOfAMeasurement(t *testing.T) {
	from := v1alpha1.ValueFrom{Measurement: "csm-sentiment"}
	poor := v1alpha1.Trigger{Value: &v1alpha1.ValueTrigger{From: from, In: []string{"Poor"}}}
	low := v1alpha1.Trigger{Value: &v1alpha1.ValueTrigger{From: from, AtMost: ptr(v1alpha1.Decimal("2.5"))}}
	entered := func(val string) playbook.View {
		return playbook.View{Account: acme(func(a *v1alpha1.Account) {
			a.Spec.Measurements = []v1alpha1.Measurement{{Name: "other", Value: "Poor"}, {Name: "csm-sentiment", Value: val}}
		})}
	}
	read := func(val string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "account.spec.measurements.csm-sentiment", Value: val}}
	}
	for name, c := range map[string]conditionCase{
		"holds for a word that it names": {
			trigger: poor, view: entered("Poor"), truth: playbook.True,
			reason: "account.spec.measurements.csm-sentiment is Poor", reads: read("Poor"),
		},
		"does not hold for another word": {
			trigger: poor, view: entered("Good"), truth: playbook.False,
			reason: "account.spec.measurements.csm-sentiment is Good, not Poor", reads: read("Good"),
		},
		"holds for a number within bounds": {
			trigger: low, view: entered("2.50"), truth: playbook.True,
			reason: "account.spec.measurements.csm-sentiment 2.5 is at most 2.5", reads: read("2.5"),
		},
		"is Unknown where nobody entered it": {
			trigger: poor, reason: "account.spec.measurements.csm-sentiment was not entered",
		},
		"is Unknown where a number is wanted and a word was entered": {
			trigger: low, view: entered("Poor"), reason: "account.spec.measurements.csm-sentiment is not a number",
		},
	} {
		t.Run(name, c.run)
	}
}

func TestRenewalTrigger(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	near := v1alpha1.Trigger{Renewal: &v1alpha1.RenewalTrigger{Within: "90d"}}
	renews := func(date v1alpha1.Date) *v1alpha1.Account {
		return acme(func(a *v1alpha1.Account) { a.Spec.Contract = &v1alpha1.Contract{RenewalDate: date} })
	}
	read := func(day string) []v1alpha1.NamedValue {
		return []v1alpha1.NamedValue{{Name: "account.spec.contract.renewalDate", Value: day}}
	}
	for name, c := range map[string]conditionCase{
		"holds from the midnight of the first day": {
			view: playbook.View{Account: renews("2027-01-31"), Now: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}, truth: playbook.True,
			reason: "renewal on 2027-01-31 is within 90d", reads: read("2027-01-31"),
		},
		"does not hold before, and says when it begins to": {
			view: playbook.View{Account: renews("2027-02-01")}, truth: playbook.False,
			reason: "renewal on 2027-02-01 is not within 90d", reads: read("2027-02-01"),
			next: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
		},
		"begins at midnight in the time zone": {
			view:  playbook.View{Account: renews("2027-01-31"), Location: newYork, Now: time.Date(2026, 11, 2, 4, 59, 59, 0, time.UTC)},
			truth: playbook.False, reason: "renewal on 2027-01-31 is not within 90d", reads: read("2027-01-31"),
			next: time.Date(2026, 11, 2, 5, 0, 0, 0, time.UTC),
		},
		"holds on the day itself": {
			view: playbook.View{Account: renews("2026-11-02")}, truth: playbook.True,
			reason: "renewal on 2026-11-02 is within 90d", reads: read("2026-11-02"),
		},
		"holds past the date until the date moves": {
			view: playbook.View{Account: renews("2026-08-01")}, truth: playbook.True,
			reason: "renewal on 2026-08-01 is past", reads: read("2026-08-01"),
		},
		"clears when the date moves to the next year": {
			view: playbook.View{Account: renews("2027-08-01")}, truth: playbook.False,
			reason: "renewal on 2027-08-01 is not within 90d", reads: read("2027-08-01"),
			next: time.Date(2027, 5, 3, 0, 0, 0, 0, time.UTC),
		},
		"reads the day of a date that was written as a time": {
			view: playbook.View{Account: renews("2026-11-02T00:00:00Z")}, truth: playbook.True,
			reason: "renewal on 2026-11-02 is within 90d", reads: read("2026-11-02"),
		},
		"does not hold without a contract": {
			truth: playbook.False, reason: "the contract has no renewal date",
		},
		"does not hold without a renewal date": {
			view: playbook.View{Account: renews("")}, truth: playbook.False, reason: "the contract has no renewal date",
		},
		"is Unknown where the date is none": {
			view: playbook.View{Account: renews("2026-13-99")}, reason: "the contract's renewal date is not a date",
		},
	} {
		c.trigger = near
		t.Run(name, c.run)
	}
}

func TestTheAccountDecidesForEveryTrigger(t *testing.T) {
	pb := spec(triggers(
		v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: ptr(int32(40))}},
		v1alpha1.Trigger{Name: "renewal", Renewal: &v1alpha1.RenewalTrigger{Within: "90d"}},
	))
	pb.Spec.AccountSelector.MatchLabels = map[string]string{"tier": "enterprise"}
	p := compiled(t, pb)
	enterprise := func(a *v1alpha1.Account) {
		a.Labels = map[string]string{"tier": "enterprise"}
		a.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2026-11-03"}
	}
	for name, c := range map[string]struct {
		account *v1alpha1.Account
		want    playbook.Truth
		reason  string
	}{
		"an account that is not selected is Unknown": {acme(), playbook.Unknown, "the playbook does not select the account"},
		"a churned account is False": {
			acme(enterprise, func(a *v1alpha1.Account) { a.Spec.LifecycleStage = "Churned" }), playbook.False, "the account is churned",
		},
		"an account that an AccountSet marked churned is False": {
			acme(enterprise, func(a *v1alpha1.Account) {
				a.Annotations = map[string]string{v1alpha1.AnnotationChurnedBy: "crm"}
			}), playbook.False, "the account is churned",
		},
		"a churned account is False even where the selector does not match": {
			acme(func(a *v1alpha1.Account) { a.Spec.LifecycleStage = "Churned" }), playbook.False, "the account is churned",
		},
		"no account is Unknown": {nil, playbook.Unknown, "there is no account"},
	} {
		t.Run(name, func(t *testing.T) {
			got, next := p.Conditions(playbook.View{Account: c.account, Scored: true, Health: scored(10, "Critical"), Now: noon})
			want := []playbook.TriggerResult{
				{Name: "low", Truth: c.want, Reason: c.reason}, {Name: "renewal", Truth: c.want, Reason: c.reason},
			}
			same(t, "results", want, got)
			same(t, "next change", time.Time{}, next)
		})
	}
}

func TestTheNextChangeIsTheEarliestOfAllTriggers(t *testing.T) {
	p := compiled(t, spec(triggers(
		v1alpha1.Trigger{Name: "far", Renewal: &v1alpha1.RenewalTrigger{Within: "30d"}},
		v1alpha1.Trigger{Name: "near", Renewal: &v1alpha1.RenewalTrigger{Within: "60d"}},
	)))
	a := acme(func(a *v1alpha1.Account) { a.Spec.Contract = &v1alpha1.Contract{RenewalDate: "2027-02-01"} })
	_, next := p.Conditions(playbook.View{Account: a, Now: noon})
	same(t, "next change", time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC), next)
}

func TestOverall(t *testing.T) {
	for name, c := range map[string]struct {
		truths []playbook.Truth
		want   playbook.Truth
	}{
		"no trigger is Unknown":             {nil, playbook.Unknown},
		"one True is enough":                {[]playbook.Truth{playbook.False, playbook.Unknown, playbook.True}, playbook.True},
		"Unknown wins over False":           {[]playbook.Truth{playbook.False, playbook.Unknown}, playbook.Unknown},
		"Unknown first wins over False too": {[]playbook.Truth{playbook.Unknown, playbook.False}, playbook.Unknown},
		"all False is False":                {[]playbook.Truth{playbook.False, playbook.False}, playbook.False},
	} {
		t.Run(name, func(t *testing.T) {
			var results []playbook.TriggerResult
			for _, truth := range c.truths {
				results = append(results, playbook.TriggerResult{Truth: truth})
			}
			same(t, "truth", c.want, playbook.Overall(results))
		})
	}
}

func TestTriggersOfSeveralKindsTogether(t *testing.T) {
	fresh := func(n string) value.Facts { return value.Facts{openP1: fresh(n)} }
	outage := value.Facts{openP1: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}}
	silent := value.Facts{openP1: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}}
	p := compiled(t, spec(triggers(
		v1alpha1.Trigger{Name: "band", Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"Critical"}}, For: "1d"},
		v1alpha1.Trigger{Name: "custom", Expression: "metrics.support.open_p1 > 2", For: "1h"},
		v1alpha1.Trigger{Name: "stage", Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Onboarding"}}},
		v1alpha1.Trigger{Name: "blind", NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}, For: "14d"}},
	)))
	for name, c := range map[string]struct {
		view playbook.View
		each string
		want playbook.Truth
	}{
		"none holds": {
			playbook.View{Scored: true, Health: scored(80, "Healthy"), Facts: fresh("1")}, "False False False False", playbook.False,
		},
		"the expression holds although nobody scores the account": {
			playbook.View{Facts: fresh("3")}, "Unknown True False False", playbook.True,
		},
		"a value is missing, which is all that is known of it": {
			playbook.View{Scored: true, Health: scored(80, "Healthy"), Facts: silent}, "False Unknown False True", playbook.True,
		},
		"an outage leaves what reads the source unknown, and so the whole": {
			playbook.View{Scored: true, Health: scored(80, "Healthy"), Facts: outage}, "False Unknown False Unknown", playbook.Unknown,
		},
		"a band holds through an outage": {
			playbook.View{Scored: true, ScorePartial: true, Health: scored(20, "Critical"), Facts: outage}, "True Unknown False Unknown", playbook.True,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.view.Account, c.view.Now = acme(), noon
			results, _ := p.Conditions(c.view)
			var each []string
			for _, r := range results {
				each = append(each, r.Truth.String())
			}
			same(t, "each", c.each, strings.Join(each, " "))
			same(t, "overall", c.want, playbook.Overall(results))
		})
	}
}

func TestTruthIsWrittenAsAConditionIs(t *testing.T) {
	same(t, "names", "Unknown False True", playbook.Unknown.String()+" "+playbook.False.String()+" "+playbook.True.String())
}

func TestSelectorIsThePlaybooks(t *testing.T) {
	pb := spec()
	pb.Spec.AccountSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpExists}}
	p := compiled(t, pb)
	if p.Selector().Matches(acme()) || p.Name() != "rescue" {
		t.Errorf("playbook %s selects an account without the label", p.Name())
	}
}
