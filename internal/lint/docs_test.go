package lint_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// TestTheExamplesOfThePagesAreClean checks the playbooks that the pages show whole: who copies one is to hear nothing of it.
func TestTheExamplesOfThePagesAreClean(t *testing.T) {
	for _, page := range []string{"playbooks.md", "testing.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "\nkind: Playbook\n") {
				continue
			}
			n++
			set := load(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(m[1])})
			for _, f := range lint.Check(t.Context(), set, lint.Options{AllowMissing: true}) {
				if f.Severity != lint.Note {
					t.Errorf("%s: %s", page, f)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s shows no playbook", page)
		}
	}
}

func TestAnOutcomeThatMayBeMissingIsToBeAskedForUnlessItIsOnlyCompared(t *testing.T) {
	const text = `apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata: {name: p}
spec:
  triggers: [{name: low, score: {atMost: 40}}]
  steps:
  - {name: a, title: A, ifPast: Skip, opens: {before: 1d, of: Renewal}, outcomes: [Big, Small]}
  - {name: b-c, title: B, ifPast: Skip, opens: {before: 1d, of: Renewal}, outcomes: [Big, Small]}
  - {name: d, title: D, after: [a, b-c], WHERE}
`
	for where, warned := range map[string]bool{
		`when: "outcomes.a == 'Big'"`:                                         false,
		`when: "outcomes['b-c']=='Big'"`:                                      false,
		`when: "outcomes.a == 'Big' || (outcomes['b-c'] == 'Small')"`:         false,
		`when: "outcomes.a == 'Big' && outcomes['b-c'] == 'Small'"`:           false,
		`when: "outcomes.a != 'Big'"`:                                         true,
		`when: "!(outcomes.a == 'Big')"`:                                      true,
		`when: "outcomes.a == 'Big' && health.score < 40"`:                    true,
		`doneWhen: "outcomes.a == 'Big'"`:                                     true,
		`when: "has(outcomes.a) && outcomes.a == 'Big' && health.score < 40"`: false,
	} {
		set := load(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(strings.Replace(text, "WHERE", where, 1))})
		got := false
		for _, f := range lint.Check(t.Context(), set, lint.Options{AllowMissing: true}) {
			got = got || f.Rule == lint.RuleOutcome
			if f.Severity == lint.Error {
				t.Errorf("%s: %s", where, f)
			}
		}
		if got != warned {
			t.Errorf("%s: warned is %v, want %v", where, got, warned)
		}
	}
}
