package preview_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
	"github.com/perennial-dev/perennial/internal/value"
)

const customers = `
metadata: {name: customers}
spec:
  sourceRef: {name: crm}
  template:
    key: "${row.account_id}"
    name: "${slug(row.name)}"
    labels: {industry: "${row.industry}"}
    spec:
      displayName: "${row.name}"
      owner: "${row.csm}"
      team: [{role: Manager, user: "${row.manager}"}]
      contract: {arr: "${row.arr}"}
`

// setWorld is a customer base that a set has made of some rows, and that was evaluated.
func setWorld(t *testing.T, rows int) *fleet.World {
	t.Helper()
	w := world(t, 0, 1)
	given := w.Sources.(*sources)
	for i := range rows {
		addRow(given, i)
	}
	filled := head(w)
	filled.AccountSets = []*v1alpha1.AccountSet{read[v1alpha1.AccountSet](t, []byte(customers))}
	_, made, err := preview.Fleets(preview.Input{Base: w, Head: filled, Now: today})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(made.Accounts()); n != rows {
		t.Fatalf("%d accounts of %d rows", n, rows)
	}
	filled = taken(made, filled)
	filled.AccountSets[0].Status = v1alpha1.AccountSetStatus{Filled: true, Accounts: int32(rows)}
	return filled
}

func addRow(s *sources, i int) {
	id := fmt.Sprintf("id-%02d", i)
	for column, content := range map[string]string{
		"account_id": id, "name": fmt.Sprintf("Customer %d", i), "csm": "jo@example.com", "industry": "Fintech", "manager": "nina@example.com",
	} {
		s.set("crm", id, column, value.Category(content))
	}
	s.set("crm", id, "arr", number(1000*i))
}

// withSet returns a world in which the set is changed.
func withSet(w *fleet.World, change func(set *v1alpha1.AccountSet)) *fleet.World {
	h := head(w)
	set := w.AccountSets[0].DeepCopy()
	change(set)
	h.AccountSets = []*v1alpha1.AccountSet{set}
	return h
}

func template(old, after string) func(set *v1alpha1.AccountSet) {
	return func(set *v1alpha1.AccountSet) {
		set.Spec.Template.Spec.Raw = []byte(strings.ReplaceAll(string(set.Spec.Template.Spec.Raw), old, after))
	}
}

func TestASetThatIsNew(t *testing.T) {
	w := world(t, 0, 1)
	addRow(w.Sources.(*sources), 7)
	h := head(w)
	h.AccountSets = []*v1alpha1.AccountSet{read[v1alpha1.AccountSet](t, []byte(customers))}
	p := foretell(t, w, h, 0)
	arr := int64(7000)
	want := []preview.AccountChange{{
		Account: preview.Account{Name: "customer-7", DisplayName: "Customer 7", Owner: "jo@example.com", ARR: &arr}, Action: preview.Created, Set: "customers",
	}}
	if diff := cmp.Diff(want, p.Changed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Accounts.Before != 0 || p.Accounts.After != 1 || p.Accounts.Created != 1 || len(p.Moves) > 0 {
		t.Errorf("%s", text(t, p))
	}
}

func TestASetThatWritesAnotherOwner(t *testing.T) {
	w := setWorld(t, 20)
	p := foretell(t, w, withSet(w, template("row.csm", "row.manager")), 0)
	if p.Accounts.Updated != 20 || len(p.Changed) != 20 {
		t.Fatalf("%s", text(t, p))
	}
	want := []preview.FieldChange{{Path: "spec.owner", Before: "jo@example.com", After: "nina@example.com"}}
	if diff := cmp.Diff(want, p.Changed[0].Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, task := range p.Tasks {
		if task.Action != preview.Updated || task.Reason != "assignee jo@example.com -> nina@example.com" {
			t.Errorf("%s", text(t, task))
		}
	}
}

func TestASetThatNoLongerWritesAField(t *testing.T) {
	w := setWorld(t, 3)
	p := foretell(t, w, withSet(w, template(`"team":[{"role":"Manager","user":"${row.manager}"}]`, `"team":[]`)), 0)
	if len(p.Changed) != 3 {
		t.Fatalf("%s", text(t, p))
	}
	want := []preview.FieldChange{{Path: "spec.team", Before: `[{"role":"Manager","user":"nina@example.com"}]`}}
	if diff := cmp.Diff(want, p.Changed[0].Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASetWhoseGuardStopsIt(t *testing.T) {
	w := setWorld(t, 20)
	p := foretell(t, w, withSet(w, func(set *v1alpha1.AccountSet) { set.Spec.Template.Key = "${row.account_id}-new" }), 0)
	if len(p.Stopped) != 1 || p.Stopped[0].Creates != 20 || p.Stopped[0].Set != "customers" || p.Accounts.Stopped != 20 {
		t.Errorf("%s", text(t, p.Stopped))
	}
	if p.Accounts.Created+p.Accounts.Deleted+p.Accounts.Churned > 0 {
		t.Errorf("%s", text(t, p.Accounts))
	}
}

func TestWhatASetWouldDoAnywayIsNotTheChange(t *testing.T) {
	w := setWorld(t, 20)
	addRow(w.Sources.(*sources), 20)
	p := foretell(t, w, withSet(w, template("row.csm", "row.manager")), 0)
	if p.Accounts.Created != 0 || p.Accounts.Updated != 21 {
		t.Errorf("%s", text(t, p.Accounts))
	}
}

func TestASetThatIsDeletedLeavesItsAccounts(t *testing.T) {
	w := setWorld(t, 5)
	h := head(w)
	h.AccountSets = nil
	if p := foretell(t, w, h, 0); len(p.Changed) > 0 {
		t.Errorf("%s", text(t, p.Changed))
	}
	w.AccountSets[0].Spec.DeletionPolicy = v1alpha1.SetDelete
	if p := foretell(t, w, h, 0); p.Accounts.Deleted != 5 || p.Accounts.After != 0 {
		t.Errorf("%s", text(t, p.Accounts))
	}
}

func TestASetThatIsRenamedTakesUpWhatTheOtherLeft(t *testing.T) {
	w := setWorld(t, 5)
	p := foretell(t, w, withSet(w, func(set *v1alpha1.AccountSet) { set.Name = "clients" }), 0)
	if p.Accounts.Created+p.Accounts.Deleted > 0 || p.Accounts.Updated != 5 {
		t.Errorf("%s", text(t, p))
	}
}

func TestASetOfASourceThatWasNotRead(t *testing.T) {
	w := setWorld(t, 5)
	p := foretell(t, w, withSet(w, func(set *v1alpha1.AccountSet) { set.Spec.SourceRef.Name = "nothing" }), 0)
	want := []preview.Problem{{Kind: "AccountSet", Name: "customers", Message: "spec.sourceRef: there is no DataSource nothing; what it would do is not foretold"}}
	if diff := cmp.Diff(want, p.Problems); diff != "" || len(p.Changed) > 0 {
		t.Errorf("(-want +got):\n%s\n%s", diff, text(t, p.Changed))
	}
}

func TestAccountsOfFiles(t *testing.T) {
	w := evaluated(t, world(t, 10, 1), today)
	h := head(w)
	h.Accounts = slices.Clone(w.Accounts)
	h.Accounts[2] = &v1alpha1.Account{ObjectMeta: *w.Accounts[2].ObjectMeta.DeepCopy(), Spec: *w.Accounts[2].Spec.DeepCopy()}
	h.Accounts[2].UID, h.Accounts[2].Generation = "", 0
	changed := h.Accounts[2].DeepCopy()
	changed.Name, changed.Spec.DisplayName = w.Accounts[3].Name, "Renamed"
	changed.Spec = *w.Accounts[3].Spec.DeepCopy()
	changed.Spec.LifecycleStage = v1alpha1.StageChurned
	h.Accounts[3] = changed
	added := changed.DeepCopy()
	added.Name = "new-one"
	h.Accounts = append(h.Accounts[:9], added)
	p := foretell(t, w, h, 0)
	got := map[string]preview.Action{}
	for _, change := range p.Changed {
		got[change.Name] = change.Action
	}
	want := map[string]preview.Action{w.Accounts[3].Name: preview.Churned, "new-one": preview.Created, w.Accounts[9].Name: preview.Deleted}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
