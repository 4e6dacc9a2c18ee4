package score

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestScales(t *testing.T) {
	const (
		up         = `linear: {worst: "0.05", best: "0.40"}`
		down       = "linear: {worst: 10, best: 0}"
		thirds     = "linear: {worst: 0, best: 3}"
		huge       = `linear: {worst: "-999999999999.999999", best: "999999999999.999999"}`
		tiny       = `linear: {worst: "0.000001", best: "0.000003"}`
		steps      = `steps: [{min: 9, score: 100}, {min: "7", score: 60}, {min: -1, score: 20}]`
		categories = `categories: [{value: Good, score: 100}, {value: "1", score: 30}]`
	)
	for name, test := range map[string]struct {
		scale string
		value any
		want  int64 // milli-points; -1 for none
	}{
		"worst scores nothing":                           {up, "0.05", 0},
		"worse than worst scores nothing":                {up, "-7", 0},
		"best scores all":                                {up, "0.4", 100_000},
		"better than best scores all":                    {up, "0.400001", 100_000},
		"between is in proportion":                       {up, "0.18", 37_143},
		"a worst above best inverts":                     {down, "3", 70_000},
		"an inverted scale ends at worst":                {down, "11", 0},
		"an inverted scale ends at best":                 {down, "-1", 100_000},
		"a third is rounded down":                        {thirds, "1", 33_333},
		"two thirds are rounded up":                      {thirds, "2", 66_667},
		"half a milli-point is rounded up":               {"linear: {worst: 0, best: 200000}", "1", 1},
		"the widest scale does not overflow":             {huge, "0", 50_000},
		"the widest scale ends at its ends":              {huge, "999999999999.999999", 100_000},
		"the narrowest scale has a middle":               {tiny, "0.000002", 50_000},
		"a step is reached at its min":                   {steps, "7", 60_000},
		"a step lasts until the next":                    {steps, "8.999999", 60_000},
		"the highest step has no end":                    {steps, "1000", 100_000},
		"below the lowest step the score is 0":           {steps, "-1.000001", 0},
		"a listed word":                                  {categories, value.Category("Good"), 100_000},
		"a word that is not listed has no score":         {categories, value.Category("good"), -1},
		"a number is found among words as it is written": {categories, "1", 30_000},
		"a word has no place on a line":                  {up, value.Category("Good"), -1},
		"a word is on no step":                           {steps, value.Category("7"), -1},
		"a moment has no place on a line":                {up, value.Value{Type: v1alpha1.MetricTime, Time: begin()}, -1},
		"a day is found among words as it is written":    {`categories: [{value: "2026-11-01", score: 5}]`, value.Value{Type: v1alpha1.MetricTime, Time: begin().Truncate(24 * time.Hour)}, 5_000},
	} {
		t.Run(name, func(t *testing.T) {
			spec := v1alpha1.Scale{}
			if err := yaml.UnmarshalStrict([]byte(test.scale), &spec); err != nil {
				t.Fatal(err)
			}
			var errs field.ErrorList
			s, _ := compileScale(field.NewPath("scale"), &spec, &errs)
			if err := errs.ToAggregate(); err != nil {
				t.Fatal(err)
			}
			v, ok := test.value.(value.Value)
			if !ok {
				d, err := value.ParseDecimal(fmt.Sprint(test.value))
				if err != nil {
					t.Fatal(err)
				}
				v = value.Number(d)
			}
			got, ok := s.score(v, nil)
			if !ok {
				got = -1
			}
			if got != test.want {
				t.Errorf("score = %d, want %d", got, test.want)
			}
		})
	}
}

func TestPointsAreWrittenWithOneToThreeDigits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0.0", 1: "0.001", 10: "0.01", 100: "0.1", 7412: "7.412", 7410: "7.41", 22000: "22.0", 100_000: "100.0", -6100: "-6.1", -5: "-0.005",
	} {
		if got := formatPoints(n); got != want {
			t.Errorf("formatPoints(%d) = %q, want %q", n, got, want)
		}
		if n >= 0 && parsePoints(want) != n {
			t.Errorf("parsePoints(%q) = %d, want %d", want, parsePoints(want), n)
		}
	}
	for _, s := range []string{"", "much", "1.2345", "1.x"} {
		if got := parsePoints(s); got != 0 {
			t.Errorf("parsePoints(%q) = %d, want 0", s, got)
		}
	}
}

func TestApportionGivesWhatIsLeftToTheLargestRemainder(t *testing.T) {
	names := []string{"c", "b", "a"}
	for name, test := range map[string]struct {
		total     int64
		fractions []fraction
		want      []int64
	}{
		"nothing is left":                {6, []fraction{{3, 1}, {2, 1}, {1, 1}}, []int64{3, 2, 1}},
		"the largest remainder wins":     {4, []fraction{{5, 4}, {7, 4}, {5, 4}}, []int64{1, 2, 1}},
		"among equals the name decides":  {1, []fraction{{1, 3}, {1, 3}, {1, 3}}, []int64{0, 0, 1}},
		"two are left":                   {2, []fraction{{2, 3}, {2, 3}, {2, 3}}, []int64{0, 1, 1}},
		"denominators that differ":       {1, []fraction{{2, 3}, {3, 4}, {0, 1}}, []int64{0, 1, 0}},
		"a whole number gets none of it": {3, []fraction{{2, 1}, {1, 2}, {1, 2}}, []int64{2, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			shares := make([]share, len(test.fractions))
			for i := range shares {
				shares[i] = share{name: names[i], exact: test.fractions[i]}
			}
			apportion(test.total, shares)
			for i, want := range test.want {
				if shares[i].points != want {
					t.Errorf("%s has %d points, want %d", names[i], shares[i].points, want)
				}
			}
		})
	}
}
