package manager

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// groups scores the accounts with the label kind: group by those below them.
const groups = `
kind: HealthScoreModel
metadata: {name: groups}
spec:
  priority: 10
  accountSelector: {matchLabels: {kind: group}}
  bands: [{name: Healthy, min: 70}, {name: AtRisk, min: 40}, {name: Critical, min: 0}]
  dimensions: [{name: subsidiaries, weight: 1}]
  measures:
  - {name: below, dimension: subsidiaries, weight: 1, from: {children: Average}}
`

// addPart makes an account that is part of another, or changes what it is part of. An empty parent is none.
func (w *world) addPart(name, parent string, arr int) {
	w.t.Helper()
	w.applyPart(name, parent, arr, "")
}

// addGroup makes one that is scored by those below it.
func (w *world) addGroup(name, parent string, arr int) {
	w.t.Helper()
	w.applyPart(name, parent, arr, ", labels: {kind: group}")
}

func (w *world) applyPart(name, parent string, arr int, labels string) {
	w.t.Helper()
	ref := ""
	if parent != "" {
		ref = fmt.Sprintf(", parentRef: {name: %s}", parent)
	}
	w.apply(fmt.Sprintf("kind: Account\nmetadata: {name: %s%s}\nspec: {contract: {arr: %d}%s}\n", name, labels, arr, ref))
}

// rollup waits until an account has summed up itself and those below it. No accounts: until it has no sum.
func (w *world) rollup(name string, accounts int32, arr int64) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s sums up %d accounts and %d", name, accounts, arr), func() error {
		a, err := w.account(name)
		if err != nil {
			return err
		}
		if sum := a.Status.Rollup; accounts == 0 && sum != nil || accounts > 0 && (sum == nil || *sum != v1alpha1.Rollup{Accounts: accounts, ARR: arr}) {
			return fmt.Errorf("rollup is %s", asYAML(sum))
		}
		return nil
	})
}

// parent waits until an account says what comes of its parentRef.
func (w *world) parent(name string, status metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	a := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name}}
	w.condition(a, func() []metav1.Condition { return a.Status.Conditions }, v1alpha1.ConditionParentResolved, status, reason, message)
}

// unchanged fails the test where something was written since.
func (w *world) unchanged(before map[string]string, by string) {
	w.t.Helper()
	w.quiet()
	if diff := cmp.Diff(before, w.versions()); diff != "" {
		w.t.Errorf("written by %s (- before, + after):\n%s\n%s", by, diff, w.describe())
	}
}

// acmeGroup makes a group with three subsidiaries, one of which is a group itself, and a customer beside it:
//
//	acme 50 -+- east 100, score 90
//	         +- west 300, score 60
//	         +- north 200 --- lab 400, score 30
//	solo 7, score 50
func (w *world) acmeGroup() {
	w.t.Helper()
	w.setUsage("east,90,ok", "west,60,ok", "lab,30,ok", "solo,50,ok")
	w.apply(usage)
	w.apply(groups)
	w.addGroup("acme", "", 50)
	w.addPart("east", "acme", 100)
	w.addPart("west", "acme", 300)
	w.addGroup("north", "acme", 200)
	w.addPart("lab", "north", 400)
	w.addPart("solo", "", 7)
	w.health("north", 30, "Critical")
	w.health("acme", 60, "AtRisk")
	w.rollup("acme", 4, 1050)
}

func TestAGroupIsWhatItsSubsidiariesAre(t *testing.T) {
	w := newWorld(t)
	w.acmeGroup()
	w.rollup("north", 1, 600)
	w.rollup("east", 0, 0)
	for name, of := range map[string]string{"east": "acme", "north": "acme", "lab": "north"} {
		w.parent(name, "True", "ParentFound", "part of "+of)
	}

	w.apply(strings.Replace(groups, "Average", "Worst", 1))
	w.health("acme", 30, "Critical")
	// (90·100 + 60·300 + 30·600) / 1000: north counts with what is below it.
	w.apply(strings.Replace(groups, "Average", "ARRWeighted", 1))
	w.health("acme", 45, "AtRisk")
	w.addPart("lab", "north", 1400)
	w.rollup("north", 1, 1600)
	w.rollup("acme", 4, 2050)
	w.health("acme", 38, "Critical") // (90·100 + 60·300 + 30·1600) / 2000 = 37.5

	// lab moves from north to acme itself, which counts it once.
	w.apply(groups)
	w.addPart("lab", "acme", 400)
	w.rollup("acme", 4, 1050)
	w.rollup("north", 0, 0)
	w.health("acme", 60, "AtRisk") // of east, west and lab
	w.until("north has no score", func() error {
		a, err := w.account("north")
		if err == nil && (a.Status.Health.Score != nil || a.Status.Health.Band != v1alpha1.BandUnknown) {
			err = fmt.Errorf("health is %s", asYAML(a.Status.Health))
		}
		return err
	})
	w.addPart("lab", "", 400)
	w.rollup("acme", 3, 650)
	w.health("acme", 75, "Healthy")
	w.until("lab says nothing of a parent", func() error {
		a, err := w.account("lab")
		if err == nil && meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionParentResolved) != nil {
			err = fmt.Errorf("conditions are %s", asYAML(a.Status.Conditions))
		}
		return err
	})
}

// evaluations counts how often each account was evaluated.
type evaluations struct {
	mu    sync.Mutex
	times map[string]int
}

func (e *evaluations) add(account types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.times[account.Name]++
}

// since returns what was counted, and begins anew.
func (e *evaluations) since() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	times := e.times
	e.times = map[string]int{}
	return times
}

// countEvaluations has an operator that counts.
func (w *world) countEvaluations() *evaluations {
	w.t.Helper()
	e := &evaluations{times: map[string]int{}}
	w.stop()
	w.evaluated = e.add
	w.start()
	return e
}

func TestALeafRecomputesItsAncestorsOnly(t *testing.T) {
	w := newWorld(t)
	counted := w.countEvaluations()
	w.acmeGroup()
	for _, c := range []struct {
		by        string
		change    func()
		evaluated string // of all accounts
		written   string // of all that the operator writes but models, which count bands
	}{
		{
			"a score below a group of a group", func() { w.setUsage("east,90,ok", "west,60,ok", "lab,33,ok", "solo,50,ok") },
			"acme lab north", "acme lab north",
		},
		{
			"a score right below the group", func() { w.setUsage("east,93,ok", "west,60,ok", "lab,33,ok", "solo,50,ok") },
			"acme east", "acme east",
		},
		{
			"a contract", func() { w.addPart("lab", "north", 410) },
			"acme lab north", "acme lab north",
		},
		{
			"what no parent takes", func() {
				w.apply("kind: Account\nmetadata: {name: lab}\nspec: {contract: {arr: 410}, parentRef: {name: north}, owner: jo}\n")
			},
			"lab", "lab",
		},
		{
			"a customer who left", func() {
				w.apply("kind: Account\nmetadata: {name: west}\nspec: {contract: {arr: 300}, parentRef: {name: acme}, lifecycleStage: Churned}\n")
			},
			"acme west", "acme west",
		},
		{
			"somebody else", func() { w.setUsage("east,93,ok", "west,60,ok", "lab,33,ok", "solo,51,ok") },
			"solo", "solo",
		},
	} {
		w.quiet()
		before := w.accountVersions()
		counted.since()
		c.change()
		w.quiet()
		times := counted.since()
		if got := strings.Join(slices.Sorted(maps.Keys(times)), " "); got != c.evaluated {
			t.Errorf("%s: evaluated were %v, want %s", c.by, times, c.evaluated)
		}
		var written []string
		for name, version := range w.accountVersions() {
			if before[name] != version {
				written = append(written, name)
			}
		}
		slices.Sort(written)
		if got := strings.Join(written, " "); got != c.written {
			t.Errorf("%s: written were %s, want %s", c.by, got, c.written)
		}
		for name, n := range times {
			// Once for the change, and once for each write that the cache brings back.
			if n > 4 {
				t.Errorf("%s: %s was evaluated %d times", c.by, name, n)
			}
		}
	}
}

// accountVersions are the resource versions of the accounts by name.
func (w *world) accountVersions() map[string]string {
	w.t.Helper()
	versions := map[string]string{}
	for key, version := range w.versions() {
		if name, ok := strings.CutPrefix(key, "*v1alpha1.Account/"); ok {
			versions[name] = version
		}
	}
	return versions
}

func TestACustomerWhoLeftLeavesTheSum(t *testing.T) {
	w := newWorld(t)
	w.acmeGroup()
	group := func(stage string) {
		w.apply("kind: Account\nmetadata: {name: north, labels: {kind: group}}\nspec: {contract: {arr: 200}, parentRef: {name: acme}, lifecycleStage: " + stage + "}\n")
	}
	group("Churned")
	w.rollup("acme", 2, 450)
	w.health("acme", 75, "Healthy")
	w.quiet()
	before := w.versions()
	w.restart()
	w.unchanged(before, "a restart")
	// It is won back, with all below it.
	group("Adoption")
	w.rollup("acme", 4, 1050)
	w.health("acme", 60, "AtRisk")

	lab := &v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: "lab"}}
	if err := w.Delete(t.Context(), lab); err != nil {
		t.Fatal(err)
	}
	w.rollup("acme", 3, 650)
	w.rollup("north", 0, 0)
	w.health("acme", 75, "Healthy")
}
