package fleet_test

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// read decodes an object, and knows every field of it.
func read[T any](t testing.TB, text string) *T {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return &object
}

// quarterModel scores the accounts of the quarter.
func quarterModel(t testing.TB) *v1alpha1.HealthScoreModel {
	return read[v1alpha1.HealthScoreModel](t, `
metadata: {name: standard, uid: standard, generation: 1}
spec:
  minimumCoverage: 50
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  bandChange: {margin: 2, hold: 6h}
  dimensions: [{name: adoption, weight: 70}, {name: support, weight: 30}]
  measures:
  - name: usage
    dimension: adoption
    weight: 100
    from: {source: usage, metric: wau}
    scale: {linear: {worst: "0", best: "100"}}
  - name: tickets
    dimension: support
    weight: 100
    from: {source: support, metric: open_tickets}
    scale: {linear: {worst: "10", best: "0"}}
  rules:
  - {name: open-p1, when: "metrics.support.open_p1 > 0", cap: 35, timing: Immediate}
`)
}

// quarterPlaybooks are the playbooks of the quarter.
func quarterPlaybooks(t testing.TB) []*v1alpha1.Playbook {
	var all []*v1alpha1.Playbook
	for _, text := range []string{`
metadata: {name: rescue, generation: 1}
spec:
  triggers:
  - {name: critical, for: 24h, band: {in: [Critical]}}
  cooldown: 14d
  limits: {activeRuns: 12, newRunsPerDay: 4}
  steps:
  - {name: diagnose, title: "Why is ${account.name} ${health.band}?", outcomes: [Rescue, FalseAlarm], due: {after: 1d, calendar: WorkingDays}, checklist: [call the sponsor], escalation: [{overdueBy: 2d, assignee: "${team('Manager')}", priority: Urgent}]}
  - {name: plan, title: Agree on a plan, after: [diagnose], when: "outcomes.diagnose == 'Rescue'", due: {after: 3d}}
  - {name: review, title: Look again, after: [plan], opens: {after: 14d}, doneWhen: "health.band == 'Healthy'"}
`, `
metadata: {name: fell, generation: 1}
spec:
  triggers:
  - {name: fell, scoreDrop: {points: 20, within: 7d}}
  cooldown: 20d
  inhibitedBy: [rescue]
  steps:
  - {name: ask, title: "Ask ${account.name} what happened", due: {after: 2d}}
`, `
metadata: {name: tickets, generation: 1}
spec:
  triggers:
  - {name: many, for: 12h, value: {from: {source: support, metric: open_tickets}, atLeast: "6"}}
  cooldown: 3d
  repeat: AfterCooldown
  steps:
  - {name: clear, title: Clear the tickets, doneWhen: metrics.support.open_tickets < 3, due: {after: 5d}}
  - {name: tell, title: Tell the customer, after: [clear]}
`, `
metadata: {name: detractor, generation: 1}
spec:
  triggers:
  - {name: detractor, per: Observation, value: {from: {source: surveys, metric: nps}, atMost: "6"}}
  cooldown: 2d
  steps:
  - {name: call, title: "Call ${account.name}, who gave ${metrics.surveys.nps}", outcomes: [Reached, NoReply], due: {after: 1d}}
`, `
metadata: {name: renewal, generation: 1}
spec:
  triggers:
  - {name: near, renewal: {within: 60d}}
  steps:
  - {name: forecast, title: Forecast the renewal, opens: {before: 45d, of: Renewal}, due: {before: 30d, of: Renewal}}
  - {name: offer, title: Send the offer, after: [forecast], due: {before: 14d, of: Renewal}, escalation: [{overdueBy: 3d, priority: Urgent}]}
`, `
metadata: {name: onboarding, generation: 1}
spec:
  triggers:
  - {name: new, lifecycle: {enters: [Onboarding]}}
  steps:
  - {name: kickoff, title: Hold the kickoff, assignee: "${team('Manager')}", due: {after: 3d, of: RunStart}}
  - {name: value, title: First value, opens: {after: 20d, of: RunStart}, doneWhen: metrics.usage.wau > 40, due: {after: 40d, of: RunStart}}
`, `
metadata: {name: qbr, generation: 1}
spec:
  triggers:
  - {name: review, every: 30d}
  cooldown: 5d
  inhibitedBy: [rescue, renewal]
  historyLimit: 1
  steps:
  - {name: prepare, title: Prepare the review, due: {after: 5d}}
  - {name: meet, title: Hold the review, after: [prepare], outcomes: [Held, Declined]}
`, `
metadata: {name: blind, generation: 1}
spec:
  triggers:
  - {name: silent, noData: {from: {source: usage, metric: wau}, for: 5d}}
  onResolve: KeepTasks
  steps:
  - {name: look, title: "Why do we hear nothing?"}
`} {
		all = append(all, read[v1alpha1.Playbook](t, text))
	}
	return all
}
