package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Account is one customer: who owns it, its contract and where it stands. Its health is in status: the score, the band
// and everything the score was computed from.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=acct,categories=perennial
// +kubebuilder:printcolumn:name="Band",type=string,JSONPath=`.status.health.band`
// +kubebuilder:printcolumn:name="Score",type=integer,JSONPath=`.status.health.score`
// +kubebuilder:printcolumn:name="Trend",type=string,JSONPath=`.status.health.trend`
// +kubebuilder:printcolumn:name="ARR",type=integer,JSONPath=`.spec.contract.arr`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Renewal",type=string,JSONPath=`.spec.contract.renewalDate`
// +kubebuilder:printcolumn:name="Tasks",type=integer,JSONPath=`.status.openTasks`
// +kubebuilder:printcolumn:name="Override",type=string,JSONPath=`.status.health.override.by`
// +kubebuilder:printcolumn:name="Stage",type=string,priority=1,JSONPath=`.spec.lifecycleStage`
// +kubebuilder:printcolumn:name="Touch",type=string,priority=1,JSONPath=`.spec.touchModel`
// +kubebuilder:printcolumn:name="Coverage",type=integer,priority=1,JSONPath=`.status.health.coverage`
// +kubebuilder:printcolumn:name="Model",type=string,priority=1,JSONPath=`.status.health.model`
// +kubebuilder:printcolumn:name="Parent",type=string,priority=1,JSONPath=`.spec.parentRef.name`
// +kubebuilder:printcolumn:name="Total ARR",type=integer,priority=1,JSONPath=`.status.rollup.arr`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Name of Customer",type=string,priority=1,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:selectablefield:JSONPath=`.status.health.band`
// +kubebuilder:selectablefield:JSONPath=`.spec.owner`
// +kubebuilder:selectablefield:JSONPath=`.spec.lifecycleStage`
// +kubebuilder:selectablefield:JSONPath=`.spec.touchModel`
// +kubebuilder:validation:XValidation:rule="!has(self.spec.parentRef) || self.spec.parentRef.name != self.metadata.name",message="spec.parentRef: an account cannot be part of itself"
type Account struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what people and the systems of record say about the customer.
	// +required
	Spec AccountSpec `json:"spec"`

	// status is what the operator makes of it.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccountStatus `json:"status,omitempty"`
}

// AccountList is a list of accounts.
//
// +kubebuilder:object:root=true
type AccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Account `json:"items"`
}

// TouchModel is how closely a customer is looked after.
//
// +kubebuilder:validation:Enum=HighTouch;MidTouch;TechTouch
type TouchModel string

// The touch models.
const (
	TouchHigh TouchModel = "HighTouch"
	TouchMid  TouchModel = "MidTouch"
	TouchTech TouchModel = "TechTouch"
)

// ExternalID is one id by which a source knows the account.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type ExternalID string

// ExternalIDList is the ids of one scheme; an account may have several, one for each of its workspaces, say.
//
// +kubebuilder:validation:MaxItems=16
// +listType=set
type ExternalIDList []ExternalID

// AccountSpec is what people and the systems of record say about a customer.
type AccountSpec struct {
	// displayName is the customer's name as people write it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	// externalIDs are the ids by which sources know this account, by scheme: for example crm: ["0015g00000XyZ"]. A
	// DataSource names the scheme it uses in account.externalID.
	// +optional
	// +kubebuilder:validation:MaxProperties=8
	ExternalIDs map[string]ExternalIDList `json:"externalIDs,omitempty"`

	// touchModel is how closely the customer is looked after: HighTouch, MidTouch or TechTouch.
	// +optional
	TouchModel TouchModel `json:"touchModel,omitempty"`

	// lifecycleStage is where the customer stands: Onboarding, Adoption, Retention, Expansion, Advocacy, Churned, or a
	// CamelCase name of your own. A Churned account is not scored.
	// +optional
	LifecycleStage LifecycleStage `json:"lifecycleStage,omitempty"`

	// owner is the customer success manager (CSM) who looks after the account, as your task assignees are written: an
	// e-mail address, say. Tasks go to the owner unless a playbook says otherwise.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Owner string `json:"owner,omitempty"`

	// team is who else works with the customer, by role. A playbook finds them with team('AccountExecutive').
	// +optional
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MaxItems=16
	Team []TeamMember `json:"team,omitempty"`

	// contract is a summary of what the customer bought.
	// +optional
	Contract *Contract `json:"contract,omitempty"`

	// measurements are values that people enter by hand; a model uses them with from.measurement.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Measurements []Measurement `json:"measurements,omitempty"`

	// healthOverride sets the band by hand, for a while: what a person knows and no source does. The score goes on as it
	// would, and the band returns to it by itself.
	// +optional
	HealthOverride *HealthOverride `json:"healthOverride,omitempty"`

	// parentRef names the account that this one is part of: the group of a subsidiary, say. A model of the parent uses its
	// children's scores with from.children.
	// +optional
	ParentRef *LocalReference `json:"parentRef,omitempty"`
}

// HealthOverride is a band that a person sets.
type HealthOverride struct {
	// band that the account is in while the override holds: one of the bands of its model.
	// +required
	// +kubebuilder:validation:XValidation:rule="self != 'Unknown'",message="Unknown is not a judgement; choose one of the model's bands"
	Band BandName `json:"band"`

	// reason that others will read.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`

	// by is who says so.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by"`

	// until is the last day on which the override holds, in the operator's time zone.
	// +required
	Until Date `json:"until"`
}

// TeamMember is a person in a role.
type TeamMember struct {
	// role, for example AccountExecutive or SolutionsEngineer.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z0-9]*$`
	Role string `json:"role"`

	// user in that role, written as task assignees are.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	User string `json:"user"`
}

// Contract is a summary of what a customer bought.
type Contract struct {
	// startDate is the first day of the contract.
	// +optional
	StartDate Date `json:"startDate,omitempty"`

	// renewalDate is the day on which the contract renews or ends.
	// +optional
	RenewalDate Date `json:"renewalDate,omitempty"`

	// arr is the annual recurring revenue, a whole number in the one reporting currency of the installation.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000000
	ARR *int64 `json:"arr,omitempty"`

	// plan is the name of what was bought, for example Enterprise.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Plan string `json:"plan,omitempty"`

	// seats is the number of users that the contract allows.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	Seats *int64 `json:"seats,omitempty"`
}

// Measurement is a value that a person entered.
type Measurement struct {
	// name of the measurement, for example csm-sentiment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// value, a number or a category, in quotes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Value string `json:"value"`

	// observedTime is when the value was true (RFC 3339). Without it the value never grows old.
	// +optional
	ObservedTime *metav1.Time `json:"observedTime,omitempty"`

	// by is who says so.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by,omitempty"`
}

// AccountStatus is what the operator makes of an account.
type AccountStatus struct {
	// conditions: Ready means that the account was evaluated, not that the customer is well. ModelApplied says which
	// model scores it, or why none does.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status was computed from; -1 before the first time.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration int64 `json:"observedGeneration"`

	// lastHandledRequestedAt repeats the annotation perennial.dev/requestedAt once it was acted on.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastHandledRequestedAt string `json:"lastHandledRequestedAt,omitempty"`

	// health is the customer's health and how it was computed.
	// +optional
	Health *Health `json:"health,omitempty"`

	// rollup is this account and all accounts below it together. Absent where it has no children.
	// +optional
	Rollup *Rollup `json:"rollup,omitempty"`

	// lifecycle is the account's stage as the operator last saw it, and since when.
	// +optional
	Lifecycle *LifecycleStatus `json:"lifecycle,omitempty"`

	// contract is spec.contract as the operator last saw it: notifiers are told of what changes.
	// +optional
	Contract *Contract `json:"contract,omitempty"`

	// playbooks is, for each playbook that watches this account, where its episode stands.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Playbooks []Episode `json:"playbooks,omitempty"`

	// openTasks is the number of tasks on this account that wait for somebody.
	// +optional
	OpenTasks int32 `json:"openTasks"`

	// undelivered are events of the account that a notifier has yet to take.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Undelivered []UndeliveredEvent `json:"undelivered,omitempty"`
}

// LifecycleStatus is the stage in which the operator sees an account.
type LifecycleStatus struct {
	// stage: spec.lifecycleStage, or Churned where an AccountSet says so. Absent where there is none.
	// +optional
	Stage LifecycleStage `json:"stage,omitempty"`

	// since is when the operator first saw the account in this stage.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
}

// Rollup is an account and all accounts below it together. Churned accounts are left out, with all below them.
type Rollup struct {
	// accounts below this one, at every level.
	// +required
	Accounts int32 `json:"accounts"`

	// arr is the annual recurring revenue of this account and all below it.
	// +required
	ARR int64 `json:"arr"`
}
