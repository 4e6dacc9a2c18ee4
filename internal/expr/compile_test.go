package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestCompileBoolErrors(t *testing.T) {
	for name, c := range map[string]struct {
		context    Context
		expression v1alpha1.Expression
		want       string
	}{
		"a misspelt field of the account's spec":  {ContextRule, "account.spec.ownr == 'x'", "column 13: undefined field 'ownr' of account.spec; it has contract, displayName, externalIDs, healthOverride, lifecycleStage, measurements, owner, parentRef, team, touchModel"},
		"a misspelt field of health":              {ContextStep, "health.scor < 3", "column 7: undefined field 'scor' of health; it has band, coverage, lastBand, model, previousBand, previousScore, score, trend"},
		"a misspelt field of a measure":           {ContextStep, "measures['a'].scor < 3", "column 14: undefined field 'scor' of a measure; it has score, value"},
		"a misspelt field inside a loop":          {ContextRule, "account.spec.team.all(m, m.rol == 'x')", "column 27: undefined field 'rol'"},
		"the account's status":                    {ContextRule, "account.status.health.score > 3", "column 8: undefined field 'status' of account; it has annotations, labels, name, spec"},
		"a variable of another context":           {ContextRule, "health.score > 3", "column 1: undeclared reference to 'health'; known here: metrics, measures, score, account, today"},
		"an outcome in a trigger":                 {ContextTrigger, "outcomes.triage == 'x'", "column 1: undeclared reference to 'outcomes'; known here: metrics, measures, health, account, today"},
		"a score in a trigger":                    {ContextTrigger, "score < 40", "column 1: undeclared reference to 'score'; known here: metrics, measures, health, account, today"},
		"a misspelt field of health in a trigger": {ContextTrigger, "health.bnad == 'x'", "column 7: undefined field 'bnad' of health; it has band, coverage, lastBand, model, previousBand, previousScore, score, trend"},
		"an account in a row":                     {ContextRow, "account.name == row.name", "column 1: undeclared reference to 'account'; known here: row, today"},
		"team in a row":                           {ContextRow, "team('x') == 'a'", "column 5: undeclared reference to 'team'; known here: row, today"},
		"a clock":                                 {ContextRule, "now > today", "column 1: undeclared reference to 'now'; known here: metrics, measures, score, account, today"},
		"a number compared with text":             {ContextRule, "account.spec.contract.arr == 'x'", "column 27: found no matching overload for '==' applied to '(double, string)'"},
		"only what is wrong, not what was helped": {ContextRule, "score == 5 && account.name == 3", "column 28: found no matching overload for '==' applied to '(string, double)'"},
		"a number that stands alone":              {ContextRule, "score", "column 1: must be true or false, not a number"},
		"a metric that stands alone":              {ContextRule, "metrics.a.b", "column 1: must be true or false, not a value of any type (compare it with something)"},
		"a text that stands alone":                {ContextRule, "account.name", "column 1: must be true or false, not a text"},
		"a syntax error":                          {ContextRule, "score >", "column 8: Syntax error: mismatched input '<EOF>'"},
		"a mistake on the second line":            {ContextRule, "score > 3 &&\n  scor < 5", "line 2, column 3: undeclared reference to 'scor'; known here: metrics, measures, score, account, today"},
		"a key of metrics that is computed":       {ContextRule, "metrics[account.name].x > 1", "column 16: metrics: a key must be a literal: write metrics.<source>.<metric>, or metrics['<source>'].<metric>"},
		"a key of measures that is computed":      {ContextRule, "measures['a' + 'b'].score > 1", "column 14: measures: a key must be a literal: write measures['<measure>'].value or .score"},
		"a key of outcomes that is computed":      {ContextStep, "account.name in outcomes", "column 8: outcomes: a key must be a literal: write outcomes['<step>']"},
		"a key of row that is computed":           {ContextRow, "row[row.x] == 1", "column 8: row: a key must be a literal: write row.<column>, or row['<column>']"},
		"a source without a metric":               {ContextRule, "has(metrics.support)", "column 4: metrics: write metrics.<source>.<metric>, or metrics['<source>'].<metric>"},
		"all metrics":                             {ContextRule, "size(metrics) > 0", "column 6: metrics: write metrics.<source>.<metric>, or metrics['<source>'].<metric>"},
		"metrics hidden by dyn":                   {ContextRule, "dyn(metrics).a.b > 0", "column 5: metrics: write metrics.<source>.<metric>, or metrics['<source>'].<metric>"},
		"a loop that hides a variable":            {ContextRule, "[1].all(metrics, metrics > 0)", "column 8: metrics is a variable already: use another name inside the loop"},
		"an optional that hides a variable":       {ContextRule, "optional.of(1).optMap(today, today + 1).hasValue()", "column 22: today is a variable already: use another name inside the loop"},
		"a period that is none":                   {ContextRule, "today - period('90 days') < today", "column 16: not a duration: write 36h, 90d or 12w"},
		"a date that is none":                     {ContextRule, "daysSince('2026-02-30') > 1", "column 11: not a date: write 2027-02-01, or give a time"},
		"a regular expression that is none":       {ContextRule, "account.name.matches('[')", "column 22: invalid matches argument"},
		"a regular expression that is enormous":   {ContextRule, "account.name.matches('((a{100}){100}){10}')", "column 22: invalid matches argument"},
		"an object of a made-up type":             {ContextRule, "Account{name: 'x'} == account", "column 8: undeclared reference to 'Account'; known here: metrics, measures, score, account, today"},
		"an expression that is too long":          {ContextRule, v1alpha1.Expression("score > " + strings.Repeat("1", 1020)), "expression code point size exceeds limit: size: 1028, limit 1024"},
		"an expression that is too deep":          {ContextRule, v1alpha1.Expression("score > 1" + strings.Repeat(" + 1", 200)), "max recursion depth exceeded"},
		"loops that are too deep":                 {ContextRule, "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))", "column 41: comprehension exceeds nesting limit"},
		"nothing":                                 {ContextRule, "", "column 1: Syntax error: mismatched input '<EOF>'"},
		"a context that is none":                  {Context(9), "true", "no such context: 9"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(c.context, c.expression)
			if err == nil {
				t.Fatalf("no error, but a program: %+v", p.Reads())
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReads(t *testing.T) {
	ref := func(source, metric string) v1alpha1.MetricReference {
		return v1alpha1.MetricReference{Source: source, Metric: metric}
	}
	for name, c := range map[string]struct {
		context    Context
		expression v1alpha1.Expression
		want       Reads
	}{
		"metrics are sorted and named once": {
			ContextRule, "metrics.b.y > 1 && metrics.a.z > 1 && metrics['b']['y'] > 2 && metrics['a-1'].z > 2",
			Reads{Metrics: []v1alpha1.MetricReference{ref("a", "z"), ref("a-1", "z"), ref("b", "y")}},
		},
		"a metric that is only asked for is read": {
			ContextRule, "has(metrics.a.b) || 'c' in metrics.a || metrics.a.?d.hasValue() || metrics[?'a'][?'e'].hasValue()",
			Reads{Metrics: []v1alpha1.MetricReference{ref("a", "b"), ref("a", "c"), ref("a", "d"), ref("a", "e")}},
		},
		"metrics inside loops, lists, maps and arguments are read": {
			ContextRule, "[metrics.a.b].all(x, x > {'k': metrics.a.c}.k) && math.greatest(metrics.a.d, 1) > 0 && -metrics.a.e < 0",
			Reads{Metrics: []v1alpha1.MetricReference{ref("a", "b"), ref("a", "c"), ref("a", "d"), ref("a", "e")}},
		},
		"measures and the account": {
			ContextRule, "measures['csm-nps'].value > 3 && measures.b.score > 3 && account.name != ''",
			Reads{Measures: []string{"b", "csm-nps"}, Account: true},
		},
		"outcomes and health":          {ContextStep, "outcomes.b == 'x' || outcomes['a'] == 'y' || health.score > 3", Reads{Outcomes: []string{"a", "b"}, Health: true, Score: true}},
		"bands stand beside the score": {ContextTrigger, "health.band == 'x' && .health.lastBand == 'y' && has(health.previousBand) && health.model == 'm'", Reads{Health: true}},
		"a trend is of the score":      {ContextTrigger, "health.band == 'x' && health.trend == 'Declining'", Reads{Health: true, Score: true}},
		"what may be the score counts": {ContextTrigger, "health.?score.hasValue() || health.band == 'x'", Reads{Health: true, Score: true}},
		"health as a whole does too":   {ContextTrigger, "health.band == 'x' && dyn(health).band == 'x'", Reads{Health: true, Score: true}},
		"a row":                        {ContextRow, "row.b == 'x' || row['a'] == 'y'", Reads{Row: []string{"a", "b"}}},
		"team reads the account":       {ContextRule, "team('X') == ''", Reads{Account: true}},
		"today reads the day":          {ContextRule, "today.getFullYear() == 2026", Reads{Time: true}},
		"daysSince reads the day":      {ContextRule, "daysSince('2026-01-01') > 1", Reads{Time: true}},
		"daysUntil reads the day":      {ContextRule, "daysUntil('2026-01-01') > 1", Reads{Time: true}},
		"an anniversary reads the day": {ContextRow, "nextAnniversary('2026-01-01') == row.x", Reads{Time: true, Row: []string{"x"}}},
		"a period does not":            {ContextRule, "period('1d') == days(1)", Reads{}},
		"a leading dot hides nothing":  {ContextRule, ".metrics.a.b > 1 && .account.name != ''", Reads{Metrics: []v1alpha1.MetricReference{ref("a", "b")}, Account: true}},
		"the score is always there":    {ContextRule, "score > 1", Reads{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := CompileBool(c.context, c.expression)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, p.Reads()); diff != "" {
				t.Errorf("reads (-want +got):\n%s", diff)
			}
		})
	}
}
