package playbook

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// entryWindow is for how long after an entry into a stage a run may start, where the trigger does not say.
const entryWindow = 7 * value.Day

// lifecycle compiles a lifecycle trigger.
func (c *compiler) lifecycle(path *field.Path, t v1alpha1.Trigger, compiled *trigger) {
	spec, at := t.Lifecycle, path.Child("lifecycle")
	if (len(spec.Stages) > 0) == (len(spec.Enters) > 0) {
		c.invalid(at, field.OmitValueType{}, "exactly one of stages and enters")
	}
	if slices.Contains(spec.Stages, v1alpha1.StageChurned) {
		c.invalid(at.Child("stages"), v1alpha1.StageChurned, "no trigger holds on a Churned account")
	}
	if slices.Contains(spec.Enters, v1alpha1.StageChurned) {
		c.invalid(at.Child("enters"), v1alpha1.StageChurned, "no trigger holds on a Churned account")
	}
	if spec.LongerThan != "" && len(spec.Stages) == 0 {
		c.invalid(at.Child("longerThan"), string(spec.LongerThan), "goes with stages")
	}
	if spec.Within != "" && len(spec.Enters) == 0 {
		c.invalid(at.Child("within"), string(spec.Within), "goes with enters")
	}
	if len(spec.Enters) == 0 {
		compiled.condition = stageCondition(spec.Stages, c.duration(at.Child("longerThan"), spec.LongerThan), spec.LongerThan)
		return
	}
	within, written := entryWindow, value.FormatDuration(entryWindow)
	if spec.Within != "" {
		within, written = c.positive(at.Child("within"), spec.Within), spec.Within
	}
	if t.For != "" && within > 0 && compiled.hold >= within {
		c.invalid(path.Child("for"), string(t.For), fmt.Sprintf("not shorter than the %s for which an entry holds: no run would start", written))
	}
	compiled.event = true
	compiled.condition = entryCondition(spec.Enters, within, written)
}

// stageCondition holds while the account is in one of some lifecycle stages, and has been for long enough where that is
// asked.
func stageCondition(stages []v1alpha1.LifecycleStage, longerThan time.Duration, written v1alpha1.Duration) condition {
	stages = slices.Clone(stages)
	return func(v View) judgement {
		j := stageIn(v, stages)
		if j.truth != True || longerThan == 0 {
			return j
		}
		since, ok := v.stageSince()
		if !ok {
			return unknown("since when the account is in its stage is not known")
		}
		j.reads = append(j.reads, sinceRead(since))
		j.reason += " since " + value.FormatTime(since)
		begins := since.Add(longerThan)
		if v.Now.Before(begins) {
			j.truth, j.next = False, begins
			j.reason += ", not for " + string(written) + " yet"
			return j
		}
		j.since = begins
		j.reason += ", for " + string(written) + " and more"
		return j
	}
}

// entryCondition holds for a while after the account came into one of some lifecycle stages.
func entryCondition(stages []v1alpha1.LifecycleStage, within time.Duration, written v1alpha1.Duration) condition {
	stages = slices.Clone(stages)
	return func(v View) judgement {
		j := stageIn(v, stages)
		if j.truth != True {
			return j
		}
		since, ok := v.stageSince()
		if !ok {
			return unknown("since when the account is in its stage is not known")
		}
		j.reads = append(j.reads, sinceRead(since))
		j.reason += " since " + value.FormatTime(since)
		ends := since.Add(within)
		if !v.Now.Before(ends) {
			j.truth = False
			j.reason += ", which is no entry within " + string(written)
			return j
		}
		j.since, j.next = since, ends
		return j
	}
}

// stageIn judges whether the account is in one of some lifecycle stages.
func stageIn(v View, stages []v1alpha1.LifecycleStage) judgement {
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

// stageSince returns since when the account is in its stage, as far as the operator has seen it.
func (v View) stageSince() (time.Time, bool) {
	if v.Lifecycle == nil || v.Lifecycle.Since == nil || v.Lifecycle.Stage != account.Stage(v.Account) {
		return time.Time{}, false
	}
	return seconds(v.Lifecycle.Since.Time), true
}

// sinceRead is since when the account is in its stage, where its status says so.
func sinceRead(since time.Time) v1alpha1.NamedValue {
	return named("account.status.lifecycle.since", value.FormatTime(since))
}
