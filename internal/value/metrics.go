package value

import (
	"cmp"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// CompareMetrics orders metrics by source, then by name.
func CompareMetrics(a, b v1alpha1.MetricReference) int {
	return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Metric, b.Metric))
}

// DistinctMetrics sorts metrics by source and name and drops duplicates, in place.
func DistinctMetrics(metrics []v1alpha1.MetricReference) []v1alpha1.MetricReference {
	slices.SortFunc(metrics, CompareMetrics)
	return slices.Compact(metrics)
}
