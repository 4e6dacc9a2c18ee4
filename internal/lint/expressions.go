package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/manifest"
)

// form is how an expression is written.
type form int

const (
	isBool   form = iota // true or false
	isValue              // a value of any type
	isNumber             // a score
	isText               // text with ${} in it
)

// snippet is an expression, or a text with some, and its field.
type snippet struct {
	field   string
	source  string
	context expr.Context
	form    form
	// step that it belongs to; empty for what is of no step.
	step v1alpha1.StepName
	// reads and forms are what is to be said of it.
	reads expr.Reads
	forms []expr.Form
}

// readsOf returns what a snippet reads; nothing where it does not compile, which compile says.
func readsOf(s snippet) expr.Reads {
	switch s.form {
	case isText:
		if text, err := expr.CompileText(s.context, s.source); err == nil {
			return text.Reads()
		}
	case isValue:
		if program, err := expr.CompileValue(s.context, v1alpha1.Expression(s.source)); err == nil {
			return program.Reads()
		}
	case isNumber:
		if program, err := expr.CompileNumber(s.context, v1alpha1.Expression(s.source)); err == nil {
			return program.Reads()
		}
	default:
		if program, err := expr.CompileBool(s.context, v1alpha1.Expression(s.source)); err == nil {
			return program.Reads()
		}
	}
	return expr.Reads{}
}

// formsOf returns the forms of the expressions of a snippet.
func formsOf(s snippet) []expr.Form {
	if s.form == isText {
		return expr.FormsIn(s.source)
	}
	return []expr.Form{expr.FormOf(s.source)}
}

// snippets returns all expressions of an object, with what is to be said of them.
func (c *checker) snippets(o *manifest.Object) []snippet {
	found, known := c.reading[o]
	if known {
		return found
	}
	found = snippetsOf(o)
	for i := range found {
		found[i].reads, found[i].forms = readsOf(found[i]), formsOf(found[i])
	}
	c.reading[o] = found
	return found
}

// snippetsOf returns all expressions of an object.
func snippetsOf(o *manifest.Object) []snippet {
	var found []snippet
	switch of := o.Typed.(type) {
	case *v1alpha1.HealthScoreModel:
		found = modelSnippets(&of.Spec)
	case *v1alpha1.Playbook:
		found = playbookSnippets(&of.Spec)
	case *v1alpha1.AccountSet:
		t := of.Spec.Template
		found = []snippet{
			{field: "spec.template.key", source: t.Key, context: expr.ContextRow, form: isText},
			{field: "spec.template.name", source: t.Name, context: expr.ContextRow, form: isText},
		}
		for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
			found = append(found, snippet{field: "spec.template.labels[" + key + "]", source: t.Labels[key], context: expr.ContextRow, form: isText})
		}
		for _, s := range o.Scalars() {
			if text, is := s.Value.(string); is && under(s.Path, "spec.template.spec") {
				found = append(found, snippet{field: s.Path, source: text, context: expr.ContextRow, form: isText})
			}
		}
	}
	return slices.DeleteFunc(found, func(s snippet) bool { return s.source == "" })
}

func modelSnippets(spec *v1alpha1.HealthScoreModelSpec) []snippet {
	var found []snippet
	for i := range spec.Measures {
		m := &spec.Measures[i]
		at := fmt.Sprintf("spec.measures[%s]", m.Name)
		found = append(found, snippet{field: at + ".from.expression", source: string(m.From.Expression), context: expr.ContextMeasure, form: isValue})
		if m.Scale != nil {
			found = append(found, snippet{field: at + ".scale.expression", source: string(m.Scale.Expression), context: expr.ContextScale, form: isNumber})
		}
	}
	for _, r := range spec.Rules {
		found = append(found, snippet{field: fmt.Sprintf("spec.rules[%s].when", r.Name), source: string(r.When), context: expr.ContextRule})
	}
	return found
}

func playbookSnippets(spec *v1alpha1.PlaybookSpec) []snippet {
	var found []snippet
	for _, t := range spec.Triggers {
		found = append(found, snippet{field: fmt.Sprintf("spec.triggers[%s].expression", t.Name), source: string(t.Expression), context: expr.ContextTrigger})
	}
	for i := range spec.Steps {
		s := &spec.Steps[i]
		at := fmt.Sprintf("spec.steps[%s].", s.Name)
		of := func(field, source string, f form) {
			found = append(found, snippet{field: at + field, source: source, context: expr.ContextStep, form: f, step: s.Name})
		}
		of("when", string(s.When), isBool)
		of("doneWhen", string(s.DoneWhen), isBool)
		of("title", s.Title, isText)
		of("description", s.Description, isText)
		of("assignee", s.Assignee, isText)
		for _, key := range slices.Sorted(maps.Keys(s.Input)) {
			of("input["+key+"]", string(s.Input[key]), isText)
		}
		for n, stage := range s.Escalation {
			of(fmt.Sprintf("escalation[%d].assignee", n), stage.Assignee, isText)
		}
	}
	return found
}

// expressions checks what the expressions of an object read and compare.
func (c *checker) expressions(o *manifest.Object) {
	for _, s := range c.snippets(o) {
		reads := s.reads
		for _, ref := range reads.Metrics {
			c.metric(o, s.field, ref)
		}
		if _, isPlaybook := o.Typed.(*v1alpha1.Playbook); isPlaybook {
			c.measuresOf(o, s.field, reads.Measures)
		}
		c.columns(o, s.field, reads.Row)
		for _, f := range s.forms {
			c.form(o, s, f)
		}
		c.maybeMissing(o, s, reads.Outcomes)
	}
}

// measuresOf checks that some model has the measures that a playbook reads.
func (c *checker) measuresOf(o *manifest.Object, field string, names []string) {
	known := c.index.measures(o)
	if len(known) == 0 {
		return
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			c.add(RuleReference, c.absent(), o, field, "no model has a measure %q%s", name, hintFor(name, known))
		}
	}
}

// columns checks that the source of an AccountSet has the columns that its template reads.
func (c *checker) columns(o *manifest.Object, field string, columns []string) {
	set, isSet := o.Typed.(*v1alpha1.AccountSet)
	if !isSet {
		return
	}
	source, found := named[*v1alpha1.DataSource](c.index, o, set.Spec.SourceRef.Name)
	if !found {
		return
	}
	known := []string{source.Spec.Account.Field}
	for i := range source.Spec.Metrics {
		known = append(known, source.Spec.Metrics[i].Name)
	}
	for _, column := range columns {
		if !slices.Contains(known, column) {
			c.add(RuleReference, Error, o, field, "row.%s: DataSource/%s has no such metric%s", column, source.Name, hintFor(column, known))
		}
	}
}

// form checks what can be said of an expression from its form.
func (c *checker) form(o *manifest.Object, s snippet, f expr.Form) {
	for _, division := range f.Divisions {
		a, b, _ := strings.Cut(division, "/")
		c.add(RuleDivision, Warning, o, s.field, "%s is a division of whole numbers, which drops what is left over: write %s.0/%s", division, a, b)
	}
	if f.Constant != nil && s.form == isBool {
		c.add(RuleConstant, Warning, o, s.field, "%s", constantly(s, *f.Constant))
	}
	for _, comparison := range f.Comparisons {
		switch name := strings.Join(comparison.Path, "."); {
		case slices.Contains([]string{"health.band", "health.lastBand", "health.previousBand"}, name):
			c.bandWords(o, s.field, comparison.Words, true)
		case name == "account.spec.touchModel":
			for _, word := range comparison.Words {
				if known := []string{"HighTouch", "MidTouch", "TechTouch"}; word != "" && !slices.Contains(known, word) {
					c.add(RuleReference, Error, o, s.field, "%q is no touchModel%s", word, hintFor(word, known))
				}
			}
		case name == "account.spec.lifecycleStage":
			c.stages(o, s.field, comparison.Words)
		}
	}
}

// constantly says what a condition that never changes means.
func constantly(s snippet, always bool) string {
	_, name := path(s.field)
	switch {
	case name == "when" && s.step != "" && !always:
		return "it is always false: the step is always skipped; delete the step, or say when it is to be done"
	case name == "when" && s.step != "":
		return "it is always true: leave it out"
	case name == "doneWhen" && always:
		return "it is always true: the task closes as soon as it opens"
	case name == "doneWhen":
		return "it is always false: leave it out"
	case name == "expression" && always:
		return "it is always true: every selected account has a run, once"
	case name == "when" && always:
		return "it is always true: the rule holds for every account"
	}
	return "it is always false: nothing comes of it"
}

// bandWords checks that some model has bands of these names.
func (c *checker) bandWords(o *manifest.Object, field string, words []string, unknownIsOne bool) {
	known := c.index.bands(o)
	if len(known) == 0 {
		return
	}
	for _, word := range words {
		switch {
		case slices.Contains(known, word), word == "", unknownIsOne && word == string(v1alpha1.BandUnknown):
		case word == string(v1alpha1.BandUnknown): // compile says it
		default:
			c.add(RuleBand, c.absent(), o, field, "no model has a band %s%s", word, hintFor(word, known))
		}
	}
}

// maybeMissing warns of outcomes that may not be there where a snippet does not ask: the step before may have been skipped,
// or closed by itself.
func (c *checker) maybeMissing(o *manifest.Object, s snippet, outcomes []string) {
	pb, isPlaybook := o.Typed.(*v1alpha1.Playbook)
	if !isPlaybook {
		return
	}
	var asked [][]string
	for _, f := range append(slices.Clone(s.forms), whenOf(pb, s.step)) {
		asked = append(asked, f.Asked...)
	}
	if _, last := path(s.field); last == "when" && onlyOutcomes(s.source) {
		return // it is not true then, and the step is skipped: what the author means
	}
	for _, name := range outcomes {
		i := slices.IndexFunc(pb.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return string(s.Name) == name })
		if i < 0 || slices.ContainsFunc(asked, func(p []string) bool { return slices.Equal(p, []string{"outcomes", name}) }) {
			continue
		}
		why := ""
		switch step := &pb.Spec.Steps[i]; {
		case len(step.Outcomes) == 0:
			continue // compile says it
		case step.When != "":
			why = "may be skipped by its when"
		case step.IfPast == v1alpha1.IfPastSkip:
			why = "may be skipped because its time is over"
		case step.DoneWhen != "":
			why = "may be closed by its doneWhen"
		default:
			continue
		}
		then := "the text then shows <no value>"
		if s.form == isBool {
			then = "nobody knows then whether this holds"
		}
		c.add(RuleOutcome, Warning, o, s.field, "the step %s %s, and has no outcome then: %s; ask has(outcomes['%s']) first", name, why, then, name)
	}
}

// compared is a comparison of an outcome with a word, and compares one or several of them.
const compared = `\(*outcomes(?:\.\w+|\['[^']*'\]|\["[^"]*"\]) ?== ?(?:'[^'\\]*'|"[^"\\]*")\)*`

var compares = regexp.MustCompile(`^` + compared + `(?: ?(?:&&|\|\|) ?` + compared + `)*$`)

// onlyOutcomes reports whether a condition does nothing but compare outcomes with words.
func onlyOutcomes(source string) bool {
	return compares.MatchString(strings.Join(strings.Fields(source), " "))
}

// whenOf is the form of the condition of a step: what it asks need not be asked again.
func whenOf(pb *v1alpha1.Playbook, name v1alpha1.StepName) expr.Form {
	for i := range pb.Spec.Steps {
		if pb.Spec.Steps[i].Name == name {
			return expr.FormOf(string(pb.Spec.Steps[i].When))
		}
	}
	return expr.Form{}
}
