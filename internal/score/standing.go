package score

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// Standing is the health of an account that cannot be scored now, because its model is stalled: as it was, but for an
// override that is over. It also returns when it changes by itself; zero means never.
func Standing(a *v1alpha1.Account, previous *v1alpha1.Health, now time.Time, location *time.Location) (*v1alpha1.Health, time.Time) {
	h, end := previous.DeepCopy(), OverrideEnd(a, location)
	if !now.Before(end) {
		end = time.Time{}
	}
	if h.Override == nil || !end.IsZero() && overrideStands(a, h) {
		return h, end
	}
	if h.Band != h.Override.ComputedBand {
		h.LastBand = h.Band
		if h.Override.ComputedBand == v1alpha1.BandUnknown {
			h.LastBand = h.Override.ComputedLastBand
		}
		h.PreviousBand = PreviousBand(previous, h.Override.ComputedBand)
		h.Band, h.BandSince = h.Override.ComputedBand, &metav1.Time{Time: now.UTC().Truncate(time.Second)}
	}
	h.Override = nil
	return h, end
}

// overrideStands reports whether the override in a health is the one in the spec.
func overrideStands(a *v1alpha1.Account, h *v1alpha1.Health) bool {
	o := a.Spec.HealthOverride
	return o != nil && o.Band == h.Band && o.By == h.Override.By && o.Reason == h.Override.Reason && o.Until == h.Override.Until
}

// OverrideEnd is when the last day of an account's override is over, in the time zone of its days, nil being UTC; zero where
// it has none.
func OverrideEnd(a *v1alpha1.Account, location *time.Location) time.Time {
	if a.Spec.HealthOverride == nil {
		return time.Time{}
	}
	if location == nil {
		location = time.UTC
	}
	last, err := value.ParseDateIn(a.Spec.HealthOverride.Until, location)
	if err != nil {
		return time.Time{} // The schema lets no such date through.
	}
	return value.NextDay(last, location)
}
