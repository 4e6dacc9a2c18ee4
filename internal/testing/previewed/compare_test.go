package previewed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/playbook"
	"github.com/perennial-dev/perennial/internal/preview"
)

// state is all that a plan foretells of, by name.
type state struct {
	Accounts map[string]accountState
	Runs     map[string]runState
	Tasks    map[string]taskState
	// Held are the accounts on which each playbook holds a run back, and why.
	Held map[string][]string
}

type accountState struct {
	Band, Pending, Model, Owner string
}

type runState struct {
	Account, Playbook, Trigger string
	State                      v1alpha1.RunState
	Resolved                   bool
}

type taskState struct {
	Account, Run, Step, Title, Assignee, Priority string
	State                                         v1alpha1.TaskState
	Due                                           *time.Time
}

// state reads what there is.
func (w *world) state() *state {
	w.t.Helper()
	var accounts v1alpha1.AccountList
	var runs v1alpha1.PlaybookRunList
	var tasks v1alpha1.TaskList
	var playbooks v1alpha1.PlaybookList
	for _, err := range []error{w.List(w.t.Context(), &accounts), w.List(w.t.Context(), &runs), w.List(w.t.Context(), &tasks), w.List(w.t.Context(), &playbooks)} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	s := &state{Accounts: map[string]accountState{}, Runs: map[string]runState{}, Tasks: map[string]taskState{}, Held: map[string][]string{}}
	for i := range accounts.Items {
		a := &accounts.Items[i]
		is := accountState{Owner: a.Spec.Owner}
		if h := a.Status.Health; h != nil {
			is.Band = string(h.Band)
			if h.PendingBand != nil {
				is.Pending = string(h.PendingBand.Band)
			}
			if len(h.Measures) > 0 {
				is.Model = h.Model
			}
		}
		s.Accounts[a.Name] = is
	}
	for i := range runs.Items {
		run := &runs.Items[i]
		s.Runs[run.Name] = runState{
			Account: run.Spec.AccountRef.Name, Playbook: run.Spec.PlaybookRef.Name, Trigger: run.Spec.Trigger,
			State: run.Status.State, Resolved: !playbook.ResolvedTime(run).IsZero(),
		}
	}
	for i := range tasks.Items {
		s.Tasks[tasks.Items[i].Name] = stateOf(&tasks.Items[i])
	}
	for i := range playbooks.Items {
		pb := &playbooks.Items[i]
		for _, held := range pb.Status.Held {
			s.Held[pb.Name] = append(s.Held[pb.Name], fmt.Sprintf("%s %s", held.Account, held.Reason))
		}
		slices.Sort(s.Held[pb.Name])
		if int(pb.Status.HeldRuns) != len(pb.Status.Held) {
			w.t.Errorf("playbook %s holds %d runs, and its status has %d of them: this test needs all", pb.Name, pb.Status.HeldRuns, len(pb.Status.Held))
		}
	}
	return s
}

func stateOf(task *v1alpha1.Task) taskState {
	is := taskState{
		Account: task.Spec.AccountRef.Name, Step: string(task.Spec.Step), Title: task.Spec.Title, Assignee: task.Status.Assignee,
		Priority: string(task.Status.Priority), State: task.Status.State,
	}
	if task.Spec.RunRef != nil {
		is.Run = task.Spec.RunRef.Name
	}
	if task.Status.DueTime != nil {
		is.Due = &task.Status.DueTime.Time
	}
	return is
}

// after is the state that a plan foretells, from the one that there is. What it says nothing of stays.
func (s *state) after(t *testing.T, p *preview.Preview) *state {
	t.Helper()
	is := &state{Accounts: copied(s.Accounts), Runs: copied(s.Runs), Tasks: copied(s.Tasks), Held: copied(s.Held)}
	for _, c := range p.Config {
		if i := slices.IndexFunc(c.Fields, func(f preview.FieldChange) bool { return f.Path == "metadata.name" }); i >= 0 {
			is.Held[c.Name] = is.Held[c.Fields[i].Before]
			delete(is.Held, c.Fields[i].Before)
		}
	}
	for _, c := range p.Changed {
		a := is.Accounts[c.Name]
		switch c.Action {
		case preview.Deleted:
			delete(is.Accounts, c.Name)
			continue
		case preview.Created:
			t.Errorf("account %s is created: this test does not know such accounts", c.Name)
		default:
			a.Owner = c.Owner
		}
		is.Accounts[c.Name] = a
	}
	for name, a := range is.Accounts {
		a.Pending = "" // of a band that an account waits for anyway a plan says nothing; the scores are compared with it
		is.Accounts[name] = a
	}
	for _, m := range p.Moves {
		a := is.Accounts[m.Name]
		if was := s.Accounts[m.Name]; was.Pending == m.Before.Band && was.Band == m.After.Band {
			continue // it waits no more
		}
		if a.Band != m.Before.Band {
			t.Errorf("account %s is %s, and the plan says that it is %s", m.Name, a.Band, m.Before.Band)
		}
		if a.Pending = ""; m.At != nil && m.At.After(p.Now) {
			a.Pending = m.After.Band
		} else {
			a.Band = m.After.Band
		}
		a.Model = m.After.Model
		is.Accounts[m.Name] = a
	}
	for _, run := range p.Runs {
		is.run(t, run)
	}
	for _, task := range p.Tasks {
		is.task(t, task)
	}
	return is
}

// run has happen to a run what the plan says.
func (s *state) run(t *testing.T, c preview.RunChange) {
	t.Helper()
	run, there := s.Runs[c.Run]
	switch c.Action {
	case preview.Started:
		s.release(c)
		if there || c.Run == "" {
			t.Errorf("run %q of %s on %s starts, and is there: %t", c.Run, c.Playbook, c.Name, there)
		}
		s.Runs[c.Run] = runState{Account: c.Name, Playbook: c.Playbook, Trigger: c.Trigger, State: v1alpha1.RunActive}
		return
	case preview.Held:
		s.release(c)
		reason := v1alpha1.HeldLimitReached
		if strings.HasPrefix(c.Reason, "inhibited by ") {
			reason = v1alpha1.HeldInhibited
		}
		s.Held[c.Playbook] = append(s.Held[c.Playbook], c.Name+" "+string(reason))
		slices.Sort(s.Held[c.Playbook])
		return
	case preview.Averted:
		s.release(c)
		return
	case preview.Waiting:
		return
	case preview.Resolved:
		run.Resolved = true
	case preview.Canceled:
		run.State, run.Resolved = v1alpha1.RunCanceled, true
	case preview.Completed:
		run.State = v1alpha1.RunCompleted
	default:
		t.Errorf("run %s: nobody knows what %s does to it", c.Run, c.Action)
	}
	if !there {
		t.Errorf("run %q of %s on %s is %s, and is not there", c.Run, c.Playbook, c.Name, c.Action)
	}
	s.Runs[c.Run] = run
}

// release forgets that a run was held.
func (s *state) release(c preview.RunChange) {
	s.Held[c.Playbook] = slices.DeleteFunc(slices.Clone(s.Held[c.Playbook]), func(line string) bool { return strings.HasPrefix(line, c.Name+" ") })
	if len(s.Held[c.Playbook]) == 0 {
		delete(s.Held, c.Playbook)
	}
}

// task has happen to a task what the plan says.
func (s *state) task(t *testing.T, c preview.TaskChange) {
	t.Helper()
	if _, there := s.Tasks[c.Name]; there == (c.Action == preview.Created) {
		t.Errorf("task %s is %s, and is there: %t", c.Name, c.Action, there)
	}
	s.Tasks[c.Name] = taskState{
		Account: c.Account, Run: c.Run, Step: c.Step, Title: c.Title, Assignee: c.Assignee, Priority: c.Priority, State: c.State, Due: c.Due,
	}
}

func copied[V any](of map[string]V) map[string]V {
	is := map[string]V{}
	for name, v := range of {
		is[name] = v
	}
	return is
}

// differ says in what what happened differs from what was foretold. What is due is due within a minute of the time foretold:
// runs are stamped by the API server's clock.
func differ(want, got *state) string {
	for name, a := range got.Accounts {
		if want.Accounts[name].Pending == "" {
			a.Pending = ""
			got.Accounts[name] = a
		}
	}
	return cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Minute), cmpopts.EquateEmpty())
}
