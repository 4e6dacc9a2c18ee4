package playbook

import (
	"maps"
	"slices"
)

// Standing is where one playbook stands on one account.
type Standing struct {
	// InhibitedBy are the playbooks that keep it from starting, in the order of its spec.
	InhibitedBy []string
	// Open means that a run of it has open work.
	Open bool
	// Due means that it would start a run now: its episode is Due, and neither suspend nor a limit holds it back.
	Due bool
}

// Standings are the playbooks of a namespace on one account, by name.
type Standings map[string]Standing

// Inhibitor returns the playbook that keeps another one, which would start, from doing so on the account: the first, in the
// order of inhibitedBy, that has an open run, else the first that is about to start one. It is empty where none does. What
// is itself kept from starting keeps no other. Of playbooks that inhibit each other, in a circle of any length, the first
// by name goes first. The one that is asked about counts as Due: whether a limit holds it back is asked after this.
func (s Standings) Inhibitor(name string) string {
	if open := s.openInhibitor(name); open != "" {
		return open
	}
	starting := s.starting(name)
	if slices.Contains(starting, name) {
		return ""
	}
	for _, other := range s[name].InhibitedBy {
		if slices.Contains(starting, other) {
			return other
		}
	}
	for _, other := range starting {
		if slices.Contains(s[other].InhibitedBy, name) {
			return other // it would be kept from starting by this one, and goes first
		}
	}
	return ""
}

// openInhibitor returns the first playbook that inhibits another one with an open run.
func (s Standings) openInhibitor(name string) string {
	for _, other := range s[name].InhibitedBy {
		if other != name && s[other].Open {
			return other
		}
	}
	return ""
}

// starting returns the playbooks that may start together, of which none inhibits another: those that inhibit come before
// those that they inhibit. One of them is asked about.
func (s Standings) starting(asked string) []string {
	var waiting, starting []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if (name == asked || s[name].Due) && s.openInhibitor(name) == "" {
			waiting = append(waiting, name)
		}
	}
	for len(waiting) > 0 {
		next := s.first(waiting)
		waiting = slices.DeleteFunc(waiting, func(name string) bool { return name == next })
		if !slices.ContainsFunc(starting, func(other string) bool {
			return slices.Contains(s[next].InhibitedBy, other) || slices.Contains(s[other].InhibitedBy, next)
		}) {
			starting = append(starting, next)
		}
	}
	return starting
}

// first returns the first of some playbooks by name that none of the others inhibits, unless it inhibits those too.
func (s Standings) first(among []string) string {
	for _, name := range among {
		above := s.above(name, among)
		if !slices.ContainsFunc(above, func(other string) bool { return !slices.Contains(s.above(other, among), name) }) {
			return name
		}
	}
	return among[0]
}

// above returns those of some playbooks that inhibit one, directly or through others of them.
func (s Standings) above(name string, among []string) []string {
	var found []string
	next := []string{name}
	for len(next) > 0 {
		by := s[next[0]].InhibitedBy
		next = next[1:]
		for _, other := range by {
			if slices.Contains(among, other) && !slices.Contains(found, other) {
				found, next = append(found, other), append(next, other)
			}
		}
	}
	return found
}
