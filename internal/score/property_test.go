package score

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// The properties hold for any model and any facts.

// features are what a drawn model has beside its measures. What depends on the day is apart: NextChange answers it with
// midnight, whether or not anything changes then.
type features struct{ rules, timed bool }

// drawModel draws a model of one to four dimensions, with measures of every kind.
func drawModel(t *rapid.T, with features) *v1alpha1.HealthScoreModel {
	m := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "drawn", Generation: 1}}
	m.Spec.Bands = []v1alpha1.Band{{Name: "Healthy", Min: 70}, {Name: "AtRisk", Min: 40}, {Name: "Critical", Min: 0}}
	m.Spec.MinimumCoverage = rapid.Int32Range(0, 80).Draw(t, "minimum coverage")
	m.Spec.BandChange = &v1alpha1.BandChange{
		Margin: rapid.Int32Range(0, 10).Draw(t, "margin"),
		Hold:   rapid.SampledFrom([]v1alpha1.Duration{"0", "90m", "2d"}).Draw(t, "hold"),
	}
	m.Spec.Trend = &v1alpha1.TrendSpec{Window: rapid.SampledFrom([]v1alpha1.Duration{"1d", "36h", "7d"}).Draw(t, "window"), Threshold: 5}
	for d := range rapid.IntRange(1, 4).Draw(t, "dimensions") {
		name := fmt.Sprintf("d%d", d)
		m.Spec.Dimensions = append(m.Spec.Dimensions, v1alpha1.Dimension{Name: name, Weight: rapid.Int32Range(1, 10).Draw(t, "weight")})
		for i := range rapid.IntRange(1, 4).Draw(t, "measures") {
			m.Spec.Measures = append(m.Spec.Measures, drawMeasure(t, name, i, with))
		}
	}
	if !with.rules {
		return m
	}
	for i, when := range []v1alpha1.Expression{
		"metrics.rules.a > 50", "score < 50", "has(metrics.rules.b)", v1alpha1.Expression("measures['" + m.Spec.Measures[0].Name + "'].score > 60"),
	} {
		r := v1alpha1.Rule{Name: fmt.Sprintf("r%d", i), When: when, Timing: rapid.SampledFrom([]v1alpha1.RuleTiming{"", v1alpha1.TimingImmediate}).Draw(t, "timing")}
		limit := rapid.Int32Range(0, 100).Draw(t, "limit")
		*rapid.SampledFrom([]**int32{&r.Cap, &r.Floor, &r.Set}).Draw(t, "effect") = &limit
		m.Spec.Rules = append(m.Spec.Rules, r)
	}
	return m
}

// drawMeasure draws a measure on a metric of its own. The first of a dimension has a weight.
func drawMeasure(t *rapid.T, dimension string, i int, with features) v1alpha1.Measure {
	m := v1alpha1.Measure{
		Name: fmt.Sprintf("%s-m%d", dimension, i), Dimension: dimension, Weight: rapid.Int32Range(min(1, int32(1-min(i, 1))), 9).Draw(t, "weight"),
		MaxAge: rapid.SampledFrom([]v1alpha1.Duration{"", "6h", "3d"}).Draw(t, "maxAge"),
		WhenMissing: rapid.SampledFrom([]v1alpha1.WhenMissing{
			v1alpha1.MissingSkip, v1alpha1.MissingWorst, v1alpha1.MissingNeutral, v1alpha1.MissingBest, v1alpha1.MissingLastKnown,
		}).Draw(t, "whenMissing"),
	}
	m.From = v1alpha1.MeasureFrom{Source: rapid.SampledFrom([]string{"one", "two"}).Draw(t, "source"), Metric: m.Name}
	kinds := 4
	switch rapid.IntRange(0, 5).Draw(t, "from") {
	case 0:
		m.From = v1alpha1.MeasureFrom{Expression: v1alpha1.Expression(fmt.Sprintf("metrics.%s['%s'] / 2 + metrics.one.?shared.orValue(3)", m.From.Source, m.Name))}
		kinds = 3
	case 1:
		m.From = v1alpha1.MeasureFrom{Children: rapid.SampledFrom([]v1alpha1.ChildrenMode{
			v1alpha1.ChildrenAverage, v1alpha1.ChildrenWorst, v1alpha1.ChildrenARRWeighted,
		}).Draw(t, "children")}
		return m
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "scale") {
	case 1:
		by := ""
		if with.timed {
			by = " + daysSince('2026-10-20') * 3"
		}
		m.Scale = &v1alpha1.Scale{Expression: v1alpha1.Expression("value * 2 - 11.5" + by)}
	case 0:
		worst := rapid.Int32Range(-20, 20).Draw(t, "worst")
		best := worst + rapid.SampledFrom([]int32{-7, -3, 1, 3, 60}).Draw(t, "width")
		m.Scale = &v1alpha1.Scale{Linear: &v1alpha1.LinearScale{Worst: v1alpha1.Decimal(fmt.Sprint(worst)), Best: v1alpha1.Decimal(fmt.Sprint(best))}}
	case 2:
		m.Scale = &v1alpha1.Scale{Steps: []v1alpha1.Step{{Min: "10", Score: 90}, {Min: "0", Score: 33}}}
	default:
		m.Scale = &v1alpha1.Scale{Categories: []v1alpha1.CategoryScore{{Value: "Good", Score: 87}, {Value: "Bad", Score: 12}}}
	}
	return m
}

// drawFacts draws what is known of everything that a model reads at a moment.
func drawFacts(t *rapid.T, spec *v1alpha1.HealthScoreModel, now time.Time) value.Facts {
	facts := value.Facts{}
	for _, m := range spec.Spec.Measures {
		switch {
		case m.From.Expression != "":
			facts[ref("one", m.Name)], facts[ref("two", m.Name)] = drawObservation(t, false, now), drawObservation(t, false, now)
		case m.From.Source != "":
			facts[ref(m.From.Source, m.From.Metric)] = drawObservation(t, m.Scale.Categories != nil, now)
		}
	}
	facts[ref("one", "shared")] = drawObservation(t, false, now)
	for _, metric := range []string{"a", "b"} {
		facts[ref("rules", metric)] = drawObservation(t, false, now)
	}
	return facts
}

func drawObservation(t *rapid.T, category bool, now time.Time) value.Observation {
	o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}
	v := value.Number(value.Decimal(rapid.OneOf(
		rapid.Int64Range(-30_000_000, 90_000_000), rapid.Int64Range(1-1e18, 1e18-1),
	).Draw(t, "number")))
	if category {
		o.Type = v1alpha1.MetricCategory
		v = value.Category(rapid.SampledFrom([]string{"Good", "Bad", "Odd"}).Draw(t, "word"))
	}
	o.MaxAge = rapid.SampledFrom([]time.Duration{0, 4 * time.Hour, 48 * time.Hour}).Draw(t, "source's maxAge")
	if rapid.IntRange(0, 4).Draw(t, "state") > 0 {
		o.State, o.Value = v1alpha1.ValueFresh, &v
		o.ObservedTime = now.Add(-time.Duration(rapid.IntRange(0, 8*60*60).Draw(t, "age")) * time.Second)
	}
	return o
}

// drawChildren draws the accounts below the account.
func drawChildren(t *rapid.T) []Child {
	var children []Child
	for i := range rapid.IntRange(0, 3).Draw(t, "children") {
		c := Child{Name: fmt.Sprint(i), ARR: rapid.Int64Range(0, 1e12).Draw(t, "ARR")}
		if rapid.IntRange(0, 4).Draw(t, "scored") > 0 {
			c.Score = ptr.To(rapid.Int32Range(0, 100).Draw(t, "score"))
		}
		children = append(children, c)
	}
	return children
}

// drawAccount draws an account: with an override now and then.
func drawAccount(t *rapid.T) *v1alpha1.Account {
	a := &v1alpha1.Account{}
	if rapid.IntRange(0, 3).Draw(t, "override") == 0 {
		a.Spec.HealthOverride = &v1alpha1.HealthOverride{
			Band: "AtRisk", Reason: "sponsor left", By: "jo@example.com",
			Until: rapid.SampledFrom([]v1alpha1.Date{"2026-10-31", "2026-11-01", "2026-11-04"}).Draw(t, "until"),
		}
	}
	return a
}

// drawWorld draws a model and an account with some past.
func drawWorld(t *rapid.T, tb testing.TB, with features) (*v1alpha1.HealthScoreModel, *world) {
	spec := drawModel(t, with)
	m, err := Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: tb, model: m, input: Input{Now: begin()}}
	for range rapid.IntRange(0, 3).Draw(t, "past") {
		w.input.Account, w.input.Children = drawAccount(t), drawChildren(t)
		w.input.Facts = drawFacts(t, spec, w.input.Now)
		w.evaluate()
		w.wait(time.Duration(rapid.IntRange(1, 72*60).Draw(t, "minutes")) * time.Minute)
	}
	w.input.Account, w.input.Children = drawAccount(t), drawChildren(t)
	w.input.Facts = drawFacts(t, spec, w.input.Now)
	return spec, w
}

func TestPropertyTheScoreIsInRangeAndCanBeRecomputed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec, w := drawWorld(r, t, features{rules: true, timed: true})
		h := w.evaluate()
		if h.Coverage < 0 || h.Coverage > 100 || !inRange(h.Score) {
			r.Fatalf("score %d, coverage %d", shownScore(h.Score), h.Coverage)
		}
		for _, m := range h.Measures {
			if !inRange(m.Score) || (m.Score != nil) != (m.Points != "") {
				r.Fatalf("measure %v", m)
			}
		}
		if (h.Band == v1alpha1.BandUnknown) && h.Score != nil && !w.anyOut() {
			r.Fatalf("the band is Unknown with score %d", *h.Score)
		}
		text, err := yaml.Marshal(h)
		if err != nil {
			r.Fatal(err)
		}
		if h.PreviousScore != nil && h.Score != nil && sumOfChanges(t, h) != int64(*h.Score-*h.PreviousScore)*milli {
			r.Fatalf("the score moved from %d to %d, and the changes are %q", *h.PreviousScore, *h.Score, h.Changes)
		}
		if h.Score != nil && scoreByHand(t, text) != *h.Score || t.Failed() {
			r.Fatalf("by hand the score is %d, not %d, from\n%s\nof %v", scoreByHand(t, text), *h.Score, text, spec.Spec)
		}
	})
}

func TestPropertyAChangeOfTheModelAddsUpToo(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec, w := drawWorld(r, t, features{rules: true, timed: true})
		before := w.evaluate()
		spec.Generation++
		for i := range spec.Spec.Measures {
			if m := &spec.Spec.Measures[i]; rapid.Bool().Draw(r, "changed") {
				m.Weight += rapid.Int32Range(0, 9).Draw(r, "weight")
				m.WhenMissing = v1alpha1.MissingNeutral
			}
		}
		var err error
		if w.model, err = Compile(spec); err != nil {
			r.Fatal(err)
		}
		if rapid.Bool().Draw(r, "data changes") {
			w.input.Facts, w.input.Children = drawFacts(r, spec, w.input.Now), drawChildren(r)
		}
		after := w.evaluate()
		if !strings.HasPrefix(after.Changes[0], "model drawn/1 -> drawn/2") || len(after.Changes) > maxChanges {
			r.Fatalf("changes %q", after.Changes)
		}
		if before.Score == nil || after.Score == nil {
			return
		}
		if got, want := sumOfChanges(t, after), int64(*after.Score-*before.Score)*milli; got != want || t.Failed() {
			r.Fatalf("the score moved from %d to %d, and the changes are %q", *before.Score, *after.Score, after.Changes)
		}
	})
}

func inRange(score *int32) bool { return score == nil || *score >= 0 && *score <= 100 }

// anyOut reports whether a measure's weight is out because it was never seen.
func (w *world) anyOut() bool {
	return slices.ContainsFunc(w.health.Measures, func(m v1alpha1.MeasureScore) bool { return m.State == v1alpha1.ValueErrored && m.Score == nil })
}

func TestPropertyEvaluatingAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		_, w := drawWorld(r, t, features{rules: true, timed: true})
		if rapid.Bool().Draw(r, "outage") {
			w.restart()
		}
		first := w.evaluate()
		next := w.next
		second := w.evaluate()
		if diff := cmp.Diff(first, second); diff != "" || !next.Equal(w.next) {
			r.Fatalf("next change %s, then %s, and\n%s", next, w.next, diff)
		}
	})
}

func TestPropertyTheOrderOfDeclarationDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec, w := drawWorld(r, t, features{})
		previous := w.input.Previous
		one := w.evaluate()
		spec.Spec.Dimensions = rapid.Permutation(spec.Spec.Dimensions).Draw(r, "dimensions")
		spec.Spec.Measures = rapid.Permutation(spec.Spec.Measures).Draw(r, "measures")
		spec.Spec.Bands = rapid.Permutation(spec.Spec.Bands).Draw(r, "bands")
		var err error
		if w.model, err = Compile(spec); err != nil {
			r.Fatal(err)
		}
		w.input.Previous = previous
		other := w.evaluate()
		byName := cmp.Options{
			cmpopts.SortSlices(func(a, b v1alpha1.MeasureScore) bool { return a.Name < b.Name }),
			cmpopts.SortSlices(func(a, b v1alpha1.DimensionScore) bool { return a.Name < b.Name }),
		}
		if diff := cmp.Diff(one, other, byName); diff != "" {
			r.Fatal(diff)
		}
	})
}

func TestPropertyTheScoreIsMonotoneInEveryMeasure(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec, w := drawWorld(r, t, features{})
		w.input.Previous = nil
		monotone := slices.DeleteFunc(slices.Clone(spec.Spec.Measures), func(m v1alpha1.Measure) bool {
			return m.From.Source == "" || m.Scale.Categories != nil
		})
		if len(monotone) == 0 {
			return
		}
		m := rapid.SampledFrom(monotone).Draw(r, "measure")
		worst, best := value.Decimal(0), value.Decimal(1)
		if l := m.Scale.Linear; l != nil {
			worst, best = number(r, l.Worst), number(r, l.Best)
		}
		score := func(v value.Decimal) int32 {
			w.observe(m.From.Source, m.From.Metric, value.Number(v))
			w.input.Previous = nil
			return shownScore(w.evaluate().Score)
		}
		v := value.Decimal(rapid.Int64Range(-30_000_000, 90_000_000).Draw(r, "value"))
		by := value.Decimal(rapid.Int64Range(0, 30_000_000).Draw(r, "difference"))
		if best < worst {
			by = -by
		}
		if before, after := score(v), score(v+by); before > after {
			r.Fatalf("%s better makes the score %d after %d", by, after, before)
		}
	})
}

func number(r *rapid.T, d v1alpha1.Decimal) value.Decimal {
	parsed, err := value.ParseDecimal(string(d))
	if err != nil {
		r.Fatal(err)
	}
	return parsed
}

func TestPropertySkippingEqualsAModelWithoutTheMeasure(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec := drawModel(r, features{})
		spec.Spec.MinimumCoverage = 0
		facts := drawFacts(r, spec, begin())
		m := rapid.IntRange(0, len(spec.Spec.Measures)-1).Draw(r, "measure")
		if spec.Spec.Measures[m].From.Source == "" {
			return
		}
		spec.Spec.Measures[m].WhenMissing = v1alpha1.MissingSkip
		gone := spec.Spec.Measures[m]
		facts[ref(gone.From.Source, gone.From.Metric)] = value.Observation{State: v1alpha1.ValueMissing}
		with, err := Compile(spec)
		if err != nil {
			r.Fatal(err)
		}
		spec.Spec.Measures = slices.Delete(spec.Spec.Measures, m, m+1)
		if !slices.ContainsFunc(spec.Spec.Measures, func(m v1alpha1.Measure) bool { return m.Dimension == gone.Dimension && m.Weight > 0 }) {
			spec.Spec.Measures = slices.DeleteFunc(spec.Spec.Measures, func(m v1alpha1.Measure) bool { return m.Dimension == gone.Dimension })
			spec.Spec.Dimensions = slices.DeleteFunc(spec.Spec.Dimensions, func(d v1alpha1.Dimension) bool { return d.Name == gone.Dimension })
		}
		if len(spec.Spec.Dimensions) == 0 {
			return
		}
		without, err := Compile(spec)
		if err != nil {
			r.Fatal(err)
		}
		input := Input{Account: &v1alpha1.Account{}, Facts: facts, Now: begin()}
		one, other := with.Evaluate(input).Health, without.Evaluate(input).Health
		for _, d := range other.Dimensions {
			if i := slices.IndexFunc(one.Dimensions, func(o v1alpha1.DimensionScore) bool { return o.Name == d.Name }); !cmp.Equal(one.Dimensions[i], d) {
				r.Fatalf("dimension %v and %v", one.Dimensions[i], d)
			}
		}
		if one.Band != other.Band || !cmp.Equal(one.Score, other.Score) {
			r.Fatalf("score %d and %d", shownScore(one.Score), shownScore(other.Score))
		}
	})
}

func TestPropertyAnOutageMovesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		_, w := drawWorld(r, t, features{rules: true})
		w.evaluate()
		healthy := w.input
		healthy.Now = healthy.Now.Add(time.Duration(rapid.IntRange(0, 48*60).Draw(r, "minutes later")) * time.Minute)
		broken := healthy
		broken.Facts = value.Facts{}
		for metric, o := range healthy.Facts {
			broken.Facts[metric] = o
			if !rapid.Bool().Draw(r, "errored") || tooOld(w.model, metric, o, w.input.Now, healthy.Now) {
				continue
			}
			o.State = v1alpha1.ValueErrored
			if rapid.Bool().Draw(r, "forgotten") {
				o = value.Observation{Type: o.Type, State: v1alpha1.ValueErrored, MaxAge: o.MaxAge}
			}
			broken.Facts[metric] = o
		}
		want, got := w.model.Evaluate(healthy).Health, w.model.Evaluate(broken).Health
		statesAside := cmp.Options{
			cmpopts.IgnoreFields(v1alpha1.MeasureScore{}, "State"), cmpopts.IgnoreFields(v1alpha1.Fact{}, "State"),
			cmpopts.IgnoreFields(v1alpha1.AppliedRule{}, "Held"),
		}
		if diff := cmp.Diff(want, got, statesAside); diff != "" {
			r.Fatalf("the outage changes\n%s\nof %v", diff, broken.Facts)
		}
	})
}

// tooOld reports whether a value that is Fresh at one moment is Stale at a later one: it grew old during the outage.
func tooOld(m *Model, metric v1alpha1.MetricReference, o value.Observation, before, now time.Time) bool {
	age := time.Duration(0)
	for i := range m.measures {
		if own := m.measures[i].maxAge; m.measures[i].readsMetric(metric) && own > 0 && (age == 0 || own < age) {
			age = own
		}
	}
	then, _ := o.StateAt(before, age)
	state, _ := o.StateAt(now, age)
	return then != state
}

func TestPropertyNothingChangesBeforeNextChange(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		_, w := drawWorld(r, t, features{rules: true, timed: true})
		if rapid.Bool().Draw(r, "outage") {
			w.evaluate()
			w.restart()
		}
		for range 5 {
			present, next := w.evaluate(), w.next
			end := w.input.Now.Add(20 * day)
			if !next.IsZero() {
				end = next
			}
			if !end.After(w.input.Now) {
				r.Fatalf("the next change is %s, and it is %s", next, w.input.Now)
			}
			// Any moment until then, and the last before it.
			length := end.Sub(w.input.Now)
			for _, after := range []time.Duration{time.Duration(rapid.Int64Range(0, int64(length)-1).Draw(r, "after")), length - time.Second} {
				later := w.input
				later.Now = later.Now.Add(after)
				result := w.model.Evaluate(later)
				if diff := cmp.Diff(present, result.Health); diff != "" || !result.NextChange.Equal(next) {
					r.Fatalf("after %s, before the next change at %s (then %s):\n%s", after, next, result.NextChange, diff)
				}
			}
			if next.IsZero() {
				return
			}
			w.input.Now = next
		}
	})
}

func TestPropertyAtNextChangeSomethingChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		_, w := drawWorld(r, t, features{})
		present := w.evaluate()
		if w.next.IsZero() {
			return
		}
		next := w.next
		w.input.Now = next
		if diff := cmp.Diff(present, w.evaluate()); diff == "" && w.next.Equal(next) {
			r.Fatalf("nothing changes at %s", next)
		} else if diff == "" {
			r.Fatalf("at %s nothing but the next change changes, to %s: %s", next, w.next, strings.TrimSpace(fmt.Sprint(w.input.Facts)))
		}
	})
}
