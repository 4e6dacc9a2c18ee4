package v1alpha1

// WhenMissing says what a measure without a usable value counts as.
//
// +kubebuilder:validation:Enum=Skip;Worst;Neutral;Best;LastKnown
type WhenMissing string

// What a measure without a value counts as.
const (
	// MissingSkip leaves the measure out; its weight goes to the others.
	MissingSkip WhenMissing = "Skip"
	// MissingWorst counts it as 0.
	MissingWorst WhenMissing = "Worst"
	// MissingNeutral counts it as 50.
	MissingNeutral WhenMissing = "Neutral"
	// MissingBest counts it as 100.
	MissingBest WhenMissing = "Best"
	// MissingLastKnown keeps its last score.
	MissingLastKnown WhenMissing = "LastKnown"
)

// Measure is a value that is scored.
//
// +kubebuilder:validation:XValidation:rule="self.weight == 0 || has(self.scale) || has(self.from.children)",message="scale: needed for a measure with a weight; weight: 0 records the value without scoring it"
type Measure struct {
	// name of the measure, unique in the model. Expressions read it as measures['name'].
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// dimension that the measure belongs to.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Dimension string `json:"dimension"`

	// weight within the dimension. 0 records the value, for rules and triggers, without scoring it.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Weight int32 `json:"weight"`

	// from is where the value comes from.
	// +required
	From MeasureFrom `json:"from"`

	// maxAge after which the value is Stale, where that is sooner than the source's own maxAge.
	// +optional
	MaxAge Duration `json:"maxAge,omitempty"`

	// scale turns the value into a score. Only a measure from children works without one: their scores are the score.
	// +optional
	Scale *Scale `json:"scale,omitempty"`

	// whenMissing says what a Missing or Stale value counts as: Skip (the default; its weight goes to the others), Worst
	// (0), Neutral (50), Best (100) or LastKnown. A source that cannot be read is not a missing value: the last score stands.
	// +optional
	WhenMissing WhenMissing `json:"whenMissing,omitempty"`
}

// MeasureFrom is where a measure's value comes from.
//
// +kubebuilder:validation:ExactlyOneOf=source;measurement;expression;children
// +kubebuilder:validation:XValidation:rule="has(self.source) == has(self.metric)",message="source and metric go together"
type MeasureFrom struct {
	// source is the name of a DataSource in this namespace; metric goes with it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source,omitempty"`

	// metric is a metric of that DataSource.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric,omitempty"`

	// measurement is the name of a value in the account's spec.measurements.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Measurement string `json:"measurement,omitempty"`

	// expression is a CEL expression whose result is the value: a number, a text or a time. It reads
	// metrics.<source>.<metric>, account and today: "metrics.usage.wau / account.spec.contract.seats". Where it has no
	// result, because something that it reads has no value say, the measure is Missing.
	// +optional
	Expression Expression `json:"expression,omitempty"`

	// children makes one value of the scores of the accounts whose parentRef is this account, Churned ones and those
	// without a score left out: Average, Worst, or ARRWeighted (the average weighted by the ARR of each child and all
	// accounts below it). Without any it is Missing. It needs no scale.
	// +optional
	Children ChildrenMode `json:"children,omitempty"`
}

// ChildrenMode says how the scores of an account's children become one value.
//
// +kubebuilder:validation:Enum=Average;Worst;ARRWeighted
type ChildrenMode string

// How the scores of children become one value.
const (
	// ChildrenAverage is the plain average.
	ChildrenAverage ChildrenMode = "Average"
	// ChildrenWorst is the lowest score.
	ChildrenWorst ChildrenMode = "Worst"
	// ChildrenARRWeighted is the average weighted by ARR.
	ChildrenARRWeighted ChildrenMode = "ARRWeighted"
)

// Scale turns a value into a score from 0 to 100.
//
// +kubebuilder:validation:ExactlyOneOf=linear;steps;categories;expression
type Scale struct {
	// linear: worst scores 0, best scores 100, in proportion between, the nearer end beyond. A worst above best inverts.
	// +optional
	Linear *LinearScale `json:"linear,omitempty"`

	// steps: the score of the highest min that the value reaches; below the lowest min the score is 0.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Steps []Step `json:"steps,omitempty"`

	// categories: the score of each word. A word that is not listed counts as Missing.
	// +optional
	// +listType=map
	// +listMapKey=value
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Categories []CategoryScore `json:"categories,omitempty"`

	// expression is a CEL expression whose result is the score, cut to 0 and 100. It reads value, account and today:
	// "100.0 - 5.0 * daysSince(value)". A value for which it has no result counts as Missing.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// LinearScale is a straight line between two values.
//
// +kubebuilder:validation:XValidation:rule="string(self.worst) != string(self.best)",message="worst and best must differ"
type LinearScale struct {
	// worst is the value that scores 0.
	// +required
	Worst Decimal `json:"worst"`

	// best is the value that scores 100.
	// +required
	Best Decimal `json:"best"`
}

// Step is one step of a scale.
type Step struct {
	// min is the lowest value of the step, inclusive.
	// +required
	Min Decimal `json:"min"`

	// score of the step.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Score int32 `json:"score"`
}

// CategoryScore is the score of one word.
type CategoryScore struct {
	// value is the word, as the source writes it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Value string `json:"value"`

	// score of the word.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Score int32 `json:"score"`
}
