package score

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestWhatAnAccountWithoutAModelRemembers(t *testing.T) {
	before, now := metav1.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), metav1.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	score, measures, history := new(int32(71)), []v1alpha1.MeasureScore{{Name: "wau"}}, []string{"2026-11-01 71 Healthy enterprise/4"}
	for name, c := range map[string]struct{ previous, want *v1alpha1.Health }{
		"nothing, where it was never scored": {nil, &v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &now}},
		"its band, and not its score": {
			&v1alpha1.Health{Score: score, Band: "Healthy", BandSince: &before, LastBand: "AtRisk", Coverage: 100, Model: "enterprise", ModelGeneration: 4, Measures: measures, History: history},
			&v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &now, LastBand: "Healthy", Model: "enterprise", ModelGeneration: 4, History: history},
		},
		"the last band, where the present one was Unknown": {
			&v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &before, LastBand: "AtRisk", Coverage: 20, Model: "enterprise", ModelGeneration: 4, Measures: measures},
			&v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &before, LastBand: "AtRisk", Model: "enterprise", ModelGeneration: 4},
		},
		"the band that the score called for, where a person had set another": {
			&v1alpha1.Health{Score: score, Band: "Critical", BandSince: &before, LastBand: "AtRisk", Measures: measures, Override: &v1alpha1.AppliedOverride{ComputedBand: "Healthy"}},
			&v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &now, LastBand: "Healthy"},
		},
		"the last one that the score called for, where a person had set another": {
			&v1alpha1.Health{Band: "Critical", BandSince: &before, LastBand: "Critical", Measures: measures, Override: &v1alpha1.AppliedOverride{ComputedBand: v1alpha1.BandUnknown, ComputedLastBand: "AtRisk"}},
			&v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &now, LastBand: "AtRisk"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Unscored(c.previous, now.Time)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(- want, + got):\n%s", diff)
			}
			if diff := cmp.Diff(got, Unscored(got, now.Add(time.Hour))); diff != "" {
				t.Errorf("an hour later (- before, + after):\n%s", diff)
			}
		})
	}
}
