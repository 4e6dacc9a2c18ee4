package unittest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCoverageSaysWhatNoTestReached(t *testing.T) {
	f := parsed(t, header+`
  facts: {usage: {wau: 10}}
  steps:
  - at: 1d
    expect: {runs: [{playbook: rescue}]}
- name: and another
  facts: {usage: {wau: 100}, surveys: {nps: 1}}
  steps:
  - expect: {runs: [{playbook: detractor}]}
`)
	c := configOf(t, tested)
	coverage := &Coverage{}
	for i := range f.Tests {
		if got := linesOf(f.Tests[i].Run(c, coverage)); got != nil {
			t.Error(got)
		}
	}
	want := []Covered{
		{Kind: "HealthScoreModel", Name: "simple", Parts: 4, Reached: 2, Missed: []Part{{"band", "AtRisk"}, {"rule", "pile"}}},
		{Kind: "Playbook", Name: "detractor", Parts: 2, Reached: 2},
		{Kind: "Playbook", Name: "pulse", Parts: 2, Missed: []Part{{"trigger", "red"}, {"step", "ask"}}},
		{Kind: "Playbook", Name: "rescue", Parts: 3, Reached: 2, Missed: []Part{{"step", "learn"}}},
	}
	if diff := cmp.Diff(want, coverage.Report()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
