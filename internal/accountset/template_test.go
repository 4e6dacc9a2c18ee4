package accountset

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/perennial-dev/perennial/api/v1alpha1"
	"github.com/perennial-dev/perennial/internal/value"
)

func TestCompileNamesTheFault(t *testing.T) {
	base := testTemplate(`{}`)
	spec := func(s string) v1alpha1.AccountTemplate {
		out := base
		out.Spec = runtime.RawExtension{Raw: []byte(s)}
		return out
	}
	label := func(key, content string) v1alpha1.AccountTemplate {
		out := base
		out.Labels = map[string]string{key: content}
		return out
	}
	key, name := base, base
	key.Key, name.Name = "${row.}", "${rows.name}"
	for name, c := range map[string]struct {
		template v1alpha1.AccountTemplate
		want     []string
	}{
		"a field that no account has":              {spec(`{"contract": {"arrr": 1}}`), []string{"spec.template.spec.contract.arrr", "no such field"}},
		"a field that no account has, in a list":   {spec(`{"team": [{"role": "CSM", "user": "a", "mail": "b"}]}`), []string{"spec.template.spec.team[0].mail"}},
		"an expression that is none":               {spec(`{"owner": "${row.owner +}"}`), []string{"spec.template.spec.owner: "}},
		"a variable that there is not":             {spec(`{"owner": "${account.name}"}`), []string{"spec.template.spec.owner: ", "account"}},
		"text where a number belongs":              {spec(`{"contract": {"arr": "many"}}`), []string{"spec.template.spec.contract.arr", "whole number, not text"}},
		"a fraction where a whole number belongs":  {spec(`{"contract": {"seats": 1.5}}`), []string{"spec.template.spec.contract.seats", "whole number"}},
		"mixed text where a number belongs":        {spec(`{"contract": {"arr": "about ${row.arr}"}}`), []string{"spec.template.spec.contract.arr", "must be only ${expression}"}},
		"a number where text belongs":              {spec(`{"owner": 7}`), []string{"spec.template.spec.owner", "must be text"}},
		"text where a list belongs":                {spec(`{"team": "me"}`), []string{"spec.template.spec.team", "must be a list, not text"}},
		"text where an object belongs":             {spec(`{"contract": "big"}`), []string{"spec.template.spec.contract", "must be an object, not text"}},
		"a touch model that there is not":          {spec(`{"touchModel": "Low"}`), []string{"spec.template.spec.touchModel", "HighTouch, MidTouch, TechTouch"}},
		"a day that the calendar has not":          {spec(`{"contract": {"renewalDate": "2027-02-30"}}`), []string{"spec.template.spec.contract.renewalDate", "must be a date"}},
		"a team member without a user":             {spec(`{"team": [{"role": "CSM"}]}`), []string{"spec.template.spec.team[0].user", "Required"}},
		"an expression as a key":                   {spec(`{"externalIDs": {"${row.id}": ["x"]}}`), []string{"a key cannot hold ${}"}},
		"a key that is no expression":              {key, []string{"spec.template.key: "}},
		"a name that reads what is not there":      {name, []string{"spec.template.name: ", "rows"}},
		"a label that the operator writes":         {label("perennial.dev/accountset", "x"), []string{"spec.template.labels[perennial.dev/accountset]", "operator's"}},
		"a label value that Kubernetes would deny": {label("tier", "very big"), []string{"spec.template.labels[tier]"}},
		"a label key that Kubernetes would deny":   {label("tier of", "big"), []string{"spec.template.labels[tier of]"}},
		"two faults at once":                       {spec(`{"ownr": "a", "contract": {"arr": "b"}}`), []string{"spec.template.spec.ownr", "spec.template.spec.contract.arr"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.template)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestCompileSaysWhichColumnsAreRead(t *testing.T) {
	compiled := compile(t, testTemplate(`{"owner": "${has(row.csm) ? row.csm : row.lead}", "contract": {"arr": "${row.mrr * 12}"}}`))
	if diff := cmp.Diff([]string{"csm", "id", "industry", "lead", "mrr", "name"}, compiled.Columns()); diff != "" {
		t.Error(diff)
	}
}

func TestSpecIsRendered(t *testing.T) {
	type row = map[string]value.Value
	for name, c := range map[string]struct {
		spec   string
		row    row
		want   map[string]any
		reason string
	}{
		"a leaf that is only an expression keeps its type": {
			spec: `{"contract": {"arr": "${row.arr * 2}"}}`, row: row{"arr": number(60)},
			want: map[string]any{"contract": map[string]any{"arr": int64(120)}},
		},
		"mixed text is text": {
			spec: `{"displayName": "${row.name} (${row.arr})"}`, row: row{"name": words("Acme"), "arr": number(7)},
			want: map[string]any{"displayName": "Acme (7)"},
		},
		"a list keeps its type": {
			spec: `{"externalIDs": {"product": "${row.orgs.split(';')}"}}`, row: row{"orgs": words("org_42;org_77;org_42")},
			want: map[string]any{"externalIDs": map[string]any{"product": []any{"org_42", "org_77"}}},
		},
		"an expression may give a whole list of objects": {
			spec: `{"team": "${[{'role': 'CSM', 'user': row.csm}]}"}`, row: row{"csm": words("jo")},
			want: map[string]any{"team": []any{map[string]any{"role": "CSM", "user": "jo"}}},
		},
		"null omits the field": {
			spec: `{"owner": "${row.name == 'Acme' ? null : row.name}", "displayName": null}`, row: row{"name": words("Acme")},
			want: nil,
		},
		"a column without a value omits the field": {
			spec: `{"owner": "${row.owner}", "contract": {"plan": "${row['plan']}"}, "displayName": "A"}`, row: row{},
			want: map[string]any{"displayName": "A"},
		},
		"a team member without a user is omitted": {
			spec: `{"team": [{"role": "CSM", "user": "${row.csm}"}, {"role": "AE", "user": "al"}]}`, row: row{},
			want: map[string]any{"team": []any{map[string]any{"role": "AE", "user": "al"}}},
		},
		"a time becomes a date": {
			spec: `{"contract": {"renewalDate": "${row.renews}"}}`, row: row{"renews": {Type: v1alpha1.MetricTime, Time: time.Date(2027, 2, 1, 9, 0, 0, 0, time.UTC)}},
			want: map[string]any{"contract": map[string]any{"renewalDate": "2027-02-01"}},
		},
		"a time stays a time": {
			spec: `{"measurements": [{"name": "nps", "value": "${string(row.nps)}", "observedTime": "${row.asked}"}]}`,
			row:  row{"nps": number(9), "asked": {Type: v1alpha1.MetricTime, Time: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}},
			want: map[string]any{"measurements": []any{map[string]any{"name": "nps", "value": "9", "observedTime": "2027-02-01T00:00:00Z"}}},
		},
		"what is no expression stays as it is": {
			spec: `{"touchModel": "HighTouch", "contract": {"seats": 5}, "displayName": "$${x}"}`,
			want: map[string]any{"touchModel": "HighTouch", "contract": map[string]any{"seats": int64(5)}, "displayName": "${x}"},
		},
		"a number that must be whole and is not": {
			spec: `{"contract": {"arr": "${row.arr}"}}`, row: row{"arr": value.Number(1_500_000)},
			reason: "spec.template.spec.contract.arr: must be a whole number; write ${math.round(...)} to round it",
		},
		"text where a number belongs": {
			spec: `{"contract": {"arr": "${row.arr}"}}`, row: row{"arr": words("secret")},
			reason: "spec.template.spec.contract.arr: must be a whole number, not text",
		},
		"a number where text belongs": {
			spec: `{"owner": "${row.arr}"}`, row: row{"arr": number(7)},
			reason: "spec.template.spec.owner: must be text, not a number; give the metric the type Category or Text, or write ${string(...)}",
		},
		"a text that is no date": {
			spec: `{"contract": {"renewalDate": "${row.day}"}}`, row: row{"day": words("secret")},
			reason: "spec.template.spec.contract.renewalDate: must be a date: 2027-02-01",
		},
		"an object with a field that no account has": {
			spec: `{"contract": "${{'arrr': row.arr}}"}`, row: row{"arr": number(7)},
			reason: "spec.template.spec.contract.arrr: an Account has no such field",
		},
		"two team members in one role": {
			spec: `{"team": [{"role": "CSM", "user": "${row.a}"}, {"role": "CSM", "user": "${row.b}"}]}`, row: row{"a": words("x"), "b": words("y")},
			reason: "spec.template.spec.team: two items have the same role",
		},
	} {
		t.Run(name, func(t *testing.T) {
			compiled := compile(t, testTemplate(c.spec))
			in := Input{Now: start, Location: time.UTC}
			vars := in.vars()
			vars.Row = c.row
			got, err := compiled.spec.render(vars)
			reason := ""
			if err != nil {
				reason = err.Field + ": " + err.Detail
			}
			if reason != c.reason {
				t.Errorf("reason %q, want %q", reason, c.reason)
			}
			if c.want == nil && got == nil {
				return
			}
			if diff := cmp.Diff(any(c.want), got); c.reason == "" && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFailedExpressionNamesThePathAndTheColumn(t *testing.T) {
	compiled := compile(t, testTemplate(`{"displayName": "${row.name} of ${row.region}"}`))
	in := Input{Now: start, Location: time.UTC}
	vars := in.vars()
	vars.Row = map[string]value.Value{"name": words("Acme")}
	_, err := compiled.spec.render(vars)
	if err == nil || !strings.Contains(err.Error(), "spec.template.spec.displayName") || !strings.Contains(err.Error(), "region") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "Acme") {
		t.Errorf("%v shows a value", err)
	}
}

func TestEveryFieldOfAnAccountHasAShape(t *testing.T) {
	var walk func(path string, s *shape)
	walk = func(path string, s *shape) {
		if s == nil {
			t.Errorf("%s has no shape", path)
			return
		}
		for name, child := range s.fields {
			walk(path+"."+name, child)
		}
		if s.kind == kindMap || s.kind == kindSet || s.kind == kindKeyed {
			walk(path+"[]", s.elem)
		}
		if s.kind == kindKeyed && s.elem.fields[s.key] == nil {
			t.Errorf("the items of %s have no %s", path, s.key)
		}
	}
	walk("spec", specShape())
}
