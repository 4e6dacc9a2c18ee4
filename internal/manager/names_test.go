package manager

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestPlaybooksWhoseLongNamesDifferAtTheEnd(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60)
	account, first, second := long+".acme", long+".1", long+".2"
	w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: %s}\nspec: {lifecycleStage: Onboarding}\n", account))
	w.startsOn(first, "{name: new, lifecycle: {stages: [Onboarding]}}")
	w.startsOn(second, "{name: new, lifecycle: {stages: [Onboarding]}}")
	w.episode(account, first, v1alpha1.EpisodeFiring, 1)
	w.episode(account, second, v1alpha1.EpisodeFiring, 1)
	w.taskState(first, v1alpha1.TaskOpen)
	w.taskState(second, v1alpha1.TaskOpen)
	w.restart()
	w.quiet()
	var runs v1alpha1.PlaybookRunList
	if err := w.List(context.Background(), &runs); err != nil {
		t.Fatal(err)
	}
	labels := map[string]bool{}
	for _, run := range runs.Items {
		labels[run.Labels[v1alpha1.LabelPlaybook]] = true
	}
	if len(runs.Items) != 2 || len(labels) != 2 {
		t.Errorf("%d runs with the labels %v", len(runs.Items), labels)
	}
}
