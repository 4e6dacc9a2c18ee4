package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// manual is a model of what people enter, and of the accounts below.
const manual = `
metadata: {name: manual, generation: 1, uid: manual}
spec:
  bands: [{name: Healthy, min: 70}, {name: Critical, min: 0}]
  dimensions: [{name: all, weight: 1}]
  measures:
  - {name: pulse, dimension: all, weight: 1, from: {measurement: pulse}, scale: {linear: {worst: "0", best: "100"}}}
  - {name: below, dimension: all, weight: 0, from: {children: Worst}}
  rules:
  - {name: below, when: "has(measures['below'].value) && measures['below'].value < 50", cap: 20, timing: Immediate}
`

const critical = `
metadata: {name: critical, generation: 1, uid: critical}
spec:
  triggers: [{name: critical, band: {in: [Critical]}}]
  limits: {newRunsPerDay: 2}
  steps: [{name: call, title: Call}]
`

// entered is an account with what a person entered of it, below another one.
func entered(name, parent string, pulse int) *v1alpha1.Account {
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Generation: 1}}
	a.Spec.Measurements = []v1alpha1.Measurement{{Name: "pulse", Value: fmt.Sprint(pulse)}}
	a.Spec.Contract = &v1alpha1.Contract{ARR: new(int64(100))}
	if parent != "" {
		a.Spec.ParentRef = &v1alpha1.LocalReference{Name: parent}
	}
	return a
}

func manualWorld(t *testing.T, accounts ...*v1alpha1.Account) *fleet.World {
	return &fleet.World{
		Accounts: accounts, Models: []*v1alpha1.HealthScoreModel{read[v1alpha1.HealthScoreModel](t, manual)},
		Playbooks: []*v1alpha1.Playbook{read[v1alpha1.Playbook](t, critical)},
	}
}

// scoresOf returns the scores of all accounts.
func scoresOf(f *fleet.Fleet) map[string]int32 {
	scores := map[string]int32{}
	for _, a := range f.Accounts() {
		if h := a.Status.Health; h != nil && h.Score != nil {
			scores[a.Name] = *h.Score
		}
	}
	return scores
}

func stepTo(t *testing.T, f *fleet.Fleet, at time.Time) {
	t.Helper()
	if err := f.Step(at); err != nil {
		t.Fatal(err)
	}
}

func TestAGroupFollowsItsSubsidiaries(t *testing.T) {
	f, _ := fleet.Load(manualWorld(t, entered("a-group", "", 90), entered("b-branch", "a-group", 80), entered("c-shop", "b-branch", 75)), quarterBegins)
	stepTo(t, f, quarterBegins)
	if diff := cmp.Diff(map[string]int32{"a-group": 90, "b-branch": 80, "c-shop": 75}, scoresOf(f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&v1alpha1.Rollup{Accounts: 2, ARR: 300}, f.Account("a-group").Status.Rollup); diff != "" {
		t.Errorf("rollup (-want +got):\n%s", diff)
	}
	f.SetAccount(entered("c-shop", "b-branch", 30))
	stepTo(t, f, quarterBegins)
	if diff := cmp.Diff(map[string]int32{"a-group": 20, "b-branch": 20, "c-shop": 30}, scoresOf(f)); diff != "" {
		t.Errorf("when the shop drops (-want +got):\n%s", diff)
	}
	f.DeleteAccount("c-shop")
	stepTo(t, f, quarterBegins)
	if diff := cmp.Diff(map[string]int32{"a-group": 90, "b-branch": 80}, scoresOf(f)); diff != "" {
		t.Errorf("without the shop (-want +got):\n%s", diff)
	}
}

func TestAccountsInACircleSettle(t *testing.T) {
	f, _ := fleet.Load(manualWorld(t, entered("a", "c", 40), entered("b", "a", 80), entered("c", "b", 80)), quarterBegins)
	stepTo(t, f, quarterBegins)
	if len(scoresOf(f)) != 3 {
		t.Errorf("%v", scoresOf(f))
	}
}

func TestAForkGoesItsOwnWay(t *testing.T) {
	f, _ := fleet.Load(manualWorld(t, entered("a", "", 40), entered("b", "", 80)), quarterBegins)
	stepTo(t, f, quarterBegins)
	runs, account := f.Runs(), *f.Account("b")
	fork := f.Fork()
	fork.SetAccount(entered("b", "", 10))
	fork.DeleteRun(runs[0].Name)
	fork.Work(fleet.PeopleFunc(func(task *v1alpha1.Task, _ time.Time) { task.Spec.State = v1alpha1.WorkDone }), quarterBegins)
	stepTo(t, fork, quarterBegins.Add(time.Hour))
	if diff := cmp.Diff(runs, f.Runs()); diff != "" {
		t.Errorf("runs (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(&account, f.Account("b")); diff != "" {
		t.Errorf("account (-before +after):\n%s", diff)
	}
	if got := scoresOf(fork)["b"]; got != 10 {
		t.Errorf("the fork scores %d", got)
	}
}

func TestAStalledModelKeepsItsAccounts(t *testing.T) {
	w := manualWorld(t, entered("a", "", 80))
	other := read[v1alpha1.HealthScoreModel](t, manual)
	other.Name, other.UID, other.Spec.Priority = "other", "other", -1
	w.Models = append(w.Models, other)
	f, _ := fleet.Load(w, quarterBegins)
	stepTo(t, f, quarterBegins)
	wrong := w.Models[0].DeepCopy()
	wrong.Generation, wrong.Spec.AccountSelector.MatchExpressions = 2, []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Perhaps"}}
	after := *w
	after.Models = []*v1alpha1.HealthScoreModel{wrong, other}
	if faults := f.Configure(&after); len(faults) != 1 || faults[0].Name != "manual" {
		t.Errorf("faults: %v", faults)
	}
	before := f.Account("a").Status.Health
	stepTo(t, f, quarterBegins.Add(time.Hour))
	if diff := cmp.Diff(before, f.Account("a").Status.Health); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestTheLimitOfADayCountsRunsThatWereThere(t *testing.T) {
	yesterday := &v1alpha1.PlaybookRun{ObjectMeta: metav1.ObjectMeta{Name: "earlier", CreationTimestamp: metav1.NewTime(quarterBegins.Add(-23 * time.Hour))}}
	yesterday.Spec = v1alpha1.PlaybookRunSpec{
		AccountRef: v1alpha1.LocalReference{Name: "z"}, PlaybookRef: v1alpha1.LocalReference{Name: "critical"}, Sequence: 1,
	}
	yesterday.Status = v1alpha1.PlaybookRunStatus{State: v1alpha1.RunCompleted, EndedTime: &yesterday.CreationTimestamp}
	w := manualWorld(t, entered("a", "", 10), entered("b", "", 10), entered("z", "", 90))
	w.Runs = []*v1alpha1.PlaybookRun{yesterday}
	f, _ := fleet.Load(w, quarterBegins)
	stepTo(t, f, quarterBegins)
	if held := f.Held("critical"); len(held) != 1 || held[0].Reason != v1alpha1.HeldLimitReached {
		t.Errorf("held: %v", held)
	}
	// A run that somebody has deleted counts as well: its account remembers that it fired.
	gone := manualWorld(t, entered("a", "", 10), entered("b", "", 10), entered("z", "", 10))
	gone.Accounts[2].Status.Playbooks = []v1alpha1.Episode{{
		Name: "critical", State: v1alpha1.EpisodeFiring, Since: &yesterday.CreationTimestamp, EndedTime: &yesterday.CreationTimestamp, Sequence: 1,
	}}
	f, _ = fleet.Load(gone, quarterBegins)
	stepTo(t, f, quarterBegins)
	if held := f.Held("critical"); len(held) != 1 {
		t.Errorf("held: %v", held)
	}
}

func TestWhatWasDeletedInhibitsWithItsWork(t *testing.T) {
	w := manualWorld(t, entered("a", "", 10))
	second := read[v1alpha1.Playbook](t, critical)
	second.Name, second.UID, second.Spec.InhibitedBy = "second", "second", []string{"critical"}
	w.Playbooks = append(w.Playbooks, second)
	f, _ := fleet.Load(w, quarterBegins)
	stepTo(t, f, quarterBegins)
	f.DeletePlaybook("critical")
	stepTo(t, f, quarterBegins.Add(time.Hour))
	if diff := cmp.Diff([]v1alpha1.HeldRun{{Account: "a", Reason: v1alpha1.HeldInhibited, By: "critical"}}, f.Held("second")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if runs := f.Runs(); len(runs) != 1 || runs[0].Status.State != v1alpha1.RunActive {
		t.Errorf("%v", runs)
	}
}

func TestTheStatusRemembersWhatNoSourceGivesNow(t *testing.T) {
	const model = `
metadata: {name: usage, generation: 1}
spec:
  bands: [{name: Healthy, min: 70}, {name: Critical, min: 0}]
  dimensions: [{name: all, weight: 1}]
  measures: [{name: wau, dimension: all, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: "0", best: "100"}}}]
`
	f := fleet.New(nil)
	if err := f.SetModel(read[v1alpha1.HealthScoreModel](t, model)); err != nil {
		t.Fatal(err)
	}
	f.SetAccount(entered("a", "", 0))
	v := value.Number(value.DecimalFromInt(80))
	facts := value.Facts{wau: {Type: v1alpha1.MetricNumber, Value: &v, State: v1alpha1.ValueFresh, ObservedTime: quarterBegins}}
	for _, facts := range []value.Facts{facts, {wau: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}}, {wau: {Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing, Unreadable: true}}} {
		if err := f.SetFacts("a", facts, nil); err != nil {
			t.Fatal(err)
		}
		stepTo(t, f, quarterBegins)
		if diff := cmp.Diff(map[string]int32{"a": 80}, scoresOf(f)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
