package snapshot

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
	"github.com/perennial-dev/perennial/internal/value"
)

// statuses are the values that the accounts' statuses remember: those that models and playbooks in force read.
type statuses struct {
	accounts map[string]*v1alpha1.Account
	// metrics are those that are declared as they were when the values were read.
	metrics map[v1alpha1.MetricReference]declaration
}

// declaration is what an observation needs of a metric's declaration.
type declaration struct {
	kind v1alpha1.MetricType
	spec *v1alpha1.DataSourceSpec
}

func newStatuses(w *fleet.World, declared map[string]*v1alpha1.DataSource) *statuses {
	s := &statuses{accounts: make(map[string]*v1alpha1.Account, len(w.Accounts)), metrics: map[v1alpha1.MetricReference]declaration{}}
	for _, a := range w.Accounts {
		s.accounts[a.Name] = a
	}
	for _, was := range w.DataSources {
		is := declared[was.Name]
		if is == nil {
			continue
		}
		for i := range is.Spec.Metrics {
			if m := &is.Spec.Metrics[i]; sameValue(&was.Spec, &is.Spec, m) {
				s.metrics[v1alpha1.MetricReference{Source: is.Name, Metric: m.Name}] = declaration{m.Type, &is.Spec}
			}
		}
	}
	return s
}

// sameValue reports whether a value that a metric had under one spec is what it has under another: it is read from the same
// place in the same way. It may be of another type.
func sameValue(was, is *v1alpha1.DataSourceSpec, m *v1alpha1.Metric) bool {
	i := slices.IndexFunc(was.Metrics, func(before v1alpha1.Metric) bool { return before.Name == m.Name })
	if i < 0 {
		return false
	}
	before := was.Metrics[i]
	before.Type = m.Type
	before.Field, before.Aggregate = observe.FieldOf(&before), aggregateOf(&before)
	after := *m
	after.Field, after.Aggregate = observe.FieldOf(m), aggregateOf(m)
	if !equality.Semantic.DeepEqual(before, after) || was.Account != is.Account || !equality.Semantic.DeepEqual(was.ObservedTime, is.ObservedTime) {
		return false
	}
	from, to := definitions(was), definitions(is)
	return from == nil || to == nil || from(after.Field) == to(after.Field)
}

func aggregateOf(m *v1alpha1.Metric) v1alpha1.Aggregate {
	if m.Aggregate == "" {
		return v1alpha1.AggregateNewest
	}
	return m.Aggregate
}

// observation returns what an account's status remembers of a metric, and whether it does.
func (s *statuses) observation(account string, ref v1alpha1.MetricReference) (value.Observation, bool) {
	declared, ok := s.metrics[ref]
	a := s.accounts[account]
	if !ok || a == nil || a.Status.Health == nil {
		return value.Observation{}, false
	}
	health := a.Status.Health
	for i := range health.Facts {
		if f := &health.Facts[i]; f.Source == ref.Source && f.Metric == ref.Metric {
			return declared.observation(f.Value, f.State, f.ObservedTime)
		}
	}
	for i := range health.Measures {
		// A source's name may have dots, a metric's has none; what else a measure is from has a space.
		m := &health.Measures[i]
		if source, ok := strings.CutSuffix(m.From, "."+ref.Metric); ok && source == ref.Source {
			return declared.observation(m.Value, m.State, m.ObservedTime)
		}
	}
	return value.Observation{}, false
}

// observation makes an observation of what a status says. Whether a value is too old is decided anew; one that could not be
// read now is the last one that could.
func (d declaration) observation(text string, state v1alpha1.ValueState, at *metav1.Time) (value.Observation, bool) {
	o := value.Observation{Type: d.kind, State: v1alpha1.ValueMissing, MaxAge: value.DurationOr(d.spec.MaxAge, 0), Suspended: d.spec.Suspend}
	switch {
	case state == v1alpha1.ValueMissing:
		return o, true // a value beside it is one that the model keeps, not the source
	case text == "":
		return o, false
	}
	v, err := value.Parse(d.kind, text)
	if err != nil {
		return o, false
	}
	o.Value, o.State = &v, v1alpha1.ValueFresh
	if state == v1alpha1.ValueErrored && !d.spec.Suspend {
		o.State = v1alpha1.ValueErrored
	}
	if at != nil {
		o.ObservedTime = at.UTC()
	}
	return o, true
}
