package score

import (
	"fmt"
	"testing"
)

// BenchmarkEvaluate evaluates an account with twelve measures in three dimensions and two rules, with a previous health.
// What that is against other ways to score, package scorebench measures.
func BenchmarkEvaluate(b *testing.B) {
	spec := `
minimumCoverage: 60
bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
bandChange: {margin: 2, hold: 1h}
dimensions: [{name: d0, weight: 40}, {name: d1, weight: 35}, {name: d2, weight: 25}]
rules:
- {name: open-p1, when: "metrics.desk.p1 > 0", cap: 39, timing: Immediate}
- {name: large, when: "metrics.s.m3 > 90 && measures['m4'].score > 80 && score < 50", floor: 50}
measures:
`
	for i := range 12 {
		spec += fmt.Sprintf("- {name: m%d, dimension: d%d, weight: %d, maxAge: 7d, from: {source: s, metric: m%d}, scale: {linear: {worst: \"0.05\", best: %d}}}\n", i, i%3, i+1, i, 100+i)
	}
	w := newWorld(b, spec)
	for i := range 12 {
		w.see("s", fmt.Sprintf("m%d", i), fmt.Sprintf("%d.25", 20+7*i))
	}
	w.see("desk", "p1", "0")
	for i := range 12 {
		w.see("s", "m0", fmt.Sprint(10*(i%9)))
		w.evaluate()
		w.wait(day)
	}
	w.evaluate()
	b.ReportAllocs()
	for b.Loop() {
		w.model.Evaluate(w.input)
	}
}
