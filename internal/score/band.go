package score

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// rank returns where a band stands, 0 for the best, -1 for none of the model's.
func (m *Model) rank(name v1alpha1.BandName) int {
	return slices.IndexFunc(m.bands, func(b v1alpha1.Band) bool { return b.Name == name })
}

// bandOf returns the band that a score is in, margin and hold aside.
func (m *Model) bandOf(score int32) v1alpha1.BandName {
	for _, b := range m.bands {
		if score >= b.Min {
			return b.Name
		}
	}
	return m.bands[len(m.bands)-1].Name
}

// track is the bands that the score called for, whatever a person had set.
type track struct {
	band, lastBand v1alpha1.BandName
	pending        *v1alpha1.PendingBand
}

// track returns the bands that the score called for until now.
func (e *evaluation) track() track {
	p := e.in.Previous
	switch {
	case p == nil:
		return track{}
	case p.Override != nil:
		return track{p.Override.ComputedBand, p.Override.ComputedLastBand, p.PendingBand}
	default:
		return track{p.Band, p.LastBand, p.PendingBand}
	}
}

// reference returns the band that a score is compared with: the one it called for, or out of Unknown the last one before.
// It is empty where there is none, or where the model has no such band any more: then the next band is a first one.
func (e *evaluation) reference() v1alpha1.BandName {
	t := e.track()
	name := t.band
	if name == v1alpha1.BandUnknown {
		name = t.lastBand
	}
	if e.model.rank(name) < 0 {
		return ""
	}
	return name
}

// candidate returns the band that a score calls for: another than the present one only where the score is past the
// boundary by the margin.
func (e *evaluation) candidate(score int32) v1alpha1.BandName {
	return e.model.candidate(e.reference(), score)
}

// candidate returns the band that a score calls for in a present band, which may be none.
func (m *Model) candidate(present v1alpha1.BandName, score int32) v1alpha1.BandName {
	if present == "" {
		return m.bandOf(score)
	}
	if down := m.bandOf(score + m.margin); m.rank(down) > m.rank(present) {
		return down
	}
	if up := m.bandOf(score - m.margin); m.rank(up) < m.rank(present) {
		return up
	}
	return present
}

// decideBand sets the band and what goes with it.
func (e *evaluation) decideBand(atOnce bool) {
	h, p := e.health, e.in.Previous
	h.Band, h.PendingBand = e.band(atOnce)
	e.override()
	switch {
	case p == nil:
	case p.Band == h.Band:
		h.BandSince, h.LastBand = e.slab.time(timeOf(p.BandSince)), p.LastBand
	case h.Band == v1alpha1.BandUnknown && p.Override != nil:
		// The band of a person who is heard no more is not what the next score is compared with.
		h.LastBand = e.lastComputed()
	case p.Band == v1alpha1.BandUnknown:
		h.LastBand = p.LastBand
	default:
		h.LastBand = p.Band
	}
	if h.BandSince == nil {
		h.BandSince = e.slab.time(e.now)
	}
	h.PreviousBand = PreviousBand(p, h.Band)
}

// PreviousBand returns the known band that an account was in before its present one, as its health so far has it.
func PreviousBand(previous *v1alpha1.Health, band v1alpha1.BandName) v1alpha1.BandName {
	if previous == nil {
		return ""
	}
	known := previous.Band
	if known == v1alpha1.BandUnknown {
		known = previous.LastBand
	}
	if band == v1alpha1.BandUnknown || known == "" || known == band {
		return previous.PreviousBand
	}
	return known
}

// lastComputed returns the last band that the score called for and that was not Unknown.
func (e *evaluation) lastComputed() v1alpha1.BandName {
	t := e.track()
	if t.band != v1alpha1.BandUnknown {
		return t.band
	}
	return t.lastBand
}

// override puts the band that a person has set in the place of the one that the score calls for.
func (e *evaluation) override() {
	o := e.in.Account.Spec.HealthOverride
	state, next := e.model.override(o, e.now, e.in.Location)
	e.changesAt(next)
	if state != OverrideHolds {
		return
	}
	applied := &v1alpha1.AppliedOverride{By: o.By, Reason: o.Reason, Until: o.Until, ComputedBand: e.health.Band}
	if applied.ComputedBand == v1alpha1.BandUnknown {
		applied.ComputedLastBand = e.lastComputed()
	}
	e.health.Override, e.health.Band = applied, o.Band
}

// band returns the band that the score calls for, and the one that waits for its hold to pass.
func (e *evaluation) band(atOnce bool) (v1alpha1.BandName, *v1alpha1.PendingBand) {
	m, present, t := e.model, e.reference(), e.track()
	switch {
	case e.health.Score == nil:
		return v1alpha1.BandUnknown, nil
	case e.frozen:
		// What waited, waits anew afterwards: nobody knows where the score was meanwhile.
		if t.band == "" {
			return v1alpha1.BandUnknown, nil
		}
		return t.band, nil
	case present == "" || atOnce:
		return m.bandOf(*e.health.Score), nil
	}
	pending := t.pending
	for {
		candidate := m.candidate(present, *e.health.Score)
		if candidate == present {
			return present, nil
		}
		target, since := m.waiting(present, candidate, pending, e.now)
		over := since.Add(m.hold)
		if e.now.Before(over) {
			e.changesAt(over)
			return present, &v1alpha1.PendingBand{Band: target, Since: metav1.NewTime(since), EffectiveTime: e.slab.time(over)}
		}
		present, pending = target, nil
	}
}

// waiting returns the band that a present one gives way to, and since when the score has called for it or one beyond. A
// score that goes to and fro between two bands, both worse than the present one or both better, has called for the nearer of
// them all the time.
func (m *Model) waiting(present, candidate v1alpha1.BandName, pending *v1alpha1.PendingBand, now time.Time) (v1alpha1.BandName, time.Time) {
	if pending == nil || m.rank(pending.Band) < 0 || pending.Band == present {
		return candidate, now
	}
	here, before, after := m.rank(present), m.rank(pending.Band), m.rank(candidate)
	switch {
	case (before > here) != (after > here):
		return candidate, now
	case after > here == (after > before):
		return pending.Band, timeOf(&pending.Since)
	default:
		return candidate, timeOf(&pending.Since)
	}
}
