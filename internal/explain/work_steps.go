package explain

import (
	"slices"
	"strings"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// runStep says how far a step is, and what it waits for.
func (l *look) runStep(run *v1alpha1.PlaybookRun, status v1alpha1.StepStatus) Step {
	step := Step{Name: string(status.Name), Mark: Info, Text: string(status.State)}
	var task *v1alpha1.Task
	for _, t := range l.tasks[run.Name] {
		if t.Name == status.Task {
			task = t
		}
	}
	switch status.State {
	case v1alpha1.StepDone:
		step.Mark = Yes
	case v1alpha1.StepOpen:
		if task != nil && stateOf(task) != v1alpha1.TaskOpen {
			step.Text += " (" + string(stateOf(task)) + ")"
		}
	case v1alpha1.StepWaiting:
		if what := l.waitsFor(run, status.Name, task); what != "" {
			step.Text += " " + what
		}
	case v1alpha1.StepSkipped:
		step.Text += skipped(run, status.Name)
	}
	if status.Outcome != "" {
		step.Text += ", outcome " + string(status.Outcome)
	}
	if task != nil {
		step.Text += ": " + l.stepTask(task)
	}
	return step
}

// stepTask says in short which task a step has, whose it is, and by when.
func (l *look) stepTask(t *v1alpha1.Task) string {
	text := t.Spec.Title
	if t.Status.Assignee != "" {
		text += " (" + t.Status.Assignee + ")"
	}
	if t.Status.DueTime != nil && !playbook.Ended(t.Status.State) {
		text += ", due " + in(t.Status.DueTime.Time, l.now)
	}
	return text
}

// waitsFor says what a step waits for: the steps before it that are not over, and its time; empty where neither keeps it. A
// task may be nil.
func (l *look) waitsFor(run *v1alpha1.PlaybookRun, name v1alpha1.StepName, task *v1alpha1.Task) string {
	var parts []string
	if spec := stepOf(run, name); spec != nil && !ready(run, name) {
		var open []v1alpha1.StepName
		for _, earlier := range spec.After {
			if slices.ContainsFunc(run.Status.Steps, func(s v1alpha1.StepStatus) bool { return s.Name == earlier && !stepOver(s.State) }) {
				open = append(open, earlier)
			}
		}
		if len(open) > 0 {
			parts = append(parts, "for "+andList(open))
		}
	}
	if task != nil && task.Status.OpensTime != nil && task.Status.OpensTime.After(l.now) {
		parts = append(parts, "until its time comes on "+l.when(task.Status.OpensTime.Time))
	}
	return strings.Join(parts, ", and ")
}

// stepOf is a step as a run has it; nil where it has none of the name.
func stepOf(run *v1alpha1.PlaybookRun, name v1alpha1.StepName) *v1alpha1.PlaybookStep {
	for i := range run.Spec.Steps {
		if run.Spec.Steps[i].Name == name {
			return &run.Spec.Steps[i]
		}
	}
	return nil
}

// ready reports whether a step waits for none of the steps before it: nor does it, once it has opened, for one that opens again.
func ready(run *v1alpha1.PlaybookRun, name v1alpha1.StepName) bool {
	return slices.ContainsFunc(run.Status.Steps, func(s v1alpha1.StepStatus) bool { return s.Name == name && s.ReadyTime != nil })
}

// stepOver reports whether nothing is to come of a step.
func stepOver(state v1alpha1.StepState) bool {
	return state == v1alpha1.StepDone || state == v1alpha1.StepSkipped || state == v1alpha1.StepCanceled
}

// skipped says why a step was skipped, where its run tells.
func skipped(run *v1alpha1.PlaybookRun, name v1alpha1.StepName) string {
	spec := stepOf(run, name)
	switch {
	case spec == nil || spec.When != "" && spec.IfPast == v1alpha1.IfPastSkip:
		return ""
	case spec.When != "":
		return ", since its when did not hold: " + abridge(string(spec.When), maxExpression)
	default:
		return ", since its time was over before the run began"
	}
}
