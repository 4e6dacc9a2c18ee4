package crd

import (
	"strings"
	"testing"
)

func TestTheAPIServerSaysOfScoring(t *testing.T) {
	const override = "{healthOverride: {band: Critical, reason: sponsor left, by: jo@example.com, until: '2026-12-01'}}"
	from := func(text string) map[string]string { return map[string]string{"measures.0.from": text} }
	const origins = "exactly one of the fields in [source measurement expression children]"
	for name, c := range map[string]answer{
		"an override":                                 {"Account", override, nil, ""},
		"an override until a date in RFC 3339":        {"Account", override, map[string]string{"healthOverride.until": "'2026-12-01T00:00:00Z'"}, ""},
		"an override needs a band":                    {"Account", override, map[string]string{"healthOverride.band": "null"}, "spec.healthOverride.band: Required"},
		"an override needs a reason":                  {"Account", override, map[string]string{"healthOverride.reason": "null"}, "spec.healthOverride.reason: Required"},
		"an override needs somebody who says so":      {"Account", override, map[string]string{"healthOverride.by": "null"}, "spec.healthOverride.by: Required"},
		"an override needs an end":                    {"Account", override, map[string]string{"healthOverride.until": "null"}, "spec.healthOverride.until: Required"},
		"a reason is not empty":                       {"Account", override, map[string]string{"healthOverride.reason": "''"}, "spec.healthOverride.reason"},
		"a reason has at most 256 characters":         {"Account", override, map[string]string{"healthOverride.reason": strings.Repeat("x", 257)}, "spec.healthOverride.reason"},
		"by is not empty":                             {"Account", override, map[string]string{"healthOverride.by": "''"}, "spec.healthOverride.by"},
		"Unknown is no band to set by hand":           {"Account", override, map[string]string{"healthOverride.band": "Unknown"}, "Unknown is not a judgement; choose one of the model's bands"},
		"a band is CamelCase":                         {"Account", override, map[string]string{"healthOverride.band": "critical"}, "spec.healthOverride.band"},
		"an override ends on a day of the calendar":   {"Account", override, map[string]string{"healthOverride.until": "'2026-11-31'"}, "must be a day of the calendar"},
		"a misspelt field of an override is refused":  {"Account", override, map[string]string{"healthOverride.forever": "true"}, "forever"},
		"a value from a metric":                       {"HealthScoreModel", model, from("{source: s, metric: wau}"), ""},
		"a value that a person entered":               {"HealthScoreModel", model, from("{measurement: sentiment}"), ""},
		"a value from an expression":                  {"HealthScoreModel", model, from("{expression: metrics.s.wau / 2.0}"), ""},
		"a value from children":                       {"HealthScoreModel", model, from("{children: Average}"), ""},
		"a value from nowhere":                        {"HealthScoreModel", model, from("{}"), origins},
		"a value from a metric and an expression":     {"HealthScoreModel", model, from("{source: s, metric: wau, expression: metrics.s.wau}"), origins},
		"a value from an expression and children":     {"HealthScoreModel", model, from("{expression: metrics.s.wau, children: Worst}"), origins},
		"a value from a person and children":          {"HealthScoreModel", model, from("{measurement: sentiment, children: Worst}"), origins},
		"a source without a metric":                   {"HealthScoreModel", model, from("{source: s}"), "source and metric go together"},
		"a metric beside a measurement":               {"HealthScoreModel", model, from("{measurement: sentiment, metric: wau}"), "source and metric go together"},
		"children in a way that there is not":         {"HealthScoreModel", model, from("{children: Best}"), "measures[0].from.children"},
		"an expression that is empty":                 {"HealthScoreModel", model, from("{expression: ''}"), "measures[0].from.expression"},
		"children need no scale":                      {"HealthScoreModel", model, map[string]string{"measures.0.from": "{children: ARRWeighted}", "measures.0.scale": "null"}, ""},
		"children may have a scale":                   {"HealthScoreModel", model, map[string]string{"measures.0.from": "{children: ARRWeighted}", "measures.0.scale": "{linear: {worst: 0, best: 50}}"}, ""},
		"an expression with a weight needs a scale":   {"HealthScoreModel", model, map[string]string{"measures.0.from": "{expression: metrics.s.wau}", "measures.0.scale": "null"}, "needed for a measure with a weight"},
		"a scale that is an expression":               {"HealthScoreModel", model, map[string]string{"measures.0.scale": "{expression: 100.0 - 5.0 * daysSince(value)}"}, ""},
		"a scale that is an expression and a line":    {"HealthScoreModel", model, map[string]string{"measures.0.scale": "{expression: value * 2.0, linear: {worst: 0, best: 50}}"}, "exactly one of the fields in [linear steps categories expression]"},
		"a scale that is nothing":                     {"HealthScoreModel", model, map[string]string{"measures.0.scale": "{}"}, "exactly one of the fields in [linear steps categories expression]"},
		"a hold and a margin":                         {"HealthScoreModel", model, map[string]string{"bandChange": "{margin: 2, hold: 1h}"}, ""},
		"a margin of more than a band":                {"HealthScoreModel", model, map[string]string{"bandChange": "{margin: 51}"}, "spec.bandChange.margin"},
		"a hold that is no duration":                  {"HealthScoreModel", model, map[string]string{"bandChange": "{hold: an hour}"}, "spec.bandChange.hold"},
		"a rule that is neither Held nor Immediate":   {"HealthScoreModel", model, map[string]string{"rules": "[{name: r, when: 'true', cap: 3, timing: Later}]"}, "spec.rules[0].timing"},
		"a priority beyond what anybody needs":        {"HealthScoreModel", model, map[string]string{"priority": "1000001"}, "spec.priority"},
		"a selector of a touch model that is not one": {"HealthScoreModel", model, map[string]string{"accountSelector": "{touchModels: [NoTouch]}"}, "spec.accountSelector.touchModels[0]"},
	} {
		t.Run(name, c.check)
	}
}
