package preview_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// soon is when the changes of the tests are made.
var soon = today.Add(time.Minute)

func foretell(tb testing.TB, base, head *fleet.World, ahead time.Duration) *preview.Preview {
	tb.Helper()
	p, err := preview.Run(preview.Input{Base: base, Head: head, Now: soon, Ahead: ahead})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func text(tb testing.TB, v any) string {
	tb.Helper()
	content, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

// withModel returns a world in which one model is changed.
func withModel(w *fleet.World, name string, change func(m *v1alpha1.HealthScoreModel)) *fleet.World {
	h := head(w)
	h.Models = nil
	for _, m := range w.Models {
		if m.Name == name {
			m = m.DeepCopy()
			change(m)
		}
		h.Models = append(h.Models, m)
	}
	return h
}

// withPlaybook returns a world in which one playbook is changed.
func withPlaybook(w *fleet.World, name string, change func(pb *v1alpha1.Playbook)) *fleet.World {
	h := head(w)
	h.Playbooks = nil
	for _, pb := range w.Playbooks {
		if pb.Name == name {
			pb = pb.DeepCopy()
			change(pb)
		}
		h.Playbooks = append(h.Playbooks, pb)
	}
	return h
}

// without returns a world without one playbook.
func without(w *fleet.World, name string) *fleet.World {
	h := head(w)
	h.Playbooks = nil
	for _, pb := range w.Playbooks {
		if pb.Name != name {
			h.Playbooks = append(h.Playbooks, pb)
		}
	}
	return h
}

func TestAnUnchangedConfigurationDoesNothing(t *testing.T) {
	w := evaluated(t, world(t, 200, 1), today)
	for name, ahead := range map[string]time.Duration{"now": 0, "a week ahead": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			if p := foretell(t, w, head(w), ahead); p.Changes() {
				t.Errorf("nothing changed, and yet: %s", text(t, p))
			}
		})
	}
}

func TestABandThatBeginsElsewhere(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) { m.Spec.Bands[1].Min = 55 })
	p := foretell(t, w, h, 0)
	want := []preview.ConfigChange{{
		Kind: "HealthScoreModel", Name: "enterprise", Action: preview.Updated,
		Fields: []preview.FieldChange{{Path: "spec.bands[AtRisk].min", Before: "40", After: "55"}},
	}}
	if diff := cmp.Diff(want, p.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if len(p.Moves) == 0 || p.Accounts.Moved != len(p.Moves) {
		t.Fatalf("%d moves, %d counted", len(p.Moves), p.Accounts.Moved)
	}
	for _, move := range p.Moves {
		if move.Before.Band != "AtRisk" || move.After.Band != "Critical" || !move.Worse || !strings.Contains(move.Reason, "AtRisk now begins at 55") {
			t.Errorf("not what the threshold does: %s", text(t, move))
		}
		if move.At == nil || !move.At.Equal(soon.Add(time.Hour)) {
			t.Errorf("%s moves at %v, want after the hold of bandChange", move.Name, move.At)
		}
	}
	if p.Accounts.Rescored != 0 {
		t.Errorf("%d rescored, and no score depends on a threshold", p.Accounts.Rescored)
	}
}

func TestMovesAreThoseThatCome(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) {
		m.Spec.Bands[1].Min, m.Spec.BandChange = 55, nil
		m.Spec.Measures[0].Weight = 90
	})
	p := foretell(t, w, h, 0)
	base, then, err := preview.Fleets(preview.Input{Base: w, Head: h, Now: soon})
	if err != nil {
		t.Fatal(err)
	}
	moves := map[string]preview.Move{}
	for _, move := range p.Moves {
		moves[move.Name] = move
	}
	for _, a := range then.Accounts() {
		before, after := base.Account(a.Name).Status.Health.Band, a.Status.Health.Band
		move, moved := moves[a.Name]
		if moved != (before != after) || moved && (move.Before.Band != string(before) || move.After.Band != string(after) || move.At != nil) {
			t.Errorf("%s goes from %s to %s: %s", a.Name, before, after, text(t, move))
		}
	}
	if len(moves) == 0 || p.Accounts.Rescored == 0 {
		t.Errorf("%d moves and %d rescored: this says nothing", len(moves), p.Accounts.Rescored)
	}
}

func TestWhatNothingIsKnownOfMovesNobody(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	logins := v1alpha1.ValueFrom{Source: "usage", Metric: "logins"}
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) {
		m.Spec.Bands[1].Min = 65
		m.Spec.Measures = append(m.Spec.Measures, v1alpha1.Measure{
			Name: "logins", Dimension: "adoption", Weight: 300, From: v1alpha1.MeasureFrom{Source: logins.Source, Metric: logins.Metric},
			Scale: &v1alpha1.Scale{Linear: &v1alpha1.LinearScale{Worst: "0", Best: "10"}},
		})
	})
	h.DataSources = nil
	for _, ds := range w.DataSources {
		if ds.Name == "usage" {
			ds = ds.DeepCopy()
			ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: "logins", Type: v1alpha1.MetricNumber})
		}
		h.DataSources = append(h.DataSources, ds)
	}
	h.Sources = w.Sources.(*sources).declaring(h.DataSources)
	for name, ahead := range map[string]time.Duration{"now": 0, "three days ahead": 72 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			p := foretell(t, w, h, ahead)
			if len(p.Moves)+len(p.Runs)+len(p.Tasks)+p.Accounts.Rescored > 0 {
				t.Errorf("something comes of what nobody knows: %s", text(t, p))
			}
			found := false
			for _, none := range p.NoData {
				if none.Reader == "HealthScoreModel/enterprise measure logins" && none.Source == "usage" && none.Metric == "logins" && none.Accounts > 10 {
					found = true
				}
			}
			if !found {
				t.Errorf("nobody says that there is no data yet: %s", text(t, p.NoData))
			}
		})
	}
}

func TestAPlaybookThatIsDeletedLeavesItsWork(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	p := foretell(t, w, without(w, "tickets"), 0)
	for _, run := range p.Runs {
		if run.Playbook == "tickets" && run.Action != preview.Averted {
			t.Errorf("%s", text(t, run))
		}
	}
	if diff := cmp.Diff([]preview.ConfigChange{{Kind: "Playbook", Name: "tickets", Action: preview.Deleted}}, p.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestAStalledModelLeavesHealthAsItIs(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) { m.Spec.Rules[0].When = "metrics.support.open_p1 >" })
	p := foretell(t, w, h, 0)
	if len(p.Moves)+len(p.Tasks)+p.Accounts.Rescored > 0 {
		t.Errorf("a stalled model moves something: %s", text(t, p))
	}
	for _, run := range p.Runs {
		if run.Action != preview.Averted || run.Reason != "nobody can say whether its trigger holds, and its time stands still" {
			t.Errorf("%s", text(t, run))
		}
	}
	if len(p.Problems) != 1 || p.Problems[0].Kind != "HealthScoreModel" || !strings.Contains(p.Problems[0].Message, "rules[open-p1]") {
		t.Errorf("problems: %s", text(t, p.Problems))
	}
}

func TestAStalledPlaybookStartsNothing(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	h := withPlaybook(w, "rescue", func(pb *v1alpha1.Playbook) { pb.Spec.Steps[0].Title = "${account.nothing}" })
	p := foretell(t, w, h, 0)
	if len(p.Problems) != 1 || p.Problems[0].Kind != "Playbook" {
		t.Errorf("problems: %s", text(t, p.Problems))
	}
	for _, run := range p.Runs {
		if run.Action == preview.Started && run.Playbook == "rescue" {
			t.Errorf("%s", text(t, run))
		}
	}
}

func TestAReferenceToWhatIsNotThere(t *testing.T) {
	w := evaluated(t, world(t, 20, 1), today)
	h := withPlaybook(w, "rescue", func(pb *v1alpha1.Playbook) {
		pb.Spec.Triggers = append(pb.Spec.Triggers, v1alpha1.Trigger{
			Name: "quiet", Value: &v1alpha1.ValueTrigger{From: v1alpha1.ValueFrom{Source: "phone", Metric: "calls"}, AtMost: new(v1alpha1.Decimal("1"))},
		})
	})
	p := foretell(t, w, h, 0)
	want := []preview.Problem{{Kind: "Playbook", Name: "rescue", Message: "spec.triggers[quiet]: DataSource phone is not there"}}
	if diff := cmp.Diff(want, p.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestRunsOfANewTrigger(t *testing.T) {
	w := evaluated(t, world(t, 100, 1), today)
	low := func(hold v1alpha1.Duration) *fleet.World {
		return withPlaybook(w, "rescue", func(pb *v1alpha1.Playbook) {
			pb.Spec.InhibitedBy, pb.Spec.Limits = nil, &v1alpha1.PlaybookLimits{ActiveRuns: new(int32(4)), NewRunsPerDay: new(int32(3))}
			pb.Spec.Triggers = []v1alpha1.Trigger{{Name: "low", For: hold, Score: &v1alpha1.ScoreTrigger{AtMost: new(int32(45))}}}
		})
	}
	count := func(p *preview.Preview, action preview.Action) (n int) {
		for _, run := range p.Runs {
			if run.Playbook == "rescue" && run.Action == action {
				n++
			}
		}
		return n
	}
	p := foretell(t, w, low(""), 0)
	if started, heldBack := count(p, preview.Started), count(p, preview.Held); started != 3 || heldBack == 0 {
		t.Errorf("%d started and %d held, want 3 of a day, and the rest", started, heldBack)
	}
	created := 0
	for _, task := range p.Tasks {
		if task.Playbook == "rescue" && task.Action == preview.Created && task.Assignee != "" && task.Title != "" {
			created++
		}
	}
	if created < 3 {
		t.Errorf("%d tasks: %s", created, text(t, p.Tasks))
	}
	p = foretell(t, w, low("24h"), 0)
	if started, waits := count(p, preview.Started), count(p, preview.Waiting); started > 0 || waits == 0 {
		t.Errorf("%d started and %d wait", started, waits)
	}
	p = foretell(t, w, low("24h"), 48*time.Hour)
	if started := count(p, preview.Started); started == 0 {
		t.Errorf("%d started within two days", started)
	}
}
