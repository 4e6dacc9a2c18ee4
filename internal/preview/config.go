package preview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
	"github.com/perennial-dev/perennial/internal/value"
)

// configChanges lists the objects of the configuration that the change touches.
func (c *comparison) configChanges() {
	compareKind(c, "AccountSet", c.in.Base.AccountSets, c.configured.AccountSets, func(o *v1alpha1.AccountSet) any { return &o.Spec })
	compareKind(c, "DataSource", c.in.Base.DataSources, c.configured.DataSources, func(o *v1alpha1.DataSource) any { return &o.Spec })
	compareKind(c, "HealthScoreModel", c.in.Base.Models, c.configured.Models, func(o *v1alpha1.HealthScoreModel) any { return &o.Spec })
	compareKind(c, "Notifier", c.in.Base.Notifiers, c.configured.Notifiers, func(o *v1alpha1.Notifier) any { return &o.Spec })
	compareKind(c, "Playbook", c.in.Base.Playbooks, c.configured.Playbooks, func(o *v1alpha1.Playbook) any { return &o.Spec })
	c.renamed()
	slices.SortFunc(c.preview.Config, func(a, b ConfigChange) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
}

// compareKind compares the objects of one kind.
func compareKind[T any, P object[T]](c *comparison, kind string, base, head []P, spec func(P) any) {
	before := make(map[string]P, len(base))
	for _, o := range base {
		before[o.GetName()] = o
	}
	for _, o := range head {
		was, ok := before[o.GetName()]
		delete(before, o.GetName())
		if !ok {
			c.preview.Config = append(c.preview.Config, ConfigChange{Kind: kind, Name: o.GetName(), Action: Created})
			continue
		}
		if was == o {
			continue
		}
		change := ConfigChange{Kind: kind, Name: o.GetName(), Action: Updated}
		change.Fields, change.More = fieldChanges(content(was.GetLabels(), was.GetAnnotations(), spec(was)), content(o.GetLabels(), o.GetAnnotations(), spec(o)), maxFields)
		if len(change.Fields) > 0 {
			c.preview.Config = append(c.preview.Config, change)
		}
	}
	for name := range before {
		c.preview.Config = append(c.preview.Config, ConfigChange{Kind: kind, Name: name, Action: Deleted})
	}
}

// renamed shows a playbook that goes and comes under another name as one. Where the new one does not say so, and does the
// same, it says what comes of that.
func (c *comparison) renamed() {
	gone := map[string]*v1alpha1.Playbook{}
	for _, pb := range c.in.Base.Playbooks {
		gone[pb.Name] = pb
	}
	for _, pb := range c.configured.Playbooks {
		delete(gone, pb.Name)
	}
	for i := range c.preview.Config {
		change := &c.preview.Config[i]
		if change.Kind != "Playbook" || change.Action != Created {
			continue
		}
		n := slices.IndexFunc(c.configured.Playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == change.Name })
		pb := c.configured.Playbooks[n]
		for _, previous := range pb.Spec.PreviousNames {
			if was := gone[previous]; was != nil && c.head.NowCalled(previous) == pb.Name {
				change.Action = Updated
				fields, more := fieldChanges(content(was.Labels, was.Annotations, &was.Spec), content(pb.Labels, pb.Annotations, &pb.Spec), maxFields-1)
				change.Fields, change.More = append([]FieldChange{{Path: "metadata.name", Before: previous, After: pb.Name}}, fields...), more
				delete(gone, previous)
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		c.hintAtRename(gone[name])
	}
	c.preview.Config = slices.DeleteFunc(c.preview.Config, func(change ConfigChange) bool {
		return change.Kind == "Playbook" && change.Action == Deleted && gone[change.Name] == nil
	})
}

// hintAtRename says of a new playbook that does what one does which goes, that the two are not the same to the operator.
func (c *comparison) hintAtRename(was *v1alpha1.Playbook) {
	for i := range c.preview.Config {
		change := &c.preview.Config[i]
		if change.Kind != "Playbook" || change.Action != Created || change.Hint != "" {
			continue
		}
		n := slices.IndexFunc(c.configured.Playbooks, func(pb *v1alpha1.Playbook) bool { return pb.Name == change.Name })
		pb := c.configured.Playbooks[n]
		if equality.Semantic.DeepEqual(was.Spec.Triggers, pb.Spec.Triggers) || equality.Semantic.DeepEqual(was.Spec.Steps, pb.Spec.Steps) {
			change.Hint = fmt.Sprintf("it does what %s does, which goes: if it is the same under another name, write previousNames: [%s], "+
				"or its work is made again and the old work is left to people", was.Name, was.Name)
			return
		}
	}
}

// facts says how old what is known of the sources is.
func (c *comparison) facts() {
	for _, ds := range c.configured.DataSources {
		facts := Facts{Source: ds.Name}
		if c.configured.Sources != nil {
			if read := c.configured.Sources.ReadTime(ds.Name); !read.IsZero() {
				facts.ReadTime = &read
				facts.Age = age(c.now.Sub(read))
			}
		}
		c.preview.Facts = append(c.preview.Facts, facts)
	}
}

// age writes for how long something has been so: its largest unit, and the next one while it is short.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		d = d.Truncate(time.Second)
	case d < value.Day:
		d = d.Truncate(time.Minute)
	default:
		d = d.Truncate(time.Hour)
	}
	return string(value.FormatDuration(d))
}

// references notes the models and playbooks of the head that read what is not there. Their accounts are evaluated all the
// same, as the operator does: what is not there cannot be read.
func (c *comparison) references() {
	before := map[Problem]bool{}
	for _, p := range missingReferences(c.in.Base) {
		before[p] = true
	}
	for _, p := range missingReferences(c.configured) {
		if !before[p] {
			c.problem(p.Kind, p.Name, "%s", p.Message)
		}
	}
}

// missingReferences lists what refers to something that is not there.
func missingReferences(w *fleet.World) (missing []Problem) {
	declared, sources, playbooks := map[v1alpha1.MetricReference]bool{}, map[string]bool{}, map[string]bool{}
	for _, ds := range w.DataSources {
		sources[ds.Name] = true
		for i := range ds.Spec.Metrics {
			declared[v1alpha1.MetricReference{Source: ds.Name, Metric: ds.Spec.Metrics[i].Name}] = true
		}
	}
	for _, pb := range w.Playbooks {
		playbooks[pb.Name] = true
	}
	renames := playbook.RenamesOf(w.Playbooks)
	note := func(kind, name, path, what string) {
		missing = append(missing, Problem{Kind: kind, Name: name, Message: path + ": " + what + " is not there"})
	}
	metric := func(kind, name, path string, ref v1alpha1.MetricReference) {
		switch {
		case !sources[ref.Source]:
			note(kind, name, path, "DataSource "+ref.Source)
		case !declared[ref]:
			note(kind, name, path, fmt.Sprintf("metric %s of DataSource %s", ref.Metric, ref.Source))
		}
	}
	for _, m := range w.Models {
		if compiled, err := score.Compile(m); err == nil {
			for _, read := range compiled.ReadsAt() {
				metric("HealthScoreModel", m.Name, read.Path, read.Ref)
			}
		}
	}
	for _, pb := range w.Playbooks {
		for _, read := range playbookReads(pb) {
			metric("Playbook", pb.Name, read.path, read.ref)
		}
		for _, name := range renames.NowAll(pb.Spec.InhibitedBy) {
			if !playbooks[name] {
				note("Playbook", pb.Name, "spec.inhibitedBy", "Playbook "+name)
			}
		}
	}
	return missing
}

// readAt is a metric and what of a playbook reads it, as a path of a field and in words.
type readAt struct {
	path, words string
	ref         v1alpha1.MetricReference
}

// playbookReads returns the metrics that a playbook reads: its triggers', then those of its steps. It reads none where it
// does not compile.
func playbookReads(pb *v1alpha1.Playbook) []readAt {
	compiled, err := playbook.Compile(pb)
	if err != nil {
		return nil
	}
	var reads []readAt
	for i := range pb.Spec.Triggers {
		t := &pb.Spec.Triggers[i]
		path := "spec.triggers[" + t.Name + "]"
		for _, ref := range triggerReads(t) {
			reads = append(reads, readAt{path, "trigger " + t.Name, ref})
		}
	}
	for _, ref := range compiled.Reads() {
		if !slices.ContainsFunc(reads, func(r readAt) bool { return r.ref == ref }) {
			reads = append(reads, readAt{"spec.steps", "steps", ref})
		}
	}
	return reads
}

// triggerReads returns the metrics that a trigger reads.
func triggerReads(t *v1alpha1.Trigger) []v1alpha1.MetricReference {
	var from v1alpha1.ValueFrom
	switch {
	case t.Value != nil:
		from = t.Value.From
	case t.NoData != nil:
		from = t.NoData.From
	case t.Expression != "":
		if program, err := expr.CompileBool(expr.ContextTrigger, t.Expression); err == nil {
			return program.Reads().Metrics
		}
	}
	if from.Source == "" {
		return nil
	}
	return []v1alpha1.MetricReference{{Source: from.Source, Metric: from.Metric}}
}

// noData lists what the head reads of accounts and nothing is known of yet.
func (c *comparison) noData() {
	type reader struct {
		name string
		ref  v1alpha1.MetricReference
	}
	accounts := map[reader]int{}
	readers := c.readers()
	for _, a := range c.head.Accounts() {
		unknown := c.head.Unknown(a.Name)
		if len(unknown) == 0 {
			continue
		}
		under := map[string]bool{}
		model, playbooks := c.head.Under(a.Name)
		if model != nil {
			under["HealthScoreModel/"+model.Name] = true
		}
		for _, pb := range playbooks {
			under["Playbook/"+pb.Name] = true
		}
		for name := range under {
			for _, read := range readers[name] {
				if slices.Contains(unknown, read.ref) {
					accounts[reader{name + " " + read.words, read.ref}]++
				}
			}
		}
	}
	for r, n := range accounts {
		c.preview.NoData = append(c.preview.NoData, NoData{Reader: r.name, Source: r.ref.Source, Metric: r.ref.Metric, Accounts: n})
	}
	slices.SortFunc(c.preview.NoData, func(a, b NoData) int {
		return cmp.Or(cmp.Compare(a.Reader, b.Reader), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Metric, b.Metric))
	})
}

// readers returns what each model and playbook of the head reads.
func (c *comparison) readers() map[string][]readAt {
	readers := map[string][]readAt{}
	for _, m := range c.configured.Models {
		compiled, err := score.Compile(m)
		if err != nil {
			continue
		}
		for _, read := range compiled.ReadsAt() {
			words := readAt{words: wordsOf(read.Path), ref: read.Ref}
			if name := "HealthScoreModel/" + m.Name; !slices.Contains(readers[name], words) {
				readers[name] = append(readers[name], words)
			}
		}
	}
	for _, pb := range c.configured.Playbooks {
		for _, read := range playbookReads(pb) {
			read.path = ""
			if name := "Playbook/" + pb.Name; !slices.Contains(readers[name], read) {
				readers[name] = append(readers[name], read)
			}
		}
	}
	return readers
}

// wordsOf names what of a model reads a metric: measure dau-mau of spec.measures[dau-mau].from.
func wordsOf(path string) string {
	for _, part := range []struct{ list, word string }{{"spec.measures[", "measure"}, {"spec.rules[", "rule"}} {
		if name, ok := cutBetween(path, part.list, "]"); ok {
			return fmt.Sprintf("%s %s", part.word, name)
		}
	}
	return path
}
