package preview

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/score"
)

// references notes the models and playbooks of the head that read what is not there, or what is of a type that they cannot
// use. Their accounts are evaluated all the same, as the operator does: what is not there cannot be read.
func (c *comparison) references() {
	before := map[Problem]bool{}
	for _, p := range wrongReferences(c.in.Base) {
		before[p] = true
	}
	for _, p := range wrongReferences(c.configured) {
		if !before[p] {
			c.problem(p.Kind, p.Name, "%s", p.Message)
		}
	}
}

// wrongReferences lists what refers to something that is not there, or is of another type.
func wrongReferences(w *fleet.World) (wrong []Problem) {
	declared, sources, playbooks := expr.Declared{}, map[string]bool{}, map[string]bool{}
	for _, ds := range w.DataSources {
		sources[ds.Name] = true
		for i := range ds.Spec.Metrics {
			declared[v1alpha1.MetricReference{Source: ds.Name, Metric: ds.Spec.Metrics[i].Name}] = ds.Spec.Metrics[i].Type
		}
	}
	for _, pb := range w.Playbooks {
		playbooks[pb.Name] = true
	}
	renames := playbook.RenamesOf(w.Playbooks)
	note := func(kind, name, path, what string) {
		wrong = append(wrong, Problem{Kind: kind, Name: name, Message: path + ": " + what + " is not there"})
	}
	misfit := func(kind, name string, misfits []expr.Misfit) {
		for _, misfit := range misfits {
			wrong = append(wrong, Problem{Kind: kind, Name: name, Message: misfit.String() + ": it has no result on any account"})
		}
	}
	metric := func(kind, name, path string, ref v1alpha1.MetricReference) {
		switch {
		case !sources[ref.Source]:
			note(kind, name, path, "DataSource "+ref.Source)
		case declared[ref] == "":
			note(kind, name, path, fmt.Sprintf("metric %s of DataSource %s", ref.Metric, ref.Source))
		}
	}
	for _, m := range w.Models {
		if compiled, err := score.Compile(m); err == nil {
			for _, read := range compiled.ReadsAt() {
				metric("HealthScoreModel", m.Name, read.Path, read.Ref)
			}
			misfit("HealthScoreModel", m.Name, compiled.Misfits(declared))
		}
	}
	for _, pb := range w.Playbooks {
		if compiled, err := playbook.Compile(pb); err == nil {
			for _, read := range readsOf(pb, compiled) {
				metric("Playbook", pb.Name, read.path, read.ref)
			}
			misfit("Playbook", pb.Name, compiled.Misfits(declared))
		}
		for _, name := range renames.NowAll(pb.Spec.InhibitedBy) {
			if !playbooks[name] {
				note("Playbook", pb.Name, "spec.inhibitedBy", "Playbook "+name)
			}
		}
	}
	return wrong
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
	return readsOf(pb, compiled)
}

// readsOf is playbookReads of one that is compiled.
func readsOf(pb *v1alpha1.Playbook, compiled *playbook.Playbook) []readAt {
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
