package preview_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/preview"
)

func TestAPlanSaysWhatCannotUseATypeAnyMore(t *testing.T) {
	w := evaluated(t, world(t, 5, 1), today)
	h := head(w)
	h.DataSources = nil
	for _, ds := range w.DataSources {
		if ds.Name == "support" {
			ds = ds.DeepCopy()
			for i := range ds.Spec.Metrics {
				if ds.Spec.Metrics[i].Name == "open_p1" {
					ds.Spec.Metrics[i].Type, ds.Spec.Metrics[i].Absent = v1alpha1.MetricCategory, nil
				}
			}
		}
		h.DataSources = append(h.DataSources, ds)
	}
	h.Sources = w.Sources.(*sources).declaring(h.DataSources)
	got := map[string]int{}
	for _, p := range foretell(t, w, h, 0).Problems {
		got[p.Kind+"/"+p.Name]++
	}
	if len(got) == 0 || got["Playbook/tickets"] == 0 || got["HealthScoreModel/standard"] == 0 {
		t.Errorf("the problems are of %v", got)
	}
	if diff := cmp.Diff([]preview.Problem(nil), foretell(t, w, head(w), 0).Problems); diff != "" {
		t.Errorf("without a change (-want +got):\n%s", diff)
	}
}
