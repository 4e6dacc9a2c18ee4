package score

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// Unscored is the health of an account that no model scores: what it was is remembered, what it is is not known.
func Unscored(previous *v1alpha1.Health, now time.Time) *v1alpha1.Health {
	h := &v1alpha1.Health{Band: v1alpha1.BandUnknown, BandSince: &metav1.Time{Time: now.UTC().Truncate(time.Second)}}
	if previous == nil {
		return h
	}
	h.PreviousBand = previous.PreviousBand
	h.LastBand, h.Model, h.ModelGeneration, h.History = previous.LastBand, previous.Model, previous.ModelGeneration, slices.Clone(previous.History)
	band := previous.Band
	if o := previous.Override; o != nil {
		band, h.LastBand = o.ComputedBand, o.ComputedLastBand // A person's band is not what the next score is compared with.
	}
	if band != v1alpha1.BandUnknown {
		h.LastBand = band
	} else if previous.Override == nil {
		h.BandSince = previous.BandSince.DeepCopy()
	}
	return h
}
