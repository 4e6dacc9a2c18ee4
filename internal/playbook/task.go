package playbook

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
	"github.com/perennial-dev/perennial/internal/value"
)

// The longest texts that a task holds, in characters.
const (
	maxTitle       = 512
	maxDescription = 8192
	maxAssignee    = 253
	maxInput       = 4096
)

// newTask makes the task of a step. What is wrong with its texts becomes a text error, never a lost task.
func (p *planner) newTask(s *v1alpha1.PlaybookStep, parts []stepPart) *v1alpha1.Task {
	task := &v1alpha1.Task{
		ObjectMeta: metav1.ObjectMeta{
			Name:      TaskName(p.run.Name, s.Name),
			Namespace: p.run.Namespace,
			Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
				v1alpha1.LabelAccount:   LabelValue(p.run.Spec.AccountRef.Name),
				v1alpha1.LabelPlaybook:  LabelValue(p.run.Spec.PlaybookRef.Name),
				v1alpha1.LabelRun:       LabelValue(p.run.Name),
			},
			OwnerReferences: []metav1.OwnerReference{ownedBy("PlaybookRun", &p.run.ObjectMeta)},
		},
		Spec: v1alpha1.TaskSpec{
			AccountRef:  p.run.Spec.AccountRef,
			RunRef:      &v1alpha1.LocalReference{Name: p.run.Name},
			Step:        s.Name,
			Title:       p.title(s, parts),
			Description: p.description(s, parts),
			State:       v1alpha1.WorkOpen,
			Outcomes:    slices.Clone(s.Outcomes),
			Assignee:    p.assignee(s, parts),
			Priority:    cmp.Or(s.Priority, v1alpha1.PriorityMedium),
			Input:       p.input(s, parts),
		},
	}
	for _, line := range s.Checklist {
		task.Spec.Checklist = append(task.Spec.Checklist, v1alpha1.ChecklistItem{Name: line})
	}
	return task
}

// title is the task's title in one line; the step's name where the text gives nothing.
func (p *planner) title(s *v1alpha1.PlaybookStep, parts []stepPart) string {
	text, _ := p.render(s, parts, fieldTitle, s.Title)
	return value.Shorten(cmp.Or(strings.Join(strings.Fields(text), " "), string(s.Name)), maxTitle)
}

// description is the task's description.
func (p *planner) description(s *v1alpha1.PlaybookStep, parts []stepPart) string {
	text, _ := p.render(s, parts, fieldDescription, s.Description)
	return value.Shorten(text, maxDescription)
}

// assignee is who the task goes to from the beginning; empty where that follows the account: the status says who has it
// then, also where the step names nobody, or cannot be evaluated.
func (p *planner) assignee(s *v1alpha1.PlaybookStep, parts []stepPart) string {
	text, ok := p.render(s, parts, fieldAssignee, "")
	i := slices.IndexFunc(parts, func(part stepPart) bool { return part.field == fieldAssignee })
	if !ok || i < 0 || follows(parts[i].reads) {
		return ""
	}
	return value.Shorten(strings.TrimSpace(text), maxAssignee)
}

// input is the task's input.
func (p *planner) input(s *v1alpha1.PlaybookStep, parts []stepPart) map[string]v1alpha1.TaskInput {
	if len(s.Input) == 0 {
		return nil
	}
	input := map[string]v1alpha1.TaskInput{}
	for _, key := range slices.Sorted(maps.Keys(s.Input)) {
		text, _ := p.render(s, parts, inputField(key), string(s.Input[key]))
		input[key] = v1alpha1.TaskInput(value.Shorten(text, maxInput))
	}
	return input
}

// render fills a field's text in, and reports whether all of it could be. A text that does not compile stays as written.
func (p *planner) render(s *v1alpha1.PlaybookStep, parts []stepPart, field, written string) (string, bool) {
	i := slices.IndexFunc(parts, func(part stepPart) bool { return part.field == field })
	if i < 0 {
		return "", true
	}
	if parts[i].err != nil {
		p.textError(s, field, parts[i].err)
		return written, false
	}
	text, errs := parts[i].text.Render(p.vars)
	for _, err := range errs {
		p.textError(s, field, err)
	}
	return text, len(errs) == 0
}

// textError notes an expression of a step that could not be evaluated.
func (p *planner) textError(s *v1alpha1.PlaybookStep, field string, err error) {
	p.plan.TextErrors = append(p.plan.TextErrors, fmt.Sprintf("steps[%s].%s: %v", s.Name, field, err))
}

// stepVars are the values that the expressions of a step read. A metric whose source cannot be read now, and of which no
// value is in memory, has the value that the account's health remembers.
func stepVars(v View, now time.Time) *expr.Vars {
	vars := &expr.Vars{
		Now: now, Location: v.location(), Account: v.Account, Health: v.Health,
		Metrics:  make(map[v1alpha1.MetricReference]value.Value, len(v.Facts)),
		Measures: map[string]expr.MeasureValue{},
		Outcomes: map[string]string{},
	}
	for ref := range v.Facts {
		if known, ok := v.metric(ref); ok {
			vars.Metrics[ref] = known
		}
	}
	if v.Health == nil {
		return vars
	}
	for _, m := range v.Health.Measures {
		vars.Measures[m.Name] = measureValue(m)
	}
	return vars
}

// varsOf are those of the values of stepVars that one expression reads: all of them is much more work.
func varsOf(v View, now time.Time, reads expr.Reads) *expr.Vars {
	vars := &expr.Vars{Now: now, Location: v.location(), Account: v.Account, Health: v.Health, Outcomes: map[string]string{}}
	if len(reads.Metrics) > 0 {
		vars.Metrics = make(map[v1alpha1.MetricReference]value.Value, len(reads.Metrics))
	}
	for _, ref := range reads.Metrics {
		if known, ok := v.metric(ref); ok {
			vars.Metrics[ref] = known
		}
	}
	if len(reads.Measures) == 0 || v.Health == nil {
		return vars
	}
	vars.Measures = make(map[string]expr.MeasureValue, len(reads.Measures))
	for _, m := range v.Health.Measures {
		if slices.Contains(reads.Measures, m.Name) {
			vars.Measures[m.Name] = measureValue(m)
		}
	}
	return vars
}

// metric returns a metric as expressions see it; false where it has no value.
func (v View) metric(ref v1alpha1.MetricReference) (value.Value, bool) {
	observation, ok := v.Facts[ref]
	switch {
	case ok && observation.Value != nil:
		return *observation.Value, true
	case !ok || observation.State != v1alpha1.ValueErrored || v.Health == nil:
		return value.Value{}, false
	}
	for i := range v.Health.Facts {
		f := &v.Health.Facts[i]
		if f.Source != ref.Source || f.Metric != ref.Metric || f.Value == "" {
			continue
		}
		if remembered, err := value.Parse(observation.Type, f.Value); err == nil {
			return remembered, true
		}
	}
	return value.Value{}, false
}

// measureValue is a measure as expressions see it. A status does not say which type a value had: what reads as a number
// is one.
func measureValue(m v1alpha1.MeasureScore) expr.MeasureValue {
	out := expr.MeasureValue{Score: m.Score}
	if m.Value == "" {
		return out
	}
	val, err := value.Parse(v1alpha1.MetricNumber, m.Value)
	if err != nil {
		val = value.Category(m.Value)
	}
	out.Value = &val
	return out
}

// workState is what a person says of a task; Open where they say nothing.
func workState(t *v1alpha1.Task) v1alpha1.TaskWorkState {
	return cmp.Or(t.Spec.State, v1alpha1.WorkOpen)
}

// touched reports whether somebody has worked on a task. Another title, due time, assignee or priority alone is no work.
func touched(t *v1alpha1.Task) bool {
	done := slices.ContainsFunc(t.Spec.Checklist, func(item v1alpha1.ChecklistItem) bool { return item.Done })
	return workState(t) != v1alpha1.WorkOpen || t.Spec.Note != "" || t.Spec.Outcome != "" || t.Spec.Snooze != nil || t.Spec.CompletedBy != "" || done
}
