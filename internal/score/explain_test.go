package score

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// recompute adds the points of a health up as a person would, checks that they agree at each level, and returns the sum
// in milli-points. It knows nothing of how they were made.
func recompute(t testing.TB, h *v1alpha1.Health) int64 {
	t.Helper()
	sums := map[string]*big.Rat{}
	for _, m := range h.Measures {
		if m.Points != "" {
			if sums[m.Dimension] == nil {
				sums[m.Dimension] = new(big.Rat)
			}
			sums[m.Dimension].Add(sums[m.Dimension], rational(t, m.Points))
		}
	}
	total := new(big.Rat)
	for _, d := range h.Dimensions {
		if (d.Points != "") != (sums[d.Name] != nil) {
			t.Errorf("dimension %s has points %q, its measures %v", d.Name, d.Points, sums[d.Name])
			continue
		}
		if d.Points == "" {
			continue
		}
		if points := rational(t, d.Points); points.Cmp(sums[d.Name]) != 0 {
			t.Errorf("the measures of %s add up to %s, not to %s", d.Name, sums[d.Name].FloatString(3), d.Points)
		}
		total.Add(total, rational(t, d.Points))
	}
	total.Mul(total, big.NewRat(1000, 1))
	if !total.IsInt() {
		t.Errorf("%s is no whole number of milli-points", total)
	}
	return total.Num().Int64()
}

func rational(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}

// scoreByHand computes the score of a health from its YAML alone: points added up, rounded, rules applied.
func scoreByHand(t testing.TB, text []byte) int32 {
	t.Helper()
	h := &v1alpha1.Health{}
	if err := yaml.UnmarshalStrict(text, h); err != nil {
		t.Fatal(err)
	}
	score := int32((recompute(t, h) + 500) / 1000)
	for _, r := range h.RulesApplied {
		var verb string
		var limit int32
		if _, err := fmt.Sscanf(r.Effect, "%s %d", &verb, &limit); err != nil {
			t.Fatalf("effect %q: %v", r.Effect, err)
		}
		before := score
		switch {
		case verb == "cap" && score > limit, verb == "floor" && score < limit, verb == "set":
			score = limit
		}
		if r.Points != score-before {
			t.Errorf("rule %s has %d points, it changes %d to %d", r.Name, r.Points, before, score)
		}
	}
	return score
}

// sumOfChanges adds the numbers of a health's changes up, in milli-points.
func sumOfChanges(t testing.TB, h *v1alpha1.Health) int64 {
	t.Helper()
	sum := new(big.Rat)
	for _, line := range h.Changes {
		sum.Add(sum, rational(t, strings.TrimPrefix(line[strings.LastIndex(line, ": ")+2:], "+")))
	}
	sum.Mul(sum, big.NewRat(1000, 1))
	if !sum.IsInt() {
		t.Errorf("%s is no whole number of milli-points", sum)
	}
	return sum.Num().Int64()
}

func TestAPersonCanRecomputeTheScoreFromTheStatus(t *testing.T) {
	w := newWorld(t, plain+`
rules:
- {name: busy, when: "metrics.usage.wau > 90", floor: 80}
- {name: open-p1, when: "metrics.desk.p1 > 0", cap: 75}
- {name: shut, when: "metrics.usage.wau == 0", set: 7}
`)
	w.see("usage", "depth", "3.33")
	w.see("desk", "tickets", "7")
	for wau, want := range map[string]int32{"0": 7, "33.37": 32, "77": 52, "91": 75} {
		w.see("usage", "wau", wau)
		w.see("desk", "p1", "0")
		if wau == "91" {
			w.see("desk", "p1", "2")
		}
		text, err := yaml.Marshal(w.evaluate())
		if err != nil {
			t.Fatal(err)
		}
		w.wantScore(want)
		if got := scoreByHand(t, text); got != want {
			t.Errorf("by hand the score is %d, not %d, from\n%s", got, want, text)
		}
		if strings.Contains(string(text), "null") {
			t.Errorf("the status has empty fields:\n%s", text)
		}
	}
}
