package lint

import (
	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// ages checks that the values of a source live from one read to the next.
func (c *checker) ages(o *manifest.Object, ds *v1alpha1.DataSource) {
	if ds.Spec.ConfigMap != nil || ds.Spec.Fake != nil || ds.Spec.MaxAge == "" || len(observe.Validate(ds)) > 0 {
		return
	}
	age, err := value.ParseDuration(ds.Spec.MaxAge)
	if interval := observe.Interval(ds); err == nil && age < interval {
		c.add(RuleMaxAge, Warning, o, "spec.maxAge", "%s is shorter than the interval of %s: values are Stale before they are read again; write a longer maxAge or a shorter interval",
			ds.Spec.MaxAge, value.FormatDuration(interval))
	}
}

// measureAge checks that the maxAge of a measure is sooner than that of its source.
func (c *checker) measureAge(o *manifest.Object, at string, m *v1alpha1.Measure, ref v1alpha1.MetricReference) {
	source, found := named[*v1alpha1.DataSource](c.index, o, ref.Source)
	if !found || m.MaxAge == "" || source.Spec.MaxAge == "" {
		return
	}
	own, err := value.ParseDuration(m.MaxAge)
	others, errOfSource := value.ParseDuration(source.Spec.MaxAge)
	if err == nil && errOfSource == nil && own >= others {
		c.add(RuleMaxAge, Warning, o, at+".maxAge", "%s changes nothing: values of DataSource/%s are Stale after %s already; leave it out, or raise maxAge there",
			m.MaxAge, source.Name, source.Spec.MaxAge)
	}
}
