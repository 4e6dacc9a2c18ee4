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
// +kubebuilder:printcolumn:name="Resolved",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Resolved")].status`
// +kubebuilder:printcolumn:name="Sequence",type=integer,priority=1,JSONPath=`.spec.sequence`
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
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a run's spec does not change: edit the playbook for the next run, or delete the run to cancel its work"
type PlaybookRunSpec struct {
	// accountRef is the account.
	// +required
	AccountRef LocalReference `json:"accountRef"`

	// playbookRef is the playbook.
	// +required
	PlaybookRef LocalReference `json:"playbookRef"`

	// playbookGeneration is the generation of the playbook whose steps these are.
	// +required
	PlaybookGeneration int64 `json:"playbookGeneration"`

	// sequence numbers the episodes of this playbook on this account, from 1; those of observations of one metric by
	// themselves.
	// +required
	// +kubebuilder:validation:Minimum=1
	Sequence int64 `json:"sequence"`

	// observation that started the run, of a trigger with per: Observation.
	// +optional
	Observation *ObservationReference `json:"observation,omitempty"`

	// trigger that started the run.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Trigger string `json:"trigger"`

	// reason is the trigger's condition in words, with the values that met it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`

	// facts that held when the run began.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Facts []NamedValue `json:"facts,omitempty"`

	// onResolve says what happens to open tasks when the condition clears.
	// +optional
	OnResolve ResolvePolicy `json:"onResolve,omitempty"`

	// steps as they were when the run began.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Steps []PlaybookStep `json:"steps"`
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
	// RunCanceled has no open work left, and none was done.
	RunCanceled RunState = "Canceled"
)

// StepState is how far a step of a run is.
//
// +kubebuilder:validation:Enum=Waiting;Open;Done;Skipped;Canceled
type StepState string

// The states of a step.
const (
	// StepWaiting waits for the steps before it.
	StepWaiting StepState = "Waiting"
	// StepOpen has a task that waits for somebody.
	StepOpen StepState = "Open"
	// StepDone has a task that is done.
	StepDone StepState = "Done"
	// StepSkipped was skipped by its when.
	StepSkipped StepState = "Skipped"
	// StepCanceled was canceled by a person, or when the condition cleared.
	StepCanceled StepState = "Canceled"
)

// PlaybookRunStatus is how far the work is.
type PlaybookRunStatus struct {
	// conditions: Ready means that the run's tasks are made; Resolved, that the condition which started it has cleared.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that was last acted on; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// state: Active, Completed (no open work left, something was done) or Canceled (no open work left, nothing was done).
	// +optional
	State RunState `json:"state,omitempty"`

	// openTasks is the number of tasks that wait for somebody.
	// +optional
	OpenTasks int32 `json:"openTasks"`

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

	// readyTime is when the steps before it were finished.
	// +optional
	ReadyTime *metav1.Time `json:"readyTime,omitempty"`
}
