package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// enterpriseModel reads two measurements, and trialModel another one.
const (
	enterpriseModel = `{spec: {accountSelector: {matchLabels: {tier: enterprise}}, minimumCoverage: 0,
  bands: [{name: Critical, min: 0}, {name: Healthy, min: 70}, {name: AtRisk, min: 40}], dimensions: [{name: people, weight: 1}], measures: [
  {name: mood, dimension: people, weight: 1, from: {measurement: csm-sentiment}, scale: {categories: [{value: Good, score: 100}, {value: Bad, score: 0}]}},
  {name: sponsors, dimension: people, weight: 1, from: {measurement: sponsors}, scale: {linear: {worst: "0", best: "3"}}}]}}`
	trialModel = `{spec: {accountSelector: {matchLabels: {tier: trial}}, minimumCoverage: 0,
  bands: [{name: Warm, min: 50}, {name: Cold, min: 0}], dimensions: [{name: people, weight: 1}], measures: [
  {name: interest, dimension: people, weight: 1, from: {measurement: interest}, scale: {steps: [{min: "5", score: 100}]}},
  {name: heat, dimension: people, weight: 1, from: {measurement: csm-sentiment}, scale: {categories: [{value: Hot, score: 100}]}}]}}`
)

// inGit is the account as git has it.
const inGit = `{metadata: {labels: {tier: enterprise}}, spec: {displayName: Acme Corp, owner: jo@example.com, contract: {arr: 120000}}}`

// gitApplies applies an account as Flux does: server-side, with force.
func (d *desk) gitApplies(name, content string) {
	d.t.Helper()
	account := d.object("Account", name, content)
	err := d.as(admin).Apply(d.t.Context(), client.ApplyConfigurationFromUnstructured(account), client.FieldOwner("kustomize-controller"), client.ForceOwnership)
	if err != nil {
		d.t.Fatal(err)
	}
}

// newPortfolioDesk has two models and the account acme, from git.
func newPortfolioDesk(t *testing.T) *desk {
	d := newDesk(t)
	d.make("HealthScoreModel", "enterprise", enterpriseModel)
	d.make("HealthScoreModel", "trial", trialModel)
	d.gitApplies("acme", inGit)
	return d
}

// measurement writes a measurement in one line.
func (d *desk) measurement(name string) string {
	d.t.Helper()
	return d.kubectl("get", "account", "acme", "-o",
		`jsonpath={range .spec.measurements[?(@.name=="`+name+`")]}{.value} {.observedTime} {.by}{end}`)
}

// override writes the override in one line.
func (d *desk) override() string {
	d.t.Helper()
	return d.kubectl("get", "account", "acme", "-o", `jsonpath={.spec.healthOverride.band} {.spec.healthOverride.reason} {.spec.healthOverride.by} {.spec.healthOverride.until}`)
}

func TestWhatPeopleSayStaysWhenGitAppliesAgain(t *testing.T) {
	d := newPortfolioDesk(t)
	d.ok(jo, "account/acme csm-sentiment is Good (observed 2026-11-22T15:00:00Z, by jo@example.com)\n", "account", "measure", "acme", "csm-sentiment=good")
	d.ok(al, "account/acme sponsors is 2 (observed 2026-11-20T00:00:00Z, by al@example.com)\n", "account", "measure", "account/acme", "sponsors=2", "--at", "2026-11-20")
	d.ok(jo, "account/acme is Critical until 2026-12-31 (by jo@example.com)\n", "account", "override", "acme", "--band", "critical", "--reason", "the sponsor left", "--until", "2026-12-31")
	check := func() {
		t.Helper()
		d.wants("the sentiment", d.measurement("csm-sentiment"), "Good 2026-11-22T15:00:00Z jo@example.com")
		d.wants("the sponsors", d.measurement("sponsors"), "2 2026-11-20T00:00:00Z al@example.com")
		d.wants("the override", d.override(), "Critical the sponsor left jo@example.com 2026-12-31")
	}
	check()
	for range 2 {
		d.gitApplies("acme", inGit)
		check()
	}
	d.gitApplies("acme", strings.Replace(inGit, "120000", "130000", 1))
	check()
	d.ok(al, "account/acme csm-sentiment is Bad, was Good (observed", "account", "measure", "acme", "csm-sentiment=Bad")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Bad 2026-11-22T15:00:00Z al@example.com")
	d.wants("the sponsors", d.measurement("sponsors"), "2 2026-11-20T00:00:00Z al@example.com")
	d.wants("the override", d.override(), "Critical the sponsor left jo@example.com 2026-12-31")

	d.ok(al, "account/acme csm-sentiment removed\n", "account", "measure", "acme", "--remove", "csm-sentiment")
	d.ok(al, "account/acme has no csm-sentiment; nothing to remove\n", "account", "measure", "acme", "--remove", "csm-sentiment")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "")
	d.wants("the sponsors", d.measurement("sponsors"), "2 2026-11-20T00:00:00Z al@example.com")
	d.ok(al, "account/acme is no longer Critical by jo@example.com\n", "account", "override", "acme", "--clear")
	d.ok(al, "account/acme has no override\n", "account", "override", "acme", "--clear")
	d.ok(al, "account/acme sponsors removed\n", "account", "measure", "acme", "--remove", "sponsors")
	d.gitApplies("acme", inGit)
	d.wants("the account", d.spec("Account", "acme"), "contract:\n  arr: 120000\ndisplayName: Acme Corp\nowner: jo@example.com")
	for _, f := range d.get("Account", "acme").GetManagedFields() {
		if f.Manager != "kustomize-controller" {
			t.Errorf("%s still owns %s", f.Manager, f.FieldsV1)
		}
	}
}

// TestFieldsOfOthers: what git, a set or a person with kubectl wrote is not taken over unasked.
func TestFieldsOfOthers(t *testing.T) {
	d := newPortfolioDesk(t)
	declared := strings.Replace(inGit, "spec: {", `spec: {healthOverride: {band: Healthy, reason: new, by: git, until: "2027-01-01"}, measurements: [{name: csm-sentiment, value: Good}], `, 1)
	d.gitApplies("acme", declared)
	before := d.get("Account", "acme").GetResourceVersion()
	for _, value := range []string{"Bad", "Good"} {
		d.refused(jo, `account acme: spec.measurements[name="csm-sentiment"] is kustomize-controller's: change it where that is declared (in git, say), or take it over with --force-conflicts until kustomize-controller writes it again`,
			"account", "measure", "acme", "csm-sentiment="+value)
	}
	d.refused(jo, "spec.healthOverride is kustomize-controller's", "account", "override", "acme", "--band", "Critical", "--reason", "x")
	d.refused(jo, "spec.healthOverride is kustomize-controller's", "account", "override", "acme", "--clear")
	d.refused(jo, "is kustomize-controller's", "account", "measure", "acme", "--remove", "csm-sentiment")
	d.wants("the version", d.get("Account", "acme").GetResourceVersion(), before)
	d.ok(jo, "sponsors is 1", "account", "measure", "acme", "sponsors=1")

	_, errOut, code := d.run(jo, "account", "measure", "acme", "csm-sentiment=Bad", "--force-conflicts")
	if want := "Warning: kustomize-controller declares it too, and takes it back when it is applied again; before it is dropped there, take back what you say here with --remove\n"; code != ExitOK || errOut != want {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	d.ok(jo, "is Critical", "account", "override", "acme", "--band", "Critical", "--reason", "x", "--force-conflicts")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Bad 2026-11-22T15:00:00Z jo@example.com")
	d.gitApplies("acme", declared)
	d.wants("the sentiment after git", d.measurement("csm-sentiment"), "Good 2026-11-22T15:00:00Z jo@example.com")
	d.wants("the override after git", d.override(), "Healthy new git 2027-01-01")
	// Something else is entered while git has taken these back.
	d.ok(jo, "sponsors is 2, was 1", "account", "measure", "acme", "sponsors=2")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Good 2026-11-22T15:00:00Z jo@example.com")
	d.ok(jo, "what you said of it is removed, and what kustomize-controller says stays", "account", "measure", "acme", "--remove", "csm-sentiment")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Good  ")

	d.gitApplies("acme", inGit)
	d.wants("the sentiment", d.measurement("csm-sentiment"), "")
	d.wants("the override", d.override(), "   ")
	d.wants("the sponsors", d.measurement("sponsors"), "2 2026-11-22T15:00:00Z jo@example.com")
	set := d.object("Account", "acme", `{spec: {measurements: [{name: interest, value: "1"}]}}`)
	if err := d.as(admin).Apply(t.Context(), client.ApplyConfigurationFromUnstructured(set), client.FieldOwner("perennial-accountset")); err != nil {
		t.Fatal(err)
	}
	d.refused(jo, "perennial-accountset's: change it in the source of the AccountSet", "account", "measure", "acme", "interest=2")
	d.ok(jo, "interest is 2, was 1", "account", "measure", "acme", "interest=2", "--force-conflicts")
}

// TestWhatWasWrittenByHandBefore: with kubectl and our field manager it is ours; with kubectl alone it is somebody's.
func TestWhatWasWrittenByHandBefore(t *testing.T) {
	d := newPortfolioDesk(t)
	d.kubectl("patch", "account", "acme", "--type=merge", "--field-manager=perennial-person", "-p", `{"spec":
	  {"measurements":[{"name":"csm-sentiment","value":"Good","by":"zoe@example.com"}],
	  "healthOverride":{"band":"Critical","reason":"the sponsor left","by":"zoe@example.com","until":"2026-12-01"}}}`)
	d.ok(jo, "sponsors is 1", "account", "measure", "acme", "sponsors=1")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Good  zoe@example.com")
	d.ok(jo, "csm-sentiment is Bad, was Good", "account", "measure", "acme", "csm-sentiment=Bad")
	d.ok(jo, "account/acme is AtRisk until 2026-12-22", "account", "override", "acme", "--band", "AtRisk", "--reason", "a new one came")
	d.gitApplies("acme", inGit)
	d.wants("the override", d.override(), "AtRisk a new one came jo@example.com 2026-12-22")
	d.ok(jo, "csm-sentiment removed", "account", "measure", "acme", "--remove", "csm-sentiment")
	d.ok(jo, "no longer AtRisk", "account", "override", "acme", "--clear")
	d.gitApplies("acme", inGit)
	d.wants("the sentiment", d.measurement("csm-sentiment"), "")
	d.wants("the override", d.override(), "   ")

	d.ok(jo, "sponsors removed", "account", "measure", "acme", "--remove", "sponsors")
	editor := filepath.Join(t.TempDir(), "editor")
	script := "#!/bin/sh\nsed 's/  displayName:.*/  measurements: [{name: csm-sentiment, value: Good}, {name: sponsors, value: \"3\"}]/' \"$1\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBE_EDITOR", editor)
	d.kubectl("edit", "account", "acme")
	d.refused(jo, `written by hand with kubectl-edit; take it over with --force-conflicts`, "account", "measure", "acme", "csm-sentiment=Bad")
	d.refused(jo, `written by hand with kubectl-edit`, "account", "measure", "acme", "--remove", "csm-sentiment")
	d.ok(jo, "csm-sentiment is Bad, was Good", "account", "measure", "acme", "csm-sentiment=Bad", "--force-conflicts")
	d.ok(jo, "sponsors removed", "account", "measure", "acme", "--remove", "sponsors", "--force-conflicts")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Bad 2026-11-22T15:00:00Z jo@example.com")
	d.wants("the sponsors", d.measurement("sponsors"), "")
}

// TestWhatElseOurFieldManagerApplied stays: whoever applies again writes all that is his.
func TestWhatElseOurFieldManagerApplied(t *testing.T) {
	d := newPortfolioDesk(t)
	mine := d.object("Account", "acme", `{metadata: {annotations: {example.com/note: x}}, spec: {externalIDs: {crm: ["1", "2"]}, touchModel: HighTouch,
	  parentRef: {name: group}, team: [{role: Sponsor, user: pat@example.com}]}}`)
	if err := d.as(admin).Apply(t.Context(), client.ApplyConfigurationFromUnstructured(mine), client.FieldOwner(v1alpha1.FieldManagerPerson)); err != nil {
		t.Fatal(err)
	}
	d.ok(jo, "sponsors is 1", "account", "measure", "acme", "sponsors=1")
	d.wants("the account", d.spec("Account", "acme"), `contract:
  arr: 120000
displayName: Acme Corp
externalIDs:
  crm:
  - "1"
  - "2"
measurements:
- by: jo@example.com
  name: sponsors
  observedTime: "2026-11-22T15:00:00Z"
  value: "1"
owner: jo@example.com
parentRef:
  name: group
team:
- role: Sponsor
  user: pat@example.com
touchModel: HighTouch`)
	if note := d.get("Account", "acme").GetAnnotations()["example.com/note"]; note != "x" {
		t.Errorf("the annotation is %q", note)
	}
}

func TestTwoPeopleMeasureAtOnce(t *testing.T) {
	d := newPortfolioDesk(t)
	out, errOut, code := d.interrupted(jo, func() {
		d.ok(al, "sponsors is 2", "account", "measure", "acme", "sponsors=2")
		d.ok(al, "is AtRisk", "account", "override", "acme", "--band", "AtRisk", "--reason", "quiet")
	}, "account", "measure", "acme", "csm-sentiment=Bad")
	if code != ExitOK {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	d.wants("the sponsors", d.measurement("sponsors"), "2 2026-11-22T15:00:00Z al@example.com")
	d.wants("the sentiment", d.measurement("csm-sentiment"), "Bad 2026-11-22T15:00:00Z jo@example.com")
	d.wants("the override", d.override(), "AtRisk quiet al@example.com 2026-12-22")
	// An item of a list is removed by its name, not by the place where it was.
	out, errOut, code = d.interrupted(jo, func() {
		d.ok(al, "sponsors removed", "account", "measure", "acme", "--remove", "sponsors")
		d.ok(al, "interest is 7", "account", "measure", "acme", "interest=7")
	}, "account", "measure", "acme", "--remove", "csm-sentiment")
	if code != ExitOK || d.measurement("csm-sentiment") != "" || !strings.HasPrefix(d.measurement("interest"), "7 ") {
		t.Errorf("exit code %d: %s%s: %s", code, out, errOut, d.spec("Account", "acme", "measurements"))
	}
	// The account goes while somebody measures it: it does not come back.
	_, errOut, code = d.interrupted(admin, func() { d.kubectl("delete", "account", "acme") }, "account", "measure", "acme", "csm-sentiment=Bad")
	if code != ExitError || !strings.Contains(errOut, "there is no account acme") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

func TestWhatMeasureAndOverrideRefuse(t *testing.T) {
	d := newPortfolioDesk(t)
	d.gitApplies("stranger", `{spec: {owner: jo@example.com}}`)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no account":                              {[]string{"measure"}, "name the account"},
		"nothing to say":                          {[]string{"measure", "acme"}, "say what you measured: NAME=VALUE, or --remove NAME"},
		"no value":                                {[]string{"measure", "acme", "sponsors"}, "sponsors: write NAME=VALUE"},
		"two values":                              {[]string{"measure", "acme", "sponsors=1", "sponsors=2"}, "sponsors=2: say one thing of sponsors"},
		"a value that goes":                       {[]string{"measure", "acme", "sponsors=1", "--remove", "sponsors"}, "say one thing of sponsors"},
		"a word that the scale does not have":     {[]string{"measure", "acme", "csm-sentiment=Great"}, `csm-sentiment: "Great" is none of Good, Bad (measure mood of model enterprise)`},
		"a word that only another model reads":    {[]string{"measure", "acme", "csm-sentiment=Hot"}, `csm-sentiment: "Hot" is none of Good, Bad (measure mood of model enterprise)`},
		"a word for a number":                     {[]string{"measure", "acme", "sponsors=many"}, `sponsors: "many" is no number (measure sponsors of model enterprise)`},
		"a number that another model cannot read": {[]string{"measure", "acme", "interest=some"}, `interest: "some" is no number (measure interest of model trial)`},
		"a time to come":                          {[]string{"measure", "acme", "sponsors=1", "--at", "2026-11-23"}, "--at: 2026-11-23 is yet to come"},
		"no time":                                 {[]string{"measure", "acme", "sponsors=1", "--at", "noon"}, `--at: "noon" is no time`},
		"an account that is not there":            {[]string{"measure", "nobody", "sponsors=1"}, "there is no account nobody in namespace " + d.namespace},
		"another kind":                            {[]string{"measure", "task/acme", "sponsors=1"}, "write NAME or account/NAME"},
		"the name of somebody else":               {[]string{"measure", "acme", "sponsors=1", "--by", "al@example.com"}, "what you measure or change is measured by you: write jo@example.com"},
		"no band":                                 {[]string{"override", "acme", "--reason", "x"}, "--band: say one of Healthy, AtRisk, Critical"},
		"a band of another model":                 {[]string{"override", "acme", "--band", "Warm", "--reason", "x"}, "--band: Warm is none of Healthy, AtRisk, Critical, the bands of model enterprise"},
		"no reason":                               {[]string{"override", "acme", "--band", "AtRisk"}, "--reason: say why"},
		"a day that is over":                      {[]string{"override", "acme", "--band", "AtRisk", "--reason", "x", "--until", "2026-11-21"}, "--until: 2026-11-21 is over"},
		"no day":                                  {[]string{"override", "acme", "--band", "AtRisk", "--reason", "x", "--until", "soon"}, `--until: "soon" is no day: write 2026-12-31, or 14d`},
		"to set and to clear":                     {[]string{"override", "acme", "--band", "AtRisk", "--clear"}, "[band clear]"},
		"an account that no model scores":         {[]string{"override", "stranger", "--band", "AtRisk", "--reason", "x"}, "no model scores the account, so it has no bands"},
		"an override of somebody else":            {[]string{"override", "acme", "--band", "AtRisk", "--reason", "x", "--by", "al@example.com"}, "an override that you set or change is yours: write jo@example.com"},
		"no account to override":                  {[]string{"override"}, "name one account"},
		"to clear what is not there":              {[]string{"override", "nobody", "--clear"}, "there is no account nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			in := *d
			in.t = t
			in.refused(jo, tt.want, append([]string{"account"}, tt.args...)...)
		})
	}
	d.wants("the account", d.spec("Account", "acme"), "contract:\n  arr: 120000\ndisplayName: Acme Corp\nowner: jo@example.com")
	d.ok(jo, "is AtRisk until 2026-11-22 (by jo@example.com) (dry run)", "account", "override", "acme", "--band", "AtRisk", "--reason", "x", "--until", "2026-11-22", "--dry-run")
	d.ok(jo, "sponsors is 1 (observed 2026-11-22T15:00:00Z, by jo@example.com) (server dry run)", "account", "measure", "acme", "sponsors=1", "--dry-run=server")
	d.wants("the account", d.spec("Account", "acme"), "contract:\n  arr: 120000\ndisplayName: Acme Corp\nowner: jo@example.com")
}

func TestWarnings(t *testing.T) {
	d := newPortfolioDesk(t)
	d.make("Playbook", "champion-left", `{spec: {triggers: [{name: left, expression: "account.spec.measurements.exists(m, m.name == 'champion' && m.value == 'Left')"}],
	  steps: [{name: call, title: Call}]}}`)
	for pair, want := range map[string]string{
		"csm-sentiment=Good": "",
		"champion=Left":      "",
		"csm-sentimnet=Good": "Warning: no model reads csm-sentimnet; those of this namespace read csm-sentiment, interest, sponsors\n",
		"interest=3":         "Warning: model enterprise, which scores the account, does not read interest\n",
	} {
		out, errOut, code := d.run(jo, "account", "measure", "acme", pair)
		if code != ExitOK || errOut != want {
			t.Errorf("%s: exit code %d: %s%s", pair, code, out, errOut)
		}
	}
	if n := len(measurementsOf(t, d)); n != 4 {
		t.Errorf("%d measurements", n)
	}
	// Seventeen are too many: the API server says so, and nothing is lost.
	for i := range 13 {
		_, errOut, code := d.run(jo, "account", "measure", "acme", fmt.Sprintf("m-%d=1", i))
		if (code == ExitOK) != (i < 12) {
			t.Errorf("%d: exit code %d: %s", i, code, errOut)
		}
	}
}

func measurementsOf(t *testing.T, d *desk) []any {
	t.Helper()
	list, _, err := unstructured.NestedSlice(d.get("Account", "acme").Object, "spec", "measurements")
	if err != nil {
		t.Fatal(err)
	}
	return list
}
