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
// +kubebuilder:validation:XValidation:rule="!has(self.spec.previousNames) || !(self.metadata.name in self.spec.previousNames)",fieldPath=".spec.previousNames",message="the name that the playbook has is not a previous one; leave it out"
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
	// ExistingIgnore waits, with each trigger that holds already, until it did not hold once.
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

	// previousNames are names that this playbook had before. What is remembered of a playbook of such a name, and the runs that
	// it started, are this one's as soon as there is no other playbook of that name: renamed in git, it makes no work twice
	// and leaves none behind. Until then this one starts nothing. Keep a name here for as long as there are runs of it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	PreviousNames []string `json:"previousNames,omitempty"`

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

	// existing says what to do about a trigger that held already when the playbook first saw the account: Start (the
	// default) or Ignore it until it did not hold once. One that could not be judged then counts from when it first can. An
	// account that is made later is first seen then.
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
	// them, or has given it up, or 31 days after their end. A deleted run changes nothing that starts.
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
