package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// judgement is what a condition finds of one account.
type judgement struct {
	truth  Truth
	reason string
	reads  []v1alpha1.NamedValue
	// next is when the answer may change by itself; zero is never.
	next time.Time
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

// bandCondition holds while the account is in one of some bands.
func bandCondition(t v1alpha1.BandTrigger) condition {
	bands := slices.Clone(t.In)
	return func(v View) judgement {
		if why := v.unscored(); why != "" {
			return unknown("%s", why)
		}
		j := judgement{
			truth:  truthOf(slices.Contains(bands, v.Health.Band)),
			reason: fmt.Sprintf("band is %s", v.Health.Band),
			reads:  []v1alpha1.NamedValue{named("health.band", string(v.Health.Band))},
		}
		if o := v.Health.Override; o != nil {
			j.reason += fmt.Sprintf(" (set by %s)", o.By)
		}
		if j.truth == False {
			j.reason += ", not " + orList(bands)
		}
		return j
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
		if why := v.unscored(); why != "" {
			return unknown("%s", why)
		}
		if v.Health.Score == nil {
			return unknown("the score is not known")
		}
		if v.ScorePartial {
			return unknown("part of the score is out because its source cannot be read")
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

// lifecycleCondition holds while the account is in one of some lifecycle stages.
func lifecycleCondition(t v1alpha1.LifecycleTrigger) condition {
	stages := slices.Clone(t.Stages)
	return func(v View) judgement {
		stage := account.Stage(v.Account)
		if stage == "" {
			return judgement{truth: False, reason: "the account has no lifecycle stage"}
		}
		j := judgement{
			truth:  truthOf(slices.Contains(stages, stage)),
			reason: fmt.Sprintf("lifecycle stage is %s", stage),
			reads:  []v1alpha1.NamedValue{named("account.spec.lifecycleStage", string(stage))},
		}
		if j.truth == False {
			j.reason += ", not " + orList(stages)
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
