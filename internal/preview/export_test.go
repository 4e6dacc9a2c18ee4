package preview

import "github.com/perennial-dev/perennial/internal/fleet"

// Fleets returns the customer bases that a preview compares.
func Fleets(in Input) (base, head *fleet.Fleet, err error) {
	c := newComparison(in)
	err = c.live()
	return c.base, c.head, err
}
