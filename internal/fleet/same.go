package fleet

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// These compare what an evaluation writes, as DeepEqual does, and much faster: most evaluations find nothing new, and then
// what was there stays. A test holds them to every field of the types.

// sameHealth reports whether two healths say the same.
func sameHealth(a, b *v1alpha1.Health) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Band == b.Band && a.LastBand == b.LastBand && a.PreviousBand == b.PreviousBand && a.Trend == b.Trend &&
		a.Coverage == b.Coverage && a.Model == b.Model && a.ModelGeneration == b.ModelGeneration && a.ModelUID == b.ModelUID &&
		samePointer(a.Score, b.Score) && samePointer(a.PreviousScore, b.PreviousScore) && samePointer(a.Override, b.Override) &&
		a.BandSince.Equal(b.BandSince) && a.ModelSince.Equal(b.ModelSince) && samePending(a.PendingBand, b.PendingBand) &&
		slices.EqualFunc(a.Dimensions, b.Dimensions, sameDimension) && slices.EqualFunc(a.Measures, b.Measures, sameMeasure) &&
		slices.EqualFunc(a.Facts, b.Facts, sameFact) && slices.Equal(a.RulesApplied, b.RulesApplied) &&
		slices.Equal(a.Changes, b.Changes) && slices.Equal(a.History, b.History)
}

func samePointer[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func samePending(a, b *v1alpha1.PendingBand) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Band == b.Band && a.Since.Equal(&b.Since) && a.EffectiveTime.Equal(b.EffectiveTime)
}

func sameDimension(a, b v1alpha1.DimensionScore) bool {
	return a.Name == b.Name && a.Points == b.Points && samePointer(a.Score, b.Score)
}

func sameMeasure(a, b v1alpha1.MeasureScore) bool {
	return a.Name == b.Name && a.Dimension == b.Dimension && a.From == b.From && a.Value == b.Value && a.Points == b.Points &&
		a.State == b.State && a.AsOf == b.AsOf && a.Message == b.Message && samePointer(a.Score, b.Score) && a.ObservedTime.Equal(b.ObservedTime)
}

func sameFact(a, b v1alpha1.Fact) bool {
	return a.Source == b.Source && a.Metric == b.Metric && a.Value == b.Value && a.State == b.State && a.ObservedTime.Equal(b.ObservedTime)
}

// sameEpisodes reports whether two memories say the same.
func sameEpisodes(a, b []v1alpha1.Episode) bool { return slices.EqualFunc(a, b, sameEpisode) }

func sameEpisode(a, b v1alpha1.Episode) bool {
	return a.Name == b.Name && a.Source == b.Source && a.Metric == b.Metric && a.Every == b.Every && a.State == b.State &&
		a.Sequence == b.Sequence && a.ClearedSequence == b.ClearedSequence && a.ObservedTime.Equal(b.ObservedTime) && a.UpTo.Equal(b.UpTo) &&
		a.Since.Equal(b.Since) && a.EndedTime.Equal(b.EndedTime) && slices.EqualFunc(a.Pending, b.Pending, samePendingTrigger) && slices.Equal(a.Armed, b.Armed) &&
		slices.EqualFunc(a.Taken, b.Taken, func(s, t metav1.Time) bool { return s.Equal(&t) })
}

func samePendingTrigger(a, b v1alpha1.PendingTrigger) bool {
	return a.Trigger == b.Trigger && a.Elapsed == b.Elapsed && a.Since.Equal(b.Since)
}

func sameLifecycle(a, b *v1alpha1.LifecycleStatus) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Stage == b.Stage && a.Since.Equal(b.Since)
}
