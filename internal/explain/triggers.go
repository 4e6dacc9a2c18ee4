package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/value"
)

// triggers judges the triggers of a playbook on an account, in the playbook's order.
func (l *look) triggers(p *play, s *sight) []Trigger {
	results, _ := p.compiled.Conditions(s.view)
	results = append(results, p.compiled.Observations(s.view)...)
	watched := !account.Churned(s.account) && len(p.selector.Mismatches(s.account)) == 0
	var all []Trigger
	for i := range p.spec.Spec.Triggers {
		spec := &p.spec.Spec.Triggers[i]
		t := Trigger{Name: spec.Name, Kind: kindOf(spec), Truth: playbook.Unknown.String()}
		if spec.Every != "" {
			l.period(p, s, &t)
		}
		if n := slices.IndexFunc(results, func(r playbook.TriggerResult) bool { return r.Name == spec.Name }); n >= 0 {
			t.Truth, t.Reason, t.Reads = results[n].Truth.String(), results[n].Reason, results[n].Reads
			l.held(p, s, &t)
			if spec.Per == v1alpha1.PerObservation && watched {
				l.observed(p.spec.Name, s, spec, results[n], &t)
			}
		}
		if truthOf(t.Truth) == playbook.False && t.Distance == nil && watched {
			t.Distance = l.distance(spec, s)
		}
		if t.Distance != nil {
			t.Distance.Trigger = t.Name
		}
		all = append(all, t)
	}
	return all
}

// kindOf names the field that a trigger has.
func kindOf(t *v1alpha1.Trigger) string {
	kinds := []struct {
		set  bool
		name string
	}{
		{t.Band != nil, "band"},
		{t.Score != nil, "score"},
		{t.ScoreDrop != nil, "scoreDrop"},
		{t.Value != nil && t.Per == v1alpha1.PerObservation, "observation"},
		{t.Value != nil, "value"},
		{t.Renewal != nil, "renewal"},
		{t.Lifecycle != nil, "lifecycle"},
		{t.Every != "", "every"},
		{t.NoData != nil, "noData"},
	}
	for _, k := range kinds {
		if k.set {
			return k.name
		}
	}
	return "expression"
}

// held says for how long a trigger must hold, and when it will have.
func (l *look) held(p *play, s *sight, t *Trigger) {
	hold := p.compiled.Hold(t.Name)
	if hold == 0 {
		return
	}
	t.For = string(value.FormatDuration(hold))
	if truthOf(t.Truth) == playbook.True {
		t.HeldUntil = pointer(p.compiled.HeldLongEnough(playbook.StateEpisodeOf(s.account, p.spec.Name), t.Name))
	}
}

// observed says of the newest observation whether it can still start a run. Where the rows are not known here, and the
// source can be read, the account remembers whether one waits.
func (l *look) observed(playbookName string, s *sight, spec *v1alpha1.Trigger, r playbook.TriggerResult, t *Trigger) {
	from := spec.Value.From
	e := episodeOf(playbookName, s, from)
	if r.Truth == playbook.Unknown && l.readable(from.Source) && !s.view.Events[from.Source].Known {
		t.Truth, t.Reason = playbook.False.String(), "no observation of "+fromText(from)+" waits, as the account's status remembers"
		if e != nil && (e.State == v1alpha1.EpisodePending || e.State == v1alpha1.EpisodeDue) {
			t.Truth, t.Reason = playbook.True.String(), "an observation of "+fromText(from)+" waits for its run"
			if e.ObservedTime != nil {
				t.Reason = "the observation of " + fromText(from) + " of " + value.FormatTime(e.ObservedTime.Time) + " waits for its run"
			}
		}
		return
	}
	switch {
	case r.Truth != playbook.True || e == nil:
	case playbook.Taken(e, r.Since):
		t.Truth = playbook.False.String()
		t.Reason += ", which is history: it has had its run, or is from before the playbook watched"
	case e.State == v1alpha1.EpisodeClear:
		t.Truth = playbook.False.String()
		t.Reason += ", which is too old to start anything"
	}
}

// episodeOf returns what the account remembers of the observations of a value; nil where that is nothing.
func episodeOf(playbookName string, s *sight, from v1alpha1.ValueFrom) *v1alpha1.Episode {
	for i := range s.account.Status.Playbooks {
		if e := &s.account.Status.Playbooks[i]; e.Name == playbookName && e.Source == from.Source && e.Metric == from.Metric && e.Source != "" {
			return e
		}
	}
	return nil
}

// readable reports whether a source is there, and was read when it was last tried.
func (l *look) readable(source string) bool {
	for _, d := range l.world.DataSources {
		if d.Name == source {
			return !meta.IsStatusConditionFalse(d.Status.Conditions, v1alpha1.ConditionAvailable)
		}
	}
	return false
}

// period judges a trigger with every.
func (l *look) period(p *play, s *sight, t *Trigger) {
	at, _ := p.compiled.PeriodOf(s.view, t.Name)
	switch {
	case account.Churned(s.account):
		t.Truth, t.Reason = playbook.False.String(), "the account is churned"
		return
	case !at.Known:
		t.Reason = "the playbook does not select the account"
		return
	case at.Start.IsZero():
		t.Truth, t.Reason = playbook.False.String(), "the day that periods are counted from is not known"
		return
	}
	t.Truth = playbook.False.String()
	t.Reason = "the first period began on " + at.Start.Format(time.DateOnly)
	if at.Number > 0 {
		t.Reason = fmt.Sprintf("period %d since %s began on %s", at.Number, at.Start.Format(time.DateOnly), l.day(at.Began))
	}
	for _, e := range playbook.EpisodesOf(s.account, p.spec.Name) {
		if e.Every == t.Name && (e.State == v1alpha1.EpisodePending || e.State == v1alpha1.EpisodeDue) {
			t.Truth = playbook.True.String()
		}
	}
	t.Distance = l.ahead(at.Next, "the next period begins on "+l.when(at.Next))
}

// ahead is a distance in time.
func (l *look) ahead(t time.Time, text string) *Distance {
	if t.IsZero() {
		return nil
	}
	return &Distance{Text: text, At: pointer(t), far: max(t.Sub(l.now).Hours()/24/150, 0)}
}

// distance says how far a trigger that does not hold is from holding; nil where that cannot be said.
func (l *look) distance(t *v1alpha1.Trigger, s *sight) *Distance {
	switch {
	case t.Band != nil:
		return l.toBand(t.Band, s)
	case t.Score != nil:
		return toScore(t.Score, s.view.Health)
	case t.ScoreDrop != nil:
		return toDrop(t.ScoreDrop, s, l.now)
	case t.Value != nil:
		return l.toValue(t.Value, s)
	case t.Renewal != nil:
		return l.toRenewal(t.Renewal, s)
	case t.Lifecycle != nil:
		return l.toStage(t.Lifecycle, s)
	case t.NoData != nil:
		return l.toSilence(t.NoData, s)
	}
	return nil
}

// points is a distance in points of the score.
func points(n int32, text string) *Distance {
	return &Distance{Text: fmt.Sprintf("%s: %s away", text, counted(n, "point")), far: float64(n) / 100}
}

// toBand is how far the score is from one that calls for a band. While a person holds the band no score changes it, and
// the account is not close to another.
func (l *look) toBand(t *v1alpha1.BandTrigger, s *sight) *Distance {
	h := s.view.Health
	if h != nil && h.Override != nil && !slices.Contains(t.In, h.Band) {
		return &Distance{Text: heldBand(h), far: unreachable}
	}
	m, _ := l.choose(s.account)
	if m == nil || m.compiled == nil || h == nil || h.Score == nil || slices.Contains(t.In, h.Band) {
		return nil
	}
	if len(t.From) > 0 && !slices.Contains(t.From, h.Band) {
		return nil // the way there leads through another band first
	}
	if p := h.PendingBand; p != nil && p.EffectiveTime != nil && slices.Contains(t.In, p.Band) {
		return l.ahead(p.EffectiveTime.Time, fmt.Sprintf("%s on %s, if the score stays", p.Band, l.when(p.EffectiveTime.Time)))
	}
	var best *Distance
	for _, step := range []int32{-1, 1} {
		bound, ok := boundary(h, m.compiled, t.In, step)
		if !ok {
			continue
		}
		words := "or less"
		if step > 0 {
			words = "or more"
		}
		d := points((bound-*h.Score)*step, fmt.Sprintf("%s at %d %s", orList(t.In), bound, words))
		if best == nil || d.far < best.far {
			best = d
		}
	}
	return best
}

// toScore is how far the score is from its bounds.
func toScore(t *v1alpha1.ScoreTrigger, h *v1alpha1.Health) *Distance {
	switch {
	case h == nil || h.Score == nil:
		return nil
	case t.AtMost != nil && *h.Score > *t.AtMost:
		return points(*h.Score-*t.AtMost, fmt.Sprintf("score at %d or less", *t.AtMost))
	case t.AtLeast != nil && *h.Score < *t.AtLeast:
		return points(*t.AtLeast-*h.Score, fmt.Sprintf("score at %d or more", *t.AtLeast))
	}
	return nil
}

// toValue is how far a number is from its bounds.
func (l *look) toValue(t *v1alpha1.ValueTrigger, s *sight) *Distance {
	val, ok := l.present(t.From, s)
	if !ok || val.Type != v1alpha1.MetricNumber {
		return nil
	}
	away := func(bound v1alpha1.Decimal, words string, sign value.Decimal) *Distance {
		d := number(bound)
		gap := (val.Number - d) * sign
		if gap <= 0 {
			return nil
		}
		return &Distance{
			Text: fmt.Sprintf("%s is %s, and must be at %s %s: %s away", fromText(t.From), val, words, d, gap),
			far:  gap.Float64() / max(abs(d.Float64()), abs(val.Number.Float64()), 1),
		}
	}
	if t.AtMost != nil {
		if d := away(*t.AtMost, "most", 1); d != nil {
			return d
		}
	}
	if t.AtLeast != nil {
		return away(*t.AtLeast, "least", -1)
	}
	return nil
}

func abs(f float64) float64 { return max(f, -f) }

// fromText names where a value comes from.
func fromText(from v1alpha1.ValueFrom) string {
	return cmp.Or(from.Measurement, from.Source+"."+from.Metric)
}

// present returns the value that a trigger reads now.
func (l *look) present(from v1alpha1.ValueFrom, s *sight) (value.Value, bool) {
	if from.Measurement != "" {
		for _, m := range s.account.Spec.Measurements {
			if m.Name == from.Measurement {
				val, err := value.Parse(v1alpha1.MetricNumber, m.Value)
				return val, err == nil
			}
		}
		return value.Value{}, false
	}
	o := s.view.Facts[v1alpha1.MetricReference{Source: from.Source, Metric: from.Metric}]
	if o.Value == nil {
		return value.Value{}, false
	}
	return *o.Value, true
}
