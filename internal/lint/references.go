package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// absent is how bad it is that an object is not among the files.
func (c *checker) absent() Severity {
	if c.options.AllowMissing {
		return Note
	}
	return Error
}

// elsewhere ends what is said of an object that is not among the files.
const elsewhere = "; add its file, or say --allow-missing where it lives elsewhere"

// references checks what an object refers to by name, expressions aside.
func (c *checker) references(o *manifest.Object) {
	switch of := o.Typed.(type) {
	case *v1alpha1.Account:
		c.accountReferences(o, of)
	case *v1alpha1.AccountSet:
		c.exists(o, "spec.sourceRef.name", "DataSource", of.Spec.SourceRef.Name)
	case *v1alpha1.DataSource:
		c.keyReferences(o, o.Raw["spec"], "spec")
		c.ages(o, of)
	case *v1alpha1.HealthScoreModel:
		c.modelReferences(o, of)
	case *v1alpha1.Playbook:
		c.playbookReferences(o, of)
	case *v1alpha1.Notifier:
		c.keyReferences(o, o.Raw["spec"], "spec")
		for i, name := range of.Spec.Playbooks {
			if len(c.index.namesOf("Playbook", o)) == 0 {
				break // the playbooks live elsewhere
			}
			c.exists(o, fmt.Sprintf("spec.playbooks[%d]", i), "Playbook", name)
		}
		if of.Spec.AccountSelector != nil {
			c.stages(o, "spec.accountSelector.lifecycleStages", texts(of.Spec.AccountSelector.LifecycleStages))
		}
	case *v1alpha1.Task:
		c.accountNamed(o, "spec.accountRef.name", of.Spec.AccountRef.Name)
	}
}

// exists checks that an object is among the files.
func (c *checker) exists(o *manifest.Object, field, kind, name string) bool {
	names := c.index.namesOf(kind, o)
	if slices.Contains(names, name) || name == "" {
		return true
	}
	hint := elsewhere
	if found := meant(name, names); found != "" {
		hint = found
	}
	c.add(RuleReference, c.absent(), o, field, "there is no %s %s%s", kind, name, hint)
	return false
}

// metric checks that a source and its metric are there.
func (c *checker) metric(o *manifest.Object, field string, ref v1alpha1.MetricReference) {
	if ref.Source == "" || ref.Metric == "" || !c.exists(o, sourceField(o, field), "DataSource", ref.Source) {
		return
	}
	source, readable := named[*v1alpha1.DataSource](c.index, o, ref.Source)
	if !readable {
		return
	}
	if _, found := c.index.metric(o, ref); found {
		return
	}
	var known []string
	for i := range source.Spec.Metrics {
		known = append(known, source.Spec.Metrics[i].Name)
	}
	if _, there := o.Find(field + ".metric"); there {
		field += ".metric"
	}
	c.add(RuleReference, Error, o, field, "DataSource/%s has no metric %s%s", ref.Source, ref.Metric, hintFor(ref.Metric, known))
}

// sourceField is the field that names a source: source where there is one, else the expression.
func sourceField(o *manifest.Object, field string) string {
	if _, there := o.Find(field + ".source"); there {
		return field + ".source"
	}
	return field
}

// accountNamed checks that an account is there, where the files say which accounts there are.
func (c *checker) accountNamed(o *manifest.Object, field, name string) {
	if len(all[*v1alpha1.AccountSet](c.index, o)) == 0 {
		c.exists(o, field, "Account", name)
	}
}

func (c *checker) accountReferences(o *manifest.Object, a *v1alpha1.Account) {
	if a.Spec.ParentRef != nil {
		c.accountNamed(o, "spec.parentRef.name", a.Spec.ParentRef.Name)
	}
	if a.Spec.HealthOverride != nil {
		c.bandWords(o, "spec.healthOverride.band", []string{string(a.Spec.HealthOverride.Band)}, false)
	}
	c.stages(o, "spec.lifecycleStage", []string{string(a.Spec.LifecycleStage)})
}

// keyReferences checks the ConfigMaps and Secrets that an object names, where these are among the files.
func (c *checker) keyReferences(o *manifest.Object, in any, at string) {
	fields, _ := in.(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		below := at + "." + field
		ref, isObject := fields[field].(map[string]any)
		if !isObject {
			for i, item := range asList(fields[field]) {
				c.keyReferences(o, item, fmt.Sprintf("%s[%d]", below, i))
			}
			continue
		}
		lower := strings.ToLower(field)
		name, isNamed := ref["name"].(string)
		key, _ := ref["key"].(string)
		switch {
		case isNamed && strings.HasSuffix(lower, "secretref"):
			c.keyReference(o, below, "Secret", name, key)
		case isNamed && (strings.HasSuffix(lower, "configmapref") || lower == "configmap"):
			c.keyReference(o, below, "ConfigMap", name, key)
		default:
			c.keyReferences(o, ref, below)
		}
	}
}

// asList is a value as a list; nothing where it is none.
func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

// keyReference checks one key of a ConfigMap or Secret. What is not among the files may well be in the cluster, Secrets above
// all, so that is no more than a note.
func (c *checker) keyReference(o *manifest.Object, at, kind, name, key string) {
	keys, found := c.index.keys(kind, o, name)
	switch {
	case !found:
		c.add(RuleReference, Note, o, at+".name", "there is no %s %s among the files: it must be in the cluster", kind, name)
	case key != "" && !slices.Contains(keys, key):
		c.add(RuleReference, Error, o, at+".key", "%s/%s has no key %s%s", kind, name, key, hintFor(key, keys))
	}
}

func (c *checker) modelReferences(o *manifest.Object, m *v1alpha1.HealthScoreModel) {
	c.stages(o, "spec.accountSelector.lifecycleStages", texts(m.Spec.AccountSelector.LifecycleStages))
	for i := range m.Spec.Measures {
		measure := &m.Spec.Measures[i]
		at := fmt.Sprintf("spec.measures[%s]", measure.Name)
		ref := v1alpha1.MetricReference{Source: measure.From.Source, Metric: measure.From.Metric}
		c.metric(o, at+".from", ref)
		c.measurement(o, at+".from.measurement", measure.From.Measurement)
		c.measureType(o, at, measure, ref)
		c.measureAge(o, at, measure, ref)
		c.scale(o, at+".scale", measure)
	}
	c.weights(o, &m.Spec)
	c.margins(o, &m.Spec)
}

// measureType checks that the scale of a measure is for the type of its metric.
func (c *checker) measureType(o *manifest.Object, at string, m *v1alpha1.Measure, ref v1alpha1.MetricReference) {
	metric, found := c.index.metric(o, ref)
	if !found {
		return
	}
	name := fmt.Sprintf("metric %s of DataSource/%s", ref.Metric, ref.Source)
	wants := v1alpha1.MetricNumber
	switch {
	case metric.Type == v1alpha1.MetricText && (m.Scale != nil || m.Weight > 0):
		c.add(RuleType, Error, o, at+".from", "%s is of type Text, which is never scored: give it the type Category, or the weight 0 and no scale", name)
		return
	case m.Scale == nil || m.Scale.Expression != "":
		return
	case len(m.Scale.Categories) > 0:
		wants = v1alpha1.MetricCategory
	}
	if metric.Type != wants {
		c.add(RuleType, Error, o, at+".scale", "the scale is for type %s, and %s is of type %s: the measure would be Missing for every account", wants, name, metric.Type)
	}
}

func (c *checker) playbookReferences(o *manifest.Object, pb *v1alpha1.Playbook) {
	c.stages(o, "spec.accountSelector.lifecycleStages", texts(pb.Spec.AccountSelector.LifecycleStages))
	for i, name := range pb.Spec.InhibitedBy {
		field := fmt.Sprintf("spec.inhibitedBy[%d]", i)
		if name == pb.Name {
			c.add(RuleInhibitedCycle, Warning, o, field, "a playbook that holds itself back: leave it out, it has one run on an account at a time anyway")
			continue
		}
		if now := c.calledNow(o, name); now != "" {
			c.add(RulePreviousName, Warning, o, field, "Playbook %s is called %s now: write that", name, now)
			continue
		}
		c.exists(o, field, "Playbook", name)
	}
	c.previousNames(o, pb)
	for i := range pb.Spec.Triggers {
		c.trigger(o, &pb.Spec.Triggers[i])
	}
}

// calledNow returns what the playbook of a name that nobody has any more is called now; empty where there is none.
func (c *checker) calledNow(o *manifest.Object, name string) string {
	if slices.Contains(c.index.namesOf("Playbook", o), name) {
		return ""
	}
	for _, other := range all[*v1alpha1.Playbook](c.index, o) {
		if slices.Contains(other.of.Spec.PreviousNames, name) {
			return other.Name
		}
	}
	return ""
}

// previousNames checks the names that a playbook had: none of them may be in use, or another's previous one.
func (c *checker) previousNames(o *manifest.Object, pb *v1alpha1.Playbook) {
	for i, name := range pb.Spec.PreviousNames {
		field := fmt.Sprintf("spec.previousNames[%d]", i)
		if name != pb.Name && slices.Contains(c.index.namesOf("Playbook", o), name) {
			c.add(RulePreviousName, Error, o, field, "there is a playbook %s: nothing of this one starts until that is deleted", name)
		}
		for _, other := range all[*v1alpha1.Playbook](c.index, o) {
			if other.Name < pb.Name && slices.Contains(other.of.Spec.PreviousNames, name) {
				c.add(RulePreviousName, Error, o, field, "Playbook %s was called %s too, and takes what there is of it: leave it out of one of the two", other.Name, name)
			}
		}
	}
}

// trigger checks what a trigger names, its expression aside.
func (c *checker) trigger(o *manifest.Object, t *v1alpha1.Trigger) {
	at := fmt.Sprintf("spec.triggers[%s].", t.Name)
	switch {
	case t.Band != nil:
		c.bandWords(o, at+"band.in", texts(t.Band.In), false)
		c.bandWords(o, at+"band.from", texts(t.Band.From), false)
	case t.Lifecycle != nil:
		c.stages(o, at+"lifecycle.stages", texts(t.Lifecycle.Stages))
		c.stages(o, at+"lifecycle.enters", texts(t.Lifecycle.Enters))
	case t.NoData != nil:
		c.metric(o, at+"noData.from", v1alpha1.MetricReference{Source: t.NoData.From.Source, Metric: t.NoData.From.Metric})
		c.measurement(o, at+"noData.from.measurement", t.NoData.From.Measurement)
	case t.Value != nil:
		c.valueTrigger(o, at, t)
	}
}

// valueTrigger checks what a value trigger reads, its type aside.
func (c *checker) valueTrigger(o *manifest.Object, at string, t *v1alpha1.Trigger) {
	ref := v1alpha1.MetricReference{Source: t.Value.From.Source, Metric: t.Value.From.Metric}
	c.metric(o, at+"value.from", ref)
	c.measurement(o, at+"value.from.measurement", t.Value.From.Measurement)
	source, _ := named[*v1alpha1.DataSource](c.index, o, ref.Source)
	if t.Per == v1alpha1.PerObservation && source != nil && source.Spec.ObservedTime == nil {
		c.add(RuleType, Error, o, at+"per", "Observation needs to know when each row was true, and DataSource/%s has no observedTime: add it there", source.Name)
	}
}
