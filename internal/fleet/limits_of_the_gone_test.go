package fleet_test

import (
	"testing"
	"time"

	"github.com/perennial-dev/perennial/internal/fleet"
)

// The run of an account goes with the account, and so does its place of the day: the operator counts the runs that are
// there, and those that accounts which are there remember.
func TestADeletedAccountGivesBackItsPlaceOfTheDay(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	f, faults := fleet.Load(manualWorld(t, entered("a", "", 10), entered("b", "", 10), entered("c", "", 10)), now)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if err := f.Step(now); err != nil {
		t.Fatal(err)
	}
	if len(f.Runs()) != 2 || len(f.Held("critical")) != 1 {
		t.Fatalf("%d runs, %d held; two start a day", len(f.Runs()), len(f.Held("critical")))
	}
	f.DeleteAccount("a")
	if err := f.Step(now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if held := f.Held("critical"); len(held) != 0 {
		t.Errorf("still held: %v", held)
	}
}
