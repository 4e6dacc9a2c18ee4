package manager

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

func TestAParentThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.setUsage("east,90,ok")
	w.apply(usage)
	w.apply(groups)
	w.addPart("east", "acme", 100)
	w.parent("east", "False", "ParentNotFound", "spec.parentRef.name: Account acme is not there; make it, or correct the name")
	w.health("east", 90, "Healthy")

	w.addGroup("acme", "", 50)
	w.parent("east", "True", "ParentFound", "part of acme")
	w.health("acme", 90, "Healthy")
	w.rollup("acme", 1, 150)

	w.addPart("east", "acne", 100)
	w.parent("east", "False", "ParentNotFound", "Account acne is not there")
	w.rollup("acme", 0, 0)
	w.addPart("east", "acme", 100)
	w.parent("east", "True", "ParentFound", "part of acme")
	w.rollup("acme", 1, 150)

	if err := w.Delete(t.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}); err != nil {
		t.Fatal(err)
	}
	w.parent("east", "False", "ParentNotFound", "Account acme is not there")
	w.health("east", 90, "Healthy")
	w.quiet()
	before := w.versions()
	w.restart()
	w.unchanged(before, "a restart")
}

func TestACircleOfThree(t *testing.T) {
	w := newWorld(t)
	w.addPart("c", "", 40)
	w.addPart("b", "c", 20)
	w.addPart("a", "b", 10)
	w.addPart("leaf", "a", 5)
	w.rollup("c", 3, 75)
	w.rollup("b", 2, 35)
	w.rollup("a", 1, 15)

	w.addPart("c", "a", 40)
	closed := func() {
		t.Helper()
		for name, circle := range map[string]string{"a": "a -> b -> c -> a", "b": "b -> c -> a -> b", "c": "c -> a -> b -> c"} {
			w.parent(name, "False", "ParentCycle", "spec.parentRef.name: "+circle+" is a circle")
		}
		// One that only leads into it is not in it.
		w.parent("leaf", "True", "ParentFound", "part of a")
		w.rollup("a", 1, 15)
		w.rollup("b", 0, 0)
		w.rollup("c", 0, 0)
		w.quiet()
	}
	closed()
	before := w.versions()
	w.pass(0)
	w.unchanged(before, "looking again")
	w.restart()
	w.unchanged(before, "a restart")

	// Another one of them opens it.
	w.addPart("b", "", 20)
	w.parent("a", "True", "ParentFound", "part of b")
	w.parent("c", "True", "ParentFound", "part of a")
	w.rollup("b", 3, 75)
	w.rollup("a", 2, 55)
	w.rollup("c", 0, 0)

	w.addPart("b", "c", 20)
	closed()
	if err := w.Delete(t.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "c"}}); err != nil {
		t.Fatal(err)
	}
	w.parent("b", "False", "ParentNotFound", "Account c is not there")
	w.parent("a", "True", "ParentFound", "part of b")
	w.rollup("b", 2, 35)

	w.addPart("c", "a", 40) // and it comes back as it was
	closed()
}

// TestWhateverIsMovedTheSumsAreRight moves accounts about, as fast as the API server takes it, and now and then compares
// what has come of it with what the specs say.
func TestWhateverIsMovedTheSumsAreRight(t *testing.T) {
	const accounts, rounds, moves = 12, 8, 40
	w := newWorld(t)
	random := rand.New(rand.NewPCG(4, 6))
	parents, reasons := map[string]string{}, map[string]int{}
	name := func() string { return fmt.Sprintf("n%d", random.IntN(accounts)) }
	for range rounds {
		for range moves {
			moved, parent := name(), name()
			if random.IntN(6) == 0 {
				delete(parents, moved)
				if err := client.IgnoreNotFound(w.Delete(t.Context(), &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: moved}})); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if moved == parent {
				parent = ""
			}
			parents[moved] = parent
			w.addPart(moved, parent, 1)
		}
		for name := range parents {
			reason, below := expected(parents, name)
			reasons[reason]++
			w.until(fmt.Sprintf("%s has %d below it and says %q", name, below, reason), func() error { return w.stands(name, reason, below) })
		}
	}
	if len(reasons) != 4 {
		t.Errorf("the moves have come to %v, want all there is", reasons)
	}
	w.quiet()
	before := w.versions()
	w.pass(0)
	w.unchanged(before, "looking again")
}

// stands returns an error where an account does not say this of its parent, or has not summed up so many below it.
func (w *world) stands(name, reason string, below int32) error {
	a, err := w.account(name)
	if err != nil {
		return err
	}
	var got metav1.Condition
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionParentResolved); c != nil {
		got = *c
	}
	if got.Reason != reason {
		return fmt.Errorf("it says %q: %s", got.Reason, got.Message)
	}
	if sum := a.Status.Rollup; below == 0 && sum != nil || below > 0 && (sum == nil || *sum != v1alpha1.Rollup{Accounts: below, ARR: int64(below) + 1}) {
		return fmt.Errorf("rollup is %s", asYAML(sum))
	}
	return nil
}

// expected is the reason that an account gives and how many are below it, as the parents say.
func expected(parents map[string]string, name string) (reason string, below int32) {
	inCircle := func(of string) bool {
		at := parents[of]
		for range parents {
			if at == of {
				return true
			}
			at = parents[at]
		}
		return false
	}
	for child, parent := range parents {
		if parent == name && !inCircle(child) {
			_, more := expected(parents, child)
			below += 1 + more
		}
	}
	_, there := parents[parents[name]]
	switch {
	case parents[name] == "":
		return "", below
	case inCircle(name):
		return v1alpha1.ReasonParentCycle, below
	case !there:
		return v1alpha1.ReasonParentNotFound, below
	default:
		return v1alpha1.ReasonParentFound, below
	}
}
