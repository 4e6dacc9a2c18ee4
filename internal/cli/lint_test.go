package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/perennial-dev/perennial/internal/lint"
)

// lintStage is a playbook with a warning, lintBand one with an error, and lintSource one with a note.
const (
	lintStage = `apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata: {name: p}
spec:
  accountSelector: {lifecycleStages: [Adoptoin]}
  triggers: [{name: low, score: {atMost: 40}}]
  steps: [{name: call, title: Call}]
`
	lintBand = `apiVersion: perennial.dev/v1alpha1
kind: Account
metadata: {name: acme}
spec: {ownr: jo}
`
	lintSource = `apiVersion: perennial.dev/v1alpha1
kind: DataSource
metadata: {name: crm}
spec:
  account: {field: id}
  metrics: [{name: arr, type: Number}]
  configMap: {name: crm, key: crm.csv, format: CSV}
`
)

// lintRun runs lint in a folder with files.
func lintRun(t *testing.T, files map[string]string, color bool, args ...string) (code int, out, errOut string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var o, e bytes.Buffer
	env := Env{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(files["stdin"]), Out: &o, ErrOut: &e}, Name: "perennial", Color: color, Getenv: func(string) string { return "" }}
	code = Run(t.Context(), env, append([]string{"lint"}, args...))
	return code, o.String(), e.String()
}

func TestLintSaysWhatItFoundAndFailsOnErrors(t *testing.T) {
	const (
		stage = "config/stage.yaml:5:21: warning: Playbook/p spec.accountSelector.lifecycleStages: Adoptoin is a stage of your own; did you mean Adoption? [stage]\n"
		band  = "config/a/band.yaml:4:8: error: Account/acme spec.ownr: there is no such field; did you mean owner? [schema]\n"
		note  = "source.yaml:7:15: note: DataSource/crm spec.configMap.name: there is no ConfigMap crm among the files: it must be in the cluster [reference]\n"
	)
	files := map[string]string{
		"config/stage.yaml": lintStage, "config/a/band.yaml": lintBand, "source.yaml": lintSource, "stdin": lintStage,
		"k/kustomization.yaml": "resources: [stage.yaml]\nnamespace: west\n", "k/stage.yaml": lintStage,
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a folder with an error":        {[]string{"-f", "config"}, 1, band + stage + "2 objects, 1 error, 1 warning\n"},
		"a file that is named twice":    {[]string{"-f", "config", "-f", "config/stage.yaml", "-f", "./config/stage.yaml"}, 1, band + stage + "2 objects, 1 error, 1 warning\n"},
		"a warning is no failure":       {[]string{"-f", "config/stage.yaml"}, 0, stage + "1 object, no errors, 1 warning\n"},
		"but with strict it is":         {[]string{"-f", "config/stage.yaml", "--strict"}, 1, stage + "1 object, no errors, 1 warning\n"},
		"a rule that is left out":       {[]string{"-f", "config", "--skip", "stage,schema"}, 0, "2 objects, no errors, no warnings\n"},
		"a note is only counted":        {[]string{"-f", "source.yaml", "--strict"}, 0, "1 object, no errors, no warnings, 1 note (--notes shows them)\n"},
		"a note that is asked for":      {[]string{"-f", "source.yaml", "--notes"}, 0, note + "1 object, no errors, no warnings, 1 note\n"},
		"standard input":                {[]string{"-f", "-"}, 0, strings.Replace(stage, "config/stage.yaml", "<stdin>", 1) + "1 object, no errors, 1 warning\n"},
		"a folder built with kustomize": {[]string{"-k", "k"}, 0, strings.Replace(stage, "config/stage.yaml", "k/stage.yaml", 1) + "1 object, no errors, 1 warning\n"},
		"objects of another namespace":  {[]string{"-k", "k", "-n", "east"}, 0, "1 object, no errors, no warnings\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := lintRun(t, files, false, c.args...)
			if code != c.code || errOut != "" {
				t.Errorf("exit code %d, want %d; %s", code, c.code, errOut)
			}
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLintRefusesWhatMakesNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no files":            {nil, "name what to check with -f FILE or -k FOLDER"},
		"an argument":         {[]string{"config"}, "name files with -f, as in -f config"},
		"a file that is gone": {[]string{"-f", "gone"}, "name a file, a folder or - for standard input"},
		"an unknown rule":     {[]string{"-f", ".", "--skip", "weigth"}, "--skip weigth: there is no such rule; they are read, schema"},
		"an unknown form":     {[]string{"-f", ".", "-o", "xml"}, "-o xml: there is no such form here; use text, json, sarif, github"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := lintRun(t, nil, false, c.args...)
			if code != ExitError || out != "" || !strings.Contains(errOut, c.want) {
				t.Errorf("exit code %d, %q, %q; want %q", code, out, errOut, c.want)
			}
		})
	}
}

func TestLintOfNothingFails(t *testing.T) {
	code, out, errOut := lintRun(t, map[string]string{"x/readme.md": ""}, false, "-f", "x")
	if code != ExitError || !strings.Contains(out, "no objects") || !strings.Contains(errOut, "there is nothing to check") {
		t.Errorf("exit code %d, %q, %q", code, out, errOut)
	}
}

func TestLintOfATemplateSaysToRenderIt(t *testing.T) {
	code, out, _ := lintRun(t, map[string]string{"stdin": "apiVersion: perennial.dev/v1alpha1\nkind: Account\nmetadata: {name: {{ .Release.Name }}}\n"}, false, "-f", "-")
	if code != ExitError || !strings.Contains(out, "render it first (helm template … | perennial lint -f -)") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

func TestLintPaintsSeverities(t *testing.T) {
	_, out, _ := lintRun(t, map[string]string{"a.yaml": lintBand}, true, "-f", "a.yaml")
	if !strings.HasPrefix(out, "a.yaml:4:8: \x1b[") || !strings.Contains(out, "error\x1b[") {
		t.Errorf("%q", out)
	}
}

func TestLintListsItsRules(t *testing.T) {
	_, out, _ := lintRun(t, nil, false, "--rules")
	_, help, _ := lintRun(t, nil, false, "--help")
	for _, rule := range lint.Rules() {
		if !strings.Contains(out, "  "+rule.ID+" ") || !strings.Contains(help, rule.Text) {
			t.Errorf("the rule %s is not listed", rule.ID)
		}
	}
}

func TestLintWritesForPrograms(t *testing.T) {
	files := map[string]string{"a b.yaml": lintBand, "b.yaml": "a: [", "c.yaml": lintStage, "d.yaml": lintSource}
	t.Run("JSON", func(t *testing.T) {
		_, out, _ := lintRun(t, files, false, "-f", ".", "-o", "json")
		var got lintReport
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		want := lint.Finding{Rule: "schema", Severity: "error", Object: "Account/acme", Field: "spec.ownr", Message: "there is no such field; did you mean owner?"}
		want.File, want.Line, want.Column = "a b.yaml", 4, 8
		if got.Objects != 3 || got.Errors != 2 || got.Warnings != 1 || got.Notes != 1 || len(got.Findings) != 4 || got.Findings[0] != want {
			t.Errorf("%+v", got)
		}
	})
	t.Run("JSON of nothing", func(t *testing.T) {
		code, out, _ := lintRun(t, map[string]string{"x/readme.md": ""}, false, "-f", "x", "-o", "json")
		if code != ExitError || !strings.Contains(out, `"findings": []`) {
			t.Errorf("exit code %d, %s", code, out)
		}
	})
	t.Run("GitHub", func(t *testing.T) {
		_, out, _ := lintRun(t, files, false, "-f", ".", "-o", "github")
		lines := strings.Split(out, "\n")
		if len(lines) != 5 || lines[0] != "::error file=a b.yaml,line=4,col=8,title=perennial lint schema::Account/acme spec.ownr: there is no such field; did you mean owner?" ||
			!strings.HasPrefix(lines[1], "::error file=b.yaml,line=1,title=perennial lint read::") || !strings.HasPrefix(lines[3], "::notice file=d.yaml,") {
			t.Errorf("%s", out)
		}
	})
	t.Run("SARIF", func(t *testing.T) {
		code, out, _ := lintRun(t, files, false, "-f", ".", "-o", "sarif")
		report, err := sarif.FromString(out, sarif.WithStrictValidation())
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Validate(); err != nil {
			t.Error(err)
		}
		results := report.Runs[0].Results
		if code != ExitError || len(results) != 4 || len(report.Runs[0].Tool.Driver.Rules) != len(lint.Rules()) {
			t.Fatalf("exit code %d, %d results", code, len(results))
		}
		at := results[0].Locations[0].PhysicalLocation
		if *at.ArtifactLocation.URI != "a%20b.yaml" || *at.Region.StartLine != 4 || *at.Region.StartColumn != 8 || results[0].Level != "error" {
			t.Errorf("the first result is at %s:%d", *at.ArtifactLocation.URI, *at.Region.StartLine)
		}
	})
}
