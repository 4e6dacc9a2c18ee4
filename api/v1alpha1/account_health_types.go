package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Trend is where a score is heading.
//
// +kubebuilder:validation:Enum=Improving;Stable;Declining
type Trend string

// The trends.
const (
	TrendImproving Trend = "Improving"
	TrendStable    Trend = "Stable"
	TrendDeclining Trend = "Declining"
)

// Health is a customer's health: the score, the band, and everything they were computed from.
type Health struct {
	// score is the health score, 0 (worst) to 100 (best). Absent while it is not known.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Score *int32 `json:"score,omitempty"`

	// band the account is in. Unknown while fewer values are known than the model's minimumCoverage asks for.
	// +optional
	Band BandName `json:"band,omitempty"`

	// bandSince is when the account entered its band.
	// +optional
	BandSince *metav1.Time `json:"bandSince,omitempty"`

	// lastBand is the last band before this one that was not Unknown.
	// +optional
	LastBand BandName `json:"lastBand,omitempty"`

	// previousBand is the known band that the account was in before its present one. Unlike lastBand it stays while the band
	// is Unknown for a time.
	// +optional
	PreviousBand BandName `json:"previousBand,omitempty"`

	// pendingBand is the band that the account will enter when the model's bandChange.hold has passed. While the band is
	// overridden, it is about the band that the score calls for.
	// +optional
	PendingBand *PendingBand `json:"pendingBand,omitempty"`

	// override is present while a person has set the band: spec.healthOverride. The score goes on as it would.
	// +optional
	Override *AppliedOverride `json:"override,omitempty"`

	// previousScore is the score before it last changed under this generation of the model.
	// +optional
	PreviousScore *int32 `json:"previousScore,omitempty"`

	// trend of the score over the model's trend window: Improving, Stable or Declining.
	// +optional
	Trend Trend `json:"trend,omitempty"`

	// coverage is the percentage of the model's weight that has a value.
	// +optional
	Coverage int32 `json:"coverage"`

	// model is the name of the HealthScoreModel that computed this.
	// +optional
	Model string `json:"model,omitempty"`

	// modelGeneration is the generation of that model. Scores of different generations are not compared.
	// +optional
	ModelGeneration int64 `json:"modelGeneration,omitempty"`

	// modelUID tells a model that was deleted and made anew from the one before.
	// +optional
	ModelUID types.UID `json:"modelUID,omitempty"`

	// modelSince is when this generation of the model first computed this account's health. Scores from before are not
	// compared with those since.
	// +optional
	ModelSince *metav1.Time `json:"modelSince,omitempty"`

	// dimensions are the parts of the score, in the model's order. Their points add up to the score before rules.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Dimensions []DimensionScore `json:"dimensions,omitempty"`

	// measures are the values behind each dimension, in the model's order. The points of a dimension's measures add up
	// to the dimension's points.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Measures []MeasureScore `json:"measures,omitempty"`

	// facts are the values that rules, expressions and triggers in force read and that no measure holds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Facts []Fact `json:"facts,omitempty"`

	// rulesApplied are the model's rules that hold for the account, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	RulesApplied []AppliedRule `json:"rulesApplied,omitempty"`

	// changes says why the score last moved, in points that add up to the difference: the model, rules, then measures, the
	// largest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Changes []string `json:"changes,omitempty"`

	// history is at most thirty earlier scores, one for a UTC day on which the score changed, oldest first:
	// day, score, band, model/generation. A band that a person had set is marked: Critical(override).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=30
	History []string `json:"history,omitempty"`
}

// PendingBand is a band that waits for its hold to pass.
type PendingBand struct {
	// band that the account will enter.
	// +required
	Band BandName `json:"band"`

	// since is when the score began to call for that band, or one beyond it.
	// +required
	Since metav1.Time `json:"since"`

	// effectiveTime is when the account will enter the band, if the score calls for it until then.
	// +optional
	EffectiveTime *metav1.Time `json:"effectiveTime,omitempty"`
}

// AppliedOverride is a band that a person has set, and the one that the score calls for.
type AppliedOverride struct {
	// by is who set it.
	// +required
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by"`

	// reason that the person gave.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`

	// until is the last day on which it holds.
	// +required
	Until Date `json:"until"`

	// computedBand is the band that the account would be in without it.
	// +required
	ComputedBand BandName `json:"computedBand"`

	// computedLastBand is, while computedBand is Unknown, the last one before that was not.
	// +optional
	ComputedLastBand BandName `json:"computedLastBand,omitempty"`
}

// DimensionScore is one dimension's part of the score.
type DimensionScore struct {
	// name of the dimension in the model.
	// +required
	Name string `json:"name"`

	// score of the dimension, 0 to 100. Absent while none of its measures has a score.
	// +optional
	Score *int32 `json:"score,omitempty"`

	// points that the dimension adds to the account's score.
	// +optional
	Points string `json:"points,omitempty"`
}

// MeasureScore is one measure's value and its part of the score.
type MeasureScore struct {
	// name of the measure in the model.
	// +required
	Name string `json:"name"`

	// dimension that the measure belongs to.
	// +optional
	Dimension string `json:"dimension,omitempty"`

	// from is where the value comes from: "<source>.<metric>", "measurement <name>", "children <mode>", or "expression" and
	// a digest of it. A value of another origin is not what the measure remembers.
	// +optional
	From string `json:"from,omitempty"`

	// value as it was observed. Absent while Missing, unless the measure keeps the last known one (whenMissing: LastKnown).
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Value string `json:"value,omitempty"`

	// score of the value, 0 to 100. Absent where the measure does not count.
	// +optional
	Score *int32 `json:"score,omitempty"`

	// points that the measure adds to the account's score.
	// +optional
	Points string `json:"points,omitempty"`

	// state of the value: Fresh, Stale (older than its maxAge), Missing (the source has none) or Errored (the source, or
	// this value of it, cannot be read now). What was Missing or Stale before the source failed stays so.
	// +optional
	State ValueState `json:"state,omitempty"`

	// observedTime is when the value was true; of an expression, the oldest of the values that it reads.
	// +optional
	ObservedTime *metav1.Time `json:"observedTime,omitempty"`

	// asOf is the day for which a value, or its score, that changes with the day was computed. Without a fresh value it does
	// not go on changing.
	// +optional
	AsOf Date `json:"asOf,omitempty"`

	// message says why an expression has no result.
	// +optional
	Message string `json:"message,omitempty"`
}

// Fact is a value that a rule, a measure's expression or a trigger reads.
type Fact struct {
	// source that gave the value; empty for a measurement entered by hand.
	// +optional
	Source string `json:"source,omitempty"`

	// metric of that source.
	// +required
	Metric string `json:"metric"`

	// value as it was observed. Absent while Missing.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Value string `json:"value,omitempty"`

	// state of the value, where it is not Fresh.
	// +optional
	State ValueState `json:"state,omitempty"`

	// observedTime is when the value was true.
	// +optional
	ObservedTime *metav1.Time `json:"observedTime,omitempty"`
}

// AppliedRule is a rule that holds for the account.
type AppliedRule struct {
	// name of the rule in the model.
	// +required
	Name string `json:"name"`

	// effect of the rule: for example "cap 39".
	// +required
	Effect string `json:"effect"`

	// points that the rule adds to the score, or takes from it; absent where it changes nothing.
	// +optional
	Points int32 `json:"points,omitempty"`

	// held is true while the rule cannot be evaluated and keeps its last effect.
	// +optional
	Held bool `json:"held,omitempty"`
}

// EpisodeState is where an episode stands.
//
// +kubebuilder:validation:Enum=Clear;Ignored;Pending;Due;Firing
type EpisodeState string

// The states of an episode.
const (
	// EpisodeClear: no trigger holds.
	EpisodeClear EpisodeState = "Clear"
	// EpisodeIgnored: only triggers hold that did when the playbook first saw the account, and the playbook ignores such.
	EpisodeIgnored EpisodeState = "Ignored"
	// EpisodePending: a trigger holds, not yet for long enough.
	EpisodePending EpisodeState = "Pending"
	// EpisodeDue: a run may start.
	EpisodeDue EpisodeState = "Due"
	// EpisodeFiring: the run of this episode was made.
	EpisodeFiring EpisodeState = "Firing"
)

// Episode is what an account remembers of one playbook: from the moment a trigger holds until none does. For triggers
// with per: Observation there is one for each metric that they watch, and for those with every one for each trigger.
type Episode struct {
	// name of the playbook.
	// +required
	Name string `json:"name"`

	// source whose observations this is about; absent for triggers that watch a state.
	// +optional
	Source string `json:"source,omitempty"`

	// metric whose observations this is about.
	// +optional
	Metric string `json:"metric,omitempty"`

	// every is the name of the trigger with every whose periods this is about.
	// +optional
	Every string `json:"every,omitempty"`

	// observedTime of the observation, or the beginning of the period, that the latest run is for, or that waits for one.
	// +optional
	ObservedTime *metav1.Time `json:"observedTime,omitempty"`

	// upTo is the time up to which observations are history: their run was made, or none will be.
	// +optional
	UpTo *metav1.Time `json:"upTo,omitempty"`

	// taken are the times of later observations whose run was made, at most eight.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Taken []metav1.Time `json:"taken,omitempty"`

	// state: Clear (no trigger holds), Ignored (only what held already when the playbook first saw the account
	// does), Pending (a trigger holds, not yet for long enough), Due (a run may start) or Firing (its run was made).
	// +required
	State EpisodeState `json:"state"`

	// since is when the episode entered this state.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// sequence numbers the episodes of this playbook on this account, from 1.
	// +optional
	Sequence int64 `json:"sequence,omitempty"`

	// clearedSequence is the number of the latest episode whose condition has cleared.
	// +optional
	ClearedSequence int64 `json:"clearedSequence,omitempty"`

	// endedTime is when the work of the latest episode ended; the playbook's cooldown counts from it.
	// +optional
	EndedTime *metav1.Time `json:"endedTime,omitempty"`

	// pending is how long each trigger that holds, or that cannot be judged now, has held.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Pending []PendingTrigger `json:"pending,omitempty"`

	// armed are the triggers that may start a run, where others may not: with existing: Ignore one that held, or could not be
	// judged, when the playbook first saw the account starts nothing until it did not hold once. Absent: all of them may, or
	// none where the state is Ignored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Armed []string `json:"armed,omitempty"`
}

// PendingTrigger is how long a trigger has held.
type PendingTrigger struct {
	// trigger is its name in the playbook.
	// +required
	Trigger string `json:"trigger"`

	// since is when it began to hold, less the time in which it could not be judged. Absent while it cannot be judged.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`

	// elapsed is how long it had held when it could no longer be judged. That time does not run on meanwhile.
	// +optional
	Elapsed Duration `json:"elapsed,omitempty"`
}
