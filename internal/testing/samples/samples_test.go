package samples

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

func TestPlaybooksReadWhatASourceDeclares(t *testing.T) {
	all := load(t)
	declared := map[v1alpha1.MetricReference]bool{}
	for _, ds := range all.sources {
		for _, m := range ds.Spec.Metrics {
			declared[v1alpha1.MetricReference{Source: ds.Name, Metric: m.Name}] = true
		}
	}
	for _, pb := range all.playbooks {
		compiled, err := playbook.Compile(pb)
		if err != nil {
			t.Errorf("%s: %v", pb.Name, err)
			continue
		}
		for _, ref := range compiled.Reads() {
			if !declared[ref] {
				t.Errorf("%s reads metrics.%s.%s, which no source declares", pb.Name, ref.Source, ref.Metric)
			}
		}
	}
}

func TestPlaybooksAreInhibitedByThoseThatAreThere(t *testing.T) {
	all := load(t)
	for _, pb := range all.playbooks {
		for _, name := range pb.Spec.InhibitedBy {
			if !slices.Contains(all.names(), name) || name == pb.Name {
				t.Errorf("%s: inhibitedBy %s, which is no other playbook of the samples", pb.Name, name)
			}
		}
	}
}

// withoutMember are roles that no sample account has: the owner has the task then.
var withoutMember = []string{"Marketing"}

func TestPlaybooksTurnToRolesThatTheAccountsHave(t *testing.T) {
	all := load(t)
	template := string(read(t, "accountset-customers.yaml"))
	for _, pb := range all.playbooks {
		text := yamlOf(t, pb)
		for _, m := range regexp.MustCompile(`team\('+(\w+)'+\)`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(template, "role: "+m[1]+",") && !slices.Contains(withoutMember, m[1]) {
				t.Errorf("%s: no sample account has a %s", pb.Name, m[1])
			}
		}
	}
}

// yamlOf is a playbook without its comments.
func yamlOf(t *testing.T, pb *v1alpha1.Playbook) string {
	t.Helper()
	text, err := yaml.Marshal(pb)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var comparedOutcome = regexp.MustCompile(`outcomes(?:\.|\[')([a-z-]+)(?:'\])? (==|in) (\[[^\]]*\]|'[^']*')`)

func TestStepsAskForOutcomesThatThereAre(t *testing.T) {
	compared := 0
	for _, pb := range load(t).playbooks {
		outcomes := map[string][]v1alpha1.Outcome{}
		for i := range pb.Spec.Steps {
			outcomes[string(pb.Spec.Steps[i].Name)] = pb.Spec.Steps[i].Outcomes
		}
		for i := range pb.Spec.Steps {
			s := &pb.Spec.Steps[i]
			for _, m := range comparedOutcome.FindAllStringSubmatch(string(s.When), -1) {
				for _, word := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(m[3], -1) {
					compared++
					if !slices.Contains(outcomes[m[1]], v1alpha1.Outcome(word[1])) {
						t.Errorf("%s: step %s asks for the outcome %s of %s, which has %v", pb.Name, s.Name, word[1], m[1], outcomes[m[1]])
					}
				}
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d outcomes were found", compared)
	}
}

// TestMakeRunBeginsWithAFewRuns is about who tries the samples: a short list of tasks to read, on whatever day.
func TestMakeRunBeginsWithAFewRuns(t *testing.T) {
	all := load(t)
	for month := time.January; month <= time.December; month++ {
		now := time.Date(2027, month, 15, 10, 30, 0, 0, time.UTC)
		t.Run(now.Format(time.DateOnly), func(t *testing.T) {
			w := newWorld(t, all, now)
			w.settle()
			tasks := 0
			var runs []string
			for _, c := range w.customers {
				for _, run := range w.runs(c) {
					runs = append(runs, run.Spec.PlaybookRef.Name)
					for _, task := range w.tasks(run) {
						tasks++
						w.checkTexts(task)
					}
				}
			}
			if len(runs) < 5 || len(runs) > 12 || tasks > 20 {
				t.Errorf("%d runs with %d tasks begin at once: %v", len(runs), tasks, runs)
			}
			// The end-to-end test waits for these.
			for _, name := range []string{"onboarding", "usage-drop", "renewal", "detractor"} {
				if !slices.Contains(runs, name) {
					t.Errorf("nothing of %s begins: %v", name, runs)
				}
			}
		})
	}
}

// TestTwoConversationsAtOnceAreRare plays a month in which nobody does anything.
func TestTwoConversationsAtOnceAreRare(t *testing.T) {
	w := newWorld(t, load(t), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	p := &player{world: w}
	p.wait(30 * day)
	// These talk to the customer; onboarding and tickets work for them.
	talk := []string{"usage-drop", "low-adoption", "champion-left", "rescue", "renewal", "qbr"}
	for _, c := range w.customers {
		var open []string
		for _, run := range w.runs(c) {
			if name := run.Spec.PlaybookRef.Name; slices.Contains(talk, name) && playbook.RunOpen(run) {
				open = append(open, fmt.Sprintf("%s since %s", name, run.CreationTimestamp.Format(time.DateOnly)))
			}
		}
		if len(open) > 2 {
			t.Errorf("%s: %v", c.account.Name, open)
		}
	}
}

// TestWhatAToolDoesNotDoComesToAPerson: a queue has nobody who sees that his list grows.
func TestWhatAToolDoesNotDoComesToAPerson(t *testing.T) {
	tools := 0
	for _, pb := range load(t).playbooks {
		for _, step := range pb.Spec.Steps {
			if step.Assignee == "" || strings.Contains(step.Assignee, "${") {
				continue
			}
			tools++
			if step.Due == nil || !slices.ContainsFunc(step.Escalation, func(e v1alpha1.EscalationStage) bool { return strings.Contains(e.Assignee, "${") }) {
				t.Errorf("%s: the step %s of %s has no due time with an escalation to a person", pb.Name, step.Name, step.Assignee)
			}
		}
	}
	if tools == 0 {
		t.Error("no sample shows a tool")
	}
}
