package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/account"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/playbook"
)

// PlaybookExplanation is where a playbook stands on all accounts.
type PlaybookExplanation struct {
	Playbook  string    `json:"playbook"`
	Namespace string    `json:"namespace,omitempty"`
	Now       time.Time `json:"now"`
	// Headline says it in one line.
	Headline  string `json:"headline"`
	Suspended bool   `json:"suspended,omitempty"`
	// Problem says what keeps the playbook, or a part of it, from working.
	Problem string `json:"problem,omitempty"`
	// Limits and what is used of them.
	Limits Limits `json:"limits"`
	// Selected is how many accounts the playbook watches, of all Accounts.
	Selected int `json:"selected"`
	Accounts int `json:"accounts"`
	// States count the accounts in each state, in the order of States.
	States []StateCount `json:"states"`
	// Groups are the accounts in the states in which something is about to happen, or has; at most fifty each. Those that a
	// limit holds are in the order in which they will start.
	Groups []Group `json:"groups,omitempty"`
	// Unknown are the reasons why nobody can say whether a run should start, and how many accounts that is so of.
	Unknown []ReasonCount `json:"unknown,omitempty"`
	// Close are the accounts that are the least away from a trigger, at most ten.
	Close []Near `json:"close,omitempty"`
}

// Limits are those of a playbook, and what is used of them.
type Limits struct {
	ActiveRuns    int `json:"activeRuns"`
	Active        int `json:"active"`
	NewRunsPerDay int `json:"newRunsPerDay"`
	StartedToday  int `json:"startedToday"`
}

// StateCount counts accounts in a state.
type StateCount struct {
	State    State `json:"state"`
	Accounts int   `json:"accounts"`
}

// Group is accounts in a state.
type Group struct {
	State    State             `json:"state"`
	Accounts []AccountStanding `json:"accounts"`
	// More is how many there are beyond those.
	More int `json:"more,omitempty"`
}

// AccountStanding is where an account stands with the playbook.
type AccountStanding struct {
	Customer
	Text      string     `json:"text"`
	Why       string     `json:"why,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	Run       string     `json:"run,omitempty"`
	OpenTasks int32      `json:"openTasks,omitempty"`
	By        string     `json:"inhibitedBy,omitempty"`
	Place     int        `json:"place,omitempty"`
}

// ReasonCount counts the accounts that something is so of.
type ReasonCount struct {
	Reason   string `json:"reason"`
	Accounts int    `json:"accounts"`
}

// Near is an account that is close to a trigger.
type Near struct {
	Customer
	Distance
}

// The bounds of what is listed.
const (
	maxListed  = 50
	maxNear    = 10
	maxReasons = 10
	// maxFar is how far is close: twenty points, thirty days, a fifth of a value.
	maxFar = 0.2
)

// Playbook explains where a playbook stands on all accounts at a moment.
func Playbook(w *fleet.World, name string, now time.Time) (*PlaybookExplanation, error) {
	l := newLook(w, now)
	p, err := l.play(name)
	if err != nil {
		return nil, err
	}
	e := &PlaybookExplanation{
		Playbook: name, Namespace: w.Namespace, Now: l.now, Suspended: p.spec.Spec.Suspend, Accounts: len(l.accounts), Problem: problem(p),
	}
	e.Limits.ActiveRuns, e.Limits.NewRunsPerDay = playbook.Limits(p.spec.Spec.Limits)
	e.Limits.Active, e.Limits.StartedToday = l.counts(name)
	groups, unknown := map[State][]AccountStanding{}, map[string]int{}
	for _, accountName := range slices.Sorted(maps.Keys(l.accounts)) {
		a := l.accounts[accountName]
		s := l.standing(p, a)
		c := l.customer(a)
		groups[s.State] = append(groups[s.State], AccountStanding{
			Customer: c, Text: s.Text, Why: s.Why, Since: s.Since, Until: s.Until, Run: s.Run, OpenTasks: s.OpenTasks, By: s.By, Place: s.Place,
		})
		if s.State == Unknown {
			unknown[unknownOf(s.Triggers)]++
		}
		if s.State == Clear && s.Nearest != nil && s.Nearest.far <= maxFar {
			e.Close = append(e.Close, Near{c, *s.Nearest})
		}
	}
	e.list(groups)
	for _, reason := range slices.Sorted(maps.Keys(unknown)) {
		e.Unknown = append(e.Unknown, ReasonCount{reason, unknown[reason]})
	}
	slices.SortStableFunc(e.Unknown, func(a, b ReasonCount) int { return cmp.Compare(b.Accounts, a.Accounts) })
	e.Unknown = e.Unknown[:min(len(e.Unknown), maxReasons)]
	slices.SortStableFunc(e.Close, func(a, b Near) int { return cmp.Compare(a.far, b.far) })
	e.Close = e.Close[:min(len(e.Close), maxNear)]
	e.Headline = e.headline()
	return e, nil
}

// problem says what keeps a playbook from working.
func problem(p *play) string {
	if p.err != nil {
		return "stalled, it starts nothing: " + p.err.Error()
	}
	ready := meta.FindStatusCondition(p.spec.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && (ready.Reason == v1alpha1.ReasonReferenceNotFound || ready.Reason == v1alpha1.ReasonPreviousNameInUse) {
		return ready.Message
	}
	return ""
}

// list counts the accounts of each state, and lists those of the states that matter.
func (e *PlaybookExplanation) list(groups map[State][]AccountStanding) {
	listed := []State{Firing, Starting, Held, Inhibited, Suspended, Settling, Waiting, CoolingDown}
	for _, state := range States() {
		all := groups[state]
		if len(all) == 0 {
			continue
		}
		e.States = append(e.States, StateCount{state, len(all)})
		if state != NotSelected && state != Stalled {
			e.Selected += len(all)
		}
		if !slices.Contains(listed, state) {
			continue
		}
		slices.SortStableFunc(all, compareInGroup)
		shown := all[:min(len(all), maxListed)]
		e.Groups = append(e.Groups, Group{State: state, Accounts: shown, More: len(all) - len(shown)})
	}
}

// compareInGroup orders accounts of one state: by their place in a queue, then those that leave the state first, then those
// that came into it last.
func compareInGroup(a, b AccountStanding) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), compareTimes(a.Until, b.Until), compareTimes(b.Since, a.Since),
		cmp.Compare(arr(b.Customer), arr(a.Customer)), cmp.Compare(a.Name, b.Name))
}

// arr is what a customer pays; 0 where it is not known.
func arr(c Customer) int64 {
	if c.ARR == nil {
		return 0
	}
	return *c.ARR
}

// compareTimes orders times; none comes last.
func compareTimes(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}

// unknownOf names the value because of which a playbook is Unknown: the reason of the first trigger that is.
func unknownOf(triggers []Trigger) string {
	for _, t := range triggers {
		if truthOf(t.Truth) == playbook.Unknown {
			return t.Reason
		}
	}
	return ""
}

// count returns how many accounts are in a state.
func (e *PlaybookExplanation) count(state State) int {
	for _, s := range e.States {
		if s.State == state {
			return s.Accounts
		}
	}
	return 0
}

// headline says it in one line.
func (e *PlaybookExplanation) headline() string {
	text := fmt.Sprintf("Playbook %s watches %d of %s", e.Playbook, e.Selected, counted(e.Accounts, "account"))
	var parts []string
	for _, s := range []struct {
		state State
		words string
	}{
		{Firing, "fires for %d"},
		{Starting, "is about to start on %d"},
		{Settling, "waits for the configuration to settle on %d"},
		{Held, "holds %d back"},
		{Inhibited, "is kept from starting on %d"},
		{Suspended, "would start on %d"},
		{Waiting, "is pending on %d"},
		{CoolingDown, "cools down on %d"},
	} {
		if n := e.count(s.state); n > 0 {
			parts = append(parts, fmt.Sprintf(s.words, n))
		}
	}
	if e.Suspended {
		text += ", and is suspended"
	}
	if len(parts) == 0 {
		return text + "; it fires for none"
	}
	return text + "; it " + strings.Join(parts, ", ")
}

// PlaybookOnExplanation is why a playbook did or did not start work on one account, step by step.
type PlaybookOnExplanation struct {
	Customer
	Namespace string    `json:"namespace,omitempty"`
	Now       time.Time `json:"now"`
	Standing
	Steps []Step `json:"steps"`
	// Sentence says it in one.
	Sentence string `json:"sentence"`
}

// Mark says whether a step lets a run start.
type Mark string

// The marks.
const (
	// Yes lets a run start, No does not, and Open is not known; Info is neither.
	Yes  Mark = "yes"
	No   Mark = "no"
	Open Mark = "unknown"
	Info Mark = "info"
)

// Step is one thing that a start depends on.
type Step struct {
	Name string `json:"name"`
	Mark Mark   `json:"mark"`
	Text string `json:"text"`
}

// PlaybookOn explains why a playbook did or did not start work on an account.
func PlaybookOn(w *fleet.World, playbookName, accountName string, now time.Time) (*PlaybookOnExplanation, error) {
	l := newLook(w, now)
	p, err := l.play(playbookName)
	if err != nil {
		return nil, err
	}
	a, err := l.account(accountName)
	if err != nil {
		return nil, err
	}
	e := &PlaybookOnExplanation{Customer: l.customer(a), Namespace: w.Namespace, Now: l.now, Standing: l.standing(p, a)}
	e.Steps = l.steps(p, a, &e.Standing)
	verdict := "does nothing for"
	switch e.State {
	case Firing:
		verdict = "works on"
	case Starting:
		verdict = "is about to start on"
	case Clear, Unknown, NotSelected, Stalled:
	case Suspended, Fired, Ignored:
		verdict = "does not start on"
	default:
		verdict = "has not started yet on"
	}
	e.Sentence = fmt.Sprintf("%s %s %s: %s.", playbookName, verdict, e.Title(), strings.TrimSuffix(e.Text, "."))
	return e, nil
}

// steps are what a start depends on, in the order in which the operator asks.
func (l *look) steps(p *play, a *v1alpha1.Account, found *Standing) []Step {
	s := l.see(a)
	if p.err != nil {
		return []Step{{"playbook", No, "it cannot be used: " + p.err.Error()}}
	}
	steps := []Step{{"playbook", Yes, "it compiles"}}
	if text := problem(p); text != "" {
		steps[0] = Step{"playbook", Info, text}
	}
	switch {
	case account.Churned(s.account):
		steps = append(steps, Step{"selected", No, "the customer left: no trigger holds on a Churned account"})
	case len(found.Mismatches) > 0:
		steps = append(steps, Step{"selected", No, strings.Join(found.Mismatches, "; ")})
	default:
		steps = append(steps, Step{"selected", Yes, "the account meets the accountSelector"})
	}
	if steps[1].Mark == Yes || found.State == Firing {
		for _, t := range found.Triggers {
			steps = append(steps, triggerStep(t))
		}
		steps = append(steps, l.memorySteps(p, s, found)...)
	}
	return steps
}

// triggerStep says how one trigger stands.
func triggerStep(t Trigger) Step {
	mark := map[playbook.Truth]Mark{playbook.True: Yes, playbook.False: No, playbook.Unknown: Open}[truthOf(t.Truth)]
	text := t.Truth + ": " + t.Reason
	if t.Distance != nil {
		text += " (" + t.Distance.Text + ")"
	}
	return Step{"trigger " + t.Name, mark, text}
}
