package playbook_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestCompileNamesWhatIsWrong(t *testing.T) {
	trigger := func(change func(*v1alpha1.Trigger)) func(*v1alpha1.PlaybookSpec) {
		return func(s *v1alpha1.PlaybookSpec) { change(&s.Triggers[0]) }
	}
	valueOf := func(v v1alpha1.ValueTrigger) func(*v1alpha1.PlaybookSpec) {
		return trigger(func(t *v1alpha1.Trigger) { t.Score, t.Value = nil, &v })
	}
	kind := func(of v1alpha1.Trigger) func(*v1alpha1.PlaybookSpec) {
		of.Name = "low"
		return triggers(of)
	}
	metric := v1alpha1.ValueFrom{Source: "support", Metric: "open_p1"}
	step := func(change func(*v1alpha1.PlaybookStep)) func(*v1alpha1.PlaybookSpec) {
		return func(s *v1alpha1.PlaybookSpec) { change(&s.Steps[0]) }
	}
	one := ptr(v1alpha1.Decimal("1"))
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlaybookSpec)
		want   []string
	}{
		"a for that is no duration": {
			trigger(func(t *v1alpha1.Trigger) { t.For = "1 day" }), []string{`spec.triggers[low].for: Invalid value: "1 day" is not a duration`},
		},
		"a trigger of no kind": {
			trigger(func(t *v1alpha1.Trigger) { t.Score = nil }), []string{"spec.triggers[low]: Invalid value: exactly one of band, score, scoreDrop, value, renewal, lifecycle, every, noData and expression"},
		},
		"a trigger of two kinds": {
			trigger(func(t *v1alpha1.Trigger) { t.Band = &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"Critical"}} }),
			[]string{"spec.triggers[low]: Invalid value: exactly one of band"},
		},
		"two triggers of one name": {
			func(s *v1alpha1.PlaybookSpec) { s.Triggers = append(s.Triggers, s.Triggers[0]) },
			[]string{"spec.triggers[low]: Duplicate value"},
		},
		"no trigger and no step": {
			func(s *v1alpha1.PlaybookSpec) { s.Triggers, s.Steps = nil, nil },
			[]string{"spec.triggers: Required value", "spec.steps: Required value"},
		},
		"a band trigger on Unknown": {
			trigger(func(t *v1alpha1.Trigger) {
				t.Score, t.Band = nil, &v1alpha1.BandTrigger{In: []v1alpha1.BandName{v1alpha1.BandUnknown}}
			}),
			[]string{"spec.triggers[low].band.in: Invalid value: \"Unknown\""},
		},
		"a band trigger that comes from Unknown": {
			kind(v1alpha1.Trigger{Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"Critical"}, From: []v1alpha1.BandName{v1alpha1.BandUnknown}}}),
			[]string{"spec.triggers[low].band.from: Invalid value: \"Unknown\""},
		},
		"a trigger of a state and of a period": {
			trigger(func(t *v1alpha1.Trigger) { t.Every = "90d" }), []string{"spec.triggers[low]: Invalid value: exactly one of band"},
		},
		"a trigger of an expression and of silence": {
			kind(v1alpha1.Trigger{Expression: "true", NoData: &v1alpha1.NoDataTrigger{From: metric, For: "14d"}}),
			[]string{"spec.triggers[low]: Invalid value: exactly one of band"},
		},
		"a day to count from without a period": {
			trigger(func(t *v1alpha1.Trigger) { t.From = v1alpha1.PeriodFromAccountCreation }),
			[]string{`spec.triggers[low].from: Invalid value: "AccountCreation": goes with every`},
		},
		"a for beside a period": {
			kind(v1alpha1.Trigger{Every: "90d", For: "1d"}), []string{`spec.triggers[low].for: Invalid value: "1d": a period begins at once`},
		},
		"a drop over more time than scores are remembered": {
			kind(v1alpha1.Trigger{ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: "29d"}}),
			[]string{`spec.triggers[low].scoreDrop.within: Invalid value: "29d": at most 28d`},
		},
		"a drop within no time": {
			kind(v1alpha1.Trigger{ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: "0"}}),
			[]string{`spec.triggers[low].scoreDrop.within: Invalid value: "0": more than 0`},
		},
		"a drop within what is no duration": {
			kind(v1alpha1.Trigger{ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 15, Within: "a week"}}),
			[]string{`spec.triggers[low].scoreDrop.within: Invalid value: "a week" is not a duration`},
		},
		"a drop by nothing": {
			kind(v1alpha1.Trigger{ScoreDrop: &v1alpha1.ScoreDropTrigger{Within: "7d"}}),
			[]string{`spec.triggers[low].scoreDrop.points: Invalid value: 0: 1 to 100`},
		},
		"a lifecycle trigger of no stage": {
			kind(v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{LongerThan: "60d", Within: "3d"}}),
			[]string{
				"spec.triggers[low].lifecycle: Invalid value: exactly one of stages and enters",
				`spec.triggers[low].lifecycle.longerThan: Invalid value: "60d": goes with stages`, `spec.triggers[low].lifecycle.within: Invalid value: "3d": goes with enters`,
			},
		},
		"a lifecycle trigger of stages and of entries": {
			kind(v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{
				Stages: []v1alpha1.LifecycleStage{"Adoption"}, Enters: []v1alpha1.LifecycleStage{"Churned"},
			}}),
			[]string{"spec.triggers[low].lifecycle: Invalid value: exactly one of stages and enters", "spec.triggers[low].lifecycle.enters: Invalid value: \"Churned\""},
		},
		"a time in a stage that is no duration": {
			kind(v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Adoption"}, LongerThan: "long"}}),
			[]string{"spec.triggers[low].lifecycle.longerThan: Invalid value"},
		},
		"an entry that holds for no time": {
			kind(v1alpha1.Trigger{Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Adoption"}, Within: "0d"}}),
			[]string{`spec.triggers[low].lifecycle.within: Invalid value: "0d": more than 0`},
		},
		"an entry that must hold for longer than it does": {
			kind(v1alpha1.Trigger{For: "7d", Lifecycle: &v1alpha1.LifecycleTrigger{Enters: []v1alpha1.LifecycleStage{"Adoption"}}}),
			[]string{`spec.triggers[low].for: Invalid value: "7d": not shorter than the 1w for which an entry holds: no run would start`},
		},
		"a for beside silence, which has its own": {
			kind(v1alpha1.Trigger{For: "1d", NoData: &v1alpha1.NoDataTrigger{From: metric, For: "14d"}}),
			[]string{`spec.triggers[low].for: Invalid value: "1d": noData has a for of its own`},
		},
		"silence from nowhere, for no time": {
			kind(v1alpha1.Trigger{NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Source: "support"}}}),
			[]string{"spec.triggers[low].noData.from: Invalid value: either source and metric", `spec.triggers[low].noData.for: Invalid value: "": more than 0`},
		},
		"an expression with a misspelt field": {
			kind(v1alpha1.Trigger{Expression: "health.scor < 40"}), []string{"spec.triggers[low].expression: Invalid value: column 7", "scor"},
		},
		"an expression that reads outcomes": {
			kind(v1alpha1.Trigger{Expression: "outcomes.call == 'Reached'"}),
			[]string{"spec.triggers[low].expression: Invalid value: column 1: undeclared reference to 'outcomes'; known here: metrics, measures, health, account, today"},
		},
		"an expression that is not true or false": {
			kind(v1alpha1.Trigger{Expression: "health.score"}), []string{"spec.triggers[low].expression: Invalid value: column 1: must be true or false"},
		},
		"an observation of a value that is also something else": {
			kind(v1alpha1.Trigger{Per: v1alpha1.PerObservation, Expression: "true", Value: &v1alpha1.ValueTrigger{From: metric, AtMost: one}}),
			[]string{`spec.triggers[low].per: Invalid value: "Observation": for a value trigger`},
		},
		"a score trigger without bounds": {
			trigger(func(t *v1alpha1.Trigger) { t.Score.AtMost = nil }), []string{"spec.triggers[low].score: Required value"},
		},
		"a score trigger whose bounds exclude each other": {
			trigger(func(t *v1alpha1.Trigger) { t.Score.AtLeast = ptr(int32(41)) }),
			[]string{"spec.triggers[low].score.atLeast: Invalid value: 41: above atMost"},
		},
		"a lifecycle trigger on Churned": {
			trigger(func(t *v1alpha1.Trigger) {
				t.Score, t.Lifecycle = nil, &v1alpha1.LifecycleTrigger{Stages: []v1alpha1.LifecycleStage{"Churned"}}
			}),
			[]string{"spec.triggers[low].lifecycle.stages: Invalid value: \"Churned\""},
		},
		"a renewal trigger whose within is no duration": {
			trigger(func(t *v1alpha1.Trigger) { t.Score, t.Renewal = nil, &v1alpha1.RenewalTrigger{Within: "soon"} }),
			[]string{"spec.triggers[low].renewal.within: Invalid value"},
		},
		"a value trigger with a bound that is no number": {
			valueOf(v1alpha1.ValueTrigger{From: metric, AtMost: ptr(v1alpha1.Decimal("many"))}),
			[]string{`spec.triggers[low].value.atMost: Invalid value: "many": not a number`},
		},
		"a value trigger with bounds and words": {
			valueOf(v1alpha1.ValueTrigger{From: metric, AtMost: one, In: []string{"Poor"}}),
			[]string{"spec.triggers[low].value: Invalid value: atMost, atLeast or both for a number; in for a category"},
		},
		"a value trigger without bounds or words": {
			valueOf(v1alpha1.ValueTrigger{From: metric}), []string{"spec.triggers[low].value: Invalid value: atMost"},
		},
		"a value trigger whose bounds exclude each other": {
			valueOf(v1alpha1.ValueTrigger{From: metric, AtMost: one, AtLeast: ptr(v1alpha1.Decimal("1.1"))}),
			[]string{`spec.triggers[low].value.atLeast: Invalid value: "1.1": above atMost`},
		},
		"a value trigger from nowhere": {
			valueOf(v1alpha1.ValueTrigger{AtMost: one}), []string{"spec.triggers[low].value.from: Invalid value: either source and metric"},
		},
		"a value trigger from a source without a metric": {
			valueOf(v1alpha1.ValueTrigger{AtMost: one, From: v1alpha1.ValueFrom{Source: "support"}}),
			[]string{"spec.triggers[low].value.from: Invalid value: either source and metric"},
		},
		"a value trigger from both a metric and a measurement": {
			valueOf(v1alpha1.ValueTrigger{AtMost: one, From: v1alpha1.ValueFrom{Source: "support", Metric: "open_p1", Measurement: "nps"}}),
			[]string{"spec.triggers[low].value.from: Invalid value: either source and metric"},
		},
		"a repetition with a cooldown of nothing": {
			func(s *v1alpha1.PlaybookSpec) { s.Repeat, s.Cooldown = v1alpha1.RepeatAfterCooldown, "0d" },
			[]string{`spec.cooldown: Invalid value: "0d": more than 0`},
		},
		"a fall of the score within hours": {
			triggers(v1alpha1.Trigger{Name: "low", ScoreDrop: &v1alpha1.ScoreDropTrigger{Points: 5, Within: "36h"}}),
			[]string{`spec.triggers[low].scoreDrop.within: Invalid value: "36h": not whole days`},
		},
		"a repetition without a cooldown": {
			func(s *v1alpha1.PlaybookSpec) { s.Repeat = v1alpha1.RepeatAfterCooldown },
			[]string{"spec.cooldown: Required value: needed with repeat: AfterCooldown"},
		},
		"a cooldown that is no duration": {
			func(s *v1alpha1.PlaybookSpec) { s.Cooldown = "later" }, []string{"spec.cooldown: Invalid value"},
		},
		"a selector that is none": {
			func(s *v1alpha1.PlaybookSpec) {
				s.AccountSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "Near"}}
			},
			[]string{`spec.accountSelector: Invalid value: "Near" is not a valid label selector operator`},
		},
		"a step that waits for one that does not exist": {
			step(func(s *v1alpha1.PlaybookStep) { s.After = []v1alpha1.StepName{"triage"} }),
			[]string{`spec.steps[call].after: Not found: "triage"`},
		},
		"two steps of one name": {
			func(s *v1alpha1.PlaybookSpec) { s.Steps = append(s.Steps, s.Steps[0]) },
			[]string{"spec.steps[call]: Duplicate value"},
		},
		"a step that waits for itself": {
			step(func(s *v1alpha1.PlaybookStep) { s.After = []v1alpha1.StepName{"call"} }),
			[]string{"spec.steps[call].after: Invalid value: the steps wait for each other: call after call"},
		},
		"steps that wait for each other": {
			steps(
				v1alpha1.PlaybookStep{Name: "first", Title: "First"},
				v1alpha1.PlaybookStep{Name: "end", Title: "End", After: []v1alpha1.StepName{"a"}},
				v1alpha1.PlaybookStep{Name: "a", Title: "A", After: []v1alpha1.StepName{"first", "b"}},
				v1alpha1.PlaybookStep{Name: "b", Title: "B", After: []v1alpha1.StepName{"a"}},
			),
			[]string{"spec.steps[a].after: Invalid value: the steps wait for each other: a after b after a"},
		},
		"a due that is no duration": {
			step(func(s *v1alpha1.PlaybookStep) { s.Due = &v1alpha1.StepTime{After: "soon"} }),
			[]string{"spec.steps[call].due.after: Invalid value"},
		},
		"a checklist that says a line twice": {
			step(func(s *v1alpha1.PlaybookStep) { s.Checklist = []v1alpha1.ChecklistText{"mail", "usage", "mail"} }),
			[]string{`spec.steps[call].checklist[2]: Duplicate value: "mail"`},
		},
		"a when with a misspelt field": {
			step(func(s *v1alpha1.PlaybookStep) { s.When = "health.scor < 40" }), []string{"spec.steps[call].when: Invalid value", "scor"},
		},
		"texts with misspelt fields, each": {
			step(func(s *v1alpha1.PlaybookStep) {
				s.Title, s.Description, s.Assignee = "${account.nme}", "${account.spec.ownr}", "${teem('A')}"
			}),
			[]string{"spec.steps[call].title", "nme", "spec.steps[call].description", "ownr", "spec.steps[call].assignee", "teem"},
		},
		"an expression that reads the outcome of a step that is not before it": {
			steps(
				v1alpha1.PlaybookStep{Name: "triage", Title: "Triage", Outcomes: []v1alpha1.Outcome{"Real"}},
				v1alpha1.PlaybookStep{Name: "call", Title: "Call", When: "outcomes.triage == 'Real'"},
			),
			[]string{`spec.steps[call].when: Invalid value: outcomes["triage"]: no such step before this one; name it in after`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := playbook.Compile(spec(c.change))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
		})
	}
}

func TestCompileTakesAnOutcomeOfAnyEarlierStep(t *testing.T) {
	compiled(t, spec(steps(
		v1alpha1.PlaybookStep{Name: "report", Title: "It was ${outcomes.triage}", After: []v1alpha1.StepName{"call"}},
		v1alpha1.PlaybookStep{Name: "call", Title: "Call", After: []v1alpha1.StepName{"triage"}, When: "outcomes['triage'] == 'Real'"},
		v1alpha1.PlaybookStep{Name: "triage", Title: "Triage", Outcomes: []v1alpha1.Outcome{"Real", "Not"}},
	)))
}

func TestReadsAreWhatTriggersAndStepsRead(t *testing.T) {
	atMost := ptr(v1alpha1.Decimal("6"))
	p := compiled(t, spec(
		triggers(
			v1alpha1.Trigger{Name: "nps", Value: &v1alpha1.ValueTrigger{AtMost: atMost, From: v1alpha1.ValueFrom{Source: "surveys", Metric: "nps"}}},
			v1alpha1.Trigger{Name: "blind", NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Source: "usage", Metric: "logins"}, For: "14d"}},
			v1alpha1.Trigger{Name: "asked", NoData: &v1alpha1.NoDataTrigger{From: v1alpha1.ValueFrom{Measurement: "mood"}, For: "14d"}},
			v1alpha1.Trigger{Name: "custom", Expression: "metrics.billing.overdue > 0 && metrics.crm.buddy != 'x'"},
			v1alpha1.Trigger{Name: "said", Value: &v1alpha1.ValueTrigger{AtMost: atMost, From: v1alpha1.ValueFrom{Measurement: "mood"}}},
		),
		steps(v1alpha1.PlaybookStep{
			Name: "call", Title: "Call: ${metrics.usage.wau}", Description: "${metrics.surveys.nps}", Assignee: "${metrics.crm.buddy}",
			When: "metrics.support.open_p1 > 0",
		}),
	))
	want := []v1alpha1.MetricReference{
		{Source: "billing", Metric: "overdue"},
		{Source: "crm", Metric: "buddy"},
		{Source: "support", Metric: "open_p1"},
		{Source: "surveys", Metric: "nps"},
		{Source: "usage", Metric: "logins"},
		{Source: "usage", Metric: "wau"},
	}
	same(t, "reads", want, p.Reads())
}
