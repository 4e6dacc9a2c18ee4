package cli

import "runtime/debug"

const (
	// frugalMemory, in bytes, is what a plan over frugalAccounts gets by with: a job of a pipeline has little, and by itself
	// the collector lets as much lie around as is in use.
	frugalMemory = 232 << 20
	// frugalAccounts is up to how many accounts it is enough; with more the collector would do little else than collect.
	frugalAccounts = 12_000
)

// frugal keeps the program's memory small until release, unless GOMEMLIMIT says what it may have.
func (a *app) frugal() (release func()) {
	if a.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(frugalMemory)
	return func() { debug.SetMemoryLimit(before) }
}
