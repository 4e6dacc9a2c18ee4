package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/lint"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/score"
)

// marginModel has the bands Good from 70 and Bad, a margin, and one rule, which holds for an account of VIPs.
const marginModel = `apiVersion: perennial.dev/v1alpha1
kind: HealthScoreModel
metadata: {name: m}
spec:
  bands: [{name: Good, min: 70}, {name: Bad, min: 0}]
  bandChange: {margin: %d}
  dimensions: [{name: use, weight: 1}]
  measures:
  - {name: use, dimension: use, weight: 1, from: {measurement: use}, scale: {linear: {worst: "0", best: "100"}}}
  rules:
  - {name: r, when: "account.spec.owner == 'vip'", %s: %d, timing: %s}
`

// The warning about a cap or a floor is right: the operator's own evaluation leaves the band as it was wherever lint says so,
// and moves it wherever lint is silent.
func TestTheMarginIsAsTheOperatorHasIt(t *testing.T) {
	for _, margin := range []int32{0, 1, 5} {
		for _, timing := range []v1alpha1.RuleTiming{v1alpha1.TimingHeld, v1alpha1.TimingImmediate} {
			for limit := int32(60); limit <= 80; limit++ {
				// A cap above the beginning of Good, and a floor below it, mean to leave the account in its band.
				if limit <= 70 {
					compareMargin(t, margin, timing, "cap", limit, "100", "Good")
				}
				if limit >= 70 {
					compareMargin(t, margin, timing, "floor", limit, "0", "Bad")
				}
			}
		}
	}
}

// compareMargin compares what lint says of a rule with what the rule does to an account in a band.
func compareMargin(t *testing.T, margin int32, timing v1alpha1.RuleTiming, verb string, limit int32, use string, band v1alpha1.BandName) {
	t.Helper()
	set := load(t, manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(fmt.Sprintf(marginModel, margin, verb, limit, timing))})
	model, err := score.Compile(set.Objects[0].Typed.(*v1alpha1.HealthScoreModel))
	if err != nil {
		t.Fatal(err)
	}
	a := &v1alpha1.Account{Spec: v1alpha1.AccountSpec{Measurements: []v1alpha1.Measurement{{Name: "use", Value: use}}}}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	before := model.Evaluate(score.Input{Account: a, Now: now}).Health
	if before.Band != band {
		t.Fatalf("the account begins in %s", before.Band)
	}
	a.Spec.Owner = "vip"
	after := model.Evaluate(score.Input{Account: a, Previous: before, Now: now.Add(time.Hour)}).Health
	warned := false
	for _, f := range lint.Check(t.Context(), set, lint.Options{}) {
		warned = warned || f.Rule == lint.RuleBandMargin
	}
	if stays := after.Band == band; stays != warned {
		t.Errorf("margin %d, %s: %d, %s: the account goes from %s to %s, and warned is %t", margin, verb, limit, timing, band, after.Band, warned)
	}
}
