package cli

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// People are people without an @ too, also those whom the change names first; and HP is a customer whom everybody knows.
func TestRedactedPlansNameNobodyWithAShortName(t *testing.T) {
	hp := &v1alpha1.Account{Spec: v1alpha1.AccountSpec{DisplayName: "HP", Owner: "jo"}}
	hp.Name = "hp"
	hp.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Critical", Reason: "x", By: "override-author", Until: "2026-12-01"}
	hp.Spec.Measurements = []v1alpha1.Measurement{{Name: "pulse", Value: "1", By: "measure-author"}}
	task := &v1alpha1.Task{}
	task.Spec.AccountRef.Name, task.Spec.Assignee, task.Status.Assignee = "hp", "task-assignee", "task-assignee"
	p := threeChanges()
	p.Config[0].Fields = []preview.FieldChange{
		{Path: "spec.steps[call].title", Before: "Call", After: "Call HP first"},
		{Path: "spec.steps[call].assignee", Before: "task-assignee", After: "new.colleague"},
		{Path: "spec.steps[call].description", Before: "Ask override-author", After: "Ask measure-author"},
	}
	r := newPlanReport(p, "the operator")
	r = newRedactor(r, &fleet.World{Accounts: []*v1alpha1.Account{hp}, Tasks: []*v1alpha1.Task{task}}, nil).report(r)
	for _, form := range []string{formatTable, formatWide, formatMarkdown, formatJSON} {
		out := inForm(t, r, form)
		for _, secret := range []string{"HP", "task-assignee", "new.colleague", "override-author", "measure-author"} {
			if strings.Contains(out, secret) {
				t.Errorf("-o %s shows %s", form, secret)
			}
		}
	}
}
