package playbook

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// The moments that a status can hold: it writes years with four digits, and the very first one as none.
var (
	firstMoment = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// written is a moment as a status holds it.
func written(t time.Time) *metav1.Time {
	switch t = seconds(t); {
	case t.Before(firstMoment):
		t = firstMoment
	case t.After(lastMoment):
		t = lastMoment
	}
	return &metav1.Time{Time: t}
}

// runStart is when the run began.
func (p *planner) runStart() time.Time {
	if p.run.CreationTimestamp.IsZero() {
		return p.now
	}
	return seconds(p.run.CreationTimestamp.Time)
}

// moment returns when a time of a step is, counted from the moment at which the step was ready, or its task opened, where
// it counts from that. It is nil while that has not come, and where the contract does not have the date.
func (p *planner) moment(t *v1alpha1.StepTime, ready *metav1.Time) *metav1.Time {
	d := value.DurationOr(t.After, 0)
	if t.Before != "" {
		d = -value.DurationOr(t.Before, 0)
	}
	switch t.Of {
	case v1alpha1.PointRunStart:
		return written(p.calendar.after(p.runStart(), d, t.Calendar))
	case v1alpha1.PointContractStart, v1alpha1.PointRenewal:
		day, known := p.contractDay(t.Of)
		switch {
		case !known:
			return nil
		case t.Calendar == v1alpha1.CountWorkingDays:
			return written(p.calendar.after(value.DayIn(day, p.calendar.location), d, t.Calendar))
		}
		return written(p.calendar.fromDay(day, d))
	}
	if ready == nil {
		return nil
	}
	return written(p.calendar.after(ready.Time, d, t.Calendar))
}

// ofContract reports whether a time of a step counts from a date of the contract.
func ofContract(t *v1alpha1.StepTime) bool {
	return t != nil && (t.Of == v1alpha1.PointContractStart || t.Of == v1alpha1.PointRenewal)
}

// contractDay returns a date of the account's contract as a midnight in UTC; false where it has none.
func (p *planner) contractDay(point v1alpha1.StepPoint) (time.Time, bool) {
	contract := p.account.Spec.Contract
	if contract == nil {
		return time.Time{}, false
	}
	date := contract.RenewalDate
	if point == v1alpha1.PointContractStart {
		date = contract.StartDate
	}
	day, err := value.ParseDate(date)
	return day, err == nil
}

// noteDates says which dates a step counts from and the contract does not have. A due time that a person set counts from
// nothing.
func (p *planner) noteDates(s *v1alpha1.PlaybookStep, task *v1alpha1.Task) {
	p.noteDate(s, s.Opens, "opens", "opens at the time that it had, else when the steps before it are finished")
	if task == nil || task.Spec.DueTime == nil {
		p.noteDate(s, s.Due, "due", "keeps the due time that it had, if any")
	}
}

func (p *planner) noteDate(s *v1alpha1.PlaybookStep, t *v1alpha1.StepTime, field, otherwise string) {
	if !ofContract(t) {
		return
	}
	if _, known := p.contractDay(t.Of); known {
		return
	}
	date := "renewalDate"
	if t.Of == v1alpha1.PointContractStart {
		date = "startDate"
	}
	p.plan.DatesUnknown = append(p.plan.DatesUnknown, fmt.Sprintf("steps[%s].%s counts from %s: set spec.contract.%s of account %s; until then the task %s",
		s.Name, field, t.Of, date, p.account.Name, otherwise))
}

// past reports whether a step is left out because its time was over before the day on which the run began: a run that a date
// starts begins a moment after that day does, and a step may open on the same day. That is decided when the run is first
// planned; what becomes of the date later changes nothing.
func (p *planner) past(s *v1alpha1.PlaybookStep) bool {
	if _, planned := p.before[s.Name]; planned || s.IfPast != v1alpha1.IfPastSkip || s.Opens == nil {
		return false
	}
	at := p.moment(s.Opens, nil)
	return at != nil && at.Time.Before(value.StartOfDay(p.runStart(), p.calendar.location))
}

// opensTime is when a task's time comes; nil where its step does not say so, and while nobody knows. It moves until the
// task opens, and stays where its date goes away.
func (p *planner) opensTime(s *v1alpha1.PlaybookStep, before *v1alpha1.TaskStatus, ready *metav1.Time) *metav1.Time {
	if s.Opens == nil {
		return nil
	}
	at := p.moment(s.Opens, ready)
	if before.OpenedTime != nil || at == nil && ofContract(s.Opens) {
		return before.OpensTime.DeepCopy()
	}
	return at
}

// openedTime is when a task was first free to be done: when its step was ready and its time had come, or when somebody
// began it before that. A time that moved into the past is one that came just now.
func openedTime(before, status *v1alpha1.TaskStatus, ready *metav1.Time, now time.Time) *metav1.Time {
	switch {
	case status.OpenedTime != nil:
		return status.OpenedTime
	case !AtWork(status.State):
		return nil
	case ready == nil:
		return &metav1.Time{Time: now}
	case status.OpensTime == nil || !ready.Before(status.OpensTime):
		return ready.DeepCopy()
	case status.OpensTime.After(now), before.State == v1alpha1.TaskBlocked && before.OpensTime != nil && !before.OpensTime.Equal(status.OpensTime):
		return &metav1.Time{Time: now}
	}
	return status.OpensTime.DeepCopy()
}

// endedTime is when a task was first seen done or canceled; nil while it is neither.
func endedTime(status *v1alpha1.TaskStatus, now time.Time) *metav1.Time {
	switch {
	case !Ended(status.State):
		return nil
	case status.EndedTime != nil:
		return status.EndedTime
	}
	return &metav1.Time{Time: now}
}

// dueTime is when a task is due: a person's word, else what the step says; nil where neither does, or while the task is
// not open. What counts from the opening counts from the one that the task itself remembers, so that it never moves; what
// counts from a date of the contract moves with it until the task is over, and stays where the date goes away.
func (p *planner) dueTime(s *v1alpha1.PlaybookStep, task *v1alpha1.Task, status *v1alpha1.TaskStatus) *metav1.Time {
	if task.Spec.DueTime != nil {
		return task.Spec.DueTime.DeepCopy()
	}
	if s.Due == nil {
		return nil
	}
	at := p.moment(s.Due, status.OpenedTime)
	if before := task.Status.DueTime; ofContract(s.Due) && before != nil && (at == nil || Ended(status.State)) {
		return before.DeepCopy()
	}
	return at
}
