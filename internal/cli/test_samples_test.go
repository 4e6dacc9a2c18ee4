package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perennial-dev/perennial/internal/expr"
)

// sampleTests is where the tests of the samples are.
const sampleTests = "../../config/samples/tests"

// sampleReport runs the tests of a folder, and returns what it says as JSON.
func sampleReport(t *testing.T, folder string) (*testReport, int) {
	t.Helper()
	out, errOut, code := runUnitTests(t, "--coverage", "-o", "json", folder)
	report := &testReport{}
	if err := json.Unmarshal([]byte(out), report); err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	return report, code
}

// TestTheTestsOfTheSamplesPass runs them, as CI does, and asks for each part of each model and playbook.
func TestTheTestsOfTheSamplesPass(t *testing.T) {
	report, code := sampleReport(t, sampleTests)
	if code != ExitOK || report.Failed+report.Errors > 0 || report.Passed < 70 {
		out, _, _ := runUnitTests(t, sampleTests)
		t.Errorf("code %d:\n%s", code, out)
	}
	if out, _, _ := runUnitTests(t, "-v", sampleTests); strings.Contains(out, expr.NoValue) {
		t.Errorf("%s: the samples show what their texts read", expr.NoValue)
	}
	objects := map[string]bool{}
	for _, c := range report.Coverage {
		objects[c.Kind+"/"+c.Name] = true
		if len(c.Missed) > 0 {
			t.Errorf("no test reaches of %s %s: %v", c.Kind, c.Name, c.Missed)
		}
	}
	files, err := filepath.Glob(filepath.Join(sampleTests, "..", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	for _, file := range files {
		kind, name, found := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".yaml"), "-")
		kind = map[string]string{"playbook": "Playbook", "model": "HealthScoreModel"}[kind]
		if found && kind != "" && !objects[kind+"/"+name] {
			t.Errorf("nothing tests %s", file)
		}
	}
}

// TestABrokenSampleFailsItsTests breaks what decides something in each sample, one thing at a time, and asks for a test of its
// own that fails.
func TestABrokenSampleFailsItsTests(t *testing.T) {
	breaks := map[string][][2]string{
		"playbook-advocacy.yaml":      {{"for: 7d", "for: 8d"}, {"cooldown: 180d", "cooldown: 179d"}, {">= 9", ">= 8"}, {"== 'Healthy'", "!= 'Unknown'"}},
		"playbook-champion-left.yaml": {{"== 'Left' ||", "== 'Gone' ||"}, {"onResolve: CancelUntouched", "onResolve: KeepTasks"}, {"m.value == 'Left'", "m.value == 'Gone'"}},
		"playbook-check-in.yaml":      {{"every: 30d", "every: 31d"}, {"qbr, renewal, rescue, champion-left, usage-drop, detractor, tickets]", "qbr]"}, {"[HighTouch, MidTouch]", "[HighTouch, TechTouch]"}},
		"playbook-detractor.yaml":     {{`atMost: "6"`, `atMost: "5"`}, {"per: Observation", "per: State"}, {"cooldown: 7d", "cooldown: 6d"}, {"{overdueBy: 2d", "{overdueBy: 3d"}},
		"playbook-expansion.yaml":     {{"for: 14d", "for: 15d"}, {"0.9 *", "0.92 *"}, {"cooldown: 90d", "cooldown: 91d"}, {"repeat: AfterCooldown", "repeat: Never"}, {"usage-drop, tickets, detractor", "usage-drop, detractor"}},
		"playbook-low-adoption.yaml":  {{"for: 14d", "for: 13d"}, {"{overdueBy: 1d", "{overdueBy: 2d"}, {"< 0.5 *", "<= 0.5 *"}, {">= 0.6 *", ">= 0.7 *"}, {"opens: {after: 14d}", "opens: {after: 15d}"}},
		"playbook-onboarding.yaml":    {{"touchModels: [HighTouch, MidTouch]", "touchModels: []"}, {">= 4", ">= 5"}, {"onResolve: KeepTasks", "onResolve: CancelUntouched"}, {"2026-12-25", "2026-11-24"}},
		"playbook-qbr.yaml":           {{"every: 90d", "every: 91d"}, {"touchModels: [HighTouch]", "touchModels: [HighTouch, MidTouch]"}, {"== 'Held'", "!= 'Held'"}, {"overdueBy: 10d", "overdueBy: 11d"}},
		"playbook-renewal.yaml":       {{"within: 90d", "within: 89d"}, {"before: 30d", "before: 29d"}, {"ifPast: Skip", "ifPast: Open"}, {"== 'Lost'", "== 'Reduced'"}},
		"playbook-rescue.yaml":        {{"for: 24h", "for: 23h"}, {"inhibitedBy: [champion-left", "inhibitedBy: [renewal, champion-left"}, {"inhibitedBy: [champion-left, usage-drop]", "inhibitedBy: [usage-drop]"}, {"points: 25", "points: 61"}, {"onResolve: KeepTasks", "onResolve: CancelUntouched"}, {">= 100000", ">= 200000"}},
		"playbook-tickets.yaml":       {{"for: 4h", "for: 5h"}, {`atLeast: "21"`, `atLeast: "42"`}, {`atLeast: "6"`, `atLeast: "8"`}, {"{overdueBy: 3d", "{overdueBy: 4d"}},
		"playbook-usage-drop.yaml":    {{"<= -40", "<= -50"}, {"for: 3d", "for: 4d"}, {"cooldown: 14d", "cooldown: 15d"}, {">= 50000", ">= 40000"}, {"onResolve: CancelUntouched", "onResolve: KeepTasks"}},
		"model-enterprise.yaml":       {{"cap: 39", "cap: 40"}, {"hold: 1h", "hold: 2h"}, {"margin: 2", "margin: 4"}, {`worst: "0.10"`, `worst: "0.05"`}, {"whenMissing: Worst", "whenMissing: Skip"}, {"whenMissing: LastKnown", "whenMissing: Skip"}, {"minimumCoverage: 60", "minimumCoverage: 40"}},
		"model-standard.yaml":         {{"floor: 50", "floor: 60"}, {"hold: 6h", "hold: 7h"}, {"whenMissing: Best", "whenMissing: Skip"}, {`best: "120"`, `best: "130"`}},
	}
	samples := filepath.Join(sampleTests, "..")
	for file, changes := range breaks {
		text, err := os.ReadFile(filepath.Join(samples, file))
		if err != nil {
			t.Fatal(err)
		}
		tests := strings.TrimPrefix(strings.TrimSuffix(file, ".yaml"), "playbook-") + "_test.yaml"
		for _, change := range changes {
			t.Run(file+" "+change[1], func(t *testing.T) {
				broken := strings.Replace(string(text), change[0], change[1], 1)
				if broken == string(text) {
					t.Fatalf("there is no %q to break", change[0])
				}
				folder := t.TempDir()
				if err := os.CopyFS(folder, os.DirFS(samples)); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, file), []byte(broken), 0o600); err != nil {
					t.Fatal(err)
				}
				if report, code := sampleReport(t, filepath.Join(folder, "tests", tests)); code != ExitError || report.Failed == 0 {
					t.Errorf("code %d, %d tests fail", code, report.Failed)
				}
			})
		}
	}
}

// TestTheExampleOfThePageIsTrue runs what docs/testing.md shows, and compares what it says with what the page shows.
func TestTheExampleOfThePageIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	files := regexp.MustCompile("(?s)```yaml\n# (\\S+\\.yaml)\n.*?```").FindAllStringSubmatch(string(text), -1)
	for _, m := range files {
		content := strings.TrimSuffix(strings.TrimPrefix(m[0], "```yaml\n"), "```")
		if err := os.WriteFile(m[1], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shown := regexp.MustCompile("(?s)```console\n\\$ perennial test ?([^\n]*)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(files) != 2 || len(shown) != 2 {
		t.Fatalf("%d files and %d commands are on the page", len(files), len(shown))
	}
	for i, m := range shown {
		var args []string
		for _, quoted := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(m[1], -1) {
			args = append(args, strings.Trim(quoted, "'"))
		}
		out, errOut, code := runUnitTests(t, args...)
		if code != i {
			t.Errorf("code %d: %s", code, errOut)
		}
		wantText(t, m[2], out)
		change := strings.Replace(files[0][0], "for: 6h", "for: 12h", 1)
		if err := os.WriteFile(files[0][1], []byte(strings.TrimSuffix(strings.TrimPrefix(change, "```yaml\n"), "```")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
