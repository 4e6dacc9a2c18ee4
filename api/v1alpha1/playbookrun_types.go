package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PlaybookRun is the work of one episode: this playbook, on this account, because of these facts. The operator makes
// it; deleting it cancels its work and starts nothing anew.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pbr,categories=perennial
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Playbook",type=string,JSONPath=`.spec.playbookRef.name`
// +kubebuilder:printcolumn:name="Trigger",type=string,JSONPath=`.spec.trigger`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Open Tasks",type=integer,JSONPath=`.status.openTasks`
// +kubebuilder:printcolumn:name="Overdue",type=integer,priority=1,JSONPath=`.status.overdueTasks`
// +kubebuilder:printcolumn:name="Resolved",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Resolved")].status`
// +kubebuilder:printcolumn:name="Sequence",type=integer,priority=1,JSONPath=`.spec.sequence`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.playbookRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
type PlaybookRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is why the run began and what it does. It does not change.
	// +required
	Spec PlaybookRunSpec `json:"spec"`

	// status is how far the work is.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status PlaybookRunStatus `json:"status,omitempty"`
}

// PlaybookRunList is a list of runs.
//
// +kubebuilder:object:root=true
type PlaybookRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PlaybookRun `json:"items"`
}

// PlaybookRunSpec is why a run began and what it does.
//
// +kubebuilder:validation:XValidation:rule="has(self.triggerType) == has(oldSelf.triggerType) && has(self.observation) == has(oldSelf.observation) && has(self.period) == has(oldSelf.period) && has(self.reason) == has(oldSelf.reason) && has(self.facts) == has(oldSelf.facts) && has(self.onResolve) == has(oldSelf.onResolve) && has(self.calendar) == has(oldSelf.calendar)",message="a run's spec does not change, but for cancel: nothing can be added to it or removed"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.cancel) || has(self.cancel)",message="cancel: a canceled run stays so"
type PlaybookRunSpec struct {
	// accountRef is the account.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	AccountRef LocalReference `json:"accountRef"`

	// playbookRef is the playbook.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="playbookRef of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	PlaybookRef LocalReference `json:"playbookRef"`

	// playbookGeneration is the generation of the playbook whose steps these are.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="playbookGeneration of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	PlaybookGeneration int64 `json:"playbookGeneration"`

	// sequence numbers the episodes of this playbook on this account, from 1; those of observations of one metric by
	// themselves.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="sequence of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Sequence int64 `json:"sequence"`

	// observation that started the run, of a trigger with per: Observation.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="observation of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Observation *ObservationReference `json:"observation,omitempty"`

	// period that started the run, of a trigger with every: the day on which it began.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="period of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Period Date `json:"period,omitempty"`

	// triggerType of the trigger that started the run: State (the default), whose end cancels or marks its tasks, or Event,
	// which nothing that comes later takes back: an observation, a period, a fall of the score, an entry into a stage.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="triggerType of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	TriggerType TriggerType `json:"triggerType,omitempty"`

	// trigger that started the run.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="trigger of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Trigger string `json:"trigger"`

	// reason is the trigger's condition in words, with the values that met it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="reason of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Reason string `json:"reason,omitempty"`

	// facts that held when the run began.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="facts of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Facts []NamedValue `json:"facts,omitempty"`

	// onResolve says what happens to open tasks when the condition clears.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="onResolve of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	OnResolve ResolvePolicy `json:"onResolve,omitempty"`

	// steps as they were when the run began.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="steps of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Steps []PlaybookStep `json:"steps"`

	// calendar of the playbook as it was when the run began.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="calendar of a run does not change: edit the playbook for the next run, or set spec.cancel to end this one"
	Calendar *WorkCalendar `json:"calendar,omitempty"`

	// cancel ends the run: its open tasks are canceled, and no more are made. It cannot be taken back.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cancel: a canceled run stays so"
	Cancel *RunCancel `json:"cancel,omitempty"`
}

// TriggerType says whether a trigger is about a state, which ends, or an event, which happened.
//
// +kubebuilder:validation:Enum=State;Event
type TriggerType string

// What a trigger is about.
const (
	// TriggerState is a state: it ends.
	TriggerState TriggerType = "State"
	// TriggerEvent is an event: it happened, and nothing takes it back.
	TriggerEvent TriggerType = "Event"
)

// RunCancel ends a run.
type RunCancel struct {
	// reason for the next reader.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason"`

	// by is who canceled it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by,omitempty"`
}

// ObservationReference names one observation of an account.
type ObservationReference struct {
	// source is the name of the DataSource.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source"`

	// metric of the source.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric"`

	// observedTime is when it was observed.
	// +required
	ObservedTime metav1.Time `json:"observedTime"`
}

// NamedValue is a fact as it was.
type NamedValue struct {
	// name of the fact, as an expression reads it: health.score, metrics.support.open_p1.
	// +required
	// +kubebuilder:validation:MaxLength=160
	Name string `json:"name"`

	// value of the fact.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	Value string `json:"value"`

	// type of the value, where it is a column of the row that started the run. Texts of later steps show that row, not what
	// the source says then.
	// +optional
	Type MetricType `json:"type,omitempty"`
}

// RunState is how far a run is.
//
// +kubebuilder:validation:Enum=Active;Completed;Canceled
type RunState string

// The states of a run.
const (
	// RunActive has work that is not finished.
	RunActive RunState = "Active"
	// RunCompleted has no open work left, and at least one task was done.
	RunCompleted RunState = "Completed"
	// RunCanceled was canceled, or has no open work left, and none was done.
	RunCanceled RunState = "Canceled"
)

// StepState is how far a step of a run is.
//
// +kubebuilder:validation:Enum=Waiting;Open;Done;Skipped;Canceled
type StepState string

// The states of a step.
const (
	// StepWaiting waits for the steps before it, or for its time.
	StepWaiting StepState = "Waiting"
	// StepOpen has a task that waits for somebody.
	StepOpen StepState = "Open"
	// StepDone has a task that is done.
	StepDone StepState = "Done"
	// StepSkipped was skipped by its when, or because its time was over before the run began.
	StepSkipped StepState = "Skipped"
	// StepCanceled was canceled by a person, with its run, or when the condition cleared.
	StepCanceled StepState = "Canceled"
)

// PlaybookRunStatus is how far the work is.
type PlaybookRunStatus struct {
	// conditions: Ready means that the run's tasks are made; Resolved, that the condition which started it has cleared or,
	// where an event started it, that its work was completed.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that was last acted on; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// state: Active, Completed (no open work left, something was done) or Canceled (by spec.cancel, or no open work left and
	// nothing was done).
	// +optional
	State RunState `json:"state,omitempty"`

	// openTasks is the number of tasks that wait for somebody.
	// +optional
	OpenTasks int32 `json:"openTasks"`

	// overdueTasks is the number of open tasks past their due time.
	// +optional
	OverdueTasks int32 `json:"overdueTasks,omitempty"`

	// steps and how far each is, in the playbook's order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Steps []StepStatus `json:"steps,omitempty"`

	// resolvedTime is when the condition that started the run was first seen cleared.
	// +optional
	ResolvedTime *metav1.Time `json:"resolvedTime,omitempty"`

	// endedTime is when the last work ended.
	// +optional
	EndedTime *metav1.Time `json:"endedTime,omitempty"`

	// undelivered are events of the run that a notifier has yet to take.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Undelivered []UndeliveredEvent `json:"undelivered,omitempty"`
}

// StepStatus is how far a step is.
type StepStatus struct {
	// name of the step.
	// +required
	Name StepName `json:"name"`

	// state: Waiting, Open, Done, Skipped or Canceled.
	// +required
	State StepState `json:"state"`

	// task is the name of the step's task, once it was made. A task that was made is not made again.
	// +optional
	Task string `json:"task,omitempty"`

	// outcome that the task ended with.
	// +optional
	Outcome Outcome `json:"outcome,omitempty"`

	// completedBy is DoneWhen where the step's doneWhen closed its task.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CompletedBy string `json:"completedBy,omitempty"`

	// readyTime is when the steps before it were finished.
	// +optional
	ReadyTime *metav1.Time `json:"readyTime,omitempty"`
}
