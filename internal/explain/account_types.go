package explain

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Customer names an account for people.
type Customer struct {
	Name        string `json:"account"`
	DisplayName string `json:"displayName,omitempty"`
	Owner       string `json:"owner,omitempty"`
	// ARR in the currency of the installation; absent where it is not known.
	ARR            *int64                  `json:"arr,omitempty"`
	TouchModel     v1alpha1.TouchModel     `json:"touchModel,omitempty"`
	LifecycleStage v1alpha1.LifecycleStage `json:"lifecycleStage,omitempty"`
	RenewalDate    v1alpha1.Date           `json:"renewalDate,omitempty"`
	// RenewalDays is in how many days the contract renews; negative where that day is past.
	RenewalDays *int `json:"renewalDays,omitempty"`
}

// AccountExplanation is why an account has its score and its band, and what playbooks make of it.
type AccountExplanation struct {
	Customer
	Namespace string    `json:"namespace,omitempty"`
	Now       time.Time `json:"now"`
	// Headline says it in one line.
	Headline string `json:"headline"`
	// Score is absent while it is not known.
	Score     *int32            `json:"score,omitempty"`
	Band      v1alpha1.BandName `json:"band"`
	BandSince *time.Time        `json:"bandSince,omitempty"`
	// Before is the known band before this one, and the last score in it.
	Before   *Before        `json:"before,omitempty"`
	Coverage int32          `json:"coverage"`
	Trend    v1alpha1.Trend `json:"trend,omitempty"`
	Model    *ModelUsed     `json:"model,omitempty"`
	// Unscored says why there is no score, where there is none.
	Unscored string `json:"unscored,omitempty"`
	// Dimensions make the score: their points add up to Points.
	Dimensions []Dimension `json:"dimensions,omitempty"`
	// Points is the sum of the dimensions' points, and Rounded that as a whole number: the score before rules. Absent where
	// there is no score.
	Points  string `json:"points,omitempty"`
	Rounded int32  `json:"rounded,omitempty"`
	// Lost is what is between Points and 100.
	Lost string `json:"lost,omitempty"`
	// Rules hold for the account, in order: Rounded and their points add up to the score.
	Rules []Rule `json:"rules,omitempty"`
	// Recorded are measures that have no weight.
	Recorded []Measure `json:"recorded,omitempty"`
	// Notes say what is missing, stale or cannot be read, and what that does.
	Notes    []string  `json:"notes,omitempty"`
	Override *Override `json:"override,omitempty"`
	Pending  *Pending  `json:"pending,omitempty"`
	Children []Child   `json:"children,omitempty"`
	// Changes say why the score last moved.
	Changes       []string `json:"changes,omitempty"`
	PreviousScore *int32   `json:"previousScore,omitempty"`
	History       []Point  `json:"history,omitempty"`
	// Moves say what would move the band.
	Moves     []Move     `json:"moves,omitempty"`
	Playbooks []Standing `json:"playbooks,omitempty"`
}

// Move is a change of the band that a change of the score, or the end of an override, would bring.
type Move struct {
	Band v1alpha1.BandName `json:"band"`
	// Score from which the score calls for it; absent where the end of an override brings it.
	Score *int32 `json:"score,omitempty"`
	Text  string `json:"text"`
	// By are single things that would be enough, and the score with each of them.
	By []string `json:"by,omitempty"`
}

// Before is the known band that an account was in before.
type Before struct {
	Band  v1alpha1.BandName `json:"band"`
	Score *int32            `json:"score,omitempty"`
}

// ModelUsed is the model that computed a score.
type ModelUsed struct {
	Name       string `json:"name"`
	Generation int64  `json:"generation"`
	// Why it is this one and no other.
	Why string `json:"why,omitempty"`
	// Note says where the model has changed since, so that weights and scales are those of another generation.
	Note string `json:"note,omitempty"`
	// Bands, best first, with their lowest score, and how the band changes.
	Bands  []v1alpha1.Band   `json:"bands,omitempty"`
	Margin int32             `json:"margin,omitempty"`
	Hold   v1alpha1.Duration `json:"hold,omitempty"`
	// MinimumCoverage below which the band is Unknown.
	MinimumCoverage int32 `json:"minimumCoverage,omitempty"`
}

// Dimension is a part of the score.
type Dimension struct {
	Name   string `json:"name"`
	Weight int32  `json:"weight,omitempty"`
	Score  *int32 `json:"score,omitempty"`
	// Points that it adds, Of those that it could add, and Lost what is between. Absent where it does not count.
	Points string `json:"points,omitempty"`
	Of     string `json:"of,omitempty"`
	Lost   string `json:"lost,omitempty"`
	// Measures of it, those that lost most first.
	Measures []Measure `json:"measures"`
}

// Measure is a value and what it is worth.
type Measure struct {
	Name   string              `json:"name"`
	From   string              `json:"from,omitempty"`
	Value  string              `json:"value,omitempty"`
	State  v1alpha1.ValueState `json:"state,omitempty"`
	Weight int32               `json:"weight,omitempty"`
	Score  *int32              `json:"score,omitempty"`
	// Points, Of and Lost are as those of a dimension.
	Points string `json:"points,omitempty"`
	Of     string `json:"of,omitempty"`
	Lost   string `json:"lost,omitempty"`
	// Scale says how a score is made of the value.
	Scale        string     `json:"scale,omitempty"`
	ObservedTime *time.Time `json:"observedTime,omitempty"`
	// Age of the value, such as 26m.
	Age string `json:"age,omitempty"`

	lost int64
}

// Rule is a rule that holds.
type Rule struct {
	Name   string              `json:"name"`
	Effect string              `json:"effect"`
	When   v1alpha1.Expression `json:"when,omitempty"`
	Points int32               `json:"points"`
	// Immediate means that the band it leads to takes effect at once.
	Immediate bool `json:"immediate,omitempty"`
	// Held means that it cannot be evaluated now and keeps its last effect.
	Held bool `json:"held,omitempty"`
}

// Override is a band that a person has set.
type Override struct {
	v1alpha1.AppliedOverride
	// Text says so.
	Text string `json:"text"`
}

// Pending is a band that waits.
type Pending struct {
	Band  v1alpha1.BandName `json:"band"`
	Since time.Time         `json:"since"`
	At    *time.Time        `json:"at,omitempty"`
	Text  string            `json:"text"`
}

// Child is an account that is part of another.
type Child struct {
	Customer
	Score *int32            `json:"score,omitempty"`
	Band  v1alpha1.BandName `json:"band,omitempty"`
}

// Point is a score of the past.
type Point struct {
	Day   string `json:"day"`
	Score int32  `json:"score"`
	Band  string `json:"band"`
	Model string `json:"model"`
}
