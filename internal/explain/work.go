package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// WorkExplanation is why a task or a run is there, and what ends it.
type WorkExplanation struct {
	Customer
	Namespace string    `json:"namespace,omitempty"`
	Now       time.Time `json:"now"`
	// Headline says it in one line.
	Headline string `json:"headline"`
	Run      string `json:"run,omitempty"`
	Playbook string `json:"playbook,omitempty"`
	Trigger  string `json:"trigger,omitempty"`
	// Reason is why the run began, with the values as they were, and Facts those that held.
	Reason  string                `json:"reason,omitempty"`
	Started *time.Time            `json:"started,omitempty"`
	Facts   []v1alpha1.NamedValue `json:"facts,omitempty"`
	// Lines say how it stands, and what closes it.
	Lines []string `json:"lines"`
	// Steps of the run, in order.
	Steps []Step `json:"steps,omitempty"`
}

// sortRuns orders runs, the newest first.
func sortRuns(runs []*v1alpha1.PlaybookRun) {
	slices.SortFunc(runs, func(a, b *v1alpha1.PlaybookRun) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// run finds a run.
func (l *look) run(name string) (*v1alpha1.PlaybookRun, error) {
	var names []string
	for _, run := range l.world.Runs {
		if run.Name == name {
			return run, nil
		}
		names = append(names, run.Name)
	}
	return nil, NotFound("run", name, l.world.Namespace, names)
}

// task finds a task.
func (l *look) task(name string) (*v1alpha1.Task, error) {
	var names []string
	for _, t := range l.world.Tasks {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return nil, NotFound("task", name, l.world.Namespace, names)
}

// work begins the explanation of work on an account, of which a run may be nil.
func (l *look) work(accountName string, run *v1alpha1.PlaybookRun) *WorkExplanation {
	e := &WorkExplanation{Namespace: l.world.Namespace, Now: l.now, Customer: Customer{Name: accountName}}
	if a, ok := l.accounts[accountName]; ok {
		e.Customer = l.customer(a)
	}
	if run != nil {
		e.Run, e.Playbook, e.Trigger, e.Reason = run.Name, l.playbookOf(run), run.Spec.Trigger, run.Spec.Reason
		e.Facts, e.Started = run.Spec.Facts, pointer(run.CreationTimestamp.Time)
	}
	return e
}

// Run explains a run: why it began, how far it is, and what ends it.
func Run(w *fleet.World, name string, now time.Time) (*WorkExplanation, error) {
	l := newLook(w, now)
	run, err := l.run(name)
	if err != nil {
		return nil, err
	}
	e := l.work(run.Spec.AccountRef.Name, run)
	e.Headline = fmt.Sprintf("Run %s of playbook %s on %s is %s", name, e.Playbook, e.Title(), runState(run))
	e.Lines = append(e.Lines, l.because(run), l.ends(run))
	if p, ok := l.plays[e.Playbook]; !ok {
		e.Lines = append(e.Lines, "the playbook is gone: its work goes on, and nothing new starts")
	} else if p.spec.Generation != run.Spec.PlaybookGeneration {
		e.Lines = append(e.Lines, fmt.Sprintf("it follows generation %d of the playbook, which is at %d now: an edit does not change work in flight",
			run.Spec.PlaybookGeneration, p.spec.Generation))
	}
	for _, step := range run.Status.Steps {
		e.Steps = append(e.Steps, l.runStep(run, step))
	}
	return e, nil
}

// because says why a run began.
func (l *look) because(run *v1alpha1.PlaybookRun) string {
	text := "it began"
	if !run.CreationTimestamp.IsZero() {
		text += " on " + l.when(run.CreationTimestamp.Time)
	}
	text += " by trigger " + run.Spec.Trigger
	if run.Spec.Reason != "" {
		text += ", because " + run.Spec.Reason
	}
	return text
}

// ends says what ends a run, or what did.
func (l *look) ends(run *v1alpha1.PlaybookRun) string {
	switch {
	case run.Spec.Cancel != nil:
		return "it was canceled: " + run.Spec.Cancel.Reason
	case !playbook.RunOpen(run) && run.Status.EndedTime != nil:
		return "its work ended on " + l.when(run.Status.EndedTime.Time)
	case !playbook.RunOpen(run):
		return "its work has ended"
	case playbook.OfEvent(run):
		return "an event started it: nothing that comes later cancels it, and it ends when its tasks are done or canceled"
	case run.Status.ResolvedTime != nil:
		return "its condition has cleared on " + l.when(run.Status.ResolvedTime.Time) + "; what people had begun goes on until it is done or canceled"
	case run.Spec.OnResolve == v1alpha1.ResolveKeepTasks:
		return "it ends when its tasks are done or canceled; that its condition clears ends nothing (onResolve: KeepTasks)"
	}
	return "it ends when its tasks are done or canceled; when its condition clears, the tasks that nobody has touched are canceled"
}

// Task explains a task: why it is there, whose it is, and what closes it.
func Task(w *fleet.World, name string, now time.Time) (*WorkExplanation, error) {
	l := newLook(w, now)
	t, err := l.task(name)
	if err != nil {
		return nil, err
	}
	var run *v1alpha1.PlaybookRun
	if t.Spec.RunRef != nil {
		run, _ = l.run(t.Spec.RunRef.Name)
	}
	e := l.work(t.Spec.AccountRef.Name, run)
	e.Headline = fmt.Sprintf("Task %q on %s is %s", t.Spec.Title, e.Title(), cmp.Or(t.Status.State, v1alpha1.TaskOpen))
	switch {
	case run != nil:
		e.Lines = append(e.Lines, fmt.Sprintf("it is step %s of run %s of playbook %s", t.Spec.Step, run.Name, e.Playbook), "the run: "+l.because(run))
	case t.Spec.RunRef != nil:
		e.Lines = append(e.Lines, fmt.Sprintf("it is step %s of run %s, which is gone", t.Spec.Step, t.Spec.RunRef.Name))
	default:
		e.Lines = append(e.Lines, "somebody made it by hand: no playbook started it")
	}
	e.Lines = append(e.Lines, l.whose(t)...)
	e.Lines = append(e.Lines, l.closes(t, run)...)
	return e, nil
}

// whose says whose a task is, and by when it is due.
func (l *look) whose(t *v1alpha1.Task) []string {
	with := "it is with nobody"
	if t.Status.Assignee != "" {
		with = "it is with " + t.Status.Assignee
	}
	if s := t.Status.Escalation; s != nil {
		with += fmt.Sprintf("; it was escalated on %s (stage %d)", l.at(s.Time.Time), s.Stage)
	}
	lines := []string{with}
	if t.Status.DueTime != nil && !playbook.Ended(t.Status.State) {
		lines = append(lines, "it is due on "+l.when(t.Status.DueTime.Time))
	}
	if s := t.Spec.Snooze; s != nil && s.Until.Time.After(l.now) {
		lines = append(lines, "it is put off until "+l.when(s.Until.Time)+": "+cmp.Or(s.Reason, "no reason was given"))
	}
	return lines
}

// closes says what closes a task, or what did.
func (l *look) closes(t *v1alpha1.Task, run *v1alpha1.PlaybookRun) []string {
	if playbook.Ended(t.Status.State) {
		text := "it is over"
		if t.Status.EndedTime != nil {
			text += " since " + l.when(t.Status.EndedTime.Time)
		}
		if t.Status.CompletedBy != "" {
			text += ", completed by " + t.Status.CompletedBy
		}
		if t.Spec.Outcome != "" {
			text += ", outcome " + string(t.Spec.Outcome)
		}
		return []string{text}
	}
	text := "it closes when somebody sets its state to Done"
	if len(t.Spec.Outcomes) > 0 {
		text += ", with an outcome: " + orList(t.Spec.Outcomes)
	}
	lines := []string{text}
	if run == nil {
		return lines
	}
	i := slices.IndexFunc(run.Spec.Steps, func(s v1alpha1.PlaybookStep) bool { return s.Name == t.Spec.Step })
	if i >= 0 && run.Spec.Steps[i].DoneWhen != "" {
		lines = append(lines, "it closes by itself when "+abridge(string(run.Spec.Steps[i].DoneWhen), 160))
	}
	if t.Status.State == v1alpha1.TaskBlocked {
		if what := l.waitsFor(run, t.Spec.Step, t); what != "" {
			lines = append(lines, "it waits "+what)
		}
	}
	return append(lines, "the run: "+l.ends(run))
}
