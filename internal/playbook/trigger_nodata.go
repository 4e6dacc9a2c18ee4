package playbook

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// noData compiles a noData trigger. A value that never was there is held against the account from when it is first missed,
// so that what the trigger says with for is what it must hold.
func (c *compiler) noData(path *field.Path, t v1alpha1.Trigger, compiled *trigger) {
	if t.For != "" {
		c.invalid(path.Child("for"), string(t.For), "noData has a for of its own: leave this one out")
	}
	at := path.Child("noData")
	compiled.hold = c.positive(at.Child("for"), t.NoData.For)
	name, ref := c.valueFrom(at.Child("from"), t.NoData.From)
	silence := silence{name: name, length: compiled.hold, written: t.NoData.For}
	if ref == nil {
		compiled.condition = silence.ofMeasurement(t.NoData.From.Measurement)
		return
	}
	compiled.reads = []v1alpha1.MetricReference{*ref}
	compiled.condition = silence.ofMetric(*ref)
}

// silence is the absence of new values for some time.
type silence struct {
	name    string
	length  time.Duration
	written v1alpha1.Duration
}

// ofMetric holds where a source that can be read has no value of a metric, or none that is new.
func (s silence) ofMetric(ref v1alpha1.MetricReference) condition {
	return func(v View) judgement {
		o, ok := v.Facts[ref]
		switch {
		case !ok:
			return unknown("%s was not read", s.name)
		case o.Suspended:
			return unknown("%s is not read: its source is suspended", s.name)
		case o.Unreadable:
			return unknown("%s has a value that cannot be read", s.name)
		case o.State == v1alpha1.ValueMissing || o.State == v1alpha1.ValueFresh && o.Value == nil:
			return judgement{truth: True, reason: s.name + " has no value"}
		case o.State != v1alpha1.ValueFresh && o.State != v1alpha1.ValueStale:
			return unknown("%s is %s", s.name, o.State)
		}
		return s.since(o.ObservedTime, o.Value, v.Now)
	}
}

// ofMeasurement holds where nobody entered a value, or none that is new.
func (s silence) ofMeasurement(measurement string) condition {
	return func(v View) judgement {
		entered := v.Account.Spec.Measurements
		i := slices.IndexFunc(entered, func(m v1alpha1.Measurement) bool { return m.Name == measurement })
		if i < 0 {
			return judgement{truth: True, reason: s.name + " was not entered"}
		}
		val := value.Category(entered[i].Value)
		return s.since(timeOf(entered[i].ObservedTime), &val, v.Now)
	}
}

// since judges a value by the time at which it was observed. One without a time never grows old.
func (s silence) since(observed time.Time, val *value.Value, now time.Time) judgement {
	j := judgement{truth: False}
	if val != nil {
		j.reads = []v1alpha1.NamedValue{named(s.name, val.String())}
	}
	if observed.IsZero() {
		j.reason = s.name + " has a value that never grows old"
		return j
	}
	observed = seconds(observed)
	at := value.FormatTime(observed)
	if begins := observed.Add(s.length); now.Before(begins) {
		j.next = begins
		j.reason = fmt.Sprintf("%s has a value of %s, less than %s ago", s.name, at, s.written)
		return j
	}
	j.truth, j.since = True, observed
	j.reason = fmt.Sprintf("%s has had no new value for %s, since %s", s.name, s.written, at)
	return j
}
