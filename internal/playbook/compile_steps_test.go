package playbook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestCompileNamesWhatIsWrongWithAStep(t *testing.T) {
	working := v1alpha1.CountWorkingDays
	calendar := func(c v1alpha1.WorkCalendar) func(*v1alpha1.PlaybookSpec) {
		return func(s *v1alpha1.PlaybookSpec) { s.Calendar = &c }
	}
	step := func(change func(*v1alpha1.PlaybookStep)) func(*v1alpha1.PlaybookSpec) {
		return func(s *v1alpha1.PlaybookSpec) { change(&s.Steps[0]) }
	}
	opens := func(o v1alpha1.StepTime) func(*v1alpha1.PlaybookSpec) {
		return step(func(s *v1alpha1.PlaybookStep) { s.Opens = &o })
	}
	due := func(o v1alpha1.StepTime) func(*v1alpha1.PlaybookSpec) {
		return step(func(s *v1alpha1.PlaybookStep) { s.Due = &o })
	}
	stages := func(list ...v1alpha1.EscalationStage) func(*v1alpha1.PlaybookSpec) {
		return step(func(s *v1alpha1.PlaybookStep) { s.Escalation = list })
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.PlaybookSpec)
		want   []string
	}{
		"a time zone that is none": {
			calendar(v1alpha1.WorkCalendar{TimeZone: "Europe/Atlantis"}),
			[]string{`spec.calendar.timeZone: Invalid value: "Europe/Atlantis": not a time zone: write one like Europe/Berlin`},
		},
		"more working days than anybody counts": {
			due(v1alpha1.StepTime{After: "3651d", Of: v1alpha1.PointRunStart, Calendar: v1alpha1.CountWorkingDays}),
			[]string{`spec.steps[call].due.after: Invalid value: "3651d": more than 3650 working days`},
		},
		"the time zone of some machine": {calendar(v1alpha1.WorkCalendar{TimeZone: "Local"}), []string{`spec.calendar.timeZone: Invalid value: "Local"`}},
		"a holiday that is no date": {
			calendar(v1alpha1.WorkCalendar{Holidays: []v1alpha1.Date{"2026-12-25", "2026-02-30"}}),
			[]string{`spec.calendar.holidays[1]: Invalid value: "2026-02-30" is not a date`},
		},
		"a day that is none": {
			calendar(v1alpha1.WorkCalendar{Weekend: []v1alpha1.Weekday{"Sunday", "Caturday"}}), []string{`spec.calendar.weekend[1]: Invalid value: "Caturday"`},
		},
		"a week without work": {
			calendar(v1alpha1.WorkCalendar{Weekend: []v1alpha1.Weekday{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}}),
			[]string{"spec.calendar.weekend: Invalid value: leaves no day to work on"},
		},
		"opens with a duration that is none": {opens(v1alpha1.StepTime{After: "soon"}), []string{"spec.steps[call].opens.after: Invalid value"}},
		"opens before with one that is none": {
			opens(v1alpha1.StepTime{Before: "soon", Of: v1alpha1.PointRenewal}), []string{"spec.steps[call].opens.before: Invalid value"},
		},
		"half a working day": {
			due(v1alpha1.StepTime{After: "36h", Calendar: working}),
			[]string{`spec.steps[call].due.after: Invalid value: "36h": not a whole number of days, such as 2d, which calendar: WorkingDays needs`},
		},
		"half a working day before": {
			due(v1alpha1.StepTime{Before: "1d12h", Of: v1alpha1.PointRenewal, Calendar: working}), []string{"spec.steps[call].due.before: Invalid value"},
		},
		"neither after nor before": {due(v1alpha1.StepTime{}), []string{"spec.steps[call].due: Invalid value: either after or before"}},
		"both after and before": {
			due(v1alpha1.StepTime{After: "1d", Before: "1d", Of: v1alpha1.PointRenewal}), []string{"spec.steps[call].due: Invalid value: either after or before"},
		},
		"before what nobody knows beforehand": {
			opens(v1alpha1.StepTime{Before: "1d", Of: v1alpha1.PointRunStart}), []string{"spec.steps[call].opens.before: Invalid value: \"1d\": needs of: ContractStart or Renewal"},
		},
		"a doneWhen with a misspelt field": {
			step(func(s *v1alpha1.PlaybookStep) { s.DoneWhen = "health.scor > 40" }), []string{"spec.steps[call].doneWhen: Invalid value", "scor"},
		},
		"a doneWhen that is no condition": {
			step(func(s *v1alpha1.PlaybookStep) { s.DoneWhen = "health.score" }), []string{"spec.steps[call].doneWhen: Invalid value", "must be true or false"},
		},
		"a doneWhen that reads its own outcome": {
			step(func(s *v1alpha1.PlaybookStep) { s.DoneWhen = "outcomes.call == 'X'" }), []string{`spec.steps[call].doneWhen: Invalid value: outcomes["call"]`},
		},
		"a when that waits for an outcome which the step does not offer": {
			steps(
				v1alpha1.PlaybookStep{Name: "triage", Title: "Triage", Outcomes: []v1alpha1.Outcome{"RealDrop", "DataError"}},
				v1alpha1.PlaybookStep{Name: "call", Title: "Call", After: []v1alpha1.StepName{"triage"}, When: "outcomes.triage in ['RealDrp', 'RealDrop']"},
			),
			[]string{`spec.steps[call].when: Invalid value: outcomes["triage"]: the step never ends with RealDrp; there are RealDrop, DataError`},
		},
		"a text that shows an outcome which no step offers": {
			steps(
				v1alpha1.PlaybookStep{Name: "triage", Title: "Triage"},
				v1alpha1.PlaybookStep{Name: "call", Title: "${outcomes['triage'] == 'Real' ? 'Call' : 'Write'}", After: []v1alpha1.StepName{"triage"}},
			),
			[]string{`spec.steps[call].title: Invalid value: outcomes["triage"]: the step offers no outcomes, so it never ends with Real: give it outcomes: [Real]`},
		},
		"an input with a misspelt field": {
			step(func(s *v1alpha1.PlaybookStep) {
				s.Input = map[string]v1alpha1.InputText{"who": "${account.nme}", "why": "${"}
			}),
			[]string{"spec.steps[call].input[who]: Invalid value", "nme", "spec.steps[call].input[why]"},
		},
		"stages in the wrong order": {
			stages(v1alpha1.EscalationStage{OverdueBy: "2d", Priority: "High"}, v1alpha1.EscalationStage{OverdueBy: "1d", Priority: "High"}),
			[]string{`spec.steps[call].escalation[1].overdueBy: Invalid value: "1d": not after the stage before it`},
		},
		"stages at the same time": {
			stages(v1alpha1.EscalationStage{OverdueBy: "24h", Priority: "High"}, v1alpha1.EscalationStage{OverdueBy: "1d", Priority: "Urgent"}),
			[]string{"spec.steps[call].escalation[1].overdueBy: Invalid value"},
		},
		"a stage at no time": {stages(v1alpha1.EscalationStage{OverdueBy: "soon", Priority: "High"}), []string{"spec.steps[call].escalation[0].overdueBy: Invalid value"}},
		"a stage that counts half days as working days": {
			stages(v1alpha1.EscalationStage{OverdueBy: "12h", Calendar: working, Priority: "High"}), []string{"spec.steps[call].escalation[0].overdueBy: Invalid value: \"12h\": not a whole number"},
		},
		"a stage that does nothing": {stages(v1alpha1.EscalationStage{OverdueBy: "1d"}), []string{"spec.steps[call].escalation[0]: Invalid value: assignee, priority or both"}},
		"a stage whose assignee is misspelt": {
			stages(v1alpha1.EscalationStage{OverdueBy: "1d", Assignee: "${teem('A')}"}), []string{"spec.steps[call].escalation[0].assignee: Invalid value", "teem"},
		},
		"stages whose assignees read more than the account": {
			stages(
				v1alpha1.EscalationStage{OverdueBy: "1d", Assignee: "${metrics.crm.boss}"}, v1alpha1.EscalationStage{OverdueBy: "2d", Assignee: "${health.band}"},
				v1alpha1.EscalationStage{OverdueBy: "3d", Assignee: "${measures.a.value}"}, v1alpha1.EscalationStage{OverdueBy: "4d", Assignee: "${outcomes.call}"},
			),
			[]string{
				"escalation[0].assignee: Invalid value: \"${metrics.crm.boss}\": reads more than account",
				"escalation[1].assignee", "escalation[2].assignee", "escalation[3].assignee",
			},
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

func TestCompileTakesAWholeStep(t *testing.T) {
	compiled(t, spec(func(s *v1alpha1.PlaybookSpec) {
		s.Calendar = &v1alpha1.WorkCalendar{TimeZone: "Europe/Berlin", Weekend: []v1alpha1.Weekday{"Sunday"}, Holidays: []v1alpha1.Date{"2026-12-25"}}
		s.Steps[0] = v1alpha1.PlaybookStep{
			Name: "call", Title: "Call", Opens: &v1alpha1.StepTime{Before: "60d", Of: v1alpha1.PointRenewal}, IfPast: v1alpha1.IfPastSkip,
			Due: &v1alpha1.StepTime{After: "2w", Calendar: v1alpha1.CountWorkingDays}, DoneWhen: "metrics.usage.wau > 10",
			Input: map[string]v1alpha1.InputText{"template": "${account.name}"},
			Escalation: []v1alpha1.EscalationStage{
				{OverdueBy: "0", Priority: "High"}, {OverdueBy: "1d", Assignee: "${team('Manager')}", Calendar: v1alpha1.CountWorkingDays},
			},
		}
	}))
}

func TestCompileTakesAsManyStepsAsThereMayBe(t *testing.T) {
	// Each waits for as many of those before it as it may: there are billions of ways from the first to the last.
	var list []v1alpha1.PlaybookStep
	var names []v1alpha1.StepName
	for i := range 32 {
		name := v1alpha1.StepName(fmt.Sprintf("s%d", i))
		list = append(list, after(name, names[max(len(names)-8, 0):]...))
		names = append(names, name)
	}
	list[0].Outcomes = []v1alpha1.Outcome{"Yes", "No"}
	list[31].When = "outcomes.s0 == 'Yes'"
	compiled(t, spec(steps(list...)))
	list[30].When = "outcomes.s31 == 'Yes'"
	_, err := playbook.Compile(spec(steps(list...)))
	if err == nil || !strings.Contains(err.Error(), `spec.steps[s30].when: Invalid value: outcomes["s31"]: no such step before this one`) {
		t.Errorf("got %v", err)
	}
}
