// Package scorebench compares internal/score with what computes the same scores without it: a hand-written loop over
// plain structs, and PostgreSQL in one query. All three score the same fleet by the same model, and must agree on every
// account before their times mean anything.
package scorebench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// The size of the model.
const (
	Measures   = 12
	Dimensions = 3
)

// The parts of the model beside its measures.
const (
	minimumCoverage = 60
	margin          = 2
	hold            = time.Hour
)

// dimensions are the names and weights of the model's dimensions.
var dimensions = [Dimensions]struct {
	name   string
	weight int64
}{{"adoption", 45}, {"support", 30}, {"relation", 25}}

// bands are the model's, best first.
var bands = [...]v1alpha1.Band{{Name: "Healthy", Min: 70}, {Name: "AtRisk", Min: 40}, {Name: "Critical", Min: 0}}

// measures are the model's; worst and best are the ends of a linear scale, in millionths.
var measures = [Measures]struct {
	name        string
	dimension   int
	weight      int64
	worst, best int64
}{
	{"wau", 0, 30, 0, 400_000_000},
	{"dau-mau", 0, 25, 50_000, 400_000},
	{"depth", 0, 20, 1_000_000, 12_000_000},
	{"seats-used", 0, 25, 200_000, 950_000},
	{"open-tickets", 1, 30, 25_000_000, 0},
	{"p1-hours", 1, 30, 7_500_000, 0},
	{"csat", 1, 25, 2_500_000, 4_800_000},
	{"first-reply", 1, 15, 48_000_000, 2_000_000},
	{"nps", 2, 30, -40_000_000, 60_000_000},
	{"meetings", 2, 20, 0, 6_000_000},
	{"payment-delay", 2, 30, 45_000_000, 0},
	{"days-silent", 2, 20, 60_000_000, 3_000_000},
}

// Model returns the HealthScoreModel of the comparison: twelve measures on linear scales in three dimensions, whose weight
// goes to the others where they are Missing. With expressions, four of the values and two of the scales are computed.
func Model(expressions bool) (*v1alpha1.HealthScoreModel, error) {
	var spec strings.Builder
	fmt.Fprintf(&spec, "minimumCoverage: %d\nbandChange: {margin: %d, hold: %s}\nbands:\n", minimumCoverage, margin, value.FormatDuration(hold))
	for _, b := range bands {
		fmt.Fprintf(&spec, "- {name: %s, min: %d}\n", b.Name, b.Min)
	}
	spec.WriteString("dimensions:\n")
	for _, d := range dimensions {
		fmt.Fprintf(&spec, "- {name: %s, weight: %d}\n", d.name, d.weight)
	}
	spec.WriteString("measures:\n")
	for i, m := range measures {
		from := fmt.Sprintf("{source: %s, metric: %s}", refs[i].Source, refs[i].Metric)
		worst, best := value.Decimal(m.worst), value.Decimal(m.best)
		c, computed := computedValues[i]
		if expressions && computed {
			from, worst, best = fmt.Sprintf("{expression: %q}", c.expression), value.Decimal(c.worst), value.Decimal(c.best)
		}
		scale := fmt.Sprintf("{linear: {worst: %q, best: %q}}", worst, best)
		if text := computedScales[i]; expressions && text != "" {
			scale = fmt.Sprintf("{expression: %q}", text)
		}
		fmt.Fprintf(&spec, "- {name: %s, dimension: %s, weight: %d, from: %s, scale: %s}\n", m.name, dimensions[m.dimension].name, m.weight, from, scale)
	}
	model := &v1alpha1.HealthScoreModel{ObjectMeta: metav1.ObjectMeta{Name: "benchmark", Generation: 1}}
	return model, yaml.UnmarshalStrict([]byte(spec.String()), &model.Spec)
}

// refs are the metrics that the measures read. As with a real source, all accounts share their texts.
var refs = func() [Measures]v1alpha1.MetricReference {
	var refs [Measures]v1alpha1.MetricReference
	for i := range measures {
		refs[i] = v1alpha1.MetricReference{Source: "warehouse", Metric: strings.ReplaceAll(measures[i].name, "-", "_")}
	}
	return refs
}()

// Values are the values of one account on one day, in millionths.
type Values struct {
	Number [Measures]int64
	Known  [Measures]bool
}

// Account is one account of the fleet: its values now, and on the days before.
type Account struct {
	Past [pastDays]Values
	Now  Values
}

// pastDays is the number of days that the fleet was scored before today.
const pastDays = 3

// Fleet draws accounts, the same ones each time. Of all values one in twenty-five is missing, and one account in fifty
// lacks most of them. Of one account in fifty every value scores the same half of a point, and so does the mean.
func Fleet(n int) []Account {
	r := rand.New(rand.NewPCG(4, 2026))
	fleet := make([]Account, n)
	for i := range fleet {
		health, even := r.IntN(1000), r.IntN(50) == 0
		poor := r.IntN(50) == 0
		for day := range pastDays {
			fleet[i].Past[day] = drawValues(r, health, even, poor)
		}
		fleet[i].Now = fleet[i].Past[pastDays-1]
		later := drawValues(r, health, even, poor)
		for m := range Measures {
			// A third of the values move from one day to the next.
			if r.IntN(3) == 0 {
				fleet[i].Now.Number[m], fleet[i].Now.Known[m] = later.Number[m], later.Known[m]
			}
		}
	}
	return fleet
}

// drawValues draws values of an account that stands somewhere between worst, 0, and best, 1000.
func drawValues(r *rand.Rand, health int, even, poor bool) Values {
	v := Values{}
	for m := range Measures {
		share := int64(health + r.IntN(500) - 250)
		if even {
			share = int64(health/10*10 + 5)
		}
		v.Number[m] = measures[m].worst + (measures[m].best-measures[m].worst)*share/1000
		v.Known[m] = r.IntN(25) != 0 && (!poor || r.IntN(3) == 0)
	}
	return v
}

// now is the day of the comparison.
func now() time.Time { return time.Date(2026, 11, 4, 9, 0, 0, 0, time.UTC) }

// Inputs returns what Evaluate needs to score the fleet today: the facts in memory, and the health of yesterday.
func Inputs(m *score.Model, fleet []Account) []score.Input {
	inputs := make([]score.Input, len(fleet))
	for i := range fleet {
		in := &inputs[i]
		in.Account = &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("account-%06d", i)}}
		in.Account.Spec.Contract = &v1alpha1.Contract{Seats: ptr.To[int64](seats)}
		for day := range pastDays {
			in.Now = now().AddDate(0, 0, day-pastDays)
			in.Facts = facts(&fleet[i].Past[day], in.Now)
			in.Previous = m.Evaluate(*in).Health
		}
		in.Now = now()
		in.Facts = facts(&fleet[i].Now, in.Now)
	}
	return inputs
}

// facts returns values as a source gives them.
func facts(v *Values, observed time.Time) value.Facts {
	facts := make(value.Facts, Measures)
	for m := range Measures {
		o := value.Observation{Type: v1alpha1.MetricNumber, State: v1alpha1.ValueMissing}
		if v.Known[m] {
			number := value.Number(value.Decimal(v.Number[m]))
			o.Value, o.State, o.ObservedTime = &number, v1alpha1.ValueFresh, observed.Add(-time.Hour)
		}
		facts[refs[m]] = o
	}
	return facts
}

// rank returns where a band stands, 0 for the best, none for no band and Unknown.
func rank(name v1alpha1.BandName) int32 {
	return int32(slices.IndexFunc(bands[:], func(b v1alpha1.Band) bool { return b.Name == name }))
}
