package playbook_test

import (
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

// people sets the owner of a job's account and its account executive.
func (j *job) people(owner, executive string) {
	j.view.Account = acme(func(a *v1alpha1.Account) {
		a.Spec.Owner, a.Spec.Team = owner, nil
		if executive != "" {
			a.Spec.Team = []v1alpha1.TeamMember{{Role: "AccountExecutive", User: executive}}
		}
	})
}

func TestWhoHasATaskThatNobodyBegan(t *testing.T) {
	for name, c := range map[string]struct {
		assignee string
		spec     string
		// first is who has it at first; later, once both the owner and the account executive are others.
		first, later string
	}{
		"the owner where the step names nobody":                 {"", "", "jo", "kim"},
		"the member of the team that the step names":            {"${team('AccountExecutive')}", "", "al", "lee"},
		"the owner where the team has none":                     {"${team('Trainer')}", "", "jo", "kim"},
		"whom the account says":                                 {"${account.spec.owner}", "", "jo", "kim"},
		"a person whom the step names":                          {"pat", "pat", "pat", "pat"},
		"a person whom a value named, once":                     {"${metrics.usage.wau > 1.0 ? account.spec.owner : 'x'}", "jo", "jo", "jo"},
		"a person whom the band named, once":                    {"${health.band == 'Critical' ? account.spec.owner : 'x'}", "jo", "jo", "jo"},
		"a person whom the day named, once":                     {"${daysSince('2026-11-02') == 0.0 ? account.spec.owner : 'x'}", "jo", "jo", "jo"},
		"the owner where a value named nobody":                  {"${metrics.usage.wau > 99.0 ? 'x' : ''}", "", "jo", "kim"},
		"the owner where a value is not there":                  {"${metrics.usage.dau}", "", "jo", "kim"},
		"the owner where the account does not say whom it asks": {"${account.labels['csm']}", "", "jo", "kim"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "Call", Assignee: c.assignee}, after("mail", "call"))
			j.view.Facts = value.Facts{wau: fresh("5")}
			j.people("jo", "al")
			j.carryOut()
			same(t, "assignee in the spec", c.spec, j.task("call").Spec.Assignee)
			same(t, "assignee", c.first, j.task("call").Status.Assignee)
			same(t, "assignee of a task that is blocked", "jo", j.task("mail").Status.Assignee)
			j.people("kim", "lee")
			j.carryOut()
			same(t, "assignee later", c.later, j.task("call").Status.Assignee)
			same(t, "assignee later of a task that is blocked", "kim", j.task("mail").Status.Assignee)
		})
	}
}

func TestWhoHasATaskOnceAPersonActed(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*v1alpha1.TaskSpec)
		want string
	}{
		"a task that somebody began stays with whom it was": {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkInProgress }, "jo"},
		"a task with a note stays with whom it was":         {func(s *v1alpha1.TaskSpec) { s.Note = "called" }, "jo"},
		"a task that is put off stays with whom it was":     {func(s *v1alpha1.TaskSpec) { s.Snooze = &v1alpha1.Snooze{Until: *stamp(noon)} }, "jo"},
		"a task that names who completes it stays":          {func(s *v1alpha1.TaskSpec) { s.CompletedBy = "bot" }, "jo"},
		"a task that is done stays with whom it was":        {func(s *v1alpha1.TaskSpec) { s.State = v1alpha1.WorkDone }, "jo"},
		"a person's word comes first":                       {func(s *v1alpha1.TaskSpec) { s.Assignee = "pat" }, "pat"},
		"another title and priority are no start of work":   {func(s *v1alpha1.TaskSpec) { s.Title, s.Priority = "Visit", v1alpha1.PriorityUrgent }, "kim"},
		"another due time is no start of work":              {func(s *v1alpha1.TaskSpec) { s.DueTime = stamp(noon) }, "kim"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, after("call"))
			j.people("jo", "")
			j.carryOut()
			j.set("call", c.act)
			j.carryOut()
			j.people("kim", "")
			j.carryOut()
			same(t, "assignee", c.want, j.task("call").Status.Assignee)
		})
	}
}

func TestWhoHasATaskOnceAPersonsWordIsTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		assignee string
		state    v1alpha1.TaskWorkState
		want     string
	}{
		"an open task goes to the owner":                           {"", v1alpha1.WorkOpen, "kim"},
		"one that was begun goes to the owner":                     {"", v1alpha1.WorkInProgress, "kim"},
		"one that was begun goes to the member of the team":        {"${team('AccountExecutive')}", v1alpha1.WorkInProgress, "lee"},
		"an open task goes back to the queue that the step names":  {"whatsapp", v1alpha1.WorkOpen, "whatsapp"},
		"one that was begun goes back to that queue":               {"whatsapp", v1alpha1.WorkInProgress, "whatsapp"},
		"where a value named somebody, once, it goes to the owner": {"${metrics.usage.wau > 1.0 ? 'al' : 'x'}", v1alpha1.WorkInProgress, "kim"},
		"what is done stays with whom it was":                      {"", v1alpha1.WorkDone, "pat"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, v1alpha1.PlaybookStep{Name: "call", Title: "Call", Assignee: c.assignee})
			j.view.Facts = value.Facts{wau: fresh("5")}
			j.people("jo", "al")
			j.carryOut()
			j.set("call", func(s *v1alpha1.TaskSpec) { s.Assignee, s.State = "pat", c.state })
			j.carryOut()
			same(t, "assignee whom a person named", "pat", j.task("call").Status.Assignee)
			j.people("kim", "lee")
			j.carryOut()
			same(t, "assignee once the owner changed", "pat", j.task("call").Status.Assignee)
			j.set("call", func(s *v1alpha1.TaskSpec) { s.Assignee = "" })
			j.carryOut()
			same(t, "assignee once the word is taken away", c.want, j.task("call").Status.Assignee)
			j.people("", "")
			j.carryOut()
			if c.state == v1alpha1.WorkInProgress {
				same(t, "assignee of what is begun, later", c.want, j.task("call").Status.Assignee)
			}
		})
	}
}

func TestATaskThatNobodyHadIsTheOwnersOnceThereIsOne(t *testing.T) {
	for name, act := range map[string]func(*v1alpha1.TaskSpec){
		"untouched": func(*v1alpha1.TaskSpec) {},
		"touched":   func(s *v1alpha1.TaskSpec) { s.Note = "whose is this?" },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, after("call"))
			j.people("", "")
			j.carryOut()
			j.set("call", act)
			j.carryOut()
			same(t, "assignee", "", j.task("call").Status.Assignee)
			j.people("jo", "")
			j.carryOut()
			same(t, "assignee once there is an owner", "jo", j.task("call").Status.Assignee)
		})
	}
}

func TestWorkThatWasCanceledUntouchedStaysWithWhomItWas(t *testing.T) {
	j := newJob(t, after("call"))
	j.people("jo", "")
	j.carryOut()
	j.cleared = true
	j.carryOut()
	j.people("kim", "")
	j.carryOut()
	same(t, "assignee", "jo", j.task("call").Status.Assignee)
}

func TestTheInputOfATask(t *testing.T) {
	call := v1alpha1.PlaybookStep{Name: "call", Title: "Call", Input: map[string]v1alpha1.InputText{
		"template": "winback", "customer": "${account.spec.displayName}", "wau": "${metrics.usage.wau}", "empty": "", "old": "${account.nickname}",
		"long": "${account.spec.displayName}" + v1alpha1.InputText(strings.Repeat("ä", 5)),
	}}
	j := newJob(t, call)
	j.view.Account.Spec.DisplayName = strings.Repeat("ö", 4094)
	plan := j.carryOut()
	want := map[string]v1alpha1.TaskInput{
		"template": "winback", "customer": v1alpha1.TaskInput(j.view.Account.Spec.DisplayName), "wau": "<no value>", "empty": "",
		"old": "${account.nickname}", "long": v1alpha1.TaskInput(strings.Repeat("ö", 4093) + "..."),
	}
	same(t, "input", want, j.task("call").Spec.Input)
	if len(plan.TextErrors) != 2 || !strings.HasPrefix(plan.TextErrors[0], "steps[call].input[old]: ") || !strings.HasPrefix(plan.TextErrors[1], "steps[call].input[wau]: ") {
		t.Errorf("text errors: %q", plan.TextErrors)
	}
}

func TestAnInputThatTellsAnOutcomeIsWrittenWhenItIsKnown(t *testing.T) {
	mail := after("mail", "call")
	mail.Input = map[string]v1alpha1.InputText{"heard": "${outcomes.call}"}
	j := newJob(t, after("call"), mail)
	j.carryOut()
	j.wantTasks(tasks{"call": v1alpha1.TaskOpen})
	j.finish("call", "Reached")
	j.carryOut()
	same(t, "input", map[string]v1alpha1.TaskInput{"heard": "Reached"}, j.task("mail").Spec.Input)
}
