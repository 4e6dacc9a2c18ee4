package playbook

import (
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// maxWorkingDays bounds a time in working days, which are counted one by one.
const maxWorkingDays = 3650 * value.Day

// stepTime checks when a step opens or is due.
func (c *compiler) stepTime(path *field.Path, t *v1alpha1.StepTime) {
	if t == nil {
		return
	}
	switch {
	case (t.After == "") == (t.Before == ""):
		c.invalid(path, field.OmitValueType{}, "either after or before")
	case t.Before != "" && !ofContract(t):
		c.invalid(path.Child("before"), string(t.Before), "needs of: ContractStart or Renewal; nobody knows beforehand when a step or a run begins")
	}
	c.days(path.Child("after"), t.After, t.Calendar)
	c.days(path.Child("before"), t.Before, t.Calendar)
}

// days reads a duration, which is whole days where working days count.
func (c *compiler) days(path *field.Path, d v1alpha1.Duration, count v1alpha1.DayCount) time.Duration {
	parsed := c.duration(path, d)
	switch {
	case count != v1alpha1.CountWorkingDays:
	case parsed%value.Day != 0:
		c.invalid(path, string(d), "not a whole number of days, such as 2d, which calendar: WorkingDays needs")
	case parsed > maxWorkingDays:
		c.invalid(path, string(d), "more than 3650 working days")
	}
	return parsed
}

// escalation checks the stages that an overdue task goes through.
func (c *compiler) escalation(path *field.Path, stages []v1alpha1.EscalationStage) {
	var last time.Duration
	for i, stage := range stages {
		at := path.Index(i)
		by := c.days(at.Child("overdueBy"), stage.OverdueBy, stage.Calendar)
		if i > 0 && by <= last {
			c.invalid(at.Child("overdueBy"), string(stage.OverdueBy), "not after the stage before it: write the earliest stage first")
		}
		last = by
		if stage.Assignee == "" && stage.Priority == "" {
			c.invalid(at, field.OmitValueType{}, "assignee, priority or both")
		}
		part := uncached.text(fieldAssignee, stage.Assignee)
		reads := part.reads
		switch {
		case part.err != nil:
			c.invalid(at.Child(fieldAssignee), field.OmitValueType{}, part.err.Error())
		case reads.Health || len(reads.Metrics)+len(reads.Measures)+len(reads.Outcomes) > 0:
			c.invalid(at.Child(fieldAssignee), stage.Assignee, "reads more than account: write a name, or an expression such as ${team('Manager')}")
		}
	}
}
