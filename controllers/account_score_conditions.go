package controllers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxFault is how many characters of a model's fault each of its accounts repeats.
const maxFault = 300

// stalled reports whether the model that should score the account cannot: its health stays as it was.
func (in *accountInput) stalled() bool {
	return in.model != nil && in.model.err != nil && !account.Churned(in.account)
}

// modelApplied says which model scores the account and why that one, or why none does.
func (in *accountInput) modelApplied(c conditions, health *v1alpha1.Health) {
	reason, message := v1alpha1.ReasonNoModel, in.describeNoModel()
	switch {
	case account.Churned(in.account):
		reason, message = v1alpha1.ReasonChurned, "the account is churned: it is not scored, and no trigger fires on it"
	case in.stalled():
		stands := "health is as it was before"
		if score.ModelOf(health) == "" {
			stands = "health stays Unknown"
		}
		reason = v1alpha1.ReasonModelStalled
		message = fmt.Sprintf("HealthScoreModel %s is stalled, and %s: %s; it is the one for the account: %s",
			in.model.Name, stands, describeFault(in.model), in.why)
	case in.model != nil:
		c.set(v1alpha1.ConditionModelApplied, metav1.ConditionTrue, v1alpha1.ReasonModelApplied,
			fmt.Sprintf("scored by HealthScoreModel %s: %s", in.model.Name, in.why))
		return
	}
	c.set(v1alpha1.ConditionModelApplied, metav1.ConditionFalse, reason, message)
}

// describeNoModel says why no model scores the account, and what to do about it.
func (in *accountInput) describeNoModel() string {
	if len(in.models) == 0 {
		return "there is no HealthScoreModel in this namespace, so that nothing is scored: make one"
	}
	none := fmt.Sprintf("none of the %d HealthScoreModels in this namespace selects the account", len(in.models))
	if len(in.models) == 1 {
		none = fmt.Sprintf("HealthScoreModel %s, the only one in this namespace, does not select the account", in.models[0].Name)
	}
	var unreadable []string
	for i := range in.models {
		if in.models[i].selector == nil {
			unreadable = append(unreadable, in.models[i].Name)
		}
	}
	slices.Sort(unreadable)
	message := fmt.Sprintf("%s (%s): change a model's spec.accountSelector, or the account", none, describeSelectable(in.account))
	if len(unreadable) > 0 {
		message += "; the selector of " + atMostThree(unreadable) + " cannot be read"
	}
	return message
}

// describeSelectable names what selectors look at.
func describeSelectable(a *v1alpha1.Account) string {
	parts := []string{"no touchModel", "no lifecycleStage", "no labels"}
	if a.Spec.TouchModel != "" {
		parts[0] = "touchModel " + string(a.Spec.TouchModel)
	}
	if stage := account.Stage(a); stage != "" {
		parts[1] = "lifecycleStage " + string(stage)
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(a.Labels)) {
		labels = append(labels, key+"="+a.Labels[key])
	}
	if len(labels) > 0 {
		parts[2] = "labels " + atMostThree(labels)
	}
	return strings.Join(parts, ", ")
}

// describeFault says where the spec of a stalled model is wrong: the first place, in one line.
func describeFault(m *model) string {
	faults := []error{m.err}
	var several utilerrors.Aggregate
	if errors.As(m.err, &several) && len(several.Errors()) > 0 {
		faults = several.Errors()
	}
	text := faults[0].Error()
	var at *field.Error
	if errors.As(faults[0], &at) && at.Detail != "" {
		text = at.Field + ": " + at.Detail // The value is in the model, and may be long.
	}
	text, _, _ = strings.Cut(text, "\n")
	text = value.Shorten(text, maxFault)
	if more := len(faults) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more: kubectl describe hsm %s)", more, m.Name)
	}
	return text
}

// scorePartial says which measures are out of the score because what they read cannot be read.
func (in *accountInput) scorePartial(c conditions, health *v1alpha1.Health) {
	if in.stalled() {
		return // It is about a health that stays as it was.
	}
	var out []string
	if in.scored() {
		for _, name := range in.model.result.PartialMeasures(health) {
			out = append(out, name+in.describeSources(name))
		}
	}
	c.setIf(len(out) > 0, v1alpha1.ConditionScorePartial, v1alpha1.ReasonValuesTooOld,
		fmt.Sprintf("out of the score, because they cannot be read and have no last value that is young enough: %s; the band stands meanwhile", atMostThree(out)))
}

// describeSources names the sources that a measure of the account's model reads.
func (in *accountInput) describeSources(measure string) string {
	var sources []string
	for _, read := range in.model.result.ReadsAt() {
		if strings.HasPrefix(read.Path, "spec.measures["+measure+"].") {
			sources = append(sources, read.Ref.Source)
		}
	}
	slices.Sort(sources)
	if sources = slices.Compact(sources); len(sources) == 0 {
		return ""
	}
	return " (" + strings.Join(sources, ", ") + ")"
}

// healthOverridden says what has come of the account's override.
func (in *accountInput) healthOverridden(c conditions, health *v1alpha1.Health) {
	o := in.account.Spec.HealthOverride
	not := func(reason, format string, args ...any) {
		c.set(v1alpha1.ConditionHealthOverridden, metav1.ConditionFalse, reason, fmt.Sprintf(format, args...))
	}
	switch {
	case o == nil:
		c.remove(v1alpha1.ConditionHealthOverridden)
	case account.Churned(in.account):
		not(v1alpha1.ReasonChurned, "the account is churned: it is not scored, and has no band to override")
	case in.model == nil:
		not(v1alpha1.ReasonNoModel, "no HealthScoreModel scores the account, so that it has no band to override; see ModelApplied")
	case health.Override != nil:
		c.set(v1alpha1.ConditionHealthOverridden, metav1.ConditionTrue, v1alpha1.ReasonOverridden, describeOverride(health))
	case in.overrideOver():
		not(v1alpha1.ReasonExpired, "ended with %s; remove spec.healthOverride", day(o.Until))
	case in.stalled():
		not(v1alpha1.ReasonModelStalled, "HealthScoreModel %s is stalled: the override holds as soon as the model can be used", in.model.Name)
	default:
		not(v1alpha1.ReasonUnknownBand, "spec.healthOverride.band: model %s has no band %s; it has %s",
			in.model.Name, o.Band, joinBands(in.model.result.Bands()))
	}
}

// overrideOver reports whether the last day of the account's override is over.
func (in *accountInput) overrideOver() bool {
	end := score.OverrideEnd(in.account, in.location)
	return !end.IsZero() && !in.now.Before(end)
}

// describeOverride says what a person set, and what the score calls for.
func describeOverride(health *v1alpha1.Health) string {
	o := health.Override
	what := fmt.Sprintf("%s instead of %s", health.Band, o.ComputedBand)
	if health.Band == o.ComputedBand {
		what = fmt.Sprintf("%s, as the score says too,", health.Band)
	}
	return fmt.Sprintf("%s until %s, by %s: %s", what, day(o.Until), o.By, o.Reason)
}

// day writes a date without the time of day that kustomize gives it.
func day(d v1alpha1.Date) string {
	parsed, err := value.ParseDate(d)
	if err != nil {
		return string(d)
	}
	return parsed.Format(time.DateOnly)
}

func joinBands(bands []v1alpha1.BandName) string {
	names := make([]string, len(bands))
	for i, b := range bands {
		names[i] = string(b)
	}
	return strings.Join(names, ", ")
}
