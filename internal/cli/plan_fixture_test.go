package cli

import (
	"fmt"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/preview"
)

var planNow = time.Date(2026, 11, 22, 15, 40, 0, 0, time.UTC)

// planAt is a moment some time after planNow.
func planAt(after time.Duration) *time.Time { return new(planNow.Add(after)) }

// planFacts are what the fixtures know.
func planFacts() []preview.Facts {
	return []preview.Facts{
		{Source: "crm", ReadTime: planAt(-26 * time.Minute), Age: "26m"},
		{Source: "usage", ReadTime: planAt(-49 * time.Hour), Age: "2d1h"},
	}
}

// nothingChanges is the plan of files that are in force already.
func nothingChanges() *preview.Preview {
	return &preview.Preview{
		Namespace: "default", Now: planNow, Ahead: "1d", Config: []preview.ConfigChange{}, Facts: planFacts(),
		Accounts: preview.AccountCounts{Before: 40, After: 40},
		Bands:    []preview.BandCount{{Band: "Healthy", Before: 40, After: 40, ARRBefore: 1200000, ARRAfter: 1200000}},
	}
}

// threeChanges is the plan of a boundary that was moved.
func threeChanges() *preview.Preview {
	p := nothingChanges()
	p.Config = []preview.ConfigChange{
		{Kind: "HealthScoreModel", Name: "enterprise", Action: preview.Updated, Fields: []preview.FieldChange{
			{Path: "spec.bands[AtRisk].min", Before: "40", After: "45"}, {Path: "spec.bandChange.hold", Before: "1h"},
		}},
		{Kind: "Playbook", Name: "reference-call", Action: preview.Created},
		{Kind: "Playbook", Name: "winback", Action: preview.Deleted},
	}
	p.Accounts.Rescored, p.Accounts.Moved = 5, 3
	p.Bands = []preview.BandCount{
		{Band: "Healthy", Before: 24, After: 25, ARRBefore: 2100000, ARRAfter: 2110000},
		{Band: "AtRisk", Before: 12, After: 9, ARRBefore: 640000, ARRAfter: 446000},
		{Band: "Critical", Before: 3, After: 5, ARRBefore: 90000, ARRAfter: 274000},
		{Band: "Unknown", Before: 1, After: 1},
	}
	alder := preview.Account{Name: "alder-freight", DisplayName: "Alder Freight", Owner: "jo@example.com", ARR: new(int64(142000))}
	birch := preview.Account{Name: "birch", DisplayName: "Birch & Sons", Owner: "maya@example.com", ARR: new(int64(42000))}
	cedar := preview.Account{Name: "cedar", Owner: "jo@example.com", ARR: new(int64(10000))}
	p.Moves = []preview.Move{
		{Account: alder, Before: preview.Standing{Band: "AtRisk", Score: new(int32(43)), Model: "enterprise"}, After: preview.Standing{Band: "Critical", Score: new(int32(43)), Model: "enterprise"}, Worse: true, At: planAt(time.Hour), Reason: "band AtRisk begins at 45, was 40"},
		{Account: birch, Before: preview.Standing{Band: "AtRisk", Score: new(int32(44)), Model: "enterprise"}, After: preview.Standing{Band: "Critical", Score: new(int32(41)), Model: "enterprise"}, Worse: true, Reason: "dau-mau 0.18: -3.1"},
		{Account: cedar, Before: preview.Standing{Band: "AtRisk", Score: new(int32(69)), Model: "standard"}, After: preview.Standing{Band: "Healthy", Score: new(int32(71)), Model: "standard"}, Reason: "weight of nps 20, was 10: +2.0"},
	}
	p.Runs = []preview.RunChange{
		{Account: alder, Action: preview.Started, Playbook: "rescue", Run: "alder-freight-rescue-0a1b2c3d4e", Trigger: "critical", At: planAt(25 * time.Hour)},
		{Account: birch, Action: preview.Held, Playbook: "rescue", Trigger: "critical", Reason: "inhibited by renewal"},
	}
	task := preview.TaskChange{
		Account: "alder-freight", Action: preview.Created, Playbook: "rescue", Run: "alder-freight-rescue-0a1b2c3d4e", State: v1alpha1.TaskOpen,
		Assignee: "jo@example.com", Priority: "Urgent", Due: planAt(49 * time.Hour),
	}
	for i, step := range []string{"diagnose", "plan", "review"} {
		task.Name, task.Step, task.Title = fmt.Sprintf("alder-freight-rescue-0a1b2c3d4e-%d", i), step, "Say what happened to Alder Freight: "+step
		p.Tasks = append(p.Tasks, task)
		task.State = v1alpha1.TaskBlocked
	}
	return p
}

// manyChanges is the plan of a change that moves a thousand accounts, with two thousand runs and tasks.
func manyChanges() *preview.Preview {
	p := threeChanges()
	p.Moves, p.Runs, p.Tasks = nil, nil, nil
	p.Accounts = preview.AccountCounts{Before: 10000, After: 10000, Rescored: 4000, Moved: 1000}
	bands := []string{"Healthy", "AtRisk", "Critical"}
	for i := range 1000 {
		a := preview.Account{
			Name: fmt.Sprintf("customer-%04d", i), DisplayName: fmt.Sprintf("Customer %04d of Some Length GmbH & Co. KG", i),
			Owner: fmt.Sprintf("csm-%d@example.com", i%23), ARR: new(int64(1000 * (1 + i*7919%977))),
		}
		from := i % 3
		p.Moves = append(p.Moves, preview.Move{
			Account: a, Before: preview.Standing{Band: bands[from], Score: new(int32(72 - 30*from)), Model: "enterprise"},
			After: preview.Standing{Band: bands[(from+1)%3], Score: new(int32(66 - 27*from)), Model: "enterprise"}, Worse: from < 2,
			Reason: "daily-habit: scale.linear.best 0.45 -> 0.60, so 0.31 is 42 points and not 60: -7.2; usage-trend: -1.1",
		})
		run := fmt.Sprintf("customer-%04d-rescue-0123456789", i)
		p.Runs = append(p.Runs, preview.RunChange{Account: a, Action: []preview.Action{preview.Started, preview.Held}[i%2], Playbook: []string{"rescue", "check-in", "usage-drop"}[i%3], Run: run, Trigger: "critical"})
		p.Tasks = append(p.Tasks, preview.TaskChange{
			Account: a.Name, Action: preview.Created, Name: run + "-diagnose", Title: fmt.Sprintf("%s is Critical: say within a day what happened", a.DisplayName), Playbook: "rescue", Run: run,
			Step: "diagnose", State: v1alpha1.TaskOpen, Assignee: a.Owner, Priority: "Urgent", Due: planAt(49 * time.Hour),
		})
	}
	return p
}

// noData is the plan of a measure of which nobody has read anything yet.
func noData() *preview.Preview {
	p := nothingChanges()
	p.Config = []preview.ConfigChange{{Kind: "HealthScoreModel", Name: "enterprise", Action: preview.Updated, Fields: []preview.FieldChange{{Path: "spec.measures[logins]", After: "from usage.logins, weight 10"}}}}
	p.NoData = []preview.NoData{{Reader: "HealthScoreModel/enterprise measure logins", Source: "usage", Metric: "logins", Accounts: 40}}
	return p
}

// withProblems is the plan of a playbook that cannot work.
func withProblems() *preview.Preview {
	p := threeChanges()
	p.Problems = []preview.Problem{
		{Kind: "Playbook", Name: "reference-call", Message: "spec.steps[0].title: undeclared reference to 'acount' (in container '')\n | ${acount.name}\n | ^"},
		{Kind: "HealthScoreModel", Name: "standard", Message: "spec.measures[dau].from.source: there is no DataSource usge"},
	}
	return p
}

// accountsComeAndGo is the plan of a template that was changed.
func accountsComeAndGo() *preview.Preview {
	p := nothingChanges()
	p.Config = []preview.ConfigChange{{Kind: "AccountSet", Name: "customers", Action: preview.Updated, Fields: []preview.FieldChange{{Path: "spec.template.spec.owner", Before: "${row.csm}", After: "${row.owner}"}}}}
	p.Accounts.Created, p.Accounts.Updated, p.Accounts.Churned, p.Accounts.Stopped = 1, 1, 1, 12
	p.Changed = []preview.AccountChange{
		{Account: preview.Account{Name: "alder-freight", DisplayName: "Alder Freight", Owner: "jo@example.com", ARR: new(int64(184000))}, Action: preview.Updated, Set: "customers", Fields: []preview.FieldChange{{Path: "spec.owner", Before: "jo@example.com", After: "maya@example.com"}}},
		{Account: preview.Account{Name: "zelkova", DisplayName: "Zelkova"}, Action: preview.Churned, Set: "customers"},
		{Account: preview.Account{Name: "by-hand", DisplayName: "By Hand"}, Action: preview.Created},
	}
	p.Stopped = []preview.Stopped{{Set: "partners", Creates: 12, Sample: []string{"mallow", "nettle"}}}
	return p
}
