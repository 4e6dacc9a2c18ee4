// Package crd tests the custom resource definitions on a real API server: what it accepts, and what it says to a user
// whose object it refuses.
package crd

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/internal/testing/controlplane"
)

var api = controlplane.Shared{Options: controlplane.Options{CRDs: "../../../config/crd/bases"}}

func TestMain(m *testing.M) { api.Main(m) }

// object reads a spec of a kind; text is YAML below spec.
func object(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal([]byte(spec), &content); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "perennial.dev/v1alpha1", "kind": kind,
		"metadata": map[string]any{"name": "x", "namespace": "default"},
		"spec":     content,
	}}
}

// tryCreate asks the API server whether it would accept an object.
func tryCreate(t *testing.T, obj *unstructured.Unstructured) error {
	t.Helper()
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, "Strict").Create(t.Context(), obj, client.DryRunAll)
}

// minimal specs that every case starts from.
const (
	source   = "{account: {field: id}, metrics: [{name: wau, type: Number}], configMap: {name: c, key: k, format: CSV}}"
	model    = "{bands: [{name: Bad, min: 0}, {name: Good, min: 50}], dimensions: [{name: use, weight: 1}], measures: [{name: wau, dimension: use, weight: 1, from: {source: s, metric: wau}, scale: {linear: {worst: 0, best: '1.5'}}}]}"
	playbook = "{triggers: [{name: low, score: {atMost: 40}}], steps: [{name: call, title: Call}]}"
	task     = "{accountRef: {name: acme}, title: Call}"
)

// change sets fields of a minimal spec: "a.b[0].c" -> YAML.
func change(t *testing.T, kind, spec string, set map[string]string) *unstructured.Unstructured {
	t.Helper()
	obj := object(t, kind, spec)
	for path, text := range set {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		put(t, obj.Object["spec"], strings.Split(path, "."), v)
	}
	return obj
}

// put sets one field; a number in the path is a place in a list.
func put(t *testing.T, in any, path []string, v any) {
	t.Helper()
	switch node := in.(type) {
	case map[string]any:
		if len(path) == 1 {
			if v == nil {
				delete(node, path[0])
			} else {
				node[path[0]] = v
			}
			return
		}
		put(t, node[path[0]], path[1:], v)
	case []any:
		put(t, node[int(path[0][0]-'0')], path[1:], v)
	default:
		t.Fatalf("no field %v", path)
	}
}

// answer is what the API server says of a minimal spec with some fields changed.
type answer struct {
	kind, spec string
	set        map[string]string
	want       string // part of the error; empty: accepted
}

// check asks the API server.
func (a answer) check(t *testing.T) {
	t.Helper()
	err := tryCreate(t, change(t, a.kind, a.spec, a.set))
	switch {
	case a.want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case a.want != "" && err == nil:
		t.Errorf("accepted; want an error with %q", a.want)
	case a.want != "" && !strings.Contains(err.Error(), a.want):
		t.Errorf("error:\n  %v\nwant in it:\n  %s", err, a.want)
	}
}

func TestTheAPIServerSays(t *testing.T) {
	for name, c := range map[string]answer{
		"an account may be empty":                             {"Account", "{}", nil, ""},
		"a date may be a day":                                 {"Account", "{contract: {renewalDate: '2027-02-01'}}", nil, ""},
		"a date may be in RFC 3339, as kustomize rewrites it": {"Account", "{contract: {renewalDate: '2027-02-01T00:00:00Z'}}", nil, ""},
		"a date must be in the calendar":                      {"Account", "{contract: {renewalDate: '2027-02-30'}}", nil, "must be a day of the calendar"},
		"ARR is a whole number":                               {"Account", "{contract: {arr: 1.5}}", nil, "spec.contract.arr"},
		"ARR is not negative":                                 {"Account", "{contract: {arr: -1}}", nil, "spec.contract.arr"},
		"the touch model is one of three":                     {"Account", "{touchModel: NoTouch}", nil, "spec.touchModel"},
		"a lifecycle stage is CamelCase":                      {"Account", "{lifecycleStage: on-boarding}", nil, "spec.lifecycleStage"},
		"a lifecycle stage may be one's own":                  {"Account", "{lifecycleStage: Pilot}", nil, ""},
		"a misspelt field is refused":                         {"Account", "{ownr: jo}", nil, "ownr"},
		"two team members cannot have one role":               {"Account", "{team: [{role: A, user: x}, {role: A, user: y}]}", nil, "Duplicate"},

		"a model":                                   {"HealthScoreModel", model, nil, ""},
		"a model needs a lowest band":               {"HealthScoreModel", model, map[string]string{"bands.0.min": "10"}, "the lowest band needs min: 0"},
		"two bands cannot begin at one score":       {"HealthScoreModel", model, map[string]string{"bands.1.min": "0"}, "two bands with the same min"},
		"Unknown is no band of a model":             {"HealthScoreModel", model, map[string]string{"bands.0.name": "Unknown"}, "Unknown is the band of accounts without a score"},
		"a measure's dimension must be there":       {"HealthScoreModel", model, map[string]string{"measures.0.dimension": "usage"}, "every measure's dimension must be one of spec.dimensions"},
		"a dimension needs a measure":               {"HealthScoreModel", model, map[string]string{"measures.0.weight": "0"}, "every dimension needs a measure with a weight above 0"},
		"a measure with a weight needs a scale":     {"HealthScoreModel", model, map[string]string{"measures.0.scale": "null"}, "needed for a measure with a weight"},
		"a scale is of one kind":                    {"HealthScoreModel", model, map[string]string{"measures.0.scale.steps": "[{min: 0, score: 1}]"}, "exactly one of the fields in [linear steps categories expression]"},
		"a decimal may be a whole number or quoted": {"HealthScoreModel", model, map[string]string{"measures.0.scale.linear": "{worst: '0.05', best: 4}"}, ""},
		"a decimal is quoted":                       {"HealthScoreModel", model, map[string]string{"measures.0.scale.linear": "{worst: 0.05, best: 4}"}, "worst"},
		"a decimal is a number":                     {"HealthScoreModel", model, map[string]string{"measures.0.scale.linear": "{worst: 'five', best: 4}"}, "worst"},
		"a line needs two ends":                     {"HealthScoreModel", model, map[string]string{"measures.0.scale.linear": "{worst: 4, best: 4}"}, "worst and best must differ"},
		"a value has one origin":                    {"HealthScoreModel", model, map[string]string{"measures.0.from.measurement": "x"}, "exactly one of the fields in [source measurement expression children]"},
		"a rule does one thing":                     {"HealthScoreModel", model, map[string]string{"rules": "[{name: r, when: 'true', cap: 3, floor: 2}]"}, "exactly one of the fields in [cap floor set]"},

		"a playbook":                            {"Playbook", playbook, nil, ""},
		"a trigger is of one kind":              {"Playbook", playbook, map[string]string{"triggers.0.band": "{in: [Critical]}"}, "exactly one of the fields in [band score scoreDrop value renewal lifecycle every noData expression]"},
		"a trigger is of some kind":             {"Playbook", playbook, map[string]string{"triggers.0.score": "null"}, "exactly one of the fields in [band score scoreDrop value renewal lifecycle every noData expression]"},
		"a band trigger does not watch Unknown": {"Playbook", playbook, map[string]string{"triggers": "[{name: u, band: {in: [Unknown]}}]"}, "Unknown is the absence of knowledge"},
		"a score trigger needs a bound":         {"Playbook", playbook, map[string]string{"triggers.0.score": "{}"}, "atMost, atLeast or both"},
		"a value trigger has bounds or words":   {"Playbook", playbook, map[string]string{"triggers": "[{name: v, value: {from: {source: s, metric: m}, in: [a], atMost: 3}}]"}, "atMost, atLeast or both for a number; in for a category"},
		"repeating needs a cooldown":            {"Playbook", playbook, map[string]string{"repeat": "AfterCooldown"}, "needed with repeat: AfterCooldown"},
		"a step waits for a step that is there": {"Playbook", playbook, map[string]string{"steps.0.after": "[triage]"}, "after names a step that does not exist"},
		"a step does not wait for itself":       {"Playbook", playbook, map[string]string{"steps.0.after": "[call]"}, "after names a step that does not exist, or the step itself"},
		"a playbook has a step":                 {"Playbook", playbook, map[string]string{"steps": "[]"}, "spec.steps"},

		"a task by hand":                       {"Task", task, nil, ""},
		"a done task needs an outcome":         {"Task", task, map[string]string{"outcomes": "[Reached, NoReply]", "state": "Done"}, "state Done needs one of Reached, NoReply"},
		"an outcome is one of those there are": {"Task", task, map[string]string{"outcomes": "[Reached]", "state": "Done", "outcome": "Maybe"}, "state Done needs one of Reached"},
		"a done task with its outcome":         {"Task", task, map[string]string{"outcomes": "[Reached]", "state": "Done", "outcome": "Reached"}, ""},
		"a task's state is one of four":        {"Task", task, map[string]string{"state": "Blocked"}, "spec.state"},

		"an account set's template is free in its spec": {"AccountSet", "{sourceRef: {name: s}, template: {key: '${row.id}', name: acme, spec: {contract: {arr: '${row.arr}'}}}}", nil, ""},
		"an account set needs a key":                    {"AccountSet", "{sourceRef: {name: s}, template: {name: acme, spec: {}}}", nil, "spec.template.key"},
	} {
		t.Run(name, c.check)
	}
}

// TestWhatNobodyMayChange makes an object and changes it.
func TestWhatNobodyMayChange(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const run = "{accountRef: {name: acme}, playbookRef: {name: p}, playbookGeneration: 1, sequence: 1, trigger: low, steps: [{name: call, title: Call}]}"
	const runTask = "{accountRef: {name: acme}, runRef: {name: r}, step: call, title: Call, outcomes: [Reached, NoReply]}"
	for name, tc := range map[string]struct {
		kind, spec, path, value, want string
	}{
		"a run's spec":                         {"PlaybookRun", run, "trigger", "high", "of a run does not change"},
		"a task's account":                     {"Task", runTask, "accountRef.name", "other", "accountRef cannot change"},
		"a task's run":                         {"Task", runTask, "runRef.name", "other", "runRef cannot change"},
		"that a task has a run":                {"Task", runTask, "runRef", "null", "runRef, step, outcomes and input cannot be added or removed"},
		"a task's step":                        {"Task", runTask, "step", "other", "step cannot change"},
		"the outcomes to choose from":          {"Task", runTask, "outcomes", "[Reached]", "outcomes cannot change"},
		"but a person may change the title":    {"Task", runTask, "title", "Write", ""},
		"but a person may change the assignee": {"Task", runTask, "assignee", "jo", ""},
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
			var v any
			if err := yaml.Unmarshal([]byte(tc.value), &v); err != nil {
				t.Fatal(err)
			}
			put(t, obj.Object["spec"], strings.Split(tc.path, "."), v)
			err := c.Update(t.Context(), obj)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error: %v; want in it: %s", err, tc.want)
			}
		})
	}
}

// TestANewObjectIsNotReady checks what kstatus reads of an object that the operator has not seen.
func TestANewObjectIsNotReady(t *testing.T) {
	c, err := client.New(api.Get(t).Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	obj := object(t, "Account", "{}")
	if err := c.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), obj); err != nil {
			t.Error(err)
		}
	})
	if observed, _, _ := unstructured.NestedInt64(obj.Object, "status", "observedGeneration"); observed != -1 {
		t.Errorf("status.observedGeneration is %d, want -1", observed)
	}
}
