package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// planFill makes the accounts that the sets of a world of files have made, for a plan without a cluster. What a set cannot
// make is left out: it is not there with the change either, or it is the change's doing.
func planFill(w *fleet.World, now time.Time) error {
	var names []string
	for _, set := range w.AccountSets {
		names = append(names, set.Name)
	}
	for _, set := range w.AccountSets {
		template, err := accountset.Compile(set.Spec.Template)
		if err != nil || set.Spec.Suspend {
			continue
		}
		rows, complete := w.Sources.Rows(set.Spec.SourceRef.Name)
		if !complete {
			continue
		}
		in := accountset.Input{Set: set, Rows: rows, Sets: names, Now: now, Location: w.Location}
		for _, a := range w.Accounts {
			in.Accounts = append(in.Accounts, *a)
		}
		plan := template.Plan(in)
		for i := range plan.Changes {
			made, err := plan.Changes[i].Apply(w.Namespace, planAccountOf(w, plan.Changes[i].Name), now)
			if err != nil {
				return err
			}
			w.Accounts = slices.DeleteFunc(w.Accounts, func(a *v1alpha1.Account) bool { return a.Name == plan.Changes[i].Name })
			if made != nil {
				w.Accounts = append(w.Accounts, made)
			}
		}
		// From here on its guard is awake.
		set.Status.Filled, set.Status.Accounts = true, int32(plan.Accounts+len(plan.Changes))
	}
	slices.SortFunc(w.Accounts, func(a, b *v1alpha1.Account) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// planAccountOf returns an account of a world; nil where there is none of this name.
func planAccountOf(w *fleet.World, name string) *v1alpha1.Account {
	if i := slices.IndexFunc(w.Accounts, func(a *v1alpha1.Account) bool { return a.Name == name }); i >= 0 {
		return w.Accounts[i]
	}
	return nil
}
