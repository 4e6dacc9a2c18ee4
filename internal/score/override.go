package score

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// OverrideState is what has come of a health override.
type OverrideState int

// What has come of a health override.
const (
	// OverrideNone: there is none.
	OverrideNone OverrideState = iota
	// OverrideHolds: it sets the band.
	OverrideHolds
	// OverrideExpired: its last day is over.
	OverrideExpired
	// OverrideUnknownBand: the model has no such band.
	OverrideUnknownBand
)

// Override returns what comes of an account's override under this model at a moment, in the time zone of its days; nil is
// UTC.
func (m *Model) Override(a *v1alpha1.Account, now time.Time, location *time.Location) OverrideState {
	state, _ := m.override(a.Spec.HealthOverride, now, location)
	return state
}

// override also returns when the state changes by itself; zero means never.
func (m *Model) override(o *v1alpha1.HealthOverride, now time.Time, location *time.Location) (OverrideState, time.Time) {
	if o == nil {
		return OverrideNone, time.Time{}
	}
	if location == nil {
		location = time.UTC
	}
	last, err := value.ParseDateIn(o.Until, location)
	if err != nil {
		// The schema lets no such date through.
		return OverrideExpired, time.Time{}
	}
	over := value.NextDay(last, location)
	switch {
	case !now.Before(over):
		return OverrideExpired, time.Time{}
	case m.rank(o.Band) < 0:
		return OverrideUnknownBand, over
	default:
		return OverrideHolds, over
	}
}

// Bands returns the model's bands, best first.
func (m *Model) Bands() []v1alpha1.BandName {
	names := make([]v1alpha1.BandName, len(m.bands))
	for i, b := range m.bands {
		names[i] = b.Name
	}
	return names
}
