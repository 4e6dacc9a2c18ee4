package playbook

import (
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// RunReads returns the metrics that a run's steps still read, as ReadsOf does, without a cache.
func RunReads(run *v1alpha1.PlaybookRun) []v1alpha1.MetricReference { return uncached.ReadsOf(run) }

// ReadsOf returns the metrics that a run's steps still read, sorted, each once: those of the steps whose task is yet to
// be made, and those of the doneWhen of tasks that are not over. What was made is not read again.
func (c *Cache) ReadsOf(run *v1alpha1.PlaybookRun) []v1alpha1.MetricReference {
	status := map[v1alpha1.StepName]v1alpha1.StepStatus{}
	for _, s := range run.Status.Steps {
		status[s.Name] = s
	}
	var metrics, live []v1alpha1.MetricReference
	for i := range run.Spec.Steps {
		s := &run.Spec.Steps[i]
		is := status[s.Name]
		var parts []stepPart
		switch {
		case over(is.State):
		case is.Task == "":
			parts = c.step(s)
		case s.DoneWhen != "":
			parts = []stepPart{c.expression(fieldDoneWhen, s.DoneWhen)}
		}
		for _, part := range parts {
			if part.field == fieldDoneWhen {
				live = append(live, part.reads.Metrics...)
			} else {
				metrics = append(metrics, part.reads.Metrics...)
			}
		}
	}
	if o := run.Spec.Observation; o != nil {
		// The columns of its row are among the run's facts.
		metrics = slices.DeleteFunc(metrics, func(ref v1alpha1.MetricReference) bool { return ref.Source == o.Source })
	}
	return value.DistinctMetrics(append(metrics, live...))
}
