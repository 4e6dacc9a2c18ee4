package accountset

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestFirstFillMakesAnAccountForEveryRow(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = customers(0, 20)
	p := c.settle()
	if len(c.in.Accounts) != 20 || p.Pending != nil || p.Accounts != 20 {
		t.Fatalf("%d accounts, %d counted, pending %v", len(c.in.Accounts), p.Accounts, p.Pending)
	}
	got := c.account("customer-1003")
	want := v1alpha1.AccountSpec{
		DisplayName: "Customer 1003", Owner: "jo@example.com",
		ExternalIDs: map[string]v1alpha1.ExternalIDList{"crm": {"1003"}},
		Contract:    &v1alpha1.Contract{RenewalDate: "2027-02-01", ARR: ptr.To[int64](120000), Plan: "Enterprise"},
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Error(diff)
	}
	labels := map[string]string{v1alpha1.LabelAccountSet: "customers", v1alpha1.LabelManagedBy: "perennial", "industry": "financial-services"}
	if diff := cmp.Diff(labels, got.Labels); diff != "" {
		t.Error(diff)
	}
	annotations := map[string]string{v1alpha1.AnnotationSourceKey: "1003", v1alpha1.AnnotationSource: "crm"}
	if diff := cmp.Diff(annotations, got.Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestNoChangeInTheWorldMeansNoChangeInThePlan(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", map[string]value.Value{"ae": words("al")}), customer("2", "", nil)}
	c.settle()
	for range 3 {
		c.after(13 * time.Hour)
		if p := c.plan(); len(p.Changes) != 0 || !p.NextChange.IsZero() {
			t.Fatalf("changes %v, next change %v", summary(p.Changes), p.NextChange)
		}
	}
}

func TestNames(t *testing.T) {
	row := func(id, name string) SourceRow { return customer(id, name, nil) }
	long := strings.Repeat("very-", 20) + "long"
	for name, c := range map[string]struct {
		rows  []SourceRow
		taken []string
		want  []string
	}{
		"the template's name":                         {rows: []SourceRow{row("1", "Müller & Söhne GmbH")}, want: []string{"create muller-sohne-gmbh"}},
		"two rows of one name":                        {rows: []SourceRow{row("1", "Acme"), row("2", "ACME")}, want: []string{"create acme", "create acme-d4735"}},
		"a name that a person's account has":          {rows: []SourceRow{row("1", "Acme")}, taken: []string{"acme"}, want: []string{"create acme-6b86b"}},
		"no name at all":                              {rows: []SourceRow{row("1", "")}, want: []string{"create account-6b86b"}},
		"a name that is too long":                     {rows: []SourceRow{row("1", long)}, want: []string{"create " + long[:63]}},
		"a name that is too long, twice":              {rows: []SourceRow{row("1", long), row("2", long)}, want: []string{"create " + long[:63], "create " + long[:57] + "-d4735"}},
		"the name with digits is taken as well":       {rows: []SourceRow{row("1", "Acme")}, taken: []string{"acme", "acme-6b86b"}, want: []string{}},
		"a name cut where a dash would be at its end": {rows: []SourceRow{row("1", strings.Repeat("a", 62)+" b")}, want: []string{"create " + strings.Repeat("a", 62)}},
	} {
		t.Run(name, func(t *testing.T) {
			world := newCluster(t, v1alpha1.AccountSetSpec{})
			world.in.Rows = c.rows
			for _, taken := range c.taken {
				world.in.Accounts = append(world.in.Accounts, v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: taken}})
			}
			if diff := cmp.Diff(c.want, summary(world.plan().Changes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheNameIsReadOnce(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	c.in.Rows = []SourceRow{customer("1", "Acme Holding", nil)}
	p := c.plan()
	if diff := cmp.Diff([]string{"update acme"}, summary(p.Changes)); diff != "" {
		t.Fatal(diff)
	}
	c.settle()
	if got := c.account("acme").Spec.DisplayName; got != "Acme Holding" {
		t.Errorf("display name %q", got)
	}
}

func TestUpdates(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = customers(0, 100)
	c.settle()
	for i := range c.in.Rows {
		c.in.Rows[i].Values["arr"] = number(7)
		delete(c.in.Rows[i].Values, "owner")
		delete(c.in.Rows[i].Values, "industry")
	}
	p := c.settle()
	if p.Pending != nil {
		t.Error("updates wait for approval")
	}
	got := c.account("customer-1007")
	if *got.Spec.Contract.ARR != 7 || got.Spec.Owner != "" || got.Labels["industry"] != "" {
		t.Errorf("got %v, labels %v", got.Spec, got.Labels)
	}
}

func TestAFieldThatSomebodyElseOwnsIsLeft(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	owner := Fields{{Path: pathOf("spec", "owner"), Value: "al@example.com"}}
	c.apply(c.account("acme"), "kubectl-edit", metav1.ManagedFieldsOperationUpdate, owner)

	p := c.settle()
	want := []v1alpha1.OverriddenField{{Account: "acme", Field: "spec.owner", Manager: "kubectl-edit"}}
	if diff := cmp.Diff(want, p.Overridden); diff != "" {
		t.Error(diff)
	}
	c.in.Rows[0].Values["arr"] = number(7)
	c.settle()
	if got := c.account("acme").Spec; got.Owner != "al@example.com" || *got.Contract.ARR != 7 {
		t.Errorf("got %v", got)
	}

	c.in.Rows[0].Values["owner"] = words("al@example.com")
	if p := c.settle(); len(p.Overridden) != 0 {
		t.Errorf("a field with the same value is overridden: %v", p.Overridden)
	}
}

func TestAPersonsOwnFieldsAndLabelsAreNoBusinessOfTheSet(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	a := c.account("acme")
	a.Spec.LifecycleStage = "Adoption"
	a.Labels["tier"] = "gold"
	if p := c.plan(); len(p.Changes) != 0 || len(p.Overridden) != 0 {
		t.Errorf("changes %v, overridden %v", summary(p.Changes), p.Overridden)
	}
}

func TestAFieldThatLeavesTheTemplateLeavesTheAccount(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	c.template = compile(t, testTemplate(`{"displayName": "${row.name}"}`))
	c.settle()
	if diff := cmp.Diff(v1alpha1.AccountSpec{DisplayName: "Acme"}, c.account("acme").Spec); diff != "" {
		t.Error(diff)
	}
}

func TestAFieldThatSomebodyElseSetToTheSameValueBecomesTheSetsToo(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Template: testTemplate(`{"displayName": "${row.name}"}`)})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	c.apply(c.account("acme"), "somebody", metav1.ManagedFieldsOperationApply, Fields{{Path: pathOf("spec", "owner"), Value: "jo@example.com"}})
	c.template = compile(t, testTemplate(`{"owner": "${row.owner}"}`)) // as many fields as before
	if p := c.plan(); len(p.Changes) != 1 || len(p.Overridden) != 0 {
		t.Fatalf("changes %v, overridden %v", summary(p.Changes), p.Overridden)
	}
	c.settle()
	if diff := cmp.Diff(v1alpha1.AccountSpec{Owner: "jo@example.com"}, c.account("acme").Spec); diff != "" {
		t.Error(diff)
	}
}

func TestRejectedRows(t *testing.T) {
	annotated := func(name, set, source string) v1alpha1.Account {
		a := v1alpha1.Account{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			v1alpha1.AnnotationSourceKey: "1", v1alpha1.AnnotationSource: source,
		}}}
		if set != "" {
			a.Labels = map[string]string{v1alpha1.LabelAccountSet: set}
		}
		return a
	}
	for name, c := range map[string]struct {
		rows     []SourceRow
		accounts []v1alpha1.Account
		want     []v1alpha1.RejectedRow
		changes  []string
	}{
		"the second row of one key": {
			rows:    []SourceRow{customer("1", "Acme", nil), {ID: "9", Values: customer("1", "Other", nil).Values}},
			want:    []v1alpha1.RejectedRow{{Key: "1", Reason: `another row has the same key; the one with the id "1" is used`}},
			changes: []string{"create acme"},
		},
		"a row without a key": {
			rows:    []SourceRow{{ID: "7", Values: map[string]value.Value{}}},
			want:    []v1alpha1.RejectedRow{{Key: "7", Reason: "spec.template.key: gives no text; no account is pruned while a row has no key"}},
			changes: []string{},
		},
		"a fraction where a whole number belongs": {
			rows:    []SourceRow{customer("1", "Acme", map[string]value.Value{"arr": value.Number(1)})},
			want:    []v1alpha1.RejectedRow{{Key: "1", Reason: "spec.template.spec.contract.arr: must be a whole number; write ${math.round(...)} to round it"}},
			changes: []string{},
		},
		"an account with the key that a person made": {
			rows: []SourceRow{customer("1", "Acme", nil)}, accounts: []v1alpha1.Account{annotated("mine", "", "crm")},
			want:    []v1alpha1.RejectedRow{{Key: "1", Reason: `account "mine" has this key and was not made by an AccountSet: delete its annotation perennial.dev/source-key, or the account`}},
			changes: []string{},
		},
		"an account with the key that another set keeps": {
			rows: []SourceRow{customer("1", "Acme", nil)}, accounts: []v1alpha1.Account{annotated("acme", "partners", "crm")},
			want:    []v1alpha1.RejectedRow{{Key: "1", Reason: `account "acme" belongs to the AccountSet "partners", which has the same source: delete that set, or leave the row to it`}},
			changes: []string{},
		},
		"an account with the key from another source is another customer": {
			rows: []SourceRow{customer("1", "Acme", nil)}, accounts: []v1alpha1.Account{annotated("acme", "partners", "erp")},
			changes: []string{"create acme-6b86b"},
		},
		"an account whose set is gone is taken up": {
			rows: []SourceRow{customer("1", "Acme", nil)}, accounts: []v1alpha1.Account{annotated("old-name", "gone", "crm")},
			changes: []string{"update old-name"},
		},
		"an account of the set without a key": {
			rows:     []SourceRow{customer("1", "Acme", nil)},
			accounts: []v1alpha1.Account{{ObjectMeta: metav1.ObjectMeta{Name: "acme", Labels: map[string]string{v1alpha1.LabelAccountSet: "customers"}}}},
			want:     []v1alpha1.RejectedRow{{Key: "1", Reason: `account "acme" carries this set's label and no key: delete its label perennial.dev/accountset, or give it the annotation perennial.dev/source-key`}},
			changes:  []string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := newCluster(t, v1alpha1.AccountSetSpec{})
			world.in.Rows, world.in.Accounts = c.rows, c.accounts
			world.in.Sets = []string{"customers", "partners"}
			p := world.plan()
			if diff := cmp.Diff(c.want, p.Rejected); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.changes, summary(p.Changes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARejectedRowLeavesItsAccountAsItIs(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	c.in.Rows[0].Values["arr"] = words("secret")
	c.after(48 * time.Hour)
	p := c.plan()
	if len(p.Changes) != 0 || len(p.Rejected) != 1 {
		t.Errorf("changes %v, rejected %v", summary(p.Changes), p.Rejected)
	}
}

func TestWhatTheAPIServerRefusedIsNotTriedAgain(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	p := c.plan()
	c.in.Refused = map[string]Refusal{"1": {Fingerprint: p.Changes[0].Fingerprint(), Reason: "spec.owner: too long"}}
	p = c.plan()
	if diff := cmp.Diff([]v1alpha1.RejectedRow{{Key: "1", Reason: "spec.owner: too long"}}, p.Rejected); diff != "" || len(p.Changes) != 0 {
		t.Errorf("changes %v, rejected %s", summary(p.Changes), diff)
	}
	c.in.Rows[0].Values["owner"] = words("jo")
	if p = c.plan(); len(p.Changes) != 1 {
		t.Error("another row is not tried")
	}
}

func TestTheDayInATemplateIsReadAgainAtMidnight(t *testing.T) {
	location := time.FixedZone("", 2*3600)
	template := testTemplate(`{"contract": {"startDate": "${today}"}}`)
	c := newCluster(t, v1alpha1.AccountSetSpec{Template: template})
	c.in.Location = location
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	p := c.settle()
	if want := time.Date(2026, 11, 23, 0, 0, 0, 0, location); !p.NextChange.Equal(want) {
		t.Fatalf("next change %v, want %v", p.NextChange, want)
	}
	if got := c.account("acme").Spec.Contract.StartDate; got != "2026-11-22" {
		t.Errorf("start date %q", got)
	}
	c.in.Now = p.NextChange
	c.settle()
	if got := c.account("acme").Spec.Contract.StartDate; got != "2026-11-23" {
		t.Errorf("start date %q", got)
	}
}

func TestAValueThatCannotBeReadTakesNoFieldAway(t *testing.T) {
	c := newCluster(t, v1alpha1.AccountSetSpec{Prune: v1alpha1.PruneDelete})
	c.in.Rows = []SourceRow{customer("1", "Acme", nil)}
	c.settle()
	delete(c.in.Rows[0].Values, "arr")
	c.in.Rows[0].Unreadable = []string{"arr"}
	c.after(48 * time.Hour)
	p := c.plan()
	want := []v1alpha1.RejectedRow{{Key: "1", Reason: "row.arr: the value cannot be read as its type; the account stays as it is until it can"}}
	if diff := cmp.Diff(want, p.Rejected); diff != "" || len(p.Changes) != 0 {
		t.Errorf("changes %v, rejected:\n%s", summary(p.Changes), diff)
	}
	// A column that the template does not read may hold anything.
	c.in.Rows[0] = customer("1", "Acme", nil)
	c.in.Rows[0].Unreadable = []string{"comment"}
	if p := c.plan(); len(p.Rejected) != 0 {
		t.Errorf("rejected %v", p.Rejected)
	}
}
