package unittest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// tested is a small configuration: adoption alone decides, and three playbooks watch it.
const tested = `
kind: DataSource
metadata: {name: usage}
spec:
  account: {field: id}
  maxAge: 7d
  metrics: [{name: wau, type: Number}, {name: tickets, type: Number, absent: "0"}, {name: plan, type: Category}]
---
kind: DataSource
metadata: {name: surveys}
spec:
  account: {field: id}
  observedTime: {field: answered}
  maxAge: 30d
  metrics: [{name: nps, type: Number}, {name: comment, type: Text}]
---
kind: HealthScoreModel
metadata: {name: simple}
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  bandChange: {hold: 1h}
  dimensions: [{name: adoption, weight: 1}]
  measures:
  - {name: users, dimension: adoption, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: "0", best: "100"}}}
  rules:
  - {name: pile, when: metrics.usage.tickets > 5, cap: 39, timing: Immediate}
---
kind: Playbook
metadata: {name: rescue}
spec:
  triggers: [{name: critical, band: {in: [Critical]}, for: 24h}]
  cooldown: 7d
  onResolve: CancelUntouched
  steps:
  - {name: call, title: "Call ${account.spec.displayName}", outcomes: [Saved, Lost], due: {after: 1d}, checklist: [usage]}
  - {name: learn, title: Learn, after: [call], when: outcomes.call == 'Lost'}
---
kind: Playbook
metadata: {name: detractor}
spec:
  triggers: [{name: low, value: {from: {source: surveys, metric: nps}, atMost: "6"}, per: Observation}]
  steps: [{name: call, title: "They gave us ${metrics.surveys.nps}"}]
---
kind: Playbook
metadata: {name: pulse}
spec:
  accountSelector: {lifecycleStages: [Pulse]}
  triggers: [{name: red, value: {from: {source: crm, metric: pulse}, in: [Red]}}]
  steps: [{name: ask, title: Ask}]
`

// worldOf reads a configuration.
func worldOf(t *testing.T, text string) *fleet.World {
	t.Helper()
	w := &fleet.World{Namespace: "default"}
	for document := range strings.SplitSeq(text, "\n---\n") {
		var kind struct{ Kind string }
		err := yaml.Unmarshal([]byte(document), &kind)
		switch kind.Kind {
		case "DataSource":
			w.DataSources = append(w.DataSources, object[v1alpha1.DataSource](t, document))
		case "HealthScoreModel":
			w.Models = append(w.Models, object[v1alpha1.HealthScoreModel](t, document))
		case "Playbook":
			w.Playbooks = append(w.Playbooks, object[v1alpha1.Playbook](t, document))
		default:
			t.Fatalf("kind %q: %v", kind.Kind, err)
		}
	}
	return w
}

// object decodes one object.
func object[T any](t *testing.T, text string) *T {
	t.Helper()
	obj := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

// configOf compiles a configuration.
func configOf(t *testing.T, text string) *Config {
	t.Helper()
	c, err := NewConfig(worldOf(t, text), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// header is how the files of these tests begin.
const header = `
start: "2026-11-02T09:00:00Z"
account: {name: acme, spec: {displayName: Acme, owner: jo@example.com}}
facts: {usage: {wau: 80}}
tests:
- name: it
`

// parsed reads a file.
func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("x_test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// played plays the one test of a file, and says what came of it: a line for each thing that is otherwise than expected.
func played(t *testing.T, text string) []string {
	t.Helper()
	f := parsed(t, text)
	var lines []string
	for i := range f.Tests {
		lines = append(lines, linesOf(f.Tests[i].Run(configOf(t, tested), nil))...)
	}
	return lines
}

// linesOf are a result's differences and its error.
func linesOf(r *Result) []string {
	var lines []string
	for _, f := range r.Failures {
		for _, d := range f.Differences {
			lines = append(lines, fmt.Sprintf("%s: want %s, got %s", d.Field, d.Want, d.Got))
		}
	}
	if r.Err != nil {
		lines = append(lines, r.Err.Error())
	}
	return lines
}
