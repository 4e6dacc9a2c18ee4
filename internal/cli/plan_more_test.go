package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

func TestARedactedProblemNamesNoRow(t *testing.T) {
	r := &planReport{}
	r.Problems = []preview.Problem{{Kind: "AccountSet", Name: "customers", Message: "2 rows would be rejected: 0016g00777: no name; 0016g00778: no name"}}
	want := []preview.Problem{{Kind: "AccountSet", Name: "customers", Message: "2 rows would be rejected"}}
	if diff := cmp.Diff(want, newRedactor(r).report(r).Problems); diff != "" {
		t.Error(diff)
	}
}

func TestACaptionOfAFoldedListIsText(t *testing.T) {
	p := manyChanges()
	for i := range p.Moves {
		p.Moves[i].After.Band = "<img src=x> @octocat"
	}
	text := inForm(t, fixtureReport(p, false), formatMarkdown)
	if strings.Contains(text, "<img") || strings.Contains(text, "@octocat") || !strings.Contains(text, "<summary>") {
		t.Errorf("a band's name is HTML, or a mention:\n%s", text[:min(len(text), 3000)])
	}
}

func TestPruneLeavesWhatASetMade(t *testing.T) {
	account := func(name, set string) *v1alpha1.Account {
		a := &v1alpha1.Account{}
		a.Name, a.Labels = name, map[string]string{v1alpha1.LabelAccountSet: set}
		return a
	}
	base := &fleet.World{Accounts: []*v1alpha1.Account{account("by-hand", ""), account("by-set", "customers")}}
	files := &fleet.World{Accounts: []*v1alpha1.Account{account("new", "")}}
	head, missing := planOverlay(base, files, true, false)
	var names []string
	for _, a := range head.Accounts {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"by-set", "new"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Account/by-hand"}, missing); diff != "" {
		t.Error(diff)
	}
}

func TestPruneOfWhatIsBuiltTakesTheLastOfAKindToo(t *testing.T) {
	set := &v1alpha1.AccountSet{}
	set.Name = "customers"
	base, files := &fleet.World{AccountSets: []*v1alpha1.AccountSet{set}}, &fleet.World{}
	for name, test := range map[string]struct {
		prune, complete bool
		left            int
	}{
		"single files may be a part":          {true, false, 1},
		"a folder that is built is all of it": {true, true, 0},
		"nothing is pruned unasked":           {false, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if head, _ := planOverlay(base, files, test.prune, test.complete); len(head.AccountSets) != test.left {
				t.Errorf("%d sets are left, want %d", len(head.AccountSets), test.left)
			}
		})
	}
}

func TestAPlanSaysWhatMayNotBeMeantSo(t *testing.T) {
	p := nothingChanges()
	p.Config = []preview.ConfigChange{{Kind: "Playbook", Name: "churn-risk", Action: preview.Created, Hint: "it does what rescue does"}}
	r := fixtureReport(p, false)
	for form, want := range map[string]string{formatTable: "\n      ! it does what rescue does\n", formatMarkdown: "\n!   it does what rescue does\n"} {
		if out := inForm(t, r, form); !strings.Contains(out, want) {
			t.Errorf("-o %s does not say it:\n%s", form, out)
		}
	}
}
