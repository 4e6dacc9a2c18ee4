package playbook

import (
	"cmp"
	"fmt"
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
	return shorten(cmp.Or(strings.Join(strings.Fields(text), " "), string(s.Name)), maxTitle)
}

// description is the task's description.
func (p *planner) description(s *v1alpha1.PlaybookStep, parts []stepPart) string {
	text, _ := p.render(s, parts, fieldDescription, s.Description)
	return shorten(text, maxDescription)
}

// assignee is who the task goes to: the account's owner where the step names nobody, or cannot be evaluated.
func (p *planner) assignee(s *v1alpha1.PlaybookStep, parts []stepPart) string {
	text, ok := p.render(s, parts, fieldAssignee, "")
	if text = strings.TrimSpace(text); !ok || text == "" {
		text = p.account.Spec.Owner
	}
	return shorten(text, maxAssignee)
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
		Metrics:  map[v1alpha1.MetricReference]value.Value{},
		Measures: map[string]expr.MeasureValue{},
		Outcomes: map[string]string{},
	}
	for ref, observation := range v.Facts {
		if observation.Value != nil {
			vars.Metrics[ref] = *observation.Value
		}
	}
	if v.Health == nil {
		return vars
	}
	for _, f := range v.Health.Facts {
		ref := v1alpha1.MetricReference{Source: f.Source, Metric: f.Metric}
		observation, ok := v.Facts[ref]
		if !ok || observation.Value != nil || observation.State != v1alpha1.ValueErrored || f.Value == "" {
			continue
		}
		if remembered, err := value.Parse(observation.Type, f.Value); err == nil {
			vars.Metrics[ref] = remembered
		}
	}
	for _, m := range v.Health.Measures {
		vars.Measures[m.Name] = measureValue(m)
	}
	return vars
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

// touched reports whether somebody has worked on a task.
func touched(t *v1alpha1.Task) bool {
	done := slices.ContainsFunc(t.Spec.Checklist, func(item v1alpha1.ChecklistItem) bool { return item.Done })
	return workState(t) != v1alpha1.WorkOpen || t.Spec.Note != "" || t.Spec.Outcome != "" || done
}

// TaskStatus returns the status of a task, whether it is overdue, and the moment at which it becomes so; the zero time
// means never. The plan is that of the task's run; it is nil for a task made by hand, or whose run is gone.
func TaskStatus(t *v1alpha1.Task, p *Plan, now time.Time) (status v1alpha1.TaskStatus, overdue bool, next time.Time) {
	now = seconds(now)
	status, ok := v1alpha1.TaskStatus{}, false
	if p != nil {
		status, ok = p.Tasks[t.Name]
	}
	if !ok {
		status = handMade(t, now)
	}
	if status.DueTime == nil || (status.State != v1alpha1.TaskOpen && status.State != v1alpha1.TaskInProgress) {
		return status, false, time.Time{}
	}
	if now.Before(status.DueTime.Time) {
		return status, false, status.DueTime.Time
	}
	return status, true, time.Time{}
}

// handMade is the status of a task that follows no plan: all of it is what people say.
func handMade(t *v1alpha1.Task, now time.Time) v1alpha1.TaskStatus {
	status := *t.Status.DeepCopy()
	status.ObservedGeneration = t.Generation
	withdrawn := t.Status.State == v1alpha1.TaskCanceled || t.Status.State == v1alpha1.TaskBlocked
	if t.Spec.RunRef == nil || workState(t) != v1alpha1.WorkOpen || !withdrawn {
		status.State = v1alpha1.TaskState(workState(t))
	}
	status.Assignee = t.Spec.Assignee
	status.Priority = cmp.Or(t.Spec.Priority, v1alpha1.PriorityMedium)
	status.OpenedTime = openedTime(status, createdTime(t), now)
	status.EndedTime = endedTime(status, now)
	if t.Spec.DueTime != nil || t.Spec.RunRef == nil {
		status.DueTime = t.Spec.DueTime.DeepCopy()
	}
	return status
}

// createdTime is when a task was made; nil for one that no API server has seen.
func createdTime(t *v1alpha1.Task) *metav1.Time {
	if t.CreationTimestamp.IsZero() {
		return nil
	}
	return &t.CreationTimestamp
}
