package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AccountSet makes and keeps accounts from the rows of a DataSource.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=acctset,categories=perennial
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.sourceRef.name`
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accounts`
// +kubebuilder:printcolumn:name="Rejected",type=integer,JSONPath=`.status.rejectedRows`
// +kubebuilder:printcolumn:name="Pending",type=string,JSONPath=`.status.pending.id`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AccountSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is where the accounts come from and what they look like.
	// +required
	Spec AccountSetSpec `json:"spec"`

	// status is what became of it.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccountSetStatus `json:"status,omitempty"`
}

// AccountSetList is a list of account sets.
//
// +kubebuilder:object:root=true
type AccountSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccountSet `json:"items"`
}

// PrunePolicy says what happens to an account whose row is gone.
//
// +kubebuilder:validation:Enum=Orphan;MarkChurned;Delete
type PrunePolicy string

// What happens to an account whose row is gone.
const (
	// PruneOrphan leaves it as it is.
	PruneOrphan PrunePolicy = "Orphan"
	// PruneMarkChurned marks it churned, until the row returns.
	PruneMarkChurned PrunePolicy = "MarkChurned"
	// PruneDelete deletes it, with its runs and tasks.
	PruneDelete PrunePolicy = "Delete"
)

// SetDeletionPolicy says what happens to the accounts when their set is deleted.
//
// +kubebuilder:validation:Enum=Orphan;Delete
type SetDeletionPolicy string

// What happens to the accounts when their set is deleted.
const (
	// SetOrphan leaves them; a set with the same source takes them up.
	SetOrphan SetDeletionPolicy = "Orphan"
	// SetDelete deletes them, with their runs and tasks.
	SetDelete SetDeletionPolicy = "Delete"
)

// AccountSetSpec is where accounts come from and what they look like.
type AccountSetSpec struct {
	// suspend stops making, changing and pruning accounts.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// sourceRef is the DataSource whose rows become accounts. Rows with one id become one row, as the DataSource's
	// metrics say (aggregate).
	// +required
	SourceRef LocalReference `json:"sourceRef"`

	// template of an account. ${expression} is filled in from the row: row.<metric>, row.<account field>.
	// +required
	Template AccountTemplate `json:"template"`

	// prune says what happens to an account whose row is gone: Orphan (the default; nothing), MarkChurned or Delete.
	// +optional
	Prune PrunePolicy `json:"prune,omitempty"`

	// pruneAfter is how long the row must be gone from every complete read; 24h if unset.
	// +optional
	PruneAfter Duration `json:"pruneAfter,omitempty"`

	// maxChangePercent is how many of the accounts may be made or pruned within 24 hours, at least one; 10 if unset. A
	// change beyond it waits in status.pending for the annotation perennial.dev/approve. The first fill is exempt.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxChangePercent *int32 `json:"maxChangePercent,omitempty"`

	// deletionPolicy says what happens to the accounts when this set is deleted: Orphan (the default) or Delete.
	// +optional
	DeletionPolicy SetDeletionPolicy `json:"deletionPolicy,omitempty"`
}

// AccountTemplate is what an account looks like.
type AccountTemplate struct {
	// key is the account's identity: an expression in ${} that gives the same text for the same customer for ever.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Key string `json:"key"`

	// name of the account, read once, when it is made; a collision adds five hexadecimal digits of the key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`

	// labels of the account; what ${} gives is made a valid label value.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Labels map[string]string `json:"labels,omitempty"`

	// spec of the account, as in Account. A value that is only ${expression} keeps the expression's type; null leaves the
	// field out.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Spec runtime.RawExtension `json:"spec"`
}

// AccountSetStatus is what became of an account set.
type AccountSetStatus struct {
	// conditions: Ready means that every row has its account, is listed in rejected or waits in pending. Held is True while
	// changes wait for approval.
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

	// accounts is the number of accounts that the set keeps.
	// +optional
	Accounts int32 `json:"accounts"`

	// filled is true once the first fill is over; from then on the change guard holds.
	// +optional
	Filled bool `json:"filled,omitempty"`

	// window counts the accounts that were made and pruned in the running 24 hours.
	// +optional
	Window *ChangeWindow `json:"window,omitempty"`

	// pending is the change that waits for approval.
	// +optional
	Pending *PendingChange `json:"pending,omitempty"`

	// rejectedRows is the number of rows that could not become an account.
	// +optional
	RejectedRows int32 `json:"rejectedRows"`

	// rejected are at most ten of them, each with its reason.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Rejected []RejectedRow `json:"rejected,omitempty"`

	// overriddenFields is the number of fields that somebody else owns and the set leaves alone.
	// +optional
	OverriddenFields int32 `json:"overriddenFields,omitempty"`

	// overridden are at most ten of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Overridden []OverriddenField `json:"overridden,omitempty"`
}

// ChangeWindow counts changes within 24 hours.
type ChangeWindow struct {
	// startTime of the window; it ends 24 hours later.
	// +required
	StartTime metav1.Time `json:"startTime"`

	// changes in the window: accounts made and pruned.
	// +optional
	Changes int32 `json:"changes"`
}

// PendingChange is a change that waits for approval.
type PendingChange struct {
	// id of exactly this change. Approve it with: kubectl annotate accountset NAME perennial.dev/approve=ID --overwrite
	// +required
	ID string `json:"id"`

	// creates is the number of accounts that would be made.
	// +optional
	Creates int32 `json:"creates"`

	// prunes is the number of accounts that would be pruned.
	// +optional
	Prunes int32 `json:"prunes"`

	// sample is at most five of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Sample []string `json:"sample,omitempty"`
}

// RejectedRow is a row that could not become an account.
type RejectedRow struct {
	// key of the row.
	// +required
	Key string `json:"key"`

	// reason and way out.
	// +required
	Reason string `json:"reason"`
}

// OverriddenField is a field that somebody else owns.
type OverriddenField struct {
	// account that has the field.
	// +required
	Account string `json:"account"`

	// field, as a path.
	// +required
	Field string `json:"field"`

	// manager that owns it.
	// +required
	Manager string `json:"manager"`
}
