package explain_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/value"
)

// task is one on an account.
func task(name, account string, state v1alpha1.TaskState, assignee string, due time.Duration) *v1alpha1.Task {
	t := &v1alpha1.Task{}
	t.Name, t.Spec.AccountRef.Name, t.Spec.Title = name, account, "Do "+name
	t.Status.State, t.Status.Assignee = state, assignee
	if due != 0 {
		t.Status.DueTime = stamp(due)
	}
	return t
}

func TestPortfolio(t *testing.T) {
	well, worse, better, unknown := inBand("well", "Healthy", 90), inBand("worse", "Critical", 20), inBand("better", "AtRisk", 50), account("unknown")
	worse.Status.Health.PreviousBand, better.Status.Health.PreviousBand = "Healthy", "Critical"
	well.Status.Health.PreviousBand, well.Status.Health.BandSince = "AtRisk", stamp(-8*value.Day) // too long ago
	better.Spec.Owner, better.Spec.Contract.ARR = "al@example.com", ptr.To[int64](70)
	gone := account("gone")
	gone.Spec.LifecycleStage = v1alpha1.StageChurned
	w := world(t, rescue, well, worse, better, unknown, gone)
	w.Tasks = []*v1alpha1.Task{
		task("a", "worse", v1alpha1.TaskOpen, "jo", -value.Day), task("b", "worse", v1alpha1.TaskInProgress, "jo", value.Day),
		task("c", "worse", v1alpha1.TaskDone, "jo", -value.Day), task("d", "better", v1alpha1.TaskSnoozed, "al", -value.Day),
	}
	got := explain.Portfolio(w, explain.PortfolioInput{By: "owner", Since: 7 * value.Day, Now: noon})
	want := &explain.PortfolioView{
		By: "owner", Now: noon, Since: "7d", Churned: 1, Bands: []v1alpha1.BandName{"Healthy", "AtRisk", "Critical"},
		Groups: []explain.PortfolioGroup{
			{Group: "jo@example.com", Accounts: 3, InBand: map[v1alpha1.BandName]int{"Healthy": 1, "Critical": 1}, Unknown: 1, ARR: 3000, ARRAtRisk: 1000, ARRUnknown: 1000, Moved: 1, Worse: 1, OpenTasks: 2, Overdue: 1},
			{Group: "al@example.com", Accounts: 1, InBand: map[v1alpha1.BandName]int{"AtRisk": 1}, ARR: 70, ARRAtRisk: 70, Moved: 1, OpenTasks: 1, Overdue: 1},
		},
		Total: explain.PortfolioGroup{Accounts: 4, InBand: map[v1alpha1.BandName]int{"Healthy": 1, "AtRisk": 1, "Critical": 1}, Unknown: 1, ARR: 3070, ARRAtRisk: 1070, ARRUnknown: 1000, Moved: 2, Worse: 1, OpenTasks: 3, Overdue: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by owner (- want, + got):\n%s", diff)
	}
	well.Labels["industry"] = "retail"
	for by, groups := range map[string]int{"touchModel": 1, "lifecycleStage": 1, "model": 2, "industry": 2, "label=industry": 2, "namespace": 1} {
		if got := explain.Portfolio(w, explain.PortfolioInput{By: by, Now: noon}); len(got.Groups) != groups {
			t.Errorf("by %s there are %d groups, not %d", by, len(got.Groups), groups)
		}
	}
	selected, _ := labels.Parse("industry=retail")
	if got := explain.Portfolio(w, explain.PortfolioInput{By: "owner", Selector: selected, Churned: true, Now: noon}); got.Total.Accounts != 1 || got.Churned != 0 {
		t.Errorf("the selector chooses %d accounts, not 1; %d churned", got.Total.Accounts, got.Churned)
	}
}

func TestTasks(t *testing.T) {
	w := world(t, rescue, account("acme"), account("bolt"))
	later, urgent := task("later", "acme", v1alpha1.TaskOpen, "jo@example.com", 3*value.Day), task("urgent", "bolt", v1alpha1.TaskOpen, "al@example.com", 3*value.Day)
	urgent.Status.Priority = v1alpha1.PriorityUrgent
	w.Tasks = []*v1alpha1.Task{
		task("done", "acme", v1alpha1.TaskDone, "jo@example.com", -9*value.Day), later, urgent,
		task("never", "acme", v1alpha1.TaskOpen, "", 0), task("late", "acme", v1alpha1.TaskInProgress, "Jo@Example.com", -3*value.Day),
	}
	later.Spec.RunRef = &v1alpha1.LocalReference{Name: run("acme", "rescue", 1, true, 0).Name}
	w.Runs = []*v1alpha1.PlaybookRun{run("acme", "rescue", 1, true, 0)}
	for name, c := range map[string]struct {
		filter explain.TaskFilter
		want   []string
	}{
		"all that are not over, by due time and priority": {explain.TaskFilter{}, []string{"late", "urgent", "later", "never"}},
		"those that are over come last":                   {explain.TaskFilter{All: true}, []string{"late", "urgent", "later", "never", "done"}},
		"of a person, whatever the capitals":              {explain.TaskFilter{Assignee: "oidc:jo@example.com"}, []string{"late", "later"}},
		"of nobody":                                       {explain.TaskFilter{Unassigned: true}, []string{"never"}},
		"that are late":                                   {explain.TaskFilter{Overdue: true}, []string{"late"}},
		"on an account":                                   {explain.TaskFilter{Account: "bolt"}, []string{"urgent"}},
		"of a playbook":                                   {explain.TaskFilter{Playbook: "rescue"}, []string{"later"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, line := range explain.Tasks(w, c.filter, noon) {
				got = append(got, line.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
		})
	}
	w.Playbooks[0].Name, w.Playbooks[0].Spec.PreviousNames = "churn-risk", []string{"rescue"}
	for _, name := range []string{"rescue", "churn-risk"} {
		lines := explain.Tasks(w, explain.TaskFilter{Playbook: name}, noon)
		if len(lines) != 1 || lines[0].Name != "later" || lines[0].Playbook != "churn-risk" {
			t.Errorf("of %s, which is called churn-risk now: %+v", name, lines)
		}
	}
	if late := explain.Tasks(w, explain.TaskFilter{Overdue: true}, noon)[0]; late.DueIn != "3d overdue" || late.DisplayName != "Acme" {
		t.Errorf("%+v", late)
	}
}

func TestTimelineIsNewestFirstAndBounded(t *testing.T) {
	a := inBand("acme", "Critical", 20)
	a.Status.Health.PreviousBand = "AtRisk"
	a.Status.Health.History = []string{"2026-11-01 80 Healthy standard/1", "2026-11-05 60 AtRisk standard/1", "2026-11-19 20 Critical standard/1"}
	a.Spec.Measurements = []v1alpha1.Measurement{{Name: "pulse", Value: "Poor", By: "jo", ObservedTime: stamp(-2 * value.Day)}}
	w := world(t, rescue, a)
	w.Runs = []*v1alpha1.PlaybookRun{run("acme", "rescue", 1, false, -4*value.Day)}
	done := task("call", "acme", v1alpha1.TaskDone, "jo", 0)
	done.Status.EndedTime, done.Status.CompletedBy = stamp(-time.Hour), "jo"
	w.Tasks = []*v1alpha1.Task{done}
	event := explain.Happening{Time: noon.Add(-30 * time.Minute), Kind: "Event", Text: "ModelChanged"}
	texts := func(most int) (all []string) {
		o, err := explain.AccountOverview(w, "acme", noon, []explain.Happening{event}, most)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range o.Timeline {
			all = append(all, h.Kind+" "+h.Text)
		}
		return all
	}
	want := []string{
		"Event ModelChanged", "Task Do call: Done, by jo", "Measurement pulse is Poor, says jo", "Band from AtRisk to Critical",
		"Run rescue ended, completed", "Run rescue started: band is Critical", "Band from Healthy at 80 to AtRisk at 60",
	}
	if diff := cmp.Diff(want, texts(20)); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], texts(2)); diff != "" {
		t.Errorf("of two (- want, + got):\n%s", diff)
	}
}
