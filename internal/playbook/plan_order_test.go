package playbook_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// A step that is skipped leaves the order of the others as it was.
func TestAStepAfterOneThatIsSkippedWaitsForThoseBeforeBoth(t *testing.T) {
	passed := &v1alpha1.StepTime{Before: "90d", Of: v1alpha1.PointRenewal}
	j := newJob(t,
		v1alpha1.PlaybookStep{Name: "ask", Title: "Ask"},
		v1alpha1.PlaybookStep{Name: "early", Title: "Early", After: []v1alpha1.StepName{"ask"}, Opens: passed, IfPast: v1alpha1.IfPastSkip},
		v1alpha1.PlaybookStep{Name: "also", Title: "Also early", After: []v1alpha1.StepName{"early"}, Opens: passed, IfPast: v1alpha1.IfPastSkip},
		v1alpha1.PlaybookStep{Name: "offer", Title: "Offer", After: []v1alpha1.StepName{"also"}},
	)
	j.within("", "2026-12-02")
	j.carryOut()
	j.wantSteps(v1alpha1.RunActive, v1alpha1.StepOpen, v1alpha1.StepSkipped, v1alpha1.StepSkipped, v1alpha1.StepWaiting)
	j.set("ask", func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkDone })
	j.carryOut()
	j.wantSteps(v1alpha1.RunActive, v1alpha1.StepDone, v1alpha1.StepSkipped, v1alpha1.StepSkipped, v1alpha1.StepOpen)
}
