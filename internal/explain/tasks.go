package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// TaskFilter chooses tasks; what is empty chooses all.
type TaskFilter struct {
	// Assignee is who should do them, as assignees are written or as a cluster knows him: a prefix up to a colon, as that of
	// an identity provider, does not count, nor do capitals.
	Assignee string
	// Unassigned are those that nobody is to do.
	Unassigned bool
	Overdue    bool
	Account    string
	Playbook   string
	// All are those that are over as well.
	All bool
}

// TaskLine is a task in a list.
type TaskLine struct {
	Namespace string             `json:"namespace,omitempty"`
	Name      string             `json:"name"`
	Account   string             `json:"account"`
	Title     string             `json:"title"`
	State     v1alpha1.TaskState `json:"state"`
	// DisplayName is that of the account.
	DisplayName string            `json:"displayName,omitempty"`
	Assignee    string            `json:"assignee,omitempty"`
	Priority    v1alpha1.Priority `json:"priority,omitempty"`
	Due         *time.Time        `json:"due,omitempty"`
	// DueIn is how far away that is: in 2d, 3d overdue.
	DueIn    string `json:"dueIn,omitempty"`
	Overdue  bool   `json:"overdue,omitempty"`
	Playbook string `json:"playbook,omitempty"`
	Run      string `json:"run,omitempty"`
	// Why is the reason of its run.
	Why     string `json:"why,omitempty"`
	Outcome string `json:"outcome,omitempty"`
}

// Tasks returns the tasks of a world that a filter chooses, those that are due first first. It may hold several namespaces. A
// playbook is what it is called now.
func Tasks(w *fleet.World, f TaskFilter, now time.Time) []TaskLine {
	names, runs := map[string]string{}, map[string]*v1alpha1.PlaybookRun{}
	renames := playbook.RenamesByNamespace(w.Playbooks)
	for _, a := range w.Accounts {
		names[a.Namespace+"/"+a.Name] = a.Spec.DisplayName
	}
	for _, run := range w.Runs {
		runs[run.Namespace+"/"+run.Name] = run
	}
	lines := []TaskLine{}
	for _, t := range w.Tasks {
		line := taskLine(t, names[t.Namespace+"/"+t.Spec.AccountRef.Name], now)
		if t.Spec.RunRef != nil {
			line.Run, line.Playbook = t.Spec.RunRef.Name, t.Labels[v1alpha1.LabelPlaybook]
			if run := runs[t.Namespace+"/"+line.Run]; run != nil {
				line.Playbook, line.Why = run.Spec.PlaybookRef.Name, run.Spec.Reason
			}
			line.Playbook = renames[t.Namespace].Now(line.Playbook)
		}
		wanted := f
		wanted.Playbook = renames[t.Namespace].Now(f.Playbook)
		if wanted.chooses(&line) {
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, compareTaskLines)
	return lines
}

// taskLine describes a task.
func taskLine(t *v1alpha1.Task, displayName string, now time.Time) TaskLine {
	line := TaskLine{
		Namespace: t.Namespace, Name: t.Name, Account: t.Spec.AccountRef.Name, DisplayName: displayName, Title: t.Spec.Title,
		State: stateOf(t), Assignee: cmp.Or(t.Status.Assignee, t.Spec.Assignee),
		Priority: cmp.Or(t.Status.Priority, t.Spec.Priority), Overdue: late(t, now), Outcome: string(t.Spec.Outcome),
	}
	if t.Status.DueTime != nil {
		line.Due = pointer(t.Status.DueTime.Time)
		line.DueIn = in(t.Status.DueTime.Time, now)
		if line.Overdue {
			line.DueIn = Span(now.Sub(*line.Due)) + " overdue"
		}
	}
	return line
}

// chooses reports whether a task is wanted.
func (f TaskFilter) chooses(t *TaskLine) bool {
	switch {
	case !f.All && playbook.Ended(t.State):
		return false
	case f.Assignee != "" && !SamePerson(f.Assignee, t.Assignee):
		return false
	case f.Unassigned && t.Assignee != "":
		return false
	case f.Overdue && !t.Overdue:
		return false
	case f.Account != "" && t.Account != f.Account:
		return false
	case f.Playbook != "" && t.Playbook != f.Playbook:
		return false
	}
	return true
}

// SamePerson reports whether a user name of a cluster and an assignee are of one person: they are the same but for capitals
// and for the prefix, up to a colon, that a cluster puts before the names of an identity provider.
func SamePerson(user, assignee string) bool {
	if assignee == "" {
		return false
	}
	return strings.EqualFold(user, assignee) || strings.EqualFold(user[strings.LastIndex(user, ":")+1:], assignee)
}

// priorities, the most pressing first.
var priorities = []v1alpha1.Priority{v1alpha1.PriorityUrgent, v1alpha1.PriorityHigh, v1alpha1.PriorityMedium, v1alpha1.PriorityLow}

// compareTaskLines orders tasks: those that are over last, then by due time, priority and name.
func compareTaskLines(a, b TaskLine) int {
	over := func(t TaskLine) int {
		if playbook.Ended(t.State) {
			return 1
		}
		return 0
	}
	rank := func(t TaskLine) int {
		return slices.Index(priorities, cmp.Or(t.Priority, v1alpha1.PriorityMedium))
	}
	return cmp.Or(over(a)-over(b), compareTimes(a.Due, b.Due), rank(a)-rank(b), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
