package explain

import (
	"cmp"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// State is where a playbook stands on an account.
type State string

// The states, in the order in which they are listed.
const (
	// Firing: a run has open work.
	Firing State = "Firing"
	// Starting: a run is about to start.
	Starting State = "Starting"
	// Held: a limit of the playbook holds the run back.
	Held State = "Held"
	// Inhibited: another playbook keeps the run from starting.
	Inhibited State = "Inhibited"
	// Suspended: the playbook is suspended, and would start a run.
	Suspended State = "Suspended"
	// Settling: the operator waits until the configuration has settled.
	Settling State = "Settling"
	// Waiting: a trigger holds, not yet for long enough.
	Waiting State = "Pending"
	// CoolingDown: a trigger holds, and the cooldown is not over.
	CoolingDown State = "CoolingDown"
	// Fired: its work has ended, and it starts again only when the condition has cleared.
	Fired State = "Fired"
	// Ignored: the condition held when the playbook first saw the account, and it ignores such.
	Ignored State = "Ignored"
	// Unknown: no trigger holds, as far as is known, and one cannot be judged.
	Unknown State = "Unknown"
	// Clear: no trigger holds.
	Clear State = "Clear"
	// Stalled: the playbook cannot be used.
	Stalled State = "Stalled"
	// NotSelected: the playbook does not watch the account.
	NotSelected State = "NotSelected"
)

// States are all of them, in order.
func States() []State {
	return []State{
		Firing, Starting, Held, Inhibited, Suspended, Settling, Waiting, CoolingDown, Fired, Ignored, Unknown, Clear, Stalled, NotSelected,
	}
}

// Standing is where one playbook stands on one account, and why.
type Standing struct {
	Playbook string `json:"playbook"`
	State    State  `json:"state"`
	// Text says why in one sentence.
	Text string `json:"text"`
	// Why is the reason alone: why its trigger holds, or what keeps it from starting.
	Why string `json:"why,omitempty"`
	// Since is when it came into the state, and Until when it leaves it if nothing changes; absent where that is not known.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Run is the open run, and OpenTasks those of its tasks that wait for somebody.
	Run       string `json:"run,omitempty"`
	OpenTasks int32  `json:"openTasks,omitempty"`
	// By is the playbook that inhibits it.
	By string `json:"inhibitedBy,omitempty"`
	// Place in the queue of Of accounts that a limit holds back, from 1.
	Place int `json:"place,omitempty"`
	Of    int `json:"of,omitempty"`
	// Mismatches are the parts of the selector that the account does not meet.
	Mismatches []string `json:"mismatches,omitempty"`
	// Triggers are those of the playbook, as they are now.
	Triggers []Trigger `json:"triggers,omitempty"`
	// Nearest is the trigger that is the least away from holding, where none does.
	Nearest *Distance `json:"nearest,omitempty"`

	order int
}

// Trigger is one trigger on one account.
type Trigger struct {
	Name string `json:"name"`
	// Kind is the field that it has: band, score, value, ...
	Kind string `json:"kind"`
	// Truth is True, False or Unknown, and Reason why, with the values.
	Truth  string                `json:"truth"`
	Reason string                `json:"reason"`
	Reads  []v1alpha1.NamedValue `json:"reads,omitempty"`
	// For is how long it must hold; HeldUntil is when it will have held for as long, where it holds.
	For       string     `json:"for,omitempty"`
	HeldUntil *time.Time `json:"heldUntil,omitempty"`
	// Distance is how far it is from holding, where that can be said.
	Distance *Distance `json:"distance,omitempty"`
}

// Distance is how far a trigger is from holding.
type Distance struct {
	Trigger string `json:"trigger"`
	Text    string `json:"text"`
	// At is when it will hold if nothing else changes.
	At *time.Time `json:"at,omitempty"`

	// far makes points, days and parts of a value comparable: 1 is a hundred points, 150 days, or all of a value.
	far float64
}

// compareStandings orders standings by their states; those of playbooks that watch for something by how near it is.
func compareStandings(a, b Standing) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.far(), b.far()), cmp.Compare(a.Playbook, b.Playbook))
}

// unreachable is how far a trigger is that nothing brings nearer, or of which that cannot be said.
const unreachable = 1000

// far is how far the nearest trigger is from holding; what cannot be said comes last.
func (s *Standing) far() float64 {
	if s.Nearest == nil {
		return unreachable
	}
	return s.Nearest.far
}
