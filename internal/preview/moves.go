package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
)

// standing returns where an account stands: the band that it is in, or the one that it waits for.
func standing(a *v1alpha1.Account, pending bool) Standing {
	h := a.Status.Health
	if h == nil {
		return Standing{Band: string(v1alpha1.BandUnknown)}
	}
	s := Standing{Band: string(h.Band), Score: h.Score}
	if pending && h.PendingBand != nil && h.Override == nil {
		s.Band = string(h.PendingBand.Band)
	}
	if len(h.Measures) > 0 {
		s.Model = h.Model
	}
	return s
}

// moves lists the accounts that change band because of the change: those whose band is another than without it, and those
// that wait for another band than they would without it, or no longer wait for one. What is not known yet moves nobody.
func (c *comparison) moves() {
	for _, after := range c.head.Accounts() {
		before := c.base.Account(after.Name)
		if before == nil || before == after || c.blind(before, after) || before.Status.Health == nil {
			continue
		}
		move := Move{Account: named(after), Before: standing(before, false), After: standing(after, false)}
		switch pending := after.Status.Health.PendingBand; {
		case move.Before.Band != move.After.Band:
			if since := after.Status.Health.BandSince; since != nil {
				move.At = c.later(since.Time)
			}
		case standing(before, true).Band != standing(after, true).Band:
			move.Before, move.After = standing(before, true), standing(after, true)
			if pending == nil {
				pending = before.Status.Health.PendingBand // which it does not get any more
			}
			if pending.EffectiveTime != nil {
				move.At = c.later(pending.EffectiveTime.Time)
			}
		default:
			continue
		}
		move.Worse = c.worse(move.Before.Band, move.After.Band, before, after)
		move.Reason = c.reason(before, after, &move)
		c.moved[after.Name] = true
		c.preview.Moves = append(c.preview.Moves, move)
	}
	slices.SortFunc(c.preview.Moves, func(a, b Move) int { return cmp.Compare(a.Name, b.Name) })
}

// transientMoves adds the moves of the moment itself that are over by the end of the look ahead, such as those of an override.
func (c *comparison) transientMoves() {
	for _, m := range c.atOnce {
		if !c.moved[m.Name] && m.At == nil && c.head.Account(m.Name) != nil {
			m.Reason += ", for a while"
			c.moved[m.Name] = true
			c.preview.Moves = append(c.preview.Moves, m)
		}
	}
	slices.SortFunc(c.preview.Moves, func(a, b Move) int { return cmp.Compare(a.Name, b.Name) })
}

// blind reports whether an account's band is not known after the change, because its model waits for data. What a person
// overrides is known all the same.
func (c *comparison) blind(before, after *v1alpha1.Account) bool {
	overridden := after.Status.Health != nil && before.Status.Health != nil && after.Status.Health.Override != nil &&
		!equality.Semantic.DeepEqual(before.Spec.HealthOverride, after.Spec.HealthOverride)
	return c.head.Blind(after.Name) && !overridden
}

// model returns a model of a world; nil where there is none of this name.
func model(models []*v1alpha1.HealthScoreModel, name string) *v1alpha1.HealthScoreModel {
	i := slices.IndexFunc(models, func(m *v1alpha1.HealthScoreModel) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return models[i]
}

// worse reports whether a band is worse than another, as the account's model orders them.
func (c *comparison) worse(before, after string, was, is *v1alpha1.Account) bool {
	for _, m := range []*v1alpha1.HealthScoreModel{model(c.configured.Models, is.Status.Health.Model), model(c.in.Base.Models, was.Status.Health.Model)} {
		if m == nil {
			continue
		}
		b, a := bandNamed(m, before), bandNamed(m, after)
		if b != nil && a != nil {
			return a.Min < b.Min
		}
	}
	return false
}

func bandNamed(m *v1alpha1.HealthScoreModel, name string) *v1alpha1.Band {
	for i := range m.Spec.Bands {
		if string(m.Spec.Bands[i].Name) == name {
			return &m.Spec.Bands[i]
		}
	}
	return nil
}

// bands counts the accounts in each band, without the change and with it. Those that wait for another band because of the
// change are counted in that one.
func (c *comparison) bands() {
	counts := map[string]*BandCount{}
	of := func(band string) *BandCount {
		if counts[band] == nil {
			counts[band] = &BandCount{Band: band}
		}
		return counts[band]
	}
	before, after := make(map[string]string, len(c.preview.Moves)), make(map[string]string, len(c.preview.Moves))
	for i := range c.preview.Moves {
		m := &c.preview.Moves[i]
		before[m.Name], after[m.Name] = m.Before.Band, m.After.Band
	}
	for _, a := range c.base.Accounts() {
		n := of(cmp.Or(before[a.Name], standing(a, false).Band))
		n.Before++
		n.ARRBefore += account.ARR(a)
	}
	for _, a := range c.head.Accounts() {
		band, moved := after[a.Name]
		if !moved {
			band = standing(a, false).Band
			if was := c.base.Account(a.Name); was != nil && c.blind(was, a) {
				band = standing(was, false).Band
			}
		}
		n := of(band)
		n.After++
		n.ARRAfter += account.ARR(a)
	}
	for _, band := range c.bandOrder() {
		if n := counts[band]; n != nil {
			c.preview.Bands = append(c.preview.Bands, *n)
			delete(counts, band)
		}
	}
	unknown := counts[string(v1alpha1.BandUnknown)]
	delete(counts, string(v1alpha1.BandUnknown))
	var rest []BandCount
	for _, n := range counts {
		rest = append(rest, *n)
	}
	slices.SortFunc(rest, func(a, b BandCount) int { return cmp.Compare(a.Band, b.Band) })
	c.preview.Bands = append(c.preview.Bands, rest...)
	if unknown != nil {
		c.preview.Bands = append(c.preview.Bands, *unknown)
	}
}

// bandOrder returns the bands of all models, the best first: by the lowest score at which one of them begins.
func (c *comparison) bandOrder() []string {
	least := map[string]int32{}
	for _, m := range slices.Concat(c.configured.Models, c.in.Base.Models) {
		for i := range m.Spec.Bands {
			b := &m.Spec.Bands[i]
			if known, ok := least[string(b.Name)]; !ok || b.Min < known {
				least[string(b.Name)] = b.Min
			}
		}
	}
	names := make([]string, 0, len(least))
	for name := range least {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(least[b], least[a]), cmp.Compare(a, b)) })
	return names
}

// maxReasons is how many reasons a move names.
const maxReasons = 4

// reason says in words what moves an account: what its score is made of, the largest first, then what else the bands follow
// from.
func (c *comparison) reason(before, after *v1alpha1.Account, move *Move) string {
	b, a := before.Status.Health, after.Status.Health
	var reasons []string
	switch {
	case !equality.Semantic.DeepEqual(b.Override, a.Override):
		reasons = append(reasons, overrideReason(b.Override, a.Override))
	case move.After.Model == "" && move.Before.Model != "":
		if account.Churned(after) {
			return "the account is churned: nothing scores it"
		}
		return "no model scores it any more; model " + move.Before.Model + " did"
	case move.Before.Model == "":
		reasons = append(reasons, "model "+move.After.Model+" scores it")
	case move.Before.Model != move.After.Model:
		reasons = append(reasons, "model "+move.Before.Model+" -> "+move.After.Model)
	}
	reasons = append(reasons, ruleReasons(b, a)...)
	reasons = append(reasons, measureReasons(b, a)...)
	thresholds := c.thresholdReasons(before, after, move)
	if more := len(reasons) + len(thresholds) - maxReasons; more > 0 && len(reasons) > more {
		reasons = append(reasons[:len(reasons)-more], fmt.Sprintf("%d more", more))
	}
	reasons = append(reasons, thresholds...)
	if a.Score == nil && b.Score != nil {
		reasons = append(reasons, fmt.Sprintf("coverage %d%% -> %d%%", b.Coverage, a.Coverage))
	}
	if len(reasons) == 0 && !equality.Semantic.DeepEqual(b.Score, a.Score) {
		reasons = append(reasons, fmt.Sprintf("score %s -> %s", scoreText(b.Score), scoreText(a.Score)))
	}
	if len(reasons) == 0 {
		reasons = append(reasons, "bandChange of model "+move.After.Model)
	}
	return strings.Join(reasons, ", ")
}

// scoreText writes a score.
func scoreText(score *int32) string {
	if score == nil {
		return "none"
	}
	return fmt.Sprint(*score)
}

func overrideReason(before, after *v1alpha1.AppliedOverride) string {
	if after == nil {
		return "the override of " + before.By + " ends"
	}
	return fmt.Sprintf("override of %s: %s", after.By, after.Reason)
}

// ruleReasons are the rules that change the score otherwise than before.
func ruleReasons(before, after *v1alpha1.Health) []string {
	find := func(rules []v1alpha1.AppliedRule, name string) *v1alpha1.AppliedRule {
		i := slices.IndexFunc(rules, func(r v1alpha1.AppliedRule) bool { return r.Name == name })
		if i < 0 {
			return nil
		}
		return &rules[i]
	}
	var reasons []string
	for i := range after.RulesApplied {
		r := &after.RulesApplied[i]
		was := find(before.RulesApplied, r.Name)
		switch {
		case was == nil:
			reasons = append(reasons, fmt.Sprintf("rule %s %s", r.Name, r.Effect))
		case was.Effect != r.Effect:
			reasons = append(reasons, fmt.Sprintf("rule %s %s -> %s", r.Name, was.Effect, r.Effect))
		}
	}
	for i := range before.RulesApplied {
		if r := &before.RulesApplied[i]; find(after.RulesApplied, r.Name) == nil {
			reasons = append(reasons, fmt.Sprintf("rule %s (%s) holds no more", r.Name, r.Effect))
		}
	}
	return reasons
}

// thresholdReasons are the bands on the way that begin elsewhere than before.
func (c *comparison) thresholdReasons(before, after *v1alpha1.Account, move *Move) []string {
	was, is := model(c.in.Base.Models, before.Status.Health.Model), model(c.configured.Models, after.Status.Health.Model)
	if was == nil || is == nil || move.Before.Model == "" {
		return nil
	}
	var reasons []string
	for i := range is.Spec.Bands {
		b := &is.Spec.Bands[i]
		if name := string(b.Name); name != move.Before.Band && name != move.After.Band {
			continue
		}
		switch earlier := bandNamed(was, string(b.Name)); {
		case earlier == nil:
			reasons = append(reasons, fmt.Sprintf("%s is new and begins at %d", b.Name, b.Min))
		case earlier.Min != b.Min:
			reasons = append(reasons, fmt.Sprintf("%s now begins at %d", b.Name, b.Min))
		}
	}
	if bandNamed(is, move.Before.Band) == nil && move.Before.Band != string(v1alpha1.BandUnknown) {
		reasons = append(reasons, "the model has no band "+move.Before.Band+" any more")
	}
	return reasons
}
