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

	// limits hold runs back when many accounts need one at once; the largest ARR goes first.
	// +optional
	Limits *PlaybookLimits `json:"limits,omitempty"`

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
	// activeRuns is the highest number of runs with open work.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ActiveRuns *int32 `json:"activeRuns,omitempty"`

	// newRunsPerDay is the highest number of runs that start within 24 hours.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	NewRunsPerDay *int32 `json:"newRunsPerDay,omitempty"`
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
	// where it is unset or gives nothing.
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

	// due says when the task is due.
	// +optional
	Due *Due `json:"due,omitempty"`

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
}

// DuePoint is a moment that a due time counts from.
//
// +kubebuilder:validation:Enum=StepReady;RunStart
type DuePoint string

// The moments that a due time counts from.
const (
	// DueOfStepReady is when the steps before are finished.
	DueOfStepReady DuePoint = "StepReady"
	// DueOfRunStart is when the run began.
	DueOfRunStart DuePoint = "RunStart"
)

// Due says when a task is due.
type Due struct {
	// after is how long after the point the task is due.
	// +required
	After Duration `json:"after"`

	// of is the point: StepReady (the default; when the steps before are finished) or RunStart.
	// +optional
	Of DuePoint `json:"of,omitempty"`
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

	// heldRuns is the number of accounts whose run a limit, or suspend, holds back.
	// +optional
	HeldRuns int32 `json:"heldRuns"`

	// olderGenerations is the number of active runs that follow an earlier generation of this playbook.
	// +optional
	OlderGenerations int32 `json:"olderGenerations,omitempty"`

	// lastTriggeredTime is when the playbook last started a run.
	// +optional
	LastTriggeredTime *metav1.Time `json:"lastTriggeredTime,omitempty"`
}
