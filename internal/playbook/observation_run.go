package playbook

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// NewObservationRun makes the run of an observation whose episode is Due, with the columns of its row that the playbook
// reads among its facts: texts show that row, whatever the source says later. It is an error where the episode is not
// Due, or where the observation does not wait any more: its row is gone, say, or too old.
func (p *Playbook) NewObservationRun(v View, e v1alpha1.Episode) (*v1alpha1.PlaybookRun, error) {
	ref := v1alpha1.MetricReference{Source: e.Source, Metric: e.Metric}
	o, ok := p.observedOf(ref)
	switch {
	case v.Account == nil:
		return nil, fmt.Errorf("playbook %s: a run needs an account", p.name)
	case !ok || e.State != v1alpha1.EpisodeDue || e.Sequence < 1 || e.ObservedTime == nil:
		return nil, fmt.Errorf("playbook %s on account %s: no observation is Due", p.name, v.Account.Name)
	}
	at := seconds(e.ObservedTime.Time)
	waiting, _ := waitingEvents(&e, o, p.eventsOf(v, ref), seconds(v.Now))
	i := slices.IndexFunc(waiting, func(w value.Event) bool { return w.Time.Equal(at) })
	if i < 0 {
		return nil, fmt.Errorf("playbook %s on account %s: the observation of %s waits no more", p.name, v.Account.Name, value.FormatTime(at))
	}
	name, j, _ := o.holds(waiting[i])
	run := p.newRun(v, e.Sequence, name, fmt.Sprintf("%s, observed %s", j.reason, value.FormatTime(at)))
	run.Name = ObservationRunName(v.Account.Name, p.name, ref, at)
	run.Spec.Observation = &v1alpha1.ObservationReference{Source: ref.Source, Metric: ref.Metric, ObservedTime: metav1.Time{Time: at}}
	run.Spec.Facts = p.observationFacts(v, ref, waiting[i])
	return run, nil
}

// observationFacts lists the metric that fired, then the other columns of the row that the playbook reads, then the
// account's band and score where they are known.
func (p *Playbook) observationFacts(v View, fired v1alpha1.MetricReference, event value.Event) []v1alpha1.NamedValue {
	refs := slices.DeleteFunc(p.Reads(), func(r v1alpha1.MetricReference) bool { return r.Source != fired.Source || r == fired })
	var row []v1alpha1.NamedValue
	for _, r := range append([]v1alpha1.MetricReference{fired}, refs...) {
		if val, ok := event.Values[r.Metric]; ok {
			fact := named(metricName(r), val.String())
			fact.Type = val.Type
			row = append(row, fact)
		}
	}
	return runFacts(v, TriggerResult{Reads: row}, nil)
}

// observedView is a view with the facts of the row that started a run.
func (c *Cache) observedView(run *v1alpha1.PlaybookRun, v View) View {
	v.Facts = c.observedFacts(run, v.Facts)
	return v
}

// observedFacts are the facts as the texts of a run's steps see them: of the source whose observation started the run,
// those of that row.
func (c *Cache) observedFacts(run *v1alpha1.PlaybookRun, facts value.Facts) value.Facts {
	o := run.Spec.Observation
	if o == nil {
		return facts
	}
	seen := value.Facts{}
	for ref, observation := range facts {
		if ref.Source == o.Source {
			observation = value.Observation{Type: observation.Type, State: v1alpha1.ValueMissing}
		}
		seen[ref] = observation
	}
	for _, ref := range c.stepMetrics(run) {
		if ref.Source != o.Source {
			continue
		}
		seen[ref] = value.Observation{State: v1alpha1.ValueMissing}
		i := slices.IndexFunc(run.Spec.Facts, func(f v1alpha1.NamedValue) bool { return f.Name == named(metricName(ref), "").Name })
		if i < 0 {
			continue
		}
		fact := run.Spec.Facts[i]
		if val, err := value.Parse(cmp.Or(fact.Type, v1alpha1.MetricText), fact.Value); err == nil {
			seen[ref] = value.Observation{Type: val.Type, Value: &val, State: v1alpha1.ValueFresh, ObservedTime: o.ObservedTime.Time}
		}
	}
	return seen
}

// stepMetrics returns the metrics that a run's steps read, sorted, each once.
func (c *Cache) stepMetrics(run *v1alpha1.PlaybookRun) []v1alpha1.MetricReference {
	var metrics []v1alpha1.MetricReference
	for i := range run.Spec.Steps {
		for _, part := range c.step(&run.Spec.Steps[i]) {
			metrics = append(metrics, part.reads.Metrics...)
		}
	}
	return value.DistinctMetrics(metrics)
}
