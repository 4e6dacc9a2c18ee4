package playbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

// steps checks the steps and returns the metrics that their texts and conditions read.
func (c *compiler) steps() []v1alpha1.MetricReference {
	if len(c.spec.Steps) == 0 {
		c.errs = append(c.errs, field.Required(specPath("steps"), "at least one"))
	}
	before, ok := c.order()
	_, errs := newCalendar(c.spec.Calendar, time.UTC, specPath("calendar"))
	c.errs = append(c.errs, errs...)
	var metrics []v1alpha1.MetricReference
	for i := range c.spec.Steps {
		s := &c.spec.Steps[i]
		path := specPath("steps").Key(string(s.Name))
		c.stepTime(path.Child("opens"), s.Opens)
		c.stepTime(path.Child("due"), s.Due)
		c.escalation(path.Child("escalation"), s.Escalation)
		c.checklist(path.Child("checklist"), s.Checklist)
		for _, part := range uncached.step(s) {
			if part.err != nil {
				c.invalid(path.Child(part.field), field.OmitValueType{}, part.err.Error())
				continue
			}
			metrics = append(metrics, part.reads.Metrics...)
			c.fits(path.Child(part.field), part.misfit)
			if ok {
				c.outcomes(path.Child(part.field), part.reads.Outcomes, before[s.Name])
				c.outcomeWords(path.Child(part.field), part)
			}
		}
	}
	return metrics
}

// order checks the names and the order of the steps. It returns, for each step, every step that is finished before it,
// and false where the order is wrong.
func (c *compiler) order() (map[v1alpha1.StepName]stepSet, bool) {
	byName := map[v1alpha1.StepName]bool{}
	ok := true
	for _, s := range c.spec.Steps {
		if byName[s.Name] {
			c.errs = append(c.errs, field.Duplicate(specPath("steps").Key(string(s.Name)), s.Name))
			ok = false
		}
		byName[s.Name] = true
	}
	for _, s := range c.spec.Steps {
		for _, a := range s.After {
			if !byName[a] {
				c.errs = append(c.errs, field.NotFound(specPath("steps").Key(string(s.Name)).Child("after"), a))
				ok = false
			}
		}
	}
	if !ok {
		return nil, false
	}
	order, cycle := stepOrder(c.spec.Steps)
	if len(cycle) > 0 {
		path := specPath("steps").Key(string(cycle[0])).Child("after")
		c.invalid(path, field.OmitValueType{}, "the steps wait for each other: "+joinSteps(cycle))
		return nil, false
	}
	before := map[v1alpha1.StepName]stepSet{}
	for _, i := range order {
		s := c.spec.Steps[i]
		// A set: the number of ways from one step to another may double with each step.
		earlier := stepSet{}
		for _, a := range s.After {
			earlier[a] = true
			maps.Copy(earlier, before[a])
		}
		before[s.Name] = earlier
	}
	return before, true
}

// stepSet holds steps, each once.
type stepSet map[v1alpha1.StepName]bool

// outcomes checks that an expression reads the outcomes of earlier steps alone: no other is known when it is evaluated.
func (c *compiler) outcomes(path *field.Path, reads []string, before stepSet) {
	for _, name := range reads {
		if !before[v1alpha1.StepName(name)] {
			c.invalid(path, field.OmitValueType{}, fmt.Sprintf("outcomes[%q]: no such step before this one; name it in after", name))
		}
	}
}

// outcomeWords checks that the steps offer the outcomes with which they are compared: a word that is misspelt would never come.
func (c *compiler) outcomeWords(path *field.Path, part stepPart) {
	for _, form := range part.forms() {
		for _, comparison := range form.Comparisons {
			if len(comparison.Path) != 2 || comparison.Path[0] != "outcomes" {
				continue
			}
			name := comparison.Path[1]
			i := slices.IndexFunc(c.spec.Steps, func(s v1alpha1.PlaybookStep) bool { return string(s.Name) == name })
			if i < 0 {
				continue // no such step
			}
			offered := c.spec.Steps[i].Outcomes
			for _, word := range comparison.Words {
				switch {
				case word == "" || slices.Contains(offered, v1alpha1.Outcome(word)):
				case len(offered) == 0:
					c.invalid(path, field.OmitValueType{}, fmt.Sprintf("outcomes[%q]: the step offers no outcomes, so it never ends with %s: give it outcomes: [%s]", name, word, word))
				default:
					c.invalid(path, field.OmitValueType{}, fmt.Sprintf("outcomes[%q]: the step never ends with %s; there are %s", name, word, joinOutcomes(offered)))
				}
			}
		}
	}
}

// joinOutcomes lists outcomes.
func joinOutcomes(outcomes []v1alpha1.Outcome) string {
	words := make([]string, len(outcomes))
	for i, o := range outcomes {
		words[i] = string(o)
	}
	return strings.Join(words, ", ")
}

// checklist checks that no two lines are the same: a task knows its lines by their text.
func (c *compiler) checklist(path *field.Path, lines []v1alpha1.ChecklistText) {
	for i, line := range lines {
		if slices.Contains(lines[:i], line) {
			c.errs = append(c.errs, field.Duplicate(path.Index(i), line))
		}
	}
}

// stepOrder returns the indexes of the steps so that each comes after those it waits for, and otherwise as written. Where
// some wait for each other it returns them instead. A step that does not exist is not waited for.
func stepOrder(steps []v1alpha1.PlaybookStep) (order []int, cycle []v1alpha1.StepName) {
	waiting := map[v1alpha1.StepName]bool{}
	for _, s := range steps {
		waiting[s.Name] = true
	}
	for len(waiting) > 0 {
		found := false
		for i, s := range steps {
			if !waiting[s.Name] || slices.ContainsFunc(s.After, func(a v1alpha1.StepName) bool { return waiting[a] }) {
				continue
			}
			delete(waiting, s.Name)
			order = append(order, i)
			found = true
		}
		if !found {
			return nil, findCycle(steps, waiting)
		}
	}
	return order, nil
}

// findCycle follows steps of which each waits for another one, until one comes again.
func findCycle(steps []v1alpha1.PlaybookStep, waiting map[v1alpha1.StepName]bool) []v1alpha1.StepName {
	waitsFor := map[v1alpha1.StepName]v1alpha1.StepName{}
	var at v1alpha1.StepName
	for _, s := range slices.Backward(steps) {
		if !waiting[s.Name] {
			continue
		}
		at = s.Name
		i := slices.IndexFunc(s.After, func(a v1alpha1.StepName) bool { return waiting[a] })
		waitsFor[s.Name] = s.After[i]
	}
	var path []v1alpha1.StepName
	for !slices.Contains(path, at) {
		path = append(path, at)
		at = waitsFor[at]
	}
	return append(path[slices.Index(path, at):], at)
}

// joinSteps writes steps in the order in which they wait.
func joinSteps(names []v1alpha1.StepName) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, " after ")
}

// uncached compiles every time.
var uncached *Cache

// stepPart is one compiled expression or text of a step.
type stepPart struct {
	field   string
	reads   expr.Reads
	err     error
	program *expr.Program
	text    *expr.Text
}

// misfit says where the part cannot use the types that sources declare.
func (part stepPart) misfit(declared expr.Declared) error {
	if part.program != nil {
		return part.program.Misfit(declared)
	}
	return part.text.Misfit(declared)
}

// forms are what can be said of the part's expressions from their form.
func (part stepPart) forms() []expr.Form {
	if part.program != nil {
		return []expr.Form{part.program.Form()}
	}
	return part.text.Forms()
}

// The fields of a step that hold expressions.
const (
	fieldWhen        = "when"
	fieldDoneWhen    = "doneWhen"
	fieldTitle       = "title"
	fieldDescription = "description"
	fieldAssignee    = "assignee"
)

// inputField is the field of one value of a step's input.
func inputField(key string) string { return "input[" + key + "]" }

// step compiles what a step has of expressions and texts, by field, when first.
func (c *Cache) step(s *v1alpha1.PlaybookStep) []stepPart {
	var parts []stepPart
	for _, e := range []struct {
		field      string
		expression v1alpha1.Expression
	}{{fieldWhen, s.When}, {fieldDoneWhen, s.DoneWhen}} {
		if e.expression != "" {
			parts = append(parts, c.expression(e.field, e.expression))
		}
	}
	for _, t := range []struct{ field, text string }{
		{fieldTitle, s.Title}, {fieldDescription, s.Description}, {fieldAssignee, s.Assignee},
	} {
		if t.text != "" {
			parts = append(parts, c.text(t.field, t.text))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Input)) {
		parts = append(parts, c.text(inputField(key), string(s.Input[key])))
	}
	return parts
}
