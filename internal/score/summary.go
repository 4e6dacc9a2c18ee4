package score

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

// maxSummaryBands is the number of bands that a HealthScoreModel's status holds.
const maxSummaryBands = 32

// Summary is how the accounts of a model do.
type Summary struct {
	// Accounts whose health the model computed.
	Accounts int32
	// Bands of these, in the model's order; then bands that it had once and accounts still show, by name; then Unknown,
	// where accounts are in it.
	Bands []v1alpha1.BandSummary
	// AverageScore of those that have one, rounded half away from zero; nil where none has.
	AverageScore *int32
	// AverageCoverage of all, cut; nil where there are none.
	AverageCoverage *int32
	// Missing are the measures that accounts have no fresh value of: those with a weight first, then those that most accounts
	// lack, then in the model's order.
	Missing []v1alpha1.MissingMeasure
}

// ModelOf returns the name of the model that computed a health; empty where none did, for the account is not scored.
func ModelOf(h *v1alpha1.Health) string {
	if h == nil || len(h.Measures) == 0 {
		return ""
	}
	return h.Model
}

// Summarize counts the accounts whose health a model computed. It needs no compiled model: one that is stalled has
// accounts, too.
func Summarize(m *v1alpha1.HealthScoreModel, accounts []v1alpha1.Account) Summary {
	s := summing{bands: map[v1alpha1.BandName]*v1alpha1.BandSummary{}, missing: make([]v1alpha1.MissingMeasure, len(m.Spec.Measures))}
	for i := range m.Spec.Measures {
		s.missing[i].Measure = m.Spec.Measures[i].Name
	}
	for i := range accounts {
		if ModelOf(accounts[i].Status.Health) == m.Name {
			s.add(&accounts[i])
		}
	}
	return s.summary(m)
}

// SameInSummary reports whether an account that was changed counts as it did.
func SameInSummary(before, after *v1alpha1.Account) bool {
	b, a := before.Status.Health, after.Status.Health
	if ModelOf(b) != ModelOf(a) || account.ARR(before) != account.ARR(after) {
		return false
	}
	if b == nil || a == nil {
		return b == a
	}
	return b.Band == a.Band && b.Coverage == a.Coverage && equalScores(b.Score, a.Score) &&
		slices.EqualFunc(b.Measures, a.Measures, func(x, y v1alpha1.MeasureScore) bool { return x.Name == y.Name && x.State == y.State })
}

func equalScores(a, b *int32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// summing is a summary on its way.
type summing struct {
	accounts, scored, scores, coverages int64
	bands                               map[v1alpha1.BandName]*v1alpha1.BandSummary
	missing                             []v1alpha1.MissingMeasure
}

func (s *summing) add(a *v1alpha1.Account) {
	h := a.Status.Health
	s.accounts++
	s.coverages += int64(h.Coverage)
	if h.Score != nil {
		s.scored++
		s.scores += int64(*h.Score)
	}
	band := s.band(h.Band)
	band.Accounts++
	band.ARR += account.ARR(a)
	for i := range s.missing {
		measure := findMeasure(h.Measures, s.missing[i].Measure, i)
		if measure == nil || measure.State == v1alpha1.ValueFresh {
			continue // An earlier generation, which had no such measure, says nothing about it.
		}
		s.missing[i].Accounts++
		switch measure.State {
		case v1alpha1.ValueStale:
			s.missing[i].Stale++
		case v1alpha1.ValueErrored:
			s.missing[i].Errored++
		default:
		}
	}
}

func (s *summing) band(name v1alpha1.BandName) *v1alpha1.BandSummary {
	if s.bands[name] == nil {
		s.bands[name] = &v1alpha1.BandSummary{Name: name}
	}
	return s.bands[name]
}

func (s *summing) summary(m *v1alpha1.HealthScoreModel) Summary {
	sum := Summary{Accounts: int32(s.accounts), Bands: s.inOrder(m.Spec.Bands)}
	if s.scored > 0 {
		sum.AverageScore = new(int32((2*s.scores + s.scored) / (2 * s.scored)))
	}
	if s.accounts > 0 {
		sum.AverageCoverage = new(int32(s.coverages / s.accounts))
	}
	sum.Missing = slices.DeleteFunc(s.missing, func(missing v1alpha1.MissingMeasure) bool { return missing.Accounts == 0 })
	// What is not scored comes last: what people enter, say, and only for few.
	recorded := func(measure string) int {
		if slices.ContainsFunc(m.Spec.Measures, func(s v1alpha1.Measure) bool { return s.Name == measure && s.Weight == 0 }) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(sum.Missing, func(a, b v1alpha1.MissingMeasure) int {
		return cmp.Or(recorded(a.Measure)-recorded(b.Measure), cmp.Compare(b.Accounts, a.Accounts))
	})
	return sum
}

// inOrder returns the bands as a status lists them.
func (s *summing) inOrder(bands []v1alpha1.Band) []v1alpha1.BandSummary {
	bands = slices.Clone(bands)
	slices.SortFunc(bands, func(a, b v1alpha1.Band) int { return cmp.Compare(b.Min, a.Min) })
	var list, once []v1alpha1.BandSummary
	unknown := s.bands[v1alpha1.BandUnknown]
	delete(s.bands, v1alpha1.BandUnknown)
	for _, b := range bands {
		list = append(list, *s.band(b.Name))
		delete(s.bands, b.Name)
	}
	for _, b := range s.bands {
		once = append(once, *b)
	}
	slices.SortFunc(once, func(a, b v1alpha1.BandSummary) int { return cmp.Compare(a.Name, b.Name) })
	list = append(list, once...)
	list = list[:min(len(list), maxSummaryBands-1)]
	if unknown != nil {
		list = append(list, *unknown)
	}
	return list
}

// Text writes the bands as a person lists them: "31 Healthy, 6 AtRisk, 0 Critical"; empty where there are no accounts.
func (s Summary) Text() string {
	if s.Accounts == 0 {
		return ""
	}
	parts := make([]string, len(s.Bands))
	for i, b := range s.Bands {
		parts[i] = fmt.Sprintf("%d %s", b.Accounts, b.Name)
	}
	return strings.Join(parts, ", ")
}
