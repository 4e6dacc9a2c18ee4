package v1alpha1

// Trigger is a condition that starts an episode.
//
// +kubebuilder:validation:ExactlyOneOf=band;score;value;renewal;lifecycle
// +kubebuilder:validation:XValidation:rule="!has(self.per) || self.per == 'State' || (has(self.value) && has(self.value.from.source))",message="per: Observation is for a value trigger whose value comes from a source"
// +kubebuilder:validation:XValidation:rule="!has(self.per) || self.per == 'State' || !has(self.__for__)",message="for: an observation holds at once; leave for out with per: Observation"
type Trigger struct {
	// name of the trigger, unique in the playbook.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// for is how long the condition must hold first.
	// +optional
	For Duration `json:"for,omitempty"`

	// band: the account is in one of these bands.
	// +optional
	Band *BandTrigger `json:"band,omitempty"`

	// score: the score is within bounds.
	// +optional
	Score *ScoreTrigger `json:"score,omitempty"`

	// value: a metric or measurement is within bounds, or one of some words.
	// +optional
	Value *ValueTrigger `json:"value,omitempty"`

	// per says what an episode is for: State (the default), the value as it is now, whose episode ends when it no
	// longer holds; or Observation, each row of the source by itself, such as each answer to a survey. Every observation
	// that holds is an episode with a run of its own, once; what comes later does not cancel its tasks. The source needs
	// observedTime; rows of one account with the same time, to the second, are one observation. Runs of one account start
	// one after the other, the oldest observation first: the next when the work of the one before has ended and the
	// cooldown is over. Of the observations that the playbook finds when it first sees any of the account only the newest
	// counts; with existing: Ignore, only those that come after it first saw the account. One that is older than the
	// source's maxAge starts nothing.
	// +optional
	Per TriggerPer `json:"per,omitempty"`

	// renewal: the contract's renewalDate is near, or past.
	// +optional
	Renewal *RenewalTrigger `json:"renewal,omitempty"`

	// lifecycle: the account is in one of these lifecycle stages.
	// +optional
	Lifecycle *LifecycleTrigger `json:"lifecycle,omitempty"`
}

// TriggerPer says what an episode is for.
//
// +kubebuilder:validation:Enum=State;Observation
type TriggerPer string

// What an episode is for.
const (
	// PerState is the value as it is now.
	PerState TriggerPer = "State"
	// PerObservation is each row of the source by itself.
	PerObservation TriggerPer = "Observation"
)

// BandTrigger holds while the account is in one of some bands.
type BandTrigger struct {
	// in are the bands. Unknown is not a band that a trigger can watch.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="!('Unknown' in self)",message="Unknown is the absence of knowledge: it starts nothing"
	In []BandName `json:"in"`
}

// ScoreTrigger holds while the score is within bounds.
//
// +kubebuilder:validation:XValidation:rule="has(self.atMost) || has(self.atLeast)",message="atMost, atLeast or both"
type ScoreTrigger struct {
	// atMost is the highest score that holds, inclusive.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	AtMost *int32 `json:"atMost,omitempty"`

	// atLeast is the lowest score that holds, inclusive.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	AtLeast *int32 `json:"atLeast,omitempty"`
}

// ValueTrigger holds while a value is within bounds, or one of some words.
//
// +kubebuilder:validation:XValidation:rule="has(self.__in__) ? !has(self.atMost) && !has(self.atLeast) : has(self.atMost) || has(self.atLeast)",message="atMost, atLeast or both for a number; in for a category"
type ValueTrigger struct {
	// from is where the value comes from.
	// +required
	From ValueFrom `json:"from"`

	// atMost is the highest value that holds, inclusive.
	// +optional
	AtMost *Decimal `json:"atMost,omitempty"`

	// atLeast is the lowest value that holds, inclusive.
	// +optional
	AtLeast *Decimal `json:"atLeast,omitempty"`

	// in are the words that hold.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	In []string `json:"in,omitempty"`
}

// RenewalTrigger holds from some time before the renewal date until the date moves.
type RenewalTrigger struct {
	// within is how long before the renewal date it begins to hold. Once the date is past it holds until the date moves.
	// +required
	Within Duration `json:"within"`
}

// LifecycleTrigger holds while the account is in one of some lifecycle stages.
type LifecycleTrigger struct {
	// stages that hold.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Stages []LifecycleStage `json:"stages"`
}

// ValueFrom is where a value comes from.
//
// +kubebuilder:validation:XValidation:rule="has(self.measurement) ? !has(self.source) && !has(self.metric) : has(self.source) && has(self.metric)",message="either source and metric, or measurement"
type ValueFrom struct {
	// source is the name of a DataSource in this namespace; metric goes with it.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Source string `json:"source,omitempty"`

	// metric is a metric of that DataSource.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric,omitempty"`

	// measurement is the name of a value in the account's spec.measurements.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Measurement string `json:"measurement,omitempty"`
}
