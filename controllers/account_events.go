package controllers

import (
	"fmt"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/score"
)

// tell records what changed about an account that people want to hear of: its model and its band.
func (r *AccountReconciler) tell(in *accountInput, previous, status *v1alpha1.AccountStatus) {
	if previous.Health == nil || status.Health == nil {
		return
	}
	before, after := score.ModelOf(previous.Health), score.ModelOf(status.Health)
	if before != after {
		recorder{r.Recorder}.normal(in.account, "ModelChanged", "Evaluate", "%s -> %s: %s", modelName(before), modelName(after), in.whyModelChanged(before, after))
	}
	if band := previous.Health.Band; band != "" && band != status.Health.Band {
		recorder{r.Recorder}.normal(in.account, "BandChanged", "Evaluate", "%s -> %s, %s%s",
			band, status.Health.Band, describeScore(status.Health), in.whoChangedBand(previous.Health, status.Health))
	}
}

// modelName names the model that scores an account, also where there is none.
func modelName(name string) string {
	if name == "" {
		return "no model"
	}
	return name
}

// whyModelChanged says why another model scores the account now, or none.
func (in *accountInput) whyModelChanged(before, after string) string {
	old := findModel(in.models, before)
	switch {
	case after == "" && account.Churned(in.account):
		return "the account is churned"
	case before == "":
		return in.why
	case old == nil:
		return before + " is gone"
	case old.selector == nil || !old.selector.Matches(in.account):
		return before + " does not select the account any more"
	case in.model == nil || in.model.selector == nil:
		return in.why
	default:
		return in.model.candidate().Before(old.candidate())
	}
}

func describeScore(h *v1alpha1.Health) string {
	if h.Score == nil {
		return "no score"
	}
	return "score " + itoa(*h.Score)
}

// whoChangedBand says so where it was not the score alone that changed the band, but a person's override.
func (in *accountInput) whoChangedBand(before, after *v1alpha1.Health) string {
	switch {
	case after.Override != nil:
		o := after.Override
		return fmt.Sprintf(", set by %s until %s: %s", o.By, day(o.Until), o.Reason)
	case before.Override == nil || score.ModelOf(after) == "":
		return ""
	case in.account.Spec.HealthOverride == nil:
		return fmt.Sprintf(", the override by %s was removed", before.Override.By)
	case in.overrideOver():
		return fmt.Sprintf(", the override by %s ended with %s", before.Override.By, day(in.account.Spec.HealthOverride.Until))
	default:
		return fmt.Sprintf(", the override by %s is of a band that the model has not", before.Override.By)
	}
}
