// Package preview tells what a change of configuration would do to a customer base, before anybody makes it: who moves
// band and why, which runs and tasks start, end or are held. It has the operator's own functions do it, in memory, once
// with the configuration as it is and once as it would be. It is pure.
package preview

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
)

// Input is all that a preview depends on.
type Input struct {
	// Base is what there is; Head is what there would be. Accounts that a set makes, runs and tasks are the base's: the
	// head's are not read, but for accounts that are written by hand.
	Base, Head *fleet.World
	// Now is the moment of the change.
	Now time.Time
	// Ahead is how long the clock runs on afterwards, with facts that stay as they are and do not age. Zero is the moment
	// itself.
	Ahead time.Duration
}

// Action is what happens to an object.
type Action string

// The actions of objects of the configuration, accounts, runs and tasks.
const (
	Created   Action = "Created"
	Updated   Action = "Updated"
	Deleted   Action = "Deleted"
	Churned   Action = "Churned"
	Started   Action = "Started"
	Resolved  Action = "Resolved"
	Canceled  Action = "Canceled"
	Completed Action = "Completed"
	// Held is a run that would start and that a limit, or another playbook, holds back.
	Held Action = "Held"
	// Waiting is a run that starts later if nothing changes: its trigger has begun to hold, and its `for` is not over.
	Waiting Action = "Waiting"
	// Averted is a run that would have started, or waited, and does not any more.
	Averted Action = "Averted"
)

// Preview is what a change would do. Lists are sorted by what they are about, so that the same change reads the same.
type Preview struct {
	Namespace string         `json:"namespace"`
	Now       time.Time      `json:"now"`
	Ahead     string         `json:"ahead,omitempty"`
	Config    []ConfigChange `json:"config"`
	Facts     []Facts        `json:"facts"`
	// NoData are measures and conditions of which nothing is known yet: what they would do is not foretold.
	NoData   []NoData      `json:"noData,omitempty"`
	Accounts AccountCounts `json:"accounts"`
	// Changed are the accounts that sets or files create, update, churn or delete.
	Changed []AccountChange `json:"accountChanges,omitempty"`
	// Stopped are the changes that the guard of an AccountSet would hold.
	Stopped []Stopped    `json:"stopped,omitempty"`
	Bands   []BandCount  `json:"bands"`
	Moves   []Move       `json:"moves,omitempty"`
	Runs    []RunChange  `json:"runs,omitempty"`
	Tasks   []TaskChange `json:"tasks,omitempty"`
	// Problems are objects of the head that would be Stalled, or wait for what is not there: what they do is not foretold.
	Problems []Problem `json:"problems,omitempty"`
}

// ConfigChange is one object of the configuration that the change touches.
type ConfigChange struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Action Action `json:"action"`
	// Fields that differ, as paths such as spec.bands[Healthy].min with what was and what is; at most ten.
	Fields []FieldChange `json:"fields,omitempty"`
	// More is how many fields differ beyond those.
	More int `json:"more,omitempty"`
	// Hint is what may not be meant so; empty for nothing.
	Hint string `json:"hint,omitempty"`
}

// FieldChange is one field of an object; an empty side is none.
type FieldChange struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Facts says how old what the preview knows of a source is.
type Facts struct {
	Source string `json:"source"`
	// ReadTime is when it was read; nil where nobody knows, as of values remembered in statuses.
	ReadTime *time.Time `json:"readTime,omitempty"`
	// Age is the time since then as a duration such as 26m; empty without one.
	Age string `json:"age,omitempty"`
}

// NoData is a value that something in the head reads and of which nothing is known yet.
type NoData struct {
	// Reader is what reads it, such as HealthScoreModel/enterprise measure dau-mau.
	Reader string `json:"reader"`
	Source string `json:"source"`
	Metric string `json:"metric"`
	// Accounts is how many accounts it is not known of.
	Accounts int `json:"accounts"`
}

// AccountCounts count accounts.
type AccountCounts struct {
	Before   int `json:"before"`
	After    int `json:"after"`
	Created  int `json:"created"`
	Updated  int `json:"updated"`
	Churned  int `json:"churned"`
	Deleted  int `json:"deleted"`
	Stopped  int `json:"stopped"`
	Rescored int `json:"rescored"`
	Moved    int `json:"moved"`
}

// AccountChange is an account that comes, goes or is written.
type AccountChange struct {
	Account
	Action Action `json:"action"`
	// Set is the AccountSet that does it; empty for a file.
	Set    string        `json:"set,omitempty"`
	Fields []FieldChange `json:"fields,omitempty"`
}

// Account names an account for people.
type Account struct {
	Name        string `json:"account"`
	DisplayName string `json:"displayName,omitempty"`
	Owner       string `json:"owner,omitempty"`
	// ARR in the currency of the installation; nil is not known.
	ARR *int64 `json:"arr,omitempty"`
}

// Stopped is a change that the guard of an AccountSet would hold for approval.
type Stopped struct {
	Set     string   `json:"set"`
	Creates int      `json:"creates"`
	Prunes  int      `json:"prunes"`
	Sample  []string `json:"sample,omitempty"`
}

// BandCount counts the accounts in a band before and after. Bands come as the models list them, the best first, Unknown last.
type BandCount struct {
	Band      string `json:"band"`
	Before    int    `json:"before"`
	After     int    `json:"after"`
	ARRBefore int64  `json:"arrBefore"`
	ARRAfter  int64  `json:"arrAfter"`
}

// Standing is where an account stands.
type Standing struct {
	Band string `json:"band"`
	// Score is nil while it is not known.
	Score *int32 `json:"score,omitempty"`
	Model string `json:"model,omitempty"`
}

// Move is an account that changes band because of the change.
type Move struct {
	Account
	Before Standing `json:"before"`
	After  Standing `json:"after"`
	// Worse is true where the band after is worse than the one before; false too where one of them is Unknown.
	Worse bool `json:"worse"`
	// At is when it moves, where the model holds it back; nil is at once.
	At *time.Time `json:"at,omitempty"`
	// Reason is what moved it, the largest first, in words.
	Reason string `json:"reason"`
}

// RunChange is a run that the change starts, ends or holds back, compared with what happened without it.
type RunChange struct {
	Account
	Action   Action `json:"action"`
	Playbook string `json:"playbook"`
	// Run is its name; empty where it has none yet.
	Run     string `json:"run,omitempty"`
	Trigger string `json:"trigger,omitempty"`
	// Reason is why it starts or ends, or by what it is held.
	Reason string `json:"reason,omitempty"`
	// At is when, where that is later than now.
	At *time.Time `json:"at,omitempty"`
	// Place in the queue of a run that a limit holds back, from 1; 0 for any other.
	Place int `json:"place,omitempty"`
}

// TaskChange is a task that the change makes, or ends.
type TaskChange struct {
	Account     string             `json:"account"`
	DisplayName string             `json:"displayName,omitempty"`
	Action      Action             `json:"action"`
	Name        string             `json:"name"`
	Title       string             `json:"title"`
	Playbook    string             `json:"playbook"`
	Run         string             `json:"run"`
	Step        string             `json:"step"`
	State       v1alpha1.TaskState `json:"state"`
	Assignee    string             `json:"assignee,omitempty"`
	Priority    string             `json:"priority,omitempty"`
	Due         *time.Time         `json:"due,omitempty"`
	// Reason is why it ends, or what of it is updated.
	Reason string `json:"reason,omitempty"`
}

// Problem is an object of the head that cannot work.
type Problem struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Changes reports whether the change does anything: to the configuration, to accounts, bands, runs or tasks.
func (p *Preview) Changes() bool {
	return len(p.Config)+len(p.Changed)+len(p.Stopped)+len(p.Moves)+len(p.Runs)+len(p.Tasks)+p.Accounts.Rescored > 0
}
