package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// HealthScoreModel is how facts about an account become a score from 0 (worst) to 100 (best) and a band.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=hsm,categories=perennial
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Priority",type=integer,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Accounts",type=integer,JSONPath=`.status.accounts`
// +kubebuilder:printcolumn:name="Score",type=integer,JSONPath=`.status.averageScore`
// +kubebuilder:printcolumn:name="Coverage",type=integer,JSONPath=`.status.averageCoverage`
// +kubebuilder:printcolumn:name="Bands",type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type HealthScoreModel struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the model.
	// +required
	Spec HealthScoreModelSpec `json:"spec"`

	// status says whether the model is in use, and how its accounts do.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status HealthScoreModelStatus `json:"status,omitempty"`
}

// HealthScoreModelList is a list of health score models.
//
// +kubebuilder:object:root=true
type HealthScoreModelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []HealthScoreModel `json:"items"`
}

// HealthScoreModelSpec is how facts become a score.
//
// +kubebuilder:validation:XValidation:rule="self.bands.exists(b, b.min == 0)",message="bands: the lowest band needs min: 0, so that every score has a band"
// +kubebuilder:validation:XValidation:rule="self.bands.all(a, self.bands.exists_one(b, b.min == a.min))",message="bands: two bands with the same min"
// +kubebuilder:validation:XValidation:rule="self.measures.all(m, self.dimensions.exists(d, d.name == m.dimension))",message="measures: every measure's dimension must be one of spec.dimensions"
// +kubebuilder:validation:XValidation:rule="self.dimensions.all(d, self.measures.exists(m, m.dimension == d.name && m.weight > 0))",message="dimensions: every dimension needs a measure with a weight above 0"
type HealthScoreModelSpec struct {
	// accountSelector chooses the accounts that this model scores. Empty: all but Churned ones.
	// +optional
	AccountSelector AccountSelector `json:"accountSelector,omitempty"`

	// priority decides between models that choose the same account: the highest wins, then the older, then the name.
	// +optional
	// +kubebuilder:validation:Minimum=-1000000
	// +kubebuilder:validation:Maximum=1000000
	Priority int32 `json:"priority,omitempty"`

	// minimumCoverage is the percentage of the weight that must have a value; below it the band is Unknown. 0 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinimumCoverage int32 `json:"minimumCoverage,omitempty"`

	// trend says when a score counts as improving or declining.
	// +optional
	Trend *TrendSpec `json:"trend,omitempty"`

	// bands cut the score into named ranges; each begins at its min, inclusive. One of them has min: 0.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Bands []Band `json:"bands"`

	// bandChange keeps an account near a boundary from going to and fro.
	// +optional
	BandChange *BandChange `json:"bandChange,omitempty"`

	// dimensions are the parts of the score. Their weights need not add up to 100.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Dimensions []Dimension `json:"dimensions"`

	// measures are the values that are scored, in one list; each belongs to a dimension.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Measures []Measure `json:"measures"`

	// rules are exceptions, applied in order after the weighted sum.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Rules []Rule `json:"rules,omitempty"`
}

// TrendSpec says when a score counts as improving or declining.
type TrendSpec struct {
	// window over which scores are compared, at most 28d; 7d if unset.
	// +optional
	Window Duration `json:"window,omitempty"`

	// threshold is the number of points from which a difference counts; 5 if unset.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Threshold int32 `json:"threshold,omitempty"`
}

// Band is a named range of scores.
//
// +kubebuilder:validation:XValidation:rule="self.name != 'Unknown'",message="name: Unknown is the band of accounts without a score; choose another name"
type Band struct {
	// name of the band, CamelCase: Healthy, AtRisk, Critical.
	// +required
	Name BandName `json:"name"`

	// min is the lowest score of the band, inclusive.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Min int32 `json:"min"`
}

// BandChange keeps an account near a boundary from going to and fro.
type BandChange struct {
	// margin is how many points a score must be past a boundary.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	Margin int32 `json:"margin,omitempty"`

	// hold is how long it must stay there.
	// +optional
	Hold Duration `json:"hold,omitempty"`
}

// Dimension is one part of the score.
type Dimension struct {
	// name of the dimension.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// weight against the other dimensions.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Weight int32 `json:"weight"`
}

// RuleTiming says when a rule may change the band.
//
// +kubebuilder:validation:Enum=Held;Immediate
type RuleTiming string

// When a rule may change the band.
const (
	// TimingHeld: bandChange applies, as to any change of the score.
	TimingHeld RuleTiming = "Held"
	// TimingImmediate: the band that the rule leads to takes effect at once.
	TimingImmediate RuleTiming = "Immediate"
)

// Rule is an exception to the weighted sum.
//
// +kubebuilder:validation:ExactlyOneOf=cap;floor;set
type Rule struct {
	// name of the rule.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// when is a CEL expression that is true where the rule holds. It reads metrics.<source>.<metric>,
	// measures['<measure>'].value and .score, score (before this rule) and account.
	// +required
	When Expression `json:"when"`

	// cap: the score is at most this.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Cap *int32 `json:"cap,omitempty"`

	// floor: the score is at least this.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Floor *int32 `json:"floor,omitempty"`

	// set: the score is this.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Set *int32 `json:"set,omitempty"`

	// timing: Held (the default; bandChange applies) or Immediate (the band changes at once).
	// +optional
	Timing RuleTiming `json:"timing,omitempty"`
}

// HealthScoreModelStatus says whether the model is in use, and how its accounts do.
type HealthScoreModelStatus struct {
	// conditions: Ready means that the model compiles and that all it refers to is there.
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

	// accounts is the number of accounts that the model scores.
	// +optional
	Accounts int32 `json:"accounts"`

	// summary is the number of accounts in each band: 31 Healthy, 6 AtRisk, 3 Critical.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Summary string `json:"summary,omitempty"`

	// bands are the accounts in each band and what they are worth, in the model's order of bands, best first; then bands
	// that the model had once and accounts still show; then Unknown.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Bands []BandSummary `json:"bands,omitempty"`

	// averageScore of the accounts that have a score, 0 to 100, rounded to a whole number.
	// +optional
	AverageScore *int32 `json:"averageScore,omitempty"`

	// averageCoverage of the accounts, in percent, rounded down to a whole number.
	// +optional
	AverageCoverage *int32 `json:"averageCoverage,omitempty"`

	// missing are the measures of which accounts have no fresh value: those with a weight first, then those that most accounts
	// lack. A measure that most accounts lack is a broken feed, most often.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Missing []MissingMeasure `json:"missing,omitempty"`
}

// BandSummary is the accounts of a model in one band.
type BandSummary struct {
	// name of the band.
	// +required
	Name BandName `json:"name"`

	// accounts in the band.
	// +required
	Accounts int32 `json:"accounts"`

	// arr is the sum of these accounts' annual recurring revenue.
	// +required
	ARR int64 `json:"arr"`
}

// MissingMeasure is how many accounts of a model have no fresh value of a measure.
type MissingMeasure struct {
	// measure is its name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Measure string `json:"measure"`

	// accounts that have no fresh value of it, for whatever reason.
	// +required
	Accounts int32 `json:"accounts"`

	// stale is how many of these have a value that is too old.
	// +optional
	Stale int32 `json:"stale,omitempty"`

	// errored is how many of these have a value that cannot be read now.
	// +optional
	Errored int32 `json:"errored,omitempty"`
}
