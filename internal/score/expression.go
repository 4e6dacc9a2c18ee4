package score

import (
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// knowsInputs reports whether everything that a measure's expression reads is known now, be it that there is none.
func (e *evaluation) knowsInputs(m *measure) bool {
	return !slices.ContainsFunc(m.inputs, func(number int) bool {
		state := e.inputOf(m, number).state
		return state != v1alpha1.ValueFresh && state != v1alpha1.ValueMissing
	})
}

// input is what is known of one metric that a measure's expression reads.
type input struct {
	fact
	// old is true where the value cannot be read now and is older than accepted.
	old bool
}

// inputOf returns what is known of the fact of a number, as old as the measure accepts.
func (e *evaluation) inputOf(m *measure, number int) input {
	in := input{fact: e.facts[number]}
	if in.value == nil {
		return in
	}
	o := value.Observation{State: v1alpha1.ValueFresh, ObservedTime: in.observed, MaxAge: in.maxAge}
	state, next := o.StateAt(e.now, m.maxAge)
	switch in.state {
	case v1alpha1.ValueFresh, v1alpha1.ValueStale:
		in.state, in.next = state, next
	default:
		in.old, in.next = state == v1alpha1.ValueStale, time.Time{}
		if m.weight > 0 {
			in.next = next
		}
	}
	return in
}

// observeExpression evaluates a measure's expression. The result is as good as the worst of what it reads, Missing values
// aside: an expression may ask for those, and has no result where it needs one. It is as old as the oldest.
func (e *evaluation) observeExpression(m *measure) sighting {
	s := sighting{Observation: value.Observation{Type: m.kind, State: v1alpha1.ValueFresh}}
	stale, errored, unseen := false, false, false
	var lost time.Time // when the first of those that cannot be read is too old
	for _, number := range m.inputs {
		in := e.inputOf(m, number)
		if in.state == v1alpha1.ValueErrored {
			lost = value.Earliest(lost, in.next)
		} else {
			s.next = value.Earliest(s.next, in.next)
		}
		errored = errored || in.state == v1alpha1.ValueErrored
		stale = stale || in.state == v1alpha1.ValueStale
		s.old = s.old || in.old
		if in.value == nil {
			if in.state == v1alpha1.ValueErrored {
				unseen, s.MaxAge = true, shorter(s.MaxAge, in.maxAge)
			}
			continue
		}
		if !in.observed.IsZero() && (s.ObservedTime.IsZero() || in.observed.Before(s.ObservedTime)) {
			s.ObservedTime = in.observed
		}
	}
	switch {
	case stale:
		s.State, s.next = v1alpha1.ValueStale, time.Time{}
	case errored:
		s.State = v1alpha1.ValueErrored
		if !s.old {
			s.next = value.Earliest(s.next, lost)
		}
	}
	if unseen {
		// Nothing says what it reads: the measure's own last value has to do.
		s.State, s.ObservedTime = v1alpha1.ValueErrored, time.Time{}
		return s
	}
	v, err := m.expression.Eval(&e.vars)
	if err != nil {
		s.State, s.message, s.ObservedTime = v1alpha1.ValueMissing, err.Error(), time.Time{}
		return s
	}
	s.Type, s.Value = v.Type, &v
	return s
}

// shorter returns the shorter of two ages, of which 0 is without end.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
