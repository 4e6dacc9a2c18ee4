package v1alpha1

// Trigger is a condition that starts an episode.
//
// +kubebuilder:validation:ExactlyOneOf=band;score;scoreDrop;value;renewal;lifecycle;every;noData;expression
// +kubebuilder:validation:XValidation:rule="!has(self.from) || has(self.every)",message="from: goes with every"
// +kubebuilder:validation:XValidation:rule="!has(self.__for__) || !(has(self.every) || has(self.noData))",message="for: a period begins at once, and noData has a for of its own; leave for out"
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

	// scoreDrop: the score fell by some points within some time. It is an event: once it has started a run, nothing that
	// comes later cancels its tasks.
	// +optional
	ScoreDrop *ScoreDropTrigger `json:"scoreDrop,omitempty"`

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

	// lifecycle: the account is in one of some lifecycle stages, came into one, or stays in one for too long.
	// +optional
	Lifecycle *LifecycleTrigger `json:"lifecycle,omitempty"`

	// every: a period of whole days, such as 90d. Each one that begins after the playbook first saw the account is an
	// episode with a run of its own, once, and nothing cancels its tasks. Where the run of an earlier one is still open, the
	// newest waits for its end; those between are skipped.
	// +optional
	Every Duration `json:"every,omitempty"`

	// from is the day that periods are counted from: ContractStart (the default; an account without one has no periods)
	// or AccountCreation. It goes with every.
	// +optional
	From PeriodStart `json:"from,omitempty"`

	// noData: a source that can be read has had no value of the account for some time.
	// +optional
	NoData *NoDataTrigger `json:"noData,omitempty"`

	// expression is a CEL expression that is true or false. It reads metrics, measures, health and account, and today,
	// daysSince(t), daysUntil(t), days(n), period('90d'). Where something that it reads is not known now, nothing starts and
	// nothing is canceled.
	// +optional
	Expression Expression `json:"expression,omitempty"`
}

// PeriodStart is the day that periods are counted from.
//
// +kubebuilder:validation:Enum=ContractStart;AccountCreation
type PeriodStart string

// The days that periods are counted from.
const (
	// PeriodFromContractStart is the contract's startDate.
	PeriodFromContractStart PeriodStart = "ContractStart"
	// PeriodFromAccountCreation is the day on which the Account was made.
	PeriodFromAccountCreation PeriodStart = "AccountCreation"
)

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

	// from are the bands that the account must have come from: the known band before the one that it is in. Without it any,
	// and none, will do.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="!('Unknown' in self)",message="Unknown is the absence of knowledge: name the bands before it"
	From []BandName `json:"from,omitempty"`
}

// ScoreDropTrigger holds while the score is lower, by some points, than it was within a window until now. Scores of one
// generation of the model are compared: a changed rule is not a customer who dropped.
type ScoreDropTrigger struct {
	// points by which the score fell, at least.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Points int32 `json:"points"`

	// within is the window, in whole days, at most 28d: one score a day, its last, is remembered for as long.
	// +required
	Within Duration `json:"within"`
}

// NoDataTrigger holds where there is no value of the account, or none that is new. It does not hold while the source
// cannot be read: an outage says nothing of the customer.
type NoDataTrigger struct {
	// from is where the value would come from.
	// +required
	From ValueFrom `json:"from"`

	// for is how long there has been none: since the time at which the last one was observed or, where the source has none
	// at all, since the playbook first found none. A measurement without observedTime never grows old.
	// +required
	For Duration `json:"for"`
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

// LifecycleTrigger holds while the account is in one of some lifecycle stages, or for a while after it came into one.
//
// +kubebuilder:validation:ExactlyOneOf=stages;enters
// +kubebuilder:validation:XValidation:rule="!has(self.longerThan) || has(self.stages)",message="longerThan: goes with stages"
// +kubebuilder:validation:XValidation:rule="!has(self.within) || has(self.enters)",message="within: goes with enters"
type LifecycleTrigger struct {
	// stages that hold, for as long as the account is in one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Stages []LifecycleStage `json:"stages,omitempty"`

	// longerThan is how long the account must have been in its stage, as far as the operator has seen it: see
	// status.lifecycle of the account.
	// +optional
	LongerThan Duration `json:"longerThan,omitempty"`

	// enters are stages of which each entry is an event: it holds for a while after the account came into one, or was
	// first seen in one. Once it has started a run, nothing that comes later cancels its tasks.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Enters []LifecycleStage `json:"enters,omitempty"`

	// within is for how long after the entry a run may start; 7d if unset. An entry that a limit, a cooldown or another
	// playbook holds back for longer starts nothing.
	// +optional
	Within Duration `json:"within,omitempty"`
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
