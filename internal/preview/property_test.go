package preview_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// edited is a change that somebody makes, in one place for a head and once more for a fleet that lives through it.
type edited struct {
	head  *fleet.World
	apply []func(f *fleet.Fleet) error
	what  []string
}

// edit changes some of the configuration at random.
func edit(dice *rand.Rand, w *fleet.World, now time.Time) *edited {
	e := &edited{head: head(w)}
	e.models(dice, w)
	e.playbooks(dice, w, now)
	e.accounts(dice, w)
	return e
}

func (e *edited) models(dice *rand.Rand, w *fleet.World) {
	e.head.Models = nil
	for _, m := range w.Models {
		if dice.IntN(12) == 0 {
			e.what = append(e.what, "delete "+m.Name)
			e.apply = append(e.apply, func(f *fleet.Fleet) error { f.DeleteModel(m.Name); return nil })
			continue
		}
		changed := m.DeepCopy()
		switch dice.IntN(5) {
		case 0:
			changed.Spec.Bands[1].Min = int32(41 + dice.IntN(25))
		case 1:
			i := dice.IntN(3)
			changed.Spec.Measures[i].Weight += int32(dice.IntN(80) + 1)
		case 2:
			changed.Spec.Rules = slices.Delete(changed.Spec.Rules, 0, 1)
		case 3:
			changed.Spec.AccountSelector.TouchModels = []v1alpha1.TouchModel{v1alpha1.TouchMid}
		default:
			e.head.Models = append(e.head.Models, m)
			continue
		}
		e.what = append(e.what, "model "+m.Name)
		e.head.Models = append(e.head.Models, changed)
		e.apply = append(e.apply, func(f *fleet.Fleet) error {
			changed := changed.DeepCopy()
			changed.Generation++
			return f.SetModel(changed)
		})
	}
}

func (e *edited) playbooks(dice *rand.Rand, w *fleet.World, now time.Time) {
	e.head.Playbooks = nil
	for _, pb := range w.Playbooks {
		changed := pb.DeepCopy()
		switch dice.IntN(12) {
		case 0:
			e.what = append(e.what, "delete "+pb.Name)
			e.apply = append(e.apply, func(f *fleet.Fleet) error { f.DeletePlaybook(pb.Name); return nil })
			continue
		case 1:
			changed.Spec.Triggers = append(changed.Spec.Triggers, v1alpha1.Trigger{Name: "low", Score: &v1alpha1.ScoreTrigger{AtMost: new(int32(60))}})
		case 2:
			changed.Spec.Limits = &v1alpha1.PlaybookLimits{ActiveRuns: new(int32(30)), NewRunsPerDay: new(int32(20))}
		case 3:
			changed.Spec.Triggers = []v1alpha1.Trigger{{Name: "never", Score: &v1alpha1.ScoreTrigger{AtMost: new(int32(1))}}}
		case 4:
			changed.Spec.Suspend = !pb.Spec.Suspend
		case 5:
			changed.Spec.AccountSelector = v1alpha1.AccountSelector{TouchModels: []v1alpha1.TouchModel{v1alpha1.TouchTech}}
		case 6:
			changed.Spec.InhibitedBy, changed.Spec.HistoryLimit = nil, new(int32(0))
		default:
			e.head.Playbooks = append(e.head.Playbooks, pb)
			continue
		}
		e.what = append(e.what, "playbook "+pb.Name)
		e.head.Playbooks = append(e.head.Playbooks, changed)
		e.apply = append(e.apply, func(f *fleet.Fleet) error {
			changed := changed.DeepCopy()
			changed.Generation++
			return f.SetPlaybook(changed)
		})
	}
	if dice.IntN(3) == 0 {
		added := w.Playbooks[0].DeepCopy()
		added.ObjectMeta = metav1.ObjectMeta{Name: "added", Namespace: w.Namespace}
		added.Spec.Triggers = []v1alpha1.Trigger{{Name: "at-risk", Band: &v1alpha1.BandTrigger{In: []v1alpha1.BandName{"AtRisk"}}}}
		e.what = append(e.what, "a new playbook")
		e.head.Playbooks = append(e.head.Playbooks, added)
		e.apply = append(e.apply, func(f *fleet.Fleet) error {
			added := added.DeepCopy()
			added.UID, added.Generation, added.CreationTimestamp = types.UID(added.Name), 1, metav1.NewTime(now)
			return f.SetPlaybook(added)
		})
	}
}

func (e *edited) accounts(dice *rand.Rand, w *fleet.World) {
	e.head.Accounts = slices.Clone(w.Accounts)
	for i, a := range e.head.Accounts {
		if dice.IntN(15) > 0 {
			continue
		}
		changed := a.DeepCopy()
		changed.Spec.Owner = "new@example.com"
		switch dice.IntN(4) {
		case 0:
			changed.Spec.TouchModel = v1alpha1.TouchHigh
		case 1:
			changed.Spec.LifecycleStage = v1alpha1.StageChurned
		case 2:
			changed.Spec.ParentRef = &v1alpha1.LocalReference{Name: w.Accounts[dice.IntN(len(w.Accounts))].Name}
		}
		e.what = append(e.what, a.Name)
		e.head.Accounts[i] = changed
		e.apply = append(e.apply, func(f *fleet.Fleet) error {
			changed := changed.DeepCopy()
			changed.Generation++
			f.SetAccount(changed)
			return nil
		})
	}
}

func TestAPreviewIsWhatAFleetThatLivesThroughTheChangeDoes(t *testing.T) {
	start := world(t, 60, 3)
	w := evaluated(t, start, today, today.Add(time.Hour), today.Add(5*time.Hour), today.AddDate(0, 0, 1))
	now := today.AddDate(0, 0, 1).Add(time.Minute)
	for seed := range uint64(40) {
		dice := rand.New(rand.NewPCG(seed, 11))
		e := edit(dice, w, now)
		before := text(t, w)
		_, foretold, err := preview.Fleets(preview.Input{Base: w, Head: e.head, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		lived, _ := fleet.Load(w, now)
		step(t, lived, now)
		for _, apply := range e.apply {
			if err := apply(lived); err != nil {
				t.Fatal(err)
			}
		}
		lived.Restart()
		step(t, lived, now)
		if diff := cmp.Diff(state(lived), state(foretold)); diff != "" {
			t.Fatalf("seed %d (%v): the preview (+) is not what happens (-):\n%s", seed, e.what, diff)
		}
		if text(t, w) != before {
			t.Fatalf("seed %d: the preview has changed what it was given", seed)
		}
	}
}

func step(t *testing.T, f *fleet.Fleet, at time.Time) {
	t.Helper()
	if err := f.Step(at); err != nil {
		t.Fatal(err)
	}
}

// state is all that a fleet is, by name.
func state(f *fleet.Fleet) map[string]any {
	out := map[string]any{}
	for _, a := range f.Accounts() {
		out["account "+a.Name] = []any{a.Generation, a.Spec, a.Status}
	}
	for _, run := range f.Runs() {
		out["run "+run.Name] = []any{run.Spec, run.Status}
		for _, task := range f.Tasks(run.Name) {
			out["task "+task.Name] = []any{task.Spec, task.Status}
		}
		out["held "+run.Spec.PlaybookRef.Name] = fmt.Sprint(f.Held(run.Spec.PlaybookRef.Name))
	}
	return out
}
