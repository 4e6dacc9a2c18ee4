package explain_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/explain"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// drawModel draws a model: dimensions and measures of any weight, and rules that hold or do not.
func drawModel(t *rapid.T) *v1alpha1.HealthScoreModel {
	m := &v1alpha1.HealthScoreModel{}
	m.Name, m.Generation = "drawn", 1
	m.Spec.Bands = []v1alpha1.Band{{Name: "Healthy", Min: 70}, {Name: "AtRisk", Min: 40}, {Name: "Critical"}}
	missing := []v1alpha1.WhenMissing{"", v1alpha1.MissingWorst, v1alpha1.MissingNeutral, v1alpha1.MissingBest, v1alpha1.MissingLastKnown}
	for d := range rapid.IntRange(1, 4).Draw(t, "dimensions") {
		name := fmt.Sprintf("d%d", d)
		m.Spec.Dimensions = append(m.Spec.Dimensions, v1alpha1.Dimension{Name: name, Weight: rapid.Int32Range(1, 97).Draw(t, "weight of "+name)})
		for i := range rapid.IntRange(1, 4).Draw(t, "measures") {
			at := fmt.Sprintf("%s-m%d", name, i)
			m.Spec.Measures = append(m.Spec.Measures, v1alpha1.Measure{
				Name: at, Dimension: name, Weight: rapid.Int32Range(1, 97).Draw(t, "weight of "+at),
				From:        v1alpha1.MeasureFrom{Source: "s", Metric: fmt.Sprintf("m%d_%d", d, i)},
				Scale:       &v1alpha1.Scale{Linear: &v1alpha1.LinearScale{Worst: "0", Best: "97"}},
				WhenMissing: rapid.SampledFrom(missing).Draw(t, "when "+at+" is missing"),
			})
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "rules") {
		r := v1alpha1.Rule{Name: fmt.Sprintf("r%d", i), When: v1alpha1.Expression(rapid.SampledFrom([]string{"score > 30", "score < 60", "true"}).Draw(t, "when"))}
		limit := ptr.To(rapid.Int32Range(0, 100).Draw(t, "limit"))
		switch rapid.IntRange(0, 2).Draw(t, "verb") {
		case 0:
			r.Cap = limit
		case 1:
			r.Floor = limit
		default:
			r.Set = limit
		}
		m.Spec.Rules = append(m.Spec.Rules, r)
	}
	return m
}

// drawFacts draws a value, or none, for each measure.
func drawFacts(t *rapid.T, m *v1alpha1.HealthScoreModel) value.Facts {
	facts := value.Facts{}
	for _, measure := range m.Spec.Measures {
		o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}
		switch rapid.IntRange(0, 4).Draw(t, "state of "+measure.Name) {
		case 0:
		case 1:
			o.State = v1alpha1.ValueErrored
		default:
			v := value.Number(value.Decimal(rapid.Int64Range(-1000, 120*value.DecimalScale).Draw(t, "value of "+measure.Name)))
			o.State, o.Value, o.ObservedTime = v1alpha1.ValueFresh, &v, noon.Add(-time.Hour)
		}
		facts[v1alpha1.MetricReference{Source: "s", Metric: measure.From.Metric}] = o
	}
	return facts
}

// adder adds up points as a person does who has nothing but the explanation.
type adder struct {
	t   *rapid.T
	sum *big.Rat
}

func newAdder(t *rapid.T) *adder { return &adder{t, new(big.Rat)} }

func (a *adder) add(points string) {
	if points == "" {
		return
	}
	r, ok := new(big.Rat).SetString(points)
	if !ok {
		a.t.Fatalf("%q is no number", points)
	}
	a.sum.Add(a.sum, r)
}

func (a *adder) is(what, want string) {
	a.t.Helper()
	r, ok := new(big.Rat).SetString(want)
	if !ok || a.sum.Cmp(r) != 0 {
		a.t.Fatalf("%s add up to %s, and %q is shown", what, a.sum.FloatString(3), want)
	}
}

func TestThePointsThatAreShownAddUpToTheScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawModel(t)
		m, err := score.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		a := account("acme")
		for range 2 { // the second time with a memory
			a.Status.Health = m.Evaluate(score.Input{Account: a, Facts: drawFacts(t, spec), Previous: a.Status.Health, Now: noon}).Health
		}
		e, err := explain.Account(&fleet.World{Accounts: []*v1alpha1.Account{a}, Models: []*v1alpha1.HealthScoreModel{spec}}, "acme", noon)
		if err != nil {
			t.Fatal(err)
		}
		if e.Points == "" {
			return // nothing counts
		}
		total, of, lost := newAdder(t), newAdder(t), newAdder(t)
		for _, d := range e.Dimensions {
			points, most, less := newAdder(t), newAdder(t), newAdder(t)
			for _, measure := range d.Measures {
				points.add(measure.Points)
				most.add(measure.Of)
				less.add(measure.Lost)
			}
			if d.Points != "" {
				points.is("the measures of "+d.Name, d.Points)
				most.is("what the measures of "+d.Name+" are worth", d.Of)
				less.is("what the measures of "+d.Name+" lost", d.Lost)
			}
			total.add(d.Points)
			of.add(d.Of)
			lost.add(d.Lost)
		}
		total.is("the dimensions", e.Points)
		of.is("what the dimensions are worth", "100")
		lost.is("what the dimensions lost", e.Lost)
		half, _ := new(big.Rat).SetString("1/2")
		whole := new(big.Rat).Add(total.sum, half)
		after := int32(new(big.Int).Quo(whole.Num(), whole.Denom()).Int64())
		if after != e.Rounded {
			t.Fatalf("%s is rounded to %d", e.Points, e.Rounded)
		}
		for _, r := range e.Rules {
			after += r.Points
		}
		if e.Score != nil && after != *e.Score {
			t.Fatalf("with its rules it is %d, and the score %d", after, *e.Score)
		}
	})
}

func TestWhatIfNothingWereOtherwiseIsTheScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawModel(t)
		m, err := score.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		h := m.Evaluate(score.Input{Account: account("acme"), Facts: drawFacts(t, spec), Now: noon}).Health
		if got, ok := m.WhatIf(h, nil); h.Score != nil && (!ok || got != *h.Score) {
			t.Fatalf("the score is %d, and what if: %d", *h.Score, got)
		}
	})
}

func TestWhatIfAMeasureWereAtItsBestIsWhatTheModelSaysThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawModel(t)
		spec.Spec.Rules = nil // a rule may hold at another score, which what-if does not ask
		m, err := score.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		facts := drawFacts(t, spec)
		h := m.Evaluate(score.Input{Account: account("acme"), Facts: facts, Now: noon}).Health
		measure := rapid.SampledFrom(spec.Spec.Measures).Draw(t, "measure")
		got, ok := m.WhatIf(h, map[string]int32{measure.Name: 100})
		best := value.Number(value.DecimalFromInt(97))
		facts[v1alpha1.MetricReference{Source: "s", Metric: measure.From.Metric}] = value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueFresh, Value: &best, ObservedTime: noon}
		want := m.Evaluate(score.Input{Account: account("acme"), Facts: facts, Now: noon}).Health.Score
		if !ok || want == nil || got < *want-1 || got > *want+1 {
			t.Fatalf("what if says %d (%v), and the model %v", got, ok, ptr.Deref(want, -1))
		}
	})
}
