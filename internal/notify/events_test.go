package notify

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

var (
	noon   = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	atNoon = &metav1.Time{Time: noon}
)

// is returns a list with one condition that is True.
func is(conditionType string) []metav1.Condition {
	return []metav1.Condition{{Type: conditionType, Status: metav1.ConditionTrue}}
}

func TestTaskEvents(t *testing.T) {
	open := v1alpha1.TaskStatus{State: v1alpha1.TaskOpen, OpenedTime: atNoon}
	overdue := open
	overdue.Conditions = is(v1alpha1.ConditionOverdue)
	stage := func(n int32, assignee string, p v1alpha1.Priority) v1alpha1.TaskStatus {
		s := overdue
		s.Escalation = &v1alpha1.TaskEscalation{Stage: n, Time: *atNoon, Assignee: assignee, Priority: p}
		return s
	}
	done := v1alpha1.TaskStatus{State: v1alpha1.TaskDone, OpenedTime: atNoon, EndedTime: atNoon}
	tests := map[string]struct {
		before, after v1alpha1.TaskStatus
		want          []Event
	}{
		"a task that is made open":               {v1alpha1.TaskStatus{}, open, []Event{{Type: v1alpha1.EventTaskOpened}}},
		"a task that is made to wait":            {v1alpha1.TaskStatus{}, v1alpha1.TaskStatus{State: v1alpha1.TaskBlocked}, nil},
		"a task whose time comes":                {v1alpha1.TaskStatus{State: v1alpha1.TaskBlocked}, open, []Event{{Type: v1alpha1.EventTaskOpened}}},
		"a task that a person begins early":      {v1alpha1.TaskStatus{State: v1alpha1.TaskBlocked}, v1alpha1.TaskStatus{State: v1alpha1.TaskInProgress, OpenedTime: atNoon}, []Event{{Type: v1alpha1.EventTaskOpened}}},
		"a task that is put off before its time": {v1alpha1.TaskStatus{State: v1alpha1.TaskBlocked}, v1alpha1.TaskStatus{State: v1alpha1.TaskSnoozed, OpenedTime: atNoon}, []Event{{Type: v1alpha1.EventTaskOpened}}},
		"a task whose snooze is over":            {v1alpha1.TaskStatus{State: v1alpha1.TaskSnoozed, OpenedTime: atNoon}, open, nil},
		"a task that is opened again":            {done, open, nil},
		"a task that is done again":              {open, done, []Event{{Type: v1alpha1.EventTaskDone}}},
		"a task that is begun":                   {open, v1alpha1.TaskStatus{State: v1alpha1.TaskInProgress, OpenedTime: atNoon}, nil},
		"nothing":                                {overdue, overdue, nil},
		"a task that becomes overdue":            {open, overdue, []Event{{Type: v1alpha1.EventTaskOverdue}}},
		"a task that is not overdue any more":    {overdue, open, nil},
		"the first stage":                        {overdue, stage(1, "lead@example.com", v1alpha1.PriorityUrgent), []Event{{v1alpha1.EventTaskEscalated, "stage 1: assignee lead@example.com, priority Urgent"}}},
		"the next stage":                         {stage(1, "a", ""), stage(2, "", v1alpha1.PriorityUrgent), []Event{{v1alpha1.EventTaskEscalated, "stage 2: priority Urgent"}}},
		"the same stage":                         {stage(2, "a", ""), stage(2, "a", ""), nil},
		"an escalation that is over":             {stage(2, "a", ""), overdue, nil},
		"a task that is overdue and escalated":   {open, stage(1, "", ""), []Event{{Type: v1alpha1.EventTaskOverdue}, {v1alpha1.EventTaskEscalated, "stage 1"}}},
		"a task that is done":                    {overdue, done, []Event{{Type: v1alpha1.EventTaskDone}}},
		"a task that is canceled":                {open, v1alpha1.TaskStatus{State: v1alpha1.TaskCanceled, OpenedTime: atNoon}, nil},
		"a task that is done before it was open": {v1alpha1.TaskStatus{State: v1alpha1.TaskBlocked}, v1alpha1.TaskStatus{State: v1alpha1.TaskDone}, []Event{{Type: v1alpha1.EventTaskDone}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, TaskEvents(&test.before, &test.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunEvents(t *testing.T) {
	type status = v1alpha1.PlaybookRunStatus
	active, resolved := status{State: v1alpha1.RunActive}, status{State: v1alpha1.RunActive, ResolvedTime: atNoon}
	completed := status{State: v1alpha1.RunCompleted, EndedTime: atNoon}
	ofEvent := v1alpha1.PlaybookRunSpec{TriggerType: v1alpha1.TriggerEvent}
	started := Event{Type: v1alpha1.EventRunStarted}
	cleared := Event{v1alpha1.EventRunResolved, "the condition that started it has cleared"}
	tests := map[string]struct {
		spec          v1alpha1.PlaybookRunSpec
		before, after status
		want          []Event
	}{
		"a new run":             {after: active, want: []Event{started}},
		"nothing":               {before: active, after: active},
		"its condition clears":  {before: active, after: resolved, want: []Event{cleared}},
		"it has cleared before": {before: resolved, after: status{State: v1alpha1.RunCompleted, ResolvedTime: atNoon}},
		"it is completed while its condition holds":  {before: active, after: completed},
		"the work of an event is completed":          {spec: ofEvent, before: active, after: completed, want: []Event{{v1alpha1.EventRunResolved, "its work was completed"}}},
		"the work of a period is completed":          {spec: v1alpha1.PlaybookRunSpec{Period: "2026-11-02"}, before: active, after: completed, want: []Event{{v1alpha1.EventRunResolved, "its work was completed"}}},
		"the work of an event is taken up again":     {spec: ofEvent, before: completed, after: active},
		"the work of an event is completed again":    {spec: ofEvent, before: status{State: v1alpha1.RunActive, Conditions: is(v1alpha1.ConditionReady)}, after: completed, want: []Event{{v1alpha1.EventRunResolved, "its work was completed"}}},
		"the work of an event is canceled":           {spec: ofEvent, before: active, after: status{State: v1alpha1.RunCanceled}},
		"the work of an event was completed before":  {spec: ofEvent, before: completed, after: completed},
		"a new run whose condition has cleared soon": {after: resolved, want: []Event{started, cleared}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			run := &v1alpha1.PlaybookRun{Spec: test.spec}
			if diff := cmp.Diff(test.want, RunEvents(run, &test.before, &test.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccountEvents(t *testing.T) {
	type status = v1alpha1.AccountStatus
	in := func(band, last v1alpha1.BandName, score *int32) status {
		return status{Health: &v1alpha1.Health{Band: band, LastBand: last, Score: score}}
	}
	byHand := in("Critical", "Healthy", ptr.To[int32](90))
	byHand.Health.Override = &v1alpha1.AppliedOverride{By: "jo@example.com", Reason: "sponsor left"}
	stage := func(s v1alpha1.LifecycleStage) status {
		return status{Lifecycle: &v1alpha1.LifecycleStatus{Stage: s}}
	}
	seen := func(reason string) status {
		return status{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionModelApplied, Reason: reason}}}
	}
	with := func(c *v1alpha1.Contract) status { return status{Contract: c} }
	contract := &v1alpha1.Contract{ARR: ptr.To[int64](100), RenewalDate: "2027-02-01", Plan: "Team"}
	churned := func(detail string) []Event { return []Event{{v1alpha1.EventAccountChurned, detail}} }
	tests := map[string]struct {
		before, after status
		want          []Event
	}{
		"another band":                                 {in("Healthy", "", ptr.To[int32](71)), in("AtRisk", "Healthy", ptr.To[int32](61)), []Event{{v1alpha1.EventHealthChanged, "Healthy -> AtRisk, score 61"}}},
		"a person's band":                              {in("Healthy", "", ptr.To[int32](90)), byHand, []Event{{v1alpha1.EventHealthChanged, "Healthy -> Critical, score 90, set by jo@example.com: sponsor left"}}},
		"a band that becomes unknown":                  {in("Healthy", "", ptr.To[int32](71)), in("Unknown", "Healthy", nil), []Event{{v1alpha1.EventHealthChanged, "Healthy -> Unknown"}}},
		"a band that is known again":                   {in("Unknown", "Healthy", nil), in("Healthy", "Healthy", ptr.To[int32](71)), []Event{{v1alpha1.EventHealthChanged, "Unknown -> Healthy, score 71"}}},
		"the first band":                               {status{}, in("Healthy", "", ptr.To[int32](71)), nil},
		"the first band that is known":                 {in("Unknown", "", nil), in("Healthy", "", ptr.To[int32](71)), nil},
		"another score":                                {in("Healthy", "", ptr.To[int32](71)), in("Healthy", "", ptr.To[int32](91)), nil},
		"an account that churned":                      {stage("Adoption"), stage("Churned"), churned("Adoption -> Churned")},
		"an account without a stage that churned":      {stage(""), stage("Churned"), churned("no stage -> Churned")},
		"an account that never had a stage":            {seen(v1alpha1.ReasonModelApplied), stage("Churned"), churned("no stage -> Churned")},
		"an account that is first seen churned":        {status{}, stage("Churned"), nil},
		"an account of which only that was remembered": {seen(v1alpha1.ReasonChurned), stage("Churned"), nil},
		"an account that stays churned":                {stage("Churned"), stage("Churned"), nil},
		"an account that comes back":                   {stage("Churned"), stage("Adoption"), nil},
		"a contract that is first seen":                {status{}, with(contract), nil},
		"the same contract":                            {with(contract), with(&v1alpha1.Contract{ARR: ptr.To[int64](100), RenewalDate: "2027-02-01T00:00:00Z", Plan: "Team"}), nil},
		"another contract": {with(contract), with(&v1alpha1.Contract{ARR: ptr.To[int64](0), RenewalDate: "2028-02-01", Plan: "Team", Seats: ptr.To[int64](5), StartDate: "2026-01-01"}), []Event{
			{v1alpha1.EventContractChanged, "arr 100 -> 0, renewalDate 2027-02-01 -> 2028-02-01, seats none -> 5, startDate none -> 2026-01-01"},
		}},
		"no contract any more": {with(contract), status{}, []Event{{v1alpha1.EventContractChanged, "arr 100 -> none, renewalDate 2027-02-01 -> none, plan Team -> none"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, AccountEvents(&test.before, &test.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
