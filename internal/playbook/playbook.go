// Package playbook decides when a playbook acts on an account and what it does then: whether its conditions hold, how
// an episode moves on, which runs the limits admit, and which tasks a run makes next. It is pure: no clock, no I/O, no
// randomness; the same input gives the same output.
package playbook

import (
	"cmp"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// Playbook is a compiled playbook. It is immutable and safe for concurrent use.
type Playbook struct {
	name       string
	generation int64
	selector   *account.Selector
	triggers   []trigger
	observed   []observed
	periods    []periodic
	existing   v1alpha1.ExistingPolicy
	repeat     v1alpha1.RepeatPolicy
	cooldown   time.Duration
	onResolve  v1alpha1.ResolvePolicy
	calendar   *v1alpha1.WorkCalendar
	steps      []v1alpha1.PlaybookStep
	reads      []v1alpha1.MetricReference
	places     []place
	// keys of its episodes.
	keys []episodeKey
}

// trigger is one compiled trigger.
type trigger struct {
	name string
	// hold is how long the condition must hold before a run may start.
	hold      time.Duration
	condition condition
	// event means that the condition is about something that happened, not about a state.
	event bool
	// reads are the metrics that the condition reads.
	reads []v1alpha1.MetricReference
}

// Compile checks a playbook and makes it ready to use. Its error is an aggregate of field errors, whose paths name what
// is wrong: spec.steps[call].when.
func Compile(pb *v1alpha1.Playbook) (*Playbook, error) {
	c := compiler{spec: &pb.Spec}
	p := &Playbook{
		name:       pb.Name,
		generation: pb.Generation,
		selector:   c.selector(),
		triggers:   c.triggers(),
		observed:   c.observed,
		periods:    c.periods,
		existing:   pb.Spec.Existing,
		repeat:     pb.Spec.Repeat,
		cooldown:   c.cooldown(),
		onResolve:  cmp.Or(pb.Spec.OnResolve, v1alpha1.ResolveCancelUntouched),
		calendar:   pb.Spec.Calendar.DeepCopy(),
	}
	metrics := c.steps()
	if len(c.errs) > 0 {
		return nil, c.errs.ToAggregate()
	}
	for _, s := range pb.Spec.Steps {
		p.steps = append(p.steps, *s.DeepCopy())
	}
	for _, t := range p.triggers {
		metrics = append(metrics, t.reads...)
	}
	metrics = append(metrics, p.ObservedMetrics()...)
	p.reads = value.DistinctMetrics(metrics)
	p.keys = p.episodeKeys()
	p.places = c.places
	return p, nil
}

// Name returns the playbook's name.
func (p *Playbook) Name() string { return p.name }

// Selector returns the selector of the accounts that the playbook watches.
func (p *Playbook) Selector() *account.Selector { return p.selector }

// Reads returns the metrics that the triggers and the steps' texts read, sorted, each once.
func (p *Playbook) Reads() []v1alpha1.MetricReference { return slices.Clone(p.reads) }

// hold returns how long a trigger must hold before a run may start; false where the playbook has no such trigger.
func (p *Playbook) hold(name string) (time.Duration, bool) {
	for _, t := range p.triggers {
		if t.name == name {
			return t.hold, true
		}
	}
	return 0, false
}
