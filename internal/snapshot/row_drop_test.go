package snapshot_test

import (
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// The operator refuses a table with far fewer rows than the last one (spec.maxRowDropPercent, 50 by default): the last values
// stand. So they do in a plan, also where the table is a file of the change.
func TestAFileThatLostMostOfItsRowsIsRefused(t *testing.T) {
	b := newBase(t)
	fromFile(b.source)
	b.read(rows("acme,3,Gold", "bolt,4,Gold", "cray,5,Gold", "dyn,6,Gold"))
	s := b.take()
	declared := []*v1alpha1.DataSource{b.source}
	sources := s.Sources(declared, configMaps("acme,9,Gold")) // cut off: one row of four
	if got, want := says(sources, newAccount("bolt"), "usage", "users"), "Errored 4 08:34 within 1w"; got != want {
		t.Errorf("bolt has %s, want %s", got, want)
	}
	if rows, complete := sources.Rows("usage"); complete {
		t.Errorf("sets prune by %d rows that the operator refuses", len(rows))
	}
}
