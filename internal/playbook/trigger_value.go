package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// bounds are the bounds of a number, inclusive; nil is no bound.
type bounds struct {
	atMost, atLeast *value.Decimal
}

// judge compares a number with the bounds and says so in words.
func (b bounds) judge(name string, d value.Decimal) judgement {
	var words []string
	holds := true
	if b.atLeast != nil {
		words = append(words, "at least "+b.atLeast.String())
		holds = holds && d >= *b.atLeast
	}
	if b.atMost != nil {
		words = append(words, "at most "+b.atMost.String())
		holds = holds && d <= *b.atMost
	}
	is := " is "
	if !holds {
		is = " is not "
	}
	return judgement{truth: truthOf(holds), reason: name + " " + d.String() + is + strings.Join(words, " and ")}
}

// valueTest is what a value trigger asks of a value: bounds for a number, or words for a category.
type valueTest struct {
	name   string
	bounds bounds
	words  []string
}

// wantsNumber reports whether the test is for numbers.
func (t valueTest) wantsNumber() bool { return len(t.words) == 0 }

// judge tests a value. A value of another type than the test is for cannot be judged.
func (t valueTest) judge(val value.Value) judgement {
	var j judgement
	switch {
	case t.wantsNumber() && val.Type == v1alpha1.MetricNumber:
		j = t.bounds.judge(t.name, val.Number)
	case !t.wantsNumber() && val.Type == v1alpha1.MetricCategory:
		j.truth = truthOf(slices.Contains(t.words, val.Text))
		j.reason = fmt.Sprintf("%s is %s", t.name, val.Text)
		if j.truth == False {
			j.reason += ", not " + orList(t.words)
		}
	case t.wantsNumber():
		return unknown("%s is a %s, and atMost and atLeast need a Number", t.name, val.Type)
	default:
		return unknown("%s is a %s, and in needs a Category", t.name, val.Type)
	}
	j.reads = []v1alpha1.NamedValue{named(t.name, val.String())}
	return j
}

// metricCondition tests the value of a metric. Only a Fresh value is judged: an old one, a missing one and one whose
// source cannot be read say nothing of today.
func metricCondition(ref v1alpha1.MetricReference, test valueTest) condition {
	return func(v View) judgement {
		val, next, why := v.fresh(ref)
		if why != "" {
			return unknown("%s", why)
		}
		j := test.judge(val)
		j.next = next
		return j
	}
}

// fresh returns the value of a metric where it is Fresh, and the moment at which it grows old; where it is not, it says so.
func (v View) fresh(ref v1alpha1.MetricReference) (val value.Value, next time.Time, why string) {
	o, ok := v.Facts[ref]
	if !ok {
		return val, next, metricName(ref) + " was not read"
	}
	state, next := o.StateAt(v.Now, 0)
	switch {
	case state == "" || state == v1alpha1.ValueFresh && o.Value == nil:
		return val, time.Time{}, fmt.Sprintf("%s is %s", metricName(ref), v1alpha1.ValueMissing)
	case state != v1alpha1.ValueFresh:
		return val, time.Time{}, fmt.Sprintf("%s is %s", metricName(ref), state)
	}
	return *o.Value, next, ""
}

// measurementCondition tests a value that a person entered on the account.
func measurementCondition(measurement string, test valueTest) condition {
	return func(v View) judgement {
		for _, m := range v.Account.Spec.Measurements {
			if m.Name != measurement {
				continue
			}
			kind := v1alpha1.MetricCategory
			if test.wantsNumber() {
				kind = v1alpha1.MetricNumber
			}
			val, err := value.Parse(kind, m.Value)
			if err != nil {
				return unknown("%s is %s", test.name, err)
			}
			return test.judge(val)
		}
		return unknown("%s was not entered", test.name)
	}
}

// named makes a fact of a name and a value, within the lengths that a run allows.
func named(name, text string) v1alpha1.NamedValue {
	return v1alpha1.NamedValue{Name: value.Shorten(name, 160), Value: value.Shorten(text, 2048)}
}

// seconds is a moment as a status holds it.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
