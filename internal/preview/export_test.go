package preview

import "github.com/perennial-dev/perennial/internal/fleet"

// Fleets returns the customer bases that a preview compares.
func Fleets(in Input) (base, head *fleet.Fleet, err error) {
	c := newComparison(in)
	err = c.live()
	return c.base, c.head, err
}

// Compared returns how many runs there are without the change, and how many of those a preview compares with what becomes of
// them.
func Compared(in Input) (runs, compared int, err error) {
	c := newComparison(in)
	err = c.live()
	for _, p := range c.pairs() {
		if p.before != nil && p.after != nil {
			compared++
		}
	}
	return len(c.base.Runs()), compared, err
}
