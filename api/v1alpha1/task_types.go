package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Task is one piece of work on an account, with an assignee and a due time. The operator writes its spec once, when it
// makes the task; from then on spec is for people: finish a task by setting spec.state to Done. What the operator decides
// later is in status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ptask,categories=perennial
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.spec.title`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Assignee",type=string,JSONPath=`.status.assignee`
// +kubebuilder:printcolumn:name="Priority",type=string,JSONPath=`.status.priority`
// +kubebuilder:printcolumn:name="Due",type=string,JSONPath=`.status.dueTime`
// +kubebuilder:printcolumn:name="Opens",type=string,priority=1,JSONPath=`.status.opensTime`
// +kubebuilder:printcolumn:name="Overdue",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Overdue")].status`
// +kubebuilder:printcolumn:name="Completed By",type=string,priority=1,JSONPath=`.status.completedBy`
// +kubebuilder:printcolumn:name="Outcome",type=string,priority=1,JSONPath=`.spec.outcome`
// +kubebuilder:printcolumn:name="Run",type=string,priority=1,JSONPath=`.spec.runRef.name`
// +kubebuilder:printcolumn:name="Step",type=string,priority=1,JSONPath=`.spec.step`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:selectablefield:JSONPath=`.status.assignee`
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
type Task struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the work; people edit it.
	// +required
	Spec TaskSpec `json:"spec"`

	// status is what the operator makes of it.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status TaskStatus `json:"status,omitempty"`
}

// TaskList is a list of tasks.
//
// +kubebuilder:object:root=true
type TaskList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Task `json:"items"`
}

// TaskWorkState is what a person says of a task.
//
// +kubebuilder:validation:Enum=Open;InProgress;Done;Canceled
type TaskWorkState string

// What a person says of a task.
const (
	WorkOpen       TaskWorkState = "Open"
	WorkInProgress TaskWorkState = "InProgress"
	WorkDone       TaskWorkState = "Done"
	WorkCanceled   TaskWorkState = "Canceled"
)

// TaskState is what became of a task.
//
// +kubebuilder:validation:Enum=Blocked;Open;InProgress;Snoozed;Done;Canceled
type TaskState string

// The states of a task.
const (
	// TaskBlocked waits for the steps before it, or for its time.
	TaskBlocked TaskState = "Blocked"
	// TaskOpen waits for its assignee.
	TaskOpen TaskState = "Open"
	// TaskInProgress was begun.
	TaskInProgress TaskState = "InProgress"
	// TaskSnoozed was put off by a person: it does not escalate meanwhile.
	TaskSnoozed TaskState = "Snoozed"
	// TaskDone is done.
	TaskDone TaskState = "Done"
	// TaskCanceled will not be done.
	TaskCanceled TaskState = "Canceled"
)

// TaskSpec is the work.
//
// +kubebuilder:validation:XValidation:rule="self.state != 'Done' || !has(self.outcomes) || self.outcomes.size() == 0 || (has(self.outcome) && self.outcome in self.outcomes)",messageExpression="'outcome: state Done needs one of ' + self.outcomes.join(', ')",fieldPath=".outcome"
// +kubebuilder:validation:XValidation:rule="has(self.runRef) == has(oldSelf.runRef) && has(self.step) == has(oldSelf.step) && has(self.outcomes) == has(oldSelf.outcomes) && has(self.input) == has(oldSelf.input)",message="runRef, step, outcomes and input cannot be added or removed"
type TaskSpec struct {
	// accountRef is the account that the work is on.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef cannot change"
	AccountRef LocalReference `json:"accountRef"`

	// runRef is the playbook run that the task belongs to. A task made by hand has none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="runRef cannot change"
	RunRef *LocalReference `json:"runRef,omitempty"`

	// step of the run.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="step cannot change"
	Step StepName `json:"step,omitempty"`

	// title in one line.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Title string `json:"title"`

	// description of the work.
	// +optional
	// +kubebuilder:validation:MaxLength=8192
	Description string `json:"description,omitempty"`

	// state: set it to InProgress when you begin, to Done or Canceled when you end. Open if unset.
	// +optional
	// +kubebuilder:default=Open
	State TaskWorkState `json:"state,omitempty"`

	// outcome of the work, one of outcomes where there are any.
	// +optional
	Outcome Outcome `json:"outcome,omitempty"`

	// outcomes to choose from.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="outcomes cannot change"
	Outcomes []Outcome `json:"outcomes,omitempty"`

	// note is what you want the next reader to know.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Note string `json:"note,omitempty"`

	// checklist of the work; set done as you go.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Checklist []ChecklistItem `json:"checklist,omitempty"`

	// assignee is who should do it. Unset, it is whom the playbook's step says, or the account's owner: see
	// status.assignee.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Assignee string `json:"assignee,omitempty"`

	// priority: Low, Medium, High or Urgent. Medium if unset.
	// +optional
	Priority Priority `json:"priority,omitempty"`

	// dueTime sets another due time than the playbook's (RFC 3339).
	// +optional
	DueTime *metav1.Time `json:"dueTime,omitempty"`

	// snooze puts the task off: until then it does not escalate. Its due time stays.
	// +optional
	Snooze *Snooze `json:"snooze,omitempty"`

	// completedBy is who completed the task: write your name, or the tool's, when you set state to Done.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CompletedBy string `json:"completedBy,omitempty"`

	// input of the task, for an agent or a tool.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="input cannot change"
	Input map[string]TaskInput `json:"input,omitempty"`
}

// TaskInput is one value of a task's input.
//
// +kubebuilder:validation:MaxLength=4096
type TaskInput string

// Snooze puts a task off.
type Snooze struct {
	// until when (RFC 3339).
	// +required
	Until metav1.Time `json:"until"`

	// reason for the next reader.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
}

// ChecklistItem is one line of a checklist.
type ChecklistItem struct {
	// name of the item: what there is to do.
	// +required
	Name ChecklistText `json:"name"`

	// done once it is done.
	// +optional
	Done bool `json:"done,omitempty"`
}

// TaskStatus is what the operator makes of a task.
type TaskStatus struct {
	// conditions: Ready means that the task was looked at; Overdue, that it is open past its due time; NoLongerNeeded,
	// that the condition which asked for it has cleared, or its run was canceled; Unassigned, that nobody is to do it;
	// TextRendered=False, that whom it should have escalated to could not be said.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that was last acted on; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// state: Blocked (waits for the steps before it, or for its time), Open, InProgress, Snoozed, Done or Canceled.
	// +optional
	State TaskState `json:"state,omitempty"`

	// assignee in force.
	// +optional
	Assignee string `json:"assignee,omitempty"`

	// specAssignee is what spec.assignee was when the operator looked: where somebody has taken it away since, the task is
	// whose the playbook's step says, or the account's owner's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SpecAssignee string `json:"specAssignee,omitempty"`

	// priority in force.
	// +optional
	Priority Priority `json:"priority,omitempty"`

	// opensTime is when the task's time comes, where its step says so.
	// +optional
	OpensTime *metav1.Time `json:"opensTime,omitempty"`

	// openedTime is when the task stopped being blocked.
	// +optional
	OpenedTime *metav1.Time `json:"openedTime,omitempty"`

	// dueTime in force.
	// +optional
	DueTime *metav1.Time `json:"dueTime,omitempty"`

	// endedTime is when the task was first seen Done or Canceled.
	// +optional
	EndedTime *metav1.Time `json:"endedTime,omitempty"`

	// completedBy is what completed the task: spec.completedBy where somebody wrote it, DoneWhen where the step's doneWhen
	// did. Absent where nobody said so.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CompletedBy string `json:"completedBy,omitempty"`

	// escalation is the last stage that the overdue task reached.
	// +optional
	Escalation *TaskEscalation `json:"escalation,omitempty"`

	// undelivered are events of the task that a notifier has yet to take.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Undelivered []UndeliveredEvent `json:"undelivered,omitempty"`
}

// TaskEscalation is a stage that an overdue task reached.
type TaskEscalation struct {
	// stage that was reached, from 1.
	// +required
	Stage int32 `json:"stage"`

	// time at which it was reached.
	// +required
	Time metav1.Time `json:"time"`

	// assignee that the stages gave the task; empty where they gave none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Assignee string `json:"assignee,omitempty"`

	// priority that the stages gave the task; empty where they gave none.
	// +optional
	Priority Priority `json:"priority,omitempty"`

	// specAssignee is what spec.assignee was then: another one since is a person's word, and beats the escalation.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SpecAssignee string `json:"specAssignee,omitempty"`

	// specPriority is what spec.priority was then: another one since is a person's word, and beats the escalation.
	// +optional
	SpecPriority Priority `json:"specPriority,omitempty"`
}
