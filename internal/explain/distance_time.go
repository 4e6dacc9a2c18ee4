package explain

import (
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/value"
)

// toDrop is how many points more the score must fall.
func toDrop(t *v1alpha1.ScoreDropTrigger, s *sight, now time.Time) *Distance {
	within, err := value.ParseDuration(t.Within)
	if err != nil {
		return nil
	}
	fell, _, known := account.ScoreDrop(s.view.Health, within, now)
	if !known || fell >= t.Points || t.Points-fell > *s.view.Health.Score {
		return nil
	}
	return points(t.Points-fell, fmt.Sprintf("score at %d or less, %d below the highest within %s", *s.view.Health.Score-(t.Points-fell), t.Points, t.Within))
}

// toRenewal is when the renewal will be near enough.
func (l *look) toRenewal(t *v1alpha1.RenewalTrigger, s *sight) *Distance {
	contract := s.account.Spec.Contract
	within, err := value.ParseDuration(t.Within)
	if contract == nil || err != nil {
		return nil
	}
	date, err := value.ParseDate(contract.RenewalDate)
	if err != nil {
		return nil
	}
	begins := value.DayIn(date.Add(-within), l.zone)
	day := value.DayIn(date, l.zone)
	return l.ahead(begins, fmt.Sprintf("renewal on %s (in %dd): it holds from %s on", date.Format(time.DateOnly), value.DaysBetween(l.now, day, l.zone), l.when(begins)))
}

// toStage is when the account will have been in its stage for long enough.
func (l *look) toStage(t *v1alpha1.LifecycleTrigger, s *sight) *Distance {
	stage, seen := account.Stage(s.account), s.view.Lifecycle
	longer, err := value.ParseDuration(t.LongerThan)
	if err != nil || longer == 0 || !slices.Contains(t.Stages, stage) || seen == nil || seen.Since == nil || seen.Stage != stage {
		return nil
	}
	begins := seen.Since.Time.Add(longer)
	return l.ahead(begins, fmt.Sprintf("in stage %s for %s on %s", stage, t.LongerThan, l.when(begins)))
}

// toSilence is when nothing will have come for long enough.
func (l *look) toSilence(t *v1alpha1.NoDataTrigger, s *sight) *Distance {
	length, err := value.ParseDuration(t.For)
	if err != nil {
		return nil
	}
	var observed time.Time
	for _, m := range s.account.Spec.Measurements {
		if t.From.Measurement != "" && m.Name == t.From.Measurement && m.ObservedTime != nil {
			observed = m.ObservedTime.Time
		}
	}
	if t.From.Measurement == "" {
		observed = s.view.Facts[v1alpha1.MetricReference{Source: t.From.Source, Metric: t.From.Metric}].ObservedTime
	}
	if observed.IsZero() {
		return nil
	}
	begins := observed.Add(length)
	return l.ahead(begins, fmt.Sprintf("if nothing of %s comes until %s", fromText(t.From), l.when(begins)))
}
