// Package snapshot keeps what is known of a customer base at one moment: the objects of a namespace and what its sources
// gave. It is read from a cluster, from the operator, or from a file that one was written to.
package snapshot

import (
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/observe"
)

// Origin is where the facts of a snapshot come from.
type Origin string

// The origins.
const (
	// Operator: every column that the operator holds.
	Operator Origin = "Operator"
	// Statuses: the values that the accounts' statuses remember, which are those that models and playbooks in force read.
	Statuses Origin = "Statuses"
)

// Snapshot is a customer base at one moment. Whoever has one only reads it.
type Snapshot struct {
	// Time it was taken.
	Time time.Time
	// World is what there was. Its Sources answer as its own DataSources declare.
	World *fleet.World
	// From is where the facts come from.
	From Origin
	// Settle is the operator's --settle: how long nothing may change before runs start. Zero is not known.
	Settle time.Duration

	// dumps are what the operator held, sorted by source. Of the origin Statuses there are none.
	dumps []*observe.Dump
	// shared are the dumps under the snapshot's own declarations, each made when somebody first asks.
	shared map[string]func() imported
	// seen are the objects that were read so far, by kind and name.
	seen map[string]bool
}

// Sources returns what the sources gave, as other DataSources declare it: those of a change. A column that no read gave is
// not known. A source that reads a ConfigMap among configMaps (by name, then key), or has its rows in its spec, is read from
// there.
func (s *Snapshot) Sources(declared []*v1alpha1.DataSource, configMaps map[string]map[string]string) fleet.Sources {
	return newSources(s, declared, configMaps)
}

// SourcesOf returns what sources give where there is no snapshot: those that read a ConfigMap among configMaps (by name, then
// key), and those that have their rows in their spec. Nothing is known of the others.
func SourcesOf(declared []*v1alpha1.DataSource, configMaps map[string]map[string]string, now time.Time) fleet.Sources {
	return newSources(&Snapshot{Time: now, World: &fleet.World{}, From: Operator}, declared, configMaps)
}
