package unittest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatNobodyKnowsIsAnErrorWithItsPlace(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"an unknown key of the file":    {"test: []\n", []string{`x_test.yaml:1:1: the file has no "test"; it has files, namespace, timeZone, start, account, facts, tests`}},
		"an unknown key of a test":      {"tests:\n- name: it\n  step: []\n", []string{`x_test.yaml:3:3: tests[0] has no "step"; it has name, start, account, accounts, facts, steps`}},
		"an unknown key of a step":      {oneStep("  - expects: {}"), []string{`x_test.yaml:8:5: tests[0].steps[0] has no "expects"; it has at, after, on, facts, account, work, expect`}},
		"an unknown expectation":        {oneStep("  - expect: {helth: {}}"), []string{`x_test.yaml:8:14: tests[0].steps[0].expect has no "helth"; it has health, dimensions, measures, playbooks, runs, tasks`}},
		"an unknown field of a spec":    {oneStep("  - account: {spec: {contract: {ar: 5}}}"), []string{`x_test.yaml:8:33: tests[0].steps[0].account.spec.contract has no "ar"; it has startDate, renewalDate, arr, plan, seats`}},
		"a number where text is needed": {oneStep("  - account: {spec: {contract: {plan: 5}}}"), []string{`x_test.yaml:8:39: tests[0].steps[0].account.spec.contract.plan is text: write "5", with the quotes`}},
		"text where a number is needed": {oneStep(`  - account: {spec: {contract: {arr: "5"}}}`), []string{`x_test.yaml:8:38: tests[0].steps[0].account.spec.contract.arr is a whole number, without quotes`}},
		"a moment of a measurement":     {oneStep("  - account: {spec: {measurements: [{name: a, value: b, observedTime: now}]}}"), []string{`x_test.yaml:8:71: tests[0].steps[0].account.spec.measurements[0].observedTime: "now" is not a time: write "2026-11-02T09:00:00Z"`}},
		"a key twice":                   {"start: \"2026-11-02\"\nstart: \"2026-11-03\"\n", []string{`x_test.yaml:2:1: the file has "start" twice`}},
		"a list that is none":           {"tests: {}\n", []string{`x_test.yaml:1:8: tests is a list: begin each of its lines with a dash`}},
		"fields that are none":          {"tests: [it]\n", []string{`x_test.yaml:1:9: tests[0] has fields: write name: value`}},
		"one value that is several":     {oneStep("  - at: [1d]"), []string{`x_test.yaml:8:9: tests[0].steps[0].at is one value, no list and nothing with fields`}},
		"a state of a source":           {oneStep("  - facts: {usage: Down}"), []string{`x_test.yaml:8:20: tests[0].steps[0].facts.usage is "Down": write metric: value, or Unavailable, or Available`}},
		"a time without a value":        {oneStep("  - facts: {usage: {wau: {observed: 1d}}}"), []string{`x_test.yaml:8:26: tests[0].steps[0].facts.usage.wau needs a value`}},
		"an expectation of nothing":     {oneStep("  - expect:\n  - expect: {health: null}"), []string{`x_test.yaml:8:12: tests[0].steps[0].expect is empty: say what to expect, or leave it out`, `x_test.yaml:9:22: tests[0].steps[1].expect.health is empty: say what to expect, or leave it out`}},
		"no YAML":                       {"tests: [\n", []string{"x_test.yaml: line 1: did not find expected node content"}},
		"nothing":                       {"# only a comment\n", []string{"x_test.yaml: the file is empty: write tests"}},
		"no tests":                      {"tests: []\n", []string{"x_test.yaml: there are no tests in it"}},
		"an alias of itself": {"facts: &a {usage: {wau: *a}}\n", []string{
			`x_test.yaml:1:12: facts.usage.wau has no "usage"; it has value, observed`,
			`x_test.yaml:1:8: facts.usage.wau needs a value`,
		}},
		"all mistakes at once": {"tests:\n- name: it\n- name: it\n  start: soon\n  steps:\n  - at: 1d\n    after: 1d\n", []string{
			`x_test.yaml:2: test "it" needs a start, or the file does: write start: "2026-11-02T09:00:00Z"`,
			`x_test.yaml:2: test "it" needs an account with a name, or the file does`,
			`x_test.yaml:2: test "it" needs steps`,
			`x_test.yaml:3: test "it": line 2 has one of this name`,
			`x_test.yaml:4: start: "soon" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day`,
			`x_test.yaml:3: test "it" needs an account with a name, or the file does`,
			`x_test.yaml:6: a step has at or after, not both`,
			`x_test.yaml:3: test "it" expects nothing: give a step an expect`,
		}},
		"no name":                      {strings.Replace(oneStep("  - expect: {}"), "name: it", "name: ''", 1), []string{"x_test.yaml:6: the test needs a name: what happens, and what comes of it"}},
		"a duration that is none":      {oneStep("  - after: soon\n    expect: {}"), []string{`x_test.yaml:8: after: "soon" is not a duration: write 30m, 36h, 90d or 12w`}},
		"account and accounts":         {strings.Replace(oneStep("  - expect: {}"), "  steps:", "  account: {}\n  accounts: [{name: a}]\n  steps:", 1), []string{`x_test.yaml:6: test "it" has account and accounts: write one of them`}},
		"two accounts of one name":     {strings.Replace(oneStep("  - on: a\n    expect: {}"), "  steps:", "  accounts: [{name: a}, {name: a}]\n  steps:", 1), []string{`x_test.yaml:6: test "it" has two accounts a`}},
		"an account that there is not": {oneStep("  - on: other\n    expect: {}"), []string{"x_test.yaml:8: on: there is no account other in this test; there is acme"}},
		"of which account": {strings.Replace(oneStep("  - expect: {}"), "  steps:", "  accounts: [{name: a}, {name: b}]\n  steps:", 1), []string{
			"x_test.yaml:9: the test has several accounts: say which one the step is about, with on: a",
		}},
		"another name in a step": {oneStep("  - account: {name: b}\n    expect: {}"), []string{"x_test.yaml:8: account: a step changes labels, annotations and spec; say name with on, and facts beside account"}},
		"work on nothing":        {oneStep("  - work: [{state: Done}]\n    expect: {}"), []string{"x_test.yaml:8: work needs a task: the name of the step that it was made of"}},
		"words that nothing says": {oneStep(`  - work: [{task: a, state: Finished, priority: Top, dueTime: soon, snooze: {reason: hm}}, {task: b, snooze: {until: soon}}]
    expect:
      health: {trend: Up}
      measures: [{name: a, state: Old}]
      playbooks: {a: Open}
      runs: [{state: Done, resolved: maybe}]
      tasks: [{state: New, priority: Top, overdue: 1, due: soon, opens: 1d}]`), []string{
			`x_test.yaml:8: state is "Finished": write Open, InProgress, Done or Canceled`,
			`x_test.yaml:8: priority is "Top": write Low, Medium, High or Urgent`,
			`x_test.yaml:8: dueTime: "soon" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day`,
			`x_test.yaml:8: snooze needs until: a moment, or how long`,
			`x_test.yaml:8: until: "soon" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day`,
			`x_test.yaml:10: trend is "Up": write Improving, Stable or Declining`,
			`x_test.yaml:11: state is "Old": write Fresh, Stale, Missing or Errored`,
			`x_test.yaml:12: playbooks is "Open": write Clear, Ignored, Pending, Due or Firing`,
			`x_test.yaml:10: runs[0] needs a playbook`,
			`x_test.yaml:13: state is "Done": write Active, Completed or Canceled`,
			`x_test.yaml:13: resolved is "maybe": write true or false`,
			`x_test.yaml:10: tasks[0] needs a step: the name of the one that it was made of`,
			`x_test.yaml:14: state is "New": write Blocked, Open, InProgress, Snoozed, Done or Canceled`,
			`x_test.yaml:14: priority is "Top": write Low, Medium, High or Urgent`,
			`x_test.yaml:14: overdue is "1": write true or false`,
			`x_test.yaml:14: opens: "1d" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day`,
			`x_test.yaml:14: due: "soon" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x_test.yaml", []byte(test.text))
			if err == nil {
				t.Fatal("there is no error")
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// oneStep is a file of one test with one step.
func oneStep(text string) string { return header + "  steps:\n" + text + "\n" }

func TestAFileMaySayThingsOnce(t *testing.T) {
	f := parsed(t, `
start: "2026-11-02"
account: {name: acme}
tests:
- name: one
  facts: &well {usage: {wau: 80}}
  steps: &steps
  - expect: &expect
      health: {band: Healthy, score: 80}
- name: two
  facts: *well
  steps:
  - expect:
      <<: *expect
      runs: []
- name: three
  facts: {usage: {wau: 20}}
  steps:
  - <<: [{at: 2d}, {at: 3d}]
    expect: {<<: *expect, health: {band: Critical, score: 20}}
`)
	c := configOf(t, tested)
	for i := range f.Tests {
		if got := linesOf(f.Tests[i].Run(c, nil)); got != nil {
			t.Errorf("%s: %v", f.Tests[i].Name, got)
		}
	}
	if got := f.Tests[2].Steps[0].At.text; got != "2d" {
		t.Errorf("of two mappings that are merged in, the second wins: %s", got)
	}
}

func TestAnEndlessFileIsRefused(t *testing.T) {
	var endless strings.Builder
	endless.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&endless, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	laughs := strings.ReplaceAll(endless.String(), "[x]", "[{name: x}]") + "tests: *a29\n"
	tests := map[string]string{
		"an alias of itself":   "tests: &a [{name: it, accounts: *a}]\n",
		"a merge of itself":    "tests:\n- &a\n  name: it\n  <<: *a\n",
		"an alias of much":     laughs,
		"a patch of itself":    "account: &a {spec: {externalIDs: {crm: [b]}}, labels: {x: *a}}\n",
		"a mapping as a key":   "? {a: b}\n: c\n",
		"a document of a list": "- a\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("x_test.yaml", []byte(text)); err == nil {
				t.Error("there is no error")
			} else if lines := strings.Count(err.Error(), "\n"); lines > maxProblems {
				t.Errorf("%d lines", lines)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header + "  steps:\n  - at: 1d\n    work: [{task: a}]\n    expect: {tasks: [{step: a}], runs: []}\n"))
	f.Add([]byte("tests: &a [{name: it, accounts: *a}]\n"))
	f.Add([]byte("facts: {a: {b: {value: 1, observed: 10d}}, c: Unavailable}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("x_test.yaml", text)
		if (file == nil) == (err == nil) {
			t.Errorf("%v, %v", file, err)
		}
	})
}
