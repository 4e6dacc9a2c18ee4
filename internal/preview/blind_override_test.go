package preview_test

import (
	"slices"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// What a person overrides does not wait for data: the band is that of the override at once, also where the same change has
// the model read a metric of which no read has given anything yet.
func TestAnOverrideMovesAnAccountWhoseModelWaitsForData(t *testing.T) {
	w := evaluated(t, world(t, 40, 1), today)
	h := withModel(w, "enterprise", func(m *v1alpha1.HealthScoreModel) {
		i := slices.IndexFunc(m.Spec.Measures, func(m v1alpha1.Measure) bool { return m.From.Source == "usage" })
		added := *m.Spec.Measures[i].DeepCopy()
		added.Name, added.From.Metric = "logins", "logins"
		m.Spec.Measures = append(m.Spec.Measures, added)
	})
	h.DataSources = nil
	for _, ds := range w.DataSources {
		if ds.Name == "usage" {
			ds = ds.DeepCopy()
			ds.Spec.Metrics = append(ds.Spec.Metrics, v1alpha1.Metric{Name: "logins", Type: v1alpha1.MetricNumber})
		}
		h.DataSources = append(h.DataSources, ds)
	}
	h.Sources = w.Sources.(*sources).declaring(h.DataSources)
	name := ""
	h.Accounts = slices.Clone(w.Accounts)
	for i, a := range h.Accounts {
		if hl := a.Status.Health; hl.Model == "enterprise" && hl.Band == "AtRisk" && hl.Score != nil {
			a = a.DeepCopy()
			a.Spec.HealthOverride = &v1alpha1.HealthOverride{Band: "Critical", Reason: "sponsor left", By: "jo@example.com", Until: "2026-12-24"}
			name, h.Accounts[i] = a.Name, a
			break
		}
	}
	p := foretell(t, w, h, 0)
	if len(p.Moves) != 1 || p.Moves[0].Name != name {
		t.Errorf("%s is overridden: moves %s\nruns %s\nbands %s", name, text(t, p.Moves), text(t, p.Runs), text(t, p.Bands))
	}
}
