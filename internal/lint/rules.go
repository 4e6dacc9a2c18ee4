package lint

// The rules, by ID.
const (
	RuleRead           = "read"
	RuleSchema         = "schema"
	RuleQuotes         = "quotes"
	RuleCompile        = "compile"
	RuleReference      = "reference"
	RuleType           = "type"
	RuleBand           = "band"
	RuleOutcome        = "outcome"
	RuleMeasurement    = "measurement"
	RuleStage          = "stage"
	RuleInhibitedCycle = "inhibited-cycle"
	RulePreviousName   = "previous-name"
	RuleParentCycle    = "parent-cycle"
	RuleConstant       = "constant"
	RuleDivision       = "division"
	RuleModelOverlap   = "model-overlap"
	RuleModelUnused    = "model-unused"
	RuleWeight         = "weight"
	RuleScale          = "scale"
	RuleBandReach      = "band-reach"
	RuleBandMargin     = "band-margin"
	RuleMaxAge         = "max-age"
	RuleSubstitution   = "substitution"
)

// Rule is one thing that Check looks at.
type Rule struct {
	// ID of the rule.
	ID string `json:"id"`
	// Severity of what it finds; of a note only in the form that Text says.
	Severity Severity `json:"severity"`
	// Text says in a line what it finds.
	Text string `json:"text"`
}

// Rules are all rules, in the order in which the help lists them.
func Rules() []Rule {
	return []Rule{
		{RuleRead, Error, "a file that cannot be read, an object that is there twice"},
		{RuleSchema, Error, "what the API server refuses: unknown fields, wrong types, missing fields, broken rules of the definition"},
		{RuleQuotes, Error, "text without quotes that YAML reads as something else: No, 0.40, 0015e7; a date is a warning"},
		{RuleCompile, Error, "what the operator cannot use: expressions, durations, scales, steps that wait for each other, outcomes that a step does not offer"},
		{RuleReference, Error, "a source, metric, measure, column, playbook, account or key that is not there; a note with --allow-missing"},
		{RuleType, Error, "a metric of a type that cannot be used so: text that is scored, bounds of a word, observations without a time"},
		{RuleBand, Error, "a band that no model has"},
		{RuleOutcome, Warning, "an outcome that may not be there where an expression or a text reads it"},
		{RuleMeasurement, Warning, "a measurement that nobody enters, where one of almost the same name is entered"},
		{RuleStage, Warning, "a lifecycle stage that is almost one of those that are known"},
		{RuleInhibitedCycle, Warning, "three playbooks or more that hold each other back in a circle; two that do are a note"},
		{RulePreviousName, Error, "a previous name of a playbook that is in use, or that two claim; a reference to one is a warning"},
		{RuleParentCycle, Error, "accounts that are each part of the other"},
		{RuleConstant, Warning, "a condition that is always true or always false"},
		{RuleDivision, Warning, "a division of whole numbers that leaves something over: 1/2 is 0"},
		{RuleModelOverlap, Warning, "models of one priority that select the same accounts"},
		{RuleModelUnused, Warning, "a model whose accounts all go to one of a higher priority"},
		{RuleWeight, Warning, "a measure that is neither scored nor read, or makes less than 1% of the score"},
		{RuleScale, Warning, "a scale that gives the same score for every value"},
		{RuleBandReach, Warning, "a band that no score can bring an account into, because of the margin"},
		{RuleBandMargin, Warning, "a cap, floor or set that does not move the band, because of the margin or of where the band begins"},
		{RuleMaxAge, Warning, "a maxAge that changes nothing, or that is over before the next read"},
		{RuleSubstitution, Warning, "${} without the annotation that keeps Flux from filling it in"},
	}
}
