package playbook

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/expr"
)

// PlanInput is what a run's next work follows from.
type PlanInput struct {
	// Run is the run, with the status that was last written.
	Run *v1alpha1.PlaybookRun
	// Tasks are the run's tasks. A task that the status names and that is not here was deleted: see MissingTasks.
	Tasks []v1alpha1.Task
	// Cleared means that the condition which started the run no longer holds: see the function Cleared.
	Cleared bool
	// Follow means that the view holds no facts: no doneWhen is judged, and what the run's status says of each stands.
	Follow bool
	// View is what the texts of the steps are filled in from, and doneWhen is judged by.
	View View
	// Now is the moment to plan at.
	Now time.Time
	// Cache of compiled texts; nil compiles them anew.
	Cache *Cache
}

// Plan is what a run does next, and how far it is.
type Plan struct {
	// Create are the tasks to make.
	Create []*v1alpha1.Task
	// Status is the run's status once that is done. Its conditions are those that the run had.
	Status v1alpha1.PlaybookRunStatus
	// Resolved means that the condition which started the run has cleared, now or earlier.
	Resolved bool
	// TextErrors say which expressions of the tasks in Create, or of the steps that became ready, could not be evaluated.
	// Planning again after the tasks were made gives none.
	TextErrors []string
	// StageErrors say, of each task that reaches stages of its escalation now, which of their assignees could not be
	// evaluated.
	StageErrors map[string][]string
	// Tasks are the statuses of the run's tasks by name, those in Create included. Their conditions are those that the
	// task had.
	Tasks map[string]v1alpha1.TaskStatus
	// Next is, for each of them, the moment at which its status changes by itself; zero is never.
	Next map[string]time.Time
	// Owner of the account, who has the tasks that nobody else has.
	Owner string
	// NoLongerNeeded are the tasks that were canceled or overtaken because the condition cleared, or because the run was
	// canceled, each with the reason of its condition.
	NoLongerNeeded map[string]string
	// Canceled says in words who canceled the run and why; empty where nobody did.
	Canceled string
	// DatesUnknown name the steps that count from a date which the account's contract does not have, and the way out.
	DatesUnknown []string
	// NextChange is the earliest moment at which the plan changes by itself: a task opens, becomes overdue, escalates or is
	// no longer put off, or a doneWhen that depends on the day may become true; zero is never.
	NextChange time.Time
}

// Errors of PlanRun.
var (
	// ErrNoRun is for an input without a run.
	ErrNoRun = errors.New("no run to plan")
	// ErrNoAccount is for an input without the run's account.
	ErrNoAccount = errors.New("a run is planned with its account")
)

// PlanRun decides which tasks a run makes now, and what became of it and of its tasks. A task that was made is never made
// again. Planning again with the plan carried out, at the same moment, changes nothing. Its errors are ErrNoRun,
// ErrNoAccount, and those that name a field of the run: steps that wait for each other, a calendar that cannot be read.
func PlanRun(in PlanInput) (*Plan, error) {
	if in.Run == nil {
		return nil, ErrNoRun
	}
	if in.View.Account == nil {
		return nil, ErrNoAccount
	}
	steps := in.Run.Spec.Steps
	order, cycle := stepOrder(steps)
	if len(cycle) > 0 {
		return nil, fmt.Errorf("spec.steps: the steps wait for each other: %s", joinSteps(cycle))
	}
	days, errs := newCalendar(in.Run.Spec.Calendar, in.View.location(), specPath("calendar"))
	if len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	p := newPlanner(in, days)
	for _, i := range order {
		p.status[steps[i].Name] = p.step(&steps[i])
	}
	return p.finish(), nil
}

// MissingTasks returns the names of the tasks that the run's status says were made and that are not among its tasks:
// deleted by somebody, or not yet seen. Ask the API server about each before planning, and add those that are there: a
// cache may lag behind, and a task that is gone counts as canceled.
func MissingTasks(run *v1alpha1.PlaybookRun, tasks []v1alpha1.Task) []string {
	seen := make(map[string]bool, len(tasks))
	for i := range tasks {
		seen[tasks[i].Name] = true
	}
	var missing []string
	for _, s := range run.Status.Steps {
		if s.Task != "" && !seen[s.Task] && (s.State == v1alpha1.StepOpen || s.State == v1alpha1.StepWaiting) {
			missing = append(missing, s.Task)
		}
	}
	return missing
}

// planner makes one plan.
type planner struct {
	run     *v1alpha1.PlaybookRun
	account *v1alpha1.Account
	now     time.Time
	// calendar of the run.
	calendar calendar
	// live is the view as it is now: what doneWhen sees. The texts of a run that an observation started see its row.
	live View
	// unjudged means that no doneWhen is judged.
	unjudged bool
	// before is each step's status as it was, status as it is now.
	before, status map[v1alpha1.StepName]v1alpha1.StepStatus
	tasks          map[string]*v1alpha1.Task
	// unfinished are the steps that those after them wait for: one that is not over, or that was skipped while one before it
	// is not.
	unfinished map[v1alpha1.StepName]bool
	// cancels means that the condition cleared, and that untouched work is canceled then.
	cancels bool
	vars    *expr.Vars
	plan    *Plan
	cache   *Cache
}

// newPlanner prepares a plan.
func newPlanner(in PlanInput, days calendar) *planner {
	live := in.View
	live.Now = in.Now
	p := &planner{
		run:      in.Run,
		account:  in.View.Account,
		now:      seconds(in.Now),
		calendar: days,
		live:     live,
		unjudged: in.Follow,
		cache:    in.Cache,
		before:   map[v1alpha1.StepName]v1alpha1.StepStatus{},
		status:   map[v1alpha1.StepName]v1alpha1.StepStatus{},
		tasks:    map[string]*v1alpha1.Task{},
		vars:     stepVars(in.Cache.observedView(in.Run, live), in.Now),
		plan: &Plan{
			Status:         *in.Run.Status.DeepCopy(),
			Resolved:       in.Cleared || in.Run.Status.ResolvedTime != nil,
			Tasks:          map[string]v1alpha1.TaskStatus{},
			Next:           map[string]time.Time{},
			Owner:          in.View.Account.Spec.Owner,
			NoLongerNeeded: map[string]string{},
			StageErrors:    map[string][]string{},
			Canceled:       canceledInWords(in.Run.Spec.Cancel),
		},
	}
	p.unfinished = map[v1alpha1.StepName]bool{}
	p.cancels = p.plan.Resolved && in.Run.Spec.OnResolve != v1alpha1.ResolveKeepTasks
	for _, s := range in.Run.Status.Steps {
		p.before[s.Name] = s
	}
	for i := range in.Tasks {
		p.tasks[in.Tasks[i].Name] = &in.Tasks[i]
	}
	return p
}

// finish sums the steps up.
func (p *planner) finish() *Plan {
	status := &p.plan.Status
	status.ObservedGeneration = p.run.Generation
	status.Steps = nil
	status.OpenTasks, status.OverdueTasks = 0, 0
	status.State = v1alpha1.RunCanceled
	active := false
	for _, s := range p.run.Spec.Steps {
		step := p.status[s.Name]
		status.Steps = append(status.Steps, step)
		switch step.State {
		case v1alpha1.StepWaiting, v1alpha1.StepOpen:
			active = true
		case v1alpha1.StepDone:
			if p.run.Spec.Cancel == nil {
				status.State = v1alpha1.RunCompleted
			}
		}
		p.sumTask(step.Task)
	}
	if active {
		status.State = v1alpha1.RunActive
		status.EndedTime = nil
	} else if status.EndedTime == nil {
		status.EndedTime = &metav1.Time{Time: p.now}
	}
	if p.plan.Resolved && status.ResolvedTime == nil {
		status.ResolvedTime = &metav1.Time{Time: p.now}
	}
	return p.plan
}

// sumTask counts a task if it waits for somebody.
func (p *planner) sumTask(name string) {
	task := p.plan.Tasks[name]
	if AtWork(task.State) {
		p.plan.Status.OpenTasks++
	}
	if overdue(&task, p.now) {
		p.plan.Status.OverdueTasks++
	}
}

// canceledInWords says who canceled a run and why; empty where nobody did.
func canceledInWords(cancel *v1alpha1.RunCancel) string {
	switch {
	case cancel == nil:
		return ""
	case cancel.By == "":
		return "canceled: " + cancel.Reason
	}
	return "canceled by " + cancel.By + ": " + cancel.Reason
}
