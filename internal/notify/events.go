// Package notify says which events happened to accounts, runs and tasks, who wants to hear of them, and how they are
// written. It is pure: package send delivers them.
package notify

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// Event is something that happened to an object.
type Event struct {
	// Type of the event.
	Type v1alpha1.EventType
	// Detail in words, of what the object itself will not say any more.
	Detail string
}

// TaskEvents returns what happened to a task between two of its statuses.
func TaskEvents(before, after *v1alpha1.TaskStatus) []Event {
	var events []Event
	if playbook.AtWork(after.State) && before.OpenedTime == nil && after.OpenedTime != nil {
		events = append(events, Event{Type: v1alpha1.EventTaskOpened})
	}
	if !isOverdue(before) && isOverdue(after) {
		events = append(events, Event{Type: v1alpha1.EventTaskOverdue})
	}
	if e := after.Escalation; e != nil && (before.Escalation == nil || e.Stage > before.Escalation.Stage) {
		events = append(events, Event{Type: v1alpha1.EventTaskEscalated, Detail: escalated(e)})
	}
	if before.State != v1alpha1.TaskDone && after.State == v1alpha1.TaskDone {
		events = append(events, Event{Type: v1alpha1.EventTaskDone})
	}
	return events
}

func isOverdue(status *v1alpha1.TaskStatus) bool {
	return meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionOverdue)
}

// escalated says what a stage of an escalation did.
func escalated(e *v1alpha1.TaskEscalation) string {
	var did []string
	if e.Assignee != "" {
		did = append(did, "assignee "+e.Assignee)
	}
	if e.Priority != "" {
		did = append(did, "priority "+string(e.Priority))
	}
	text := fmt.Sprintf("stage %d", e.Stage)
	if len(did) > 0 {
		text += ": " + strings.Join(did, ", ")
	}
	return text
}

// RunEvents returns what happened to a run between two of its statuses.
func RunEvents(run *v1alpha1.PlaybookRun, before, after *v1alpha1.PlaybookRunStatus) []Event {
	var events []Event
	if before.State == "" && after.State != "" {
		events = append(events, Event{Type: v1alpha1.EventRunStarted})
	}
	switch {
	case before.ResolvedTime == nil && after.ResolvedTime != nil:
		events = append(events, Event{v1alpha1.EventRunResolved, "the condition that started it has cleared"})
	case playbook.OfEvent(run) && before.State != v1alpha1.RunCompleted && after.State == v1alpha1.RunCompleted:
		events = append(events, Event{v1alpha1.EventRunResolved, "its work was completed"})
	}
	return events
}

// AccountEvents returns what happened to an account between two of its statuses.
func AccountEvents(before, after *v1alpha1.AccountStatus) []Event {
	var events []Event
	if bandChanged(before.Health, after.Health) {
		events = append(events, Event{v1alpha1.EventHealthChanged, healthDetail(before.Health, after.Health)})
	}
	if churned(before, after) {
		was := "no stage"
		if before.Lifecycle != nil {
			was = cmp.Or(string(before.Lifecycle.Stage), was)
		}
		events = append(events, Event{v1alpha1.EventAccountChurned, was + " -> " + string(v1alpha1.StageChurned)})
	}
	// Without a contract before, this may be the first time that it is seen.
	if before.Contract != nil {
		if detail := contractDetail(before.Contract, after.Contract); detail != "" {
			events = append(events, Event{v1alpha1.EventContractChanged, detail})
		}
	}
	return events
}

// bandChanged reports whether an account is in another band. The first known one is no change.
func bandChanged(before, after *v1alpha1.Health) bool {
	if before == nil || after == nil || before.Band == "" || before.Band == after.Band {
		return false
	}
	wasKnown := before.Band != v1alpha1.BandUnknown || before.LastBand != "" || before.PreviousBand != ""
	return wasKnown
}

// healthDetail says which band became which, and why where a person said so.
func healthDetail(before, after *v1alpha1.Health) string {
	text := fmt.Sprintf("%s -> %s", before.Band, after.Band)
	if after.Score != nil {
		text += fmt.Sprintf(", score %d", *after.Score)
	}
	if o := after.Override; o != nil {
		text += fmt.Sprintf(", set by %s: %s", o.By, o.Reason)
	}
	return text
}

// churned reports whether an account came into the stage Churned from one that the operator saw it in, or from none.
// A status that says nothing of a stage is of an account that has none, unless it says that it is churned elsewhere.
func churned(before, after *v1alpha1.AccountStatus) bool {
	if after.Lifecycle == nil || after.Lifecycle.Stage != v1alpha1.StageChurned {
		return false
	}
	if before.Lifecycle != nil {
		return before.Lifecycle.Stage != v1alpha1.StageChurned
	}
	applied := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionModelApplied)
	return applied != nil && applied.Reason != v1alpha1.ReasonChurned
}

// contractDetail names what changed in a contract, with the old and the new value; empty: nothing.
func contractDetail(before, after *v1alpha1.Contract) string {
	if after == nil {
		after = &v1alpha1.Contract{}
	}
	var changes []string
	change := func(field, was, is string) {
		if was != is {
			changes = append(changes, fmt.Sprintf("%s %s -> %s", field, cmp.Or(was, "none"), cmp.Or(is, "none")))
		}
	}
	change("arr", number(before.ARR), number(after.ARR))
	change("renewalDate", day(before.RenewalDate), day(after.RenewalDate))
	change("plan", before.Plan, after.Plan)
	change("seats", number(before.Seats), number(after.Seats))
	change("startDate", day(before.StartDate), day(after.StartDate))
	return strings.Join(changes, ", ")
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

// day is a date without the time of day that some tools add to it.
func day(d v1alpha1.Date) string { return string(d[:min(len(d), len(time.DateOnly))]) }
