package score

import (
	"slices"

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

// reference returns the band that a score is compared with: the account's, or out of Unknown the last one before. It is
// empty where there is none, or where the model has no such band any more: then the next band is a first one.
func (e *evaluation) reference() v1alpha1.BandName {
	p := e.in.Previous
	if p == nil {
		return ""
	}
	name := p.Band
	if name == v1alpha1.BandUnknown {
		name = p.LastBand
	}
	if e.model.rank(name) < 0 {
		return ""
	}
	return name
}

// candidate returns the band that a score calls for: another than the present one only where the score is past the
// boundary by the margin.
func (e *evaluation) candidate(score int32) v1alpha1.BandName {
	m, present := e.model, e.reference()
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
	if p != nil && p.Band == h.Band {
		h.BandSince, h.LastBand = statusTime(timeOf(p.BandSince)), p.LastBand
	} else if p != nil {
		h.LastBand = p.LastBand
		if p.Band != v1alpha1.BandUnknown {
			h.LastBand = p.Band
		}
	}
	if h.BandSince == nil {
		h.BandSince = statusTime(e.now)
	}
}

// band returns the band, and the one that waits for its hold to pass.
func (e *evaluation) band(atOnce bool) (v1alpha1.BandName, *v1alpha1.PendingBand) {
	m, present, p := e.model, e.reference(), e.in.Previous
	switch {
	case e.health.Score == nil:
		return v1alpha1.BandUnknown, nil
	case e.frozen:
		// What waited, waits anew afterwards: nobody knows where the score was meanwhile.
		if p == nil || p.Band == "" {
			return v1alpha1.BandUnknown, nil
		}
		return p.Band, nil
	case present == "" || atOnce:
		return m.bandOf(*e.health.Score), nil
	}
	candidate := e.candidate(*e.health.Score)
	if candidate == present {
		return present, nil
	}
	since := e.now
	if p.PendingBand != nil && p.PendingBand.Band == candidate {
		since = timeOf(&p.PendingBand.Since)
	}
	over := since.Add(m.hold)
	if !e.now.Before(over) {
		return candidate, nil
	}
	e.changesAt(over)
	return present, &v1alpha1.PendingBand{Band: candidate, Since: metav1.NewTime(since)}
}
