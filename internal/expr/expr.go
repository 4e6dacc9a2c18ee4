// Package expr is the CEL that models, playbooks and account templates are written with: it compiles an expression once,
// says what it reads, and evaluates it against one account. It is pure: no clock, no I/O, no randomness.
package expr

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Context says where an expression stands, and so which variables it has.
type Context int

// The contexts.
const (
	// ContextRule is a rule of a model: metrics, measures, score, account.
	ContextRule Context = iota
	// ContextStep is a step of a playbook: metrics, measures, health, account, outcomes.
	ContextStep
	// ContextRow is the template of an AccountSet: row.
	ContextRow
	// ContextMeasure is a measure of a model: metrics, account.
	ContextMeasure
	// ContextScale is the scale of a measure: value, account.
	ContextScale
	// ContextTrigger is a trigger of a playbook: metrics, measures, health, account.
	ContextTrigger
)

// Reads is what an expression reads, each list sorted and without duplicates.
type Reads struct {
	// Metrics that are read.
	Metrics []v1alpha1.MetricReference
	// Measures that are read, by name.
	Measures []string
	// Outcomes that are read, by the name of their step.
	Outcomes []string
	// Row is the columns of the row that are read.
	Row []string
	// Time is true where the result depends on the day: today, daysSince, daysUntil, nextAnniversary. Its next change by
	// itself is then the next midnight in the time zone.
	Time bool
	// Health is true where the account's health is read.
	Health bool
	// Score is true where more of the account's health is read than its bands and the name of its model.
	Score bool
	// Account is true where the account's names, labels, annotations or spec are read.
	Account bool
}

// MeasureValue is a measure as expressions see it; what is nil is not there.
type MeasureValue struct {
	Value *value.Value
	Score *int32
}

// Vars are the values that an expression is evaluated with. Only those that its Context has are used.
type Vars struct {
	// Now is the moment of the evaluation; expressions see only its day, in Location.
	Now time.Time
	// Location is the time zone of days; nil is UTC.
	Location *time.Location
	// Account that the expression is about.
	Account *v1alpha1.Account
	// Health of the account; nil where it was never evaluated.
	Health *v1alpha1.Health
	// Score before the rule, 0 to 100.
	Score int32
	// Value that a scale turns into a score.
	Value value.Value
	// Metrics that have a value.
	Metrics map[v1alpha1.MetricReference]value.Value
	// Measures by name.
	Measures map[string]MeasureValue
	// Outcomes of finished steps, by step.
	Outcomes map[string]string
	// Row is the values of one row, by column.
	Row map[string]value.Value
}
