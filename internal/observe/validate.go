package observe

import (
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Times that hold where a source's spec says nothing else.
const (
	// DefaultInterval between the reads of a polled source.
	DefaultInterval = 5 * time.Minute
	// DefaultTimeout of one read.
	DefaultTimeout = 30 * time.Second
	// MaxTimeout is the longest time that one read may take.
	MaxTimeout = 10 * time.Minute
	// MinInterval is the shortest interval that a source may ask for.
	MinInterval = 5 * time.Second
)

// DefaultMaxRowDropPercent is how many percent fewer rows than before are accepted where the spec does not say.
const DefaultMaxRowDropPercent = 50

// MaxRowDropPercent returns how many percent fewer rows than in the last accepted read are accepted.
func MaxRowDropPercent(ds *v1alpha1.DataSource) int64 {
	if ds.Spec.MaxRowDropPercent == nil {
		return DefaultMaxRowDropPercent
	}
	return int64(*ds.Spec.MaxRowDropPercent)
}

// TooFew reports whether a number of rows, or of what else a read is measured by, is too far below that of the read before.
func TooFew(ds *v1alpha1.DataSource, before, after int64) bool {
	return (before-after)*100 > before*MaxRowDropPercent(ds)
}

// Interval returns the time between two reads of a source whose spec is valid.
func Interval(ds *v1alpha1.DataSource) time.Duration {
	return value.DurationOr(ds.Spec.Interval, DefaultInterval)
}

// Timeout returns the time that one read of a source whose spec is valid may take.
func Timeout(ds *v1alpha1.DataSource) time.Duration {
	return value.DurationOr(ds.Spec.Timeout, DefaultTimeout)
}

// Validate checks what the schema of a DataSource cannot state.
func Validate(ds *v1alpha1.DataSource) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	errs = append(errs, checkDuration(spec.Child("interval"), ds.Spec.Interval, MinInterval)...)
	errs = append(errs, checkDuration(spec.Child("timeout"), ds.Spec.Timeout, time.Second)...)
	if Timeout(ds) > MaxTimeout {
		errs = append(errs, field.Invalid(spec.Child("timeout"), string(ds.Spec.Timeout), "must be at most "+string(value.FormatDuration(MaxTimeout))+": a read occupies one of the operator's --source-workers"))
	}
	errs = append(errs, checkDuration(spec.Child("maxAge"), ds.Spec.MaxAge, time.Second)...)
	seen := make(map[string]bool, len(ds.Spec.Metrics))
	for i := range ds.Spec.Metrics {
		m := &ds.Spec.Metrics[i]
		path := spec.Child("metrics").Key(m.Name)
		if seen[m.Name] {
			errs = append(errs, field.Duplicate(path, m.Name))
		}
		seen[m.Name] = true
		errs = append(errs, checkMetric(path, m)...)
	}
	return errs
}

// checkDuration reads a duration that may be unset and must otherwise be at least a minimum.
func checkDuration(path *field.Path, d v1alpha1.Duration, minimum time.Duration) field.ErrorList {
	if d == "" {
		return nil
	}
	parsed, err := value.ParseDuration(d)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(path, string(d), "not a duration: write 30s, 36h, 90d or 12w")}
	case parsed < minimum:
		return field.ErrorList{field.Invalid(path, string(d), "must be at least "+string(value.FormatDuration(minimum)))}
	}
	return nil
}

// checkMetric checks that the value for absent accounts is of the metric's type and that the aggregate fits it.
func checkMetric(path *field.Path, m *v1alpha1.Metric) field.ErrorList {
	var errs field.ErrorList
	switch m.Type {
	case v1alpha1.MetricNumber, v1alpha1.MetricCategory, v1alpha1.MetricTime, v1alpha1.MetricText:
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), m.Type, []v1alpha1.MetricType{
			v1alpha1.MetricNumber, v1alpha1.MetricCategory, v1alpha1.MetricTime, v1alpha1.MetricText,
		}))
		return errs
	}
	if m.Absent != nil {
		if _, err := value.Parse(m.Type, *m.Absent); err != nil {
			errs = append(errs, field.Invalid(path.Child("absent"), *m.Absent, err.Error()))
		}
	}
	if !aggregates(m) {
		errs = append(errs, field.Invalid(path.Child("aggregate"), m.Aggregate,
			"Sum, Min, Max and Average are for type Number; Min and Max for type Time too"))
	}
	return errs
}

// aggregates reports whether a metric's aggregate can be taken of its type.
func aggregates(m *v1alpha1.Metric) bool {
	switch m.Aggregate {
	case "", v1alpha1.AggregateNewest:
		return true
	case v1alpha1.AggregateMin, v1alpha1.AggregateMax:
		return m.Type == v1alpha1.MetricNumber || m.Type == v1alpha1.MetricTime
	case v1alpha1.AggregateSum, v1alpha1.AggregateAverage:
		return m.Type == v1alpha1.MetricNumber
	}
	return false
}
