package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

	// heldRuns is the number of accounts whose run is due and held back: by a limit, another playbook or suspend, or because
	// nothing can start for now; the condition Held says which.
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
