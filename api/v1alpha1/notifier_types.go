package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Notifier says where events go: what happens to accounts, runs and tasks of its namespace from the moment it is there.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=perennial
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`
// +kubebuilder:printcolumn:name="Waiting",type=integer,JSONPath=`.status.waiting`
// +kubebuilder:printcolumn:name="Dropped",type=integer,JSONPath=`.status.dropped`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,priority=1,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.status=="False")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Notifier struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the notifier.
	// +required
	Spec NotifierSpec `json:"spec"`

	// status is how delivery goes.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status NotifierStatus `json:"status,omitempty"`
}

// NotifierList is a list of notifiers.
//
// +kubebuilder:object:root=true
type NotifierList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Notifier `json:"items"`
}

// EventType is what happened.
//
// +kubebuilder:validation:Enum=TaskOpened;TaskOverdue;TaskEscalated;TaskDone;RunStarted;RunResolved;HealthChanged;AccountChurned;ContractChanged
type EventType string

// What happened.
const (
	// EventTaskOpened: a task is there to be done.
	EventTaskOpened EventType = "TaskOpened"
	// EventTaskOverdue: a task is open past its due time.
	EventTaskOverdue EventType = "TaskOverdue"
	// EventTaskEscalated: an overdue task reached a stage of its escalation.
	EventTaskEscalated EventType = "TaskEscalated"
	// EventTaskDone: a task was done.
	EventTaskDone EventType = "TaskDone"
	// EventRunStarted: a playbook began to work on an account.
	EventRunStarted EventType = "RunStarted"
	// EventRunResolved: the condition that started a run has cleared or, where an event started it, its work was completed.
	EventRunResolved EventType = "RunResolved"
	// EventHealthChanged: an account's band changed.
	EventHealthChanged EventType = "HealthChanged"
	// EventAccountChurned: an account came into the stage Churned.
	EventAccountChurned EventType = "AccountChurned"
	// EventContractChanged: an account's contract changed.
	EventContractChanged EventType = "ContractChanged"
)

// NotifierSpec says where events go, and which. What is set must all hold.
//
// +kubebuilder:validation:ExactlyOneOf=cloudEvents;slack
type NotifierSpec struct {
	// suspend delivers nothing. Events wait meanwhile, for as long as giveUpAfter.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// events to deliver; all if unset.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Events []EventType `json:"events,omitempty"`

	// playbooks whose runs and tasks are told of; all if unset. Events of an account itself are of no playbook.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Playbooks []string `json:"playbooks,omitempty"`

	// assignees whose tasks are told of; all if unset. Of runs and accounts it is the account's owner.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Assignees []string `json:"assignees,omitempty"`

	// accountSelector chooses the accounts that are told of; all, Churned ones too, if unset.
	// +optional
	AccountSelector *AccountSelector `json:"accountSelector,omitempty"`

	// timeout of one delivery; 10s if unset, at most 60s.
	// +optional
	Timeout Duration `json:"timeout,omitempty"`

	// giveUpAfter is how long an event is tried; 7d if unset, at most 30d. What is given up is counted in status.dropped,
	// with an event of this object.
	// +optional
	GiveUpAfter Duration `json:"giveUpAfter,omitempty"`

	// cloudEvents sends each event as a CloudEvent in an HTTP POST.
	// +optional
	CloudEvents *CloudEventsTarget `json:"cloudEvents,omitempty"`

	// slack sends each event as a message to an incoming webhook of Slack, or of what takes the same messages.
	// +optional
	Slack *SlackTarget `json:"slack,omitempty"`
}

// CloudEventsTarget sends CloudEvents over HTTP: structured JSON, one in a request. An event that may have come before
// has the same id.
type CloudEventsTarget struct {
	// url to post to. Credentials do not belong here: see headers.
	// +required
	URL URL `json:"url"`

	// headers to send with every request: an API key.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []HTTPHeader `json:"headers,omitempty"`

	// signingSecretRef is the key of a Secret with which each request is signed as Standard Webhooks has it: webhook-id,
	// webhook-timestamp and webhook-signature, an HMAC-SHA256 of the three of id, timestamp and body. The Secret must allow
	// the host with the annotation perennial.dev/allow-host.
	// +optional
	SigningSecretRef *KeyReference `json:"signingSecretRef,omitempty"`

	// tls options, for an https URL.
	// +optional
	TLS *TLSOptions `json:"tls,omitempty"`
}

// SlackTarget sends messages to an incoming webhook.
type SlackTarget struct {
	// webhookSecretRef is the key of a Secret that holds the URL of the webhook. The Secret must allow the URL's host with
	// the annotation perennial.dev/allow-host.
	// +required
	WebhookSecretRef KeyReference `json:"webhookSecretRef"`

	// tls options, for an https URL.
	// +optional
	TLS *TLSOptions `json:"tls,omitempty"`
}

// NotifierStatus is how delivery goes.
type NotifierStatus struct {
	// conditions: Ready means that the notifier can be used; Available, that the latest delivery succeeded.
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

	// waiting is the number of events that wait, as of the last change of a condition or a minute ago at the most.
	// +optional
	Waiting int32 `json:"waiting"`

	// dropped is the number of events that were given up since this object was made.
	// +optional
	Dropped int64 `json:"dropped"`
}

// UndeliveredEvent is an event that a notifier has yet to take. Its id is made of the object's UID, type, time and detail.
type UndeliveredEvent struct {
	// type of the event.
	// +required
	Type EventType `json:"type"`

	// time at which it happened.
	// +required
	Time metav1.Time `json:"time"`

	// detail in words, of what the object itself does not say any more: "Healthy -> AtRisk, score 61".
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Detail string `json:"detail,omitempty"`

	// notifiers that have yet to take it.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	Notifiers []string `json:"notifiers"`
}
