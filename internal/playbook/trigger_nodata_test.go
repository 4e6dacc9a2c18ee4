package playbook_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// blind is a noData trigger of the metric of the tests.
var blind = v1alpha1.Trigger{Name: "blind", NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}, For: "14d"}}

// observed is a value that was observed some time before noon.
func observed(ago time.Duration, changes ...func(*value.Observation)) playbook.View {
	o := fresh("3")
	o.ObservedTime = noon.Add(-ago)
	for _, change := range changes {
		change(&o)
	}
	return playbook.View{Facts: value.Facts{openP1: o}}
}

func TestNoDataTriggerOfAMetric(t *testing.T) {
	read := []v1alpha1.NamedValue{{Name: "metrics.support.open_p1", Value: "3"}}
	state := func(s v1alpha1.ValueState) func(*value.Observation) {
		return func(o *value.Observation) { o.State = s }
	}
	none := func(o *value.Observation) { o.Value, o.ObservedTime = nil, time.Time{} }
	suspended := func(o *value.Observation) { o.Suspended = true }
	unreadable := func(o *value.Observation) { o.Unreadable = true }
	for name, c := range map[string]conditionCase{
		"holds where the source has no value": {
			view: observed(0, none, state(v1alpha1.ValueMissing)), truth: playbook.True, reason: "metrics.support.open_p1 has no value",
		},
		"holds where a fresh observation has none": {
			view: observed(0, none), truth: playbook.True, reason: "metrics.support.open_p1 has no value",
		},
		"holds once the last value is as old, and has held since it was observed": {
			view: observed(14 * value.Day), truth: playbook.True, since: noon.Add(-14 * value.Day), reads: read,
			reason: "metrics.support.open_p1 has had no new value for 14d, since 2026-10-19T12:00:00Z",
		},
		"holds of a value that its source calls stale, too": {
			view:  observed(20*value.Day, func(o *value.Observation) { o.MaxAge = 7 * value.Day }),
			truth: playbook.True, since: noon.Add(-20 * value.Day), reads: read,
			reason: "metrics.support.open_p1 has had no new value for 14d, since 2026-10-13T12:00:00Z",
		},
		"does not hold until a second before, and says when it will": {
			view: observed(14*value.Day - time.Second), truth: playbook.False, next: noon.Add(time.Second), reads: read,
			reason: "metrics.support.open_p1 has a value of 2026-10-19T12:00:01Z, less than 14d ago",
		},
		"does not hold of a value that is stale, and newer than that": {
			view:  observed(10*value.Day, func(o *value.Observation) { o.MaxAge = 7 * value.Day }),
			truth: playbook.False, next: noon.Add(4 * value.Day), reads: read,
			reason: "metrics.support.open_p1 has a value of 2026-10-23T12:00:00Z, less than 14d ago",
		},
		"does not hold of a value without a time": {
			view:  observed(0, func(o *value.Observation) { o.ObservedTime = time.Time{} }),
			truth: playbook.False, reads: read, reason: "metrics.support.open_p1 has a value that never grows old",
		},
		"is Unknown while the source cannot be read, however old its last value is": {
			view: observed(90*value.Day, state(v1alpha1.ValueErrored)), reason: "metrics.support.open_p1 is Errored",
		},
		"is Unknown where the source cannot be read and nothing is remembered, or declares no such metric": {
			view:   playbook.View{Facts: value.Facts{openP1: {State: v1alpha1.ValueErrored}}},
			reason: "metrics.support.open_p1 is Errored",
		},
		"is Unknown while the source is suspended, however old its last value is": {
			view: observed(90*value.Day, suspended), reason: "metrics.support.open_p1 is not read: its source is suspended",
		},
		"is Unknown while the source is suspended and had no value": {
			view:   observed(0, none, state(v1alpha1.ValueMissing), suspended),
			reason: "metrics.support.open_p1 is not read: its source is suspended",
		},
		"is Unknown where there is a value that cannot be read": {
			view:   observed(0, none, state(v1alpha1.ValueMissing), unreadable),
			reason: "metrics.support.open_p1 has a value that cannot be read",
		},
		"is Unknown where nobody read the metric": {reason: "metrics.support.open_p1 was not read"},
	} {
		c.trigger = blind
		t.Run(name, c.run)
	}
}

func TestNoDataTriggerOfAMeasurement(t *testing.T) {
	entered := func(at time.Time) playbook.View {
		m := v1alpha1.Measurement{Name: "csm-sentiment", Value: "Good"}
		if !at.IsZero() {
			m.ObservedTime = stamp(at)
		}
		return playbook.View{Account: acme(func(a *v1alpha1.Account) {
			a.Spec.Measurements = []v1alpha1.Measurement{{Name: "other", Value: "1", ObservedTime: stamp(noon)}, m}
		})}
	}
	read := []v1alpha1.NamedValue{{Name: "account.spec.measurements.csm-sentiment", Value: "Good"}}
	for name, c := range map[string]conditionCase{
		"holds where nobody entered one": {truth: playbook.True, reason: "account.spec.measurements.csm-sentiment was not entered"},
		"holds where the last is as old": {
			view: entered(noon.Add(-90 * value.Day)), truth: playbook.True, since: noon.Add(-90 * value.Day), reads: read,
			reason: "account.spec.measurements.csm-sentiment has had no new value for 12w, since 2026-08-04T12:00:00Z",
		},
		"does not hold where it is newer, and says when it will": {
			view: entered(noon.Add(-83 * value.Day)), truth: playbook.False, next: noon.Add(value.Day), reads: read,
			reason: "account.spec.measurements.csm-sentiment has a value of 2026-08-11T12:00:00Z, less than 12w ago",
		},
		"does not hold of one without a time": {
			view: entered(time.Time{}), truth: playbook.False, reads: read,
			reason: "account.spec.measurements.csm-sentiment has a value that never grows old",
		},
	} {
		c.trigger = v1alpha1.Trigger{NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Measurement: "csm-sentiment"}, For: "12w"}}
		t.Run(name, c.run)
	}
}

// What is missing has been so since the playbook first missed it; what is old, since it was observed.
func TestWhenSilenceStartsARun(t *testing.T) {
	p := compiled(t, spec(triggers(blind)))
	decide := func(v playbook.View, memory *v1alpha1.Episode, now time.Time) (*v1alpha1.Episode, time.Time) {
		v.Account, v.Now = acme(), now
		results, next := p.Conditions(v)
		e, due := p.Decide(playbook.DecideInput{Memory: memory, Triggers: results, Now: now})
		return e, value.Earliest(next, due)
	}
	missing := playbook.View{Facts: value.Facts{openP1: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}}}
	outage := playbook.View{Facts: value.Facts{openP1: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}}}

	old, _ := decide(observed(20*value.Day), nil, noon)
	same(t, "the state of one whose value is old", v1alpha1.EpisodeDue, old.State)

	e, next := decide(missing, nil, noon)
	same(t, "the state of one whose value is missing", v1alpha1.EpisodePending, e.State)
	same(t, "when it is to start", noon.Add(14*value.Day), next)

	// Five days of outage say nothing: they do not count.
	e, _ = decide(outage, e, noon.Add(4*value.Day))
	e, next = decide(missing, e, noon.Add(9*value.Day))
	same(t, "the state after an outage", v1alpha1.EpisodePending, e.State)
	same(t, "when it is to start after an outage", noon.Add(19*value.Day), next)
	e, _ = decide(missing, e, next)
	same(t, "the state after fourteen days without a value", v1alpha1.EpisodeDue, e.State)

	e, _ = decide(observed(-19*value.Day), e, next)
	same(t, "the state once there is a value", v1alpha1.EpisodeClear, e.State)
}
