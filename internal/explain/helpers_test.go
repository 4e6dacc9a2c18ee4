package explain_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// noon is when the tests look.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// account is one of a customer.
func account(name string) *v1alpha1.Account {
	a := &v1alpha1.Account{}
	a.Name, a.Labels = name, map[string]string{"tier": "gold"}
	a.CreationTimestamp = metav1.NewTime(noon.AddDate(0, -2, 0))
	a.Spec.Owner, a.Spec.DisplayName = "jo@example.com", strings.ToUpper(name[:1])+name[1:]
	a.Spec.TouchModel, a.Spec.LifecycleStage = "HighTouch", "Adoption"
	a.Spec.Contract = &v1alpha1.Contract{StartDate: "2026-10-01", RenewalDate: "2027-06-01", ARR: ptr.To[int64](1000)}
	return a
}

// inBand is an account that the model of world scores.
func inBand(name string, band v1alpha1.BandName, points int32) *v1alpha1.Account {
	a := account(name)
	a.Status.Health = &v1alpha1.Health{
		Band: band, Score: &points, Coverage: 100, Model: "standard", ModelGeneration: 1, ModelSince: stamp(-30 * value.Day), BandSince: stamp(-3 * value.Day),
		Dimensions: []v1alpha1.DimensionScore{{Name: "all", Score: &points, Points: "50.0"}},
		Measures:   []v1alpha1.MeasureScore{{Name: "wau", Dimension: "all", State: v1alpha1.ValueFresh, Value: "50", Score: &points, Points: "50.0"}},
	}
	a.Status.Lifecycle = &v1alpha1.LifecycleStatus{Stage: a.Spec.LifecycleStage, Since: stamp(-10 * value.Day)}
	return a
}

// stamp is a moment some time from noon.
func stamp(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }

// decode reads YAML.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// facts are what sources say of every account: usage.wau 50, surveys.nps 4 a week ago; tickets is Missing, and crm cannot be read.
type facts struct{}

func (facts) Facts(_ *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	all := value.Facts{}
	for _, ref := range reads {
		o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueErrored}
		fifty := value.Number(value.DecimalFromInt(50))
		switch ref.Source {
		case "usage":
			o.State, o.Value, o.ObservedTime = v1alpha1.ValueFresh, &fifty, noon.Add(-2*value.Day)
		case "support":
			o.State = v1alpha1.ValueMissing
		}
		all[ref] = o
	}
	return all
}

func (facts) Events(_ *v1alpha1.Account, source string) value.Events {
	if source != "surveys" {
		return value.Events{}
	}
	four := value.Number(value.DecimalFromInt(4))
	return value.Events{Known: true, Rows: []value.Event{{Time: noon.Add(-7 * value.Day), Values: map[string]value.Value{"nps": four}}}}
}

func (facts) Known(*v1alpha1.Account, v1alpha1.MetricReference) bool { return true }

func (facts) Rows(string) ([]accountset.SourceRow, bool) { return nil, false }

func (facts) ReadTime(string) time.Time { return time.Time{} }

// world has the accounts, one model, and the playbooks, which are written as the specs by name.
func world(t *testing.T, playbooks string, accounts ...*v1alpha1.Account) *fleet.World {
	t.Helper()
	m := &v1alpha1.HealthScoreModel{}
	decode(t, `
spec:
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  bandChange: {margin: 2, hold: 24h}
  dimensions: [{name: all, weight: 1}]
  measures: [{name: wau, dimension: all, weight: 1, from: {source: usage, metric: wau}, scale: {linear: {worst: "0", best: "100"}}}]
`, m)
	m.Name, m.Generation, m.Status.ObservedGeneration = "standard", 1, 1
	w := &fleet.World{Namespace: "default", Accounts: accounts, Models: []*v1alpha1.HealthScoreModel{m}, Sources: facts{}}
	var specs map[string]v1alpha1.PlaybookSpec
	decode(t, playbooks, &specs)
	for name, spec := range specs {
		spec.Steps = []v1alpha1.PlaybookStep{{Name: "call", Title: "Call"}}
		pb := &v1alpha1.Playbook{Spec: spec}
		pb.Name, pb.Generation, pb.Status.ObservedGeneration = name, 1, 1
		w.Playbooks = append(w.Playbooks, pb)
	}
	for _, name := range []string{"usage", "support", "surveys", "crm"} {
		d := &v1alpha1.DataSource{}
		d.Name = name
		w.DataSources = append(w.DataSources, d)
	}
	return w
}
