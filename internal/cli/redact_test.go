package cli

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/fleet"
	"github.com/perennial-dev/perennial/internal/preview"
)

// fill puts a value into every field of a struct, and two into every list.
func fill(v reflect.Value, path string, text func(path string) string, number func(path string) int64) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text(path))
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(number(path))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, text, number)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprintf("%s[%d]", path, i), text, number)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(planNow))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, text, number)
		}
	default:
		panic(path + ": nothing fills a " + v.Kind().String())
	}
}

// fillPreview has the same text in every field.
func fillPreview(s string) *preview.Preview {
	p := &preview.Preview{}
	fill(reflect.ValueOf(p).Elem(), "", func(string) string { return s }, func(string) int64 { return 1 })
	return p
}

// mayComeOut are the fields that a redacted plan shows: what is in the files anyway, times, and counts.
var mayComeOut = []string{
	".Namespace", ".Ahead", ".Config[].Kind", ".Config[].Name", ".Config[].Action", ".Config[].Fields[].Path", ".Config[].Fields[].Before", ".Config[].Fields[].After", ".Config[].More", ".Config[].Hint",
	".Facts[].Source", ".Facts[].Age", ".NoData[].Reader", ".NoData[].Source", ".NoData[].Metric", ".NoData[].Accounts",
	".Accounts.Before", ".Accounts.After", ".Accounts.Created", ".Accounts.Updated", ".Accounts.Churned", ".Accounts.Deleted", ".Accounts.Stopped", ".Accounts.Rescored", ".Accounts.Moved",
	".Changed[].Action", ".Changed[].Set", ".Changed[].Fields[].Path", ".Stopped[].Set", ".Stopped[].Creates", ".Stopped[].Prunes",
	".Bands[].Band", ".Bands[].Before", ".Bands[].After",
	".Moves[].Before.Band", ".Moves[].Before.Score", ".Moves[].Before.Model", ".Moves[].After.Band", ".Moves[].After.Score", ".Moves[].After.Model",
	".Runs[].Action", ".Runs[].Playbook", ".Runs[].Trigger", ".Runs[].Place",
	".Tasks[].Action", ".Tasks[].Playbook", ".Tasks[].Step", ".Tasks[].State", ".Tasks[].Priority",
	".Problems[].Kind", ".Problems[].Name", ".Problems[].Message",
}

// TestRedactedPlansNameNoCustomer fills every field there is with a text that is nowhere else: one that somebody adds to a
// preview later is a customer's until it is on the list.
func TestRedactedPlansNameNoCustomer(t *testing.T) {
	texts, numbers := map[string]string{}, map[string]int64{}
	next := 0
	text := func(path string) string {
		next++
		texts[path] = fmt.Sprintf("marker%dq", next)
		return texts[path]
	}
	number := func(path string) int64 {
		next++
		numbers[path] = 7310000 + int64(next)*13
		return numbers[path]
	}
	p := &preview.Preview{}
	fill(reflect.ValueOf(p).Elem(), "", text, number)
	if len(texts) < 80 || len(numbers) < 20 {
		t.Fatalf("only %d texts and %d numbers were filled", len(texts), len(numbers))
	}
	allowed := map[string]bool{}
	for _, path := range mayComeOut {
		for _, i := range []string{"[0]", "[1]"} {
			for _, j := range []string{"[0]", "[1]"} {
				first := strings.Replace(path, "[]", i, 1)
				allowed[strings.Replace(first, "[]", j, 1)] = true
			}
		}
	}
	r := fixtureReport(p, true)
	shown := 0
	for _, form := range []string{formatTable, formatWide, formatMarkdown, formatCSV, formatJSON, formatYAML} {
		out := strings.NewReplacer("\\", "", ",", "", invisible, "").Replace(inForm(t, r, form))
		for path, marker := range texts {
			if !strings.Contains(out, marker) {
				continue
			}
			if shown++; !allowed[path] {
				t.Errorf("-o %s shows %s", form, path)
			}
		}
		for path, n := range numbers {
			if strings.Contains(out, fmt.Sprint(n)) && !allowed[path] {
				t.Errorf("-o %s shows %s", form, path)
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d texts are shown in all forms: that is no plan", shown)
	}
}

func TestRedactedPlansNameNoCustomerInTexts(t *testing.T) {
	acme := &v1alpha1.Account{Spec: v1alpha1.AccountSpec{
		DisplayName: "Acme Corp", Owner: "jo@example.com", ExternalIDs: map[string]v1alpha1.ExternalIDList{"crm": {"0015g0000"}},
		Team: []v1alpha1.TeamMember{{Role: "AccountExecutive", User: "al"}, {Role: "Manager", User: "nina.k"}},
	}}
	acme.Name = "acme"
	p := threeChanges()
	p.Config[0].Fields = []preview.FieldChange{
		{Path: "spec.accountSelector.matchLabels[customer]", Before: "ACME", After: "acme-emea"},
		{Path: "spec.steps[call].assignee", Before: "jo@example.com", After: "someone.else@example.com"},
		{Path: "spec.steps[call].title", Before: "Call Acme Corp (0015g0000)", After: "Ask nina.k, not Acmeville"},
		{Path: "spec.steps[call].description", After: "Alder Freight is first"},
	}
	p.Config = append(p.Config, preview.ConfigChange{Kind: "Account", Name: "birch", Action: preview.Updated, Fields: []preview.FieldChange{{Path: "spec.externalIDs[crm][0]", Before: "17", After: "18"}}})
	r := newPlanReport(p, "the operator")
	r = newRedactor(r, &fleet.World{Accounts: []*v1alpha1.Account{acme}}, nil).report(r)
	var got []string
	for _, c := range r.Config {
		for _, f := range c.Fields {
			got = append(got, fmt.Sprintf("%s %s: %s -> %s", c.Name, f.Path, f.Before, f.After))
		}
	}
	want := []string{
		"enterprise spec.accountSelector.matchLabels[customer]: an account -> an account-emea",
		"enterprise spec.steps[call].assignee: person 1 -> person 5",
		"enterprise spec.steps[call].title: Call an account (an id) -> Ask person 4, not Acmeville",
		"enterprise spec.steps[call].description:  -> account 1 is first",
		"account 2 spec.externalIDs[…][…]:  -> ",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReasonsKeepTheNamesOfTheConfigurationAlone(t *testing.T) {
	m := &v1alpha1.HealthScoreModel{}
	m.Name = "enterprise"
	m.Spec.Measures = []v1alpha1.Measure{{Name: "dau-mau"}, {Name: "csat"}}
	m.Spec.Rules = []v1alpha1.Rule{{Name: "open-p1"}}
	d := newRedactor(&planReport{}, &fleet.World{Models: []*v1alpha1.HealthScoreModel{m}})
	if got, want := d.reason("dau-mau 0.31 -> 0.18: -6.1; open-p1: cap 39, Acme has 3; csat 2.9; dau-mau"), "dau-mau, open-p1, csat"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
