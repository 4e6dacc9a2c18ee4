package cli

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/accountset"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// richObjects are a model and playbooks that have one of everything.
const richObjects = `
spec:
  minimumCoverage: 50
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  bandChange: {margin: 2, hold: 48h}
  dimensions:
  - {name: adoption, weight: 50}
  - {name: support, weight: 30}
  - {name: sentiment, weight: 20}
  measures:
  - {name: habit, dimension: adoption, weight: 60, from: {source: usage, metric: dau_mau}, scale: {linear: {worst: "0.10", best: "0.50"}}}
  - {name: seats-in-use, dimension: adoption, weight: 40, from: {expression: "100 * metrics.usage.active / account.spec.contract.seats"}, maxAge: 15d, scale: {steps: [{min: "80", score: 100}, {min: "60", score: 70}, {min: "40", score: 30}]}}
  - {name: tickets, dimension: support, weight: 60, from: {source: support, metric: tickets}, scale: {linear: {worst: "12", best: "0"}}}
  - {name: csat, dimension: support, weight: 40, from: {source: support, metric: csat}, scale: {linear: {worst: "2.5", best: "4.8"}}}
  - {name: pulse, dimension: sentiment, weight: 100, from: {measurement: pulse}, maxAge: 30d, whenMissing: Neutral, scale: {categories: [{value: Good, score: 100}, {value: Fair, score: 60}, {value: Poor, score: 0}]}}
  - {name: logins, dimension: adoption, weight: 0, from: {source: usage, metric: active}}
  rules:
  - {name: escalated, when: "metrics.support.p1 > 0.0", cap: 59}
`

// richPlaybooks are playbooks of one trigger of each kind.
const richPlaybooks = `
rescue: {triggers: [{name: critical, band: {in: [Critical]}, for: 24h}, {name: low, score: {atMost: 40}}, {name: fell, scoreDrop: {points: 25, within: 14d}}]}
escalation: {triggers: [{name: p1, value: {from: {source: support, metric: p1}, atLeast: "1"}}], cooldown: 30d, inhibitedBy: [renewal]}
renewal: {triggers: [{name: near, renewal: {within: 90d}}]}
stuck: {triggers: [{name: too-long, lifecycle: {stages: [Onboarding], longerThan: 30d}}]}
qbr: {triggers: [{name: quarter, every: 90d}]}
silent: {triggers: [{name: blind, noData: {from: {source: usage, metric: dau_mau}, for: 10d}}]}
big: {accountSelector: {matchLabels: {tier: enterprise}}, triggers: [{name: big, expression: "health.score < 60 && account.spec.contract.arr > 50000"}]}
happy: {suspend: true, triggers: [{name: nps, value: {from: {source: support, metric: csat}, atLeast: "4.5"}}]}
`

// richSources are facts in a map.
type richSources map[string]value.Facts

func (s richSources) Facts(a *v1alpha1.Account, reads []v1alpha1.MetricReference) value.Facts {
	facts := value.Facts{}
	for _, ref := range reads {
		o, ok := s[a.Name][ref]
		if !ok {
			o = value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}
		}
		facts[ref] = o
	}
	return facts
}

func (s richSources) Events(*v1alpha1.Account, string) value.Events { return value.Events{} }

func (s richSources) Known(a *v1alpha1.Account, ref v1alpha1.MetricReference) bool {
	_, ok := s[a.Name][ref]
	return ok
}

func (s richSources) Rows(string) ([]accountset.SourceRow, bool) { return nil, false }

func (s richSources) ReadTime(string) time.Time { return time.Time{} }

// rich is a world that a test moves on.
type rich struct {
	t     *testing.T
	now   time.Time
	world *fleet.World
	facts richSources
}

// richTime is when the world with one of everything is looked at.
var richTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// newRich makes a world of some accounts.
func newRich(t *testing.T, begin time.Time, accounts ...*v1alpha1.Account) *rich {
	t.Helper()
	r := &rich{t: t, now: begin, facts: richSources{}, world: &fleet.World{Namespace: "default", Accounts: accounts}}
	r.world.Sources = r.facts
	m := &v1alpha1.HealthScoreModel{}
	r.decode(richObjects, m)
	m.Name, m.Namespace, m.Generation, m.Status.ObservedGeneration = "example", "default", 3, 3
	r.world.Models = []*v1alpha1.HealthScoreModel{m}
	var specs map[string]v1alpha1.PlaybookSpec
	r.decode(richPlaybooks, &specs)
	for name, spec := range specs {
		spec.Steps = []v1alpha1.PlaybookStep{{Name: "call", Title: "Call ${account.spec.displayName}"}}
		pb := &v1alpha1.Playbook{Spec: spec}
		pb.Name, pb.Namespace, pb.Generation, pb.Status.ObservedGeneration = name, "default", 1, 1
		r.world.Playbooks = append(r.world.Playbooks, pb)
	}
	for _, name := range []string{"usage", "support"} {
		d := &v1alpha1.DataSource{}
		d.Name, d.Namespace, d.Spec.MaxAge = name, "default", "40d"
		for _, metric := range []string{"dau_mau", "active", "tickets", "csat", "p1"} {
			d.Spec.Metrics = append(d.Spec.Metrics, v1alpha1.Metric{Name: metric, Type: v1alpha1.MetricNumber})
		}
		r.world.DataSources = append(r.world.DataSources, d)
	}
	slices.SortFunc(r.world.Playbooks, func(a, b *v1alpha1.Playbook) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return r
}

func (r *rich) decode(text string, into any) {
	r.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		r.t.Fatal(err)
	}
}

// says has a source say something of an account now; an empty text is no value, and a question mark that it cannot be read.
func (r *rich) says(account, source, metric, text string) {
	r.t.Helper()
	o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing, MaxAge: 40 * value.Day}
	ref := v1alpha1.MetricReference{Source: source, Metric: metric}
	switch text {
	case "":
	case "?":
		o = r.facts[account][ref]
		o.State = v1alpha1.ValueErrored
	default:
		v, err := value.Parse(v1alpha1.MetricNumber, text)
		if err != nil {
			r.t.Fatal(err)
		}
		o.Value, o.State, o.ObservedTime = &v, v1alpha1.ValueFresh, r.now
	}
	if r.facts[account] == nil {
		r.facts[account] = value.Facts{}
	}
	r.facts[account][ref] = o
}

// wait lets days pass, on each of which the operator looks.
func (r *rich) wait(days int) {
	r.t.Helper()
	for range days {
		r.step()
		r.now = r.now.Add(value.Day)
	}
	r.step()
}

// step has the operator look now.
func (r *rich) step() {
	r.t.Helper()
	step(r.t, r.world, r.now)
}

// richAccount makes an account.
func richAccount(name, displayName string, arr, seats int64) *v1alpha1.Account {
	a := &v1alpha1.Account{}
	a.Name, a.Namespace, a.Labels = name, "default", map[string]string{"tier": "enterprise"}
	a.CreationTimestamp = metav1.NewTime(richTime.AddDate(0, -3, 0))
	a.Spec = v1alpha1.AccountSpec{
		DisplayName: displayName, Owner: "jo@example.com", TouchModel: "HighTouch", LifecycleStage: "Adoption",
		Team:     []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "al@example.com"}},
		Contract: &v1alpha1.Contract{StartDate: "2026-02-01", RenewalDate: "2027-04-01", ARR: &arr, Seats: &seats, Plan: "Enterprise"},
	}
	return a
}

// richWorld is a customer base of which one of everything is so.
func richWorld(t *testing.T) *rich {
	t.Helper()
	acme, bolt, core := richAccount("acme", "Acme Corp", 120000, 200), richAccount("bolt", "Bolt Bikes", 64000, 50), richAccount("core", "Core Labs", 80000, 100)
	bolt.Labels, core.Spec.LifecycleStage = nil, "Onboarding"
	core.Spec.Contract.RenewalDate = "2027-01-10"
	sub := richAccount("acme-retail", "Acme Retail", 9000, 20)
	sub.Spec.ParentRef = &v1alpha1.LocalReference{Name: "acme"}
	gone := richAccount("gone", "Gone Ltd", 5000, 10)
	gone.Spec.LifecycleStage = v1alpha1.StageChurned
	dust, elm := richAccount("dust", "Dust Devils", 7000, 10), richAccount("elm", "Elm Tree", 3000, 10)
	elm.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Healthy", Reason: "they have just renewed", By: "admin", Until: "2026-11-24"}
	r := newRich(t, richTime.AddDate(0, 0, -20), acme, bolt, core, sub, gone, dust, elm)
	r.says("elm", "usage", "dau_mau", "0.12")
	r.says("elm", "support", "tickets", "11")
	r.says("elm", "support", "csat", "2.6")
	r.says("elm", "support", "p1", "0")
	observed := metav1.NewTime(r.now.AddDate(0, 0, -5))
	acme.Spec.Measurements = []v1alpha1.Measurement{{Name: "pulse", Value: "Good", ObservedTime: &observed, By: "jo@example.com"}}
	for _, name := range []string{"acme", "bolt", "core", "acme-retail"} {
		r.says(name, "usage", "dau_mau", "0.42")
		r.says(name, "usage", "active", "40")
		r.says(name, "support", "tickets", "1")
		r.says(name, "support", "csat", "4.1")
		r.says(name, "support", "p1", "0")
	}
	r.says("acme", "usage", "active", "150")
	r.says("bolt", "support", "csat", "4.7")
	r.wait(12)
	for _, name := range []string{"acme-retail", "core"} {
		r.says(name, "usage", "dau_mau", "0.30")
		r.says(name, "support", "p1", "0")
	}
	r.says("core", "support", "tickets", "6")
	for _, a := range r.world.Accounts {
		if a.Name == "acme-retail" {
			a.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Critical", Reason: "the sponsor left", By: "jo@example.com", Until: "2026-12-01"}
		}
	}
	r.says("acme", "usage", "dau_mau", "0.35")
	r.says("acme", "support", "csat", "")
	r.says("acme", "support", "tickets", "3")
	r.wait(4)
	r.says("acme", "usage", "dau_mau", "0.18")
	r.says("acme", "support", "p1", "1")
	r.says("bolt", "usage", "dau_mau", "?")
	r.wait(3)
	r.says("acme", "support", "tickets", "8")
	r.wait(1)
	return r
}
