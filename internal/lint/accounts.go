package lint

import (
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// knownStages are the lifecycle stages that the API names.
var knownStages = []string{"Onboarding", "Adoption", "Retention", "Expansion", "Advocacy", "Churned"}

// stages warns of stages that are most likely misspelt. Any name is allowed, so only one that almost is a known one is told.
func (c *checker) stages(o *manifest.Object, field string, names []string) {
	for _, name := range names {
		if name == "" || slices.Contains(knownStages, name) || slices.Contains(c.stagesInUse(o), name) {
			continue
		}
		if known := near(name, knownStages); known != "" {
			c.add(RuleStage, Warning, o, field, "%s is a stage of your own; did you mean %s?", name, known)
		}
	}
}

// stagesInUse returns the stages of all other accounts.
func (c *checker) stagesInUse(but *manifest.Object) []string {
	var names []string
	for _, a := range all[*v1alpha1.Account](c.index, but) {
		if a.Object != but {
			names = append(names, string(a.of.Spec.LifecycleStage))
		}
	}
	return names
}

// measurement warns of a measurement that is most likely misspelt: people enter others of almost the same name.
func (c *checker) measurement(o *manifest.Object, field, name string) {
	if name == "" {
		return
	}
	entered := c.entered(o)
	if slices.Contains(entered, name) {
		return
	}
	if found := near(name, entered); found != "" {
		c.add(RuleMeasurement, Warning, o, field, "nobody enters a measurement %s; did you mean %s?", name, found)
	}
}

// entered returns the names of the measurements that accounts and templates of accounts have, sorted.
func (c *checker) entered(beside *manifest.Object) []string {
	var names []string
	for _, a := range all[*v1alpha1.Account](c.index, beside) {
		for _, m := range a.of.Spec.Measurements {
			names = append(names, m.Name)
		}
	}
	for _, set := range all[*v1alpha1.AccountSet](c.index, beside) {
		for _, s := range set.Scalars() {
			if text, is := s.Value.(string); is && under(s.Path, "spec.template.spec.measurements") && strings.HasSuffix(s.Path, "].name") {
				names = append(names, text)
			}
		}
	}
	return union(names)
}

// accounts checks accounts beside each other: nobody is part of himself.
func (c *checker) accounts() {
	accounts := all[*v1alpha1.Account](c.index, nil)
	told := map[*manifest.Object]bool{}
	for _, a := range accounts {
		way := []string{a.Name}
		for at := a; at.of.Spec.ParentRef != nil && !told[at.Object]; {
			parent := at.of.Spec.ParentRef.Name
			i := slices.IndexFunc(accounts, func(o typed[*v1alpha1.Account]) bool { return o.Name == parent && together(o.Object, at.Object) })
			if i < 0 {
				break
			}
			at = accounts[i]
			way = append(way, parent)
			if at.Object == a.Object && len(way) > 2 {
				c.add(RuleParentCycle, Error, a.Object, "spec.parentRef.name", "these accounts are part of each other: %s; let one of them have no parentRef", strings.Join(way, " in "))
				for _, other := range accounts {
					told[other.Object] = told[other.Object] || slices.Contains(way, other.Name)
				}
			}
			if slices.Contains(way[:len(way)-1], parent) {
				break
			}
		}
	}
}

// flux is the annotation that keeps Flux from filling in ${}.
const flux = "kustomize.toolkit.fluxcd.io/substitute"

// substitution warns where Flux would fill in ${}: it leaves nothing of what it does not know.
func (c *checker) substitution(o *manifest.Object) {
	if o.Typed == nil || o.Typed.GetAnnotations()[flux] == "disabled" {
		return
	}
	for _, s := range o.Scalars() {
		if text, is := s.Value.(string); is && strings.Contains(text, "${") && under(s.Path, "spec") {
			c.at(RuleSubstitution, Warning, o, s, "Flux fills in ${} where a Kustomization has postBuild: add the annotation %s: disabled", flux)
			return
		}
	}
}
