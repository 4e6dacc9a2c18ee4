package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// judgement is what a condition finds of one account.
type judgement struct {
	truth  Truth
	reason string
	reads  []v1alpha1.NamedValue
	// next is when the answer may change by itself; zero is never.
	next time.Time
	// since is when it began to hold, where the values say so; zero: when it is first seen to hold.
	since time.Time
}

// condition judges one trigger on one account. It does not look at whether the playbook selects the account.
type condition func(v View) judgement

// unknown is the judgement of what cannot be judged.
func unknown(format string, args ...any) judgement {
	return judgement{reason: fmt.Sprintf(format, args...)}
}

// truthOf makes a truth of a bool.
func truthOf(holds bool) Truth {
	if holds {
		return True
	}
	return False
}

// unscored says why nothing can be said of the account's score and band; empty where something can.
func (v View) unscored() string {
	switch {
	case !v.Scored:
		return "no model scores the account now"
	case v.Health == nil || v.Health.Band == "" || v.Health.Band == v1alpha1.BandUnknown:
		return "the band is Unknown"
	}
	return ""
}

// scoreUnknown says why nothing can be said of the account's score; empty where something can.
func (v View) scoreUnknown() string {
	if why := v.unscored(); why != "" {
		return why
	}
	switch {
	case v.Health.Score == nil:
		return "the score is not known"
	case v.ScorePartial:
		return "part of the score is out because its source cannot be read"
	}
	return ""
}

// bandCondition holds while the account is in one of some bands, and came from one of some others where those are named.
func bandCondition(t v1alpha1.BandTrigger) condition {
	in, from := slices.Clone(t.In), slices.Clone(t.From)
	return func(v View) judgement {
		if why := v.unscored(); why != "" {
			return unknown("%s", why)
		}
		j := judgement{
			truth:  truthOf(slices.Contains(in, v.Health.Band)),
			reason: fmt.Sprintf("band is %s", v.Health.Band),
			reads:  []v1alpha1.NamedValue{named("health.band", string(v.Health.Band))},
		}
		if o := v.Health.Override; o != nil {
			j.reason += fmt.Sprintf(" (set by %s)", o.By)
		}
		if j.truth == False {
			j.reason += ", not " + orList(in)
		}
		if len(from) > 0 {
			j.comingFrom(v.Health.PreviousBand, from)
		}
		return j
	}
}

// comingFrom judges the band that the account was in before, as well.
func (j *judgement) comingFrom(previous v1alpha1.BandName, from []v1alpha1.BandName) {
	if previous == "" {
		if j.truth == True {
			j.truth = False
			j.reason += ", and no band is known before it"
		}
		return
	}
	j.reads = append(j.reads, named("health.previousBand", string(previous)))
	if j.truth == False {
		return
	}
	j.truth = truthOf(slices.Contains(from, previous))
	j.reason += ", from " + string(previous)
	if j.truth == False {
		j.reason += ", not from " + orList(from)
	}
}

// scoreCondition holds while the score is within bounds.
func scoreCondition(t v1alpha1.ScoreTrigger) condition {
	var b bounds
	if t.AtMost != nil {
		d := value.DecimalFromInt(int64(*t.AtMost))
		b.atMost = &d
	}
	if t.AtLeast != nil {
		d := value.DecimalFromInt(int64(*t.AtLeast))
		b.atLeast = &d
	}
	return func(v View) judgement {
		if why := v.scoreUnknown(); why != "" {
			return unknown("%s", why)
		}
		score := value.DecimalFromInt(int64(*v.Health.Score))
		j := b.judge("score", score)
		j.reads = []v1alpha1.NamedValue{named("health.score", score.String())}
		return j
	}
}

// renewalCondition holds from some time before the contract's renewal date until the date moves. Days are whole days of
// the time zone: daylight saving moves no reminder.
func renewalCondition(within time.Duration, written v1alpha1.Duration) condition {
	return func(v View) judgement {
		contract := v.Account.Spec.Contract
		if contract == nil || contract.RenewalDate == "" {
			return judgement{truth: False, reason: "the contract has no renewal date"}
		}
		date, err := value.ParseDate(contract.RenewalDate)
		if err != nil {
			return unknown("the contract's renewal date is not a date")
		}
		begins := date.Add(-within)
		from := value.DayIn(begins, v.location())
		day := date.Format(time.DateOnly)
		j := judgement{reads: []v1alpha1.NamedValue{named("account.spec.contract.renewalDate", day)}}
		today := v.Now.In(v.location()).Format(time.DateOnly)
		switch {
		case v.Now.Before(from):
			j.truth, j.next = False, from
			j.reason = fmt.Sprintf("renewal on %s is not within %s", day, written)
		case today > day:
			j.truth, j.reason = True, fmt.Sprintf("renewal on %s is past", day)
		default:
			j.truth, j.reason = True, fmt.Sprintf("renewal on %s is within %s", day, written)
		}
		return j
	}
}

// orList writes words as a person lists choices: A, B or C.
func orList[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " or " + parts[len(parts)-1]
}
