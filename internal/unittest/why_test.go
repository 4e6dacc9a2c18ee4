package unittest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAFailureSaysWhatLedToIt(t *testing.T) {
	tests := map[string]struct {
		steps string
		want  []string
	}{
		"a score that moved": {`
  - at: 1d
    facts: {usage: {wau: 50, tickets: 6}}
    expect: {health: {score: 80}}`, []string{
			"Critical at 39, coverage 100%, by model simple",
			"the score moved from 80: rule pile began, cap 39: -11.0; users 80 -> 50: -30.0",
			"rule pile applies: cap 39",
			"measure users: 50, score 50, points 50.0",
		}},
		"a band that waits": {`
  - at: 1d
    facts: {usage: {wau: 50}}
    expect: {health: {band: AtRisk}}`, []string{
			"Healthy at 50, coverage 100%, by model simple",
			"the score moved from 80: users 80 -> 50: -30.0",
			"the band will be AtRisk at 2026-11-03T10:00:00Z, if the score calls for it until then",
			"measure users: 50, score 50, points 50.0",
		}},
		"a band that somebody has set": {`
  - account: {spec: {healthOverride: {band: AtRisk, reason: hm, by: jo@example.com, until: "2026-12-01"}}}
    expect: {health: {band: Healthy}}`, []string{
			"AtRisk at 80, coverage 100%, by model simple",
			"jo@example.com has set the band until 2026-12-01; by its score it would be Healthy",
			"measure users: 80, score 80, points 80.0",
		}},
		"a value that is not there": {`
  - facts: {usage: {wau: null}}
    expect: {health: {band: Healthy}}`, []string{"Unknown, coverage 0%, by model simple", "measure users: Missing"}},
		"a customer who left": {`
  - account: {spec: {lifecycleStage: Churned}}
    expect: {health: {band: Healthy}}`, []string{"the account is churned: nothing scores it"}},
		"a trigger that does not hold for long enough": {`
  - facts: {usage: {wau: 10}}
  - at: 3h
    expect: {runs: [{playbook: rescue}]}`, []string{
			"playbook rescue is Pending since 2026-11-02T09:00:00Z",
			"trigger critical is True: band is Critical; for 24h, until 2026-11-03T09:00:00Z",
		}},
		"a cooldown": {`
  - facts: {usage: {wau: 10}}
  - at: 1d
    work: [{task: call, state: Done, outcome: Saved}]
  - at: 2d
    facts: {usage: {wau: 90}}
  - at: 3d
    facts: {usage: {wau: 10}}
  - at: 5d
    expect: {playbooks: {rescue: Firing}}`, []string{
			"playbook rescue is Pending since 2026-11-05T10:00:00Z, in its cooldown until 2026-11-10T09:00:00Z",
			"trigger critical is True: band is Critical; for 24h, until 2026-11-06T10:00:00Z",
		}},
		"an account that is not selected, and a playbook that there is not": {`
  - expect: {playbooks: {pulse: Firing, puls: Firing}}`, []string{
			"playbook puls: there is none of this name in the files under test",
			"playbook pulse does not select the account",
		}},
		"a step whose playbook has not begun": {`
  - expect: {tasks: [{step: learn}]}`, []string{
			"playbook rescue is Clear since 2026-11-02T09:00:00Z",
			"trigger critical is False: band is Healthy, not Critical",
		}},
		"an observation": {`
  - expect: {playbooks: {detractor: Firing}}
  - facts: {surveys: {nps: 3}}`, []string{
			"playbook detractor has nothing to remember of the account yet",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := parsed(t, header+"  steps:"+test.steps+"\n")
			r := f.Tests[0].Run(configOf(t, tested), nil)
			if r.Err != nil || len(r.Failures) != 1 {
				t.Fatal(r.Err, linesOf(r))
			}
			if diff := cmp.Diff(test.want, r.Failures[0].Why); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStoryShowsTextsThatCouldNotBeEvaluated(t *testing.T) {
	f := parsed(t, header+`
  facts: {usage: {wau: 10}}
  account: {spec: {displayName: null}}
  steps:
  - at: 1d
    expect: {}
`)
	r := f.Tests[0].Run(configOf(t, tested), nil)
	if got := r.Moments[0].Lines[2]; !strings.HasSuffix(got, "(<no value> in its title)") {
		t.Error(got)
	}
}

func TestAStorySaysHowThingsStand(t *testing.T) {
	f := parsed(t, header+`
  facts: {usage: {wau: 10}}
  steps:
  - expect: {}
  - at: 1d
    work: [{task: call, state: Done, outcome: Lost}]
    expect: {}
  - at: 90d
    work: [{task: learn, state: InProgress}]
    expect: {}
`)
	r := f.Tests[0].Run(configOf(t, tested), nil)
	var got []string
	for _, m := range r.Moments {
		got = append(got, m.Time.Format("2006-01-02 15:04")+" "+strings.Join(m.Lines, "; "))
	}
	want := []string{
		"2026-11-02 09:00 Critical at 10, coverage 100%, by model simple",
		"2026-11-03 09:00 Critical at 10, coverage 100%, by model simple; run of rescue by critical: Active; - call: Done, Lost; - learn: Open, Medium, jo@example.com",
		"2027-01-31 09:00 Critical at 10, coverage 100%, by model simple; run of rescue by critical: Active; - call: Done, Lost; - learn: InProgress, Medium, jo@example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
