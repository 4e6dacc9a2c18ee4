package crd

import (
	"context"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestTheAPIServerSaysOfSteps(t *testing.T) {
	for name, c := range map[string]answer{
		"a step opens before the renewal":           {"Playbook", playbook, map[string]string{"steps.0.opens": "{before: 60d, of: Renewal}"}, ""},
		"a step opens after the step before it":     {"Playbook", playbook, map[string]string{"steps.0.opens": "{after: 2d}"}, ""},
		"a step opens either after or before":       {"Playbook", playbook, map[string]string{"steps.0.opens": "{after: 1d, before: 1d, of: Renewal}"}, "exactly one of the fields in [after before]"},
		"a step is due after or before something":   {"Playbook", playbook, map[string]string{"steps.0.due": "{of: RunStart}"}, "exactly one of the fields in [after before]"},
		"nobody knows beforehand when a run begins": {"Playbook", playbook, map[string]string{"steps.0.opens": "{before: 1d, of: RunStart}"}, "needs of: ContractStart or Renewal"},
		"nor when a step is ready":                  {"Playbook", playbook, map[string]string{"steps.0.due": "{before: 1d}"}, "needs of: ContractStart or Renewal"},
		"a point is one of four":                    {"Playbook", playbook, map[string]string{"steps.0.due": "{after: 1d, of: Birthday}"}, "steps[0].due.of"},
		"working days may count":                    {"Playbook", playbook, map[string]string{"steps.0.due": "{after: 2d, calendar: WorkingDays}"}, ""},
		"a calendar is one of two":                  {"Playbook", playbook, map[string]string{"steps.0.due": "{after: 2d, calendar: Lunar}"}, "steps[0].due.calendar"},
		"a duration is one":                         {"Playbook", playbook, map[string]string{"steps.0.due": "{after: soon}"}, "steps[0].due.after"},
		"a step that is past opens or is skipped":   {"Playbook", playbook, map[string]string{"steps.0.ifPast": "Ignore"}, "steps[0].ifPast"},
		"a step may close itself":                   {"Playbook", playbook, map[string]string{"steps.0.doneWhen": "metrics.usage.wau > 10"}, ""},
		"a step has input":                          {"Playbook", playbook, map[string]string{"steps.0.input": "{template: winback}"}, ""},
		"a value of input is text":                  {"Playbook", playbook, map[string]string{"steps.0.input": "{template: [a]}"}, "steps[0].input.template"},
		"a value of input has an end":               {"Playbook", playbook, map[string]string{"steps.0.input": "{template: " + strings.Repeat("a", 1025) + "}"}, "steps[0].input.template"},
		"a task escalates in stages":                {"Playbook", playbook, map[string]string{"steps.0.escalation": "[{overdueBy: '0', priority: High}, {overdueBy: 1d, assignee: lead}]"}, ""},
		"a stage does something":                    {"Playbook", playbook, map[string]string{"steps.0.escalation": "[{overdueBy: 1d}]"}, "assignee, priority or both"},
		"a stage has its time":                      {"Playbook", playbook, map[string]string{"steps.0.escalation": "[{priority: High}]"}, "overdueBy"},
		"a task has four stages at most":            {"Playbook", playbook, map[string]string{"steps.0.escalation": "[" + strings.Repeat("{overdueBy: 1d, priority: High},", 5) + "]"}, "steps[0].escalation"},

		"a playbook had another name":                 {"Playbook", playbook, map[string]string{"previousNames": "[rescue]"}, ""},
		"a playbook had a name once":                  {"Playbook", playbook, map[string]string{"previousNames": "[rescue, rescue]"}, "Duplicate"},
		"the name that a playbook has is no previous": {"Playbook", playbook, map[string]string{"previousNames": "[x]"}, "spec.previousNames: Invalid value: the name that the playbook has is not a previous one"},

		"a playbook has a calendar":       {"Playbook", playbook, map[string]string{"calendar": "{timeZone: Europe/Berlin, weekend: [Friday, Saturday], holidays: ['2026-12-25']}"}, ""},
		"a holiday is a day":              {"Playbook", playbook, map[string]string{"calendar": "{holidays: ['2026-02-30']}"}, "must be a day of the calendar"},
		"a weekend is of days":            {"Playbook", playbook, map[string]string{"calendar": "{weekend: [Caturday]}"}, "spec.calendar.weekend[0]"},
		"somebody works on some day":      {"Playbook", playbook, map[string]string{"calendar": "{weekend: [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]}"}, "spec.calendar.weekend"},
		"a day is in the weekend once":    {"Playbook", playbook, map[string]string{"calendar": "{weekend: [Sunday, Sunday]}"}, "Duplicate"},
		"a time zone is not empty":        {"Playbook", playbook, map[string]string{"calendar": "{timeZone: ''}"}, "spec.calendar.timeZone"},
		"a task is put off until when":    {"Task", task, map[string]string{"snooze": "{reason: holiday}"}, "spec.snooze.until"},
		"a task is put off until a time":  {"Task", task, map[string]string{"snooze": "{until: tomorrow}"}, "spec.snooze.until"},
		"a task is put off":               {"Task", task, map[string]string{"snooze": "{until: '2026-12-01T09:00:00Z', reason: holiday}"}, ""},
		"a task says who completed it":    {"Task", task, map[string]string{"state": "Done", "completedBy": "bot"}, ""},
		"a task has input":                {"Task", task, map[string]string{"input": "{template: winback}"}, ""},
		"a task's input has an end":       {"Task", task, map[string]string{"input": "{template: " + strings.Repeat("a", 4097) + "}"}, "spec.input.template"},
		"nobody says that a task is late": {"Task", task, map[string]string{"state": "Snoozed"}, "spec.state"},
	} {
		t.Run(name, c.check)
	}
}

// TestWhatMayChangeOfWork makes an object and changes it, step by step.
func TestWhatMayChangeOfWork(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const (
		run     = "{accountRef: {name: acme}, playbookRef: {name: p}, playbookGeneration: 1, sequence: 1, trigger: low, steps: [{name: call, title: Call}]}"
		working = "{accountRef: {name: acme}, playbookRef: {name: p}, playbookGeneration: 1, sequence: 1, trigger: low, steps: [{name: call, title: Call}], calendar: {holidays: ['2026-12-25']}}"
		runTask = "{accountRef: {name: acme}, runRef: {name: r}, step: call, title: Call, input: {template: winback}}"
	)
	type change struct{ path, value, want string }
	for name, tc := range map[string]struct {
		kind, spec string
		changes    []change
	}{
		"a run is canceled, once": {"PlaybookRun", run, []change{
			{"cancel", "{by: jo}", "spec.cancel.reason"},
			{"cancel", "{reason: enough, by: jo}", ""},
			{"cancel", "{reason: other, by: jo}", "a canceled run stays so"},
			{"cancel", "null", "a canceled run stays so"},
		}},
		"a run's steps stay": {"PlaybookRun", run, []change{
			{"steps", "[{name: call, title: Call, doneWhen: 'true'}]", "steps of a run does not change"},
		}},
		"a run gets no calendar later": {"PlaybookRun", run, []change{
			{"calendar", "{timeZone: Europe/Berlin}", "nothing can be added to it or removed"},
		}},
		"a run's calendar stays": {"PlaybookRun", working, []change{
			{"calendar", "{holidays: ['2026-12-26']}", "calendar of a run does not change"},
			{"calendar", "null", "nothing can be added to it or removed"},
		}},
		"a task's input stays": {"Task", runTask, []change{
			{"input", "{template: other}", "input cannot change"},
			{"input", "null", "runRef, step, outcomes and input cannot be added or removed"},
		}},
		"a task is put off, longer, and no more": {"Task", runTask, []change{
			{"snooze", "{until: '2026-12-01T09:00:00Z'}", ""},
			{"snooze", "{until: '2026-12-02T09:00:00Z', reason: holiday}", ""},
			{"snooze", "null", ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			obj := object(t, tc.kind, tc.spec)
			if err := c.Create(t.Context(), obj); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Delete(context.Background(), obj); err != nil {
					t.Error(err)
				}
			})
			for _, change := range tc.changes {
				changed := obj.DeepCopy()
				var v any
				if err := yaml.Unmarshal([]byte(change.value), &v); err != nil {
					t.Fatal(err)
				}
				put(t, changed.Object["spec"], strings.Split(change.path, "."), v)
				err := c.Update(t.Context(), changed)
				switch {
				case change.want == "" && err != nil:
					t.Errorf("%s: %s: refused: %v", change.path, change.value, err)
				case change.want != "" && (err == nil || !strings.Contains(err.Error(), change.want)):
					t.Errorf("%s: %s: error: %v; want in it: %s", change.path, change.value, err, change.want)
				}
				if err == nil {
					obj = changed
				}
			}
		})
	}
}
