package preview_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// called returns a world in which a playbook has another name.
func called(w *fleet.World, name, now string, previous ...string) *fleet.World {
	return withPlaybook(w, name, func(pb *v1alpha1.Playbook) {
		pb.Name, pb.UID, pb.Spec.PreviousNames = now, "", previous
	})
}

// The new name sorts as the old one does: of playbooks that inhibit each other the first by name starts.
func TestAPlaybookWithAnotherNameMakesNoWork(t *testing.T) {
	w := evaluated(t, world(t, 200, 1), today)
	for name, ahead := range map[string]time.Duration{"now": 0, "a week ahead": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			p := foretell(t, w, called(w, "rescue", "rescue-2", "rescue"), ahead)
			want := []preview.ConfigChange{{Kind: "Playbook", Name: "rescue-2", Action: preview.Updated, Fields: []preview.FieldChange{
				{Path: "metadata.name", Before: "rescue", After: "rescue-2"},
				{Path: "spec.previousNames", After: `["rescue"]`},
			}}}
			if diff := cmp.Diff(want, p.Config); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if len(p.Moves)+len(p.Runs)+len(p.Tasks)+len(p.Problems) > 0 {
				t.Errorf("it does something:\n%s", text(t, p))
			}
		})
	}
}

func TestAPlaybookThatDoesNotSayWhatItWasCalledBeginsAnew(t *testing.T) {
	w := evaluated(t, world(t, 200, 1), today)
	p := foretell(t, w, called(w, "rescue", "rescue-2"), 24*time.Hour)
	want := []preview.ConfigChange{
		{Kind: "Playbook", Name: "rescue", Action: preview.Deleted},
		{
			Kind: "Playbook", Name: "rescue-2", Action: preview.Created,
			Hint: "it does what rescue does, which goes: if it is the same under another name, write previousNames: [rescue], " +
				"or its work is made again and the old work is left to people",
		},
	}
	if diff := cmp.Diff(want, p.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	again := 0
	for _, run := range p.Runs {
		if run.Playbook == "rescue-2" {
			again++
		}
	}
	if again == 0 {
		t.Error("no work is made again: this says nothing")
	}
}

// Both names have begun work on the same accounts, under the same numbers.
func TestNoRunIsLeftOutWhereAPlaybookSaysLaterWhatItWasCalled(t *testing.T) {
	w := evaluated(t, world(t, 200, 1), today, soon)
	again := called(w, "onboarding", "onboarding-2")
	again.Runs, again.Tasks = w.Runs, w.Tasks
	w = evaluated(t, again, soon, soon.Add(time.Hour))
	began := map[string]int{}
	for _, run := range w.Runs {
		began[run.Spec.PlaybookRef.Name]++
	}
	if began["onboarding"] == 0 || began["onboarding-2"] == 0 {
		t.Fatalf("this says nothing: %v", began)
	}
	runs, compared, err := preview.Compared(preview.Input{Base: w, Head: called(w, "onboarding-2", "onboarding-2", "onboarding"), Now: soon.Add(2 * time.Hour)})
	if err != nil || compared != runs {
		t.Errorf("of %d runs %d are compared, %v", runs, compared, err)
	}
}
