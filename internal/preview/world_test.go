package preview_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// today is the moment at which the tests begin.
var today = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// sources are what sources gave, in memory: of each source, by the account's name.
type sources struct {
	declared map[string]*v1alpha1.DataSource
	rows     map[string]map[string]map[string]value.Value
	read     time.Time
}

// declaring returns the same reads as other DataSources declare them.
func (s *sources) declaring(declared []*v1alpha1.DataSource) *sources {
	again := *s
	again.declared = map[string]*v1alpha1.DataSource{}
	for _, ds := range declared {
		again.declared[ds.Name] = ds
	}
	return &again
}

func (s *sources) observe(a *v1alpha1.Account, ref v1alpha1.MetricReference) (value.Observation, bool) {
	ds := s.declared[ref.Source]
	if ds == nil {
		return value.Observation{State: v1alpha1.ValueErrored}, false
	}
	i := slices.IndexFunc(ds.Spec.Metrics, func(m v1alpha1.Metric) bool { return m.Name == ref.Metric })
	if i < 0 {
		return value.Observation{State: v1alpha1.ValueErrored}, false
	}
	o := value.Observation{Type: ds.Spec.Metrics[i].Type, State: v1alpha1.ValueMissing, MaxAge: value.DurationOr(ds.Spec.MaxAge, 0)}
	rows, held := s.rows[ref.Source]
	if !held || !s.holds(ref) {
		o.State = v1alpha1.ValueErrored
		return o, false
	}
	if v, ok := rows[a.Name][ref.Metric]; ok {
		o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, s.read
	}
	return o, true
}

// holds reports whether a column was read: one that no account has was not.
func (s *sources) holds(ref v1alpha1.MetricReference) bool {
	_, ok := s.rows[ref.Source][""][ref.Metric]
	return ok
}

func (s *sources) Facts(a *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	facts := make(value.Facts, len(reads))
	for _, ref := range reads {
		facts[ref], _ = s.observe(a, ref)
	}
	return facts
}

func (s *sources) Events(a *v1alpha1.Account, source string) value.Events {
	row, ok := s.rows[source][a.Name]
	events := value.Events{Known: s.rows[source] != nil}
	if ok {
		events.Rows = []value.Event{{Time: s.read.Add(-time.Hour), Values: row}}
	}
	return events
}

func (s *sources) Known(a *v1alpha1.Account, ref v1alpha1.MetricReference) bool {
	_, known := s.observe(a, ref)
	return known
}

func (s *sources) Rows(source string) ([]accountset.SourceRow, bool) {
	var rows []accountset.SourceRow
	for name, row := range s.rows[source] {
		if name != "" {
			rows = append(rows, accountset.SourceRow{ID: name, Values: row})
		}
	}
	slices.SortFunc(rows, func(a, b accountset.SourceRow) int { return cmpText(a.ID, b.ID) })
	return rows, s.rows[source] != nil
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *sources) ReadTime(source string) time.Time {
	if s.rows[source] == nil {
		return time.Time{}
	}
	return s.read
}

// set sets a value of an account in a source.
func (s *sources) set(source, account, metric string, v value.Value) {
	if s.rows[source] == nil {
		s.rows[source] = map[string]map[string]value.Value{"": {}}
	}
	if s.rows[source][account] == nil {
		s.rows[source][account] = map[string]value.Value{}
	}
	s.rows[source][account][metric] = v
	s.rows[source][""][metric] = v
}

func number(n int) value.Value { return value.Number(value.DecimalFromInt(int64(n))) }

func hundredths(n int) value.Value {
	return value.Number(value.DecimalFromInt(int64(n)) / 100)
}

// read reads an object of the samples, or one that a test writes, as an API server has it.
func read[T any, P interface {
	*T
	metav1.Object
}](tb testing.TB, content []byte) P {
	tb.Helper()
	o := P(new(T))
	if err := yaml.UnmarshalStrict(content, o); err != nil {
		tb.Fatal(err)
	}
	o.SetNamespace("success")
	o.SetUID(types.UID(o.GetName()))
	o.SetGeneration(1)
	o.SetCreationTimestamp(metav1.NewTime(today.AddDate(0, -6, 0)))
	return o
}

// samples reads the samples of one kind.
func samples[T any, P interface {
	*T
	metav1.Object
}](tb testing.TB, pattern string) []P {
	tb.Helper()
	paths, err := filepath.Glob("../../config/samples/" + pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatal("no samples", pattern, err)
	}
	var all []P
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, read[T, P](tb, content))
	}
	return all
}

// world is a customer base of the samples' models, playbooks and sources, with accounts that a seed draws. It has not been
// evaluated yet.
func world(tb testing.TB, accounts int, seed uint64) *fleet.World {
	dice := rand.New(rand.NewPCG(seed, 7))
	w := &fleet.World{
		Namespace:   "success",
		DataSources: samples[v1alpha1.DataSource](tb, "datasource-*.yaml"),
		Models:      samples[v1alpha1.HealthScoreModel](tb, "model-*.yaml"),
		Playbooks:   samples[v1alpha1.Playbook](tb, "playbook-*.yaml"),
	}
	given := (&sources{rows: map[string]map[string]map[string]value.Value{}, read: today.Add(-10 * time.Minute)}).declaring(w.DataSources)
	w.Sources = given
	for i := range accounts {
		a := drawAccount(dice, i, accounts)
		drawFacts(dice, given, a.Name)
		w.Accounts = append(w.Accounts, a)
	}
	return w
}

func drawAccount(dice *rand.Rand, i, of int) *v1alpha1.Account {
	name := fmt.Sprintf("account-%05d", i)
	touch := []v1alpha1.TouchModel{v1alpha1.TouchHigh, v1alpha1.TouchMid, v1alpha1.TouchTech}[dice.IntN(3)]
	stage := []v1alpha1.LifecycleStage{"Adoption", "Retention", "Expansion", "Onboarding", "Adoption", "Retention"}[dice.IntN(6)]
	if dice.IntN(30) == 0 {
		stage = v1alpha1.StageChurned
	}
	arr, seats := int64(1000*(5+dice.IntN(400))), int64(10+dice.IntN(500))
	a := &v1alpha1.Account{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "success", UID: types.UID(name), Generation: 1, CreationTimestamp: metav1.NewTime(today.AddDate(0, -3, 0)),
			Labels: map[string]string{"industry": "fintech", "plan": "enterprise"},
		},
		Spec: v1alpha1.AccountSpec{
			DisplayName: fmt.Sprintf("Account %d", i), TouchModel: touch, LifecycleStage: stage, Owner: fmt.Sprintf("csm-%d@example.com", dice.IntN(20)),
			ExternalIDs: map[string]v1alpha1.ExternalIDList{"crm": {v1alpha1.ExternalID(name)}},
			Team:        []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "al@example.com"}, {Role: "Manager", User: "nina@example.com"}},
			Contract: &v1alpha1.Contract{
				StartDate:   v1alpha1.Date(today.AddDate(0, 0, -dice.IntN(700)).Format(time.DateOnly)),
				RenewalDate: v1alpha1.Date(today.AddDate(0, 0, 30+dice.IntN(330)).Format(time.DateOnly)), ARR: &arr, Plan: "Enterprise", Seats: &seats,
			},
		},
	}
	if i > 0 && dice.IntN(40) == 0 {
		a.Spec.ParentRef = &v1alpha1.LocalReference{Name: fmt.Sprintf("account-%05d", dice.IntN(min(i, of)))}
	}
	return a
}

func drawFacts(dice *rand.Rand, s *sources, name string) {
	s.set("usage", name, "weekly_active_users", number(dice.IntN(600)))
	s.set("usage", name, "seats_used", number(dice.IntN(500)))
	s.set("usage", name, "dau_mau", hundredths(dice.IntN(50)))
	s.set("usage", name, "dau_mau_of_plan", hundredths(20+dice.IntN(20)))
	s.set("usage", name, "wau_change", number(dice.IntN(60)-50))
	s.set("usage", name, "features", number(dice.IntN(9)))
	s.set("support", name, "open_p1", number(max(dice.IntN(20)-18, 0)))
	s.set("support", name, "open_tickets", number(dice.IntN(12)))
	s.set("support", name, "oldest_ticket_days", number(dice.IntN(25)))
	s.set("support", name, "escalated", value.Category([]string{"No", "No", "No", "Yes"}[dice.IntN(4)]))
	if dice.IntN(3) > 0 {
		s.set("support", name, "csat", hundredths(200+dice.IntN(280)))
		s.set("surveys", name, "nps", number(dice.IntN(11)))
	}
	s.set("crm", name, "pulse", value.Category([]string{"Green", "Yellow", "Red"}[dice.IntN(3)]))
	s.set("crm", name, "champion", value.Category([]string{"Active", "Active", "Active", "Left"}[dice.IntN(4)]))
}

// evaluated returns the world after the operator has worked on it until now: with statuses, runs and tasks.
func evaluated(tb testing.TB, w *fleet.World, moments ...time.Time) *fleet.World {
	tb.Helper()
	f, faults := fleet.Load(w, today)
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	for _, at := range moments {
		if err := f.Step(at); err != nil {
			tb.Fatal(err)
		}
	}
	return taken(f, w)
}

// taken returns a world as a fleet is.
func taken(f *fleet.Fleet, w *fleet.World) *fleet.World {
	after := *w
	after.Accounts, after.Runs, after.Tasks = f.Accounts(), f.Runs(), nil
	for _, run := range after.Runs {
		after.Tasks = append(after.Tasks, f.Tasks(run.Name)...)
	}
	return &after
}

// head returns what a change makes of a world: files say nothing of runs and tasks.
func head(w *fleet.World) *fleet.World {
	h := *w
	h.Runs, h.Tasks = nil, nil
	return &h
}
