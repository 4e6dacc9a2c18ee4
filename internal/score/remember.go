package score

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Remember fills in the values that no source can give now and that are not in memory, and those that a source
// gives in a form that cannot be read: with those that the account's status remembers. Those of a suspended source are
// what they were, and grow old as if the operator had never been restarted. The measures of a status say no
// source, so the model that made them has to be there as it was; nil is none.
func Remember(facts value.Facts, health *v1alpha1.Health, m *v1alpha1.HealthScoreModel) {
	if health == nil {
		return
	}
	// What is there and cannot be read is not Missing, also where nothing remembers what it was: the band stands.
	defer func() {
		for ref, o := range facts {
			if o.Unreadable && o.State == v1alpha1.ValueMissing && health.Score != nil {
				o.State = v1alpha1.ValueErrored
				facts[ref] = o
			}
		}
	}()
	remember := func(ref v1alpha1.MetricReference, text string, at *metav1.Time) {
		o, ok := facts[ref]
		if !ok || (o.State != v1alpha1.ValueErrored && !o.Unreadable) || o.Value != nil || text == "" || o.Type == "" {
			return
		}
		if v, err := value.Parse(o.Type, text); err == nil {
			o.Value, o.State = &v, v1alpha1.ValueErrored
			if o.Suspended {
				o.State = v1alpha1.ValueFresh
			}
			if at != nil {
				o.ObservedTime = at.Time
			}
			facts[ref] = o
		}
	}
	for _, f := range health.Facts {
		remember(v1alpha1.MetricReference{Source: f.Source, Metric: f.Metric}, f.Value, f.ObservedTime)
	}
	if m == nil || m.Name != health.Model || m.Generation != health.ModelGeneration || m.UID != health.ModelUID || len(m.Spec.Measures) != len(health.Measures) {
		return
	}
	for i, measure := range m.Spec.Measures {
		ref := v1alpha1.MetricReference{Source: measure.From.Source, Metric: measure.From.Metric}
		remember(ref, health.Measures[i].Value, health.Measures[i].ObservedTime)
	}
}
