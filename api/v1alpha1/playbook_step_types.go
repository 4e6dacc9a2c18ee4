package v1alpha1

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

	// ifPast says what happens to a step whose time to open was over before the day on which the run began: Open (the default) or
	// Skip.
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
