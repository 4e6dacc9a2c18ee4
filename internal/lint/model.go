package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// scale warns of a scale that always gives the same score.
func (c *checker) scale(o *manifest.Object, at string, m *v1alpha1.Measure) {
	if m.Scale == nil || m.Weight == 0 {
		return
	}
	var scores []int32
	switch {
	case len(m.Scale.Categories) > 1:
		for _, category := range m.Scale.Categories {
			scores = append(scores, category.Score)
		}
	case len(m.Scale.Steps) > 0:
		scores = []int32{0} // below the lowest step
		for _, step := range m.Scale.Steps {
			scores = append(scores, step.Score)
		}
	default:
		return
	}
	if slices.Min(scores) == slices.Max(scores) {
		c.add(RuleScale, Warning, o, at, "every value scores %d: the measure tells no customer from another", scores[0])
	}
}

// weights warns of measures that hardly count.
func (c *checker) weights(o *manifest.Object, spec *v1alpha1.HealthScoreModelSpec) {
	var dimensions int64
	weights, measured := map[string]int64{}, map[string]int64{}
	for _, d := range spec.Dimensions {
		dimensions += int64(d.Weight)
		weights[d.Name] = int64(d.Weight)
	}
	for i := range spec.Measures {
		measured[spec.Measures[i].Dimension] += int64(spec.Measures[i].Weight)
	}
	for i := range spec.Measures {
		m := &spec.Measures[i]
		field := fmt.Sprintf("spec.measures[%s].weight", m.Name)
		if m.Weight == 0 {
			if !c.isRead(o, m) {
				c.add(RuleWeight, Warning, o, field, "with the weight 0 it is only recorded, and no rule and no playbook reads it: give it a weight, or delete it")
			}
			continue
		}
		share, whole := int64(m.Weight)*weights[m.Dimension], measured[m.Dimension]*dimensions
		if share > 0 && whole > 0 && share*100 < whole {
			c.add(RuleWeight, Warning, o, field, "it makes less than 1%% of the score: give it more weight, or 0 to record it only")
		}
	}
}

// isRead reports whether a rule, a playbook or a person's eye on an account's parts reads a measure.
func (c *checker) isRead(o *manifest.Object, m *v1alpha1.Measure) bool {
	for _, s := range c.snippets(o) {
		if slices.Contains(s.reads.Measures, m.Name) {
			return true
		}
	}
	for _, pb := range all[*v1alpha1.Playbook](c.index, o) {
		for _, s := range c.snippets(pb.Object) {
			if slices.Contains(s.reads.Measures, m.Name) {
				return true
			}
		}
	}
	return len(c.index.namesOf("Playbook", o)) == 0 && len(o.Typed.(*v1alpha1.HealthScoreModel).Spec.Rules) == 0
}

// margins warns of bands and rules that the margin makes idle.
func (c *checker) margins(o *manifest.Object, spec *v1alpha1.HealthScoreModelSpec) {
	bands := slices.Clone(spec.Bands)
	slices.SortFunc(bands, func(a, b v1alpha1.Band) int { return cmp.Compare(b.Min, a.Min) })
	if len(bands) < 2 {
		return
	}
	var margin int32
	if spec.BandChange != nil {
		margin = spec.BandChange.Margin
	}
	top, lowest := bands[0], bands[len(bands)-2]
	if margin > 0 && top.Min+margin > 100 {
		c.add(RuleBandReach, Warning, o, "spec.bands["+string(top.Name)+"].min",
			"with a margin of %d a score must be %d for an account to come up into %s: write a smaller margin, or a lower min", margin, top.Min+margin, top.Name)
	}
	if below := bands[len(bands)-1]; margin > 0 && lowest.Min-margin <= 0 {
		c.add(RuleBandReach, Warning, o, "spec.bands["+string(below.Name)+"]",
			"with a margin of %d no score is low enough for an account to fall from %s (min %d) into %s: write a smaller margin, or a higher min", margin, lowest.Name, lowest.Min, below.Name)
	}
	for i := range spec.Rules {
		c.ruleMargin(o, &spec.Rules[i], bands, margin)
	}
}

// ruleMargin warns of a rule whose score is so near the beginning of a band that the band stays as it is.
func (c *checker) ruleMargin(o *manifest.Object, r *v1alpha1.Rule, bands []v1alpha1.Band, margin int32) {
	if r.Timing == v1alpha1.TimingImmediate {
		margin = 0
	}
	at := fmt.Sprintf("spec.rules[%s].", r.Name)
	for i, b := range bands[:len(bands)-1] {
		below := bands[i+1]
		because, way := "", fmt.Sprintf("%d", b.Min-margin-1)
		if margin > 0 {
			because = fmt.Sprintf(", because of the margin of %d", margin)
		}
		switch {
		case r.Cap != nil && *r.Cap == b.Min && margin == 0:
			c.add(RuleBandMargin, Warning, o, at+"cap", "a score of %d is still %s: write cap: %s for %s", *r.Cap, b.Name, way, below.Name)
		case r.Cap != nil && *r.Cap <= b.Min && *r.Cap >= b.Min-margin:
			immediate := ""
			if *r.Cap < b.Min {
				immediate = ", or timing: Immediate"
			}
			c.add(RuleBandMargin, Warning, o, at+"cap", "it leaves an account that is %s where it is%s: write cap: %s%s", b.Name, because, way, immediate)
		case r.Floor != nil && margin > 0 && *r.Floor >= b.Min && *r.Floor < b.Min+margin:
			c.add(RuleBandMargin, Warning, o, at+"floor", "it leaves an account that is %s where it is%s: write floor: %d, or timing: Immediate", below.Name, because, b.Min+margin)
		case r.Set != nil && margin > 0 && *r.Set >= b.Min-margin && *r.Set < b.Min+margin:
			c.add(RuleBandMargin, Warning, o, at+"set", "so near the beginning of %s (%d) it moves the band only one way%s: write at most %d or at least %d, or timing: Immediate",
				b.Name, b.Min, because, b.Min-margin-1, b.Min+margin)
		}
	}
}
