package previewed

import (
	"slices"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/internal/preview"
)

// watch starts some time after an account has become Critical.
const watch = `apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata:
  name: watch
  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}
spec:
  triggers: [{name: critical, band: {in: [Critical]}, for: 2h}]
  steps:
  - {name: look, title: "Look at ${account.spec.displayName}: ${health.band}", priority: High}
`

// TestWhatThePlanSaysOfLaterComes looks some hours ahead: a band that a model holds back, and a run whose trigger has to hold
// for a while, come when the plan says so.
func TestWhatThePlanSaysOfLaterComes(t *testing.T) {
	w := newWorld(t)
	changes[0].make(w)
	w.write("playbook-watch.yaml", watch)
	w.edit("kustomization.yaml", "- playbook-advocacy.yaml\n", "- playbook-advocacy.yaml\n- playbook-watch.yaml\n")
	at := w.clock.Now().Add(settle)
	p := w.foretold("--now", at.Format(time.RFC3339), "--ahead", "4h", "--prune")
	var moments []time.Time
	for _, m := range p.Moves {
		if m.At != nil {
			moments = append(moments, *m.At)
		}
	}
	for _, run := range p.Runs {
		if run.Action == preview.Started && run.At != nil {
			moments = append(moments, *run.At)
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.Compact(moments)
	if len(moments) < 3 || !has(p, preview.Started) {
		t.Fatalf("nothing of what is foretold comes later: %+v", p)
	}
	w.apply()
	w.quiet()
	w.pass(settle)
	w.quiet()
	early := w.state()
	for _, m := range p.Moves {
		if is := early.Accounts[m.Name]; m.At != nil && (is.Band != m.Before.Band || is.Pending != m.After.Band) {
			t.Errorf("account %s is %s and waits for %q before its time, want %s and %s", m.Name, is.Band, is.Pending, m.Before.Band, m.After.Band)
		}
	}
	for _, moment := range moments {
		w.pass(moment.Sub(w.clock.Now()))
		w.quiet()
		is := w.state()
		for _, m := range p.Moves {
			if m.At != nil && !m.At.After(moment) && is.Accounts[m.Name].Band != m.After.Band {
				t.Errorf("at %s account %s is %s, want %s", moment, m.Name, is.Accounts[m.Name].Band, m.After.Band)
			}
		}
		for _, run := range p.Runs {
			if _, there := is.Runs[run.Run]; run.Action == preview.Started && run.At != nil && there == run.At.After(moment) {
				t.Errorf("at %s run %s, foretold for %s, is there: %t", moment, run.Run, run.At, there)
			}
		}
	}
	is := w.state()
	for _, task := range p.Tasks {
		got, there := is.Tasks[task.Name]
		if !there || got.Title != task.Title || got.Assignee != task.Assignee || got.State != task.State || got.Priority != task.Priority {
			t.Errorf("task %s is %+v, want %+v", task.Name, got, task)
		}
	}
}
