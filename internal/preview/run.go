package preview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/value"
)

// comparison is a preview on its way: the customer base as it goes on without the change, and as it goes on with it.
type comparison struct {
	in         Input
	now        time.Time
	until      time.Time
	base, head *fleet.Fleet
	// configured is the head's configuration as an API server would have it.
	configured *fleet.World
	preview    *Preview
	// changed are the accounts that files and sets write, by name.
	changed map[string]*AccountChange
	// baseSets are the sets of the base, as they are after they did what they would do without the change.
	baseSets map[string]*v1alpha1.AccountSet
	// heldInHead are the runs that are held back with the change, by playbook and account.
	heldInHead map[string]map[string]v1alpha1.HeldRun
	// skipped are the runs of which nothing can be said, by name.
	skipped map[string]bool
	// moved are the accounts that change band.
	moved map[string]bool
	// atOnce are the moves of the moment itself, where a look ahead follows.
	atOnce []Move
}

// Run foretells what a change does. The customer base first lives under the configuration as it is until the moment of the
// change, as the operator has it live; then it is forked, and one of the two gets the change. What they differ in is what
// the change does, so that it is not blamed for what the passing of time does anyway. Nothing of the input is changed, and
// nothing of it may change afterwards: the preview shares it.
func Run(in Input) (*Preview, error) {
	c := newComparison(in)
	if err := c.live(); err != nil {
		return nil, err
	}
	c.configChanges()
	c.facts()
	c.noData()
	c.moves()
	c.bands()
	c.transientMoves()
	c.runs()
	c.tasks()
	c.count()
	return c.preview, nil
}

func newComparison(in Input) *comparison {
	c := &comparison{
		in: in, now: in.Now.UTC().Truncate(time.Second), changed: map[string]*AccountChange{}, moved: map[string]bool{}, skipped: map[string]bool{},
		heldInHead: map[string]map[string]v1alpha1.HeldRun{},
		preview:    &Preview{Namespace: cmp.Or(in.Head.Namespace, in.Base.Namespace), Config: []ConfigChange{}, Facts: []Facts{}, Bands: []BandCount{}},
	}
	for _, w := range []**fleet.World{&c.in.Base, &c.in.Head} {
		if (*w).Location == nil {
			utc := **w
			utc.Location = time.UTC
			*w = &utc
		}
	}
	c.until = c.now.Add(in.Ahead)
	c.preview.Now = c.now
	if in.Ahead > 0 {
		c.preview.Ahead = string(value.FormatDuration(in.Ahead))
	}
	return c
}

// live has both customer bases live through the change.
func (c *comparison) live() error {
	base, faults := fleet.Load(c.in.Base, c.now)
	c.base = base
	c.configured = c.adopt()
	affected := c.affectedSources()
	if err := c.sets(c.in.Base, c.base, affected, nil); err != nil {
		return err
	}
	if err := c.base.Step(c.now); err != nil {
		return fmt.Errorf("without the change: %w", err)
	}
	c.head = c.base.Fork()
	for _, fault := range c.head.Configure(c.configured) {
		if slices.ContainsFunc(faults, fault.Same) {
			continue // it is Stalled already
		}
		c.problem(fault.Kind, fault.Name, "would be Stalled: %s", fault.Err)
	}
	c.references()
	c.handWritten()
	if err := c.sets(c.configured, c.head, affected, c.takeSetChange); err != nil {
		return err
	}
	if err := c.head.Step(c.now); err != nil {
		return fmt.Errorf("with the change: %w", err)
	}
	if c.until.After(c.now) {
		c.moves()
		c.atOnce, c.preview.Moves, c.moved = c.preview.Moves, nil, map[string]bool{}
	}
	return c.ahead()
}

// A look ahead takes a step at most each minute, and later each tenth of the time that it has come: what is to happen between
// two steps happens at the later one.
const (
	leastStep = time.Minute
	tenth     = 10
)

// ahead has the clock run on for both, with facts that do not grow old.
func (c *comparison) ahead() error {
	if !c.until.After(c.now) {
		return nil
	}
	c.base.Freeze(c.now)
	c.head.Freeze(c.now)
	for at := c.now; at.Before(c.until); {
		next := value.Earliest(c.base.Next(), c.head.Next())
		if next.IsZero() {
			next = c.until
		}
		if earliest := at.Add(max(leastStep, at.Sub(c.now)/tenth).Truncate(time.Second)); next.Before(earliest) {
			next = earliest
		}
		if at = next; at.After(c.until) {
			at = c.until
		}
		if err := c.base.Step(at); err != nil {
			return fmt.Errorf("without the change: %w", err)
		}
		if err := c.head.Step(at); err != nil {
			return fmt.Errorf("with the change: %w", err)
		}
	}
	return nil
}

// problem notes an object of the head that cannot work.
func (c *comparison) problem(kind, name, format string, args ...any) {
	p := Problem{Kind: kind, Name: name, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.preview.Problems, p) {
		c.preview.Problems = append(c.preview.Problems, p)
	}
}

// count counts what is to be counted, and sorts what was found as it came.
func (c *comparison) count() {
	p := c.preview
	slices.SortFunc(p.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Message, b.Message))
	})
	for _, change := range c.changed {
		p.Changed = append(p.Changed, *change)
	}
	slices.SortFunc(p.Changed, func(a, b AccountChange) int { return cmp.Compare(a.Name, b.Name) })
	n := &p.Accounts
	n.Before, n.After = len(c.base.Accounts()), len(c.head.Accounts())
	for i := range p.Changed {
		switch p.Changed[i].Action {
		case Created:
			n.Created++
		case Churned:
			n.Churned++
		case Deleted:
			n.Deleted++
		default:
			n.Updated++
		}
	}
	for i := range p.Stopped {
		n.Stopped += p.Stopped[i].Creates + p.Stopped[i].Prunes
	}
	n.Moved = len(p.Moves)
	for _, after := range c.head.Accounts() {
		before := c.base.Account(after.Name)
		if before == nil || before == after || c.moved[after.Name] || c.head.Blind(after.Name) {
			continue
		}
		if !equality.Semantic.DeepEqual(scoreOf(before), scoreOf(after)) {
			n.Rescored++
		}
	}
}

// scoreOf returns an account's score; nil while it is not known.
func scoreOf(a *v1alpha1.Account) *int32 {
	if a.Status.Health == nil {
		return nil
	}
	return a.Status.Health.Score
}

// named names an account for people.
func named(a *v1alpha1.Account) Account {
	out := Account{Name: a.Name, DisplayName: a.Spec.DisplayName, Owner: a.Spec.Owner}
	if a.Spec.Contract != nil && a.Spec.Contract.ARR != nil {
		arr := *a.Spec.Contract.ARR
		out.ARR = &arr
	}
	return out
}

// account names an account as it is with the change, or was without it.
func (c *comparison) account(name string) Account {
	for _, f := range []*fleet.Fleet{c.head, c.base} {
		if a := f.Account(name); a != nil {
			return named(a)
		}
	}
	return Account{Name: name}
}

// later returns a moment that is after the change; nil for one that is not.
func (c *comparison) later(at time.Time) *time.Time {
	if !at.After(c.now) {
		return nil
	}
	at = at.UTC()
	return &at
}
