package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Playbook says when to act on an account, and with which tasks.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pb,categories=perennial
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.activeRuns`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.heldRuns`
// +kubebuilder:printcolumn:name="Last Triggered",type=date,JSONPath=`.status.lastTriggeredTime`
// +kubebuilder:printcolumn:name="Resolved",type=integer,priority=1,JSONPath=`.status.results.resolved`
// +kubebuilder:printcolumn:name="Overdue",type=integer,priority=1,JSONPath=`.status.results.overdueTasks`
// +kubebuilder:printcolumn:name="Days To Resolve",type=string,priority=1,JSONPath=`.status.results.medianDaysToResolve`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,priority=1,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Playbook struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the playbook.
	// +required
	Spec PlaybookSpec `json:"spec"`

	// status is what it started.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PlaybookStatus `json:"status,omitempty"`
}

// PlaybookList is a list of playbooks.
//
// +kubebuilder:object:root=true
type PlaybookList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Playbook `json:"items"`
}

// ExistingPolicy says what a playbook does about conditions that held before it first saw the account.
//
// +kubebuilder:validation:Enum=Start;Ignore
type ExistingPolicy string

// What a playbook does about conditions that held already.
const (
	// ExistingStart starts an episode.
	ExistingStart ExistingPolicy = "Start"
	// ExistingIgnore waits until the condition has cleared once.
	ExistingIgnore ExistingPolicy = "Ignore"
)

// RepeatPolicy says whether a playbook starts again while its condition stays true.
//
// +kubebuilder:validation:Enum=Never;AfterCooldown
type RepeatPolicy string

// Whether a playbook starts again while its condition stays true.
const (
	// RepeatNever waits until the condition has cleared once.
	RepeatNever RepeatPolicy = "Never"
	// RepeatAfterCooldown starts again when the work has ended and the cooldown has passed.
	RepeatAfterCooldown RepeatPolicy = "AfterCooldown"
)

// ResolvePolicy says what happens to open tasks when the condition clears.
//
// +kubebuilder:validation:Enum=CancelUntouched;KeepTasks
type ResolvePolicy string

// What happens to open tasks when the condition clears.
const (
	// ResolveCancelUntouched cancels the tasks that nobody has touched.
	ResolveCancelUntouched ResolvePolicy = "CancelUntouched"
	// ResolveKeepTasks leaves the work to people.
	ResolveKeepTasks ResolvePolicy = "KeepTasks"
)

// PlaybookSpec says when to act, and with which tasks.
//
// +kubebuilder:validation:XValidation:rule="!has(self.repeat) || self.repeat == 'Never' || has(self.cooldown)",message="cooldown: needed with repeat: AfterCooldown"
// +kubebuilder:validation:XValidation:rule="self.steps.all(s, !has(s.after) || s.after.all(a, a != s.name && self.steps.exists(o, o.name == a)))",message="steps: after names a step that does not exist, or the step itself"
type PlaybookSpec struct {
	// accountSelector chooses the accounts that this playbook watches. Empty: all but Churned ones.
	// +optional
	AccountSelector AccountSelector `json:"accountSelector,omitempty"`

	// suspend starts nothing new; work in flight goes on.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// triggers are the conditions that start an episode; any one of them does.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Triggers []Trigger `json:"triggers"`

	// existing says what to do about a condition that held already when the playbook first saw the account: Start (the
	// default) or Ignore it until it has cleared once. An account that is made later is first seen then.
	// +optional
	Existing ExistingPolicy `json:"existing,omitempty"`

	// repeat says whether to start again while the condition stays true: Never (the default) or AfterCooldown.
	// +optional
	Repeat RepeatPolicy `json:"repeat,omitempty"`

	// cooldown is how long after the work of an episode has ended the next one may start.
	// +optional
	Cooldown Duration `json:"cooldown,omitempty"`

	// onResolve says what happens to open tasks when the condition clears: CancelUntouched (the default) or KeepTasks.
	// +optional
	OnResolve ResolvePolicy `json:"onResolve,omitempty"`

	// inhibitedBy are playbooks that keep this one from starting: none of its runs starts on an account on which one of
	// them has an open run, or is about to start one. It starts when they have ended, if its condition still holds.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	InhibitedBy []string `json:"inhibitedBy,omitempty"`

	// limits hold runs back when many accounts need one at once; the largest ARR goes first. Without it the defaults hold.
	// +optional
	Limits *PlaybookLimits `json:"limits,omitempty"`

	// historyLimit is how many finished runs of this playbook are kept for each account, with their tasks; 3 if unset.
	// Older ones are deleted, a day after their start at the earliest, once every notifier has what it is to be told of
	// them, or a week after their end. A deleted run changes nothing that starts.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	HistoryLimit *int32 `json:"historyLimit,omitempty"`

	// calendar says which days are working days, for steps that count in them. Without it Monday to Friday, in the
	// operator's time zone.
	// +optional
	Calendar *WorkCalendar `json:"calendar,omitempty"`

	// steps are the tasks of a run.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Steps []PlaybookStep `json:"steps"`
}

// PlaybookLimits hold runs back when many accounts need one at once.
type PlaybookLimits struct {
	// activeRuns is the highest number of runs with open work; 200 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ActiveRuns *int32 `json:"activeRuns,omitempty"`

	// newRunsPerDay is the highest number of runs that start within 24 hours; 50 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	NewRunsPerDay *int32 `json:"newRunsPerDay,omitempty"`
}

// The limits of a playbook that sets none.
const (
	DefaultActiveRuns    = 200
	DefaultNewRunsPerDay = 50
	DefaultHistoryLimit  = 3
)

// Weekday is a day of the week.
//
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type Weekday string

// WorkCalendar says which days are working days.
type WorkCalendar struct {
	// timeZone in which days begin, for example Europe/Berlin; the operator's --time-zone if unset.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`

	// weekend are the days of the week on which nobody works; Saturday and Sunday if unset.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	Weekend []Weekday `json:"weekend,omitempty"`

	// holidays are other days on which nobody works, each "2026-12-25".
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	Holidays []Date `json:"holidays,omitempty"`
}

// Priority is how urgent a task is.
//
// +kubebuilder:validation:Enum=Low;Medium;High;Urgent
type Priority string

// The priorities.
const (
	PriorityLow    Priority = "Low"
	PriorityMedium Priority = "Medium"
	PriorityHigh   Priority = "High"
	PriorityUrgent Priority = "Urgent"
)

// Outcome is how a task ended.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
type Outcome string

// StepName is the name of a playbook's step: lower case, digits, dashes and underscores. Expressions read
// outcomes['<step>'].
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:Pattern=`^[a-z]([a-z0-9_-]*[a-z0-9])?$`
type StepName string

// ChecklistText is one line of a checklist.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type ChecklistText string

// InputText is one value of a step's input.
//
// +kubebuilder:validation:MaxLength=1024
type InputText string

// PlaybookStep is one task of a run.
type PlaybookStep struct {
	// name of the step, unique in the playbook. Expressions read its outcome as outcomes['name'].
	// +required
	Name StepName `json:"name"`

	// title of the task. ${expression} is filled in: metrics, measures, health, account, outcomes; $${ is a literal ${.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Title string `json:"title"`

	// description of the task, with ${expression} as in title.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Description string `json:"description,omitempty"`

	// assignee of the task, with ${expression} as in title: for example ${team('AccountExecutive')}. The account's owner
	// where it is unset or gives nobody. A task that nobody has begun follows a change of the owner, and of the team.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Assignee string `json:"assignee,omitempty"`

	// priority of the task: Low, Medium (the default), High or Urgent.
	// +optional
	Priority Priority `json:"priority,omitempty"`

	// after are the steps that must be finished first. A step that was skipped counts as finished.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	After []StepName `json:"after,omitempty"`

	// when is a CEL expression, evaluated once the steps in after are finished; where it is not true, the step is
	// skipped. It reads what title reads. A step that was skipped has no outcome: ask has(outcomes.triage) first.
	// +optional
	When Expression `json:"when,omitempty"`

	// opens says when the task's time comes, where that is later than the end of the steps in after. Until then it is
	// Blocked. It moves when the date that it is counted from moves; a task that was open stays so.
	// +optional
	Opens *StepTime `json:"opens,omitempty"`

	// ifPast says what happens to a step whose time to open was over before the run began: Open (the default) or Skip.
	// +optional
	IfPast IfPastPolicy `json:"ifPast,omitempty"`

	// due says when the task is due. It moves when the date that it is counted from moves.
	// +optional
	Due *StepTime `json:"due,omitempty"`

	// doneWhen is a CEL expression that closes the task by itself once it is true, for example metrics.usage.wau > 10. It
	// reads what title reads. A task that it closed stays closed.
	// +optional
	DoneWhen Expression `json:"doneWhen,omitempty"`

	// outcomes from which the person who finishes the task chooses. Where they are given, Done needs one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Outcomes []Outcome `json:"outcomes,omitempty"`

	// checklist of the task.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Checklist []ChecklistText `json:"checklist,omitempty"`

	// input of the task, for an agent or a tool that is its assignee. Values hold ${expression} as in title.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Input map[string]InputText `json:"input,omitempty"`

	// escalation are the stages that an overdue task goes through, the earliest first. A person's later word on assignee
	// or priority beats them. A snoozed task does not escalate.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	Escalation []EscalationStage `json:"escalation,omitempty"`
}

// StepPoint is a moment that a time of a step counts from.
//
// +kubebuilder:validation:Enum=StepReady;RunStart;ContractStart;Renewal
type StepPoint string

// The moments that a time of a step counts from.
const (
	// PointStepReady is when the steps before are finished; for due, when the task opened.
	PointStepReady StepPoint = "StepReady"
	// PointRunStart is when the run began.
	PointRunStart StepPoint = "RunStart"
	// PointContractStart is the first moment of the contract's startDate.
	PointContractStart StepPoint = "ContractStart"
	// PointRenewal is the first moment of the contract's renewalDate.
	PointRenewal StepPoint = "Renewal"
)

// DayCount says which days a time of a step counts.
//
// +kubebuilder:validation:Enum=AllDays;WorkingDays
type DayCount string

// Which days a time of a step counts.
const (
	// CountAllDays counts every day.
	CountAllDays DayCount = "AllDays"
	// CountWorkingDays counts the days on which people work: see the playbook's calendar.
	CountWorkingDays DayCount = "WorkingDays"
)

// IfPastPolicy says what happens to a step whose time to open was over before the run began.
//
// +kubebuilder:validation:Enum=Open;Skip
type IfPastPolicy string

// What happens to a step whose time to open was over before the run began.
const (
	// IfPastOpen opens the task at once.
	IfPastOpen IfPastPolicy = "Open"
	// IfPastSkip skips the step.
	IfPastSkip IfPastPolicy = "Skip"
)

// StepTime is a moment before or after another one.
//
// +kubebuilder:validation:ExactlyOneOf=after;before
// +kubebuilder:validation:XValidation:rule="!has(self.before) || (has(self.of) && (self.of == 'ContractStart' || self.of == 'Renewal'))",message="before: needs of: ContractStart or Renewal; nobody knows beforehand when a step or a run begins"
type StepTime struct {
	// after is how long after the point.
	// +optional
	After Duration `json:"after,omitempty"`

	// before is how long before the point, which is ContractStart or Renewal then.
	// +optional
	Before Duration `json:"before,omitempty"`

	// of is the point: StepReady (the default; when the steps before are finished, and for due when the task opened),
	// RunStart, ContractStart or Renewal.
	// +optional
	Of StepPoint `json:"of,omitempty"`

	// calendar says which days count: AllDays (the default), or WorkingDays, for a whole number of days, such as 2d.
	// +optional
	Calendar DayCount `json:"calendar,omitempty"`
}

// EscalationStage says what happens to a task that is overdue for some time.
//
// +kubebuilder:validation:XValidation:rule="has(self.assignee) || has(self.priority)",message="assignee, priority or both"
type EscalationStage struct {
	// overdueBy is how long after its due time the task is still open; 0 for at once.
	// +required
	OverdueBy Duration `json:"overdueBy"`

	// calendar says which days of overdueBy count: AllDays (the default), or WorkingDays, for a whole number of days.
	// +optional
	Calendar DayCount `json:"calendar,omitempty"`

	// assignee who has the task from then on, with ${expression} as in title, but of account alone: for example
	// ${team('Manager')}. Where it gives nobody, the assignee stays.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Assignee string `json:"assignee,omitempty"`

	// priority that the task has from then on.
	// +optional
	Priority Priority `json:"priority,omitempty"`
}

// PlaybookStatus is what a playbook started.
type PlaybookStatus struct {
	// conditions: Ready means that the playbook compiles and that all it refers to is there. Held is True while a limit
	// holds runs back.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that was last acted on; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// lastHandledRequestedAt repeats the annotation perennial.dev/requestedAt once it was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledRequestedAt string `json:"lastHandledRequestedAt,omitempty"`

	// activeRuns is the number of runs with open work.
	// +optional
	ActiveRuns int32 `json:"activeRuns"`

	// heldRuns is the number of accounts whose run a limit, another playbook or suspend holds back.
	// +optional
	HeldRuns int32 `json:"heldRuns"`

	// inhibitedRuns is how many of them another playbook holds back.
	// +optional
	InhibitedRuns int32 `json:"inhibitedRuns,omitempty"`

	// held are the accounts whose run is held back, the largest ARR first, at most ten.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Held []HeldRun `json:"held,omitempty"`

	// olderGenerations is the number of active runs that follow an earlier generation of this playbook.
	// +optional
	OlderGenerations int32 `json:"olderGenerations,omitempty"`

	// lastTriggeredTime is when the playbook last started a run.
	// +optional
	LastTriggeredTime *metav1.Time `json:"lastTriggeredTime,omitempty"`

	// results say what came of the runs that are kept.
	// +optional
	Results *PlaybookResults `json:"results,omitempty"`
}

// HeldReason says why a run does not start.
//
// +kubebuilder:validation:Enum=Suspended;Inhibited;LimitReached
type HeldReason string

// Why a run does not start.
const (
	// HeldSuspended: the playbook's suspend is true.
	HeldSuspended HeldReason = "Suspended"
	// HeldInhibited: another playbook has an open run on the account, or is about to start one.
	HeldInhibited HeldReason = "Inhibited"
	// HeldLimitReached: the playbook's limits leave no room.
	HeldLimitReached HeldReason = "LimitReached"
)

// HeldRun is an account whose run is held back.
type HeldRun struct {
	// account on which the run would start.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Account string `json:"account"`

	// reason: Suspended, Inhibited or LimitReached.
	// +required
	Reason HeldReason `json:"reason"`

	// by is the playbook that inhibits it: of several the first in the order of inhibitedBy.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by,omitempty"`
}

// PlaybookResults say what came of the runs of a playbook that are kept.
type PlaybookResults struct {
	// runs that are kept.
	// +required
	Runs int32 `json:"runs"`

	// open is how many of them have open work.
	// +required
	Open int32 `json:"open"`

	// completed is how many ended with something done.
	// +required
	Completed int32 `json:"completed"`

	// canceled is how many ended with nothing done, or were canceled.
	// +required
	Canceled int32 `json:"canceled"`

	// resolved is how many reached their end: the condition that started them has cleared or, of runs that an event
	// started, the work was completed.
	// +required
	Resolved int32 `json:"resolved"`

	// overdueTasks is the number of open tasks past their due time.
	// +required
	OverdueTasks int32 `json:"overdueTasks"`

	// medianDaysToResolve is the median of the days from the start of a run to its resolution, with one digit after the
	// point.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	MedianDaysToResolve string `json:"medianDaysToResolve,omitempty"`
}
