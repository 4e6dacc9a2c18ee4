package unittest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatSourcesSay(t *testing.T) {
	tests := map[string]struct {
		steps string
		want  []string
	}{
		"a fact that stands stays fresh for longer than maxAge": {steps: `
  - at: 60d
    expect: {measures: [{name: users, state: Fresh}]}`},
		"a metric that nobody mentions is absent, or Missing": {steps: `
  - facts: {usage: {wau: null}}
    expect: {health: {band: Unknown, score: null, rules: []}, measures: [{name: users, state: Missing, value: null}]}`},
		"an outage stands until maxAge, and no longer": {steps: `
  - at: 1d
    facts: {usage: Unavailable}
    expect: {health: {score: 80}, measures: [{name: users, state: Errored, score: 80}]}
  - after: 7d
    expect: {health: {score: 80, coverage: 100}}
  - after: 1s
    expect: {health: {band: Unknown, coverage: 0}}
  - after: 1d
    facts: {usage: Available}
    expect: {health: {score: 80}, measures: [{name: users, state: Fresh}]}`},
		"an outage from the start has nothing to stand on": {steps: `
  - facts: {usage: Unavailable}
    expect: {health: {band: Unknown}, measures: [{name: users, state: Errored, value: null}]}
  - after: 1d
    facts: {usage: {wau: 50}}
    expect: {health: {score: 50}}`},
		"a row grows old, and is an observation once": {steps: `
  - facts: {surveys: {nps: 4, comment: slow}}
    expect: {runs: [{playbook: detractor}], tasks: [{step: call, title: They gave us 4}]}
  - work: [{task: call, state: Done}]
  - at: 90d
    expect: {runs: [{playbook: detractor, state: Completed}]}
  - facts: {surveys: {nps: 4}}
    expect: {runs: [{playbook: detractor, state: Completed}, {playbook: detractor, state: Active}]}`},
		"a row may be from before, and one that is too old starts nothing": {steps: `
  - facts: {surveys: {nps: {value: 4, observed: 31d}}}
    expect: {runs: []}
  - after: 1d
    facts: {surveys: {nps: {value: 5, observed: "2026-11-01"}}}
    expect: {tasks: [{step: call, title: They gave us 5}]}`},
		"during an outage no row is known": {steps: `
  - facts: {surveys: Unavailable}
    expect: {runs: []}
  - after: 1d
    facts: {surveys: {nps: 4}}
    expect: {runs: [{playbook: detractor}]}`},
		"a source that no DataSource declares has what is read of it": {steps: `
  - account: {spec: {lifecycleStage: Pulse}}
    facts: {crm: {pulse: Red}}
    expect: {runs: [{playbook: pulse, trigger: red}]}`},
		"a source that there is not": {steps: `
  - facts: {billing: {debt: 1}}
    expect: {}`, want: []string{"x_test.yaml:8: step 1, at 2026-11-02T09:00:00Z: facts: there is no source billing; there is crm, surveys, usage"}},
		"a metric that there is not": {steps: `
  - facts:
      usage: {wuu: 1}
    expect: {}`, want: []string{"x_test.yaml:9: step 1, at 2026-11-02T09:00:00Z: facts: source usage has no metric wuu; it has plan, tickets, wau"}},
		"a value of another type": {steps: `
  - facts: {usage: {wau: many}}
    expect: {}`, want: []string{`x_test.yaml:8: step 1, at 2026-11-02T09:00:00Z: facts: usage.wau is a Number, and "many" is not a number`}},
		"a time of a source whose rows have none": {steps: `
  - facts: {usage: {wau: {value: 1, observed: 1d}}}
    expect: {}`, want: []string{"x_test.yaml:8: step 1, at 2026-11-02T09:00:00Z: observed: the DataSource usage has no observedTime, so its values are as old as the read; for an outage write usage: Unavailable"}},
		"a time ahead": {steps: `
  - facts: {surveys: {nps: {value: 1, observed: "2026-11-03"}}}
    expect: {}`, want: []string{"x_test.yaml:8: step 1, at 2026-11-02T09:00:00Z: observed: 2026-11-03 lies ahead of the step, which is at 2026-11-02T09:00:00Z"}},
		"no time at all": {steps: `
  - facts: {surveys: {nps: {value: 1, observed: yesterday}}}
    expect: {}`, want: []string{`x_test.yaml:8: step 1, at 2026-11-02T09:00:00Z: observed: "yesterday" is not a moment: write 2026-11-02T09:00:00Z, or 2026-11-02 for the beginning of the day, or how long ago: 10d`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, played(t, header+"  steps:"+test.steps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
