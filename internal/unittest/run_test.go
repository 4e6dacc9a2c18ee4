package unittest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsExpectedIsCompared(t *testing.T) {
	tests := map[string]struct {
		// steps of the test, after the header.
		steps string
		want  []string
	}{
		"the health that there is": {steps: `
  steps:
  - expect:
      health: {band: Healthy, score: 80, previousScore: null, trend: Stable, coverage: 100, model: simple, pendingBand: null, rules: []}
      dimensions: [{name: adoption, score: 80}]
      measures: [{name: users, value: "80.0", score: 80, state: Fresh}]
      playbooks: {rescue: Clear, detractor: null}
      runs: []
      tasks: []`},
		"another health": {steps: `
  steps:
  - expect:
      health: {band: AtRisk, score: 81, coverage: 50, model: other, pendingBand: Critical, rules: [pile]}
      dimensions: [{name: adoption, score: null}, {name: growth}]
      measures: [{name: users, value: "8", score: 8, state: Stale}, {name: seats}]
      playbooks: {rescue: Firing, none: Clear}`, want: []string{
			"health.band: want AtRisk, got Healthy",
			"health.score: want 81, got 80",
			"health.coverage: want 50, got 100",
			"health.model: want other, got simple",
			"health.pendingBand: want Critical, got none",
			"health.rules: want pile, got none",
			"dimensions[adoption].score: want none, got 80",
			"dimensions[growth]: want a dimension of this name, got adoption",
			"measures[users].value: want 8, got 80",
			"measures[users].score: want 8, got 80",
			"measures[users].state: want Stale, got Fresh",
			"measures[seats]: want a measure of this name, got users",
			"playbooks.none: want Clear, got none",
			"playbooks.rescue: want Firing, got Clear",
		}},
		"a run and a task, at the very moment that they begin": {steps: `
  facts: {usage: {wau: 10}}
  steps:
  - at: 23h59m59s
    expect: {playbooks: {rescue: Pending}, runs: [], tasks: []}
  - after: 1s
    expect:
      playbooks: {rescue: Firing}
      runs: [{playbook: rescue, trigger: critical, state: Active, reason: band is Critical, resolved: false}]
      tasks: [{step: call, playbook: rescue, title: Call Acme, assignee: jo@example.com, priority: Medium, state: Open, due: "2026-11-04T09:00:00Z", overdue: false, opens: null, outcome: null, completedBy: null}]`},
		"another run and another task": {steps: `
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    expect:
      runs: [{playbook: rescue, trigger: fell, state: Completed, reason: because, resolved: true}, {playbook: detractor}]
      tasks: [{step: call, title: Call, description: Do, assignee: al@example.com, priority: High, state: Done, opens: "2026-11-03", due: "2026-11-05", overdue: true, outcome: Saved, completedBy: me}, {step: learn}]`, want: []string{
			"runs[rescue].trigger: want fell, got critical",
			"runs[rescue].state: want Completed, got Active",
			"runs[rescue].reason: want because, got band is Critical",
			"runs[rescue].resolved: want true, got false",
			"runs: want a run of detractor, got none",
			"tasks[call].title: want Call, got Call Acme",
			"tasks[call].description: want Do, got none",
			"tasks[call].assignee: want al@example.com, got jo@example.com",
			"tasks[call].priority: want High, got Medium",
			"tasks[call].state: want Done, got Open",
			"tasks[call].outcome: want Saved, got none",
			"tasks[call].completedBy: want me, got none",
			"tasks[call].opens: want 2026-11-03, got none",
			"tasks[call].due: want 2026-11-05, got 2026-11-04",
			"tasks[call].overdue: want true, got false",
			"tasks: want a task of step learn, got none",
		}},
		"a run and a task that nobody expects": {steps: `
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    expect: {runs: [], tasks: []}`, want: []string{
			"runs: want none, got rescue by critical: Active",
			"tasks: want none, got call: Open, Medium, jo@example.com, due 2026-11-04T09:00:00Z",
		}},
		"a list without a value is none": {steps: `
  facts: {usage: {wau: 10, tickets: 6}}
  steps:
  - at: 1d
    expect: {runs: null, tasks: , health: {rules: null}}`, want: []string{
			"health.rules: want none, got pile",
			"runs: want none, got rescue by critical: Active",
			"tasks: want none, got call: Open, Medium, jo@example.com, due 2026-11-04T09:00:00Z",
		}},
		"a task that is over need not be listed, and one that is not there may not": {steps: `
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    work: [{task: call, state: Done, outcome: Saved}]
    expect: {tasks: []}
  - expect: {tasks: [{step: call, state: Done, outcome: Saved}]}
  - expect: {tasks: [{step: call, state: Open}]}`, want: []string{"tasks[call].state: want Open, got Done"}},
		"two runs are told apart by what is expected of them": {steps: `
  facts: {surveys: {nps: 3}}
  steps:
  - work: [{task: call, state: Done}]
  - after: 1d
    facts: {surveys: {nps: 2}}
    expect:
      runs: [{playbook: detractor, state: Active}, {playbook: detractor, state: Completed}]
      tasks: [{step: call, title: They gave us 2}]`},
		"a day is the day, also where a moment of it is expected otherwise": {steps: `
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    expect: {tasks: [{step: call, due: "2026-11-04"}]}
  - expect: {tasks: [{step: call, due: "2026-11-04T09:00:01Z"}]}`, want: []string{"tasks[call].due: want 2026-11-04T09:00:01Z, got 2026-11-04T09:00:00Z"}},
		"every step is compared, also after one that is otherwise": {steps: `
  steps:
  - expect: {health: {score: 1}}
  - after: 1d
    expect: {health: {score: 2}}`, want: []string{"health.score: want 1, got 80", "health.score: want 2, got 80"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, played(t, header+strings.TrimPrefix(test.steps, "\n"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheClockStopsWhereSomethingChangesByItself is about a band that changes, and comes back, between two steps.
func TestTheClockStopsWhereSomethingChangesByItself(t *testing.T) {
	got := played(t, header+`
  steps:
  - at: 1h
    facts: {usage: {wau: 10}}
  # The band is Critical an hour later, and the run begins a day after that.
  - at: 30h
    expect:
      health: {band: Critical}
      runs: [{playbook: rescue}]
      tasks: [{step: call, due: "2026-11-04T11:00:00Z"}]
  - at: 90d
    expect: {tasks: [{step: call, overdue: true}]}
`)
	if got != nil {
		t.Error(got)
	}
}

func TestWhatPeopleDo(t *testing.T) {
	tests := map[string]struct {
		steps string
		want  []string
	}{
		"a whole life of a task": {steps: `
  - at: 1d
    work: [{task: call, state: InProgress, assignee: al@example.com, priority: Urgent, note: hm, checklist: [usage], dueTime: "2026-11-20"}]
    expect: {tasks: [{step: call, state: InProgress, assignee: al@example.com, priority: Urgent, due: "2026-11-20T00:00:00Z"}]}
  - work: [{task: call, snooze: {until: 2d, reason: away}, dueTime: null}]
    expect: {tasks: [{step: call, state: Snoozed, due: "2026-11-04"}]}
  - after: 2d
    expect: {tasks: [{step: call, state: InProgress}]}
  - work: [{task: call, state: Done, outcome: Lost, completedBy: al@example.com}, {task: learn, state: Canceled}]
    expect:
      runs: [{playbook: rescue, state: Completed}]
      tasks: [{step: call, outcome: Lost, completedBy: al@example.com}, {step: learn, state: Canceled}]`},
		"nothing is open": {steps: `
  - work: [{task: call, state: Done}]
    expect: {}`, want: []string{"x_test.yaml:9: step 1, at 2026-11-02T09:00:00Z: work: there is no task call to work on: nothing is open"}},
		"another step": {steps: `
  - at: 1d
    work: [{task: plan, state: Done}]
    expect: {}`, want: []string{"x_test.yaml:10: step 1, at 2026-11-03T09:00:00Z: work: there is no open task plan; there is call of rescue"}},
		"two of one name": {steps: `
  - at: 1d
    facts: {surveys: {nps: 1}}
    work: [{task: call, playbook: detractor, state: InProgress}, {task: call, state: Done}]
    expect: {}`, want: []string{"x_test.yaml:11: step 1, at 2026-11-03T09:00:00Z: work: several tasks are named call: say which with playbook; there is call of detractor, call of rescue"}},
		"done without an outcome": {steps: `
  - at: 1d
    work: [{task: call, state: Done}]
    expect: {}`, want: []string{"x_test.yaml:10: step 1, at 2026-11-03T09:00:00Z: work: call is done with an outcome: Saved or Lost"}},
		"an outcome that there is not": {steps: `
  - at: 1d
    work: [{task: call, state: Done, outcome: Won}]
    expect: {}`, want: []string{"x_test.yaml:10: step 1, at 2026-11-03T09:00:00Z: work: call has no outcome Won; it has Saved or Lost"}},
		"an outcome of a step without any": {steps: `
  - facts: {surveys: {nps: 1}}
    work: [{task: call, state: Done, outcome: Won}]
    expect: {}`, want: []string{"x_test.yaml:10: step 1, at 2026-11-02T09:00:00Z: work: call has no outcomes to choose from, so it cannot have the outcome Won"}},
		"a line that the checklist has not": {steps: `
  - at: 1d
    work: [{task: call, checklist: [seats]}]
    expect: {}`, want: []string{`x_test.yaml:10: step 1, at 2026-11-03T09:00:00Z: work: the checklist of call has no "seats"`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, played(t, header+"  facts: {usage: {wau: 10}}\n  steps:"+test.steps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAccountIsChangedByAMergePatch(t *testing.T) {
	got := played(t, `
start: "2026-11-02"
account:
  name: acme
  labels: {tier: enterprise, region: emea}
  spec: {displayName: Acme, owner: jo@example.com, contract: {arr: 1, plan: Team}}
tests:
- name: the test changes the file's, and a step changes that
  account: {labels: {region: null}, spec: {contract: {plan: null}, owner: al@example.com}}
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    expect: {tasks: [{step: call, assignee: al@example.com}]}
  - account: {spec: {owner: mo@example.com, lifecycleStage: Churned}}
    expect:
      health: {score: null}
      runs: [{playbook: rescue, state: Canceled, resolved: true}]
- name: two accounts are apart
  account: null
  accounts:
  - {name: one, facts: {usage: {wau: 10}}}
  - {name: two, spec: {owner: two@example.com}, facts: {usage: {wau: 90}}}
  steps:
  - on: one
    expect: {health: {score: 10}}
  - on: two
    expect: {health: {score: 90}}
  - at: 1d
    facts: {usage: {wau: 20}}
  - on: two
    facts: {usage: {wau: 30}}
    expect: {health: {score: 30}, runs: []}
  - on: one
    expect: {health: {score: 20}, tasks: [{step: call, assignee: jo@example.com}]}
`)
	if got != nil {
		t.Error(got)
	}
}

func TestTimeDoesNotGoBackNorOnForEver(t *testing.T) {
	tests := map[string]struct{ at, want string }{
		"a duration":   {"at: 1h", "x_test.yaml:11: step 2, at 2026-11-03T09:00:00Z: the step is at 2026-11-02T10:00:00Z, before the one before it: time does not go back"},
		"a moment":     {`at: "2026-11-01"`, "x_test.yaml:11: step 2, at 2026-11-03T09:00:00Z: the step is at 2026-11-01T00:00:00Z, before the one before it: time does not go back"},
		"thirty years": {`at: "2056-11-01"`, "x_test.yaml:11: step 2, at 2026-11-03T09:00:00Z: the step is at 2056-11-01T00:00:00Z: a test lasts twenty years at most"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := played(t, header+"  steps:\n  - at: 1d\n    expect: {}\n\n  - "+test.at+"\n    expect: {}\n")
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAConfigurationThatDoesNotCompileIsAnError(t *testing.T) {
	tests := map[string]struct{ from, to, want string }{
		"a model":    {"metrics.usage.tickets > 5", "metrics.usage.tickets >", "health score model simple: "},
		"a playbook": {"atMost: \"6\"", "atMost: six", "playbook detractor: "},
		"a source":   {"maxAge: 7d", "maxAge: soon", "data source usage: spec.maxAge: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewConfig(worldOf(t, strings.Replace(tested, test.from, test.to, 1)), nil)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := NewConfig(worldOf(t, strings.Split(tested, "\n---\n")[0]), nil); err == nil || !strings.Contains(err.Error(), "nothing to test") {
		t.Errorf("got %v", err)
	}
}

func TestTheSameTestGivesTheSameResult(t *testing.T) {
	f := parsed(t, header+"  facts: {usage: {wau: 10}, surveys: {nps: 2}}\n  steps:\n  - at: 1d\n    expect: {runs: [], tasks: []}\n")
	c := configOf(t, tested)
	first := f.Tests[0].Run(c, nil)
	for range 20 {
		equal := cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })
		if diff := cmp.Diff(first, f.Tests[0].Run(c, nil), equal); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestDaysBeginInTheTimeZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewConfig(worldOf(t, tested), berlin)
	if err != nil {
		t.Fatal(err)
	}
	f := parsed(t, `
start: "2026-11-02"
account: {name: acme}
facts: {usage: {wau: 10}}
tests:
- name: it
  steps:
  - at: "2026-11-03"
    expect: {tasks: [{step: call, due: "2026-11-03T23:00:00Z"}]}
  - expect: {tasks: [{step: call, due: "2026-11-04"}]}
`)
	if got := linesOf(f.Tests[0].Run(c, nil)); got != nil {
		t.Error(got)
	}
}
