package playbook

import (
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// RunReads returns the metrics that a run's steps still read, sorted, each once: those of the steps whose task is yet to
// be made. What was made is not read again.
func RunReads(run *v1alpha1.PlaybookRun) []v1alpha1.MetricReference {
	decided := map[v1alpha1.StepName]bool{}
	for _, s := range run.Status.Steps {
		decided[s.Name] = s.Task != "" || over(s.State)
	}
	var metrics []v1alpha1.MetricReference
	for i := range run.Spec.Steps {
		if decided[run.Spec.Steps[i].Name] {
			continue
		}
		for _, part := range compileStep(&run.Spec.Steps[i]) {
			metrics = append(metrics, part.reads.Metrics...)
		}
	}
	if o := run.Spec.Observation; o != nil {
		// The columns of its row are among the run's facts.
		metrics = slices.DeleteFunc(metrics, func(ref v1alpha1.MetricReference) bool { return ref.Source == o.Source })
	}
	return sortedMetrics(metrics)
}
