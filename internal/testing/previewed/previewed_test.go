package previewed

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/internal/preview"
)

// change is one commit on the samples.
type change struct {
	name string
	// make edits the folder.
	make func(w *world)
	// does reports whether the plan has the effect that the change is made for.
	does func(p *preview.Preview) bool
	// rows means that accounts are written, which the fleet alone knows nothing of.
	rows bool
}

// changes are made one after the other, each on top of those before.
var changes = []change{
	{name: "a band begins higher", make: func(w *world) {
		w.edit("model-enterprise.yaml", "{name: AtRisk, min: 40}", "{name: AtRisk, min: 62}")
	}, does: func(p *preview.Preview) bool { return len(p.Moves) > 0 }},
	{name: "a measure has another scale", make: func(w *world) {
		w.edit("model-standard.yaml", `{linear: {worst: "8", best: "0"}}`, `{linear: {worst: "3", best: "0"}}`)
	}, does: func(p *preview.Preview) bool { return p.Accounts.Rescored > 0 }},
	{name: "a dimension weighs more", make: func(w *world) {
		w.edit("model-standard.yaml", "{name: sentiment, weight: 20}", "{name: sentiment, weight: 90}")
	}, does: func(p *preview.Preview) bool { return p.Accounts.Rescored > 0 }},
	{name: "a playbook has one more trigger", make: func(w *world) {
		w.edit("playbook-check-in.yaml", "    from: ContractStart\n", "    from: ContractStart\n  - name: quiet\n    score: {atMost: 60}\n")
	}, does: started},
	{name: "a playbook may start fewer runs", make: func(w *world) {
		w.write("playbook-limited.yaml", limited)
		w.edit("kustomization.yaml", "- playbook-advocacy.yaml\n", "- playbook-advocacy.yaml\n- playbook-limited.yaml\n")
	}, does: func(p *preview.Preview) bool { return started(p) && has(p, preview.Held) }},
	{name: "the limit is lifted", make: func(w *world) {
		w.edit("playbook-limited.yaml", "newRunsPerDay: 3", "newRunsPerDay: 5")
	}, does: started},
	{name: "a playbook is renamed, and its limit lifted again", make: func(w *world) {
		w.edit("playbook-limited.yaml", "  name: limited\n", "  name: limited-to-some\n")
		w.edit("playbook-limited.yaml", "newRunsPerDay: 5}\n", "newRunsPerDay: 6}\n  previousNames: [limited]\n")
	}, does: func(p *preview.Preview) bool { return started(p) && len(p.Config) == 1 && len(p.Tasks) == 2 }},
	{name: "a playbook is deleted", make: func(w *world) {
		w.edit("kustomization.yaml", "- playbook-limited.yaml\n", "")
	}, does: func(p *preview.Preview) bool { return len(p.Config) == 1 }},
	{name: "a trigger that no longer holds", make: func(w *world) {
		w.edit("playbook-onboarding.yaml", "lifecycle: {stages: [Onboarding]}", "lifecycle: {stages: [Advocacy]}")
	}, does: func(p *preview.Preview) bool { return len(p.Runs) > 0 }},
	{name: "a rule caps at once", make: func(w *world) {
		w.edit("model-standard.yaml", "  - name: open-p1\n    when: \"metrics.support.open_p1 > 0\"\n    cap: 39\n",
			"  - name: many-tickets\n    when: \"metrics.support.open_tickets >= 2\"\n    cap: 30\n    timing: Immediate\n  - name: open-p1\n    when: \"metrics.support.open_p1 > 0\"\n    cap: 39\n")
	}, does: func(p *preview.Preview) bool { return len(p.Moves) > 0 && p.Moves[0].At == nil }},
	{name: "answers grow old sooner", make: func(w *world) {
		w.edit("datasource-surveys.yaml", "  observedTime: {field: answered}\n", "  observedTime: {field: answered}\n  maxAge: 20d\n")
	}, does: func(p *preview.Preview) bool { return p.Accounts.Rescored > 0 }},
	{name: "the set gives the accounts to somebody else", make: func(w *world) {
		w.edit("accountset-customers.yaml", `owner: "${row.csm}"`, `owner: "${row.touch == 'HighTouch' ? row.manager : row.csm}"`)
	}, does: func(p *preview.Preview) bool { return p.Accounts.Updated > 0 && len(p.Tasks) > 0 }, rows: true},
}

// limited starts on more accounts than it may.
const limited = `apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata:
  name: limited
  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}
spec:
  triggers: [{name: any, score: {atMost: 75}}]
  limits: {newRunsPerDay: 3}
  steps:
  - name: look
    title: "Look at ${account.spec.displayName}: ${health.band} at ${format(health.score)}"
    due: {after: 2d, calendar: WorkingDays}
  - name: tell
    title: Tell somebody
    after: [look]
    due: {after: 1d}
`

func has(p *preview.Preview, action preview.Action) bool {
	for _, run := range p.Runs {
		if run.Action == action {
			return true
		}
	}
	return false
}

func started(p *preview.Preview) bool { return has(p, preview.Started) && len(p.Tasks) > 0 }

// TestTheOperatorDoesWhatThePlanSays makes changes for real, after a plan has said what comes of them.
func TestTheOperatorDoesWhatThePlanSays(t *testing.T) {
	w := newWorld(t)
	if code, out, errOut := w.plan(); code != 0 || !strings.HasPrefix(out, "Nothing changes.") || errOut != "" {
		t.Fatalf("a plan of what is in force ends with %d:\n%s%s", code, out, errOut)
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.makeAndCompare(c)
		})
		w.t = t
	}
}

// makeAndCompare makes a change and compares what happens with what was foretold.
func (w *world) makeAndCompare(c change) {
	w.t.Helper()
	w.follow()
	earlier, before, facts := w.load(), w.state(), w.snapshot()
	c.make(w)
	// The operator waits until the configuration has settled, and acts then.
	at := w.clock.Now().Add(settle)
	p := w.foretold("--now", at.Format(time.RFC3339), "--ahead", "0s", "--prune")
	if !c.does(p) {
		w.t.Errorf("the change does not do what it is made for: this test says nothing of it")
	}
	if len(p.Problems)+len(p.NoData) > 0 {
		w.t.Errorf("the plan has problems: %v %v", p.Problems, p.NoData)
	}
	if to := os.Getenv("PREVIEWED_MARKDOWN"); to != "" {
		_, text, _ := w.plan("--now", at.Format(time.RFC3339), "--prune", "-o", "markdown")
		if err := os.WriteFile(to+"/"+strings.ReplaceAll(c.name, " ", "-")+".md", []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	want := before.after(w.t, p)
	w.apply(earlier)
	w.quiet()
	w.pass(settle)
	w.quiet()
	if diff := differ(want, w.state()); diff != "" {
		w.t.Errorf("what happened is not what the plan said (- plan, + operator):\n%s", diff)
	}
	if c.rows {
		return
	}
	if diff := cmp.Diff(w.evaluated(facts, at), w.healths()); diff != "" {
		w.t.Errorf("the scores are not those that the fleet computes (- fleet, + operator):\n%s", diff)
	}
}
