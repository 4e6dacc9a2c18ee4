package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	testingclock "k8s.io/utils/clock/testing"
)

// runUnitTests runs perennial test without colours.
func runUnitTests(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	return runUnitTestsIn(t, false, args...)
}

// runUnitTestsIn runs perennial test.
func runUnitTestsIn(t *testing.T, color bool, args ...string) (out, errOut string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}, Name: "perennial", Color: color,
		Clock: testingclock.NewFakePassiveClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)), Getenv: func(string) string { return "" },
	}
	code = Run(t.Context(), env, append([]string{"test"}, args...))
	return stdout.String(), stderr.String(), code
}

// wantText compares text.
func wantText(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// unitFiles are a playbook and its tests, one of which fails.
var unitFiles = map[string]string{
	"playbook.yaml": `
apiVersion: perennial.dev/v1alpha1
kind: Playbook
metadata: {name: drop}
spec:
  triggers: [{name: collapse, for: 6h, expression: metrics.usage.change <= -40}]
  steps: [{name: triage, title: "Triage ${account.spec.displayName}", due: {after: 2d}, outcomes: [Real, Not]}, {name: call, title: Call, after: [triage], when: outcomes.triage == 'Real'}]
`,
	"drop_test.yaml": `
start: "2026-11-02T09:00:00Z"
account: {name: acme, spec: {displayName: Acme, owner: jo@example.com}}
facts: {usage: {change: -45}}
tests:
- name: a collapse starts triage
  steps:
  - at: 6h
    expect: {runs: [{playbook: drop}], tasks: [{step: triage, state: Open}]}
- name: a small drop does <not>
  facts: {usage: {change: -41}}
  steps:
  - at: 1d
    expect: {playbooks: {drop: Clear}, runs: []}
  - after: 1h
    work: [{task: call, state: Done}]
`,
}

// inFolder goes to a folder with files.
func inFolder(t *testing.T, files ...map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for _, some := range files {
		for name, text := range some {
			path := filepath.Join(folder, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Chdir(folder)
}

const unitFailure = `FAIL   drop_test.yaml  1 of 2 tests

  ✗ a small drop does <not>
    drop_test.yaml:14: step 1, acme at Tue 2026-11-03 09:00:00 (1d after the start)
      playbooks.drop  want Clear
                      got  Firing
      runs            want none
                      got  drop by collapse: Active
    why: playbook drop is Firing since 2026-11-02T15:00:00Z
         trigger collapse is True: expression holds: metrics.usage.change <= -40 (metrics.usage.change -41)
    drop_test.yaml:16: step 2, at 2026-11-03T10:00:00Z: work: there is no open task call; there is triage of drop
    the test cannot go on

1 passed, 1 failed
`

func TestAFailureIsToldInFull(t *testing.T) {
	inFolder(t, unitFiles)
	out, errOut, code := runUnitTests(t)
	if code != ExitError || errOut != "" {
		t.Errorf("code %d: %s", code, errOut)
	}
	wantText(t, unitFailure, out)
}

func TestColoursAreForTerminals(t *testing.T) {
	inFolder(t, unitFiles)
	out, _, _ := runUnitTestsIn(t, true)
	if !strings.Contains(out, "\x1b[31mFAIL") {
		t.Errorf("no colour: %q", out)
	}
	if plain, _, _ := runUnitTests(t); strings.Contains(plain, "\x1b") {
		t.Errorf("colours: %q", plain)
	}
}

func TestVerboseTellsWhatHappened(t *testing.T) {
	inFolder(t, unitFiles)
	out, _, code := runUnitTests(t, "-v", "--run", "^a collapse", "--coverage")
	if code != ExitOK {
		t.Errorf("code %d", code)
	}
	wantText(t, `ok     drop_test.yaml  1 test

  ✓ a collapse starts triage
    Mon 2026-11-02 15:00:00 6h after the start
      no model scores the account
      run of drop by collapse: Active
      - triage: Open, Medium, jo@example.com, due 2026-11-04T15:00:00Z


OBJECT          REACHED   NOT REACHED
Playbook/drop       2/3   step call

1 passed
`, out)
}

func TestCIServersGetAReport(t *testing.T) {
	inFolder(t, unitFiles, map[string]string{"wrong_test.yaml": "test: []\n"})
	out, errOut, code := runUnitTests(t, "--junit", "report.xml")
	if code != ExitError || !strings.HasSuffix(out, "1 passed, 1 failed, 1 file cannot be tested\n") {
		t.Errorf("code %d: %s%s", code, out, errOut)
	}
	written, err := os.ReadFile("report.xml")
	if err != nil {
		t.Fatal(err)
	}
	printed, _, _ := runUnitTests(t, "-o", "junit")
	wantText(t, printed, string(written))
	var report junitSuites
	if err := xml.Unmarshal(written, &report); err != nil {
		t.Fatal(err)
	}
	counts := []int{report.Tests, report.Failures, report.Errors, len(report.Suites)}
	if diff := cmp.Diff([]int{3, 0, 2, 2}, counts); diff != "" {
		t.Errorf("tests, failures, errors, suites: %s", diff)
	}
	failed := report.Suites[0].Cases[1]
	if failed.Name != "a small drop does <not>" || failed.File != "drop_test.yaml" || failed.Line != 10 || failed.Error == nil || !strings.Contains(failed.Error.Text, "want Clear") {
		t.Errorf("%+v", failed)
	}
	if wrong := report.Suites[1].Cases[0].Error; wrong == nil || !strings.Contains(wrong.Message, `wrong_test.yaml:1:1: the file has no "test"`) {
		t.Errorf("%+v", report.Suites[1])
	}
}

func TestAFailureAndAnErrorAreApartInTheReport(t *testing.T) {
	inFolder(t, map[string]string{"playbook.yaml": unitFiles["playbook.yaml"], "drop_test.yaml": strings.Split(unitFiles["drop_test.yaml"], "  - after")[0]})
	out, _, code := runUnitTests(t, "-o", "junit")
	var report junitSuites
	if err := xml.Unmarshal([]byte(out), &report); err != nil || code != ExitError {
		t.Fatal(err, code)
	}
	if f := report.Suites[0].Cases[1].Failure; report.Failures != 1 || report.Errors != 0 || f == nil || f.Message != "playbooks.drop: want Clear, got Firing" {
		t.Errorf("%+v", report)
	}
}

func TestTestsAsJSON(t *testing.T) {
	inFolder(t, unitFiles)
	out, _, _ := runUnitTests(t, "-o", "json", ".")
	var report testReport
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Passed != 1 || report.Failed != 1 || len(report.Files) != 1 {
		t.Errorf("%+v", report)
	}
	f := report.Files[0].Tests[1].Failures[0]
	if f.Step != 1 || f.Line != 14 || f.Account != "acme" || f.Since != "1d after the start" || f.Differences[0] != (testDifference{"playbooks.drop", "Clear", "Firing"}) {
		t.Errorf("%+v", f)
	}
}

func TestWhatIsTestedAndWhatIsNot(t *testing.T) {
	other := strings.ReplaceAll(unitFiles["playbook.yaml"], "drop}", "drop, namespace: NS}")
	passing := strings.Split(unitFiles["drop_test.yaml"], "- name: a small")[0]
	tests := map[string]struct {
		files map[string]string
		args  []string
		want  string
		code  int
	}{
		"no test file":              {map[string]string{"a.yaml": ""}, nil, "Error: no test files in .: name them *_test.yaml, or say --allow-no-tests\n", ExitError},
		"no test file, and no need": {map[string]string{"a.yaml": ""}, []string{"--allow-no-tests"}, "0 passed\n", ExitOK},
		"no folder":                 {nil, []string{"nowhere"}, "Error: stat nowhere: no such file or directory; name a folder or a file of tests\n", ExitError},
		"no test of this name":      {unitFiles, []string{"--run", "zzz"}, "Error: no test matches --run zzz, of those in .\n", ExitError},
		"no pattern":                {unitFiles, []string{"--run", "("}, "Error: --run: error parsing regexp: missing closing ): `(`\n", ExitError},
		"no such form":              {unitFiles, []string{"-o", "html"}, "Error: -o html: there is no such form here; use table, json, junit\n", ExitError},
		"hidden folders":            {map[string]string{".git/a_test.yaml": "x", "playbook.yaml": unitFiles["playbook.yaml"], "drop_test.yaml": passing}, nil, "ok     drop_test.yaml  1 test\n1 passed\n", ExitOK},
		"a file named twice":        {map[string]string{"playbook.yaml": unitFiles["playbook.yaml"], "drop_test.yaml": passing}, []string{".", "./drop_test.yaml"}, "ok     drop_test.yaml  1 test\n1 passed\n", ExitOK},
		"a pattern":                 {map[string]string{"p/a.yaml": unitFiles["playbook.yaml"], "t/drop_test.yaml": "files: [../p/*.yaml, ../p/a.yaml]\n" + passing}, nil, "ok     t/drop_test.yaml  1 test\n1 passed\n", ExitOK},
		"a pattern of nothing":      {map[string]string{"t/drop_test.yaml": "files: [../p/*.yaml]\n" + passing}, nil, "ERROR  t/drop_test.yaml\n  t/drop_test.yaml: files: there is no p/*.yaml\n0 passed, 1 file cannot be tested\n", ExitError},
		"a kustomization": {map[string]string{
			"base/a.yaml": unitFiles["playbook.yaml"], "base/kustomization.yaml": "resources: [a.yaml]\nnamespace: prod\n", "base/tests/drop_test.yaml": "files: [..]\n" + passing,
		}, nil, "ok     base/tests/drop_test.yaml  1 test\n1 passed\n", ExitOK},
		"nothing to test":   {map[string]string{"drop_test.yaml": passing}, nil, "ERROR  drop_test.yaml\n  drop_test.yaml: nothing to test: there is no HealthScoreModel and no Playbook in the files under test\n0 passed, 1 file cannot be tested\n", ExitError},
		"no such time zone": {map[string]string{"playbook.yaml": unitFiles["playbook.yaml"], "drop_test.yaml": "timeZone: Mars/Olympus\n" + passing}, nil, "ERROR  drop_test.yaml\n  drop_test.yaml: timeZone: there is no time zone \"Mars/Olympus\": write Europe/Berlin, or UTC\n0 passed, 1 file cannot be tested\n", ExitError},
		"several namespaces": {
			map[string]string{"a.yaml": strings.Replace(other, "NS", "a", 1), "b.yaml": strings.Replace(other, "NS", "b", 1), "drop_test.yaml": passing},
			nil,
			"ERROR  drop_test.yaml\n  drop_test.yaml: the files under test have objects of the namespaces a, b: say which with namespace: a\n0 passed, 1 file cannot be tested\n", ExitError,
		},
		"one of several": {map[string]string{"a.yaml": strings.Replace(other, "NS", "a", 1), "b.yaml": strings.Replace(other, "NS", "b", 1), "drop_test.yaml": "namespace: b\n" + passing}, nil, "ok     drop_test.yaml  1 test\n1 passed\n", ExitOK},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inFolder(t, test.files)
			out, errOut, code := runUnitTests(t, test.args...)
			if code != test.code {
				t.Errorf("code %d", code)
			}
			wantText(t, test.want, out+errOut)
		})
	}
}

func TestAConfigurationThatDoesNotCompileFailsItsFile(t *testing.T) {
	inFolder(t, unitFiles, map[string]string{"playbook.yaml": strings.Replace(unitFiles["playbook.yaml"], "<= -40", "<=", 1)})
	out, _, code := runUnitTests(t)
	if code != ExitError || !strings.HasPrefix(out, "ERROR  drop_test.yaml\n  drop_test.yaml: playbook.yaml:") || !strings.Contains(out, ": error: Playbook/drop spec.triggers[") || !strings.HasSuffix(out, "0 passed, 1 file cannot be tested\n") {
		t.Errorf("code %d: %s", code, out)
	}
}
